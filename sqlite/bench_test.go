package sqlite_test

import (
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/sqlite"
)

// BenchmarkEnqueueRecord is the hot path: 256 callers publish an event of 1 KiB
// with one delivery that is owned at once, and record its success.
func BenchmarkEnqueueRecord(b *testing.B) {
	var steps, commits atomic.Int64
	s := open(b, sqlite.Options{OnCommit: func(n int, _ time.Duration) { steps.Add(int64(n)); commits.Add(1) }})
	node := join(b, s)
	src := newSource()
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var callers sync.WaitGroup
	for range 256 {
		callers.Go(func() {
			for left.Add(-1) >= 0 {
				n := src.event(1024, 1, node.Lease.Node)
				_, err := s.Enqueue(b.Context(), node.Lease, 0, []bellhop.NewEvent{n}, now)
				if err == nil {
					err = s.Record(b.Context(), node.Lease, []bellhop.Result{{Attempt: src.attempt(&n), Lease: node.Lease}}, now)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(steps.Load())/float64(commits.Load()), "steps/commit")
}

// BenchmarkSteady is the hot path at 500 events a second, each published when it is due
// however long others take, so that a stall shows in all that it held up. It reports how
// long publishing took, and how far the write-ahead log grew. A minute of it:
//
//	go test ./sqlite -run - -bench Steady -benchtime 30000x
func BenchmarkSteady(b *testing.B) {
	const every = time.Second / 500
	path := filepath.Join(b.TempDir(), "bellhop.db")
	s := openAt(b, path, sqlite.Options{})
	node := join(b, s)
	src := newSource()
	took := make([]time.Duration, b.N)
	var largest int64
	var callers sync.WaitGroup
	b.ResetTimer()
	begun := time.Now()
	for i := range took {
		n := src.event(1024, 1, node.Lease.Node)
		attempt := src.attempt(&n)
		due := begun.Add(time.Duration(i) * every)
		time.Sleep(time.Until(due))
		callers.Go(func() {
			_, err := s.Enqueue(b.Context(), node.Lease, 0, []bellhop.NewEvent{n}, now)
			took[i] = time.Since(due)
			if err == nil {
				err = s.Record(b.Context(), node.Lease, []bellhop.Result{{Attempt: attempt, Lease: node.Lease}}, now)
			}
			if err != nil {
				b.Error(err)
			}
		})
		if i%50 == 0 {
			_, size, err := s.Sizes()
			if err != nil {
				b.Fatal(err)
			}
			largest = max(largest, size)
		}
	}
	callers.Wait()
	b.StopTimer()
	slices.Sort(took)
	for _, q := range []struct {
		of   float64
		name string
	}{{0.5, "ms-p50"}, {0.99, "ms-p99"}, {0.999, "ms-p99.9"}, {1, "ms-longest"}} {
		b.ReportMetric(float64(took[int(q.of*float64(len(took)-1))].Microseconds())/1000, q.name)
	}
	b.ReportMetric(float64(largest)/(1<<20), "MiB-log")
}
