//go:build !linux

package main

// releasePages does nothing here.
func releasePages() {}
