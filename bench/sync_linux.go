package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// dataSync has what was written to a file on the disk.
func dataSync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
