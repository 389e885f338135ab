package postgres

import "golang.org/x/sys/unix"

// setUserTimeout bounds for how many milliseconds what was sent may stay unacknowledged. A
// system that cannot does without.
func setUserTimeout(fd uintptr, ms int) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
}
