package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// lastTry is how much older than its schedule a delivery of an endpoint that works may
// become, so that its last attempt, which is due at that age, is made.
const lastTry = 10 * time.Minute

// ending says at which age the deliveries of an endpoint end that wait in the store, and
// what they wait for; 0 if they do not: a pause holds what it holds, and so does a
// delivery that is held what is behind it in its order.
func ending(r *routes.Route, circuit bellhop.LaneState, holds bool) (age time.Duration, waitsFor string) {
	lasts := time.Duration(r.Retry.Lasts())
	switch {
	case r.Held(), r.Status == bellhop.EndpointPaused, holds && r.Ordering != bellhop.OrderingNone:
		return 0, ""
	case r.Status == bellhop.EndpointDisabled:
		return lasts, "the endpoint is disabled"
	case r.Broken() != "":
		return lasts, "nothing can be sent to the endpoint: " + r.Broken()
	case !circuit.OpenSince.IsZero():
		return lasts, fmt.Sprintf("the endpoint fails, last by %s, so that only single deliveries have been tried since %s",
			circuit.LastFailure, circuit.OpenSince.UTC().Format(time.RFC3339))
	case r.Ordering != bellhop.OrderingNone:
		return time.Duration(r.Retry.EndsAfter()) + lastTry, "its turn did not come, in an order that others of the endpoint were before it"
	}
	return time.Duration(r.Retry.EndsAfter()) + lastTry, "its turn did not come, by the endpoint's rate and concurrency"
}

// TooOld says which of the deliveries that wait at an endpoint in the store are too old,
// the oldest of which was born at a time; false if none is. Holds says that some are
// held themselves.
func TooOld(r *routes.Route, circuit bellhop.LaneState, holds bool, born, now time.Time) (bellhop.EndOld, bool) {
	age, waitsFor := ending(r, circuit, holds)
	before := now.Add(-age)
	if age == 0 || !born.Before(before) || r.ResumedAt.After(before) {
		return bellhop.EndOld{}, false
	}
	return bellhop.EndOld{
		Endpoint: r.ID, Revision: r.Revision, Before: before,
		Detail: fmt.Sprintf("No request was made: the delivery is older than the %s that those to this endpoint are tried for, and still waited, since %s.",
			r.Retry.Lasts(), waitsFor),
	}, true
}

// EndsAt is when a delivery that waits in the store is given up because of its age, as
// things stand at its endpoint, where others may be held; zero if it is not.
func (e *Engine) EndsAt(d *bellhop.Delivery, event *bellhop.Event, holds bool) time.Time {
	r := e.table.Routes().Endpoint(d.Endpoint)
	if r == nil || d.Held {
		return time.Time{}
	}
	age, _ := ending(r, e.lanes.State(r), holds)
	if age == 0 {
		return time.Time{}
	}
	born := bellhop.Born(d, event)
	if r.ResumedAt.After(born) {
		born = r.ResumedAt
	}
	return born.Add(age)
}

// aged is an endpoint at which deliveries have become too old, and how many of them were
// ended.
type aged struct {
	bellhop.EndOld
	ended int
}

// tooOld finds the endpoints at which deliveries have become too old, by the time as far
// as it is believed: they must not end because the clock has jumped.
func (e *Engine) tooOld(ctx context.Context) ([]aged, error) {
	now := e.clock.Settled()
	oldest, err := e.store.Oldest(ctx, now.Add(-e.table.Routes().ShortestSchedule()))
	if err != nil {
		return nil, fmt.Errorf("look for what has become too old: %w", err)
	}
	if len(oldest) == 0 {
		return nil, nil
	}
	held, err := e.store.Held(ctx, bellhop.Everything(), 0)
	if err != nil {
		return nil, fmt.Errorf("look for what is held: %w", err)
	}
	var list []aged
	for _, a := range oldest {
		r := e.table.Routes().Endpoint(a.Endpoint)
		if r == nil || !e.Owns(a.Endpoint) {
			continue // it is for Sweep, or for the owner, who knows what it waits for
		}
		if o, ok := TooOld(r, e.lanes.State(r), held[a.Endpoint] > 0, a.Born, now); ok {
			o.Tells = slices.ContainsFunc(r.Apps, e.tellsOfEnds)
			list = append(list, aged{EndOld: o})
		}
	}
	return list, nil
}

// endOld ends at most n deliveries of the first of some endpoints, and gives those that
// may have more: they take turns.
func (e *Engine) endOld(ctx context.Context, old []aged, n int) ([]aged, error) {
	if len(old) == 0 {
		return nil, nil
	}
	now, first := e.cfg.Now(), old[0]
	old = old[1:]
	ended, err := e.store.EndOld(ctx, first.EndOld, id.Take[id.Attempt](e.IDs(), n, now), now)
	if first.ended += ended; ended > 0 {
		wake(e.reacting)
	}
	more, err := e.noteEnded(ctx, ended, n, err)
	switch {
	case more:
		return append(old, first), nil
	case first.ended > 0:
		e.log.Warn("deliveries were given up because of their age", "endpoint", first.Endpoint.String(), "deliveries", first.ended, "why", first.Detail)
	}
	if err != nil {
		return nil, err // with the next heartbeat, we look again
	}
	return old, nil
}
