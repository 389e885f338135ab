package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// filler writes into a store that no server uses.
type filler struct {
	store     bellhop.Store
	lease     bellhop.Lease
	ids       *id.Generator
	routes    bellhop.RouteChanges
	endpoints []bellhop.Endpoint
}

// fill opens the store of a home for f.
func fill(ctx context.Context, h *home, f func(f *filler) error) (err error) {
	store, err := h.homes.open(ctx, h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	now := time.Now()
	node, err := store.Join(ctx, bellhop.NodeAbout{Name: "bench", Version: "bench", Started: now}, time.Hour, now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Leave(context.WithoutCancel(ctx), node.Lease, time.Now())) }()
	// Ids of the past are wanted, too: so they are not above what the node has made before,
	// which is nothing but endpoints.
	filling := &filler{store: store, lease: node.Lease, ids: id.NewGenerator(int(node.Lease.Node), 0)}
	if filling.routes, err = store.Routes(ctx, 0); err != nil {
		return err
	}
	filling.endpoints = filling.routes.Endpoints
	return f(filling)
}

// fillStep is how many deliveries are written with one step.
const fillStep = 1000

// waitingType is the type of events that wait.
const waitingType = 99999

// event makes an event of the i-th endpoint's type.
func (f *filler) event(at time.Time, kind int, data []byte) bellhop.NewEvent {
	return bellhop.NewEvent{Event: bellhop.Event{ID: id.Next[id.Event](f.ids, at), App: "bench", Type: eventType(kind), Data: data}}
}

func (f *filler) deliver(n *bellhop.NewEvent, to bellhop.EndpointID, owner bellhop.NodeID, at time.Time) {
	n.Deliveries = append(n.Deliveries, bellhop.Delivery{
		ID: id.Next[id.Delivery](f.ids, at), Event: n.Event.ID, Endpoint: to, App: n.Event.App, Type: n.Event.Type,
		Trigger: bellhop.TriggerPublish, Status: bellhop.DeliveryPending, Due: at, Owner: owner,
		OrderPos: bellhop.DeliveryID(n.Event.ID),
	})
	n.Event.Deliveries++
}

// pending writes so many deliveries that are due to an endpoint, with events that are
// numbered from 0 on.
func (f *filler) pending(ctx context.Context, to bellhop.EndpointID, count, size int) error {
	prefix := `"type":"` + eventType(waitingType) + `",`
	template := prefix + string(eventData(size))
	for n := 0; n < count; {
		events := make([]bellhop.NewEvent, 0, fillStep)
		at := time.Now()
		for ; n < count && len(events) < fillStep; n++ {
			own := []byte(template)
			slotsOf(own)[0].set(waitingType, int64(n), at.UnixNano())
			e := f.event(at, waitingType, own[len(prefix):])
			f.deliver(&e, to, 0, at)
			events = append(events, e)
		}
		if _, err := f.store.Enqueue(ctx, f.lease, f.routes.Version, events, at); err != nil {
			return fmt.Errorf("write %d deliveries: %w", count, err)
		}
	}
	return nil
}

// history writes so many attempts that succeeded, of events to all endpoints, spread over
// the day until now, and has them summed up as a server would have by then.
func (f *filler) history(ctx context.Context, count int) error {
	now := time.Now()
	begin := now.Add(-24 * time.Hour)
	data := []byte(`{"n":1}`)
	for n := 0; n < count; {
		var events []bellhop.NewEvent
		var results []bellhop.Result
		at := begin.Add(time.Duration(float64(n) / float64(count) * float64(23*time.Hour)))
		for len(results) < fillStep && n < count {
			e := f.event(at, 0, data)
			for i := range f.endpoints {
				f.deliver(&e, f.endpoints[i].ID, f.lease.Node, at)
			}
			events = append(events, e)
			for _, d := range e.Deliveries {
				results = append(results, bellhop.Result{Lease: f.lease, Attempt: bellhop.Attempt{
					ID: id.Next[id.Attempt](f.ids, at), Delivery: d.ID, Event: d.Event, Endpoint: d.Endpoint, App: d.App, Type: d.Type, Trigger: d.Trigger,
					Number: 1, Status: bellhop.AttemptSucceeded, Final: true, Duration: bellhop.Duration(3 * time.Millisecond), ResponseStatus: 204, Dialect: "standard",
				}})
			}
			n += len(e.Deliveries)
		}
		if _, err := f.store.Enqueue(ctx, f.lease, f.routes.Version, events, at); err != nil {
			return fmt.Errorf("write events of %d attempts: %w", count, err)
		}
		if err := f.store.Record(ctx, f.lease, results, at); err != nil {
			return fmt.Errorf("write %d attempts: %w", count, err)
		}
	}
	for {
		more, err := f.store.RollUp(ctx, now.Add(-time.Hour))
		if err != nil || !more {
			return err
		}
	}
}

// resume has an endpoint that was paused be sent to when a server starts.
func (f *filler) resume(ctx context.Context, e bellhop.Endpoint) error {
	e.Status = bellhop.EndpointActive
	return f.store.SaveEndpoint(ctx, e, nil, time.Now())
}
