//go:build !unix

package testpostgres

import "os/exec"

func unprivileged(*exec.Cmd) {}

func own(string) error { return nil }
