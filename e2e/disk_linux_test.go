package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bellhop/bellhop/internal/testpostgres"
)

// disk is a small file system in memory, which can be filled and made read-only.
type disk struct {
	t    testing.TB
	path string
	size string
}

// newDisk mounts one, for which one must be root.
func newDisk(t testing.TB, size string) *disk {
	t.Helper()
	return newDiskAt(t, t.TempDir(), size, 0)
}

// newDiskOf mounts one in a new folder of a server of PostgreSQL, to which it belongs. That
// ends after it.
func newDiskOf(t testing.TB, c *testpostgres.Cluster, size string) *disk {
	t.Helper()
	path := filepath.Join(c.Dir(), "disk")
	of, err := os.Stat(filepath.Join(c.Dir(), "data"))
	if err == nil {
		err = os.Mkdir(path, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	owner := of.Sys().(*syscall.Stat_t)
	return newDiskAt(t, path, fmt.Sprintf("%s,uid=%d,gid=%d,mode=700", size, owner.Uid, owner.Gid), syscall.MNT_DETACH)
}

func newDiskAt(t testing.TB, path, size string, unmount int) *disk {
	t.Helper()
	d := &disk{t, path, size}
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk cannot be mounted here (that takes root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.path, unmount); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return d
}

func (d *disk) readOnly() {
	d.t.Helper()
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size="+d.size); err != nil {
		d.t.Fatal(err)
	}
}

// fill writes a file until nothing more fits.
func (d *disk) fill(file string) {
	d.t.Helper()
	f, err := os.Create(file)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for {
		if _, err := f.Write(page); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			d.t.Fatal(err)
		}
	}
}
