package sqlite

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile holds a lock for as long as the process lives.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, openError(path, err)
	}
	const exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	if err := windows.LockFileEx(windows.Handle(f.Fd()), exclusive, 0, 1, 0, &windows.Overlapped{}); err != nil {
		f.Close()
		return nil, &OpenError{path, ErrLocked, fmt.Sprintf("%s is in use by another Bellhop: stop that one first, or name another file", path), err}
	}
	return f, nil
}

func access(string) error { return nil }
