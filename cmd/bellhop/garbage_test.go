package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGarbagePercent(t *testing.T) {
	for alive, want := range map[uint64]int{
		0: 400, 1: 400, 64 << 20: 400, 65 << 20: 375, 128 << 20: 200, 200 << 20: 125, 256 << 20: 100, 512 << 20: 50, 4 << 30: 50, 1 << 63: 50,
	} {
		if got := garbagePercent(alive); got != want {
			t.Errorf("%d bytes alive: %d percent, want %d", alive, got, want)
		}
	}
}

// TestTuneCollector: with 200 MB alive there are at most 256 MiB of garbage beside, and when they
// are gone, as much as before for what is left.
func TestTuneCollector(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	stop := tuneCollector()
	collected(t, "little is alive", func(h heap) bool { return h.percent == mostPercent })

	kept := make([][]byte, 200)
	for i := range kept {
		kept[i] = make([]byte, 1_000_000)
	}
	collected(t, "200 MB are alive", func(h heap) bool {
		const others = 16 << 20 // stacks and variables
		return h.alive >= 200_000_000 && h.goal <= h.alive+mostGarbage+others
	})
	runtime.KeepAlive(kept)

	kept = nil
	collected(t, "they are gone", func(h heap) bool { return h.percent == mostPercent })
	stop()
	collected(t, "it has stopped", func(h heap) bool { return h.percent == 100 })
}

// heap is what the garbage collector says of itself.
type heap struct{ percent, alive, goal uint64 }

// collected has garbage collected until the heap is right: more than once, since it is looked at
// shortly after a collection.
func collected(t *testing.T, when string, right func(heap) bool) {
	t.Helper()
	var last heap
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		runtime.GC()
		of := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/goal:bytes"}}
		metrics.Read(of)
		last = heap{of[0].Value.Uint64(), of[1].Value.Uint64(), of[2].Value.Uint64()}
		if right(last) {
			return
		}
	}
	t.Fatalf("%s: %d percent, %d MiB are alive, the goal is %d MiB", when, last.percent, last.alive>>20, last.goal>>20)
}
