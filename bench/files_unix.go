//go:build unix

package main

import "golang.org/x/sys/unix"

// openFiles is how many files each process may have open.
func openFiles() uint64 {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	return uint64(l.Max) // the programs raise theirs up to there
}
