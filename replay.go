package bellhop

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Resend makes new deliveries of an event, each a chain of attempts of its own
// that leaves earlier ones alone: to one endpoint, or (0) to every endpoint of its
// app that is not disabled and either got it before or would get it now.
func (b *Bellhop) Resend(ctx context.Context, actor string, event EventID, endpoint EndpointID) ([]Delivery, error) {
	e, err := b.store.Event(ctx, event)
	if err != nil {
		return nil, err
	}
	if e.Erased {
		return nil, &Error{Code: CodeErased, Detail: "The event's data was erased, so it cannot be sent again"}
	}
	routes, err := b.resendTo(ctx, &e, endpoint)
	if err != nil {
		return nil, err
	}
	now := b.cfg.Now()
	var deliveries []Delivery
	for _, r := range routes {
		deliveries = append(deliveries, b.newDelivery(&e, r, TriggerResend, now))
	}
	if len(deliveries) == 0 {
		return nil, nil
	}
	entry := b.auditEntry(actor, "event.resend", event.String(), []string{e.App}, map[string]any{"deliveries": len(deliveries)})
	added, err := b.redeliver(ctx, deliveries, entry, now)
	switch {
	case err != nil:
		return nil, err
	case added < len(deliveries):
		return nil, &Error{Code: CodeConflict, Detail: fmt.Sprintf("The event or an endpoint changed meanwhile: %d of %d deliveries were made; look again", added, len(deliveries))}
	}
	return deliveries, nil
}

func (b *Bellhop) resendTo(ctx context.Context, e *Event, endpoint EndpointID) ([]*route, error) {
	if endpoint != 0 {
		r, err := b.route(endpoint)
		switch {
		case err != nil:
			return nil, err
		case !slices.Contains(r.Apps, e.App):
			return nil, &Error{Code: CodeUnsubscribed, Detail: "The endpoint does not listen to the event's app " + e.App}
		case r.Status == EndpointDisabled:
			return nil, &Error{Code: CodeEndpointStatus, Detail: "The endpoint is disabled, so nothing was sent: make it active first"}
		}
		return []*route{r}, nil
	}
	before, err := b.deliveriesOf(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	var routes []*route
	for _, r := range b.routes.byApp[e.App] {
		got := slices.ContainsFunc(before, func(d Delivery) bool { return d.Endpoint == r.ID })
		if r.Status != EndpointDisabled && (got || !e.Test && r.verdict(e).ok) {
			routes = append(routes, r)
		}
	}
	return routes, nil
}

// deliveriesOf gives all deliveries of an event, newest first.
func (b *Bellhop) deliveriesOf(ctx context.Context, e EventID) (all []Delivery, err error) {
	const page = 1000
	for before := int64(0); ; before = all[len(all)-1].Position() {
		list, err := b.store.Deliveries(ctx, DeliveryFilter{Event: e, Before: before, Limit: page})
		if err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < page {
			return all, nil
		}
	}
}

// redeliver commits deliveries and tells their lanes. It answers how many were
// added: events may have been erased, and endpoints deleted, in between.
func (b *Bellhop) redeliver(ctx context.Context, deliveries []Delivery, entry *AuditEntry, now time.Time) (int, error) {
	added, err := b.store.Redeliver(ctx, deliveries, entry, now)
	if err != nil {
		return 0, b.wrote("enqueue deliveries", err)
	}
	for _, d := range deliveries {
		if l := b.lanes.existing(d.Endpoint); l != nil {
			l.noteDue(now)
		}
	}
	return added, nil
}

// Replay says which events of the past go to an endpoint again. One call covers at
// most Limit of them.
type Replay struct {
	Since time.Time
	Until time.Time // zero: now
	// Types are event types, or prefixes with a trailing "*"; none means all.
	Types  []string
	Status ReplayStatus
	// DryRun counts and sends nothing.
	DryRun bool
	// After goes on from an earlier call's Next.
	After EventID
	Limit int // 0: 10,000
}

// ReplayResult is what one call of Replay did.
type ReplayResult struct {
	// Matched events were covered, Enqueued deliveries made of them.
	Matched  int `json:"matched"`
	Enqueued int `json:"enqueued"`
	// Next is where to go on; 0 when everything is covered. After an error, it is
	// what was covered before it.
	Next EventID `json:"-"`
}

// How many events a replay reads at once, and covers in one call at most.
const (
	replayPage   = 200
	DefaultLimit = 10_000
)

// Replay sends events of the past to an endpoint: those that failed, those it
// never got, or all, in their old order. It works in pages, each one transaction;
// calling it again with Next goes on where it stopped, after a crash as well.
func (b *Bellhop) Replay(ctx context.Context, actor string, e EndpointID, q Replay) (ReplayResult, error) {
	r, err := b.route(e)
	if err != nil {
		return ReplayResult{}, err
	}
	if r.Status == EndpointDisabled && !q.DryRun {
		return ReplayResult{}, &Error{Code: CodeEndpointStatus, Detail: "The endpoint is disabled, so nothing was sent: make it active first"}
	}
	if err := b.checkReplay(&q); err != nil {
		return ReplayResult{}, err
	}
	res := ReplayResult{Next: q.After}
	for {
		r, err := b.route(e) // it may have been disabled, or deleted, meanwhile
		if err != nil {
			return res, err
		}
		if r.Status == EndpointDisabled && !q.DryRun {
			return res, &Error{Code: CodeEndpointStatus, Detail: "The endpoint is disabled, so nothing more was sent: make it active first"}
		}
		events, err := b.store.Candidates(ctx, ReplayFilter{
			Endpoint: e, Apps: r.Apps, Status: q.Status, Since: q.Since, Until: q.Until, After: res.Next, Limit: replayPage,
		})
		if err != nil {
			return res, err
		}
		looked, deliveries := b.coveredBy(r, q, events, q.Limit-res.Matched)
		if len(deliveries) > 0 && !q.DryRun {
			entry := b.auditEntry(actor, "endpoint.replay", e.String(), r.Apps, map[string]any{"deliveries": len(deliveries), "status": q.Status})
			added, err := b.redeliver(ctx, deliveries, entry, b.cfg.Now())
			if err != nil {
				return res, err
			}
			res.Enqueued += added
		}
		res.Matched += len(deliveries)
		if looked > 0 {
			res.Next = events[looked-1].ID
		}
		switch {
		case looked == len(events) && len(events) < replayPage:
			res.Next = 0
			return res, nil
		case res.Matched == q.Limit:
			return res, nil
		}
	}
}

// coveredBy makes deliveries of the events that a replay covers, at most limit. It
// answers how many events it has looked at.
func (b *Bellhop) coveredBy(r *route, q Replay, events []Event, limit int) (looked int, deliveries []Delivery) {
	now := b.cfg.Now()
	for i := range events {
		if len(deliveries) == limit {
			return i, deliveries
		}
		if r.replays(&events[i], q) {
			deliveries = append(deliveries, b.newDelivery(&events[i], r, TriggerReplay, now))
		}
	}
	return len(events), deliveries
}

func (r *route) replays(e *Event, q Replay) bool {
	if len(q.Types) > 0 && !slices.ContainsFunc(q.Types, func(t string) bool { return MatchName(t, e.Type) }) {
		return false
	}
	// What failed was bound for the endpoint when it was published; the others
	// must be what it wants today.
	return q.Status == ReplayFailed || r.verdict(e).ok
}

func (b *Bellhop) checkReplay(q *Replay) error {
	if q.Until.IsZero() {
		q.Until = b.cfg.Now()
	}
	if q.Limit <= 0 || q.Limit > DefaultLimit {
		q.Limit = DefaultLimit
	}
	switch {
	case q.Since.IsZero():
		return invalid("since", "required", "is missing: give the time from which events are replayed")
	case !q.Since.Before(q.Until):
		return invalid("until", "range", "must be after since")
	}
	switch q.Status {
	case ReplayFailed, ReplayMissing, ReplayAll:
		return nil
	}
	return invalid("status", "enum", `must be "failed", "missing" or "all"`)
}
