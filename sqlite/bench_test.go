//go:build unix

package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
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
	costs := measure(b)
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
	costs()
	b.ReportMetric(float64(steps.Load())/float64(commits.Load()), "steps/commit")
}

// BenchmarkSteady is the hot path at 500 events a second, each published when it is due
// however long others take, so that a stall shows in all that it held up. It reports how
// long publishing took, the longest commit and flush, and how far the write-ahead log grew. A minute of it:
//
//	go test ./sqlite -run - -bench Steady -benchtime 30000x
func BenchmarkSteady(b *testing.B) {
	const every = time.Second / 500
	path := filepath.Join(b.TempDir(), "bellhop.db")
	var commit, flush atomic.Int64 // the longest, in microseconds
	s := openAt(b, path, sqlite.Options{
		OnCommit: func(_ int, d time.Duration) { commit.Store(max(commit.Load(), d.Microseconds())) },
		OnFlush:  func(d time.Duration) { flush.Store(max(flush.Load(), d.Microseconds())) },
	})
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
	b.ReportMetric(float64(commit.Load())/1000, "ms-longest-commit")
	b.ReportMetric(float64(flush.Load())/1000, "ms-longest-flush")
	b.ReportMetric(float64(largest)/(1<<20), "MiB-log")
}

// BenchmarkBatches is what the writer does under load: batches of events, to ten
// endpoints of three apps, and with each the results of an earlier one.
func BenchmarkBatches(b *testing.B) {
	for _, size := range []int{16, 100} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := open(b, sqlite.Options{})
			node := join(b, s)
			src := newSource()
			endpoints := id.Take[id.Endpoint](src.ids, 10, now)
			b.ReportAllocs()
			b.ResetTimer()
			costs := measure(b)
			var before []bellhop.Result
			now := now
			for done := 0; done < b.N; done += size {
				now = now.Add(time.Duration(size) * 100 * time.Microsecond) // 10 000 a second
				events, results := make([]bellhop.NewEvent, size), make([]bellhop.Result, size)
				for i := range events {
					n := src.eventAt(now, 1024, endpoints[(done+i)%len(endpoints)], node.Lease.Node)
					n.Event.App = fmt.Sprint("app-", (done+i)%3)
					n.Event.Type = fmt.Sprint("invoice.t", (done+i)%5)
					n.Event.Subject = fmt.Sprint("invoice:", done+i)
					events[i], results[i] = n, bellhop.Result{Attempt: src.attemptAt(now, &n), Lease: node.Lease}
				}
				var both sync.WaitGroup
				both.Go(func() {
					if _, err := s.Enqueue(b.Context(), node.Lease, 0, events, now); err != nil {
						b.Error(err)
					}
				})
				both.Go(func() {
					if err := s.Record(b.Context(), node.Lease, before, now); err != nil {
						b.Error(err)
					}
				})
				both.Wait()
				before = results
			}
			costs()
		})
	}
}

// measure begins to count what the process spends; the function reports it for each of
// b.N events: CPU time, its own and the system's, and the bytes read and written, where that
// is known (on Linux).
func measure(b *testing.B) func() {
	user := usage()
	read, written := moved()
	return func() {
		b.ReportMetric(float64((usage()-user).Microseconds())/float64(b.N), "cpu-µs/event")
		if r, w := moved(); w > 0 {
			b.ReportMetric(float64(r-read)/float64(b.N), "read-B/event")
			b.ReportMetric(float64(w-written)/float64(b.N), "written-B/event")
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	}
}

// moved is how many bytes the process has read and written; 0 if that is not known.
func moved() (read, written int64) {
	text, err := os.ReadFile("/proc/self/io")
	if err == nil {
		_, _ = fmt.Sscanf(string(text), "rchar: %d\nwchar: %d", &read, &written)
	}
	return read, written
}

// usage is the CPU time that the process has spent.
func usage() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
