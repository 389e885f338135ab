package sqlite_test

import (
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
