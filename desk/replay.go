package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/match"
)

// resendStep is how many deliveries are made in one transaction: an app may have very
// many endpoints, and nobody else is to wait for them.
const resendStep = 500

// Resend makes new deliveries of an event, each a chain of attempts of its own
// that leaves earlier ones alone until it has arrived: to one endpoint, or (0) to every endpoint of its
// app that is not disabled and either got it before or would get it now. Where one
// waits already, due and not tried yet, that one is answered, and no other is made; one
// that is held, since no request could be made of the event, is let go instead.
func (d *Desk) Resend(ctx context.Context, p bellhop.Principal, event bellhop.EventID, endpoint bellhop.EndpointID) ([]bellhop.Delivery, error) {
	if err := Permits(p, "resendEvent"); err != nil {
		return nil, err
	}
	e, err := d.event(ctx, p, event)
	if err != nil {
		return nil, err
	}
	if endpoint != 0 {
		if _, err := d.endpoint(p, endpoint); err != nil {
			return nil, err
		}
	}
	if e.Erased {
		return nil, &bellhop.Error{Code: bellhop.CodeErased, Detail: "The event's data was erased, so it cannot be sent again"}
	}
	before, err := d.deliveriesOf(ctx, &e, endpoint)
	if err != nil {
		return nil, err
	}
	to, err := d.resendTo(p, &e, endpoint, before)
	if err != nil {
		return nil, err
	}
	now := d.e.Now()
	var waiting, deliveries []bellhop.Delivery
	defer func() {
		if slices.ContainsFunc(waiting, func(x bellhop.Delivery) bool { return x.ReleasedAt.Equal(now) }) {
			d.lookAgain(ctx)
		}
	}()
	for _, r := range to {
		again, err := d.releaseOne(ctx, before, r.ID, now)
		if err != nil {
			return nil, err
		}
		if again.ID != 0 {
			waiting = append(waiting, again)
			continue
		}
		if i := slices.IndexFunc(before, func(x bellhop.Delivery) bool { return x.Endpoint == r.ID && goesNext(&x, now) }); i >= 0 {
			waiting = append(waiting, before[i])
			continue
		}
		deliveries = append(deliveries, d.e.NewDelivery(&e, r, bellhop.TriggerResend, now))
	}
	if len(deliveries) == 0 {
		return waiting, nil
	}
	entry := d.e.AuditEntry(p.Actor, "event.resend", event.String(), []string{e.App}, map[string]any{"deliveries": len(deliveries)})
	added := 0
	for some := range slices.Chunk(deliveries, resendStep) {
		done, err := d.e.Redeliver(ctx, bellhop.Redelivery{Deliveries: some, Audit: entry, Bounds: d.bounds})
		if err == nil {
			err = d.full(done.Full)
		}
		if added += done.Added; err != nil {
			return nil, afterSome(added, len(deliveries), err)
		}
		entry = nil
	}
	if added < len(deliveries) {
		return nil, &bellhop.Error{Code: bellhop.CodeConflict, Detail: fmt.Sprintf("The event or an endpoint changed meanwhile: %d of %d deliveries were made; look again", added, len(deliveries))}
	}
	return append(waiting, deliveries...), nil
}

// releaseOne lets the newest delivery of an event to an endpoint go that is held, and
// gives it; its ID is 0 if none is.
func (d *Desk) releaseOne(ctx context.Context, of []bellhop.Delivery, e bellhop.EndpointID, now time.Time) (bellhop.Delivery, error) {
	i := slices.IndexFunc(of, func(x bellhop.Delivery) bool { return x.Endpoint == e && x.Held })
	if i < 0 {
		return bellhop.Delivery{}, nil
	}
	n, err := d.releaseHeld(ctx, e, []bellhop.DeliveryID{of[i].ID})
	if err != nil || n == 0 { // it has gone meanwhile
		return bellhop.Delivery{}, err
	}
	released := of[i]
	released.Status, released.Due, released.Held, released.ReleasedAt = bellhop.DeliveryPending, now, false, now
	return released, nil
}

// goesNext tells whether a delivery waits, due and not tried yet: a second one beside it
// would bring the receiver nothing sooner. One that waits for a retry or for its time does
// not count, since to resend means now.
func goesNext(d *bellhop.Delivery, now time.Time) bool {
	return (d.Status == bellhop.DeliveryPending || d.Status == bellhop.DeliveryHeld) && d.Attempts == 0 && !d.Due.After(now)
}

// full is the error of a bound that is reached.
func (d *Desk) full(bound bellhop.BacklogBound) error {
	switch bound {
	case "":
		return nil
	case bellhop.FullEndpoint:
		return bellhop.BacklogFull(bound, d.bounds.Endpoint)
	}
	return bellhop.BacklogFull(bound, d.bounds.App)
}

// afterSome says what an error has interrupted.
func afterSome(added, of int, err error) error {
	if e, ok := errors.AsType[*bellhop.Error](err); ok && added > 0 {
		partly := *e
		partly.Detail = fmt.Sprintf("%d of %d deliveries were made, and then no more. %s", added, of, e.Detail)
		return &partly
	}
	return fmt.Errorf("after %d of %d deliveries: %w", added, of, err)
}

func (d *Desk) resendTo(p bellhop.Principal, e *bellhop.Event, endpoint bellhop.EndpointID, before []bellhop.Delivery) ([]*routes.Route, error) {
	if endpoint != 0 {
		r, err := d.endpoint(p, endpoint)
		switch {
		case err != nil:
			return nil, err
		case !slices.Contains(r.Apps, e.App):
			return nil, &bellhop.Error{Code: bellhop.CodeUnsubscribed, Detail: "The endpoint does not listen to the event's app " + e.App}
		case r.Status == bellhop.EndpointDisabled:
			return nil, &bellhop.Error{Code: bellhop.CodeEndpointStatus, Detail: "The endpoint is disabled, so nothing was sent: make it active first"}
		}
		return []*routes.Route{r}, nil
	}
	got := make(map[bellhop.EndpointID]bool, len(before))
	for _, x := range before {
		got[x.Endpoint] = true
	}
	var to []*routes.Route
	for _, r := range d.routes().Of(e.App) {
		if r.Status != bellhop.EndpointDisabled && (got[r.ID] || !e.Test && r.Verdict(e).OK) {
			to = append(to, r)
		}
	}
	return to, nil
}

// deliveriesOf gives all deliveries of an event, or those to one endpoint, newest first.
func (d *Desk) deliveriesOf(ctx context.Context, e *bellhop.Event, endpoint bellhop.EndpointID) (all []bellhop.Delivery, err error) {
	const page = 1000
	for before := bellhop.DeliveryID(0); ; before = all[len(all)-1].ID {
		list, err := d.store.Deliveries(ctx, bellhop.DeliveryFilter{Scope: bellhop.Only(e.App), Event: e.ID, Endpoint: endpoint, Before: before, Limit: page})
		if err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < page {
			return all, nil
		}
	}
}

// Replay says which events of the past go to an endpoint again.
type Replay struct {
	Since time.Time
	Until time.Time // zero: now
	// App is the one of the endpoint's apps whose events they are; "" means all of them.
	App string
	// Types are event types, or prefixes with a trailing "*"; none means all.
	Types []string
	bellhop.LabelFilter
	Status bellhop.ReplayStatus
	// Cause narrows it to what failed for it, the last time: it goes with ReplayFailed,
	// ReplayGivenUp and ReplayRetrying. Response narrows it to what was answered so, the
	// last time: it goes with all but ReplayMissing and ReplayHeld.
	Cause    bellhop.Cause
	Response bellhop.StatusRange
	// Arrived has what arrived once count as succeeded, whatever became of sending it again
	// (bellhop.ArrivedOrLatest).
	Arrived bool
	// DryRun counts and sends nothing.
	DryRun bool
	// After goes on from an earlier call's Next.
	After bellhop.EventID
	// Limit is how many events one call covers at most. Default and most:
	// MaxReplay.
	Limit int
}

// ReplayResult is what one call of Replay did.
type ReplayResult struct {
	// Matched events were covered, Enqueued deliveries made of them.
	Matched  int
	Enqueued int
	// AlreadyWaiting are those of Matched that were not added, since they wait at the
	// endpoint already.
	AlreadyWaiting int
	// Failed and Waiting are what was found of failures: events whose delivery was given
	// up, which are among Matched, and deliveries that failed and wait to be tried again
	// or, with ReplayHeld, are held: all of which the first call deals with. Moved is how
	// many of those it made due now.
	Failed, Waiting, Moved int
	// Next is where to go on; 0 when everything is covered.
	Next bellhop.EventID
	// Full says that it stopped since as many deliveries wait as may.
	Full bool
}

const (
	// MaxReplay is how many events one call of Replay looks at, whether it covers
	// them or not: it ends before its caller loses patience.
	MaxReplay = 10_000
	// replayStep is how many events are looked at at once: they are in memory with
	// their data, and between steps others get their turn at the store.
	replayStep = 200
)

// Replay sends events of the past to an endpoint: those that ended in some way there, those
// it never got, or all, in their old order, but none that waits there already. Those that
// failed and wait to be tried again are tried now, and what is held by itself is let go:
// neither is copied. It works in pages, each one transaction;
// calling it again with Next goes on where it stopped, after a crash as well. If it
// fails after it has sent something, it answers what it did, with Next: whoever goes
// on from there meets the failure again if it lasts. What it did is told beside an error, too.
func (d *Desk) Replay(ctx context.Context, p bellhop.Principal, endpoint bellhop.EndpointID, q Replay) (ReplayResult, error) {
	if err := Permits(p, "replayEndpoint"); err != nil {
		return ReplayResult{}, err
	}
	r, err := d.editable(p, endpoint)
	if err != nil {
		return ReplayResult{}, err
	}
	if _, err := q.apps(r); err != nil {
		return ReplayResult{}, err
	}
	if err := d.checkReplay(&q); err != nil {
		return ReplayResult{}, err
	}
	res := ReplayResult{Next: q.After}
	switch q.Status {
	case bellhop.ReplayFailed, bellhop.ReplayRetrying, bellhop.ReplayHeld:
		if q.After == 0 {
			if err := d.replayWaiting(ctx, p, endpoint, q, &res); err != nil {
				return ReplayResult{}, err
			}
		}
		if q.Status != bellhop.ReplayFailed { // it covers nothing else
			res.Next = 0
			return res, nil
		}
	}
	for looked := 0; looked < MaxReplay && res.Matched < q.Limit; looked += replayStep {
		done, err := d.replayPage(ctx, p, endpoint, q, &res)
		switch {
		case err != nil && res.Enqueued+res.Moved > 0 && res.Next != 0 && ctx.Err() == nil:
			if !res.Full { // which the caller is told
				d.log.WarnContext(ctx, "replay stopped early", "endpoint", endpoint.String(), "err", err)
			}
			return res, nil
		case err != nil:
			return res, err
		case done:
			res.Next = 0
			return res, nil
		}
	}
	return res, nil
}

// replayWaiting has what waits tried now.
func (d *Desk) replayWaiting(ctx context.Context, p bellhop.Principal, endpoint bellhop.EndpointID, q Replay, res *ReplayResult) error {
	r, err := d.editable(p, endpoint)
	if err != nil {
		return err
	}
	if r.Status == bellhop.EndpointDisabled && !q.DryRun {
		return disabled(res)
	}
	apps, err := q.apps(r)
	if err != nil {
		return err
	}
	scope := p.Scope
	if q.App != "" {
		scope = bellhop.Only(q.App)
	}
	f := bellhop.RetryingFilter{
		Scope: scope, Endpoint: endpoint, Types: q.Types, LabelFilter: q.LabelFilter, Since: q.Since, Until: q.Until, Cause: q.Cause, Response: q.Response,
	}
	move := d.retrying
	if q.Status == bellhop.ReplayHeld {
		move = d.letGo
	}
	res.Waiting, res.Moved, err = move(ctx, f, !q.DryRun)
	if err == nil && res.Moved > 0 {
		detail := map[string]any{"moved": res.Moved, "status": q.Status}
		err = d.audit(ctx, d.e.AuditEntry(p.Actor, "endpoint.replay", endpoint.String(), apps, detail))
	}
	return afterSomeMoved(res.Moved, err)
}

// disabled refuses to send to an endpoint that is.
func disabled(res *ReplayResult) error {
	what := "nothing was sent"
	if res.Enqueued+res.Moved > 0 || res.Next != 0 { // in this call or an earlier one
		what = "nothing more was sent"
	}
	return &bellhop.Error{Code: bellhop.CodeEndpointStatus, Detail: "The endpoint is disabled, so " + what + ": make it active first"}
}

// letGo counts the deliveries of an endpoint that are held by themselves and that a filter
// selects and, if release is set, lets them go, in bounded steps. How often they were tried
// does not matter.
func (d *Desk) letGo(ctx context.Context, f bellhop.RetryingFilter, release bool) (held, released int, err error) {
	defer func() {
		if released > 0 {
			d.lookAgain(ctx)
		}
	}()
	of := bellhop.DeliveryFilter{Scope: f.Scope, Endpoint: f.Endpoint, Status: bellhop.DeliveryHeld, Itself: true, Limit: hastenStep}
	for {
		list, err := d.store.Deliveries(ctx, of)
		if err != nil {
			return held, released, err
		}
		var some []bellhop.DeliveryID
		for i := range list {
			x := &list[i]
			if at := x.Event.Time(); at.Before(f.Since) || !at.Before(f.Until) || !bellhop.MatchNames(f.Types, x.Type) {
				continue
			}
			if f.LabelFilter != (bellhop.LabelFilter{}) {
				e, err := d.store.Event(ctx, x.Event)
				if err != nil && !bellhop.IsNotFound(err) {
					return held, released, err
				}
				if !f.Labelled(&e) {
					continue
				}
			}
			some = append(some, x.ID)
		}
		if held += len(some); release && len(some) > 0 {
			n, err := d.releaseHeld(ctx, f.Endpoint, some)
			if released += n; err != nil {
				return held, released, err
			}
		}
		if len(list) < of.Limit {
			return held, released, nil
		}
		of.Before = list[len(list)-1].ID
	}
}

// replayPage goes on with a replay from res.Next. It tells whether everything is
// covered.
func (d *Desk) replayPage(ctx context.Context, p bellhop.Principal, endpoint bellhop.EndpointID, q Replay, res *ReplayResult) (done bool, err error) {
	// The endpoint may have been disabled, or deleted, or listen to other apps
	// meanwhile.
	r, err := d.editable(p, endpoint)
	if err != nil {
		return false, err
	}
	if r.Status == bellhop.EndpointDisabled && !q.DryRun {
		return false, disabled(res)
	}
	apps, err := q.apps(r)
	if err != nil {
		return false, err
	}
	status := q.Status
	if status == bellhop.ReplayGivenUp {
		status = bellhop.ReplayFailed // of which these are left, besides what waits
	}
	f := bellhop.ReplayFilter{
		Endpoint: endpoint, Apps: apps, Types: q.Types, Status: status, Since: q.Since, Until: q.Until,
		After: res.Next, Limit: replayStep, Scan: replayStep, Cause: q.Cause, Response: q.Response, LabelFilter: q.LabelFilter, Arrived: q.Arrived,
	}
	events, next, err := d.store.Candidates(ctx, f)
	if err != nil {
		return false, err
	}
	changed := 0 // since: another replay has sent them
	looked, deliveries := d.coveredBy(r, q, events, q.Limit-res.Matched)
	if len(deliveries) > 0 && !q.DryRun {
		entry := d.e.AuditEntry(p.Actor, "endpoint.replay", endpoint.String(), apps, map[string]any{"deliveries": len(deliveries), "status": q.Status})
		made, err := d.e.Redeliver(ctx, bellhop.Redelivery{Deliveries: deliveries, Audit: entry, SkipWaiting: true, Still: &f, Bounds: d.bounds})
		if err != nil {
			return false, err
		}
		res.Enqueued += made.Added
		res.AlreadyWaiting += made.Waiting
		changed = made.Changed
		if made.Full != "" {
			// What was looked at is done; it goes on with the first that was not.
			covered := len(deliveries) - made.Left
			res.cover(q, covered-changed)
			res.Full = true
			switch {
			case covered > 0:
				res.Next = deliveries[covered-1].Event
			case res.Next == 0: // what waits was dealt with, and is not to be again
				res.Next = deliveries[0].Event - 1
			}
			return false, d.full(made.Full)
		}
	}
	res.cover(q, len(deliveries)-changed)
	if next == 0 && !q.DryRun {
		// Of an app that is deleted nothing is found, and that is not all there was.
		d.e.RefreshRoutes(ctx)
		if r, err = d.editable(p, endpoint); err == nil {
			_, err = q.apps(r)
		}
		if err != nil {
			return false, err
		}
	}
	if looked < len(events) { // the limit is reached before the page's end
		res.Next = events[looked-1].ID
		return false, nil
	}
	res.Next = next
	return next == 0, nil
}

// apps are those of an endpoint whose events it covers.
func (q *Replay) apps(r *routes.Route) ([]string, error) {
	switch {
	case q.App == "":
		return r.Apps, nil
	case slices.Contains(r.Apps, q.App):
		return []string{q.App}, nil
	}
	return nil, bellhop.Wrong("app", "not_listening", "is none of the endpoint's apps: name one of them, or leave it out for all")
}

// failed tells whether it covers what was given up.
func (q *Replay) failed() bool {
	return q.Status == bellhop.ReplayFailed || q.Status == bellhop.ReplayGivenUp
}

// cover counts events that were covered.
func (r *ReplayResult) cover(q Replay, n int) {
	if r.Matched += n; q.failed() {
		r.Failed += n
	}
}

// coveredBy makes deliveries of the events that a replay covers, at most limit. It
// answers how many events it has looked at.
func (d *Desk) coveredBy(r *routes.Route, q Replay, events []bellhop.Event, limit int) (looked int, deliveries []bellhop.Delivery) {
	now := d.e.Now()
	for i := range events {
		if len(deliveries) == limit {
			return i, deliveries
		}
		// What failed was bound for the endpoint when it was published; the others
		// must be what it wants today.
		if q.failed() || r.Verdict(&events[i]).OK {
			deliveries = append(deliveries, d.e.NewDelivery(&events[i], r, bellhop.TriggerReplay, now))
		}
	}
	return len(events), deliveries
}

func (d *Desk) checkReplay(q *Replay) error {
	if q.Until.IsZero() {
		q.Until = d.e.Now()
	}
	if q.Limit <= 0 || q.Limit > MaxReplay {
		q.Limit = MaxReplay
	}
	switch {
	case q.Since.IsZero():
		return bellhop.Wrong("since", "required", "is missing: give the time from which events are replayed")
	case !q.Since.Before(q.Until):
		return bellhop.Wrong("until", "range", "must be after since: until is exclusive")
	}
	if q.Cause != (bellhop.Cause{}) && !q.failed() && q.Status != bellhop.ReplayRetrying {
		return bellhop.Wrong("reason", "only_failed", `and response_status go with the statuses "failed", "given_up" and "retrying" alone: leave them out, or choose one of these`)
	}
	if err := cmp.Or(checkReason(q.Cause.Reason), CheckLabels(q.LabelFilter)); err != nil {
		return err
	}
	if fields := checkPatterns("types", q.Types, match.CheckTypePattern); len(fields) > 0 {
		return bellhop.Invalid("The patterns of event types are not valid", fields...)
	}
	if q.Response != "" && (q.Status == bellhop.ReplayMissing || q.Status == bellhop.ReplayHeld) {
		return bellhop.Wrong("response", "no_answer", `goes with no status of which there is no answer ("missing" and "held"): leave it out, or choose another status`)
	}
	switch q.Status {
	case bellhop.ReplayFailed, bellhop.ReplayGivenUp, bellhop.ReplayRetrying, bellhop.ReplayHeld,
		bellhop.ReplaySucceeded, bellhop.ReplayCanceled, bellhop.ReplayMissing, bellhop.ReplayAll:
		return nil
	}
	return bellhop.Wrong("status", "enum", `must be "failed", "given_up", "retrying", "held", "succeeded", "canceled", "missing" or "all"`)
}
