//go:build unix

package script

import (
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// allocator keeps the memory of instances out of Go's heap: most of it is never touched,
// and would count all the same.
var allocator = experimental.MemoryAllocatorFunc(func(_, most uint64) experimental.LinearMemory {
	b, err := unix.Mmap(-1, 0, int(most), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return &mapped{b: make([]byte, most)}
	}
	return &mapped{b: b, foreign: true}
})

type mapped struct {
	b       []byte
	foreign bool
}

// Reallocate gives the first size bytes, or nil if there are not as many.
func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.b)) {
		return nil
	}
	return m.b[:size:size]
}

// Free gives the memory back to the system.
func (m *mapped) Free() {
	if m.foreign {
		_ = unix.Munmap(m.b)
	}
	m.b = nil
}
