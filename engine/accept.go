package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// Lanes are what an acceptance asks of the lanes: room before the commit, and after
// it to take what came in.
type Lanes interface {
	// Reserve promises room in the endpoint's lane for a delivery that is about to be
	// committed as owned by this node. Admit or Unreserve follows.
	Reserve(r *routes.Route, bytes int) bool
	Unreserve(e bellhop.EndpointID, bytes int)
	Admit(ws ...bellhop.Work)
	// NoteDue tells that the store has an unowned delivery.
	NoteDue(b bellhop.Backlog)
}

// Step is what an Acceptance wants done next.
type Step int

// The steps of an Acceptance, each with the method that takes its result.
const (
	StepFanOut     Step = iota // FanOut
	StepEnqueue                // Store.Enqueue of Request: Enqueued
	StepLoadRoutes             // bring the routes up to date: Loaded
	StepAwaitLease             // wait for another lease than that of Request: Joined
	StepResolve                // Store.Resolve of Request: Resolved
	StepDone                   // Receipts, and Settle
	StepFailed                 // Err
)

// Acceptance is the way of some publications into the store: all or nothing, to
// exactly the endpoints that there are when they are stored. It is a plain state
// machine: it says what is next, and is told what came of it.
//
//	for a := NewAcceptance(lanes, ps...); ; {
//		switch a.Next() {
//		case StepFanOut:
//			a.FanOut(table.Routes(), lease, ids, now)
//		case StepEnqueue:
//			q := a.Request()
//			a.Enqueued(store.Enqueue(ctx, q.Lease, q.Routes, q.Events, now))
//		…
//
// It has no goroutine, clock or random source inside, so that a simulation can carry
// it on step by step, and let anything happen in between. It is not safe for
// concurrent use.
type Acceptance struct {
	ps []Publication
	// names says how the fields of a publication are named.
	names func(i int) string
	lanes Lanes
	// only, if not 0, makes it a test: its one event goes to this endpoint alone, and
	// is owned by this node whatever its lane says.
	only bellhop.EndpointID
	// maxPending is Config.MaxPending.
	maxPending int64

	step     Step
	fanOuts  int
	routes   *routes.Routes
	request  Request
	reserved bool // room in lanes is held
	receipts []bellhop.Receipt
	err      error
}

// Request is what is to be stored.
type Request struct {
	Lease  bellhop.Lease
	Routes int64 // the version of the routes that the fan-out was made from
	Events []bellhop.NewEvent
}

// maxFanOuts is how often an acceptance begins anew before it gives up. To get there,
// the routes of its own apps must change more often than a fan-out and a commit take.
const maxFanOuts = 100

// NewAcceptance begins to accept publications that were checked. They, and their data,
// must not be changed until its end.
func NewAcceptance(lanes Lanes, ps ...Publication) *Acceptance {
	a := &Acceptance{ps: ps, lanes: lanes, names: inBatch}
	if len(ps) == 1 {
		a.names = alone
	}
	return a
}

// How the fields of a publication are named.
func alone(int) string     { return "" }
func inBatch(i int) string { return fmt.Sprintf("events[%d].", i) }

// Next is the step to do now.
func (a *Acceptance) Next() Step { return a.step }

// Request is what the steps Enqueue and Resolve are about.
func (a *Acceptance) Request() Request { return a.request }

// Receipts answers the publications, once that is done.
func (a *Acceptance) Receipts() []bellhop.Receipt { return a.receipts }

// Err is why nothing was stored, once that has failed.
func (a *Acceptance) Err() error { return a.err }

// FanOut finds the endpoints of each event. What was found before is kept where it
// still holds, as far as the routes of these apps are concerned: others' changes of
// configuration cost a large batch little.
func (a *Acceptance) FanOut(r *routes.Routes, lease bellhop.Lease, ids *id.Generator, now time.Time) {
	if a.fanOuts++; a.fanOuts > maxFanOuts {
		a.fail(unavailable("The app's endpoints change too fast"))
		return
	}
	a.step = StepEnqueue
	if a.request.Events != nil && lease == a.request.Lease && a.unchanged(r) {
		a.routes, a.request.Routes = r, r.Version()
		return
	}
	a.drop()
	a.routes = r
	a.request = Request{Lease: lease, Routes: r.Version()}
	if err := a.fanOut(ids, now); err != nil {
		a.fail(err)
	}
}

// unchanged tells whether the apps' endpoints are the very same as at the last
// fan-out.
func (a *Acceptance) unchanged(r *routes.Routes) bool {
	last := ""
	for i := range a.ps {
		app := a.ps[i].App
		if app == last {
			continue
		}
		last = app
		if !r.Has(app) || !slices.Equal(a.routes.Of(app), r.Of(app)) {
			return false
		}
	}
	return true
}

// Enqueued takes the answer to Enqueue.
func (a *Acceptance) Enqueued(receipts []bellhop.Receipt, err error) {
	switch {
	case err == nil:
		a.receipts, a.step = receipts, StepDone
	case errors.Is(err, bellhop.ErrStaleRoutes):
		a.step = StepLoadRoutes
	case errors.Is(err, bellhop.ErrLeaseLost):
		a.drop() // what it made owned is nobody's now
		a.step = StepAwaitLease
	case errors.Is(err, bellhop.ErrUnknown):
		a.step = StepResolve // the room stays reserved: it may be stored
	default:
		a.fail(err)
	}
}

// Loaded tells how loading the routes went.
func (a *Acceptance) Loaded(err error) {
	if err != nil {
		a.fail(err)
		return
	}
	a.step = StepFanOut
}

// Joined tells that the node has another lease, or why it has none.
func (a *Acceptance) Joined(err error) { a.Loaded(err) }

// Resolved takes the answer to Resolve, which was asked under lease. If it failed, the
// question stays.
func (a *Acceptance) Resolved(lease bellhop.Lease, receipts []bellhop.Receipt, stored bool, err error) {
	switch {
	case err != nil:
	case !stored:
		a.drop() // these ids are spent: it was promised that they never will be stored
		a.step = StepFanOut
	default:
		if lease != a.request.Lease {
			// Stored under a lease that is over: what was owned under it was released,
			// so others may have it by now.
			a.release()
			for i := range a.request.Events {
				for j := range a.request.Events[i].Deliveries {
					a.request.Events[i].Deliveries[j].Owner = 0
				}
			}
		}
		a.receipts, a.step = receipts, StepDone
	}
}

// Settle hands the lanes what was stored, and says what it left for Spread. To be
// called once, when it is done.
func (a *Acceptance) Settle() (later bool) {
	most := 0
	for i := range a.request.Events {
		most += len(a.request.Events[i].Deliveries)
	}
	admitted := make([]bellhop.Work, 0, most)
	var unowned []bellhop.Delivery
	for i := range a.request.Events {
		ne := &a.request.Events[i]
		duplicate := a.receipts[i].Duplicate
		later = later || !duplicate && len(ne.Later) > 0
		var e *bellhop.Event
		for _, d := range ne.Deliveries {
			switch {
			case d.Owner == 0:
				if !duplicate {
					unowned = append(unowned, d)
				}
			case duplicate:
				a.lanes.Unreserve(d.Endpoint, len(ne.Event.Data))
			default:
				if e == nil {
					e = copied(&ne.Event)
				}
				admitted = append(admitted, bellhop.Work{Delivery: d, Event: e, Lease: a.request.Lease})
			}
		}
	}
	a.lanes.Admit(admitted...)
	a.reserved = false
	for _, b := range earliest(unowned) {
		a.lanes.NoteDue(b)
	}
	return later
}

// Abandon gives the reserved room back: whatever becomes of the events, nobody waits
// for it any more.
func (a *Acceptance) Abandon() { a.release() }

// detach copies what belongs to the publisher.
func (a *Acceptance) detach() {
	for i := range a.request.Events {
		data := &a.request.Events[i].Event.Data
		*data = bytes.Clone(*data)
	}
}

// drop ends a fan-out that is not to be stored.
func (a *Acceptance) drop() {
	a.release()
	a.request = Request{Lease: a.request.Lease}
}

func (a *Acceptance) fail(err error) {
	a.drop()
	a.err, a.step = err, StepFailed
}

func (a *Acceptance) release() {
	if !a.reserved {
		return
	}
	a.reserved = false
	for i := range a.request.Events {
		ne := &a.request.Events[i]
		for _, d := range ne.Deliveries {
			if d.Owner != 0 {
				a.lanes.Unreserve(d.Endpoint, len(ne.Event.Data))
			}
		}
	}
}

// copied is an event for a lane: without a copy, what is queued would keep its whole
// batch, and the request that it came in, in memory.
func copied(e *bellhop.Event) *bellhop.Event {
	c := *e
	c.Data = bytes.Clone(c.Data)
	return &c
}

// earliest gives each endpoint of the deliveries once, with the first due.
func earliest(deliveries []bellhop.Delivery) []bellhop.Backlog {
	if len(deliveries) == 0 {
		return nil
	}
	var list []bellhop.Backlog
	place := make(map[bellhop.EndpointID]int, min(len(deliveries), 1024))
	for _, d := range deliveries {
		i, ok := place[d.Endpoint]
		if !ok {
			place[d.Endpoint] = len(list)
			list = append(list, bellhop.Backlog{Endpoint: d.Endpoint, Due: d.Due})
		} else if d.Due.Before(list[i].Due) {
			list[i].Due = d.Due
		}
	}
	return list
}
