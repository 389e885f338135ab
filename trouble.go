package bellhop

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop/internal/safehttp"
)

// Reasons of a Trouble, the gravest first.
const (
	TroubleDisabled      = "disabled"      // Bellhop itself took the endpoint out of service
	TroubleMisconfigured = "misconfigured" // nothing can be sent to it
	TroubleCircuitOpen   = "circuit_open"  // it failed so often that only probes are sent
	TroubleFailing       = "failing"       // its latest requests failed
	TroubleBacklog       = "backlog"       // it works, and has fallen behind
)

var gravity = []string{TroubleDisabled, TroubleMisconfigured, TroubleCircuitOpen, TroubleFailing, TroubleBacklog}

const (
	// failingAfter consecutive failures an endpoint is in trouble; fewer are part
	// of any network.
	failingAfter = 3
	// behindAfter is how long a delivery may be overdue.
	behindAfter = 5 * time.Minute
)

// Trouble is an endpoint that needs somebody's attention, and why.
type Trouble struct {
	Endpoint Endpoint
	// Reason is the gravest that applies.
	Reason string
	// Detail is a sentence that says why, for people.
	Detail string
	// Since is zero where it is not known.
	Since time.Time
	// Pending is how many unfinished deliveries the endpoint has.
	Pending int64
	Lane    LaneState
}

// Troubled lists at most limit endpoints that are in trouble, the gravest first and
// then those that have been so the longest, of these apps or (nil) all. What it says
// of circuits and failures is what this node has seen.
//
// It looks through the endpoints in memory, asks the store once for what is overdue,
// and then for the counts of those it lists.
func (b *Bellhop) Troubled(ctx context.Context, apps []string, limit int) ([]Trouble, error) {
	now := b.cfg.Now()
	backlog, err := b.store.Backlog(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("look for what is overdue: %w", err)
	}
	overdue := make(map[EndpointID]time.Time, len(backlog))
	for _, e := range backlog {
		overdue[e.Endpoint] = e.Due
	}
	var list []Trouble
	for _, r := range b.routesOf(apps) {
		if t, ok := b.trouble(r, overdue[r.ID], now); ok {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(x, y Trouble) int {
		return cmp.Or(
			cmp.Compare(slices.Index(gravity, x.Reason), slices.Index(gravity, y.Reason)),
			x.Since.Compare(y.Since), cmp.Compare(x.Endpoint.ID, y.Endpoint.ID))
	})
	list = list[:min(limit, len(list))]
	for i := range list {
		if list[i].Pending, _, err = b.store.Pending(ctx, list[i].Endpoint.ID); err != nil {
			return nil, fmt.Errorf("count what is pending: %w", err)
		}
	}
	return list, nil
}

func (b *Bellhop) routesOf(apps []string) []*route {
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	routes := make([]*route, 0, len(b.routes.endpoints))
	for _, r := range b.routes.endpoints {
		if apps == nil || slices.ContainsFunc(apps, func(a string) bool { return slices.Contains(r.Apps, a) }) {
			routes = append(routes, r)
		}
	}
	return routes
}

// trouble judges one endpoint. Overdue is when its earliest delivery in the store
// was due; zero if there is none.
func (b *Bellhop) trouble(r *route, overdue, now time.Time) (t Trouble, ok bool) {
	t.Endpoint = r.Endpoint
	// Most endpoints have nothing to say: their lanes must not be made for it.
	if l := b.lanes.existing(r.ID); l != nil {
		t.Lane = l.state()
		overdue = earliest(overdue, l.oldestDue())
	} else {
		t.Lane = newLane(b.lanes, r).state()
	}
	lane := &t.Lane
	switch {
	case r.Status == EndpointDisabled && r.DisabledReason != "":
		t.Reason, t.Since = TroubleDisabled, r.UpdatedAt
		t.Detail = "Nothing is sent to it any more: " + r.DisabledReason
	case r.Status != EndpointActive:
		return t, false // somebody wanted it so
	case r.broken != "":
		t.Reason = TroubleMisconfigured
		t.Detail = "Nothing can be sent to it: " + r.broken + "."
	case !lane.OpenSince.IsZero():
		t.Reason, t.Since = TroubleCircuitOpen, lane.OpenSince
		t.Detail = fmt.Sprintf("It failed %d times in a row (the last time, %s), so its deliveries have been waiting since %s. ",
			lane.ConsecutiveFailures, inPlain(lane.LastFailure), stamp(lane.OpenSince))
		if lane.NextProbe.After(now) {
			t.Detail += "The next try with a single delivery is at " + stamp(lane.NextProbe) + "."
		} else {
			t.Detail += "A single delivery is tried as soon as there is one."
		}
	case !lane.FailingSince.IsZero() && lane.ConsecutiveFailures >= failingAfter:
		t.Reason, t.Since = TroubleFailing, lane.FailingSince
		t.Detail = fmt.Sprintf("Nothing has reached it since %s: %d requests in a row failed; the last time, %s.",
			stamp(lane.FailingSince), lane.ConsecutiveFailures, inPlain(lane.LastFailure))
	case !overdue.IsZero() && now.Sub(overdue) >= behindAfter:
		t.Reason, t.Since = TroubleBacklog, overdue
		t.Detail = fmt.Sprintf("It takes deliveries more slowly than they come: the oldest should have gone out at %s, %s ago.",
			stamp(overdue), roughly(now.Sub(overdue)))
	default:
		return t, false
	}
	return t, true
}

// oldestDue is when the next delivery in the queue was due; zero if it is empty.
func (l *lane) oldestDue() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queue.len() == 0 {
		return time.Time{}
	}
	return l.queue.items[l.queue.head].Delivery.Due
}

// stamp is a time within a sentence, in the form that a page can tell from the text
// around it and show in the reader's zone.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

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

// inPlain says what a reason word of an attempt means.
func inPlain(reason string) string {
	switch reason {
	case reasonStatus:
		return "the receiver answered with an error"
	case string(safehttp.ReasonTimeout):
		return "the receiver did not answer in time"
	case string(safehttp.ReasonDNS):
		return "its host name could not be found"
	case string(safehttp.ReasonAddress), string(safehttp.ReasonURL):
		return "its address is not allowed"
	case string(safehttp.ReasonConnect):
		return "no connection could be made"
	case string(safehttp.ReasonTLS):
		return "no secure connection could be made, most often because of the certificate"
	case string(safehttp.ReasonReset):
		return "the receiver broke the connection off"
	case string(safehttp.ReasonProtocol):
		return "what came back was not an HTTP answer"
	}
	return "the reason was " + reason
}
