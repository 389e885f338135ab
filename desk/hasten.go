package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

const (
	// hastenStep is how many deliveries one transaction moves: nobody else writes
	// meanwhile.
	hastenStep = 250
	// retryingScan is how many are looked at at once.
	retryingScan = 2000
)

// TryDelivery has a delivery that waits tried now, and answers it: it is moved, not
// copied. One that is held, since no request could be made of its event, is let go. One
// that is about to be sent stays as it is.
func (d *Desk) TryDelivery(ctx context.Context, p bellhop.Principal, i bellhop.DeliveryID) (bellhop.Delivery, error) {
	var none bellhop.Delivery
	if err := Permits(p, "tryDelivery"); err != nil {
		return none, err
	}
	x, err := d.store.Delivery(ctx, i)
	if x, err = within(p, x, x.App, err, "delivery", i.String()); err != nil {
		return none, err
	}
	conflict := func(why string) error { return &bellhop.Error{Code: bellhop.CodeConflict, Detail: why} }
	now := d.e.Now()
	switch x.Status {
	case bellhop.DeliverySucceeded, bellhop.DeliveryFailed, bellhop.DeliveryCanceled:
		return none, conflict(fmt.Sprintf("The delivery has ended (%s), so it cannot be tried again: resend the event to make another", x.Status))
	}
	r, err := d.endpoint(p, x.Endpoint)
	if err != nil {
		return none, err
	}
	if err := sendable(r); err != nil {
		return none, err
	}
	switch {
	case x.Held:
		if _, err := d.releaseHeld(ctx, x.Endpoint, []bellhop.DeliveryID{i}); err != nil {
			return none, err
		}
		d.lookAgain(ctx)
	case x.Attempts == 0 && x.Due.After(now):
		return none, conflict("The event is scheduled, and its delivery is not tried before " + stamp(x.Due) + ": publish it without deliver_at to have it sent at once")
	case x.Due.IsZero():
		return none, conflict("The delivery waits for an earlier one, since the endpoint keeps the order: try that one, or all that wait at the endpoint")
	default:
		if _, err := d.e.Hasten(ctx, x.Endpoint, []bellhop.DeliveryID{i}); err != nil {
			return none, err
		}
	}
	entry := d.e.AuditEntry(p.Actor, "delivery.try", i.String(), []string{x.App}, map[string]any{"event": x.Event, "endpoint": x.Endpoint})
	if err := d.audit(ctx, entry); err != nil {
		return none, err
	}
	moved, err := d.store.Delivery(ctx, i)
	if bellhop.IsNotFound(err) { // its app was deleted meanwhile
		return x, nil
	}
	return moved, err
}

// sendable refuses an endpoint at which nothing is tried, whatever is due.
func sendable(r *routes.Route) error {
	why := ""
	switch {
	case r.Status == bellhop.EndpointPaused:
		why = "The endpoint is paused, so nothing is tried: resume it"
	case r.Status == bellhop.EndpointDisabled:
		why = "The endpoint is disabled, so nothing is tried: make it active first"
	case r.Held():
		why = "All sending is held, so nothing is tried: release it first"
	case r.Broken() != "":
		why = "Nothing can be sent to the endpoint: " + r.Broken()
	default:
		return nil
	}
	return &bellhop.Error{Code: bellhop.CodeEndpointStatus, Detail: why}
}

// TryEndpoint has what waits to be tried again at an endpoint tried now, oldest first:
// all of it, or what failed for a cause. It answers how many deliveries it moved. Where
// the circuit is open, one goes at once, and the others follow if that is taken. If it
// fails after some, those are moved, and to ask again moves the rest.
func (d *Desk) TryEndpoint(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID, cause bellhop.Cause) (moved int, err error) {
	if err := Permits(p, "tryEndpoint"); err != nil {
		return 0, err
	}
	r, err := d.endpoint(p, e)
	if err != nil {
		return 0, err
	}
	if err := checkReason(cause.Reason); err != nil {
		return 0, err
	}
	if err := sendable(r); err != nil {
		return 0, err
	}
	_, moved, err = d.retrying(ctx, bellhop.RetryingFilter{Scope: p.Scope, Endpoint: e, Cause: cause}, true)
	if err == nil && moved == 0 { // what is due already may wait for a probe
		_, err = d.e.Hasten(ctx, e, nil)
	}
	if moved > 0 {
		detail := map[string]any{"deliveries": moved}
		if cause.Reason != "" {
			detail["reason"] = cause.Reason
		}
		if cause.ResponseStatus != 0 {
			detail["response_status"] = cause.ResponseStatus
		}
		err = cmp.Or(err, d.audit(ctx, d.e.AuditEntry(p.Actor, "endpoint.try", e.String(), p.Scope.Visible(r.Apps), detail)))
	}
	if err != nil {
		return moved, afterSomeMoved(moved, err)
	}
	return moved, nil
}

func afterSomeMoved(moved int, err error) error {
	if moved == 0 || err == nil {
		return err
	}
	return fmt.Errorf("after %d deliveries were moved: %w", moved, err)
}

// retrying counts the deliveries that a filter selects and, if move is set, has them
// tried now, in bounded steps.
func (d *Desk) retrying(ctx context.Context, f bellhop.RetryingFilter, move bool) (waiting, moved int, err error) {
	f.Scan = retryingScan
	for {
		list, next, err := d.store.Retrying(ctx, f)
		if err != nil {
			return waiting, moved, err
		}
		waiting += len(list)
		if move {
			for some := range slices.Chunk(list, hastenStep) {
				n, err := d.e.Hasten(ctx, f.Endpoint, some)
				if moved += n; err != nil {
					return waiting, moved, err
				}
			}
		}
		if f.After = next; next == 0 {
			return waiting, moved, nil
		}
	}
}

const (
	// defaultFailuresRange is how far failures are looked for that were given up.
	defaultFailuresRange = 24 * time.Hour
	// How many deliveries are looked at, of one endpoint among others and in all.
	failuresEach = 5_000
	failuresAll  = 30_000
)

// Failures says what failed and has not arrived since, by endpoint and cause, the most
// first: of one app or ("") of all in the scope, at one endpoint or (0) all. What waits
// to be tried again is all counted; what was given up, from since on (zero: for a day).
func (d *Desk) Failures(ctx context.Context, p bellhop.Principal, app string, e bellhop.EndpointID, since time.Time) (bellhop.Failures, error) {
	var none bellhop.Failures
	if err := Permits(p, "listFailures"); err != nil {
		return none, err
	}
	scope, err := d.narrow(p, app)
	if err != nil {
		return none, err
	}
	if since.IsZero() {
		since = d.e.Now().Add(-defaultFailuresRange)
	}
	f := bellhop.FailureFilter{Scope: scope, Since: since, Each: failuresEach, All: failuresAll}
	if e != 0 {
		if _, err := d.endpoint(p, e); err != nil {
			return none, err
		}
		f.Endpoints, f.Each = []bellhop.EndpointID{e}, failuresAll/2
	} else {
		for _, r := range d.routesOf(scope) {
			f.Endpoints = append(f.Endpoints, r.ID)
		}
		slices.Sort(f.Endpoints)
	}
	found, err := d.store.Failures(ctx, f)
	if err != nil {
		return none, err
	}
	for i := range found.List {
		d.nextOf(ctx, &found.List[i], p.Scope)
	}
	slices.SortFunc(found.List, func(x, y bellhop.Failure) int {
		return cmp.Or(cmp.Compare(y.Waiting+y.Failed, x.Waiting+x.Failed), cmp.Compare(y.NewestAttempt, x.NewestAttempt))
	})
	return found, nil
}

// nextOf corrects when the first of those that wait is tried: nothing is at an endpoint
// that is stopped, and behind an open circuit not before the next probe.
func (d *Desk) nextOf(ctx context.Context, f *bellhop.Failure, scope bellhop.Scope) {
	r := d.routes().Endpoint(f.Endpoint)
	if f.Waiting == 0 || r == nil {
		return
	}
	if !r.Live() {
		f.NextAt = time.Time{}
		return
	}
	if probe := d.nextProbe(ctx, r, scope); probe.After(f.NextAt) {
		f.NextAt = probe
	}
}

// nextProbe is when an endpoint's circuit is probed; zero if it is not open, or it is told
// to those alone who see more of its apps.
func (d *Desk) nextProbe(ctx context.Context, r *routes.Route, scope bellhop.Scope) time.Time {
	lane, err := d.e.LaneState(ctx, r.ID)
	if err != nil || !scope.SeesAll(r.Apps) {
		return time.Time{}
	}
	return lane.NextProbe
}

// NextProbe is when an endpoint's circuit is probed, before which nothing is tried there;
// zero if it is not open.
func (d *Desk) NextProbe(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID) (time.Time, error) {
	if err := Permits(p, "listEventDeliveries"); err != nil {
		return time.Time{}, err
	}
	r := d.routes().Endpoint(e)
	if r == nil {
		return time.Time{}, nil
	}
	return d.nextProbe(ctx, r, p.Scope), nil
}
