package sqlite

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// BenchmarkCountWaiting is what a count of a million unfinished deliveries of a thousand
// endpoints costs its reader, and for how long one piece of it holds on to a state.
func BenchmarkCountWaiting(b *testing.B) {
	const many, piece = 1_000_000, 5000
	s, err := Open(b.Context(), b.TempDir()+"/b.db", Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	first := int64(id.First[id.Delivery](now))
	err = s.write(b.Context(), "make many", rowWeight, func(w *writer) error {
		return exec(w.conn, `WITH RECURSIVE made (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM made WHERE n + 1 < ?1)
			INSERT INTO pending (id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_pos, born, held, holds)
			SELECT ?2 + n, n, 1 + n % 1000, 'acme', 'publish', NULL, ?3 + n, n % 3, 0, ?2 + n, 1, 0, 0 FROM made`,
			many, first, micros(now))
	})
	if err != nil {
		b.Fatal(err)
	}
	longest := time.Duration(0)
	for b.Loop() {
		sums := map[bellhop.EndpointID]*bellhop.Waiting{}
		for after := bellhop.DeliveryID(0); ; {
			began := time.Now()
			next, err := s.CountWaiting(b.Context(), sums, after, piece, now)
			if err != nil {
				b.Fatal(err)
			}
			longest = max(longest, time.Since(began))
			if after = next; next == 0 {
				break
			}
		}
		if len(sums) != 1000 {
			b.Fatalf("%d endpoints", len(sums))
		}
	}
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms/longest-piece")
}
