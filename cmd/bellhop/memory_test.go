package main

import (
	"math"
	"testing"

	"github.com/bellhop/bellhop/api"
)

const mib = 1 << 20

func TestGoMemory(t *testing.T) {
	for container, want := range map[uint64]int64{
		64 * mib: 32 * mib, 192 * mib: 96 * mib, 256 * mib: 160 * mib, 512 * mib: 416 * mib, 960 * mib: 864 * mib,
		10_000 * mib: 9000 * mib, math.MaxUint64: 1 << 50 / 10 * 9,
	} {
		if got := goMemory(container); got != want {
			t.Errorf("in a container of %d MiB: %d bytes, want %d MiB", container/mib, got, want/mib)
		}
	}
}

// TestBoundsInAContainer: bounds on memory are a quarter of what a small container may take,
// unless they would be too small to work, and never more than on a whole machine.
func TestBoundsInAContainer(t *testing.T) {
	for _, tc := range []struct {
		container     uint64
		maxData       int
		queue, bodies int
	}{
		{0, 256 << 10, 128 * mib, 256 * mib},
		{64 * mib, 256 << 10, 16 * mib, 64 * mib},
		{256 * mib, 256 << 10, 64 * mib, 64 * mib},
		{256 * mib, 40 * mib, 80 * mib, 160*mib + 4*envelope},
		{512 * mib, 256 << 10, 128 * mib, 128 * mib},
		{1024 * mib, 256 << 10, 128 * mib, 256 * mib},
		{math.MaxUint64, 256 << 10, 128 * mib, 256 * mib},
		// Too much data for the defaults of a whole machine is too much anywhere.
		{256 * mib, 65 * mib, 128 * mib, 256 * mib},
	} {
		s := settings{maxData: tc.maxData}
		if got := boundIn(tc.container, defaultQueueMemory, s.leastQueue()); got != tc.queue {
			t.Errorf("in a container of %d MiB, with data of %d bytes: --queue-memory is %d, want %d", tc.container/mib, tc.maxData, got, tc.queue)
		}
		if got := boundIn(tc.container, api.DefaultMaxMemory, s.leastMemory()); got != tc.bodies {
			t.Errorf("in a container of %d MiB, with data of %d bytes: --max-memory is %d, want %d", tc.container/mib, tc.maxData, got, tc.bodies)
		}
	}
}

// TestBoundsThatAreSet: whatever the container, what is set counts.
func TestBoundsThatAreSet(t *testing.T) {
	s := settings{queueMemory: 4 * mib, maxMemory: 1024 * mib}
	if s.queueBytes() != 4*mib || s.bodyBytes() != 1024*mib {
		t.Errorf("--queue-memory is %d, --max-memory is %d", s.queueBytes(), s.bodyBytes())
	}
}

// TestMemoryFinding: the doctor warns of bounds beyond what Go may take of the container.
func TestMemoryFinding(t *testing.T) {
	for _, tc := range []struct {
		container              uint64
		queue, bodies, maxData int
		state                  string
	}{
		{0, 1024 * mib, 1024 * mib, 0, isOK},
		{512 * mib, 128 * mib, 128 * mib, 0, isOK},
		{512 * mib, 128 * mib, 512 * mib, 0, isWarning},
		{256 * mib, 64 * mib, 64 * mib, 0, isOK},
		{256 * mib, 128 * mib, 64 * mib, 0, isWarning},
		// An event of 60 MiB takes 120 MiB while it is sent.
		{256 * mib, 64 * mib, 64 * mib, 1 * mib, isOK},
		{256 * mib, 64 * mib, 64 * mib, 60 * mib, isWarning},
	} {
		d := doctor{s: &settings{queueMemory: tc.queue, maxMemory: tc.bodies, maxData: tc.maxData}}
		d.memory(tc.container)
		if got := d.findings[0]; got.State != tc.state || (got.Remedy != "") != (tc.state == isWarning) {
			t.Errorf("in a container of %d MiB, --queue-memory %d, --max-memory %d: %+v", tc.container/mib, tc.queue, tc.bodies, got)
		}
	}
}
