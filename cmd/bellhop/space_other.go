//go:build !linux && !darwin && !windows

package main

import "errors"

// space cannot be told here.
func space(string) (free, all uint64, err error) { return 0, 0, errors.ErrUnsupported }
