//go:build !linux

package e2e

import (
	"testing"

	"github.com/bellhop/bellhop/internal/testpostgres"
)

// disk is a small file system in memory; only Linux has those here.
type disk struct{ path string }

func newDisk(t testing.TB, _ string) *disk {
	t.Skip("small disks are mounted on Linux only")
	return nil
}

func newDiskOf(t testing.TB, _ *testpostgres.Cluster, size string) *disk { return newDisk(t, size) }

func (d *disk) readOnly()     {}
func (d *disk) fill(_ string) {}
