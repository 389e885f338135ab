package sqlite

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

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

// otherName fails if a Bellhop has the file open, but not by this name: its log does
// not lie beside it then.
func otherName(path string) error {
	beside, err := os.Open(path + ".lock")
	if err == nil {
		defer beside.Close()
		// If it is this process itself, closing the file here would drop SQLite's locks.
		if holder, _ := io.ReadAll(io.LimitReader(beside, 20)); strings.TrimSpace(string(holder)) == strconv.Itoa(os.Getpid()) {
			return nil
		}
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: lockedByte, Len: 1}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &l); err != nil || l.Type == unix.F_UNLCK {
		return unix.Close(fd) // nobody has, or the file system knows no such locks
	}
	if beside != nil && errors.Is(unix.Flock(int(beside.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return unix.Close(fd)
	}
	// fd stays open, as in lockInode.
	return &OpenError{
		path, ErrLocked,
		path + " is in use by a Bellhop under another name (a hard link, or another mount), beside which its write-ahead log lies: use that name", nil,
	}
}

// keepLog keeps the last connection from copying the log into the database and removing
// it, which it does if it can lock the bytes that all of them share. False if it cannot.
func (l *inodeLock) keepLog() bool {
	const sharedFirst, sharedSize = 0x40000002, 510
	shared := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart, Start: sharedFirst, Len: sharedSize}
	return unix.FcntlFlock(uintptr(l.fd), unix.F_OFD_SETLK, &shared) == nil
}

// flush has the disk keep what was written to the file, by whatever descriptor.
func (l *inodeLock) flush() error { return fdatasync(l.fd) }

// flushFile is flush for a file that is open. When it was not lengthened, the file system has
// nothing else to write down.
func flushFile(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := c.Control(func(fd uintptr) { failed = fdatasync(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func fdatasync(fd int) error {
	for {
		if err := unix.Fdatasync(fd); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

func (l *inodeLock) close() error {
	if l == nil {
		return nil
	}
	return unix.Close(l.fd)
}
