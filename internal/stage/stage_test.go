package stage

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// work takes processor time of this thread.
func work(d time.Duration) {
	for until := threadTime() + int64(d); threadTime() < until; {
	}
}

func TestTotalsAreOfTheWholeAndOfNothingElse(t *testing.T) {
	if !Measured {
		t.Skip("there is no clock of threads here")
	}
	before := Totals()[Parse]
	// Somebody else is busy all the time, and must not be counted.
	var stop atomic.Bool
	defer stop.Store(true)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for !stop.Load() {
			}
		}()
	}
	const pieces, each = 4000, 20 * time.Microsecond
	var worked time.Duration
	for range pieces {
		p := Parse.Begin()
		work(each)
		p.End(3)
		worked += each
	}
	after := Totals()[Parse]
	if n := after.Events - before.Events; n != 3*pieces {
		t.Errorf("%d events are counted, want %d", n, 3*pieces)
	}
	samples := after.Samples - before.Samples
	if samples < pieces/every/3 || samples > pieces/every*2 {
		t.Errorf("%d of %d pieces were measured, want one in %d", samples, pieces, every)
	}
	// How many are measured is random, which is put aside here.
	cpu := float64(after.CPU-before.CPU) / float64(samples*every) * pieces
	if cpu < 0.9*float64(worked) || cpu > 2*float64(worked) {
		t.Errorf("%v of processor time, want about %v", time.Duration(cpu), worked)
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, total := range Totals() {
		if name := total.Stage.String(); name == "" || seen[name] {
			t.Errorf("stage %d is called %q", total.Stage, name)
		} else {
			seen[name] = true
		}
	}
}

func BenchmarkPiece(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Accept.Begin().End(1)
	}
}

func BenchmarkPieceParallel(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			Accept.Begin().End(1)
		}
	})
}
