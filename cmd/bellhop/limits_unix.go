//go:build unix

package main

import "syscall"

// openFiles is how many files and connections the process may have open. Raising
// it to what the system allows at most (the hard limit) is done already: package
// os does so when a program starts.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return uint64(limit.Cur) // some systems have it signed
}
