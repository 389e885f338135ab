package desk

import (
	"context"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/match"
)

// Matches says how patterns and a filter would have done with recent events of the apps
// and types that they are about.
type Matches struct {
	// LookedAt are at most 100, the newest; Fit are those of them that would have been
	// delivered.
	LookedAt, Fit int
	// Fitting is the newest that fits and Other the newest that does not, with their data;
	// nil if there is none.
	Fitting, Other *bellhop.Event
	// OtherWhy says why not.
	OtherWhy string
}

// matchEvents is how many events Matches looks at.
const matchEvents = 100

// Matches tries what an endpoint wants to hear on the newest events of its apps, of the
// types that it listens to. Of c, only Apps, Terms, Events,
// Channels, Subjects and Filter count.
func (d *Desk) Matches(ctx context.Context, p bellhop.Principal, c bellhop.EndpointChange) (m Matches, err error) {
	if err := Permits(p, "matchEndpoint"); err != nil {
		return m, err
	}
	if err := d.namedApps(p, &c); err != nil {
		return m, err
	}
	if err := d.listens(p, c.Apps.Value); err != nil {
		return m, err
	}
	e := bellhop.Endpoint{Events: c.Events.Value, Channels: match.LabelSet(c.Channels.Value), Subjects: c.Subjects.Value, Filter: c.Filter.Value, Dialect: d.defaultDialect}
	fields := applyApps(&e, &c)
	if fields = append(fields, checkWants(&e, &c)...); len(fields) > 0 {
		return m, endpointError(fields)
	}
	r := d.e.Routes().Compile(e)
	list, err := d.recentOf(ctx, bellhop.Only(p.Scope.Visible(e.Apps)...), matchEvents, func(e *bellhop.Event) bool { return r.Asks(e.App, e.Type) })
	if err != nil {
		return m, err
	}
	m.judge(r, list)
	return m, nil
}

func (m *Matches) judge(r *routes.Route, list []bellhop.Event) {
	m.LookedAt = len(list)
	for i := range list {
		e := &list[i]
		v := r.Verdict(e)
		switch {
		case v.OK:
			if m.Fit++; m.Fitting == nil {
				m.Fitting = e
			}
		case m.Other == nil:
			m.Other, m.OtherWhy = e, v.Detail
		}
	}
}
