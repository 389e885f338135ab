//go:build !unix

package safehttp

import (
	"errors"
	"os"
	"time"
)

// quiet reports whether the receiver has neither closed an idle connection nor
// said anything on it. The byte it may take from the connection is no loss:
// there should be none, and the connection is then not used again.
func (k *conn) quiet() bool {
	var b [1]byte
	k.tcp.SetReadDeadline(time.Now().Add(time.Millisecond)) // one in the past would not even look
	_, err := k.tcp.Read(b[:])
	return errors.Is(err, os.ErrDeadlineExceeded)
}
