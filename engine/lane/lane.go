package lane

import (
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// How much of an endpoint's work is in memory.
const (
	// What comes in stays there as long as its lane has no more waiting than one in
	// freeShare of the memory that all lanes leave free: one flooded endpoint may use much
	// of it, many share it, and who comes later always finds some.
	freeShare = 2
	// What waits in the store is fetched when less than half of this is left: enough to keep
	// a fast receiver busy until more has come. Of large events, that is more bytes while
	// memory is free, a part of it: a claim waits for what is being written, and large events
	// take long to write.
	fetchItems = 1024
	fetchBytes = 8 << 20
	fetchMost  = 32 << 20
	fetchShare = 4
	// Retries have room of their own beside it, so that they never fill that of first
	// attempts: of the bytes, a quarter.
	retryItems = 128
	retryPart  = 4
	// itemWeight is about what a delivery takes in memory besides its event's data and the
	// body of its request, in bytes.
	itemWeight = 1024
	// retryShare: while both wait, one request in so many is a retry, so that first
	// attempts hardly wait for retries and retries do not wait for ever.
	retryShare = 8
	// stepItems bounds what one claim or release moves: while it runs, nobody else
	// writes.
	stepItems = 256
	// restTime is how long a lane waits after this machine had nothing to connect with.
	restTime = time.Second
	// slowAfter without an answer, while requests are in flight, a lane counts as
	// failing, long before the timeout.
	slowAfter = time.Second
	// askAgain is how long a lane waits after a claim that failed.
	askAgain = time.Second
	// verdictAgain is how long a lane waits before it speaks against its endpoint
	// once more.
	verdictAgain = time.Minute
)

// lane is the in-memory queue of one endpoint, with its own limits. Whatever changes
// calls pump, which does all that can be done now.
type lane struct {
	m      *Machine
	id     bellhop.EndpointID
	route  *routes.Route
	bucket *holding
	closed bool

	// starved is true while the lane waits for a slot, as waitsAs; they belong to slots.
	starved bool
	waitsAs standing
	// hungry is true while the lane waits for memory; it belongs to memory, as what the lane
	// holds of it, and as what that counts. offered: it is the lane's turn.
	hungry, offered bool
	held            int64
	class           standing
	// wakeAt and place belong to timers.
	wakeAt time.Time
	place  int

	queue queue
	// reserved is room promised to deliveries that are being committed.
	reserved, reservedWeight int
	// unfinished are the requests that are under way, or whose outcome is not durable yet.
	// flying counts those under way, but for what was answered and made room for others:
	// retrying is how many of them are retries, and untried how many began while the lane was
	// unproven and did not hang yet. passed counts the first attempts that have
	// gone before a waiting retry.
	unfinished jobs
	flying     int
	retrying   int
	untried    int
	passed     int
	// progress is when a request last ended, or the first one began; proven says
	// that an answer showed the receiver alive, or that it has taken an event before.
	progress time.Time
	proven   bool

	// window is how many requests may be in flight.
	window  window
	limiter *rate.Limiter
	breaker breaker
	// restUntil is when the next request may go after one that could not leave for
	// lack of descriptors or the like; it goes alone. Zero once one has left.
	restUntil time.Time
	// vitals are what is known of the receiver, and stored what of that is durable or on
	// its way there.
	vitals, stored bellhop.Vitals
	verdictAt      time.Time

	// nextDue is when the store has something for this lane that no node owns. While a
	// claim is under way, what is learnt meanwhile is kept in noted.
	nextDue, noted dues
	// askAt is when a claim may be made again after one that failed. The store has
	// something meanwhile, and nothing newer may overtake it.
	askAt     time.Time
	claiming  bool
	claimedOf kind // the last claim's
	releasing bool
	// mustRelease: what is queued was taken under rules that are no longer true.
	mustRelease bool
	// orders counts how often the ordering was changed, as far as that may be.
	orders int
	// What was on its way when the queue was given back is newer than that, and must
	// follow it: a claim (outdated), and so many reservations (behind).
	outdated bool
	behind   int
	// doubtful: a claim's answer was lost, so the store may take for ours what is
	// not. Once nothing is being committed, the store is told what is (disowning).
	doubtful, disowning bool
}

func newLane(m *Machine, r *routes.Route) *lane {
	l := &lane{
		m: m, id: r.ID, route: r, bucket: &m.buckets[bellhop.BucketOf(r.ID)], place: nowhere, window: newWindow(m.windowOf(r)),
		limiter: newLimiter(r),
	}
	l.know(r.Vitals)
	return l
}

// know takes over what is stored of the receiver. Behind an open circuit a probe goes
// at once.
func (l *lane) know(v bellhop.Vitals) {
	l.vitals, l.stored, l.verdictAt, l.proven = v, v, time.Time{}, v.Taken
	l.breaker = breaker{failures: v.Ill}
	if v.Ill > 0 {
		l.breaker.last = v.Reason
	}
	if !v.OpenSince.IsZero() {
		l.breaker.openSince, l.breaker.interval = v.OpenSince, firstProbe
	}
}

// tenant is whose an endpoint is, to be fair between tenants: the first of its apps.
func tenant(r *routes.Route) string {
	if r == nil || len(r.Apps) == 0 {
		return ""
	}
	return r.Apps[0]
}

func newLimiter(r *routes.Route) *rate.Limiter {
	limit := r.Limit()
	if limit == nil {
		return nil
	}
	return rate.NewLimiter(rate.Limit(limit.PerSecond), max(limit.Burst, 1))
}

// configure takes over new settings.
func (l *lane) configure(r *routes.Route, now time.Time) {
	old := l.route
	if old == r {
		l.pump(now)
		return
	}
	l.route = r
	if from, most, exact := l.m.windowOf(r); float64(from) != l.window.from || exact != l.window.exact {
		l.window.configure(from, most, exact)
	}
	switch rl := r.Limit(); {
	case rl == nil || l.limiter == nil:
		l.limiter = newLimiter(r)
	default: // what was spent stays spent
		l.limiter.SetLimitAt(now, rate.Limit(rl.PerSecond))
		l.limiter.SetBurstAt(now, max(rl.Burst, 1))
	}
	switch {
	case r.Vitals.Revision != old.Vitals.Revision:
		// Enabled, resumed, moved or given other credentials: what was learnt of it is out of date.
		l.know(r.Vitals)
	case r.Live() && !old.Live():
		stored := l.stored
		l.know(bellhop.Vitals{Revision: stored.Revision, Since: stored.Since})
		l.stored = stored
	}
	if r.Live() && !old.Live() {
		// Older ones may have been held meanwhile, of which nobody knew yet when room
		// was promised: they go first.
		l.behind = l.reserved
	}
	// Between two changes that were told at once, the ordering may have been another, by
	// which something was claimed.
	if r.Ordering != old.Ordering || r.Revision > old.Revision+1 {
		l.orders++
		l.mustRelease = true
	}
	l.anyDue(now)
	l.pump(now)
}

// close ends the lane of an endpoint that was deleted; its deliveries are ended in
// the store, when what is in flight has been answered.
func (l *lane) close() {
	l.closed = true
	l.countAs(proven) // what comes to a lane that is gone is counted so
	l.giveUp(func(*bellhop.Work) bool { return true })
	if l.doubtful {
		l.disown()
	}
	l.wakeBy(time.Time{})
}

// giveUp takes what is gone off the queue and gives it back to the store, which ends
// it. It says how much that was.
func (l *lane) giveUp(gone func(*bellhop.Work) bool) int {
	var ids []bellhop.DeliveryID
	l.drop(func(w *bellhop.Work) bool {
		if !gone(w) {
			return false
		}
		ids = append(ids, w.Delivery.ID)
		return true
	})
	if len(ids) > 0 {
		l.m.giveUp(l.id, l.m.lease, ids)
	}
	return len(ids)
}

// drop takes what is gone off the queue, and says how much that was.
func (l *lane) drop(gone func(*bellhop.Work) bool) int {
	items, weight := l.queue.len(), l.queue.weight()
	l.queue.deleteFunc(gone)
	l.hold(int64(l.queue.weight() - weight))
	return items - l.queue.len()
}

func (l *lane) reserve(bytes int, now time.Time) bool {
	if !l.route.Live() || l.barred() || !l.sound(now) || l.route.Ordering != bellhop.OrderingNone || l.backlogged(now) ||
		l.doubtful || l.disowning || l.mustRelease {
		return false
	}
	waiting := &l.queue[firstAttempt]
	weight := weigh(bytes)
	if waiting.len()+l.reserved > 0 && int64(waiting.weight+l.reservedWeight+weight) > l.m.memory.free()/freeShare ||
		!l.mayTakeIn(int64(weight), now) {
		return false
	}
	l.reserved++
	l.reservedWeight += weight
	l.hold(int64(weight))
	return true
}

// sound tells whether what is new may be sent at once. Behind an open circuit, the owner
// fetches what it probes with; who is not has nothing but what comes in.
func (l *lane) sound(now time.Time) bool {
	return !l.breaker.open() || !l.mine() && !now.Before(l.breaker.probeAt) && l.queue.len()+l.reserved+l.flying == 0
}

// backlogged tells whether first attempts wait in the store, which must not be
// overtaken. Retries may be: no first attempt waits behind one.
func (l *lane) backlogged(now time.Time) bool {
	at := earliest(l.nextDue[firstAttempt], l.noted[firstAttempt])
	return !at.IsZero() && !at.After(now)
}

func (l *lane) unreserve(bytes int) {
	l.reserved--
	l.reservedWeight -= weigh(bytes)
	l.hold(-int64(weigh(bytes)))
	l.behind = max(l.behind-1, 0)
}

// admit takes a delivery for which room was reserved, now that it is durable.
func (l *lane) admit(w bellhop.Work, now time.Time) {
	// Order was asked for meanwhile, or older ones were given back.
	l.mustRelease = l.mustRelease || l.route.Ordering != bellhop.OrderingNone || l.behind > 0
	l.unreserve(len(w.Event.Data))
	l.push(w, 0)
	l.pump(now)
}

// push queues work, unless it belongs to others by now, or is gone. What is gone is
// given back: the store knows best whether anything is left of it. The store was asked
// for it after so many deaths.
func (l *lane) push(w bellhop.Work, deaths int) {
	if w.Lease != l.m.lease {
		return
	}
	defer l.m.saw(w.Event.CreatedAt())
	if l.m.graves.has(w.Event, deaths) {
		l.m.giveUp(l.id, w.Lease, []bellhop.DeliveryID{w.Delivery.ID})
		return
	}
	l.queue.push(w)
	l.hold(int64(weightOf(&w)))
}

// due notes that the store has something of a kind for the lane at the given time.
func (l *lane) due(k kind, at, now time.Time) {
	if !l.mine() && l.m.running {
		if !at.After(now) {
			l.elsewhere()
		}
		return
	}
	if l.claiming {
		l.noted.note(k, ours(at, now))
		return
	}
	l.nextDue.note(k, ours(at, now))
}

// anyDue notes that the store may have anything for the lane now. That is the owner's
// affair.
func (l *lane) anyDue(now time.Time) {
	if !l.mine() && l.m.running {
		return
	}
	for k := range kinds {
		l.due(k, now, now)
	}
}

// ours is a time from outside as one of this process: by how far it is from now. Times
// of the clock that never jumps and times of the one on the wall must not be compared
// with each other, once the latter has been set.
func ours(at, now time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return now.Add(at.Sub(now))
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// pump does whatever can be done now: send, fetch from the store, give back to it, or
// ask to be called at the time when something can.
func (l *lane) pump(now time.Time) {
	if l.closed || !l.m.running || l.m.distrusted {
		return
	}
	if l.queue.len() == 0 && l.nextDue == (dues{}) && !l.doubtful { // nothing waits, here or in the store
		l.mustRelease = false
		l.wakeBy(l.hangsAt())
		return
	}
	if l.doubtful && !l.disowning && !l.claiming && !l.releasing && l.reserved == 0 {
		l.disown()
	}
	if !l.route.Live() || l.mustRelease || l.barred() {
		if !l.release(now) {
			l.wakeBy(time.Time{}) // the end of the release before pumps again
			return
		}
		if l.mustRelease = false; !l.route.Live() || l.barred() {
			l.wakeBy(time.Time{})
			return
		}
	}
	var wake time.Time
	for l.queue.len() > 0 {
		job, again := l.next(now)
		if job == nil {
			wake = again
			break
		}
		l.m.do(Send{job})
	}
	if l.breaker.open() && (l.queue.len() > 1 || now.Before(l.breaker.probeAt)) {
		l.release(now) // but for the one that waits to be the probe
	}
	l.wakeBy(earliest(earliest(wake, l.fetch(now)), l.hangsAt()))
}

// next takes the next delivery off the queue, and a slot for it, if a request may
// start now; if only time can help, it tells when to ask again.
func (l *lane) next(now time.Time) (job *Job, again time.Time) {
	limit := l.inFlightLimit()
	switch {
	case l.flying >= limit:
		l.window.full()
		return nil, time.Time{}
	case l.breaker.open() && now.Before(l.breaker.probeAt):
		return nil, l.breaker.probeAt
	case now.Before(l.restUntil):
		return nil, l.restUntil
	}
	retries := l.mayRetry(limit)
	if l.queue[firstAttempt].len() == 0 && !retries {
		return nil, time.Time{}
	}
	if l.limiter != nil {
		if tokens := l.limiter.TokensAt(now); tokens < 1 {
			wait := (1 - tokens) / float64(l.limiter.Limit()) * float64(time.Second)
			return nil, now.Add(max(time.Duration(wait), time.Millisecond))
		}
	}
	as := l.standing(now)
	if !l.m.slots.take(l, as, tenant(l.route), l.flying, limit) {
		return nil, time.Time{}
	}
	if as == unproven {
		l.untried++
	}
	if l.limiter != nil {
		l.limiter.AllowN(now, 1)
	}
	if l.flying == 0 {
		l.progress = now
	}
	job = &Job{Work: l.queue[l.turn(retries)].pop(), Route: l.route, lane: l, as: as, together: l.flying + 1}
	l.unfinished.add(job)
	l.flying++
	if job.Work.Delivery.IsRetry() {
		l.retrying++
	}
	return job, time.Time{}
}

// mayRetry tells whether a waiting retry may go. A quarter of the requests that may be
// in flight is left to first attempts, for retries that take long.
func (l *lane) mayRetry(limit int) bool {
	return l.queue[retry].len() > 0 && l.retrying < limit-limit/4
}

// turn says of which kind the next request is.
func (l *lane) turn(retries bool) kind {
	switch {
	case !retries:
		return firstAttempt
	case l.queue[firstAttempt].len() > 0 && l.passed < retryShare-1:
		l.passed++
		return firstAttempt
	}
	l.passed = 0
	return retry
}

// resting tells whether the lane's last request could not leave this machine.
func (l *lane) resting() bool { return !l.restUntil.IsZero() }

// inFlightLimit is how many requests may be in flight now: one, while a circuit
// is open or the lane rests, as a probe.
func (l *lane) inFlightLimit() int {
	if l.breaker.open() || l.resting() || l.route.Ordering == bellhop.OrderingEndpoint {
		return 1
	}
	return max(int(l.window.limit), 1)
}

// limitedBy says why that is so.
func (l *lane) limitedBy() bellhop.ConcurrencyReason {
	switch {
	case l.breaker.open():
		return bellhop.ConcurrencyCircuit
	case l.resting():
		return bellhop.ConcurrencyRests
	case l.route.Ordering == bellhop.OrderingEndpoint:
		return bellhop.ConcurrencyOrdered
	}
	return l.window.why
}

// release gives everything queued back to the store, where it waits without costing
// memory, for this node or another. It answers false if that must wait for the end of
// an earlier release.
func (l *lane) release(now time.Time) bool {
	if l.queue.len() == 0 {
		return true
	}
	if l.releasing {
		return false
	}
	ids := make([]bellhop.DeliveryID, 0, l.queue.len())
	l.drop(func(w *bellhop.Work) bool {
		ids = append(ids, w.Delivery.ID)
		return true
	})
	l.releasing, l.outdated, l.behind = true, l.claiming, l.reserved
	l.anyDue(now)
	l.m.do(Release{Endpoint: l.id, Lease: l.m.lease, Deliveries: ids})
	return true
}

// disown tells the store what is ours, so that it gives up the rest.
func (l *lane) disown() {
	l.doubtful, l.disowning = false, true
	known := make([]bellhop.DeliveryID, 0, l.queue.len()+len(l.unfinished))
	for w := range l.queue.all() {
		known = append(known, w.Delivery.ID)
	}
	for _, job := range l.unfinished {
		if job.Work.Lease == l.m.lease {
			known = append(known, job.Work.Delivery.ID)
			job.named = true
		}
	}
	slices.Sort(known) // every run is alike
	l.m.do(Disown{Endpoint: l.id, Lease: l.m.lease, Known: known})
}

// sent decides what an outcome means, for the delivery and for the endpoint.
func (l *lane) sent(in Sent, now time.Time) {
	job := in.Job
	if in.Cut {
		l.m.recorded(Recorded{Job: job, Failed: true}, now)
		return
	}
	if in.Withheld {
		l.spare(job, now)
		return
	}
	if in.Outcome.Reason == bellhop.ReasonResources || in.Outcome.Reason == bellhop.ReasonNoListener {
		l.spare(job, now)
		return
	}
	if !now.Before(l.restUntil) {
		l.restUntil = time.Time{}
	}
	w, o := &job.Work, in.Outcome
	number := w.Delivery.Attempts + 1
	job.decision = Decide(job.Route.Retry, w.Delivery.Trigger, number-w.Delivery.Uncounted, age(w, job.Route, now)-in.Unseen, *o, now, in.Random)
	result := &bellhop.Result{
		Lease: w.Lease, Held: job.decision.Held, Revision: job.Route.Revision,
		Attempt: bellhop.Attempt{
			ID: in.Attempt, Delivery: w.Delivery.ID, Event: w.Delivery.Event, Endpoint: l.id,
			App: w.Event.App, Type: w.Event.Type, Trigger: w.Delivery.Trigger, Number: number,
			Status: job.decision.Status, Final: job.decision.Final, NextAt: job.decision.NextAt,
			URL: o.Exchange.URL, Method: o.Exchange.Method, Duration: bellhop.Duration(o.Exchange.Duration), Reason: o.Reason, Detail: o.Detail,
			RequestHeader: o.Exchange.RequestHeader, RequestBody: o.Exchange.RequestBody,
			RequestTruncated: o.Exchange.RequestTruncated, ResponseStatus: o.Exchange.ResponseStatus,
			ResponseHeader: o.Exchange.ResponseHeader, ResponseBody: o.Exchange.ResponseBody,
			ResponseTruncated: o.Exchange.ResponseTruncated, Captured: o.Captured,
			Dialect: o.Exchange.Dialect, Proof: o.Exchange.Proof,
		},
	}
	if at := w.Event.DeliverAt; at != nil {
		result.Due = *at
	}
	result.Vitals = l.judge(job, in, now)
	l.m.do(Record{job, result})
	if l.mayOwe(job) && l.m.mayOwe(job, &result.Attempt) {
		job.owed = true
		l.m.landed(job, now)
	}
}

// spare ends a request that could not leave this machine: no attempt was made, so none
// is recorded. The delivery goes back to the store with all that is queued, so that the
// order is kept, and is fetched again soon.
func (l *lane) spare(job *Job, now time.Time) {
	l.restUntil = now.Add(restTime)
	if l.closed {
		l.m.giveUp(l.id, job.Work.Lease, []bellhop.DeliveryID{job.Work.Delivery.ID})
	} else {
		l.push(job.Work, 0)
		l.mustRelease = true
	}
	l.m.recorded(Recorded{Job: job, Failed: true}, now)
}

// disableAfter is how long the endpoint may fail: longer than a delivery is tried, so
// that those of before have come to their end.
func (l *lane) disableAfter() time.Duration { return DisableAfter(l.m.DisableAfter, l.route.Retry) }

// DisableAfter is how long an endpoint with a schedule may fail, where after is how long
// any may.
func DisableAfter(after time.Duration, r bellhop.RetryPolicy) time.Duration {
	lasts := time.Duration(r.Lasts())
	return max(after, lasts+lasts/7)
}

// judge learns from an outcome how the endpoint is: it moves the circuit and the
// concurrency. It answers what the store must know, as in Result.Vitals.
func (l *lane) judge(job *Job, in Sent, now time.Time) *bellhop.Vitals {
	class := in.Outcome.Class
	if class.Silent() || job.Route.Vitals.Revision != l.route.Vitals.Revision {
		return nil // nothing is known of the receiver, or it is one that was left
	}
	if !class.Ill() {
		if l.breaker.open() {
			l.m.do(CircuitMoved{Endpoint: l.id, Reason: l.breaker.last})
		}
		l.breaker.success()
		l.proven = true
	}
	if class == bellhop.ClassTaken {
		l.window.answered(in.Outcome.Exchange.Duration, job.together, now)
		if v := l.took(); v != nil || !l.m.shared || !job.Work.Delivery.IsRetry() {
			return v
		}
		v := l.vitals // who made the attempt before may have written something else
		return &v
	}
	began := in.Attempt.Time()
	v := &l.vitals
	if v.Failures++; v.FailedSince.IsZero() || v.FailedSince.After(now) {
		v.FailedSince = began
	}
	v.Last, v.Reason, v.ResponseStatus = in.Attempt, in.Outcome.Reason, in.Outcome.Exchange.ResponseStatus
	if !class.Ill() {
		v.Ill, v.OpenSince = 0, time.Time{}
		if v.Taken && v.Failures < bellhop.FailingAfter && l.stored.Failures == 0 {
			return nil // a single event that was not wanted
		}
		return l.toStore()
	}
	if job.Route.Listened() && class != bellhop.ClassGone {
		// Somebody works on the program and wants to see what it does now: each delivery
		// keeps to its own schedule, and nothing is disabled over night.
		return l.toStore()
	}
	if class == bellhop.ClassOverloaded {
		l.window.overloaded(began, now)
	} else {
		l.window.failed()
	}
	if l.breaker.failure(in.Outcome.Reason, now) {
		l.m.do(CircuitMoved{Endpoint: l.id, Open: true, Failures: l.breaker.failures, Reason: in.Outcome.Reason})
	}
	v.Ill, v.OpenSince = l.breaker.failures, l.breaker.openSince.Round(0)
	if v.FailingSince.IsZero() || v.FailingSince.After(now) { // by a clock that was ahead
		v.FailingSince = began
	}
	switch {
	case class == bellhop.ClassGone:
		job.verdict = &Verdict{Route: job.Route, Gone: true}
	case now.Sub(v.FailingSince) >= l.disableAfter() && now.Sub(l.verdictAt) >= verdictAgain:
		l.verdictAt = now
		job.verdict = &Verdict{Route: job.Route, FailedSince: v.FailingSince}
	}
	return l.toStore()
}

// took notes that the receiver has taken an event.
func (l *lane) took() *bellhop.Vitals {
	l.vitals = bellhop.Vitals{Revision: l.vitals.Revision, Since: l.vitals.Since, Taken: true}
	return l.toStore()
}

// toStore answers the vitals, if the store has others: of a receiver that is well, it
// has the same from one success to the next.
func (l *lane) toStore() *bellhop.Vitals {
	if l.vitals == l.stored {
		return nil
	}
	l.stored = l.vitals
	v := l.vitals
	return &v
}

// vouch takes it over that a request beside the lane's, a test, was taken.
func (l *lane) vouch(r *routes.Route, now time.Time) {
	if r.Vitals.Revision != l.route.Vitals.Revision {
		return
	}
	if l.breaker.open() {
		l.m.do(CircuitMoved{Endpoint: l.id, Reason: l.breaker.last})
	}
	l.breaker.success()
	l.proven = true
	if v := l.took(); v != nil {
		l.m.do(Revived{*v})
	} else if l.m.shared { // others may have written something else
		l.m.do(Revived{l.vitals})
	}
	l.pump(now)
}

// nextTry is when the next delivery that waits is tried, as far as the lane knows; zero
// if there is none, or that is now.
func (l *lane) nextTry(now time.Time) time.Time {
	at := earliest(l.nextDue[firstAttempt], l.nextDue[retry])
	for _, noted := range l.noted {
		at = earliest(at, noted)
	}
	if l.queue.len() > 0 {
		at = now
	}
	if at.IsZero() {
		return time.Time{}
	}
	for _, notBefore := range []time.Time{l.breaker.probeAt, l.restUntil} {
		if notBefore.After(at) {
			at = notBefore
		}
	}
	if !at.After(now) {
		return time.Time{}
	}
	return at
}

// landed takes a request off those under way.
func (l *lane) landed(job *Job, now time.Time) {
	l.flying--
	if job.Work.Delivery.IsRetry() {
		l.retrying--
	}
	if job.as == unproven {
		l.untried--
	}
	l.progress = now
}

// mayOwe tells whether a request that was answered may make room for the next one before
// what came of it is durable. What is not durable is sent again after a crash: that is no
// more than may be in flight. It may not where somebody has fixed that or keeps an order,
// nor where older copies of the event are to be given up since this one has arrived.
func (l *lane) mayOwe(job *Job) bool {
	return !job.Work.Delivery.Trigger.Again() && l.route.Ordering == bellhop.OrderingNone && !l.window.exact &&
		len(l.unfinished) < max(int(l.window.most), 2*int(l.window.from))
}

// recorded ends a job whose outcome is durable, or was cut off.
func (l *lane) recorded(in Recorded, now time.Time) {
	job := in.Job
	l.unfinished.remove(job)
	l.hold(-int64(weightOf(&job.Work)))
	if in.Failed {
		return
	}
	if d := &job.Work.Delivery; job.decision.Status == bellhop.AttemptSucceeded && d.Trigger.Again() {
		// Older ones of the same event have been settled: what is queued of them is given up.
		l.giveUp(func(w *bellhop.Work) bool { return w.Event.ID == d.Event && w.Delivery.ID < d.ID })
	}
	if job.decision.Held && job.Route != l.route {
		l.anyDue(now) // by the settings of today it may not be held
	}
	if !job.decision.Final {
		if !job.decision.Held {
			l.due(retry, job.decision.NextAt, now)
		}
		// Where the store was told that the delivery is ours, this may have been
		// recorded already, and it may have been claimed again: it is in doubt.
		l.doubtful = l.doubtful || job.named
	}
	if job.Work.Delivery.OrderKey != "" || l.route.Ordering != bellhop.OrderingNone {
		l.someDue(now) // the next of its order may go
	}
	if job.verdict != nil {
		l.m.do(Disable{*job.verdict})
	}
}

// Load is what keeps a lane from sending more.
type Load struct {
	// Open says that its circuit is open.
	Open bool
	// Full says that its endpoint gets no more at once: by its limits, or by what the
	// receiver can take.
	Full bool
	// InFlight counts the requests under way, until what came of them is durable.
	InFlight int
}

func (l *lane) load(now time.Time) Load {
	full := l.flying >= l.inFlightLimit() && !l.resting() ||
		l.limiter != nil && l.limiter.TokensAt(now) < 1 ||
		l.starved && l.standing(now) == failing // those that work go first
	return Load{Open: l.breaker.open(), Full: full, InFlight: len(l.unfinished)}
}

func (l *lane) state(now time.Time) bellhop.LaneState {
	s := bellhop.LaneState{
		Circuit: l.breaker.state(now), OpenSince: l.breaker.openSince, NextProbe: l.breaker.probeAt,
		ConsecutiveFailures: l.breaker.failures, LastFailure: l.breaker.last,
		Queued: l.queue.len(), InFlight: len(l.unfinished), Concurrency: l.inFlightLimit(), ConcurrencyReason: l.limitedBy(),
		FailingSince: l.vitals.FailingSince,
	}
	switch {
	case l.route.Status != bellhop.EndpointActive:
		s.Held = string(l.route.Status)
	case l.route.Broken() != "":
		s.Held = l.route.Broken()
	}
	return s
}
