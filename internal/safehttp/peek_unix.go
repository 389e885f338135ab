//go:build unix

package safehttp

import (
	"io"
	"os"
	"syscall"
	"time"
)

// probes look at a connection without waiting for anything. They are made once for
// each, since functions made for every look would be garbage of every exchange.
type probes struct {
	peek func(fd uintptr) bool
	read func(fd uintptr)

	quiet bool // what peek found

	into []byte // what read fills
	n    int
	err  error
}

func (w *wire) makeProbes() {
	w.peek = func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), w.one[:], syscall.MSG_PEEK) // Go's sockets do not block
		w.probes.quiet = err == syscall.EAGAIN
		return true
	}
	w.probes.read = func(fd uintptr) {
		w.n, w.err = syscall.Read(int(fd), w.into)
	}
}

// quiet reports whether the receiver has neither closed an idle connection nor
// said anything on it. Nothing but a new request could make it speak, so
// whatever comes is the end of the connection, or an answer to nobody. A peek
// costs half a microsecond. A read with a deadline in the past would not look at
// all, one with a deadline ahead would wait for it, and a goroutine that waits all
// the time would take part in every exchange.
func (w *wire) quiet(time.Time) bool {
	return w.raw.Read(w.peek) == nil && w.probes.quiet
}

// look is quiet for whoever reads from the connection already.
func (w *wire) look(fd uintptr, _ time.Time) bool {
	w.peek(fd)
	return w.probes.quiet
}

// there tells whether there is something to read, or the end.
func (w *wire) there(fd uintptr) bool { return !w.look(fd, time.Time{}) }

// attend calls f, and again whenever there is something to read, until it says that this
// is enough, or the deadline is over. A read that is tried before anything can have come
// is spared like that, and so is the buffer that it would hold.
func (w *wire) attend(f func(fd uintptr) bool) error { return w.raw.Read(f) }

// readInstant reads what is there for whoever reads from the connection already. Where
// nothing is, the error is that of a deadline.
func (w *wire) readInstant(p []byte) (int, error) {
	w.into = p
	defer func() { w.into = nil }()
	switch err := w.raw.Control(w.probes.read); {
	case err != nil:
		return 0, err
	case w.err == syscall.EAGAIN || w.err == syscall.EINTR:
		return 0, os.ErrDeadlineExceeded
	case w.err != nil:
		return 0, os.NewSyscallError("read", w.err)
	case w.n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return w.n, nil
}

// readNow reads what is there, whatever the deadline. If nothing is, it says so.
func (w *wire) readNow(p []byte) (n int, err error, there bool) {
	w.into = p
	defer func() { w.into = nil }()
	if w.raw.Control(w.probes.read) != nil || w.err != nil || len(p) == 0 {
		return 0, nil, false
	}
	if w.n == 0 {
		return 0, io.EOF, true
	}
	return w.n, nil, true
}
