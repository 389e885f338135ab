package main

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// space is how many bytes are free for this user on the disk of a folder, and how many
// it has.
func space(folder string) (free, all uint64, err error) {
	name, err := windows.UTF16PtrFromString(folder)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &free, &all, nil)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("look at the disk of %s: %w", folder, err)
	}
	return free, all, nil
}
