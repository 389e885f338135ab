package stage

import "golang.org/x/sys/unix"

// Measured tells whether processor time is measured on this system.
const Measured = true

// threadTime is the processor time of this thread so far, in nanoseconds.
func threadTime() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return t.Nano()
}
