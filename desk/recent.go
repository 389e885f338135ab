package desk

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// Recent says how the settings of an endpoint would have done with the newest events
// of its apps.
type Recent struct {
	// Events were looked at, Matched of them wanted.
	Events, Matched int
}

// Bounds of Recent: whoever saves an endpoint waits for it.
const (
	recentEvents = 500
	recentData   = 4 << 20 // bytes of data that filters are tried on
	recentTime   = 250 * time.Millisecond
)

// Recent tries the settings of an endpoint on the newest events of its apps: as many
// as can be looked at in a moment, at most 500.
func (d *Desk) Recent(ctx context.Context, p bellhop.Principal, e bellhop.Endpoint) (Recent, error) {
	if err := Permits(p, "listEvents"); err != nil {
		return Recent{}, err
	}
	return d.recent(ctx, p, d.e.Routes().Compile(e))
}

func (d *Desk) recent(ctx context.Context, p bellhop.Principal, r *routes.Route) (Recent, error) {
	ctx, cancel := context.WithTimeout(ctx, recentTime)
	defer cancel()
	events, err := d.store.Events(ctx, bellhop.EventFilter{Scope: bellhop.Only(p.Scope.Visible(r.Apps)...), Limit: recentEvents})
	if err != nil {
		return Recent{}, err
	}
	var found Recent
	bytes := 0
	for i := range events {
		e := &events[i]
		if e.Test {
			continue
		}
		if r.Filters(e) {
			if e.Erased {
				continue
			}
			if bytes > recentData {
				break
			}
			full, err := d.store.Event(ctx, e.ID)
			if err != nil {
				break // it has gone, or there is no time left
			}
			bytes += len(full.Data)
			e = &full
		}
		found.Events++
		if r.Verdict(e).OK {
			found.Matched++
		}
	}
	return found, nil
}
