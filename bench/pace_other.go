//go:build !linux

package main

import "time"

// onTime calls f, which must not wait, at each of n times that are so far apart, from now
// on, until f says false.
func onTime(n int, apart time.Duration, f func(due time.Time) bool) {
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * apart)
		time.Sleep(time.Until(due))
		if !f(due) {
			return
		}
	}
}
