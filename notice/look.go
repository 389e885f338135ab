package notice

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
)

// What is told of an endpoint or of the installation, in the order of its gravity.
const (
	stateBacklog   = "backlog"
	stateOnHold    = "on_hold"
	stateFailing   = "failing"
	stateDisabling = "disabling"
	stateDisabled  = "disabled"
	stateStorage   = "storage"
)

var gravity = []string{stateBacklog, stateOnHold, stateFailing, stateDisabling, stateDisabled, stateStorage}

func graver(x, y string) bool { return slices.Index(gravity, x) > slices.Index(gravity, y) }

// What is told of that is no endpoint.
const (
	aboutBacklog = "backlog"
	aboutStorage = "storage"
)

const (
	// warnBefore is how long before an endpoint is disabled that is told.
	warnBefore = 24 * time.Hour
	// leastFree and leastPart are below which a disk is in need.
	leastFree = 1 << 30
	leastPart = 20 // 1/20 of it
	// drainFor is how long after a hold of all sending no backlog is told of: it is what has
	// waited, and is on its way.
	drainFor = time.Hour
)

// ill is something that is broken.
type ill struct {
	about  string
	route  *routes.Route // nil: the installation
	state  string
	health bellhop.HealthState
	detail string
	since  time.Time
	// pending is how many wait, for a backlog; shared, that this is not to be told; draining,
	// that it is what a hold of all sending has left.
	pending          int64
	shared, draining bool
}

// view is what is seen in one look.
type view struct {
	now  time.Time
	ills map[string]*ill
	// health is that of each endpoint.
	health map[string]bellhop.Health
	routes *routes.Routes
}

// look finds what is broken. It asks for the health of each endpoint, as pages do.
func (t *Teller) look(ctx context.Context, leastBacklog int64) (*view, error) {
	v := &view{now: t.e.Now(), ills: map[string]*ill{}, health: map[string]bellhop.Health{}, routes: t.e.Routes().Routes()}
	all := slices.Collect(v.routes.All())
	states, err := t.e.Health(ctx, bellhop.Everything(), all...)
	if err != nil {
		return nil, err
	}
	held := map[bellhop.EndpointID]time.Time{}
	for i, r := range all {
		about, h := r.ID.String(), states[i]
		v.health[about] = h.State
		x := &ill{about: about, route: r, health: h, detail: h.Detail, since: h.Since}
		switch {
		case h.State == bellhop.HealthDisabled && h.Reason == engine.HealthGaveUp:
			x.state = stateDisabled
		case h.State == bellhop.HealthFailing && !h.DisablesAt.IsZero() && !v.now.Before(h.DisablesAt.Add(-warnBefore)):
			x.state = stateDisabling
			x.detail = disablingDetail(&h)
		case h.State == bellhop.HealthFailing:
			x.state = stateFailing
		case h.State == bellhop.HealthOnHold && h.Reason != bellhop.ReasonNoListener:
			// While nobody listens, nobody has asked for it.
			x.state = stateOnHold
			held[r.ID] = t.heldSince[r.ID]
			if held[r.ID].IsZero() {
				held[r.ID] = v.now
			}
			x.since = held[r.ID]
		default:
			continue
		}
		v.ills[about] = x
	}
	t.heldSince = held
	if err := t.lookAtBacklogs(ctx, v, leastBacklog); err != nil {
		return nil, err
	}
	t.lookAtDisk(v)
	return v, nil
}

// countRest: a count of the backlog that took so long is followed by a rest so many times
// longer, since it reads all that waits.
const countRest = 20

// lookAtBacklogs finds endpoints that work and have fallen behind, and how much waits in
// all that could be sent. What is too much is each audience's own affair: where less waits
// than least, nothing is counted.
func (t *Teller) lookAtBacklogs(ctx context.Context, v *view, least int64) error {
	n, _, err := t.store.Pending(ctx, bellhop.Everything(), 0)
	if err != nil {
		return fmt.Errorf("count what is pending: %w", err)
	}
	if least == 0 || n < least {
		t.waits = nil
		return nil
	}
	if t.waits == nil || !v.now.Before(t.countNext) {
		if t.waits, err = t.e.Waiting(ctx); err != nil {
			return fmt.Errorf("count what waits: %w", err)
		}
		t.countNext = v.now.Add(countRest * t.e.Now().Sub(v.now))
	}
	draining := v.now.Sub(v.routes.Hold().ReleasedAt) < drainFor
	all, oldest := int64(0), time.Time{}
	for i, w := range t.waits {
		r := v.routes.Endpoint(i)
		if r == nil || r.Status != bellhop.EndpointActive {
			continue
		}
		n := w.Owned + w.Due + w.Ordered + w.Retrying
		all += n
		if !w.OldestDue.IsZero() && (oldest.IsZero() || w.OldestDue.Before(oldest)) {
			oldest = w.OldestDue
		}
		about := i.String()
		if v.ills[about] != nil || v.health[about] == bellhop.HealthOnHold || n == 0 {
			continue // it is told of already, or nobody is there to take them
		}
		v.ills[about] = &ill{
			about: about, route: r, state: stateBacklog, since: v.now, pending: n, draining: draining,
			health: bellhop.HealthState{State: v.health[about]},
			detail: fmt.Sprintf("It takes deliveries more slowly than they come: %s wait.", group(n)),
		}
	}
	detail := fmt.Sprintf("%s deliveries wait in all", group(all))
	if !oldest.IsZero() {
		detail += ", the oldest of those that are due since " + stamp(oldest)
	}
	v.ills[aboutBacklog] = &ill{about: aboutBacklog, state: stateBacklog, since: v.now, pending: all, draining: draining, detail: detail + "."}
	return nil
}

func disablingDetail(h *bellhop.HealthState) string {
	return fmt.Sprintf("Unless it takes an event, it will be disabled at %s. %s", stamp(h.DisablesAt), h.Detail)
}

func (t *Teller) lookAtDisk(v *view) {
	if t.o.Disk == nil {
		return
	}
	free, size, err := t.o.Disk()
	if err != nil || size == 0 {
		return
	}
	if free < min(leastFree, size/leastPart) {
		v.ills[aboutStorage] = &ill{
			about: aboutStorage, state: stateStorage, since: v.now,
			detail: fmt.Sprintf("The disk of the database is nearly full: %s of %s are free. Once it is full, events are refused. Make room, or keep history for less long (--retention).", bytesText(free), bytesText(size)),
		}
	}
}

// ripe tells whether something is to be told by these settings, told being what was told
// of it already, if anything was.
func (x *ill) ripe(s *bellhop.NoticeSettings, told *bellhop.Told, now time.Time) bool {
	switch x.state {
	case stateBacklog:
		bound := s.Backlog
		if x.route == nil {
			bound = s.MaxPending
		}
		if told != nil && told.State == stateBacklog {
			bound -= bound / 5 // what goes up and down around it is told once
		} else if x.draining {
			return false
		}
		return bound > 0 && x.pending > bound
	case stateFailing, stateOnHold:
		return now.Sub(x.since) >= time.Duration(s.After) || s.Failures > 0 && x.health.ConsecutiveFailures >= s.Failures
	}
	return true
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// group writes a number with its thousands apart.
func group(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func bytesText(n uint64) string {
	const mb, gb = 1 << 20, 1 << 30
	if n >= gb {
		return fmt.Sprintf("%.1f GiB", float64(n)/gb)
	}
	return fmt.Sprintf("%d MiB", n/mb)
}
