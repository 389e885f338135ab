package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/memstore"
)

// mortal is a store whose node can be killed: from then on nothing that it does
// reaches the store, as after a kill -9.
type mortal struct {
	bellhop.Store
	dead atomic.Bool
}

var errDead = errors.New("the node is dead")

func (m *mortal) Claim(ctx context.Context, c bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	if m.dead.Load() {
		return bellhop.Claimed{}, errDead
	}
	return m.Store.Claim(ctx, c, now)
}

func (m *mortal) Record(ctx context.Context, l bellhop.Lease, r []bellhop.Result, now time.Time) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.Record(ctx, l, r, now)
}

func (m *mortal) Release(ctx context.Context, l bellhop.Lease, d []bellhop.DeliveryID, now time.Time) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.Release(ctx, l, d, now)
}

func (m *mortal) Renew(ctx context.Context, l bellhop.Lease, status *bellhop.NodeStatus, length time.Duration, now time.Time) (time.Time, error) {
	if m.dead.Load() {
		return now, errDead
	}
	return m.Store.Renew(ctx, l, status, length, now)
}

func (m *mortal) Leave(ctx context.Context, l bellhop.Lease, now time.Time) error {
	if m.dead.Load() {
		return nil
	}
	return m.Store.Leave(ctx, l, now)
}

// TestOrderHoldsThroughFailuresAndACrash: with ordering by subject, and with
// ordering of the whole endpoint, each group's events are taken first to last,
// whatever fails and although the node dies in between; other subjects flow on.
func TestOrderHoldsThroughFailuresAndACrash(t *testing.T) {
	testlong.Only(t)
	rapid.Check(t, func(rt *rapid.T) {
		run := orderRun{
			ordering: rapid.SampledFrom([]bellhop.Ordering{bellhop.OrderingSubject, bellhop.OrderingEndpoint}).Draw(rt, "ordering"),
			subjects: rapid.SliceOfN(rapid.IntRange(0, 4), 1, 60).Draw(rt, "subjects"),
			failing:  rapid.SliceOfN(rapid.IntRange(0, 3), 60, 60).Draw(rt, "failing"),
			crashAt:  rapid.IntRange(0, 60).Draw(rt, "crash at"),
			gap:      time.Duration(rapid.IntRange(0, 300).Draw(rt, "gap")) * time.Millisecond,
			switched: rapid.Bool().Draw(rt, "ordering switched on late"),
		}
		var problem string
		synctest.Test(t, func(t *testing.T) { problem = run.play(t) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

type orderRun struct {
	ordering bellhop.Ordering
	subjects []int // of each event; 0 is none
	failing  []int // how often each event fails before it is taken
	crashAt  int
	gap      time.Duration
	switched bool
}

func (o orderRun) play(t *testing.T) (problem string) {
	store := memstore.New()
	net := newReceivers()
	var mu sync.Mutex
	var taken []int
	net.on("a.example", func(r received) answer {
		n, err := strconv.Atoi(r.body)
		if err != nil {
			t.Error(err)
			return answer{status: 400}
		}
		mu.Lock()
		defer mu.Unlock()
		if r.n <= o.failing[n] {
			return answer{status: 500, after: 20 * time.Millisecond}
		}
		taken = append(taken, n)
		return answer{status: 200, after: 20 * time.Millisecond}
	})
	cfg := engine.Config{
		Sealer: sealer(t), Transport: net, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		DrainTimeout: time.Millisecond,
	}
	start := func() (*engine.Engine, *mortal, func()) {
		m := &mortal{Store: store}
		b, err := engine.New(context.Background(), m, cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = b.Run(ctx) }()
		return b, m, func() { cancel(); <-done }
	}
	b, m, stop := start()
	app(t, b, "acme")
	ordering := o.ordering
	if o.switched {
		ordering = bellhop.OrderingNone
	}
	e := endpoint(t, b, bellhop.EndpointChange{
		Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://a.example/"), Dialect: bellhop.Of("raw"), Ordering: bellhop.Of(ordering),
		Status: bellhop.Of(bellhop.EndpointPaused),
		Retry:  bellhop.Of(bellhop.RetryPolicy{Initial: bellhop.Duration(time.Second), Factor: 2, Max: bellhop.Duration(time.Minute), Until: bellhop.Duration(24 * time.Hour)}),
	})
	if !o.switched {
		set(t, b, e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
	}
	for n, s := range o.subjects {
		if n == o.crashAt {
			m.dead.Store(true) // as kill -9: what is in flight goes on at the receiver
			stop()
			b, m, stop = start()
		}
		p := engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(fmt.Sprint(n))}
		if s > 0 {
			p.Subject = fmt.Sprint("s", s)
		}
		if _, err := b.Publish(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		time.Sleep(o.gap)
	}
	if o.switched {
		set(t, b, e.ID, bellhop.EndpointChange{Ordering: bellhop.Of(o.ordering), Status: bellhop.Of(bellhop.EndpointActive)})
	}
	// Once all were taken in order, nothing that comes can change that.
	well := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return o.judge(taken) == ""
	}
	for end := time.Now().Add(6 * time.Hour); !well() && time.Now().Before(end); {
		time.Sleep(time.Minute)
	}
	stop()
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	return o.judge(taken)
}

// judge looks at the events in the order in which they were taken. After a crash
// what was in flight is sent again, so an event may come twice; but never one
// before an earlier one of its group was taken.
func (o orderRun) judge(taken []int) string {
	seen := map[int]bool{}
	for _, n := range taken {
		if o.subjects[n] != 0 || o.ordering == bellhop.OrderingEndpoint {
			for earlier := range n {
				same := o.ordering == bellhop.OrderingEndpoint || o.subjects[earlier] == o.subjects[n]
				if same && !seen[earlier] {
					return fmt.Sprintf("event %d was taken before %d: %v", n, earlier, taken)
				}
			}
		}
		seen[n] = true
	}
	if len(seen) != len(o.subjects) {
		return fmt.Sprintf("%d of %d events were taken: %v", len(seen), len(o.subjects), taken)
	}
	return ""
}

func TestARetryHoldsBackOnlyItsOwnSubject(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", func(r received) answer {
			if r.body == `"stuck"` {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.Ordering = bellhop.Of(bellhop.OrderingSubject)
			c.Dialect = bellhop.Of("raw")
		})
		subject := func(s string) func(*engine.Publication) {
			return func(p *engine.Publication) { p.Subject = s }
		}
		h.publish(`"stuck"`, subject("one"))
		for range 1000 { // more than a lane holds
			h.publish(`"waits"`, subject("one"))
		}
		for i := range 200 {
			h.publish(`"flows"`, subject(fmt.Sprint("other", i%20)))
		}
		wait(20 * time.Second)
		flows, waits := 0, 0
		for _, r := range h.net.at("a.example") {
			switch r.body {
			case `"flows"`:
				flows++
			case `"waits"`:
				waits++
			}
		}
		if flows != 200 || waits != 0 {
			t.Errorf("%d of 200 of other subjects arrived, and %d behind the one that fails", flows, waits)
		}
	})
}
