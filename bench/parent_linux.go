package main

import (
	"os/exec"
	"syscall"
)

// endWithParent has a process killed when the thread that starts it ends: with the bench,
// however that ends.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
