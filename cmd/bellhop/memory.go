package main

import (
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/bellhop/bellhop/api"
)

// containerMemory is how much memory the container may take that this process is in (its
// cgroup, of version 1 or 2); 0 where nothing bounds it, or nobody can say.
func containerMemory() uint64 {
	bound, err := memlimit.FromCgroup()
	if err != nil {
		return 0
	}
	return bound
}

// boundGo has Go collect garbage more often rather than take more than it may of a container's
// memory: beyond that, the kernel ends the process. It does nothing where container is 0.
func boundGo(container uint64) {
	if container > 0 {
		debug.SetMemoryLimit(goMemory(container))
	}
}

// goMemory is what Go may take of a container's memory. The rest is for what Go does not know
// of: the program's own pages, SQLite's memory, sockets, and pages of the database that the
// system would else read again and again. That is not less in a small container.
func goMemory(container uint64) int64 {
	const (
		others = 96 << 20
		most   = 1 << 50 // more than there is anywhere
	)
	container = min(container, most)
	share := container / 10 * 9
	return int64(max(min(share, container-min(container, others)), container/2))
}

const defaultQueueMemory = 128 << 20

// queueBytes is the bound of what deliveries take in memory.
func (s *settings) queueBytes() int {
	if s.queueMemory > 0 {
		return s.queueMemory
	}
	return boundIn(containerMemory(), defaultQueueMemory, s.leastQueue())
}

// queueMost is what deliveries take at most: where the largest events are large, one of them
// can be sent all the same, with its data and the body of its request.
func (s *settings) queueMost() int64 {
	bound := int64(s.queueBytes())
	return max(bound, bound/2+2*int64(s.maxData))
}

// bodyBytes is the bound of what requests and answers take in memory.
func (s *settings) bodyBytes() int {
	if s.maxMemory > 0 {
		return s.maxMemory
	}
	return boundIn(containerMemory(), api.DefaultMaxMemory, s.leastMemory())
}

// boundIn is what a bound on memory is by default: preset, but in a small container a quarter
// of its memory, so that two of them, what it takes to work with what they let in, and what is
// not Go's fit in together. It is at least what the service needs to work, where preset is.
func boundIn(container uint64, preset, least int64) int {
	if container == 0 {
		return int(preset)
	}
	return int(min(preset, max(int64(min(container/4, 1<<50)), least)))
}
