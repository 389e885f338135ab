package bellhop

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Explanation says what became of an event at one endpoint, and why.
type Explanation struct {
	Endpoint EndpointID `json:"endpoint"`
	Name     string     `json:"name,omitempty"`
	URL      string     `json:"url,omitempty"`
	Outcome  Outcome    `json:"outcome"`
	// Reason is a stable word: for not_sent "type", "subject", "filter",
	// "disabled", "created_later", "changed_since", "test" or "own_type"; for the
	// others the reason of the latest attempt, or "paused", "disabled",
	// "misconfigured", "circuit_open", "order", "scheduled" or "queued".
	Reason string `json:"reason,omitempty"`
	// Detail is a sentence.
	Detail   string     `json:"detail"`
	Delivery DeliveryID `json:"delivery,omitempty"`
	Attempts int        `json:"attempts,omitempty"`
	NextAt   time.Time  `json:"next_at,omitzero"`
	// ChangedSince says that the endpoint's settings were changed after the
	// event, and that the answer was found by those of today.
	ChangedSince bool `json:"changed_since,omitempty"`
}

// Outcome is what became of an event at an endpoint.
type Outcome string

// What can become of an event.
const (
	OutcomeSucceeded Outcome = "succeeded"
	OutcomeFailed    Outcome = "failed"
	OutcomeCanceled  Outcome = "canceled"
	OutcomePending   Outcome = "pending"
	OutcomeRetrying  Outcome = "retrying"
	OutcomeHeld      Outcome = "held"
	OutcomeNotSent   Outcome = "not_sent"
)

// Explain tells, for each endpoint of the event's app and each one that got it,
// what became of the event there and why.
func (b *Bellhop) Explain(ctx context.Context, event EventID) ([]Explanation, error) {
	e, err := b.store.Event(ctx, event)
	if err != nil {
		return nil, err
	}
	deliveries, err := b.deliveriesOf(ctx, event)
	if err != nil {
		return nil, err
	}
	latest := map[EndpointID]Delivery{}
	for _, d := range deliveries { // newest first
		if _, ok := latest[d.Endpoint]; !ok {
			latest[d.Endpoint] = d
		}
	}
	b.routes.mu.RLock()
	routes := b.routes.byApp[e.App]
	b.routes.mu.RUnlock()

	list := []Explanation{}
	for _, r := range routes {
		x := Explanation{Endpoint: r.ID, Name: r.Name, URL: r.URL, ChangedSince: r.UpdatedAt.After(e.CreatedAt())}
		if d, ok := latest[r.ID]; ok {
			delete(latest, r.ID)
			err = b.explainDelivery(ctx, &x, d, r)
		} else {
			explainAbsence(&x, &e, r)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	for _, d := range deliveries { // to endpoints that are gone or no longer listen to the app
		if _, ok := latest[d.Endpoint]; ok {
			delete(latest, d.Endpoint)
			x := Explanation{Endpoint: d.Endpoint}
			r, err := b.route(d.Endpoint)
			if err == nil {
				x.Name, x.URL, x.ChangedSince = r.Name, r.URL, true
			}
			if err := b.explainDelivery(ctx, &x, d, r); err != nil {
				return nil, err
			}
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(x, y Explanation) int { return int(min(max(x.Endpoint-y.Endpoint, -1), 1)) })
	return list, nil
}

// explainDelivery says how a delivery stands. r is nil if its endpoint is gone.
func (b *Bellhop) explainDelivery(ctx context.Context, x *Explanation, d Delivery, r *route) error {
	x.Delivery, x.Attempts, x.Outcome = d.ID, d.Attempts, Outcome(d.Status)
	var last Attempt
	if d.LastAttempt != 0 {
		var err error
		if last, err = b.store.Attempt(ctx, d.LastAttempt); err != nil && !IsNotFound(err) {
			return err
		}
		x.Reason = last.Reason
	}
	tries := "after 1 attempt"
	if d.Attempts != 1 {
		tries = fmt.Sprintf("after %d attempts", d.Attempts)
	}
	switch d.Status {
	case DeliverySucceeded:
		x.Reason = ""
		x.Detail = fmt.Sprintf("Delivered %s: the receiver answered %d.", tries, last.ResponseStatus)
	case DeliveryFailed:
		x.Detail = fmt.Sprintf("Given up %s. The last one: %s", tries, last.Detail)
	case DeliveryCanceled:
		x.Detail = last.Detail
	default:
		b.explainPending(x, d, r, last)
	}
	return nil
}

func (b *Bellhop) explainPending(x *Explanation, d Delivery, r *route, last Attempt) {
	now := b.cfg.Now()
	x.NextAt = d.Due
	if d.Attempts > 0 {
		x.Outcome = OutcomeRetrying
		x.Detail = fmt.Sprintf("Attempt %d failed: %s ", d.Attempts, cmp.Or(last.Detail, "its log line has expired."))
	}
	var lane LaneState
	if r != nil {
		lane = b.lanes.lane(r).state()
	}
	switch {
	case r != nil && r.Status == EndpointPaused:
		x.Outcome, x.Reason = OutcomeHeld, "paused"
		x.Detail += "Held because the endpoint is paused; it goes out when it is resumed."
	case r != nil && r.Status == EndpointDisabled:
		x.Outcome, x.Reason = OutcomeHeld, "disabled"
		x.Detail += "Held because the endpoint is disabled; it goes out when it is made active again. " + r.DisabledReason
	case r != nil && r.broken != "":
		x.Outcome, x.Reason = OutcomeHeld, "misconfigured"
		x.Detail += "Held because nothing can be sent to the endpoint: " + r.broken + "."
	case d.Due.IsZero():
		x.Reason = "order"
		x.Detail += "Waits for an earlier delivery, since the endpoint keeps the order."
	case d.Due.After(now) && d.Attempts == 0:
		x.Reason = "scheduled"
		x.Detail = "Scheduled for " + stamp(d.Due) + "."
	case d.Due.After(now) && !lane.NextProbe.After(d.Due):
		x.Detail += "The next attempt is at " + stamp(d.Due) + "."
	case lane.Circuit == "open":
		x.Reason = "circuit_open"
		x.NextAt = lane.NextProbe
		x.Detail += fmt.Sprintf("Waits because the endpoint failed %d times in a row, last by %s; it is probed at %s.",
			lane.ConsecutiveFailures, lane.LastFailure, stamp(lane.NextProbe))
	default:
		if x.Reason == "" {
			x.Reason = "queued"
		}
		x.Detail += "Its turn comes next, as far as the endpoint's rate and concurrency allow."
	}
}

// explainAbsence says why an endpoint did not get the event.
func explainAbsence(x *Explanation, e *Event, r *route) {
	x.Outcome = OutcomeNotSent
	v := r.verdict(e)
	switch {
	case e.Test:
		x.Reason, x.Detail = "test", "The event is a test of another endpoint."
	case r.CreatedAt.After(e.CreatedAt()):
		x.Reason, x.Detail = "created_later", "The endpoint was created after the event. A replay of missing events would send it."
	case e.Erased && v.reason == "filter":
		x.Reason, x.Detail = "erased", "The event's data was erased, so it cannot be said whether the filter matched."
	case !v.ok:
		x.Reason, x.Detail = v.reason, "Not sent: "+v.detail+"."
	case r.Status == EndpointDisabled:
		x.Reason, x.Detail = "disabled", "The endpoint is disabled and gets no new events. "+r.DisabledReason
	default:
		x.Reason, x.Detail = "changed_since", "By its settings of today the endpoint would get the event; when the event was accepted, it was disabled or wanted something else. A replay of missing events would send it."
	}
}
