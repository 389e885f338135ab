//go:build !unix

package main

import "errors"

// diskOf is not known here.
func diskOf(string) (free, size uint64, err error) {
	return 0, 0, errors.New("how full the disk is, is not known on this system")
}
