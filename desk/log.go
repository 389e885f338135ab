package desk

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/match"
)

// checkSpan refuses a range of time that is none.
func checkSpan(since, until time.Time) error {
	if !since.IsZero() && !until.IsZero() && !until.After(since) {
		return bellhop.Wrong("until", "range", "must be after since: until is exclusive")
	}
	return nil
}

// Event gives an event with its data, or a CodeNotFound error.
func (d *Desk) Event(ctx context.Context, p bellhop.Principal, id bellhop.EventID) (bellhop.Event, error) {
	if err := Permits(p, "getEvent"); err != nil {
		return bellhop.Event{}, err
	}
	return d.event(ctx, p, id)
}

func (d *Desk) event(ctx context.Context, p bellhop.Principal, id bellhop.EventID) (bellhop.Event, error) {
	e, err := d.store.Event(ctx, id)
	return within(p, e, e.App, err, "event", id.String())
}

// within gives an object of an app of the scope. One of another app is answered
// exactly as one that does not exist.
func within[T any](p bellhop.Principal, object T, app string, err error, noun, id string) (T, error) {
	var none T
	switch {
	case bellhop.IsNotFound(err) || err == nil && !p.Scope.Sees(app):
		return none, bellhop.NotFound(noun, id)
	case err != nil:
		return none, err
	}
	return object, nil
}

// Events lists events, newest first: of one app, or ("") of all in the scope.
func (d *Desk) Events(ctx context.Context, p bellhop.Principal, app string, f bellhop.EventFilter) (list []bellhop.Event, err error) {
	if err := Permits(p, "listEvents"); err != nil {
		return nil, err
	}
	if f.Scope, err = d.narrow(p, app); err != nil {
		return nil, err
	}
	if err := checkSpan(f.Since, f.Until); err != nil {
		return nil, err
	}
	return d.store.Events(ctx, f)
}

// EventDeliveries lists the deliveries of one event, newest first. Of the
// filter, all but Scope and Event count.
func (d *Desk) EventDeliveries(ctx context.Context, p bellhop.Principal, event bellhop.EventID, f bellhop.DeliveryFilter) ([]bellhop.Delivery, error) {
	if err := Permits(p, "listEventDeliveries"); err != nil {
		return nil, err
	}
	e, err := d.event(ctx, p, event)
	if err != nil {
		return nil, err
	}
	f.Event, f.Scope = event, bellhop.Only(e.App)
	if err := checkSpan(f.Since, f.Until); err != nil {
		return nil, err
	}
	return d.store.Deliveries(ctx, f)
}

// Delivery gives a delivery, or a CodeNotFound error.
func (d *Desk) Delivery(ctx context.Context, p bellhop.Principal, id bellhop.DeliveryID) (bellhop.Delivery, error) {
	if err := Permits(p, "getDelivery"); err != nil {
		return bellhop.Delivery{}, err
	}
	x, err := d.store.Delivery(ctx, id)
	return within(p, x, x.App, err, "delivery", id.String())
}

// Deliveries lists deliveries, newest first: of one app, or ("") of all in
// the scope.
func (d *Desk) Deliveries(ctx context.Context, p bellhop.Principal, app string, f bellhop.DeliveryFilter) (list []bellhop.Delivery, err error) {
	if err := Permits(p, "listDeliveries"); err != nil {
		return nil, err
	}
	if f.Scope, err = d.narrow(p, app); err != nil {
		return nil, err
	}
	if err := checkSpan(f.Since, f.Until); err != nil {
		return nil, err
	}
	return d.store.Deliveries(ctx, f)
}

// Attempt gives an attempt in full, or a CodeNotFound error. The values of the
// endpoint's own headers are shown only to those who may change the endpoint.
func (d *Desk) Attempt(ctx context.Context, p bellhop.Principal, id bellhop.AttemptID) (bellhop.Attempt, error) {
	if err := Permits(p, "getAttempt"); err != nil {
		return bellhop.Attempt{}, err
	}
	a, err := d.store.Attempt(ctx, id)
	if a, err = within(p, a, a.App, err, "attempt", id.String()); err != nil {
		return a, err
	}
	return d.shownAttempt(p, a), nil
}

// Attempts lists attempts, newest first: of one app, or ("") of all in the scope.
func (d *Desk) Attempts(ctx context.Context, p bellhop.Principal, app string, f bellhop.AttemptFilter) (list []bellhop.Attempt, err error) {
	if err := Permits(p, "listAttempts"); err != nil {
		return nil, err
	}
	if f.Scope, err = d.narrow(p, app); err != nil {
		return nil, err
	}
	if err := checkSpan(f.Since, f.Until); err != nil {
		return nil, err
	}
	if list, err = d.store.Attempts(ctx, f); err != nil {
		return nil, err
	}
	for i := range list {
		list[i] = d.shownAttempt(p, list[i])
	}
	return list, nil
}

// Watch gives the attempts as they are recorded on this node, without headers and
// bodies, until the watcher is closed or the engine stops. Of the filter, Endpoint,
// Event, Delivery, Type and Status count. The right is decided now: whoever follows
// for long asks again whether the key is still there.
func (d *Desk) Watch(_ context.Context, p bellhop.Principal, app string, f bellhop.AttemptFilter) (w *engine.Watcher, err error) {
	if err := Permits(p, "streamAttempts"); err != nil {
		return nil, err
	}
	if f.Scope, err = d.narrow(p, app); err != nil {
		return nil, err
	}
	return d.e.Watch(f), nil
}

// Audit lists entries of the audit log, newest first: those that concern one app, or
// ("") any in the scope.
func (d *Desk) Audit(ctx context.Context, p bellhop.Principal, app string, f bellhop.AuditFilter) (list []bellhop.AuditEntry, err error) {
	if err := Permits(p, "listAudit"); err != nil {
		return nil, err
	}
	if f.Scope, err = d.narrow(p, app); err != nil {
		return nil, err
	}
	if err := checkSpan(f.Since, f.Until); err != nil {
		return nil, err
	}
	if list, err = d.store.Audit(ctx, f); err != nil {
		return nil, err
	}
	for i := range list {
		list[i] = shownEntry(p, list[i])
	}
	return list, nil
}

// shownEntry is an entry of the audit log without the names of apps beyond the scope,
// and without what counts their deliveries: a change of an endpoint or key that several
// apps share names them all.
func shownEntry(p bellhop.Principal, e bellhop.AuditEntry) bellhop.AuditEntry {
	if p.Scope.SeesAll(e.Apps) {
		return e
	}
	e.Apps = p.Scope.Visible(e.Apps)
	var detail map[string]json.RawMessage
	if len(e.Detail) == 0 {
		return e
	}
	if json.Unmarshal(e.Detail, &detail) != nil {
		e.Detail = nil
		return e
	}
	delete(detail, "deliveries")
	shorten(detail, "apps", p.Scope.Visible)
	shorten(detail, "subjects", func(list []string) []string {
		return match.WithoutURNs(list, func(app string) bool { return !p.Scope.Sees(app) })
	})
	e.Detail = marshal(detail)
	return e
}

// shorten keeps of a list in an entry's detail what may be seen; of what is no list of
// texts, nothing.
func shorten(detail map[string]json.RawMessage, field string, visible func([]string) []string) {
	list, ok := detail[field]
	if !ok {
		return
	}
	var texts []string
	if json.Unmarshal(list, &texts) != nil {
		delete(detail, field)
		return
	}
	detail[field] = json.RawMessage(marshal(visible(texts)))
}

// marshal encodes what cannot fail to encode.
func marshal(v any) bellhop.JSON {
	b, err := json.Marshal(v)
	if err != nil {
		panic("encode: " + err.Error())
	}
	return b
}
