package bellhop

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What one lane holds in memory at most. Everything beyond that waits in the
// store, so a flooded or dead endpoint costs its own lane only.
const (
	laneItems = 512
	laneBytes = 4 << 20
	// stepItems bounds what one claim or release moves: while it runs, nobody else
	// writes.
	stepItems = 128
	// slowAfter without an answer, while requests are in flight, a lane counts as
	// failing, long before the timeout.
	slowAfter = time.Second
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
	// progress is when a request last ended, or the first one began; proven says
	// that one succeeded since the start.
	progress time.Time
	proven   bool

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
	if r.live() && (!old.live() || old.URL != r.URL) {
		// Enabled, resumed or moved: what was learnt of it is out of date.
		l.breaker.success()
		l.failingSince, l.proven = time.Time{}, false
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
	l.d.heldBytes.Add(int64(l.queue.bytes - before))
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
	if items >= laneItems || items > 0 && l.queue.bytes+l.reservedBytes+bytes > laneBytes || l.d.heldBytes.Load() > l.d.b.cfg.QueueBytes {
		return false
	}
	l.reserved++
	l.reservedBytes += bytes
	l.d.heldBytes.Add(int64(bytes))
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
	l.d.heldBytes.Add(-int64(bytes))
	l.pump()
}

// admit takes a delivery for which room was reserved, now that it is durable.
func (l *lane) admit(w Work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved--
	l.reservedBytes -= len(w.Event.Data)
	l.d.heldBytes.Add(-int64(len(w.Event.Data)))
	if l.closed {
		return
	}
	l.push(w)
	if l.route.Ordering != OrderingNone {
		l.releaseQueue() // order was asked for meanwhile
	}
	l.pump()
}

func (l *lane) push(w Work) {
	l.queue.push(w)
	l.d.heldBytes.Add(int64(len(w.Event.Data)))
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

// wakeForSlot tells whether the lane made use of a slot that became free.
func (l *lane) wakeForSlot() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.inFlight
	l.pump()
	return l.inFlight > before
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
		s, ok, at := l.maySend(now)
		if !ok {
			wake = at
			break
		}
		if !l.d.spawn(func() { l.work(s) }) {
			return // shutting down: leaving the store gives it back
		}
	}
	if l.breaker.open() && (l.queue.len() > 1 || now.Before(l.breaker.probeAt)) {
		l.releaseQueue() // but for the one that waits to be the probe
	}
	wake = earliest(wake, l.fetch(now))
	l.setTimer(wake)
}

// sending is one request about to be made: what, by which settings, and on which
// account its slot was taken.
type sending struct {
	w  Work
	r  *route
	as standing
}

// maySend takes the next delivery off the queue, and a slot for it, if a request
// may start now; if only time can help, it tells when to ask again.
func (l *lane) maySend(now time.Time) (s sending, ok bool, again time.Time) {
	limit := l.inFlightLimit()
	switch {
	case l.inFlight >= limit:
		return s, false, time.Time{}
	case l.breaker.open() && now.Before(l.breaker.probeAt):
		return s, false, l.breaker.probeAt
	}
	if l.limiter != nil {
		if tokens := l.limiter.TokensAt(now); tokens < 1 {
			wait := (1 - tokens) / float64(l.limiter.Limit()) * float64(time.Second)
			return s, false, now.Add(max(time.Duration(wait), time.Millisecond))
		}
	}
	as := l.standing(now)
	if !l.d.slots.take(l, as, l.inFlight, limit) {
		return s, false, time.Time{}
	}
	if l.limiter != nil {
		l.limiter.AllowN(now, 1)
	}
	if l.inFlight == 0 {
		l.progress = now
	}
	l.inFlight++
	return sending{l.queue.pop(), l.route, as}, true, time.Time{}
}

func (l *lane) standing(now time.Time) standing {
	switch {
	case l.breaker.failures > 0, !l.failingSince.IsZero(), l.inFlight > 0 && now.Sub(l.progress) > slowAfter:
		return failing
	case l.proven:
		return proven
	}
	return unproven
}

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
	budget := min(l.d.b.cfg.QueueBytes-l.d.heldBytes.Load(), laneBytes/2)
	switch items := l.queue.len() + l.reserved; {
	case l.breaker.open():
		// One delivery is enough to probe with.
		if items == 0 && l.inFlight == 0 {
			room = 1
			if l.breaker.probeAt.After(when) {
				when = l.breaker.probeAt
			}
		}
	case budget <= 0:
		// All lanes together hold too much: one at a time, so that none starves.
		if items == 0 && l.inFlight == 0 {
			room = 1
		}
	case items <= laneItems/2 && l.queue.bytes <= laneBytes/2:
		room = min(laneItems-items, stepItems)
	}
	if room == 0 {
		return time.Time{} // the end of a request pumps again
	}
	if when.After(now) {
		return when
	}
	l.claiming = true
	budget = max(budget, 1)
	l.d.heldBytes.Add(budget) // other lanes' claims must not count on it
	ordering := l.route.Ordering
	if !l.d.spawn(func() { l.claim(room, budget, ordering) }) {
		l.claiming = false
		l.d.heldBytes.Add(-budget)
	}
	return time.Time{}
}

// claim reads work from the store into the queue.
func (l *lane) claim(limit int, maxBytes int64, ordering Ordering) {
	d := l.d
	claimed, err := d.b.store.Claim(d.sending, ClaimRequest{
		Node: d.b.node.Load().id, Endpoint: l.id, Limit: limit, MaxBytes: int(maxBytes),
	}, l.now())
	d.heldBytes.Add(-maxBytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claiming = false
	if err != nil {
		if d.sending.Err() == nil && !errors.Is(d.b.wrote("claim deliveries", err), ErrUnavailable) {
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
	if l.route.Ordering != ordering {
		l.releaseQueue() // claimed under rules that are no longer true
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
		w := l.queue.pop()
		l.d.heldBytes.Add(-int64(len(w.Event.Data)))
		ids = append(ids, w.Delivery.ID)
	}
	l.releasing = true
	l.due(l.now())
	if !l.d.spawn(func() {
		node := l.d.b.node.Load().id
		for some := range slices.Chunk(ids, stepItems) {
			l.d.persist("release deliveries", func(ctx context.Context) error {
				return l.d.b.store.Release(ctx, node, some, l.now())
			})
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.releasing = false
		l.pump()
	}) {
		l.releasing = false
	}
}

// work makes a request, and then, as long as there is more to send at once, the
// next.
func (l *lane) work(s sending) {
	for more := true; more; {
		done := l.deliver(&s)
		now := l.now()
		l.mu.Lock()
		l.inFlight--
		l.progress = now
		l.d.heldBytes.Add(-int64(len(s.w.Event.Data)))
		switch {
		case !done.recorded:
		case !done.final:
			l.due(done.nextAt)
		case s.w.Delivery.OrderKey != "" || l.route.Ordering != OrderingNone:
			l.due(now) // the next of its order may go
		}
		l.mu.Unlock()
		l.d.slots.give(s.as)

		l.mu.Lock()
		more = false
		if !l.closed && l.route.live() && l.queue.len() > 0 && l.d.isRunning() {
			s, more, _ = l.maySend(now)
		}
		l.pump()
		l.mu.Unlock()
	}
}

// delivered says how far one attempt came: it is not recorded if shutdown cut it
// off.
type delivered struct {
	recorded bool
	final    bool
	nextAt   time.Time
}

// deliver makes one attempt, decides what is next, and records both.
func (l *lane) deliver(s *sending) delivered {
	b := l.d.b
	a := b.attempt(l.d.sending, s.r, &s.w)
	if a == nil {
		return delivered{}
	}
	now := l.now()
	dec := decide(s.r.Retry, s.w.Delivery.Trigger, a.Number, a.ResponseStatus, a.ResponseHeader, now, b.cfg.Random())
	if a.Reason != "" && dec.status == AttemptSucceeded {
		// A 2xx whose body never ended in time: not taken.
		dec = decide(s.r.Retry, s.w.Delivery.Trigger, a.Number, 0, nil, now, b.cfg.Random())
	}
	a.Status, a.Final, a.NextAt = dec.status, dec.final, dec.nextAt
	v := l.judge(a, s.r, dec, now)
	res := Result{Attempt: *a, Failing: v.failing}
	if at := s.w.Event.DeliverAt; at != nil {
		res.Due = *at
	}
	if !b.record(res, &s.w) {
		return delivered{}
	}
	switch {
	case v.gone:
		b.disable(l.d.sending, s.r, "The receiver answered 410 Gone: it wants no more events.")
	case !v.failedSince.IsZero():
		l.disableUnlessItWorked(s.r, v.failedSince, now)
	}
	return delivered{recorded: true, final: a.Final, nextAt: a.NextAt}
}

// health is what an attempt says of its endpoint.
type health struct {
	// failing is what the store must know, as in Result.
	failing *time.Time
	// gone: the receiver wants no more events.
	gone bool
	// failedSince, if not zero, starts a row of failures that is long enough to
	// disable the endpoint.
	failedSince time.Time
}

// judge learns from an attempt how the endpoint is: it moves the circuit breaker
// and the concurrency.
func (l *lane) judge(a *Attempt, r *route, dec decision, now time.Time) (v health) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Reason == reasonRender || r.URL != l.route.URL {
		return v // our own failing, or an address that it no longer has
	}
	if dec.status == AttemptSucceeded {
		if l.breaker.open() {
			l.d.b.log.Info("circuit closed: the endpoint works again", "endpoint", l.id.String())
		}
		l.breaker.success()
		l.proven = true
		l.limit = min(l.limit+1/l.limit, float64(l.route.Concurrency))
		if !l.failingSince.IsZero() {
			l.failingSince = time.Time{}
			v.failing = &time.Time{}
		}
		return v
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
		v.failing = &started
	}
	v.gone = dec.disable
	if now.Sub(l.failingSince) >= l.d.b.cfg.DisableAfter {
		v.failedSince = l.failingSince
	}
	return v
}

// disableUnlessItWorked disables an endpoint that has failed for long, after asking
// the log: a success that another node saw, or that was recorded out of turn, counts.
func (l *lane) disableUnlessItWorked(r *route, since, now time.Time) {
	b := l.d.b
	successes, err := b.store.Attempts(l.d.sending, AttemptFilter{Endpoint: r.ID, Status: AttemptSucceeded, Since: since, Limit: 1})
	switch {
	case err != nil:
		b.log.Error("looking for successes of a failing endpoint failed; trying again at its next failure", "endpoint", r.ID.String(), "err", err)
	case len(successes) > 0:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failingSince = time.Time{} // the next failure begins anew
	default:
		b.disable(l.d.sending, r, "Every attempt failed for "+Duration(now.Sub(since).Round(time.Minute)).String()+
			", since "+since.UTC().Format(time.RFC3339)+".")
	}
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
