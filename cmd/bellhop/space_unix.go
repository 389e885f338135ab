//go:build linux || darwin

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// space is how many bytes are free for this user on the disk of a folder, and how many
// it has.
func space(folder string) (free, all uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		return 0, 0, fmt.Errorf("look at the disk of %s: %w", folder, err)
	}
	return uint64(st.Bavail) * uint64(st.Bsize), uint64(st.Blocks) * uint64(st.Bsize), nil
}
