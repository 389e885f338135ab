package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// TypeDeliveryCaptured is the type of the event by which Bellhop tells an app what an
// endpoint has captured of an answer. It goes to endpoints that name it, or "bellhop.*",
// among their events; where none does, it is not published.
const TypeDeliveryCaptured = routes.OwnTypes + "delivery.captured"

// CapturedID is the external id of the event that tells what was captured of a delivery:
// however often it is published, it is one.
func CapturedID(d bellhop.DeliveryID) string { return TypeDeliveryCaptured + ":" + d.String() }

// reactStep is how many captures are published in one transaction, of one app: the apps
// take turns.
const reactStep = 32

// react publishes what was captured, whenever there is some, until ctx ends.
func (e *Engine) react(ctx context.Context) {
	for {
		e.failed(ctx, "publishing what was captured", e.reactToAll(ctx))
		select {
		case <-ctx.Done():
			return
		case <-e.reacting:
		}
	}
}

// reactToAll goes from app to app until nothing is left but what cannot be published
// now: that waits for the next heartbeat.
func (e *Engine) reactToAll(ctx context.Context) (failed error) {
	after, stuck := "", map[string]bool{}
	for idle := 0; idle <= len(stuck) && ctx.Err() == nil; {
		list, err := e.store.Reactions(ctx, after, reactStep)
		if err != nil {
			return fmt.Errorf("look for captures: %w", err)
		}
		if len(list) == 0 {
			return failed
		}
		if after = list[0].App; stuck[after] {
			idle++
			continue
		}
		idle = 0
		if err := e.reactTo(ctx, after, list); err != nil {
			failed, stuck[after] = errors.Join(failed, fmt.Errorf("app %s: %w", after, err)), true
		}
	}
	return failed
}

// reactTo publishes some captures of one app, and takes them off the list of those to
// do. A crash between the two has them published again, under the same external ids.
func (e *Engine) reactTo(ctx context.Context, app string, list []bellhop.Reaction) error {
	asked := e.HearsOf(app, TypeDeliveryCaptured)
	who := e.whoHears(app)
	done := make([]bellhop.AttemptID, len(list))
	var ps []Publication
	var of []bellhop.EventID
	for i, x := range list {
		done[i] = x.Attempt
		if len(who) > 0 {
			if err := e.tellTurn(ctx, who, x.Attempt); err != nil {
				return err
			}
		}
		if !asked {
			continue
		}
		p, event, err := e.captured(ctx, x.Attempt)
		if err != nil {
			return err
		}
		if event != 0 {
			ps, of = append(ps, p), append(of, event)
		}
	}
	if err := e.publishCaptures(ctx, ps, of); err != nil {
		return err
	}
	return e.Wrote("end captures", e.store.EndReactions(ctx, done))
}

// captured is the event that tells of a capture, and the event that it is of; 0 if that
// is erased or gone.
func (e *Engine) captured(ctx context.Context, i bellhop.AttemptID) (p Publication, of bellhop.EventID, err error) {
	a, err := e.store.Attempt(ctx, i)
	if bellhop.IsNotFound(err) || err == nil && (len(a.Captured) == 0 || a.Status != bellhop.AttemptSucceeded) {
		return p, 0, nil
	}
	var event bellhop.Event
	if err == nil {
		event, err = e.store.Event(ctx, a.Event)
	}
	if bellhop.IsNotFound(err) || err == nil && event.Erased {
		return p, 0, nil
	}
	if err != nil {
		return p, 0, fmt.Errorf("look a capture up: %w", err)
	}
	retain := time.Duration(0)
	if at := event.DataExpiresAt; at != nil {
		// What was taken out of an answer goes with the data that it answers.
		if retain = at.Sub(e.cfg.Now()); retain <= 0 {
			return p, 0, nil
		}
	}
	data := map[string]any{
		"event": a.Event, "event_type": a.Type, "app": a.App, "subject": event.Subject, "endpoint": a.Endpoint,
		"delivery": a.Delivery, "attempt": a.ID, "captured": a.Captured,
	}
	if r := e.table.Routes().Endpoint(a.Endpoint); r != nil {
		data["endpoint_name"] = r.Name
	}
	return Publication{
		App: a.App, Type: TypeDeliveryCaptured, Subject: event.Subject, Data: marshal(data), ExternalID: CapturedID(a.Delivery), Retain: retain,
	}, a.Event, nil
}

// publishCaptures publishes at once or, if one was published before with other words
// (its endpoint was renamed since), or not all find room, one by one.
func (e *Engine) publishCaptures(ctx context.Context, ps []Publication, of []bellhop.EventID) error {
	if len(ps) == 0 {
		return nil
	}
	receipts, err := e.accept(ctx, ps, inBatch)
	switch code := bellhop.CodeOf(err); {
	case code == bellhop.CodeUnknownApp, code == bellhop.CodeIDConflict && len(ps) == 1:
		return nil // it is gone, or was told already
	case code == bellhop.CodeIDConflict, code == bellhop.CodeBacklogFull && len(ps) > 1:
		for i := range ps {
			if err := e.publishCaptures(ctx, ps[i:i+1], of[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	case err != nil:
		return err
	}
	return e.forgetCaptures(ctx, receipts, of)
}

// forgetCaptures erases what was published of events that were erased meanwhile.
func (e *Engine) forgetCaptures(ctx context.Context, receipts []bellhop.Receipt, of []bellhop.EventID) error {
	for i, id := range of {
		event, err := e.store.Event(ctx, id)
		if err == nil && !event.Erased {
			continue
		}
		if err != nil && !bellhop.IsNotFound(err) {
			return fmt.Errorf("look whether it was erased: %w", err)
		}
		erased, err := e.store.Erase(ctx, bellhop.EraseSelector{Event: receipts[i].Event}, nil, e.cfg.Now())
		if err != nil {
			return fmt.Errorf("erase what was captured of an erased event: %w", err)
		}
		for _, x := range erased {
			e.Forget(map[bellhop.EventID]bool{x: true}, "")
		}
	}
	return nil
}
