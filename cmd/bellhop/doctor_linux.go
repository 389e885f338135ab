package main

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The kinds of file systems that a database should not be on.
var oddDisks = map[int64]string{
	0x6969:     "NFS",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB",
	0x01021994: "memory (tmpfs)",
}

// oddDisk names the kind of a folder's file system if a database is not safe on it.
func oddDisk(folder string) string {
	var st unix.Statfs_t
	if unix.Statfs(folder, &st) != nil {
		return ""
	}
	return oddDisks[int64(st.Type)]
}

// clockSynchronised tells whether the system keeps its clock right; known is false where
// it does not say.
func clockSynchronised() (yes, known bool) {
	var t unix.Timex // reads only
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, false
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, true
}

// nameservers are those that the system asks.
func nameservers() (servers []string, err error) {
	b, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
			servers = append(servers, f[1])
		}
	}
	return servers, nil
}

// hasWayOut tells whether the system knows a way to the addresses of others.
func hasWayOut() (yes, known bool) {
	for _, file := range []string{"/proc/net/route", "/proc/net/ipv6_route"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		known = true
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			v4 := len(f) >= 8 && f[1] == "00000000" && f[7] == "00000000"
			v6 := len(f) == 10 && strings.Trim(f[0], "0") == "" && f[1] == "00" && f[9] != "lo"
			if v4 || v6 {
				return true, true
			}
		}
	}
	return false, known
}
