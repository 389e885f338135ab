package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
)

// Reasons of a Trouble, the gravest first.
const (
	TroubleDisabled      = "disabled"      // Bellhop itself took the endpoint out of service
	TroubleMisconfigured = "misconfigured" // nothing can be sent to it
	TroubleCircuitOpen   = "circuit_open"  // it failed so often that only probes are sent
	TroubleFailing       = "failing"       // its latest requests failed
	TroubleHeld          = "held"          // requests could not be made of some events
	TroubleBacklog       = "backlog"       // it works, and has fallen behind
	TroubleCertificate   = "certificate"   // it works, and its client certificate ends soon
)

var gravity = []string{TroubleDisabled, TroubleMisconfigured, TroubleCircuitOpen, TroubleFailing, TroubleHeld, TroubleBacklog, TroubleCertificate}

// behindAfter is how long a delivery may be overdue.
const behindAfter = 5 * time.Minute

// MaxTroubled is how many endpoints in trouble are listed at most.
const MaxTroubled = 100

// Trouble is an endpoint that needs somebody's attention, and why.
type Trouble struct {
	Endpoint bellhop.Endpoint
	// Reason is the gravest that applies.
	Reason string
	// Detail is a sentence that says why, for people.
	Detail string
	// Since is zero where it is not known.
	Since time.Time
	// Pending is how many unfinished deliveries the endpoint has.
	Pending int64
	// Held is how many of them are held since no request could be made of their events.
	Held int64
	Lane bellhop.LaneState
}

// Troubled lists at most limit endpoints (0: MaxTroubled) that are in trouble, the
// gravest first and then those that have been so the longest: those that listen to one
// app, or ("") to any in the scope. It goes by the same judgement as Endpoint.Health.
//
// It looks through the endpoints in memory, asks the store once for what is overdue,
// and then for the counts of those it lists.
func (d *Desk) Troubled(ctx context.Context, p bellhop.Principal, app string, limit int) ([]Trouble, error) {
	if err := Permits(p, "listTroubledEndpoints"); err != nil {
		return nil, err
	}
	scope, err := d.narrow(p, app)
	if err != nil {
		return nil, err
	}
	if limit <= 0 || limit > MaxTroubled {
		limit = MaxTroubled
	}
	now := d.e.Now()
	backlog, err := d.store.Overdue(ctx, nil, now.Add(-behindAfter))
	if err != nil {
		return nil, fmt.Errorf("look for what is overdue: %w", err)
	}
	overdue := make(map[bellhop.EndpointID]time.Time, len(backlog))
	for _, e := range backlog {
		overdue[e.Endpoint] = earliest(overdue[e.Endpoint], e.Due)
	}
	held, err := d.store.Held(ctx, scope, 0)
	if err != nil {
		return nil, fmt.Errorf("look for what is held: %w", err)
	}
	var list []Trouble
	of := d.routesOf(scope)
	health, err := d.e.Health(ctx, p.Scope, of...)
	if err != nil {
		return nil, err
	}
	for i, r := range of {
		t, ok, err := d.trouble(ctx, p, r, &health[i], overdue[r.ID], held[r.ID], now)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(x, y Trouble) int {
		return cmp.Or(
			cmp.Compare(slices.Index(gravity, x.Reason), slices.Index(gravity, y.Reason)),
			x.Since.Compare(y.Since), cmp.Compare(x.Endpoint.ID, y.Endpoint.ID))
	})
	some := list[:0]
	for _, t := range list {
		if len(some) == limit {
			break
		}
		if t.Pending, _, err = d.store.Pending(ctx, p.Scope, t.Endpoint.ID); err != nil {
			return nil, fmt.Errorf("count what is pending: %w", err)
		}
		if t.Reason == TroubleBacklog && t.Pending == 0 {
			continue // it is worked off, or that of others
		}
		if t.Reason == TroubleHeld {
			h, err := d.holding(ctx, p, t.Endpoint.ID, t.Held)
			if err != nil {
				return nil, err
			}
			if h.Event != 0 {
				t.Detail += fmt.Sprintf(" The newest one, of event %s: %s", h.Event, h.Detail)
			}
		}
		t.Endpoint = shown(p, t.Endpoint)
		some = append(some, t)
	}
	return some, nil
}

// routesOf are the endpoints that listen to an app of the scope. It costs what they
// are, not what all are: one tenant must not pay for another's number.
func (d *Desk) routesOf(scope bellhop.Scope) []*routes.Route {
	now := d.routes()
	if scope.All {
		return slices.Collect(now.All())
	}
	seen := map[bellhop.EndpointID]bool{}
	var list []*routes.Route
	for _, app := range scope.Apps {
		for _, r := range now.Of(app) {
			if !seen[r.ID] {
				seen[r.ID] = true
				list = append(list, r)
			}
		}
	}
	return list
}

// Holding says what an endpoint holds since no request could be made of it.
type Holding struct {
	Count int64
	// Event is that of the newest one, and the others say why it is held: those of its
	// last attempt, unless that has expired.
	Event  bellhop.EventID
	At     time.Time
	Reason string
	Detail string
}

// holding looks the newest held delivery up that may be seen of so many.
func (d *Desk) holding(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID, count int64) (Holding, error) {
	h := Holding{Count: count}
	if count == 0 {
		return h, nil
	}
	list, err := d.store.Deliveries(ctx, bellhop.DeliveryFilter{Scope: p.Scope, Endpoint: e, Status: bellhop.DeliveryHeld, Itself: true, Limit: 1})
	if err != nil || len(list) == 0 {
		return h, err
	}
	h.Event = list[0].Event
	last, err := d.store.Attempt(ctx, list[0].LastAttempt)
	if err != nil {
		return h, ignoreGone(err)
	}
	h.At, h.Reason, h.Detail = last.StartedAt(), last.Reason, last.Detail
	return h, nil
}

// trouble tells whether an endpoint needs attention. Overdue is when its earliest
// delivery in the store was due; zero if none is overdue; held is how many are held
// themselves. What it says of an endpoint that listens to apps beyond the principal's
// scope, too, counts nothing of theirs.
func (d *Desk) trouble(ctx context.Context, p bellhop.Principal, r *routes.Route, h *bellhop.HealthState, overdue time.Time, held int64, now time.Time) (t Trouble, ok bool, err error) {
	if r.Status != bellhop.EndpointActive && (r.Status != bellhop.EndpointDisabled || r.DisabledReason == "") {
		return t, false, nil // somebody wanted it so
	}
	if t.Lane, err = d.lane(ctx, p, r); err != nil {
		return t, false, ignoreGone(err)
	}
	t.Held, t.Since, t.Detail = held, h.Since, h.Detail
	overdue = earliest(overdue, d.e.OldestDue(r.ID))
	switch {
	case h.State == bellhop.HealthDisabled:
		t.Reason = TroubleDisabled
	case h.State == bellhop.HealthOnHold && h.Reason != engine.HealthHeld:
		t.Reason = TroubleMisconfigured
	case h.CircuitOpen:
		t.Reason = TroubleCircuitOpen
	case h.State == bellhop.HealthFailing:
		t.Reason = TroubleFailing
	case h.State == bellhop.HealthOnHold:
		t.Reason = TroubleHeld
	case !overdue.IsZero() && now.Sub(overdue) >= behindAfter:
		t.Reason, t.Since = TroubleBacklog, time.Time{}
		if !p.Scope.SeesAll(r.Apps) {
			t.Detail = "It takes deliveries more slowly than they come."
			break
		}
		t.Since = overdue
		t.Detail = fmt.Sprintf("It takes deliveries more slowly than they come: the oldest should have gone out at %s, %s ago.",
			stamp(overdue), roughly(now.Sub(overdue)))
	case r.CertificateEndsSoon(now):
		t.Reason, t.Since = TroubleCertificate, time.Time{}
		t.Detail = "Its client certificate ends on " + day(r.CertificateEnds()) + ": give its tls a new certificate and key before that, since nothing is sent afterwards."
	default:
		return t, false, nil
	}
	t.Endpoint = r.Endpoint
	t.Endpoint.Health = h
	return t, true, nil
}

// ignoreGone lets an endpoint go that was deleted while one looked at it.
func ignoreGone(err error) error {
	if bellhop.IsNotFound(err) {
		return nil
	}
	return err
}

// earliest is the earlier of two times; the zero time is none.
func earliest(x, y time.Time) time.Time {
	if x.IsZero() || !y.IsZero() && y.Before(x) {
		return y
	}
	return x
}

func roughly(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
		if n := int(d / unit.length); n > 1 {
			return fmt.Sprintf("%d %s", n, unit.name)
		}
	}
	return "a minute"
}
