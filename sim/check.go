package sim

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/engine/routes"
)

// What is checked at every step, against the ledger. The promises are numbered as in
// the design.

// starts: a request begins.
func (n *node) starts(job *lane.Job, rq *request) {
	w := n.w
	work, e := &job.Work, job.Work.Delivery.Endpoint
	d := rq.delivery
	if d == nil {
		w.broken("1 durable", "a delivery is sent that is not stored")
	}
	name, to := w.trace.of(int64(d.id)), w.trace.of(int64(e))
	over := w.ledger.leases[work.Lease]

	// Its own story: at least once, and what is sent again has a reason.
	switch {
	case work.Lease != n.lease:
		w.broken("2 at least once", "%s is sent under a lease that the node knows to be over", name)
	case d.ended && !over && d.status != bellhop.AttemptCanceled: // of what was canceled, the node may not know yet
		w.broken("2 at least once", "%s is sent although it has ended", name)
	case !over && !d.ended && work.Delivery.Attempts != d.attempts:
		w.broken("4 nothing silent", "%s is sent as if %d attempts had been made; there were %d", name, work.Delivery.Attempts, d.attempts)
	}
	if d.settled != 0 && d.claimed > d.settled {
		w.broken("2 at least once", "%s is sent although its event was sent again and has arrived before it was claimed", name)
	}
	for _, r := range d.requests {
		if !r.recorded && r.excuse == "" && !over {
			w.broken("2 at least once", "%s is sent although a request of it is under way", name)
		}
		if r.recorded && r.taken && r.excuse == "" && !over {
			w.broken("2 at least once", "%s is sent again although it was taken, and that was recorded", name)
		}
		if r.taken {
			w.reached("an event was taken twice, with a reason")
		}
	}
	// No sooner than allowed. A clock that went back makes nothing undue again.
	if at := d.event.DeliverAt; at != nil && d.Trigger == bellhop.TriggerPublish && at.After(w.highest) {
		w.broken("4 nothing silent", "%s is sent before the time for which it was scheduled", name)
	}
	if d.attempts > 0 && d.next.After(w.highest) && !over {
		w.broken("4 nothing silent", "%s is tried again before its time", name)
	}
	// The same bytes, and none that were erased.
	if !bytes.Equal(work.Event.Data, d.event.data) {
		w.broken("6 same bytes", "%s is sent with other data than was published", name)
	}
	if at, forgot := n.forgotApps[d.event.App]; forgot && d.event.gone && d.event.at < at {
		w.broken("6 same bytes", "%s is sent after its app was deleted", name)
	}
	if d.event.erased && n.forgot[d.event.id] {
		w.broken("6 same bytes", "%s is sent after its event was erased", name)
	}

	// The endpoint as the node knows it.
	r := n.known[e]
	switch {
	case r == nil:
		w.broken("5 pause holds", "%s is sent to %s, which is deleted", name, to)
	case r != job.Route:
		w.broken("5 pause holds", "%s is sent to %s by settings that are no longer true", name, to)
	case r.Listened() && !n.listened[e]:
		w.broken("5 pause holds", "%s is sent to %s by a node by way of which nobody listens", name, to)
	case r.Status != bellhop.EndpointActive || !r.Live():
		w.broken("5 pause holds", "%s is sent to %s, which is %s %s", name, to, r.Status, r.Broken())
	}
	if !over {
		n.inTurn(d, work.Delivery.OrderKey, name)
	}
	n.inItsTurn(job, name)
	n.withinLimits(r, name, to)
	if !over && !w.alone() {
		n.together(d.door, r, name, to)
	}
	n.resumed(d, work.Delivery.Due, name, to)
	n.punctual(d, name)
}

// inTurn: nobody goes before those that are before him in his order. Key is that of
// the order in which it was claimed.
func (n *node) inTurn(d *delivery, key, name string) {
	w, door := n.w, d.door
	if d.claimed < door.reordered && key != d.OrderKey {
		// The order was changed since: it is sent only as long as the node does not know.
		if door.now.Ordering != bellhop.OrderingNone && n.known[door.id].Revision >= door.revision {
			w.broken("order", "%s is sent by the order that its endpoint had before", name)
		}
		return
	}
	if d.OrderKey == "" {
		return
	}
	for _, o := range door.pending {
		// One that was stored after this one had been claimed came too late to be first.
		if o != d && !o.ended && o.OrderKey == d.OrderKey && o.before(d) && o.at <= d.claimed {
			w.broken("order", "%s is sent before %s, which has not ended", name, w.trace.of(int64(o.id)))
		}
	}
	for _, e := range w.ledger.inOrder {
		if e.id < bellhop.EventID(d.OrderPos) && e.id != d.event.id && slices.Contains(e.later, door.id) &&
			door.now.Ordering.OrderKey(&e.Event) == d.OrderKey && e.DeliverAt == nil && e.at <= d.claimed {
			w.broken("order", "%s is sent before the one of %s, which is still to be made", name, w.trace.of(int64(e.id)))
		}
	}
	for _, o := range w.nodes {
		if o == nil {
			continue
		}
		for _, f := range o.flying {
			if f.delivery != d && f.delivery.door == door && f.delivery.OrderKey == d.OrderKey && f.excuse == "" && !f.delivery.ended {
				w.broken("order", "%s is sent while %s is under way", name, w.trace.of(int64(f.delivery.id)))
			}
		}
	}
}

// bucket is a rate limit, counted anew.
type bucket struct {
	limit  bellhop.RateLimit
	tokens float64
	at     time.Duration
}

// withinLimits: concurrency and rate, with this request counted in.
func (n *node) withinLimits(r *routes.Route, name, to string) {
	w := n.w
	most := r.Concurrency
	if !r.ExactConcurrency {
		most = max(most, w.plan.settings.MaxConcurrency)
	}
	if r.Ordering == bellhop.OrderingEndpoint {
		most = 1
	}
	if n.inFlight[r.ID] >= r.Concurrency {
		w.reached("an endpoint was given more than it began with")
	}
	if under := n.inFlight[r.ID] + 1; under > most {
		w.broken("3 no neighbour", "%s has %d requests under way; %d are allowed", to, under, most)
	}
	if len(n.flying)+1 > w.plan.settings.MaxInFlight {
		w.broken("3 no neighbour", "%d requests are under way; %d are allowed", len(n.flying)+1, w.plan.settings.MaxInFlight)
	}
	if r.RateLimit == nil {
		return
	}
	b := n.buckets[r.ID]
	b.refill(w.at)
	if b.tokens -= 1; b.tokens < -0.01 {
		w.broken("3 no neighbour", "%s is sent to %s sooner than its rate limit allows", name, to)
	}
	if b.tokens < 0.5 {
		w.reached("a rate limit was used up")
	}
}

// together: where only the owner of a bucket sends, all nodes together keep to the limits.
func (n *node) together(d *door, r *routes.Route, name, to string) {
	w := n.w
	if !r.Exact() {
		return
	}
	under := 1
	for _, o := range w.nodes {
		if o == nil {
			continue
		}
		known := o.known[d.id]
		if known == nil || !known.Exact() {
			return // it learns of it
		}
		for _, f := range o.flying {
			if f.delivery.door == d && f.excuse == "" && f.job.Route.Exact() {
				under++
				if o != n && r.Concurrency > 1 && f.job.Route.Concurrency == r.Concurrency {
					w.broken("3 no neighbour", "%s is sent to %s by one node while another does so", name, to)
				}
			}
		}
	}
	if most := r.Concurrency; under > most && r.ExactConcurrency {
		w.broken("3 no neighbour", "%s has %d requests under way from all nodes; %d are allowed", to, under, most)
	}
	if b := d.rate; b != nil && r.RateLimit != nil {
		w.refill(d)
		if b.tokens -= 1; b.tokens < -0.01 {
			w.broken("3 no neighbour", "%s is sent to %s sooner than its rate limit allows all nodes together", name, to)
		}
	}
}

// refill counts what all nodes together may send by now, by the widest limit that one of
// them knows of: to be called before that changes.
func (w *world) refill(d *door) {
	if d == nil || d.rate == nil {
		return
	}
	var limit bellhop.RateLimit
	widen := func(rl *bellhop.RateLimit) {
		if rl != nil {
			limit.PerSecond, limit.Burst = max(limit.PerSecond, rl.PerSecond), max(limit.Burst, rl.Burst)
		}
	}
	widen(d.now.RateLimit)
	for _, n := range w.nodes {
		if n != nil && n.known[d.id] != nil {
			widen(n.known[d.id].RateLimit)
		}
	}
	d.rate.limit = limit
	d.rate.refill(w.at)
}

func (b *bucket) refill(now time.Duration) {
	b.tokens = min(b.tokens+(now-b.at).Seconds()*b.limit.PerSecond, float64(max(b.limit.Burst, 1)))
	b.at = now
}

// resumed: what was held goes out oldest first, and before what came later. Only the owner
// of the endpoint's bucket knows of it.
func (n *node) resumed(d *delivery, due time.Time, name, to string) {
	w := n.w
	if !n.owns(d.door.id) || d.claimed == 0 && d.at < n.sharing.since[bellhop.BucketOf(d.door.id)] {
		return // it was taken in before this node knew
	}
	held := slices.DeleteFunc(n.resumes[d.door.id], func(o heldBack) bool { return o.ended || len(o.requests) > 0 || o.event.erased || o.settled != 0 })
	if len(held) == 0 || d.door.now.Ordering != bellhop.OrderingNone {
		delete(n.resumes, d.door.id)
		return
	}
	first := held[0]
	// By their ids, too, since a clock that went back makes what is newer due earlier; and what
	// is due since it went ahead again is found with the next heartbeat.
	found := w.leapt == 0 || w.at-w.leapt > patch
	if found && d.attempts == 0 && len(d.requests) == 0 && first.before(heldBack{d, due}) && first.id < d.id {
		w.broken("5 pause holds", "%s goes to %s, which was resumed, before the older %s", name, to, w.trace.of(int64(first.id)))
	}
	if d == first.delivery {
		w.reached("what was held went out oldest first")
	}
	n.resumes[d.door.id] = held
}

// punctual: the endpoint that nothing ever happens to waits for nobody.
func (n *node) punctual(d *delivery, name string) {
	w := n.w
	if d.door.id != w.healthy || len(d.requests) > 0 || !w.alone() {
		return
	}
	if w.plan.settings.QueueBytes < 8*largest(w.plan.settings) {
		return // where there is memory for a few only, none is kept for those that are well
	}
	due := d.at
	if at := d.event.DeliverAt; at != nil && d.Trigger == bellhop.TriggerPublish {
		due = max(due, at.Sub(epoch.Add(w.skew)))
	}
	most := longestWait
	if n.proven > 0 && w.plan.calm && w.plan.steady {
		most = shortestWait
		due = max(due, n.proven)
	}
	if waited := w.at - max(due, w.disturbed); waited > most+w.back {
		w.broken("3 no neighbour", "%s waited %s for others, though its own endpoint is well", name, waited)
	}
}

// longestWait is how long others can keep a healthy endpoint waiting: before it has
// shown that it is well, until those that hang have used up their timeouts.
const longestWait = 2*maxTimeout + 10*time.Second

// shortestWait is that once it has shown that it is well, and nobody else did so only to
// hang later: then a quarter of the slots is for such as it, and of the memory. That a lane
// hangs is known after a second, and looked for once a second.
const shortestWait = 3 * time.Second

// decided: what became of an attempt follows its endpoint's schedule.
func (n *node) decided(r *bellhop.Result, job *lane.Job) {
	w := n.w
	a, p := &r.Attempt, job.Route.Retry
	name := w.trace.of(int64(a.Delivery))
	if a.Status == bellhop.AttemptSucceeded {
		if !a.Final {
			w.broken("2 at least once", "%s was taken, and is tried again", name)
		}
		return
	}
	switch {
	case a.Status == bellhop.AttemptCanceled:
		if !a.Final {
			w.broken("2 at least once", "%s is skipped, and tried again", name)
		}
		return
	case r.Held:
		if a.Final || !a.NextAt.IsZero() {
			w.broken("4 nothing silent", "%s is held, and yet ended or tried again", name)
		}
		return
	}
	number := a.Number - job.Work.Delivery.Uncounted
	last := p.Delays != nil && number > len(p.Delays)
	if a.Final {
		if p.Delays != nil && !last {
			w.broken("2 at least once", "%s is given up after %d of %d attempts", name, number, len(p.Delays)+1)
		}
		return
	}
	if last {
		w.broken("2 at least once", "%s is tried again after %d attempts; its schedule has %d", name, number, len(p.Delays)+1)
	}
	delay, _ := p.Delay(number)
	least := n.clock().Add(time.Duration(float64(delay) * 0.89))
	if p.Delays == nil { // the last one comes when the schedule ends
		age := n.clock().Sub(n.born(&job.Work, job.Route))
		if age < 0 { // it was made by a clock that was ahead
			age = 0
			for i := range job.Work.Delivery.Attempts - job.Work.Delivery.Uncounted {
				delay, _ := p.Delay(i + 1)
				age += time.Duration(delay)
			}
		}
		if end := n.clock().Add(time.Duration(p.Lasts()) - age); end.Before(least) {
			least = end.Add(-time.Millisecond)
		}
	}
	if a.NextAt.Before(least) {
		w.broken("2 at least once", "%s is tried again at %s, sooner than its schedule says", name, a.NextAt)
	}
}

// born is when a delivery began to age, or was resumed.
func (n *node) born(work *bellhop.Work, r *routes.Route) time.Time {
	born := work.Delivery.ID.Time()
	if at := work.Event.DeliverAt; at != nil && work.Delivery.Trigger == bellhop.TriggerPublish && at.After(born) {
		born = *at
	}
	for _, anew := range []time.Time{r.ResumedAt, work.Delivery.ReleasedAt} {
		if anew.After(born) {
			born = anew
		}
	}
	return born
}

// learn counts what an answer says of its receiver, before the machine is told.
func (n *node) learn(f *flight, o bellhop.Outcome) {
	e := f.job.Work.Delivery.Endpoint
	f.answered = n.w.at
	if e == n.w.healthy && n.proven == 0 {
		n.proven = n.w.at
	}
	if r := n.known[e]; r == nil || r.Vitals.Revision != f.job.Route.Vitals.Revision || o.Class == bellhop.ClassHeld || o.Class == bellhop.ClassSkipped {
		return
	}
	// Said anew here: only these speak against the receiver.
	if o.Class == bellhop.ClassAgain || o.Class == bellhop.ClassOverloaded || o.Class == bellhop.ClassGone {
		n.failures[e]++
	} else {
		n.failures[e] = 0
	}
	if o.Class == bellhop.ClassRefused {
		if n.refusals[e]++; n.refusals[e] > breakAfter {
			n.w.reached("refusals opened no circuit")
		}
	} else {
		n.refusals[e] = 0
	}
}

// breakAfter is how many failures in a row open a circuit.
const breakAfter = 10

func (n *node) circuitMoved(c lane.CircuitMoved) {
	w := n.w
	if !c.Open {
		n.log("circuit closed", int64(c.Endpoint), 0, "")
		w.reached("a probe closed a circuit")
		return
	}
	n.log("circuit opened", int64(c.Endpoint), 0, "")
	w.reached("a circuit opened")
	delete(n.resumes, c.Endpoint)
	if n.known[c.Endpoint] != nil && n.failures[c.Endpoint] < breakAfter { // what is deleted may still answer
		w.broken("3 no neighbour", "the circuit of %s opened after %d failures of the receiver", w.trace.of(int64(c.Endpoint)), n.failures[c.Endpoint])
	}
}

// changes: the machine is about to be told of routes that are new, or gone.
func (n *node) changes(changed []*routes.Route, gone []bellhop.EndpointID) {
	w := n.w
	for _, e := range gone {
		delete(n.resumes, e)
		delete(n.buckets, e)
	}
	for _, r := range changed {
		old := n.known[r.ID]
		w.refill(w.ledger.doors[r.ID])
		if !r.Live() {
			delete(n.resumes, r.ID)
		}
		switch {
		case old == nil: // a process goes on with what is stored
			n.failures[r.ID], n.refusals[r.ID] = r.Vitals.Ill, 0
		case r.Vitals.Revision != old.Vitals.Revision: // another node may have met it first
			n.failures[r.ID], n.refusals[r.ID] = r.Vitals.Ill, 0
		case r.Live() && !old.Live():
			n.failures[r.ID], n.refusals[r.ID] = 0, 0
		}
		if rl := r.RateLimit; rl == nil {
			delete(n.buckets, r.ID)
		} else if b := n.buckets[r.ID]; b == nil {
			n.buckets[r.ID] = &bucket{*rl, float64(max(rl.Burst, 1)), w.at}
		} else {
			b.refill(w.at)
			b.limit = *rl
			b.tokens = min(b.tokens, float64(max(rl.Burst, 1)))
		}
		if old != nil && !old.Live() && r.Live() && r.Ordering == bellhop.OrderingNone && n.running && w.alone() {
			n.resumes[r.ID] = n.held(w.ledger.doors[r.ID])
			w.trace.detail(func() string {
				s := "held:"
				for _, o := range n.resumes[r.ID] {
					s += " " + w.trace.of(int64(o.id))
				}
				return s
			})
		}
		if r.Ordering != bellhop.OrderingNone {
			delete(n.resumes, r.ID)
		}
	}
}

// heldBack is a delivery that waited for its endpoint, and since when it is due.
type heldBack struct {
	*delivery
	due time.Time
}

func (h heldBack) before(o heldBack) bool {
	return h.due.Before(o.due) || h.due.Equal(o.due) && h.id < o.id
}

// held gives what waits for an endpoint that is resumed, oldest first: what nobody
// owns, and what this node is giving back.
func (n *node) held(d *door) []heldBack {
	w := n.w
	var list []heldBack
	for _, o := range d.pending {
		if o.ended || o.event.erased || o.settled != 0 || len(o.requests) > 0 || o.OrderKey != "" {
			continue
		}
		if slices.ContainsFunc(n.accepting, func(p *publishing) bool { return slices.Contains(p.asked, o.event.id) }) {
			continue // nobody was told yet that it is stored
		}
		row, err := w.store.Delivery(ctx, o.id)
		if err == nil && (row.Owner == 0 || n.giving[o.id]) && !row.Due.IsZero() && !row.Due.After(n.clock()) {
			list = append(list, heldBack{o, row.Due})
		}
	}
	slices.SortFunc(list, func(a, b heldBack) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	return list
}

// watch looks at what a step of the machine has led to.
func (n *node) watch(in lane.Input, effects []lane.Effect, before int) {
	w := n.w
	for _, e := range effects {
		switch e := e.(type) {
		case lane.Release:
			if e.Aside {
				w.reached("an event was erased while it was claimed or committed")
			}
			if c, ok := in.(lane.Configured); ok && slices.ContainsFunc(c.Changed, func(r *routes.Route) bool { return r.ID == e.Endpoint && !r.Live() }) {
				w.reached("a pause gave back what was queued")
			}
		case lane.Send:
			if sent, ok := in.(lane.Sent); ok && before == w.plan.settings.MaxInFlight && sent.Job.Route.ID != e.Job.Route.ID {
				w.reached("a lane waited for a slot")
			}
			if _, ok := in.(lane.Tick); ok && e.Job.Route.RateLimit != nil {
				w.reached("a rate limit was waited for")
			}
		}
	}
}

// reserved: an acceptance has asked for room.
func (n *node) reserved(r *routes.Route, promised bool) {
	w := n.w
	if promised {
		return
	}
	state := n.machine.State(r, n.now())
	if state.Queued >= 100 {
		w.reached("a lane was full")
	}
	if n.machine.HeldBytes() > w.plan.settings.QueueBytes {
		w.reached("the memory of all lanes was used up")
	}
	if state.Circuit == "closed" && state.Concurrency < r.Concurrency && r.Ordering == bellhop.OrderingNone {
		w.reached("an overloaded endpoint was given less")
	}
}

// bounds: what all lanes share.
func (n *node) bounds() {
	w := n.w
	held, bound := n.machine.HeldBytes(), w.plan.settings.QueueBytes
	// Of what is large, one may always be fetched.
	most := max(bound, bound/2+largest(w.plan.settings))
	if held < 0 || held > most {
		w.broken("3 no neighbour", "lanes hold %d bytes; %d are allowed", held, most)
	}
	if got := n.machine.InFlight(); got > w.plan.settings.MaxInFlight || got < len(n.flying) {
		w.broken("3 no neighbour", "the machine counts %d requests under way; there are %d, and %d are allowed", got, len(n.flying), w.plan.settings.MaxInFlight)
	}
}

// slots: who has something to send sends it, as long as there is room for everybody.
func (n *node) slots() {
	w := n.w
	half := w.plan.settings.MaxInFlight / 2
	if !n.running || half > 100 || n.machine.InFlight() >= half {
		return
	}
	for _, d := range w.ledger.list {
		r := n.known[d.id]
		if r == nil || r.RateLimit != nil || n.asking[d.id] > 0 || !r.Live() || n.distrusted || w.at <= n.rests[d.id] || r.Exact() && (!n.owns(d.id) || n.sharing.handing) {
			continue
		}
		if s := n.machine.State(r, n.now()); s.Queued > 0 && s.InFlight == 0 && s.Circuit == "closed" {
			w.broken("3 no neighbour", "%s has %d deliveries queued and sends nothing, though %d of %d slots are free",
				w.trace.of(int64(d.id)), s.Queued, 2*half-n.machine.InFlight(), 2*half)
		}
	}
}

// disabled: Bellhop itself takes an endpoint out of service.
func (w *world) disabled(v lane.Verdict) {
	if v.Gone {
		w.reached("a receiver that was gone was disabled")
		return
	}
	w.reached("an endpoint that failed for too long was disabled")
}

// accused: the log was looked through for successes of an endpoint that is said to
// fail, and has none.
func (w *world) accused(e bellhop.EndpointID) {
	// A row of failures begins with the start of a request, and others may end meanwhile.
	if quiet := w.at - w.ledger.doors[e].lastTaken; quiet < w.plan.settings.DisableAfter-w.forward()-maxTimeout {
		w.broken("5 pause holds", "%s is to be disabled although it took an event %s ago", w.trace.of(int64(e)), quiet)
	}
}

// forward is how far the clock may have gone forward: time that was not.
func (w *world) forward() time.Duration { return w.skew + w.back }

// rows explains each delivery that waits: by its due, its order, or its owner.
func (w *world) rows() {
	for _, d := range w.store.all() {
		known := w.ledger.deliveries[d.ID]
		if known != nil {
			w.inTime(&d, known)
		}
		switch {
		case known == nil || known.ended:
			w.broken("4 nothing silent", "%s is pending, and should not be", w.trace.of(int64(d.ID)))
		case d.Held != known.held && !known.event.erased && !known.door.deleted && !known.door.many:
			w.broken("4 nothing silent", "%s is held: %v; should it be: %v", w.trace.of(int64(d.ID)), d.Held, known.held)
		case d.Held:
			// It waits for its endpoint to be changed.
		case d.Owner != 0 && !d.Due.IsZero(), !d.Due.IsZero(), known.event.erased, known.door.deleted, known.settled != 0:
			// Its owner has it, it has a time, or Sweep ends it.
		case d.OrderKey == "" && known.door.reordered == 0:
			w.broken("4 nothing silent", "%s waits without a time, and is in no order", w.trace.of(int64(d.ID)))
		case !slices.ContainsFunc(known.door.pending, func(o *delivery) bool {
			return !o.ended && o != known && o.OrderKey == known.OrderKey && (o.before(known) || w.store.ownedAt(o.id))
		}):
			if known.door.reordered == 0 {
				w.broken("4 nothing silent", "%s waits for its turn, and it is its turn", w.trace.of(int64(d.ID)))
			}
		}
	}
}

// slackOfAge is how long after its time a delivery must have ended at the latest: the
// heartbeat that finds it, one more if its bucket has just changed hands, and what takes
// turns before it, if nothing goes wrong meanwhile.
const slackOfAge = 15 * time.Second

// inTime: nothing waits for ever at an endpoint that is disabled.
func (w *world) inTime(d *bellhop.Delivery, known *delivery) {
	to := known.door
	behind := to.now.Ordering != bellhop.OrderingNone && slices.ContainsFunc(to.pending, func(o *delivery) bool { return o.held && !o.ended })
	if d.Owner != 0 || d.Held || behind || to.deleted || known.event.erased || to.now.Status != bellhop.EndpointDisabled {
		return
	}
	due := max(known.born(-w.back)+time.Duration(to.now.Retry.Lasts()), to.changed, known.moved, w.disturbed)
	// By a clock that was set, it may have been made earlier or later than it was.
	if w.at > due+slackOfAge+2*w.back+w.ahead() {
		w.broken("4 nothing silent", "%s, made at %s, waits at %s, which is disabled, though its schedule lasts %s",
			w.trace.of(int64(d.ID)), known.at, w.trace.of(int64(to.id)), to.now.Retry.Lasts())
	}
}

// overlooked: what is due is on its way, unless something keeps it. A heartbeat would
// bring it to mind, but so long nothing should have to wait.
func (n *node) overlooked(list []bellhop.Backlog) {
	w := n.w
	slow := time.Second
	if !w.alone() {
		slow += 3*dueEvery + 2*w.plan.apart
	}
	for _, b := range list {
		r := n.known[b.Endpoint]
		if r == nil || !r.Live() || n.asking[b.Endpoint] > 0 || !n.owns(b.Endpoint) || n.distrusted || n.sharing.handing {
			continue
		}
		// A circuit that is open probes when its time has come.
		s := n.machine.State(r, n.now())
		if s.Queued > 0 || s.InFlight > 0 || s.Circuit == "open" || s.Circuit == "half_open" && n.now().Sub(s.NextProbe) < time.Second {
			continue
		}
		if n.machine.Hungry(b.Endpoint) && n.short() {
			w.reached("a lane waited for memory")
			continue
		}
		if slices.ContainsFunc(w.ledger.inOrder, func(e *event) bool { return len(e.later) > 0 }) {
			continue // it looks again and again, and what is before this is still to be made
		}
		for _, d := range w.ledger.doors[b.Endpoint].pending {
			row, err := w.store.Delivery(ctx, d.id)
			if err != nil || row.Owner != 0 || row.Due.IsZero() || d.event.erased || d.ended || d.settled != 0 {
				continue
			}
			since := max(row.Due.Sub(epoch.Add(w.skew)), d.at, d.moved, n.sharing.since[bellhop.BucketOf(b.Endpoint)])
			if w.at-since > slow && w.disturbed+patch < since && d.door.reordered < since {
				w.broken("4 nothing silent", "%s is due since %s, its lane is idle, and does not look: %+v", w.trace.of(int64(d.id)), w.at-since, s)
			}
		}
	}
}

// short tells whether other lanes hold so much that one has to wait for memory: whatever is
// known of it, half of the bound is for it, but for a delivery of the largest event.
func (n *node) short() bool {
	held, s := n.machine.HeldBytes(), n.w.plan.settings
	return held > 0 && held+largest(s) > s.QueueBytes/2
}

// largest is what a delivery of the largest event takes in memory: its data, the body of
// its request, and what it takes besides.
func largest(s lane.Settings) int64 { return int64(2*s.MaxData + 1024) }

// aside: what is given back as of something that is gone, is. Of an app that was made anew,
// an event may be taken for one of the old app, but not when it is fetched again.
func (n *node) aside(r lane.Release, id bellhop.DeliveryID) {
	w, d := n.w, n.w.ledger.deliveries[id]
	if !r.Aside || d == nil || d.event.gone || d.event.erased || d.door.deleted || n.known[d.door.id] == nil {
		return
	}
	if d.aside++; d.aside > 1 {
		w.broken("4 nothing silent", "%s is given back again and again, as if it were gone", w.trace.of(int64(d.id)))
	}
}

// patch is for how long what went wrong may be felt: until a late commit is done, or a
// heartbeat has told the lanes what a turned clock has made due.
const patch = 7 * time.Second

// stuck explains why there is no end.
func (w *world) stuck() {
	if d := w.elsewhere(); d != nil {
		w.broken("3 no neighbour", "somebody listens at %s by way of a node, and another has its bucket", w.trace.of(int64(d.id)))
	}
	what := fmt.Sprintf("%d entries are in the outbox; ", w.untaken())
	for _, n := range w.nodes {
		switch {
		case n == nil || !n.running:
			what += "a node does not run; "
		default:
			what += fmt.Sprintf("%d publishes wait, %d requests and %d steps are under way; ", len(n.accepting), n.machine.InFlight(), n.busy)
		}
	}
	if all := w.store.all(); len(all) > 0 {
		d := all[0]
		what += fmt.Sprintf("%s to %s waits: owner %d, due in %s, attempts %d, order %q",
			w.trace.of(int64(d.ID)), w.trace.of(int64(d.Endpoint)), d.Owner, d.Due.Sub(w.clock()), d.Attempts, d.OrderKey)
		for _, n := range w.nodes {
			if n == nil {
				continue
			}
			if r := n.known[d.Endpoint]; r != nil {
				what += fmt.Sprintf("; its lane at node %d: %+v", n.no, n.machine.State(r, n.now()))
			}
		}
	}
	w.broken("4 nothing silent", "everything is well, and still there is no end: %s", what)
}

// final checks what must be true in the end.
func (w *world) final() {
	for _, n := range w.nodes {
		if held := n.machine.HeldBytes(); held != 0 {
			w.broken("3 no neighbour", "in the end, lanes hold %d bytes", held)
		}
		if len(n.flying) > 0 {
			w.broken("2 at least once", "in the end, %d requests are under way", len(n.flying))
		}
	}
	for e, published := range w.never {
		// An id that a node made under a lease which it had lost may be another's, who has its
		// number by then.
		known := w.ledger.events[e]
		if known != nil && !known.gone && slices.ContainsFunc(published, func(p engine.Publication) bool { return bytes.Equal(p.Data, known.data) }) {
			w.broken("1 durable", "a publish was said to have failed, and %s was stored", w.trace.of(int64(e)))
		}
	}
	lines := map[bellhop.DeliveryID][]bellhop.Attempt{}
	attempts, err := w.store.Attempts(ctx, bellhop.AttemptFilter{Scope: bellhop.Everything(), Limit: 1 << 30})
	w.must(err)
	for _, a := range attempts {
		if a.Final {
			lines[a.Delivery] = append(lines[a.Delivery], a)
		}
	}
	for _, e := range w.ledger.inOrder {
		if e.gone {
			continue
		}
		stored, err := w.store.Event(ctx, e.id)
		if err != nil {
			w.broken("1 durable", "%s is gone", w.trace.of(int64(e.id)))
		}
		if stored.Erased != e.erased || !e.erased && !bytes.Equal(stored.Data, e.data) {
			w.broken("6 same bytes", "%s is stored with other data than was published", w.trace.of(int64(e.id)))
		}
		if len(e.later) > 0 {
			w.broken("2 at least once", "deliveries of %s were never made", w.trace.of(int64(e.id)))
		}
		for _, d := range e.deliveries {
			w.finished(d, lines[d.id])
		}
	}
	if len(w.ledger.open) > 0 {
		w.broken("4 nothing silent", "a request of %s was never recorded", w.trace.of(int64(w.ledger.open[0].delivery.id)))
	}
}

// finished: a delivery has ended, the log says how, and that is so.
func (w *world) finished(d *delivery, lines []bellhop.Attempt) {
	name := w.trace.of(int64(d.id))
	if len(lines) != 1 || !d.ended {
		w.broken("4 nothing silent", "%s has %d last lines in the log", name, len(lines))
	}
	last := lines[0]
	rq := w.ledger.requests[last.ID]
	switch {
	case last.Status == bellhop.AttemptCanceled:
		if !d.door.deleted && !d.event.erased && d.settled == 0 && (rq == nil || !rq.skipped) {
			w.broken("2 at least once", "%s was canceled without a reason", name)
		}
	case d.expired && last.Status == bellhop.AttemptFailed && last.Reason == bellhop.ReasonExpired && rq == nil:
	case rq == nil:
		w.broken("4 nothing silent", "the last line of %s is of no request", name)
	case last.Status == bellhop.AttemptSucceeded && !rq.taken:
		w.broken("2 at least once", "%s is said to have been taken, and was not", name)
	case last.Status == bellhop.AttemptFailed && rq.taken:
		w.broken("4 nothing silent", "%s is said to have failed, and was taken", name)
	}
}
