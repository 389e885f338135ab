package safehttp

import "golang.org/x/sys/unix"

// unacknowledged is how many bytes the kernel has sent, or has yet to send, without
// having heard that they arrived.
func (w *wire) unacknowledged() int64 {
	if w.raw.Control(w.count) != nil {
		return 0
	}
	return int64(w.unsent)
}

// counter is unacknowledged's memory, so that counting makes no garbage.
type counter struct {
	count  func(fd uintptr)
	unsent int
}

func (w *wire) makeCounter() {
	w.count = func(fd uintptr) {
		n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		if err != nil {
			n = 0
		}
		w.unsent = n
	}
}
