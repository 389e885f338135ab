package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
)

// ledger is what is true of the world, as somebody would know it who sees everything:
// it is written as the steps of the store take effect and as requests are made. What
// Bellhop does is held against it.
type ledger struct {
	w          *world
	events     map[bellhop.EventID]*event
	inOrder    []*event
	deliveries map[bellhop.DeliveryID]*delivery
	doors      map[bellhop.EndpointID]*door
	list       []*door // in the order of their making
	external   map[[2]string]bellhop.EventID
	dropped    map[string]bool        // the apps that were deleted once
	leases     map[bellhop.Lease]bool // whether they are over
	requests   map[bellhop.AttemptID]*request
	open       []*request // those neither recorded nor excused
	owners     [buckets]bellhop.BucketOwner
	orphans    int // that were found
}

// event is an event that was stored.
type event struct {
	bellhop.Event
	id     bellhop.EventID
	kind   string
	data   bellhop.JSON // as it was published
	at     time.Duration
	erased bool
	// gone: its app was deleted, and it with it.
	gone bool
	// later are the endpoints that Spread has still to make deliveries to.
	later      []bellhop.EndpointID
	deliveries []*delivery
}

// delivery is a delivery that was stored.
type delivery struct {
	bellhop.Delivery // as it was stored first
	id               bellhop.DeliveryID
	event            *event
	door             *door
	at               time.Duration
	// claimed is when the store last gave it to a node.
	claimed time.Duration
	// moved is when it was last given back, or its turn came.
	moved time.Duration
	// attempts are those that moved it on; next is when the last of them allows
	// another.
	attempts int
	next     time.Time
	ended    bool
	endedAt  time.Duration
	expired  bool // for its age
	// settled is when a later delivery of its event, sent again, had arrived.
	settled time.Duration
	// held: no request can be made of it, as its endpoint is. holds counts how often
	// that was found, and released is when it was let go.
	held     bool
	holds    int
	released time.Duration
	status   bellhop.AttemptStatus
	requests []*request
	// aside counts how often it was given back as of what is gone, and is not.
	aside int
}

// before tells whether it goes first, of two in one order.
func (d *delivery) before(o *delivery) bool {
	return d.OrderPos < o.OrderPos || d.OrderPos == o.OrderPos && d.id < o.id
}

// door is an endpoint as the store has it.
type door struct {
	id      bellhop.EndpointID
	now     bellhop.Endpoint
	deleted bool
	// reordered is when its ordering was changed last, revision what it was since then.
	reordered time.Duration
	revision  int64
	pending   []*delivery // and some that have ended
	// made is when it was, and limited when its limits were set last.
	made, limited time.Duration
	// rate is what all nodes together may still send.
	rate *bucket
	// many says that so many were let go at once that it took several steps.
	many bool
	// resumed is when a pause ended last, changed when it was saved last.
	resumed, changed time.Duration
	// lastTaken is when it last answered 2xx, as far as that is recorded.
	lastTaken time.Duration
}

// request is one request that was made.
type request struct {
	attempt  bellhop.AttemptID
	delivery *delivery
	node     *node
	lease    bellhop.Lease
	url      string
	began    time.Duration
	answered time.Duration
	// came and left are when it came to its receiver, and when that had answered, or nobody
	// waited for it any more.
	came, left time.Duration
	number     int
	arrived    bool
	taken      bool // answered 2xx
	skipped    bool
	recorded   bool
	// excuse says why its delivery may be sent again although this one is not
	// recorded.
	excuse string
}

func newLedger(w *world) *ledger {
	return &ledger{
		w: w, events: map[bellhop.EventID]*event{}, deliveries: map[bellhop.DeliveryID]*delivery{},
		doors: map[bellhop.EndpointID]*door{}, external: map[[2]string]bellhop.EventID{}, dropped: map[string]bool{},
		leases: map[bellhop.Lease]bool{}, requests: map[bellhop.AttemptID]*request{},
	}
}

// wants tells whether an endpoint gets an event: said anew here, and plainly.
func wants(e *bellhop.Endpoint, app, kind, subject string) bool {
	matches := func(patterns []string, s string) bool {
		return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
			prefix, wild := strings.CutSuffix(p, "*")
			return s == p || wild && strings.HasPrefix(s, prefix)
		})
	}
	own := strings.HasPrefix(kind, routes.OwnTypes)
	if own && subject == routes.AboutEndpoint(e.ID) {
		return false // nobody is told of himself
	}
	return e.Status != bellhop.EndpointDisabled && slices.Contains(e.Apps, app) &&
		(matches(e.Events, kind) && !own || own && slices.Contains(e.Events, "bellhop.*")) && matches(e.Subjects, subject)
}

// committed: an Enqueue has taken effect.
func (l *ledger) committed(q engine.Request, receipts []bellhop.Receipt) {
	w := l.w
	for i := range q.Events {
		n := &q.Events[i]
		if receipts[i].Duplicate {
			w.reached("an external id came again")
			continue
		}
		e := &event{Event: n.Event, id: n.Event.ID, kind: n.Event.Type, data: slices.Clone(n.Event.Data), at: w.at, later: slices.Clone(n.Later)}
		w.trace.name("evt", int64(e.id))
		if l.events[e.id] != nil {
			w.broken("1 durable", "two events have the id of %s", w.trace.of(int64(e.id)))
		}
		l.events[e.id] = e
		l.inOrder = append(l.inOrder, e)
		l.madeOf(e)
		if e.ExternalID != "" {
			key := [2]string{e.App, e.ExternalID}
			if l.external[key] != 0 {
				w.broken("1 durable", "two events have the external id %q", e.ExternalID)
			}
			l.external[key] = e.id
		}
		var want, got []bellhop.EndpointID
		for _, d := range l.list {
			if !d.deleted && wants(&d.now, e.App, e.kind, e.Subject) {
				want = append(want, d.id)
			}
		}
		for _, d := range n.Deliveries {
			got = append(got, d.Endpoint)
			l.add(d, e)
		}
		got = append(got, n.Later...)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			w.broken("2 at least once", "%s went to %s, but those that want it are %s", w.trace.of(int64(e.id)), w.names(got), w.names(want))
		}
		if receipts[i].Deliveries != len(want) {
			w.broken("1 durable", "the receipt of %s speaks of %d deliveries; there are %d", w.trace.of(int64(e.id)), receipts[i].Deliveries, len(want))
		}
		if e.DeliverAt != nil && e.DeliverAt.After(w.clock()) {
			w.reached("an event was scheduled")
		}
		if len(e.later) > 0 {
			w.reached("a fan-out went on later")
		}
	}
}

func (w *world) names(ids []bellhop.EndpointID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = w.trace.of(int64(id))
	}
	return "[" + strings.Join(names, " ") + "]"
}

// add: a delivery was stored.
func (l *ledger) add(d bellhop.Delivery, e *event) {
	door := l.doors[d.Endpoint]
	if door == nil {
		l.w.broken("2 at least once", "a delivery is for an endpoint that never was")
	}
	if d.OrderPos == 0 {
		d.OrderPos = d.ID
	}
	x := &delivery{Delivery: d, id: d.ID, event: e, door: door, at: l.w.at}
	l.w.trace.name("dlv", int64(d.ID))
	if l.deliveries[d.ID] != nil {
		l.w.broken("4 nothing silent", "two deliveries have the id of %s", l.w.trace.of(int64(d.ID)))
	}
	l.w.log("  stored", int64(d.Endpoint), int64(d.ID), fmt.Sprintf("of %s, owner %d", l.w.trace.of(int64(e.id)), d.Owner))
	l.w.trace.detail(func() string {
		return fmt.Sprintf("%s, due %s, order %q at %s, event %d %s", d.Trigger, d.Due.Sub(epoch), d.OrderKey, d.OrderPos.Time().Sub(epoch), e.id, e.Subject)
	})
	l.deliveries[d.ID] = x
	e.deliveries = append(e.deliveries, x)
	door.pending = append(door.pending, x)
}

// withheld: a request was not made after all.
func (l *ledger) withheld(rq *request) {
	delete(l.requests, rq.attempt)
	rq.delivery.requests = slices.DeleteFunc(rq.delivery.requests, func(o *request) bool { return o == rq })
	l.close(rq)
}

// redelivered: a Redeliver has taken effect. It may have done so before.
func (l *ledger) redelivered(list []bellhop.Delivery) {
	for _, d := range list {
		if l.deliveries[d.ID] != nil {
			continue
		}
		if row, err := l.w.store.Delivery(ctx, d.ID); err == nil {
			l.add(row, l.events[d.Event])
			l.w.reached("an event was sent again")
		}
	}
}

// spread: a Spread with these ids has taken effect.
func (l *ledger) spread(ids []bellhop.DeliveryID) {
	for _, id := range ids {
		row, err := l.w.store.Delivery(ctx, id)
		if err != nil {
			return // ids are used from the first on
		}
		e := l.events[row.Event]
		i := slices.Index(e.later, row.Endpoint)
		if i < 0 {
			l.w.broken("2 at least once", "Spread made a delivery of %s to %s, which was not put off", l.w.trace.of(int64(e.id)), l.w.trace.of(int64(row.Endpoint)))
		}
		e.later = slices.Delete(e.later, i, i+1)
		l.add(row, e)
		l.w.reached("a put-off delivery was made")
	}
}

// recorded: a Record has taken effect, perhaps not for the first time.
func (l *ledger) recorded(r *bellhop.Result) {
	w := l.w
	rq := l.requests[r.Attempt.ID]
	if rq.recorded {
		return
	}
	d := rq.delivery
	if d.event.gone {
		rq.recorded = true
		l.close(rq)
		return
	}
	stored, err := w.store.Attempt(ctx, r.Attempt.ID)
	if err != nil {
		w.broken("4 nothing silent", "an attempt of %s was recorded and is not in the log", w.trace.of(int64(d.id)))
	}
	late := !stored.Final && stored.NextAt.IsZero()
	if late && r.Held {
		row, err := w.store.Delivery(ctx, d.id)
		late = err != nil || row.LastAttempt != r.Attempt.ID
	}
	switch {
	case late && rq.excuse == "" && !d.ended:
		w.broken("4 nothing silent", "an attempt of %s, made by its owner, was logged as if somebody else owned it", w.trace.of(int64(d.id)))
	case late:
		w.reached("an attempt was logged out of turn")
	case d.ended:
		w.broken("4 nothing silent", "%s had ended, and has gone on", w.trace.of(int64(d.id)))
	default:
		d.attempts, d.next, d.moved = stored.Number, stored.NextAt, w.at
		if r.Held {
			l.hold(d, r)
		}
		if stored.Final {
			l.end(d, stored.Status)
			if stored.Status == bellhop.AttemptSucceeded && d.Trigger == bellhop.TriggerResend {
				l.settle(d)
			}
			if rq.skipped {
				w.reached("a delivery was skipped")
			}
		} else if d.OrderKey != "" && slices.ContainsFunc(d.door.pending, func(o *delivery) bool {
			return o != d && !o.ended && o.OrderKey == d.OrderKey && d.before(o)
		}) {
			w.reached("the first of an order is tried again while the next waits")
		}
		if stored.Final && stored.Status == bellhop.AttemptFailed {
			w.reached("a schedule was exhausted")
		}
	}
	rq.recorded = true
	if rq.taken {
		d.door.lastTaken = max(d.door.lastTaken, rq.answered)
	}
	l.close(rq)
	if rq.taken != (stored.Status == bellhop.AttemptSucceeded) {
		w.broken("4 nothing silent", "the log says that an attempt of %s %s, and the receiver says otherwise", w.trace.of(int64(d.id)), stored.Status)
	}
}

// settle: an event that was sent again has arrived, and the older deliveries of it to the
// endpoint are not needed any more.
func (l *ledger) settle(by *delivery) {
	for _, o := range by.event.deliveries {
		if o.door == by.door && o.id < by.id && !o.ended && o.settled == 0 {
			o.settled = l.w.at
		}
	}
}

// hasten: somebody wants deliveries to be tried now.
func (l *ledger) hasten(d *door, ids []bellhop.DeliveryID) {
	for _, id := range ids {
		if o := l.deliveries[id]; o.door == d {
			o.next, o.moved = time.Time{}, l.w.at
		}
	}
}

// hold: an attempt found that no request can be made, by the settings of a revision.
func (l *ledger) hold(d *delivery, r *bellhop.Result) {
	w := l.w
	d.holds++
	d.held = !d.door.deleted && r.Revision == d.door.now.Revision
	if !d.held {
		w.reached("an attempt by settings of before held nothing")
		return
	}
	if d.OrderKey != "" && slices.ContainsFunc(d.door.pending, func(o *delivery) bool {
		return o != d && !o.ended && o.OrderKey == d.OrderKey && d.before(o)
	}) {
		w.reached("an order waited behind one that is held")
	}
}

// letGo: the held deliveries of an endpoint may go. What waits behind them in its order
// is young again.
func (l *ledger) letGo(d *door) {
	held := 0
	for _, o := range d.pending {
		if o.held {
			o.held, o.released, o.moved = false, l.w.at, l.w.at
			held++
		}
	}
	if held == 0 {
		return
	}
	l.w.reached("held deliveries were let go")
	if held > releaseChunk {
		d.many = true
	}
	if d.now.Ordering != bellhop.OrderingNone {
		d.resumed = l.w.at
	}
}

// releaseChunk is how many held deliveries one step of the store lets go.
const releaseChunk = 250

func (l *ledger) close(rq *request) {
	if i := slices.Index(l.open, rq); i >= 0 {
		l.open = slices.Delete(l.open, i, i+1)
	}
}

func (l *ledger) end(d *delivery, how bellhop.AttemptStatus) {
	d.ended, d.endedAt, d.status = true, l.w.at, how
	d.door.pending = slices.DeleteFunc(d.door.pending, func(o *delivery) bool { return o == d })
	for _, o := range d.door.pending {
		if d.OrderKey != "" && o.OrderKey == d.OrderKey {
			o.moved = l.w.at
		}
	}
}

// swept: a Sweep with these ids has ended some deliveries.
func (l *ledger) swept(ids []bellhop.AttemptID) {
	for _, id := range ids {
		a, err := l.w.store.Attempt(ctx, id)
		if err != nil {
			l.w.broken("4 nothing silent", "Sweep ended a delivery and left no line in the log")
		}
		d := l.deliveries[a.Delivery]
		l.notInFlight(d)
		switch {
		case d.ended:
			l.w.broken("4 nothing silent", "%s had ended, and was swept", l.w.trace.of(int64(d.id)))
		case d.door.deleted:
			l.w.reached("a deleted endpoint was swept")
		case d.event.erased:
			l.w.reached("an erased event was swept")
		case d.settled != 0 && a.Reason == bellhop.ReasonSettled:
			l.w.reached("a settled delivery was swept")
		default:
			l.w.broken("2 at least once", "%s was canceled, though neither its event was erased nor its endpoint deleted", l.w.trace.of(int64(d.id)))
		}
		l.end(d, bellhop.AttemptCanceled)
	}
}

// notInFlight: nothing ends a delivery whose request is under way but its answer.
func (l *ledger) notInFlight(d *delivery) {
	for _, rq := range d.requests {
		if !rq.recorded && rq.excuse == "" && !l.leases[rq.lease] {
			l.w.broken("4 nothing silent", "%s was ended without a request while one of it is under way", l.w.trace.of(int64(d.id)))
		}
	}
}

// late is how long after its making a delivery may be stored, of a commit that is late.
const late = 20 * time.Second

// endedOld: EndOld with these ids has ended some deliveries of an endpoint.
func (l *ledger) endedOld(e bellhop.EndpointID, ids []bellhop.AttemptID) {
	w, to := l.w, l.doors[e]
	for _, id := range ids {
		a, err := w.store.Attempt(ctx, id)
		if err != nil || !a.Final || a.Detail == "" {
			w.broken("4 nothing silent", "EndOld ended a delivery and left no last line in the log")
		}
		d := l.deliveries[a.Delivery]
		name := w.trace.of(int64(d.id))
		l.notInFlight(d)
		switch {
		case d.ended:
			w.broken("4 nothing silent", "%s had ended, and was ended for its age", name)
		case d.door != to:
			w.broken("4 nothing silent", "%s is of another endpoint than that whose deliveries were ended", name)
		case d.held:
			w.broken("5 pause holds", "%s was ended for its age while it is held", name)
		case to.now.Status == bellhop.EndpointPaused:
			w.broken("5 pause holds", "%s was ended for its age while its endpoint is paused", name)
		case a.Status == bellhop.AttemptFailed && w.at-d.born(w.ahead())+late < time.Duration(to.now.Retry.Lasts()):
			w.broken("2 at least once", "%s was ended for its age after %s; its schedule lasts %s", name, w.at-d.born(w.ahead()), to.now.Retry.Lasts())
		case a.Status == bellhop.AttemptFailed && to.now.Status == bellhop.EndpointDisabled:
			w.reached("a delivery became too old at a disabled endpoint")
		case a.Status == bellhop.AttemptFailed:
			w.reached("a delivery became too old behind an open circuit")
		}
		d.expired = a.Status == bellhop.AttemptFailed
		l.end(d, a.Status)
	}
}

// born is since when a delivery ages, by a clock that nobody sets. Off is how far that
// on the wall may have been ahead of it when the delivery was scheduled.
func (d *delivery) born(off time.Duration) time.Duration {
	born := max(d.at, d.door.resumed, d.released)
	if at := d.event.DeliverAt; at != nil && d.Trigger == bellhop.TriggerPublish {
		born = max(born, at.Sub(epoch)-off)
	}
	return born
}

// erased: an Erase has taken effect.
func (l *ledger) erased(ids []bellhop.EventID) {
	for _, id := range ids {
		l.events[id].erased = true
	}
}

// appDeleted: an app is gone with its events, and off the endpoints that have others.
func (l *ledger) appDeleted(app string) {
	l.w.disturbed = max(l.w.disturbed, l.w.at)
	l.w.reached("an app was deleted")
	l.dropped[app] = true
	for _, e := range l.inOrder {
		if e.App != app || e.gone {
			continue
		}
		e.gone, e.later = true, nil
		if e.ExternalID != "" {
			delete(l.external, [2]string{app, e.ExternalID})
		}
		for _, d := range e.deliveries {
			if !d.ended {
				l.end(d, bellhop.AttemptCanceled)
			}
		}
	}
	for _, d := range l.list {
		if d.deleted || !slices.Contains(d.now.Apps, app) {
			continue
		}
		d.now.Apps = slices.DeleteFunc(slices.Clone(d.now.Apps), func(a string) bool { return a == app })
		d.deleted = len(d.now.Apps) == 0
		d.now.Revision++
	}
}

// saved: an endpoint was created or changed.
func (l *ledger) saved(e bellhop.Endpoint) {
	e.Revision++
	d := l.doors[e.ID]
	if d == nil {
		d = &door{id: e.ID, lastTaken: l.w.at, made: l.w.at, limited: l.w.at}
		l.doors[e.ID] = d
		l.list = append(l.list, d)
		l.w.trace.name("ep", int64(e.ID))
	} else if d.now.Ordering != e.Ordering {
		d.reordered, d.revision = l.w.at, e.Revision
		if len(d.pending) > 0 {
			l.w.reached("the ordering changed while deliveries waited")
		}
		for _, p := range d.pending {
			p.OrderKey = e.Ordering.OrderKey(&p.event.Event)
		}
	}
	if e.Concurrency != d.now.Concurrency || e.ExactConcurrency != d.now.ExactConcurrency || (e.RateLimit == nil) != (d.now.RateLimit == nil) || e.RateLimit != nil && *e.RateLimit != *d.now.RateLimit {
		d.limited = l.w.at
		l.w.refill(d)
		l.limit(d, e.RateLimit)
	}
	// Said anew here: in a simulation, nothing else makes requests otherwise.
	if e.URL != d.now.URL || e.Status == bellhop.EndpointActive && d.now.Status != bellhop.EndpointActive {
		l.letGo(d)
	}
	if d.now.Status == bellhop.EndpointPaused && e.Status != bellhop.EndpointPaused {
		d.resumed = l.w.at
	}
	d.changed, d.now = l.w.at, e
}

// limit counts anew what an endpoint with a rate limit may get, over all nodes.
func (l *ledger) limit(d *door, rl *bellhop.RateLimit) {
	switch {
	case rl == nil:
		d.rate = nil
	case d.rate == nil:
		d.rate = &bucket{*rl, float64(max(rl.Burst, 1)), l.w.at}
	}
}

// leases looks which leases are over by now: what was sent under one of them and is
// not recorded may be sent again.
func (l *ledger) checkLeases() {
	if found := l.w.store.Orphans; found > l.orphans {
		l.orphans = found
		l.w.reached("an orphan was found")
	}
	nodes, err := l.w.store.Nodes(ctx)
	l.w.must(err)
	held := map[bellhop.Lease]bool{}
	for i := range nodes {
		held[nodes[i].Lease] = true
	}
	for lease, over := range l.leases {
		if !over && !held[lease] {
			l.leases[lease] = true
			l.w.lost(lease)
			l.w.disturbed = max(l.w.disturbed, l.w.at)
		}
	}
	l.excuse("its lease was over", func(rq *request) bool { return l.leases[rq.lease] })
}

// over tells whether a lease is over.
func (l *ledger) over(lease bellhop.Lease) bool {
	l.checkLeases()
	return l.leases[lease]
}

// joined: a lease was given.
func (l *ledger) joined(lease bellhop.Lease) {
	if _, known := l.leases[lease]; known {
		l.w.broken("2 at least once", "a lease was given twice")
	}
	l.leases[lease] = false
	for known, over := range l.leases {
		if known.Node == lease.Node && known != lease {
			l.w.reached("a node number was used again")
			if !over {
				l.w.broken("2 at least once", "a lease was given while another of its number is held")
			}
		}
	}
}

// tookBuckets: a lease was made the owner of buckets.
func (l *ledger) tookBuckets(n *node, taken []bellhop.BucketOwner) {
	for _, o := range taken {
		was := &l.owners[o.Bucket]
		if was.Lease != o.Lease && !l.leases[was.Lease] && was.Lease != (bellhop.Lease{}) {
			l.w.broken("3 no neighbour", "a bucket was taken from its owner")
		}
		if *was != o {
			n.log("took bucket", 0, int64(o.Bucket), "")
		}
		*was = o
	}
}

// leftBucket: its owner has given it up.
func (l *ledger) leftBucket(left bellhop.BucketOwner) {
	if l.owners[left.Bucket] == left {
		l.owners[left.Bucket].Lease = bellhop.Lease{}
	}
}

// mayClaim: only the owner of a bucket fetches what waits for its endpoints.
func (l *ledger) mayClaim(n *node, c *bellhop.ClaimRequest) {
	b := bellhop.BucketOf(c.Endpoint)
	if o := l.owners[b]; o.Lease != c.Lease || o.Epoch != c.BucketEpoch {
		l.w.broken("3 no neighbour", "%s was claimed for by a node that does not own its bucket", l.w.trace.of(int64(c.Endpoint)))
	}
}

// excuse lets some requests be repeated.
func (l *ledger) excuse(why string, which func(*request) bool) {
	l.open = slices.DeleteFunc(l.open, func(rq *request) bool {
		if which(rq) {
			rq.excuse = why
			return true
		}
		return false
	})
}
