//go:build unix

package testpostgres

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// PostgreSQL does not run as root: then it runs as postgres, or else as nobody.
func unprivilegedUser() (uid, gid int) {
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.Atoi(u.Uid)
			gid, err2 := strconv.Atoi(u.Gid)
			if err1 == nil && err2 == nil {
				return uid, gid
			}
		}
	}
	return 65534, 65534
}

func unprivileged(c *exec.Cmd) {
	// A group of its own: what ends the test from a terminal must not end the server first.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		uid, gid := unprivilegedUser()
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
}

func own(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid := unprivilegedUser()
	return os.Chown(dir, uid, gid)
}
