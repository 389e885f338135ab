//go:build !unix

package script

import "github.com/tetratelabs/wazero/experimental"

// allocator is wazero's own.
var allocator experimental.MemoryAllocator
