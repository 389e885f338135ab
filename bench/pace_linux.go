package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// onTime calls f, which must not wait, at each of n times that are so far apart, from now
// on, until f says false. The runtime's timers may be late by a millisecond, which is as
// much as what is measured; so a thread sleeps for this alone.
func onTime(n int, apart time.Duration, f func(due time.Time) bool) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * apart)
		for wait := time.Until(due); wait > 0; wait = time.Until(due) {
			t := unix.NsecToTimespec(int64(wait))
			_ = unix.Nanosleep(&t, nil)
		}
		if !f(due) {
			return
		}
	}
}
