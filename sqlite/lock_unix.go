//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// lockFile holds a lock for as long as the process lives; the system drops it
// even after kill -9. It is on a file beside the database, because opening and
// closing the database itself would drop SQLite's own locks on it (POSIX).
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, openError(path, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := io.ReadAll(io.LimitReader(f, 20))
		f.Close()
		return nil, &OpenError{path, ErrLocked, fmt.Sprintf(
			"%s is in use by another Bellhop (process %s): stop that one first, or name another file",
			path, strings.TrimSpace(string(holder))), nil}
	}
	if err != nil {
		f.Close()
		return nil, openError(path, fmt.Errorf("lock %s: %w", f.Name(), err))
	}
	// For people who look; if it cannot be written, the lock holds all the same.
	if f.Truncate(0) == nil {
		fmt.Fprintln(f, os.Getpid())
	}
	return f, nil
}

// access asks the system without opening the file; a file that is not there yet
// is fine.
func access(path string) error {
	const readWrite = 4 | 2
	if err := syscall.Access(path, readWrite); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
