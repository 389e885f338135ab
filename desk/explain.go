package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
)

// Explain tells, for each endpoint of the event's app and each one that got it, what
// became of the event there and why. It is a list in pages, newest endpoints first:
// those before one (0: from the newest on), at most limit.
func (d *Desk) Explain(ctx context.Context, p bellhop.Principal, event bellhop.EventID, before bellhop.EndpointID, limit int) ([]bellhop.Explanation, error) {
	if err := Permits(p, "explainEvent"); err != nil {
		return nil, err
	}
	e, err := d.event(ctx, p, event)
	if err != nil {
		return nil, err
	}
	// In this order: a delivery that is made in between is then in both, not in
	// neither.
	later, err := d.store.Later(ctx, event)
	if err != nil {
		return nil, err
	}
	coming := make(map[bellhop.EndpointID]bool, len(later))
	for _, i := range later {
		coming[i] = true
	}
	standings, err := d.store.Standings(ctx, bellhop.StandingFilter{Event: event, Before: before, Limit: limit})
	if err != nil {
		return nil, err
	}
	held, err := d.store.Held(ctx, bellhop.Everything(), 0)
	if err != nil {
		return nil, err
	}
	at := make(map[bellhop.EndpointID]*bellhop.Standing, len(standings))
	for i := range standings {
		at[standings[i].Delivery.Endpoint] = &standings[i]
	}
	// Where there are more than one page, both lists have its endpoints.
	listening := d.routes().Endpoints(bellhop.EndpointFilter{Scope: bellhop.Only(e.App), Before: before, Limit: limit})

	list := []bellhop.Explanation{}
	for _, r := range listening {
		x := bellhop.Explanation{Endpoint: r.ID, Name: r.Name, URL: r.URL, ChangedSince: r.UpdatedAt.After(e.CreatedAt())}
		switch standing := at[r.ID]; {
		case standing != nil:
			d.explainDelivery(ctx, p, &x, &e, standing, r, held[x.Endpoint] > 0)
			if err := d.explainOrder(ctx, &x, &standing.Delivery, r); err != nil {
				return nil, err
			}
			delete(at, r.ID)
		case coming[r.ID]:
			explainComing(&x, &e)
		default:
			explainAbsence(&x, &e, r)
		}
		list = append(list, x)
	}
	for i, standing := range at { // endpoints that are gone or no longer listen to the app
		x := bellhop.Explanation{Endpoint: i}
		r := d.routes().Endpoint(i)
		if r != nil && p.Scope.SeesAny(r.Apps) { // else it is others' by now
			x.Name, x.URL, x.ChangedSince = r.Name, r.URL, true
		}
		d.explainDelivery(ctx, p, &x, &e, standing, r, held[x.Endpoint] > 0)
		list = append(list, x)
	}
	slices.SortFunc(list, func(x, y bellhop.Explanation) int { return cmp.Compare(y.Endpoint, x.Endpoint) })
	return list[:min(len(list), limit)], nil
}

// explainDelivery says how a delivery stands. r is nil if its endpoint is gone; holds
// says whether the endpoint has deliveries that are held themselves.
func (d *Desk) explainDelivery(ctx context.Context, p bellhop.Principal, x *bellhop.Explanation, e *bellhop.Event, standing *bellhop.Standing, r *routes.Route, holds bool) {
	made, last := &standing.Delivery, &standing.Last
	x.Delivery, x.Attempts, x.Outcome, x.Reason = made.ID, made.Attempts, bellhop.Fate(made.Status), last.Reason
	tries := "after 1 attempt"
	if made.Attempts != 1 {
		tries = fmt.Sprintf("after %d attempts", made.Attempts)
	}
	switch made.Status {
	case bellhop.DeliverySucceeded:
		x.Reason = ""
		x.Detail = fmt.Sprintf("Delivered %s: the receiver answered %d.", tries, last.ResponseStatus)
		if last.Detail != "" { // there was something odd about the answer
			x.Detail += " " + last.Detail
		}
	case bellhop.DeliveryFailed:
		of := "The last one: "
		if last.Reason == bellhop.ReasonExpired {
			of = ""
		}
		x.Detail = fmt.Sprintf("Given up %s. %s%s", tries, of, sentence(last.Detail))
	case bellhop.DeliveryCanceled:
		x.Detail = last.Detail
	default:
		d.explainPending(ctx, p, x, e, made, r, last, holds)
	}
	switch {
	case standing.Settled == 1:
		x.Detail += " This was a " + string(made.Trigger) + ": an earlier delivery, which still waited, is settled with it."
	case standing.Settled > 1:
		x.Detail += fmt.Sprintf(" This was a %s: %d earlier deliveries, which still waited, are settled with it.", made.Trigger, standing.Settled)
	}
	x.CopiesWaiting = standing.Unfinished
	if made.Status == bellhop.DeliveryPending || made.Status == bellhop.DeliveryHeld {
		x.CopiesWaiting--
	}
	switch {
	case x.CopiesWaiting == 1:
		x.Detail += " Another delivery of it waits here."
	case x.CopiesWaiting > 1:
		x.Detail += fmt.Sprintf(" %d other deliveries of it wait here.", x.CopiesWaiting)
	}
}

func (d *Desk) explainPending(ctx context.Context, p bellhop.Principal, x *bellhop.Explanation, e *bellhop.Event, made *bellhop.Delivery, r *routes.Route, last *bellhop.Attempt, holds bool) {
	now := d.e.Now()
	x.NextAt = made.Due
	defer func() { x.Detail = strings.TrimSpace(x.Detail) }()
	if made.Attempts > 0 {
		x.Outcome = bellhop.FateRetrying
		x.Detail = fmt.Sprintf("Attempt %d failed: %s ", made.Attempts, sentence(cmp.Or(last.Detail, "its log line has expired")))
	}
	var lane bellhop.LaneState
	if r != nil {
		lane, _ = d.lane(ctx, p, r) // if it has gone just now, it has no lane
	}
	switch {
	case made.Held:
		x.Outcome, x.Reason = bellhop.FateHeld, cmp.Or(last.Reason, "held")
		x.Detail = "Held: " + cmp.Or(last.Detail, "no request could be made of the event; the line of the log that says why has expired.") + " " + mending
	case r != nil && r.Status == bellhop.EndpointPaused:
		x.Outcome, x.Reason = bellhop.FateHeld, "paused"
		x.Detail += "Held because the endpoint is paused; it goes out when it is resumed."
	case r != nil && r.Status == bellhop.EndpointDisabled:
		x.Outcome, x.Reason = bellhop.FateHeld, "disabled"
		x.Detail += "Held because the endpoint is disabled; it goes out when it is made active again. " + d.endsAt(e, made, holds) + r.DisabledReason
	case r != nil && r.Held():
		x.Outcome, x.Reason = bellhop.FateHeld, "all_held"
		x.Detail += "Held because all sending is held, as after a restore; it goes out when the operator releases it."
	case r != nil && r.Broken() != "":
		x.Outcome, x.Reason = bellhop.FateHeld, "misconfigured"
		x.Detail += "Held because nothing can be sent to the endpoint: " + r.Broken() + ". " + d.endsAt(e, made, holds)
	case made.Due.IsZero():
		x.Reason = "order"
		x.Detail += "Waits for an earlier delivery, since the endpoint keeps the order."
		if holds {
			x.Detail += " Some of its deliveries are held, perhaps that one."
		}
	case made.Due.After(now) && made.Attempts == 0:
		x.Reason = "scheduled"
		x.Detail = "Scheduled for " + stamp(made.Due) + "."
	case made.Due.After(now) && !lane.NextProbe.After(made.Due):
		x.Detail += "The next attempt is at " + stamp(made.Due) + "."
	case lane.Circuit == "open":
		x.Reason = "circuit_open"
		x.NextAt = lane.NextProbe
		x.Detail += fmt.Sprintf("Waits because the endpoint failed %s, last by %s; it is probed at %s. %s",
			engine.InARow(lane.ConsecutiveFailures), lane.LastFailure, stamp(lane.NextProbe), d.endsAt(e, made, holds))
	default:
		if x.Reason == "" {
			x.Reason = "queued"
		}
		x.Detail += "Its turn comes next, as far as the endpoint's rate and concurrency allow."
	}
}

// sentence gives a text that ends as one.
func sentence(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?…") {
		return s
	}
	return s + "."
}

// mending says what lets a delivery go that is held, after what is wrong with it.
const mending = "It goes out by itself once the endpoint makes its requests in another way; resuming the endpoint tries it again as it is."

// explainOrder says so if a delivery whose turn has come waits for the fan-out of an
// earlier event, since the endpoint keeps the order.
func (d *Desk) explainOrder(ctx context.Context, x *bellhop.Explanation, made *bellhop.Delivery, r *routes.Route) error {
	if x.Reason != "queued" {
		return nil
	}
	held, err := d.store.HeldBack(ctx, *made, r.Apps)
	if held {
		x.Reason = "fanning_out"
		x.Detail = "Waits until an earlier event, which is bound for many endpoints, has come to this one, since the endpoint keeps the order."
	}
	return err
}

// endsAt says when a delivery that is held is given up.
func (d *Desk) endsAt(e *bellhop.Event, made *bellhop.Delivery, holds bool) string {
	at := d.e.EndsAt(made, e, holds)
	if at.IsZero() {
		return ""
	}
	return "It is given up if it has not been sent by " + stamp(at) + ". "
}

// explainComing says that the delivery is still to be made: the event went to more
// endpoints than fit into the transaction that accepted it.
func explainComing(x *bellhop.Explanation, e *bellhop.Event) {
	x.Outcome, x.Reason = bellhop.FatePending, "fanning_out"
	x.Detail = fmt.Sprintf("The event is bound for %d endpoints, and its delivery to this one is still being made: it follows by itself.", e.Deliveries)
	if e.DeliverAt != nil {
		x.NextAt = *e.DeliverAt
	}
}

// explainAbsence says why an endpoint did not get the event.
func explainAbsence(x *bellhop.Explanation, e *bellhop.Event, r *routes.Route) {
	x.Outcome = bellhop.FateNotSent
	v := r.Verdict(e)
	switch {
	case e.Test:
		x.Reason, x.Detail = "test", "The event is a test of another endpoint."
	case r.CreatedAt.After(e.CreatedAt()):
		x.Reason, x.Detail = "created_later", "The endpoint was created after the event. A replay of missing events would send it."
	case e.Erased && v.Reason == "filter":
		x.Reason, x.Detail = "erased", "The event's data was erased, so it cannot be said whether the filter matched."
	case !v.OK:
		x.Reason, x.Detail = v.Reason, "Not sent: "+v.Detail+"."
	case r.Status == bellhop.EndpointDisabled:
		x.Reason, x.Detail = "disabled", "The endpoint is disabled and gets no new events. "+r.DisabledReason
	default:
		x.Reason, x.Detail = "changed_since", "By its settings of today the endpoint would get the event; when the event was accepted, it was disabled or wanted something else. A replay of missing events would send it."
	}
}

// stamp is a time within a sentence, in the form that a page can tell from the text
// around it and show in the reader's zone.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
