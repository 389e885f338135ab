package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A bench that is killed leaves neither its servers nor its folder.
func TestKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder, file := t.TempDir(), filepath.Join(t.TempDir(), "address")
	cmd := exec.Command(self, "-binary", self, "-dir", folder, "-only", "^memory$", "-rounds", "1", "-silent")
	cmd.Env = append(os.Environ(), stubVariable+"="+file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	address := ""
	if err := waitFor(t.Context(), 30*time.Second, func() bool {
		b, _ := os.ReadFile(file)
		address = string(b)
		return address != ""
	}); err != nil {
		t.Fatalf("no server was started: %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Fatalf("in the folder: %v, %v", left, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(t.Context(), 30*time.Second, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}); err != nil {
		t.Errorf("the server goes on: %v", err)
	}
	if err := waitFor(t.Context(), 30*time.Second, func() bool {
		left, err := os.ReadDir(folder)
		return err == nil && len(left) == 0
	}); err != nil {
		left, _ := os.ReadDir(folder)
		t.Errorf("in the folder is left %v", left)
	}
}
