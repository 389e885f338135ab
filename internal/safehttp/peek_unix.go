//go:build unix

package safehttp

import "syscall"

// quiet reports whether the receiver has neither closed an idle connection nor
// said anything on it. Nothing but a new request could make it speak, so
// whatever comes is the end of the connection, or an answer to nobody. A peek
// costs half a microsecond. A read with a deadline in the past would not look at
// all, one with a deadline ahead would wait for it, and a goroutine that waits all
// the time would take part in every exchange.
func (k *conn) quiet() bool {
	quiet := false
	err := k.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK) // Go's sockets do not block
		quiet = err == syscall.EAGAIN
		return true
	})
	return err == nil && quiet
}
