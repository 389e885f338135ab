package bellhop

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What one lane holds in memory at most. Everything beyond that waits in the
// store, so a flooded or dead endpoint costs its own lane only.
const (
	laneItems = 512
	laneBytes = 4 << 20
)

// lane is the in-memory queue of one endpoint, with its own limits. It starts a
// goroutine per request in flight and none while it is idle: whatever changes
// calls pump, and what must happen later is one timer.
type lane struct {
	d  *dispatcher
	id EndpointID

	// starved is true while the lane waits for a slot; it belongs to slots.
	starved bool

	mu     sync.Mutex
	route  *route
	closed bool

	queue queue
	// reserved is room promised to deliveries that are being committed.
	reserved, reservedBytes int
	inFlight                int

	// limit is how many requests may be in flight: the endpoint's concurrency,
	// lowered while the receiver says it is overloaded.
	limit    float64
	slowedAt time.Time
	limiter  *rate.Limiter
	breaker  breaker
	// failingSince starts an unbroken row of failures.
	failingSince time.Time

	// nextDue is when the store has something for this lane that no node owns;
	// zero if nothing is known. While a claim is under way, what is learnt
	// meanwhile is kept in noted.
	nextDue, noted time.Time
	claiming       bool
	releasing      bool

	timer   *time.Timer
	timerAt time.Time
}

func newLane(d *dispatcher, r *route) *lane {
	l := &lane{d: d, id: r.ID, route: r, limit: float64(r.Concurrency), failingSince: r.FailingSince}
	l.setLimiter()
	return l
}

func (l *lane) now() time.Time { return l.d.b.cfg.Now() }

func (l *lane) setLimiter() {
	rl := l.route.RateLimit
	switch {
	case rl == nil:
		l.limiter = nil
	case l.limiter == nil:
		l.limiter = rate.NewLimiter(rate.Limit(rl.PerSecond), max(rl.Burst, 1))
	default:
		l.limiter.SetLimitAt(l.now(), rate.Limit(rl.PerSecond))
		l.limiter.SetBurstAt(l.now(), max(rl.Burst, 1))
	}
}

// setRoute takes over new settings.
func (l *lane) setRoute(r *route) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.route
	if old == r {
		return
	}
	l.route = r
	if r.Concurrency != old.Concurrency {
		l.limit = float64(r.Concurrency)
	}
	l.setLimiter()
	l.failingSince = r.FailingSince
	if r.live() && (!old.live() || old.URL != r.URL) {
		// Enabled, resumed or moved: what was learnt of it is out of date.
		l.breaker.success()
	}
	if r.Ordering != old.Ordering {
		l.releaseQueue()
	}
	l.due(l.now())
	l.pump()
}

// close ends the lane of an endpoint that was deleted; its deliveries are gone
// from the store.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.drop(func(*Work) bool { return true })
	l.setTimer(time.Time{})
}

func (l *lane) forget(gone func(*Work) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(gone)
	l.pump()
}

func (l *lane) drop(gone func(*Work) bool) {
	before := l.queue.bytes
	l.queue.deleteFunc(gone)
	l.d.queuedBytes.Add(int64(l.queue.bytes - before))
}

// reserve promises room for a delivery that is about to be committed as owned by
// this node. It refuses while older ones wait in the store, so that they are not
// overtaken.
func (l *lane) reserve(bytes int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.d.isRunning() || !l.route.live() || l.breaker.open() || l.route.Ordering != OrderingNone || l.backlogged(now) {
		return false
	}
	items := l.queue.len() + l.reserved
	if items >= laneItems || items > 0 && (l.queue.bytes+l.reservedBytes+bytes > laneBytes || l.d.queuedBytes.Load() > l.d.b.cfg.QueueBytes) {
		return false
	}
	l.reserved++
	l.reservedBytes += bytes
	return true
}

func (l *lane) backlogged(now time.Time) bool {
	return !l.nextDue.IsZero() && !l.nextDue.After(now)
}

func (l *lane) unreserve(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved--
	l.reservedBytes -= bytes
	l.pump()
}

// admit takes a delivery for which room was reserved, now that it is durable.
func (l *lane) admit(w Work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved--
	l.reservedBytes -= len(w.Event.Data)
	if l.closed {
		return
	}
	l.push(w)
	l.pump()
}

func (l *lane) push(w Work) {
	l.queue.push(w)
	l.d.queuedBytes.Add(int64(len(w.Event.Data)))
}

func (l *lane) pop() Work {
	w := l.queue.pop()
	l.d.queuedBytes.Add(-int64(len(w.Event.Data)))
	return w
}

// noteDue tells the lane that the store has something for it at the given time.
func (l *lane) noteDue(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due(at)
	l.pump()
}

func (l *lane) due(at time.Time) {
	if l.claiming {
		l.noted = earliest(l.noted, at)
		return
	}
	l.nextDue = earliest(l.nextDue, at)
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pump()
}

// pump does whatever can be done now: send, fetch from the store, give back, or
// set the timer for when something can. Call it with mu held after any change.
func (l *lane) pump() {
	if l.closed || !l.d.isRunning() {
		return
	}
	now := l.now()
	if !l.route.live() {
		l.releaseQueue()
		l.setTimer(time.Time{})
		return
	}
	var wake time.Time
	for l.queue.len() > 0 {
		ok, at := l.maySend(now)
		if !ok {
			wake = at
			break
		}
		w, r, suspect := l.pop(), l.route, l.suspect()
		l.inFlight++
		if !l.d.spawn(func() { l.work(w, r, suspect) }) {
			l.inFlight--
			return // shutting down: leaving the store gives it back
		}
	}
	if l.breaker.open() && (l.queue.len() > 1 || now.Before(l.breaker.probeAt)) {
		l.releaseQueue() // but for the one that waits to be the probe
	}
	wake = earliest(wake, l.fetch(now))
	l.setTimer(wake)
}

// maySend tells whether one more request may start now and takes a slot for it;
// if only time can help, it tells when to ask again.
func (l *lane) maySend(now time.Time) (ok bool, again time.Time) {
	limit := l.inFlightLimit()
	switch {
	case l.inFlight >= limit:
		return false, time.Time{}
	case l.breaker.open() && now.Before(l.breaker.probeAt):
		return false, l.breaker.probeAt
	}
	if l.limiter != nil {
		if tokens := l.limiter.TokensAt(now); tokens < 1 {
			wait := (1 - tokens) / float64(l.limiter.Limit()) * float64(time.Second)
			return false, now.Add(max(time.Duration(wait), time.Millisecond))
		}
	}
	if !l.d.slots.take(l, l.inFlight, limit, l.suspect()) {
		return false, time.Time{}
	}
	if l.limiter != nil {
		l.limiter.AllowN(now, 1)
	}
	return true, time.Time{}
}

// suspect tells whether the lane's latest request failed.
func (l *lane) suspect() bool { return l.breaker.failures > 0 }

// inFlightLimit is how many requests may be in flight now: one, while a circuit
// is open, as a probe.
func (l *lane) inFlightLimit() int {
	if l.breaker.open() || l.route.Ordering == OrderingEndpoint {
		return 1
	}
	return max(int(l.limit), 1)
}

// fetch claims deliveries from the store when it has some that are due and the
// lane has room, and otherwise tells when that may be so.
func (l *lane) fetch(now time.Time) (again time.Time) {
	if l.nextDue.IsZero() || l.claiming || l.releasing {
		return time.Time{}
	}
	when := l.nextDue
	room := 0
	switch items := l.queue.len() + l.reserved; {
	case l.breaker.open():
		// One delivery is enough to probe with.
		if items == 0 && l.inFlight == 0 {
			room = 1
			if l.breaker.probeAt.After(when) {
				when = l.breaker.probeAt
			}
		}
	case items <= laneItems/2 && (items == 0 || l.queue.bytes <= laneBytes/2 && l.d.queuedBytes.Load() <= l.d.b.cfg.QueueBytes):
		room = laneItems - items
	}
	if room == 0 {
		return time.Time{} // the end of a request pumps again
	}
	if when.After(now) {
		return when
	}
	l.claiming = true
	if !l.d.spawn(func() { l.claim(room) }) {
		l.claiming = false
	}
	return time.Time{}
}

// claim reads work from the store into the queue.
func (l *lane) claim(limit int) {
	d := l.d
	claimed, err := d.b.store.Claim(d.sending, ClaimRequest{
		Node: d.b.node.Load().id, Endpoint: l.id, Limit: limit, MaxBytes: laneBytes / 2,
	}, l.now())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claiming = false
	if err != nil {
		if d.sending.Err() == nil {
			_ = d.b.wrote("claim deliveries", err)
			d.b.log.Warn("claiming deliveries failed; trying again in a second", "endpoint", l.id.String(), "err", err)
		}
		claimed = Claimed{Next: l.now().Add(time.Second)}
	}
	l.nextDue = earliest(claimed.Next, l.noted)
	l.noted = time.Time{}
	if l.closed {
		return
	}
	for _, w := range claimed.Work {
		l.push(w)
	}
	l.pump()
}

// releaseQueue gives everything queued back to the store, where it waits without
// costing memory, for this node or another.
func (l *lane) releaseQueue() {
	if l.queue.len() == 0 || l.releasing || !l.d.isRunning() {
		return
	}
	var ids []DeliveryID
	for l.queue.len() > 0 {
		ids = append(ids, l.pop().Delivery.ID)
	}
	l.releasing = true
	l.due(l.now())
	if !l.d.spawn(func() {
		node := l.d.b.node.Load().id
		l.d.persist("release deliveries", func(ctx context.Context) error {
			return l.d.b.store.Release(ctx, node, ids, l.now())
		})
		l.mu.Lock()
		defer l.mu.Unlock()
		l.releasing = false
		l.pump()
	}) {
		l.releasing = false
	}
}

// work delivers w, and then, as long as there is more to send at once, the next.
// suspect says on which account its slot was taken.
func (l *lane) work(w Work, r *route, suspect bool) {
	for more := true; more; {
		again, ok := l.deliver(&w, r)
		if starving := l.d.slots.give(suspect); starving != nil {
			starving.wake()
		}
		l.mu.Lock()
		l.inFlight--
		more = false
		if ok && !again.IsZero() {
			l.due(again)
		}
		if !l.closed && l.route.live() && l.queue.len() > 0 && l.d.isRunning() {
			if may, _ := l.maySend(l.now()); may {
				w, r, suspect, more = l.pop(), l.route, l.suspect(), true
				l.inFlight++
			}
		}
		l.pump()
		l.mu.Unlock()
	}
}

// deliver makes one attempt and records it. It tells when the store has more for
// this lane because of it, and is not ok if the attempt was cut off by shutdown.
func (l *lane) deliver(w *Work, r *route) (again time.Time, ok bool) {
	b := l.d.b
	a := b.attempt(l.d.sending, r, w)
	if a == nil {
		return time.Time{}, false
	}
	now := l.now()
	dec := decide(r.Retry, w.Delivery.Trigger, a.Number, a.ResponseStatus, a.ResponseHeader, now, b.cfg.Random())
	if a.Reason != "" && dec.status == AttemptSucceeded {
		// A 2xx whose body never ended in time: not taken.
		dec = decide(r.Retry, w.Delivery.Trigger, a.Number, 0, nil, now, b.cfg.Random())
	}
	a.Status, a.Final, a.NextAt = dec.status, dec.final, dec.nextAt
	failing, disable := l.judge(a, dec, now)
	if !b.record(Result{Attempt: *a, Failing: failing}, w) {
		return time.Time{}, false
	}
	if disable != "" {
		b.disable(l.d.sending, r.ID, disable)
	}
	switch {
	case !a.Final:
		again = a.NextAt
	case w.Delivery.OrderKey != "":
		again = now // the next of its order may go
	}
	return again, true
}

// judge learns from an attempt how the endpoint is: it moves the circuit breaker
// and the concurrency, and tells what the store must know of its health and
// whether, and why, it is to be disabled.
func (l *lane) judge(a *Attempt, dec decision, now time.Time) (failing *time.Time, disable string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Reason == reasonRender {
		return nil, "" // our own failing says nothing of the receiver
	}
	if dec.status == AttemptSucceeded {
		if l.breaker.open() {
			l.d.b.log.Info("circuit closed: the endpoint works again", "endpoint", l.id.String())
		}
		l.breaker.success()
		l.limit = min(l.limit+1/l.limit, float64(l.route.Concurrency))
		if !l.failingSince.IsZero() {
			l.failingSince = time.Time{}
			failing = &time.Time{}
		}
		return failing, ""
	}
	started := a.StartedAt()
	if dec.slow && started.After(l.slowedAt) {
		// Once for all the requests that were in flight together.
		l.limit, l.slowedAt = max(l.limit/2, 1), now
	}
	if l.breaker.failure(a.Reason, now) {
		l.d.b.log.Warn("circuit opened: deliveries wait while single ones probe",
			"endpoint", l.id.String(), "failures", l.breaker.failures, "reason", a.Reason)
	}
	if l.failingSince.IsZero() {
		l.failingSince = started
		failing = &started
	}
	switch failingFor := now.Sub(l.failingSince); {
	case dec.disable:
		disable = "The receiver answered 410 Gone: it wants no more events."
	case failingFor >= l.d.b.cfg.DisableAfter:
		disable = "Every attempt failed for " + Duration(failingFor.Round(time.Minute)).String() + ", since " + l.failingSince.UTC().Format(time.RFC3339) + "."
	}
	return failing, disable
}

// setTimer makes sure that pump is called at the given time; zero means that only
// another event can help.
func (l *lane) setTimer(at time.Time) {
	if at.IsZero() {
		if l.timer != nil && !l.timerAt.IsZero() {
			l.timer.Stop()
		}
		l.timerAt = time.Time{}
		return
	}
	if at.Equal(l.timerAt) {
		return
	}
	l.timerAt = at
	wait := max(at.Sub(l.now()), 0)
	if l.timer == nil {
		l.timer = time.AfterFunc(wait, l.ring)
		return
	}
	l.timer.Reset(wait)
}

func (l *lane) ring() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timerAt = time.Time{}
	l.pump()
}

func (l *lane) stopTimer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setTimer(time.Time{})
}

// LaneState is what an endpoint's lane is doing on this node.
type LaneState struct {
	// Circuit is "closed", "open" or, when a probe is due or under way,
	// "half_open".
	Circuit             string    `json:"circuit"`
	OpenSince           time.Time `json:"open_since,omitzero"`
	NextProbe           time.Time `json:"next_probe,omitzero"`
	ConsecutiveFailures int       `json:"consecutive_failures"`
	// LastFailure is the reason word of the latest failure.
	LastFailure string `json:"last_failure,omitempty"`
	// Queued counts the deliveries in memory, InFlight the requests under way.
	Queued   int `json:"queued"`
	InFlight int `json:"in_flight"`
	// Concurrency is the limit of InFlight as adapted now.
	Concurrency int `json:"concurrency"`
	// FailingSince is the start of an unbroken row of failures.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// Held says why deliveries are held, if they are.
	Held string `json:"held,omitempty"`
}

// LaneState tells what the endpoint's lane is doing now.
func (b *Bellhop) LaneState(e EndpointID) (LaneState, error) {
	r, err := b.route(e)
	if err != nil {
		return LaneState{}, err
	}
	return b.lanes.lane(r).state(), nil
}

func (l *lane) state() LaneState {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LaneState{
		Circuit: l.breaker.state(l.now()), OpenSince: l.breaker.openSince, NextProbe: l.breaker.probeAt,
		ConsecutiveFailures: l.breaker.failures, LastFailure: l.breaker.last,
		Queued: l.queue.len(), InFlight: l.inFlight, Concurrency: l.inFlightLimit(),
		FailingSince: l.failingSince,
	}
	switch {
	case l.route.Status != EndpointActive:
		s.Held = string(l.route.Status)
	case l.route.broken != "":
		s.Held = l.route.broken
	}
	return s
}
