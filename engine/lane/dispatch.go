package lane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// Flow is the part of the store that lanes work with.
type Flow interface {
	Claim(ctx context.Context, c bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error)
	Disown(ctx context.Context, l bellhop.Lease, e bellhop.EndpointID, known []bellhop.DeliveryID, now time.Time) error
	Record(ctx context.Context, l bellhop.Lease, results []bellhop.Result, now time.Time) error
	Release(ctx context.Context, l bellhop.Lease, deliveries []bellhop.DeliveryID, now time.Time) error
}

// Sender makes requests, and says in o what came of it. It answers false if ctx ended
// first, so that nothing is known.
type Sender interface {
	Deliver(ctx context.Context, r *routes.Route, w *bellhop.Work, o *bellhop.Outcome) (known bool)
}

// Options are what a Dispatcher works with. All are required.
type Options struct {
	Settings
	Flow   Flow
	Sender Sender
	Logger *slog.Logger
	Now    func() time.Time
	// Unseen is how much of the time since then nobody saw pass.
	Unseen func(since time.Time) time.Duration
	// Random gives the jitter: numbers in [0, 1).
	Random func() float64
	// Lease is the node's present lease, the zero Lease while it has none. IDs makes
	// ids under it.
	Lease func() bellhop.Lease
	IDs   func() *id.Generator
	// Wrote is told how each write went, and dresses its failure.
	Wrote func(doing string, err error) error
	// Recorded is told of attempts once they are durable.
	Recorded func(a *bellhop.Attempt, w *bellhop.Work)
	// GaveUp is told that the store was given back what is not to be sent, for it to end.
	GaveUp func()
	// Verdict is told what speaks against an endpoint. It must not block.
	Verdict func(Verdict)
	// Trusted tells whether the node still believes its lease; it is asked before every
	// request. Default: always.
	Trusted func() bool
	// Drained is told of buckets that nothing keeps any more, BucketLost that the store
	// takes another for the owner of one, and Tell of those of other nodes that have
	// something due. They must not block.
	Drained    func(bellhop.Bucket, int64)
	BucketLost func()
	Tell       func(bellhop.Bucket)
}

// Dispatcher is the shell of a Machine: it makes requests, works with the store, keeps
// the time, and tells the machine what has come of it. It starts a goroutine per
// request in flight and one for each tenant that has attempts to record; some wait for
// the next request, at the latest until the context of Start ends.
type Dispatcher struct {
	o Options

	mu      sync.Mutex
	machine *Machine
	timer   *time.Timer
	records recorder
	workers workers
	// busy counts the goroutines at work; idle is closed when the last one ends after
	// stopping.
	busy              int
	started, stopping bool
	idle              chan struct{}
	// distrusted is what the machine was told last of the lease.
	distrusted bool

	// sending is the context of requests and their records; it ends when draining
	// took too long.
	sending context.Context
}

// NewDispatcher gives a Dispatcher that sends nothing before Start.
func NewDispatcher(o Options) *Dispatcher {
	if o.Trusted == nil {
		o.Trusted = func() bool { return true }
	}
	d := &Dispatcher{o: o, machine: NewMachine(o.Settings), idle: make(chan struct{})}
	d.records = recorder{d: d, waiting: map[string][]Record{}}
	return d
}

// Start lets the lanes send. Requests and their records end with ctx, which outlives
// Drain.
func (d *Dispatcher) Start(ctx context.Context) {
	d.mu.Lock()
	d.sending, d.started = ctx, true
	d.mu.Unlock()
	context.AfterFunc(ctx, d.workers.end)
	d.do(Start{Lease: d.o.Lease()})
}

// Running tells whether requests are made: after Start and before Drain.
func (d *Dispatcher) Running() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.started && !d.stopping
}

// Drain lets nothing new begin and waits for what is going on; after the timeout it
// aborts that. It returns how many were cut off.
func (d *Dispatcher) Drain(timeout time.Duration, abort func()) int {
	d.mu.Lock()
	d.machine.Step(Stop{}, d.o.Now())
	d.stopping = true
	d.setTimer(time.Time{})
	busy := d.busy
	d.mu.Unlock()
	if busy == 0 {
		return 0
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-d.idle:
		return 0
	case <-t.C:
	}
	d.mu.Lock()
	busy = d.busy
	d.mu.Unlock()
	abort()
	<-d.idle
	return busy
}

// Spawn runs work on the dispatcher's account: Drain waits for it. It answers false,
// and does nothing, if the dispatcher is not running.
func (d *Dispatcher) Spawn(work func(ctx context.Context)) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.started || d.stopping {
		return false
	}
	d.busy++
	go func() {
		defer d.ended()
		work(d.sending)
	}()
	return true
}

func (d *Dispatcher) ended() { d.endedAll(1) }

func (d *Dispatcher) endedAll(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy -= n; d.busy == 0 && d.stopping {
		close(d.idle)
	}
}

// configureAtOnce bounds how many endpoints are taken over in one step: while it
// runs, nothing is sent.
const configureAtOnce = 500

// Configure takes over endpoints that were made or changed, or are gone.
func (d *Dispatcher) Configure(changed []*routes.Route, gone []bellhop.EndpointID) {
	for some := range slices.Chunk(gone, configureAtOnce) {
		d.do(Configured{Gone: some})
	}
	for some := range slices.Chunk(changed, configureAtOnce) {
		d.do(Configured{Changed: some})
	}
}

// Reserve promises room for a delivery that is about to be committed as owned by this
// node: Admit or Unreserve must follow. It refuses while older ones wait in the store.
func (d *Dispatcher) Reserve(r *routes.Route, bytes int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.o.Trusted() && d.machine.Reserve(r, bytes, d.o.Now())
}

// admitAtOnce bounds how many deliveries are taken in one step.
const admitAtOnce = 100

// Admit takes deliveries for which room was reserved, now that they are durable.
func (d *Dispatcher) Admit(ws ...bellhop.Work) {
	ins := make([]Input, 0, min(len(ws), admitAtOnce))
	for some := range slices.Chunk(ws, admitAtOnce) {
		ins = ins[:0]
		for _, w := range some {
			ins = append(ins, Admitted{w})
		}
		d.do(ins...)
	}
}

// Unreserve gives reserved room back.
func (d *Dispatcher) Unreserve(e bellhop.EndpointID, bytes int) {
	d.do(Unreserved{Endpoint: e, Bytes: bytes})
}

// NoteDue tells the endpoint's lane that the store has something for it at a time.
func (d *Dispatcher) NoteDue(b bellhop.Backlog) { d.do(Noted{b}) }

// Forget drops what is queued of events and apps that are gone. What is being
// committed or claimed of them is not sent either.
func (d *Dispatcher) Forget(g Gone) { d.do(Forgotten{g}) }

// LostLease drops everything that is queued: others own it. Joined goes on under a new
// lease.
func (d *Dispatcher) LostLease()             { d.do(LeaseLost{}) }
func (d *Dispatcher) Joined(l bellhop.Lease) { d.do(Joined{l}) }

// Took tells the lanes of buckets that the node owns now.
func (d *Dispatcher) Took(taken BucketsTaken) { d.do(taken) }

// HandOver has a bucket drained: Options.Drained is told when it is. Keep takes that back,
// and Lost tells that it belongs to another.
func (d *Dispatcher) HandOver(b bellhop.Bucket)          { d.do(BucketLeaving{b}) }
func (d *Dispatcher) Keep(b bellhop.Bucket)              { d.do(BucketKept{b}) }
func (d *Dispatcher) Lost(b bellhop.Bucket, epoch int64) { d.do(BucketLost{b, epoch}) }

// MayLeave tells whether a bucket is to be handed over, and drained.
func (d *Dispatcher) MayLeave(b bellhop.Bucket, epoch int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.MayLeave(b, epoch)
}

// Keeps tells whether something would keep a bucket from being handed over at once.
func (d *Dispatcher) Keeps(b bellhop.Bucket) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.Keeps(b)
}

// Counts gives the requests under way, the deliveries that wait in memory, and
// the endpoints whose circuit is open.
func (d *Dispatcher) Counts() (inFlight, queued, circuitsOpen int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.InFlight(), d.machine.Queued(), d.machine.CircuitsOpen()
}

// Recording counts the requests that were answered and made room for others, and whose
// outcome is not durable yet.
func (d *Dispatcher) Recording() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.owed
}

// Events gives the events that wait in memory.
func (d *Dispatcher) Events() []bellhop.EventID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.Events()
}

// Wake has every lane look again what it can do.
func (d *Dispatcher) Wake() { d.do(Heartbeat{}) }

// Stir has an endpoint's lane look again whether it may send.
func (d *Dispatcher) Stir(e bellhop.EndpointID) { d.do(Stirred{e}) }

// Hasten tells the endpoint's lane that deliveries were made due now.
func (d *Dispatcher) Hasten(e bellhop.EndpointID) { d.do(Hastened{e}) }

// Vouch tells the endpoint's lane that a test was taken by the receiver. It answers what
// the store must know, as in bellhop.Result.
func (d *Dispatcher) Vouch(r *routes.Route) (vitals *bellhop.Vitals) {
	effects := d.step(Vouched{r})
	for _, e := range effects {
		if e, ok := e.(Revived); ok {
			vitals = &e.Vitals
		}
	}
	d.perform(effects)
	return vitals
}

// Vindicate takes back what a Verdict said of FailedSince.
func (d *Dispatcher) Vindicate(e bellhop.EndpointID, since time.Time) {
	d.do(Vindicated{Endpoint: e, Since: since})
}

// State tells what an endpoint's lane is doing.
func (d *Dispatcher) State(r *routes.Route) bellhop.LaneState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.State(r, d.o.Now())
}

// Views tells what the lanes of some endpoints know of their receivers.
func (d *Dispatcher) Views(rs []*routes.Route) []View {
	views := make([]View, 0, len(rs))
	for some := range slices.Chunk(rs, configureAtOnce) {
		d.mu.Lock()
		now := d.o.Now()
		for _, r := range some {
			views = append(views, d.machine.View(r, now))
		}
		d.mu.Unlock()
	}
	return views
}

// OldestDue is when the next delivery in an endpoint's queue was due; zero if nothing
// is queued.
func (d *Dispatcher) OldestDue(e bellhop.EndpointID) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.OldestDue(e)
}

// Load tells what keeps an endpoint's lane from sending more.
func (d *Dispatcher) Load(e bellhop.EndpointID) Load {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.Load(e, d.o.Now())
}

// CircuitsOpen counts the endpoints whose circuit is open.
func (d *Dispatcher) CircuitsOpen() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.CircuitsOpen()
}

// HeldBytes is what all lanes hold in memory.
func (d *Dispatcher) HeldBytes() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.HeldBytes()
}

// do tells the machine what has happened, and has done what follows.
func (d *Dispatcher) do(ins ...Input) { d.perform(d.step(ins...)) }

// step tells the machine what has happened. Work that follows counts from here on, so
// that Drain cannot miss it.
func (d *Dispatcher) step(ins ...Input) []Effect {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	effects := make([]Effect, 0, len(ins)+1)
	if distrusted := !d.o.Trusted(); distrusted != d.distrusted {
		d.distrusted = distrusted
		effects = d.machine.step(effects, Trusted{Lease: !distrusted}, now)
	}
	for _, in := range ins {
		effects = d.machine.step(effects, in, now)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case SetTimer:
			d.setTimer(e.At)
		case Record:
			d.busy++
			d.records.add(e)
		case Send, Claim, Release, Disown:
			d.busy++
		}
	}
	return effects
}

// perform starts what takes time, beside the caller.
func (d *Dispatcher) perform(effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case Send:
			d.hand(e.Job)
		case Claim:
			go d.claim(e)
		case Release:
			go d.release(e)
		case Disown:
			go d.disown(e)
		case Disable:
			d.o.Verdict(e.Verdict)
		case CircuitMoved:
			d.logCircuit(e)
		case Drained:
			d.o.Drained(e.Bucket, e.Epoch)
		case Tell:
			d.o.Tell(e.Bucket)
		}
	}
}

// hand has a request made, by a goroutine that waits for one, or by a new one.
func (d *Dispatcher) hand(job *Job) {
	if !d.workers.hand(job) {
		go d.work(job)
	}
}

// work makes a request, and as long as there is more to send at once, the next. Then it
// waits for another one.
func (d *Dispatcher) work(job *Job) {
	place := newPlace()
	for job != nil {
		next := d.carry(job)
		d.ended()
		if next == nil {
			next = d.workers.rest(place)
		}
		job = next
	}
}

// carry makes one request, and has the machine decide what follows. It answers a next
// request for the same goroutine, if there is any.
func (d *Dispatcher) carry(job *Job) (next *Job) {
	effects := d.step(d.send(job))
	for i, e := range effects {
		if send, ok := e.(Send); ok {
			next = send.Job
			effects = slices.Delete(effects, i, i+1)
			break
		}
	}
	d.perform(effects)
	return next
}

// send makes one request. Whatever breaks, there is an outcome.
func (d *Dispatcher) send(job *Job) Input {
	sent := Sent{Job: job, Attempt: id.Next[id.Attempt](d.o.IDs(), d.o.Now()), Random: d.o.Random()}
	if d.o.Trusted() {
		sent.Outcome = &job.outcome
		sent.Cut = !d.deliver(job, sent.Outcome)
		if sent.Outcome.Class != bellhop.ClassTaken { // else its age is of no account
			sent.Unseen = d.o.Unseen(born(&job.Work, job.Route))
		}
	} else {
		sent.Withheld = true
	}
	return sent
}

func (d *Dispatcher) deliver(job *Job, o *bellhop.Outcome) (known bool) {
	defer func() {
		if p := recover(); p != nil {
			*o, known = d.panicked(job.Route, p), true
		}
	}()
	return d.o.Sender.Deliver(d.sending, job.Route, &job.Work, o)
}

// panicked is the outcome of a request that broke Bellhop itself.
func (d *Dispatcher) panicked(r *routes.Route, p any) bellhop.Outcome {
	d.o.Logger.Error("sending a delivery panicked; it is tried again on its schedule. Please report this",
		"endpoint", r.ID.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return bellhop.Outcome{
		Class: bellhop.ClassOurs, Reason: bellhop.ReasonPanic,
		Detail:   "Bellhop failed while it made the request; its operator finds the cause in the log.",
		Exchange: bellhop.Exchange{URL: r.URL},
	}
}

// claim asks the store for work.
func (d *Dispatcher) claim(c Claim) {
	defer d.ended()
	answer, err := d.o.Flow.Claim(d.sending, c.ClaimRequest, d.o.Now())
	in := Claimed{Claim: c, Answer: answer}
	if err != nil {
		in.Answer, in.Result = bellhop.Claimed{}, NotDone
		if errors.Is(err, bellhop.ErrUnknown) {
			in.Result = Unknown
		}
		expected := errors.Is(err, bellhop.ErrLeaseLost) || errors.Is(err, bellhop.ErrUnavailable)
		if errors.Is(err, bellhop.ErrBucketLost) {
			expected = true
			d.Lost(bellhop.BucketOf(c.Endpoint), c.BucketEpoch)
			d.o.BucketLost()
		}
		if err = d.o.Wrote("claim deliveries", err); !expected && d.sending.Err() == nil {
			d.o.Logger.Warn("claiming deliveries failed; trying again", "endpoint", c.Endpoint.String(), "err", err, "in", askAgain)
		}
	}
	d.do(in)
}

// release gives deliveries back. Under a lease that is over they have been given back.
func (d *Dispatcher) release(r Release) {
	defer d.ended()
	for some := range slices.Chunk(r.Deliveries, stepItems) {
		d.Persist("release deliveries", func(ctx context.Context, _ bellhop.Lease) error {
			return unlessOver(d.o.Flow.Release(ctx, r.Lease, some, d.o.Now()))
		})
	}
	if r.Aside {
		d.o.GaveUp()
		return
	}
	d.do(Released{r.Endpoint})
}

func (d *Dispatcher) disown(x Disown) {
	defer d.ended()
	d.Persist("disown deliveries", func(ctx context.Context, _ bellhop.Lease) error {
		return unlessOver(d.o.Flow.Disown(ctx, x.Lease, x.Endpoint, x.Known, d.o.Now()))
	})
	d.do(Disowned{x.Endpoint})
}

// unlessOver takes it for done that a lease is over, since with it all is released.
func unlessOver(err error) error {
	if errors.Is(err, bellhop.ErrLeaseLost) {
		return nil
	}
	return err
}

// Persist repeats a write until it succeeds: what it records has happened, and
// forgetting it would mean doing it twice. Step is given the lease of that moment. It
// gives up, and answers false, when draining took too long.
func (d *Dispatcher) Persist(doing string, step func(ctx context.Context, l bellhop.Lease) error) bool {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := step(d.sending, d.o.Lease())
		expected := passing(err)
		if err = d.o.Wrote(doing, err); err == nil {
			return true
		}
		if d.sending.Err() != nil {
			return false
		}
		if !expected {
			d.o.Logger.Warn("writing to the store failed; trying again", "doing", doing, "err", err, "in", wait)
		}
		t := time.NewTimer(wait)
		select {
		case <-d.sending.Done():
			t.Stop()
			return false
		case <-t.C:
		}
	}
}

// passing tells whether what was to be written is not to blame. It is logged once,
// elsewhere; and what may be stored is repeated without harm.
func passing(err error) bool {
	return errors.Is(err, bellhop.ErrUnavailable) || errors.Is(err, bellhop.ErrLeaseLost) || errors.Is(err, bellhop.ErrUnknown)
}

func (d *Dispatcher) logCircuit(c CircuitMoved) {
	if c.Open {
		d.o.Logger.Warn("circuit opened: deliveries wait while single ones probe",
			"endpoint", c.Endpoint.String(), "failures", c.Failures, "reason", c.Reason)
		return
	}
	d.o.Logger.Info("circuit closed: the endpoint answers again", "endpoint", c.Endpoint.String())
}

// setTimer has the machine told at a time; zero: not at all.
func (d *Dispatcher) setTimer(at time.Time) {
	switch {
	case at.IsZero():
		if d.timer != nil {
			d.timer.Stop()
		}
	case d.timer == nil:
		d.timer = time.AfterFunc(max(at.Sub(d.o.Now()), 0), func() { d.do(Tick{}) })
	default:
		d.timer.Reset(max(at.Sub(d.o.Now()), 0))
	}
}
