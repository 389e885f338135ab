//go:build !linux

package sqlite

import (
	"errors"
	"io/fs"
	"os"
)

// inodeLock is a lock on the file itself, for which this system has nothing that would
// not get in the way of SQLite's own.
type inodeLock struct{}

// lockInode makes the file if there is none: payloads and logs are nobody else's
// business, and the files beside the database take over its mode.
func lockInode(path string) (*inodeLock, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, nil, err
	}
	info, err := os.Stat(path)
	return nil, info, err
}

// otherName cannot tell here.
func otherName(string) error { return nil }

// keepLog would keep the last connection from copying the log and removing it; here a
// connection that stays open must do.
func (*inodeLock) keepLog() bool { return false }

// flush is left to SQLite here.
func (*inodeLock) flush() error { return nil }

// flushFile has the disk keep what was written to the file, by whatever descriptor.
func flushFile(f *os.File) error { return f.Sync() }

func (*inodeLock) close() error { return nil }
