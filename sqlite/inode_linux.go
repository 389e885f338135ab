package sqlite

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// inodeLock holds a lock on the file itself, whatever it is called: by a hard link or
// another mount one would get past the lock on the file beside it.
type inodeLock struct{ fd int }

// lockedByte is far beyond all content, and beyond the bytes that SQLite locks.
const lockedByte = 1 << 62

// lockInode makes the file if there is none: payloads and logs are nobody else's
// business, and the files beside the database take over its mode.
//
// The lock is one of the open file, not of the process (F_OFD_SETLK): those that
// SQLite holds do not know of it. It must be closed after SQLite's own, since closing
// any descriptor of a file drops the locks that the process has on it (POSIX).
func lockInode(path string) (*inodeLock, os.FileInfo, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	}
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: lockedByte, Len: 1}
	err = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &l)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		// fd stays open: if it is this process that has the file open, closing it would
		// drop SQLite's locks.
		return nil, nil, &OpenError{
			path, ErrLocked,
			path + " is in use by another Bellhop, under another name (a hard link, or another mount): stop that one first, or name another file", nil,
		}
	}
	// Some file systems know no such locks: then the one beside the file must do.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, errors.Join(err, unix.Close(fd))
	}
	return &inodeLock{fd}, info, nil
}

func (l *inodeLock) close() error {
	if l == nil {
		return nil
	}
	return unix.Close(l.fd)
}
