//go:build !linux

package testmemory

const folder = ""

func room() bool { return false }
