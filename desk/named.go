package desk

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// Objects of an app that platforms name: an endpoint by its id, its uid or its former id,
// and an event by its id or its external id. Names that are none are answered as those of
// objects that do not exist.

// PlainEndpoint gives an endpoint of an app, or of bellhop.AllApps, by any of its names, as it
// is set up for that app: its Events are those that it wants of it. How it does is not looked
// at.
func (d *Desk) PlainEndpoint(_ context.Context, p bellhop.Principal, app, name string) (bellhop.Endpoint, error) {
	if err := Permits(p, "getEndpoint"); err != nil {
		return bellhop.Endpoint{}, err
	}
	if p.Scope.Sees(app) {
		if r := d.routes().EndpointNamed(app, name); r != nil {
			return shownFor(p, app, r.Endpoint), nil
		}
	}
	return bellhop.Endpoint{}, bellhop.NotFound("endpoint", name)
}

// shownFor is an endpoint as it is set up for one of its apps.
func shownFor(p bellhop.Principal, app string, e bellhop.Endpoint) bellhop.Endpoint {
	e.Events = e.TermsOf(app).Events
	return shown(p, e)
}

// EventNamed gives an event of an app with its data, or a CodeNotFound error.
func (d *Desk) EventNamed(ctx context.Context, p bellhop.Principal, app, name string) (bellhop.Event, error) {
	if err := Permits(p, "getEvent"); err != nil {
		return bellhop.Event{}, err
	}
	if i, err := id.Parse[id.Event](name); err == nil {
		e, err := d.event(ctx, p, i)
		if err == nil && e.App != app {
			err = bellhop.NotFound("event", name)
		}
		return e, err
	}
	if !p.Scope.Sees(app) || name == "" {
		return bellhop.Event{}, bellhop.NotFound("event", name)
	}
	list, err := d.store.Events(ctx, bellhop.EventFilter{Scope: bellhop.Only(app), ExternalID: name, Limit: 1, WithData: true})
	if err != nil {
		return bellhop.Event{}, err
	}
	if len(list) == 0 {
		return bellhop.Event{}, bellhop.NotFound("event", name)
	}
	return list[0], nil
}

// AppsByAge lists apps in the order of their age; see [routes.Routes.AppsByAge].
func (d *Desk) AppsByAge(_ context.Context, p bellhop.Principal, behind *AppPlace, newest bool, limit int, keep func(*bellhop.App, []*routes.Route) bool) ([]bellhop.App, error) {
	if err := Permits(p, "listApps"); err != nil {
		return nil, err
	}
	return d.routes().AppsByAge(p.Scope, behind, newest, limit, keep), nil
}

// AppPlace is a place in the order of apps by their age.
type AppPlace = routes.AppPlace

// EndpointsByAge lists endpoints of an app in the order of their age, as they are set up for
// it: see PlainEndpoint and [routes.Routes.ByAge].
func (d *Desk) EndpointsByAge(_ context.Context, p bellhop.Principal, app string, behind bellhop.EndpointID, newest bool, limit int) ([]bellhop.Endpoint, error) {
	if err := Permits(p, "listEndpoints"); err != nil {
		return nil, err
	}
	if _, err := d.narrow(p, app); err != nil {
		return nil, err
	}
	var list []bellhop.Endpoint
	for _, r := range d.routes().ByAge(app, behind, newest, limit) {
		list = append(list, shownFor(p, app, r.Endpoint))
	}
	return list, nil
}

// PlainEvents lists events of one app, newest first, as they are: how they stand is not
// looked at.
func (d *Desk) PlainEvents(ctx context.Context, p bellhop.Principal, app string, f bellhop.EventFilter) ([]bellhop.Event, error) {
	if err := Permits(p, "listEvents"); err != nil {
		return nil, err
	}
	scope, err := d.narrow(p, app)
	if err != nil {
		return nil, err
	}
	f.Scope = scope
	return d.store.Events(ctx, f)
}

// FirstPublished gives the event that was published with an external id, to whoever may
// publish: it answers who asks for the same once more.
func (d *Desk) FirstPublished(ctx context.Context, p bellhop.Principal, app, externalID string) (bellhop.Event, error) {
	if err := Permits(p, "publishEvent"); err != nil {
		return bellhop.Event{}, err
	}
	if !p.Scope.Sees(app) {
		return bellhop.Event{}, bellhop.UnknownApp("app", app)
	}
	list, err := d.store.Events(ctx, bellhop.EventFilter{Scope: bellhop.Only(app), ExternalID: externalID, Limit: 1, WithData: true})
	if err == nil && len(list) == 0 {
		err = bellhop.NotFound("event", externalID)
	}
	if err != nil {
		return bellhop.Event{}, err
	}
	return list[0], nil
}

// Listened tells whether an endpoint of an app that is not disabled would get an event of a
// type and some channels, as far as that is known without its subject and data.
func (d *Desk) Listened(_ context.Context, p bellhop.Principal, app, eventType string, channels []string) (bool, error) {
	if err := Permits(p, "publishEvent"); err != nil {
		return false, err
	}
	if err := d.knownApp(p, "app", app); err != nil {
		return false, err
	}
	for _, r := range d.routes().Of(app) {
		if r.Status != bellhop.EndpointDisabled && r.Asks(app, eventType) && r.HearsChannels(channels) {
			return true, nil
		}
	}
	return false, nil
}

// PlainEvent gives an event as it is; how it stands is not looked at.
func (d *Desk) PlainEvent(ctx context.Context, p bellhop.Principal, i bellhop.EventID) (bellhop.Event, error) {
	if err := Permits(p, "getEvent"); err != nil {
		return bellhop.Event{}, err
	}
	return d.event(ctx, p, i)
}

// Standings tells how an event stands at each endpoint that it has a delivery to, newest
// endpoints first.
func (d *Desk) Standings(ctx context.Context, p bellhop.Principal, f bellhop.StandingFilter) ([]bellhop.Standing, error) {
	if err := Permits(p, "listEventDeliveries"); err != nil {
		return nil, err
	}
	if _, err := d.event(ctx, p, f.Event); err != nil {
		return nil, err
	}
	return d.store.Standings(ctx, f)
}

// ForgetAttempt drops for good what was captured of one attempt: the headers and bodies of
// its request and of the answer. Its line in the log stays.
func (d *Desk) ForgetAttempt(ctx context.Context, p bellhop.Principal, i bellhop.AttemptID) error {
	if err := Permits(p, "eraseEvent"); err != nil {
		return err
	}
	a, err := d.store.Attempt(ctx, i)
	if a, err = within(p, a, a.App, err, "attempt", i.String()); err != nil {
		return err
	}
	entry := d.e.AuditEntry(p.Actor, "attempt.erase", i.String(), []string{a.App}, nil)
	if err := d.write(ctx, "erase an attempt", func() error { return d.store.ForgetAttempt(ctx, i, entry) }); err != nil {
		return err
	}
	return d.e.Wipe(ctx)
}

// History is for how long events and their data are kept.
func (d *Desk) History() time.Duration { return d.e.Config().Retention }
