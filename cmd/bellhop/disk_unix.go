//go:build unix

package main

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// diskOf tells how many bytes are free, for this user, on the disk of a file, and how
// many it has.
func diskOf(file string) (free, size uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(file), &s); err != nil {
		return 0, 0, fmt.Errorf("look how full the disk of %s is: %w", file, err)
	}
	block := uint64(s.Bsize) //nolint:gosec // a size
	return uint64(s.Bavail) * block, uint64(s.Blocks) * block, nil
}
