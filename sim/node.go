package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// node is one process: the real machine, the real routing table and the real
// acceptances, and around them what engine.Engine and lane.Dispatcher do with
// goroutines, as happenings of the one loop.
type node struct {
	w     *world
	no    int64
	place int
	// off is how far its clock is from that of the database.
	off time.Duration
	// dead: its memory is gone, and with it whatever was under way in it.
	dead bool
	// running: requests are made. stopping: nothing new begins. cut: what is under
	// way is cut off.
	running, stopping, cut bool
	// frozen: none of its instructions is carried out. What would have happened in it
	// waits in frost.
	frozen bool
	frost  []happening
	// stands is since when it is frozen; astray since when its lease is over, and it does
	// not know.
	stands, astray time.Duration
	// sleepy is for how long it will stand still as soon as a request is made.
	sleepy time.Duration
	// left: it has ended in order.
	left bool

	lease   bellhop.Lease
	ids     *id.Generator
	machine *lane.Machine
	table   *routes.Table
	config  *configured
	// busy counts what stopping waits for.
	busy int
	// timer tells timers that were replaced from the present one.
	timer int

	loading     bool
	loadWaiters []func(error)
	beating     bool
	beatAgain   bool
	joinWaiters []func(error)
	catching    bool
	owing       bool
	ended       bool // deliveries were ended without a request since the lanes were told
	judging     bool
	verdicts    []lane.Verdict

	// renewed is when the lease was asked for that the node has; distrusted is what the
	// machine was told last of it.
	renewed    time.Duration
	distrusted bool
	sharing    sharing
	// listened are the endpoints that somebody listens at by way of this node, and
	// listenersMoved says that the other nodes do not know yet.
	listened       map[bellhop.EndpointID]bool
	listenersMoved bool
	// uneven: not all nodes have their share of the buckets.
	uneven     bool
	versionsAt time.Duration
	erased     int64
	eraseAgain bool
	reading    bool // the outbox

	accepting []*publishing

	// What is held against the machine: what it knows, and what it has under way.
	known  map[bellhop.EndpointID]*routes.Route
	forgot map[bellhop.EventID]bool
	// forgotApps are when the machine was told that apps are gone.
	forgotApps map[string]time.Duration
	flying     []*flight
	inFlight   map[bellhop.EndpointID]int
	asking     map[bellhop.EndpointID]int  // claims, releases and disownings under way
	giving     map[bellhop.DeliveryID]bool // what is being given back
	failures   map[bellhop.EndpointID]int  // in a row, of the receiver
	refusals   map[bellhop.EndpointID]int  // in a row
	buckets    map[bellhop.EndpointID]*bucket
	resumes    map[bellhop.EndpointID][]heldBack
	turns      turns
	// rests is until when a lane sends nothing after a request that was withheld.
	rests map[bellhop.EndpointID]time.Duration
	// proven is when the healthy endpoint answered first.
	proven time.Duration
}

// flight is a request under way.
type flight struct {
	*request
	job    *lane.Job
	random float64
}

// configured is a ConfigStore that answers what was read before: so that a load reads
// at one moment, and is over at a later one.
type configured struct {
	bellhop.ConfigStore
	changes bellhop.RouteChanges
}

func (c *configured) Routes(context.Context, int64) (bellhop.RouteChanges, error) {
	return c.changes, nil
}

// boot starts a process at a place.
func (w *world) boot(place int) {
	w.incarnations++
	n := &node{
		w: w, no: int64(w.incarnations), place: place, off: w.offs[place], machine: lane.NewMachine(w.plan.settings), config: &configured{},
		known: map[bellhop.EndpointID]*routes.Route{}, forgot: map[bellhop.EventID]bool{}, forgotApps: map[string]time.Duration{},
		inFlight: map[bellhop.EndpointID]int{}, asking: map[bellhop.EndpointID]int{}, giving: map[bellhop.DeliveryID]bool{},
		failures: map[bellhop.EndpointID]int{}, refusals: map[bellhop.EndpointID]int{},
		buckets: map[bellhop.EndpointID]*bucket{}, resumes: map[bellhop.EndpointID][]heldBack{},
		turns: newTurns(), rests: map[bellhop.EndpointID]time.Duration{}, listened: map[bellhop.EndpointID]bool{},
	}
	n.table = routes.New(routes.Options{Away: n.away, Store: n.config, Sealer: w.secrets, Dialects: w.dialects, Now: n.now})
	n.table.OnChange(n.configure)
	w.nodes[place] = n
	w.disturbed = max(w.disturbed, w.at)
	w.log("boot", 0, 0, "")
	n.join(func(err error) {
		if err == nil {
			n.load(func(err error) { n.booted(err) })
		} else {
			n.booted(err)
		}
	})
}

func (n *node) booted(err error) {
	w := n.w
	if err != nil { // the program ends, and is started again
		n.die()
		w.after(w.wait(2*time.Second), "boot again", n.no, func() {
			if w.nodes[n.place] == nil {
				w.boot(n.place)
			}
		})
		return
	}
	n.running = true
	n.log("start", 0, 0, "")
	n.do(lane.Start{Lease: n.lease})
	n.owing = true
	n.catchUp()
	n.look()
	n.keepUp()
	n.heartbeat()
}

// die ends the process at once.
func (n *node) die() {
	w := n.w
	n.dead = true
	n.blamed()
	if !n.left {
		w.fault(n, "crashed", w.at)
	}
	if w.nodes[n.place] == n {
		w.nodes[n.place] = nil
	}
	w.disturbed = max(w.disturbed, w.at)
	w.ledger.excuse("its node crashed", func(rq *request) bool { return rq.node == n })
}

// now is the time as the node sees it.
func (n *node) now() time.Time { return moment(n.clock(), n.w.at) }

// clock is what the node's clock on the wall says.
func (n *node) clock() time.Time { return n.w.said(epoch.Add(n.w.at + n.w.skew + n.off)) }

// awake tells whether it takes what it is asked.
func (n *node) awake() bool { return n.running && !n.frozen }

// after has something happen to the node, unless it has ended by then. Where it stands
// still, that happens when it goes on.
func (n *node) after(d time.Duration, what string, of int64, do func()) {
	n.w.after(d, what, of, func() { n.when(what, of, do) })
}

// when is after for what happens now.
func (n *node) when(what string, of int64, do func()) {
	switch {
	case n.dead:
	case n.frozen:
		n.frost = append(n.frost, happening{what: what, id: of, do: do})
	default:
		do()
	}
}

// freeze has it stand still, as a process does that was stopped, swapped out, or moved to
// another machine.
func (n *node) freeze() {
	w := n.w
	n.log("freeze", 0, 0, "")
	n.frozen, n.stands = true, w.at
	w.disturbed = max(w.disturbed, w.at)
}

// thaw has it go on. What has come meanwhile comes up in any order.
func (n *node) thaw() {
	w := n.w
	if !n.frozen {
		return
	}
	n.log("thaw", 0, 0, "")
	n.frozen = false
	w.fault(n, "stood still", n.stands)
	w.disturbed = max(w.disturbed, w.at)
	frost := n.frost
	n.frost = nil
	for _, h := range frost {
		n.after(w.between(time.Microsecond, 5*time.Millisecond), h.what, h.id, h.do)
	}
}

// do tells the machine what has happened, and does what follows.
func (n *node) do(in lane.Input) {
	n.doubt()
	n.step(in)
}

// doubt tells the machine if the lease is not to be believed any more, or is again.
func (n *node) doubt() {
	if distrusted := !n.trusted(); distrusted != n.distrusted {
		n.distrusted = distrusted
		if distrusted {
			n.w.reached("a node did not believe its lease any more")
		}
		n.step(lane.Trusted{Lease: !distrusted})
	}
}

func (n *node) step(in lane.Input) {
	before := n.machine.InFlight()
	effects := n.machine.Step(in, n.now())
	n.turns.queued(in, func(e bellhop.EndpointID) bool { return n.known[e] != nil })
	n.watch(in, effects, before)
	for _, e := range effects {
		switch e := e.(type) {
		case lane.SetTimer:
			n.setTimer(e.At)
		case lane.Send:
			n.send(e.Job)
		case lane.Record:
			n.record(e)
		case lane.Claim:
			n.claim(e)
		case lane.Release:
			for _, d := range e.Deliveries {
				delete(n.turns.waiting, d)
				n.aside(e, d)
			}
			n.giveBack(e)
		case lane.Disown:
			n.disown(e)
		case lane.Disable:
			n.accuse(e.Verdict)
		case lane.CircuitMoved:
			n.circuitMoved(e)
		case lane.Drained:
			n.drained(e)
		case lane.Tell:
			n.tell(bellhop.Wakeup{Buckets: []bellhop.Bucket{e.Bucket}})
		}
	}
	n.bounds()
	switch in.(type) {
	case lane.Sent, lane.Recorded:
		n.slots()
	}
}

func (n *node) setTimer(at time.Time) {
	n.timer++
	if at.IsZero() {
		return
	}
	set := n.timer
	n.after(at.Sub(n.now()), "tick", 0, func() {
		if n.timer == set && !n.stopping {
			n.do(lane.Tick{})
		}
	})
}

// send makes one request.
func (n *node) send(job *lane.Job) {
	w := n.w
	work := &job.Work
	rq := &request{
		attempt: id.Next[id.Attempt](n.ids, n.clock()), delivery: w.ledger.deliveries[work.Delivery.ID],
		node: n, lease: work.Lease, url: job.Route.URL, began: w.at, number: work.Delivery.Attempts + 1,
	}
	n.log("send", int64(work.Delivery.Endpoint), int64(work.Delivery.ID), "")
	n.starts(job, rq)
	n.busy++
	f := &flight{request: rq, job: job, random: w.rand.Float64()}
	n.flying = append(n.flying, f)
	n.inFlight[work.Delivery.Endpoint]++
	w.ledger.requests[rq.attempt] = rq
	rq.delivery.requests = append(rq.delivery.requests, rq)
	if !w.ledger.leases[rq.lease] {
		w.ledger.open = append(w.ledger.open, rq)
	} else {
		rq.excuse = "its lease was over"
	}
	if long := n.sleepy; long > 0 && w.mended == 0 {
		n.sleepy = 0
		n.after(time.Microsecond, "leave", int64(rq.attempt), func() { n.leaves(f) })
		n.freezeFor(long)
		return
	}
	if !w.alone() && w.chance(0.1) { // a thread may have to wait before it goes on
		n.after(w.between(time.Microsecond, longestPause), "leave", int64(rq.attempt), func() { n.leaves(f) })
		return
	}
	n.leaves(f)
}

// leaves has a request leave, unless the lease is not to be believed by now.
func (n *node) leaves(f *flight) {
	w, rq := n.w, f.request
	if !slices.Contains(n.flying, f) {
		return
	}
	if !n.trusted() {
		w.reached("a request was withheld")
		n.flying = slices.DeleteFunc(n.flying, func(x *flight) bool { return x == f })
		w.ledger.withheld(rq)
		n.rests[rq.delivery.door.id] = w.at + time.Second
		n.landed(f.job)
		n.busy--
		n.do(lane.Sent{Job: f.job, Withheld: true})
		return
	}
	if w.at >= n.renewed+w.plan.lease && !w.alone() {
		w.broken("2 at least once", "%s is sent under a lease that may be over since %s", w.trace.of(int64(rq.delivery.id)), w.at-n.renewed-w.plan.lease)
	}
	rq.began = w.at
	w.knock(rq, time.Duration(f.job.Route.Timeout), func(o bellhop.Outcome) {
		n.when("answered", int64(rq.attempt), func() {
			if slices.Contains(n.flying, f) {
				n.answered(f, o, false)
			}
		})
	})
}

// answered ends a request: with its outcome or, if shutdown cut it off, without.
func (n *node) answered(f *flight, o bellhop.Outcome, cut bool) {
	w := n.w
	n.flying = slices.DeleteFunc(n.flying, func(x *flight) bool { return x == f })
	note := o.Reason
	if cut {
		note = "cut off"
		w.fault(n, "was cut off", w.at)
		w.ledger.excuse("it was cut off", func(rq *request) bool { return rq == f.request })
		n.landed(f.job)
		n.busy--
	} else {
		n.landed(f.job)
		n.learn(f, o)
	}
	n.log("sent", int64(f.job.Work.Delivery.Endpoint), int64(f.job.Work.Delivery.ID), note)
	n.do(lane.Sent{Job: f.job, Attempt: f.attempt, Outcome: &o, Random: f.random, Cut: cut})
}

// landed: a request is not under way any more. What came of it may still have to be
// recorded.
func (n *node) landed(job *lane.Job) { n.inFlight[job.Work.Delivery.Endpoint]-- }

// record makes an attempt durable, however often that takes.
func (n *node) record(r lane.Record) {
	w := n.w
	n.decided(r.Result, r.Job)
	r.Result.Attempt.NextAt = stored(r.Result.Attempt.NextAt)
	d := r.Job.Work.Delivery
	n.persist(writing{what: "record", endpoint: d.Endpoint, of: int64(d.ID), meddle: true}, func(l bellhop.Lease, now time.Time) error {
		err := w.store.Record(ctx, l, []bellhop.Result{*r.Result}, now)
		if err == nil {
			w.ledger.recorded(r.Result)
		}
		return err
	}, func(done bool) {
		if !done {
			w.fault(n, "stopped before it could record", w.at)
			w.ledger.excuse("shutdown kept it from being recorded", func(rq *request) bool { return rq.attempt == r.Result.Attempt.ID })
		}
		n.busy--
		n.do(lane.Recorded{Job: r.Job, Failed: !done})
	})
}

// ask and told count the steps of the store that a lane waits for.
func (n *node) ask(e bellhop.EndpointID) {
	n.busy++
	n.asking[e]++
}

func (n *node) told(e bellhop.EndpointID) {
	n.busy--
	n.asking[e]--
}

func (n *node) claim(c lane.Claim) {
	w := n.w
	n.ask(c.Endpoint)
	now := n.clock()
	r := n.known[c.Endpoint]
	probe := r != nil && r.Ordering == bellhop.OrderingNone && n.machine.State(r, n.now()).Circuit != "closed"
	var answer bellhop.Claimed
	n.write(writing{what: "claim", endpoint: c.Endpoint, meddle: true, do: func() (err error) {
		answer, err = w.store.Claim(ctx, c.ClaimRequest, now)
		if err == nil {
			w.ledger.mayClaim(n, &c.ClaimRequest)
		}
		for _, x := range answer.Work {
			w.ledger.deliveries[x.Delivery.ID].claimed = w.at
		}
		if probe && err == nil {
			n.probed(c, answer, now)
		}
		return err
	}}, func(err error) {
		n.told(c.Endpoint)
		in := lane.Claimed{Claim: c, Answer: answer}
		if err != nil {
			in.Answer, in.Result = bellhop.Claimed{}, lane.NotDone
			if errors.Is(err, bellhop.ErrBucketLost) {
				n.bucketLost(c)
			}
			if errors.Is(err, bellhop.ErrUnknown) {
				in.Result = lane.Unknown
			}
		}
		n.log("claimed", int64(c.Endpoint), 0, strconv.Itoa(len(in.Answer.Work)))
		w.trace.detail(func() string {
			var b strings.Builder
			for _, x := range in.Answer.Work {
				fmt.Fprintf(&b, "%s due %s, ", w.trace.of(int64(x.Delivery.ID)), x.Delivery.Due.Sub(epoch))
			}
			return b.String() + "next in " + in.Answer.Next.Sub(n.clock()).String()
		})
		n.do(in)
	})
}

// giveBack releases deliveries. Under a lease that is over they have been released.
func (n *node) giveBack(r lane.Release) {
	const chunk = 128
	w := n.w
	n.ask(r.Endpoint)
	for _, d := range r.Deliveries {
		n.giving[d] = true
	}
	var some func(rest []bellhop.DeliveryID)
	some = func(rest []bellhop.DeliveryID) {
		if len(rest) == 0 {
			n.told(r.Endpoint)
			if !r.Aside {
				n.do(lane.Released{Endpoint: r.Endpoint})
			}
			return
		}
		now := rest[:min(len(rest), chunk)]
		n.persist(writing{what: "release", endpoint: r.Endpoint, of: int64(now[0]), meddle: true}, func(_ bellhop.Lease, at time.Time) error {
			err := w.store.Release(ctx, r.Lease, now, at)
			for _, d := range now {
				w.ledger.deliveries[d].moved = w.at
				delete(n.giving, d)
			}
			return unlessOver(err)
		}, func(bool) { some(rest[len(now):]) })
	}
	some(r.Deliveries)
}

func (n *node) disown(x lane.Disown) {
	w := n.w
	n.ask(x.Endpoint)
	n.persist(writing{what: "disown", endpoint: x.Endpoint}, func(_ bellhop.Lease, now time.Time) error {
		before := w.store.owned(x.Endpoint, x.Lease)
		err := w.store.Disown(ctx, x.Lease, x.Endpoint, x.Known, now)
		if err == nil && w.store.owned(x.Endpoint, x.Lease) < before {
			w.reached("a claim whose answer was lost was disowned")
		}
		return unlessOver(err)
	}, func(bool) {
		n.told(x.Endpoint)
		n.do(lane.Disowned{Endpoint: x.Endpoint})
	})
}

// unlessOver takes it for done that a lease is over, since with it all is released.
func unlessOver(err error) error {
	if errors.Is(err, bellhop.ErrLeaseLost) {
		return nil
	}
	return err
}

// persist repeats a step until it is done, each time under the lease of that moment;
// shutdown ends it.
func (n *node) persist(step writing, do func(bellhop.Lease, time.Time) error, told func(done bool)) {
	var try func(wait time.Duration)
	try = func(wait time.Duration) {
		lease, now := n.lease, n.clock()
		step.off = func() bool { return n.cut }
		step.do = func() error { return do(lease, now) }
		n.write(step, func(err error) {
			switch {
			case err == nil:
				told(true)
			case n.cut:
				told(false)
			default:
				n.after(wait, "again: "+step.what, step.of, func() {
					if n.cut {
						told(false)
						return
					}
					try(min(2*wait, 5*time.Second))
				})
			}
		})
	}
	try(50 * time.Millisecond)
}

// configure is told by the routing table what has changed.
func (n *node) configure(changed []*routes.Route, gone []bellhop.EndpointID) {
	n.doubt()
	n.changes(changed, gone)
	for _, e := range gone {
		delete(n.known, e)
	}
	for _, r := range changed {
		n.known[r.ID] = r
	}
	n.do(lane.Configured{Changed: changed, Gone: gone})
}

// load brings the routes up to date. Like those of the real table, loads come one
// after the other, and whoever asks while one is under way gets the next.
func (n *node) load(told func(error)) {
	if n.loading {
		n.loadWaiters = append(n.loadWaiters, told)
		return
	}
	n.loading = true
	var changes bellhop.RouteChanges
	n.read("load", func() (err error) {
		changes, err = n.w.store.Routes(ctx, n.table.Routes().Version())
		return err
	}, func(err error) {
		if err == nil {
			n.config.changes = changes
			err = n.table.LoadRoutes(ctx)
			n.log("loaded", 0, changes.Version, "")
		}
		n.loading = false
		waiters := n.loadWaiters
		n.loadWaiters = nil
		if len(waiters) > 0 {
			n.load(func(err error) {
				for _, w := range waiters {
					w(err)
				}
			})
		}
		told(err)
	})
}
