//go:build !unix

package safehttp

import (
	"errors"
	"os"
	"time"
)

type probes struct{}

func (w *wire) makeProbes() {}

// quiet reports whether the receiver has neither closed an idle connection nor
// said anything on it. The byte it may take from the connection is no loss:
// there should be none, and the connection is then not used again.
func (w *wire) quiet(deadline time.Time) bool {
	var b [1]byte
	w.Conn.SetReadDeadline(time.Now().Add(time.Millisecond)) // one in the past would not even look
	_, err := w.Conn.Read(b[:])
	w.Conn.SetReadDeadline(deadline)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// look is quiet.
func (w *wire) look(_ uintptr, deadline time.Time) bool { return w.quiet(deadline) }

// there cannot tell here, without reading.
func (w *wire) there(uintptr) bool { return false }

// readInstant reads nothing here: whoever reads waits by himself.
func (w *wire) readInstant([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// attend calls f once: whoever reads waits by himself.
func (w *wire) attend(f func(fd uintptr) bool) error {
	f(0)
	return nil
}

// readNow cannot look past the deadline here.
func (w *wire) readNow([]byte) (n int, err error, there bool) { return 0, nil, false }
