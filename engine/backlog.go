package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/engine/routes"
)

// What an unfinished delivery waits for, as the metrics say it.
const (
	waitsDue         = "due"         // nothing: it could be sent
	waitsSending     = "sending"     // the answer
	waitsLimited     = "limited"     // its endpoint's limits, or a receiver that takes no more at once
	waitsCircuit     = "circuit"     // its endpoint to work again
	waitsOrdered     = "ordered"     // an earlier one of its order
	waitsRetrying    = "retrying"    // its next attempt
	waitsScheduled   = "scheduled"   // its time
	waitsHeld        = "held"        // another way to make its request
	waitsPaused      = "paused"      // its endpoint to be resumed
	waitsDisabled    = "disabled"    // its endpoint to be enabled
	waitsUnavailable = "unavailable" // its endpoint's settings to be mended, or somebody to listen
)

var waitStates = []string{
	waitsDue, waitsSending, waitsLimited, waitsCircuit, waitsOrdered, waitsRetrying, waitsScheduled, waitsHeld,
	waitsPaused, waitsDisabled, waitsUnavailable,
}

// waits are the unfinished deliveries of one state.
type waits struct {
	n int64
	// oldest is when the first one was due; zero where that says nothing.
	oldest time.Time
}

// backlog is the last count of what waits. Counting reads every unfinished delivery, so
// it is done aside, in pieces, and takes a twentieth of one reader's time at most.
type backlog struct {
	mu       sync.Mutex
	counting chan struct{} // closed when the count under way is done; nil if there is none
	next     time.Time
	at       time.Time // of the last one that succeeded
	taken
}

// taken is one count.
type taken struct {
	states map[string]waits
	health map[bellhop.Health]int
	// buckets are all that waits, by the bucket of its endpoint.
	buckets map[bellhop.Bucket]int64
	// owed are the deliveries that are still to be made.
	owed int64
}

const (
	// waitPiece is how many are read at once, in some milliseconds.
	waitPiece = 5000
	// owedPiece is how many fan-outs are read at once, each with its list of endpoints.
	owedPiece = 100
	// waitRest: a count that took so long is followed by a rest so many times longer.
	waitRest = 20
	// waitPatience is how long a scrape waits for a count before it tells the last one.
	waitPatience = 250 * time.Millisecond
	// waitStale is when a count is too old to be told.
	waitStale = 10 * time.Minute
)

func (m *metrics) collectBacklog(ch chan<- prometheus.Metric) {
	last, ok := m.waitingNow()
	if !ok {
		return
	}
	for _, h := range bellhop.Healths {
		ch <- prometheus.MustNewConstMetric(m.endpoints, prometheus.GaugeValue, float64(last.health[h]), string(h))
	}
	ch <- prometheus.MustNewConstMetric(m.owed, prometheus.GaugeValue, float64(last.owed))
	now := m.e.cfg.Now()
	for _, state := range waitStates {
		w := last.states[state]
		age := 0.0
		if !w.oldest.IsZero() {
			age = max(now.Sub(w.oldest).Seconds(), 0)
		}
		if state == waitsDue {
			ch <- prometheus.MustNewConstMetric(m.due, prometheus.GaugeValue, float64(w.n))
			ch <- prometheus.MustNewConstMetric(m.dueAge, prometheus.GaugeValue, age)
			continue
		}
		ch <- prometheus.MustNewConstMetric(m.waiting, prometheus.GaugeValue, float64(w.n), state)
		switch state {
		case waitsLimited, waitsCircuit, waitsPaused, waitsDisabled, waitsUnavailable:
			ch <- prometheus.MustNewConstMetric(m.waitingAge, prometheus.GaugeValue, age, state)
		}
	}
}

// waitingNow gives a count that is as new as can be had at once.
func (m *metrics) waitingNow() (taken, bool) {
	b := &m.backlog
	b.mu.Lock()
	now := m.e.cfg.Now()
	if b.counting == nil && !now.Before(b.next) {
		done := make(chan struct{})
		if m.e.lanes.Spawn(func(ctx context.Context) { m.countWaiting(ctx, done) }) {
			b.counting = done
		}
	}
	counting := b.counting
	b.mu.Unlock()
	if counting != nil {
		patience := time.NewTimer(waitPatience)
		defer patience.Stop()
		select {
		case <-counting:
		case <-patience.C:
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken, b.states != nil && now.Sub(b.at) < waitStale
}

func (m *metrics) countWaiting(ctx context.Context, done chan struct{}) {
	began := m.e.cfg.Now()
	states, buckets, err := m.e.waitingStates(ctx)
	var health map[bellhop.Health]int
	if err == nil && states != nil {
		health, err = m.e.healths(ctx)
	}
	var owed int64
	if err == nil {
		owed, err = m.e.owed(ctx)
	}
	now := m.e.cfg.Now()
	if err != nil && ctx.Err() == nil {
		m.e.Failed("counting what waits for the metrics", err)
	}
	b := &m.backlog
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && states != nil {
		b.taken, b.at = taken{states, health, buckets, owed}, now
	}
	b.next = now.Add(max(countEvery, waitRest*now.Sub(began)))
	b.counting = nil
	close(done)
}

// waitingStates counts all that waits, by state; nil if the engine stops meanwhile.
func (e *Engine) waitingStates(ctx context.Context) (states map[string]waits, buckets map[bellhop.Bucket]int64, err error) {
	sums, err := e.Waiting(ctx)
	if err != nil || sums == nil {
		return nil, nil, err
	}
	states, buckets = map[string]waits{}, map[bellhop.Bucket]int64{}
	rs := e.table.Routes()
	for id, sum := range sums {
		buckets[bellhop.BucketOf(id)] += sum.Held + sum.Ordered + sum.Scheduled + sum.Retrying + sum.Owned + sum.Due
		if r := rs.Endpoint(id); r != nil { // else what waits is about to be swept
			sortInto(states, sum, r, e.lanes.Load(id))
		}
	}
	return states, buckets, nil
}

// backlogNow gives what waits by bucket, and when that was counted.
func (m *metrics) backlogNow() (map[bellhop.Bucket]int64, time.Time) {
	last, ok := m.waitingNow()
	m.backlog.mu.Lock()
	defer m.backlog.mu.Unlock()
	if !ok {
		return nil, time.Time{}
	}
	return last.buckets, m.backlog.at
}

// Waiting counts all that waits, by endpoint; nil if the engine stops meanwhile. It reads
// every unfinished delivery, in pieces.
func (e *Engine) Waiting(ctx context.Context) (map[bellhop.EndpointID]*bellhop.Waiting, error) {
	now := e.cfg.Now()
	sums := map[bellhop.EndpointID]*bellhop.Waiting{}
	for after := bellhop.DeliveryID(0); ; {
		select {
		case <-e.stopping:
			return nil, nil
		default:
		}
		next, err := e.store.CountWaiting(ctx, sums, after, waitPiece, now)
		if err != nil {
			return nil, err
		}
		if after = next; next == 0 {
			return sums, nil
		}
	}
}

// owed counts the deliveries that are still to be made, to endpoints that events were
// accepted with for later. It reads every fan-out, in pieces.
func (e *Engine) owed(ctx context.Context) (owed int64, err error) {
	for after := bellhop.EventID(0); ; {
		select {
		case <-e.stopping:
			return owed, nil
		default:
		}
		n, next, err := e.store.CountOwed(ctx, after, owedPiece)
		if err != nil {
			return 0, err
		}
		owed += n
		if after = next; next == 0 {
			return owed, nil
		}
	}
}

// healths counts all endpoints by health, some at a time: the lanes stand still while they
// are looked at.
func (e *Engine) healths(ctx context.Context) (map[bellhop.Health]int, error) {
	all := map[bellhop.Health]int{}
	for some := range slices.Chunk(slices.Collect(e.table.Routes().All()), waitPiece/10) {
		list, err := e.Health(ctx, bellhop.Everything(), some...)
		if err != nil {
			return nil, err
		}
		for _, h := range list {
			all[h.State]++
		}
	}
	return all, nil
}

// sortInto adds what waits at one endpoint to the states.
func sortInto(states map[string]waits, sum *bellhop.Waiting, r *routes.Route, load lane.Load) {
	add := func(state string, n int64, oldest time.Time) {
		if n <= 0 {
			return
		}
		w := states[state]
		w.n += n
		if !oldest.IsZero() && (w.oldest.IsZero() || oldest.Before(w.oldest)) {
			w.oldest = oldest
		}
		states[state] = w
	}
	sending := min(sum.Owned, int64(load.InFlight))
	ready := sum.Owned + sum.Due - sending
	add(waitsHeld, sum.Held, time.Time{})
	add(waitsSending, sending, time.Time{})
	later := func() {
		add(waitsOrdered, sum.Ordered, time.Time{})
		add(waitsRetrying, sum.Retrying, time.Time{})
		add(waitsScheduled, sum.Scheduled, time.Time{})
	}
	switch {
	case r.Status == bellhop.EndpointPaused, r.Held() && r.Status == bellhop.EndpointActive:
		add(waitsPaused, ready+sum.Ordered+sum.Retrying+sum.Scheduled, sum.OldestDue)
	case r.Status == bellhop.EndpointDisabled:
		add(waitsDisabled, ready+sum.Ordered+sum.Retrying+sum.Scheduled, sum.OldestDue)
	case !r.Live():
		add(waitsUnavailable, ready, sum.OldestDue)
		later()
	case load.Open:
		add(waitsCircuit, ready, sum.OldestDue)
		later()
	case load.Full:
		add(waitsLimited, ready, sum.OldestDue)
		later()
	default:
		add(waitsDue, ready, sum.OldestDue)
		later()
	}
}
