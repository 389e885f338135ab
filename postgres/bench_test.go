package postgres_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/postgres"
)

// source makes events, deliveries and attempts.
type source struct{ ids *id.Generator }

func newSource(n bellhop.Node) source {
	return source{id.NewGenerator(int(n.Lease.Node), n.Floor)}
}

// event is one of size bytes of data, with deliveries that a node owns.
func (s source) event(size, deliveries int, owner bellhop.NodeID) bellhop.NewEvent {
	now := time.Now()
	e := bellhop.Event{
		ID: id.Next[id.Event](s.ids, now), App: "acme", Type: "invoice.paid", Subject: "invoice:1",
		Data: make(bellhop.JSON, size), Deliveries: deliveries,
	}
	for i := range e.Data {
		e.Data[i] = byte('a' + i%26)
	}
	n := bellhop.NewEvent{Event: e}
	for i := range deliveries {
		n.Deliveries = append(n.Deliveries, bellhop.Delivery{
			ID: id.Next[id.Delivery](s.ids, now), Event: e.ID, Endpoint: bellhop.EndpointID(i + 1), App: e.App, Type: e.Type,
			Trigger: bellhop.TriggerPublish, Owner: owner, Due: now, OrderPos: bellhop.DeliveryID(e.ID),
		})
	}
	return n
}

// attempt is the success of an event's delivery.
func (s source) attempt(d *bellhop.Delivery) bellhop.Attempt {
	return bellhop.Attempt{
		ID: id.Next[id.Attempt](s.ids, time.Now()), Delivery: d.ID, Event: d.Event, Endpoint: d.Endpoint,
		App: d.App, Type: d.Type, Trigger: d.Trigger, Number: 1, Status: bellhop.AttemptSucceeded, Final: true,
		URL: "https://example.com/hook", ResponseStatus: 200, Duration: bellhop.Duration(time.Millisecond),
		RequestHeader:  map[string][]string{"Content-Type": {"application/json"}, "Webhook-Id": {d.Event.String()}, "Webhook-Timestamp": {"1790000000"}, "Webhook-Signature": {"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="}},
		ResponseHeader: map[string][]string{"Content-Length": {"0"}, "Date": {"Mon, 01 Jan 2026 00:00:00 GMT"}},
	}
}

func joinNode(t testing.TB, s *postgres.Store) bellhop.Node {
	t.Helper()
	n, err := s.Join(t.Context(), bellhop.NodeAbout{Name: "here", Version: "test", Started: time.Now()}, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// BenchmarkEnqueueRecord is the hot path: 256 callers publish an event of 1 KiB with one
// delivery that is owned at once, and record its success.
func BenchmarkEnqueueRecord(b *testing.B) {
	var steps, commits atomic.Int64
	url := database(b)
	s := openAt(b, url, postgres.Options{OnCommit: func(n int, _ time.Duration) { steps.Add(int64(n)); commits.Add(1) }})
	node := joinNode(b, s)
	src := newSource(node)
	c, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())
	publish := func(n int64) {
		var left atomic.Int64
		left.Store(n)
		var callers sync.WaitGroup
		for range 256 {
			callers.Go(func() {
				for left.Add(-1) >= 0 {
					n := src.event(1024, 1, node.Lease.Node)
					_, err := s.Enqueue(b.Context(), node.Lease, 0, []bellhop.NewEvent{n}, time.Now())
					if err == nil {
						err = s.Record(b.Context(), node.Lease, []bellhop.Result{{Attempt: src.attempt(&n.Deliveries[0]), Lease: node.Lease}}, time.Now())
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		callers.Wait()
	}
	publish(1000) // statements are prepared, and partitions are there
	steps.Store(0)
	commits.Store(0)
	before := walOf(b, c)
	b.ReportAllocs()
	b.ResetTimer()
	publish(int64(b.N))
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(steps.Load())/float64(commits.Load()), "steps/commit")
	b.ReportMetric((walOf(b, c)-before)/float64(b.N)-1024, "WAL-B/event")
}

// walOf is how many bytes the server has written to its log.
func walOf(b *testing.B, c *pgx.Conn) (bytes float64) {
	b.Helper()
	if err := c.QueryRow(b.Context(), "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8").Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	return bytes
}
