package desk

import (
	"cmp"
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

// CheckLabels refuses a channel or a tag that no event can have: a CodeInvalid error that
// names the field.
func CheckLabels(f bellhop.LabelFilter) error {
	for _, of := range []struct{ name, label string }{{"channel", f.Channel}, {"tag", f.Tag}} {
		if of.label == "" {
			continue
		}
		if err := match.CheckLabel(of.name, of.label); err != nil {
			return bellhop.Wrong(of.name, "label", err.Error())
		}
	}
	return nil
}

// checkType refuses a filter by event type, "" being any, that no type can meet.
func checkType(pattern string) error {
	if pattern == "" {
		return nil
	}
	if err := match.CheckTypePattern(pattern); err != nil {
		return bellhop.Wrong("type", "pattern", err.Error())
	}
	return nil
}

// Event gives an event with its data, or a CodeNotFound error.
func (d *Desk) Event(ctx context.Context, p bellhop.Principal, id bellhop.EventID) (ListedEvent, error) {
	if err := Permits(p, "getEvent"); err != nil {
		return ListedEvent{}, err
	}
	e, err := d.event(ctx, p, id)
	if err != nil {
		return ListedEvent{}, err
	}
	listed, err := d.withOutcomes(ctx, []bellhop.Event{e})
	if err != nil {
		return ListedEvent{}, err
	}
	return listed[0], nil
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

// EventData gives an event's data, for those who may list events; nil once it is erased.
func (d *Desk) EventData(ctx context.Context, p bellhop.Principal, id bellhop.EventID) (bellhop.JSON, error) {
	if err := Permits(p, "getEvent"); err != nil {
		return nil, err
	}
	e, err := d.event(ctx, p, id)
	return e.Data, err
}

// ListedEvent is an event and how it stands.
type ListedEvent struct {
	bellhop.Event
	Outcome bellhop.EventOutcome
}

// EventQuery asks for events: newest first.
type EventQuery struct {
	bellhop.EventFilter
	Outcome bellhop.EventState
	bellhop.LabelFilter
	// Where are conditions on the data, all of which hold; see match.CompileWhere.
	Where []string
}

// searches tells whether the query takes looking at many events.
func (q *EventQuery) searches() bool {
	return q.Outcome != "" || q.LabelFilter != (bellhop.LabelFilter{}) || len(q.Where) > 0
}

// EventList is a page of events.
type EventList struct {
	Events []ListedEvent
	// Next is where to go on, as Before of the next page; 0 if nothing is left.
	Next bellhop.EventID
	// Searched says that the page may have fewer than Limit although there are more:
	// what is newer than Next was looked at.
	Searched bool
}

// Events lists events, newest first: of one app, or ("") of all in the scope.
func (d *Desk) Events(ctx context.Context, p bellhop.Principal, app string, q EventQuery) (list EventList, err error) {
	if err := Permits(p, "listEvents"); err != nil {
		return list, err
	}
	if q.Scope, err = d.narrow(p, app); err != nil {
		return list, err
	}
	if err := checkSpan(q.Since, q.Until); err != nil {
		return list, err
	}
	if err := cmp.Or(checkType(q.Type), CheckLabels(q.LabelFilter)); err != nil {
		return list, err
	}
	page := bellhop.EventPage{}
	if list.Searched = q.searches(); list.Searched {
		s := bellhop.EventSearch{EventFilter: q.EventFilter, Outcome: q.Outcome, LabelFilter: q.LabelFilter}
		if s.Meets, err = compileWhere(q.Where); err == nil {
			page, err = d.store.SearchEvents(ctx, s)
		}
	} else {
		page, err = d.listEvents(ctx, q.EventFilter)
	}
	if err != nil {
		return list, err
	}
	list.Next = page.Next
	list.Events, err = d.withOutcomes(ctx, page.Events)
	return list, err
}

func (d *Desk) listEvents(ctx context.Context, f bellhop.EventFilter) (page bellhop.EventPage, err error) {
	limit := f.Limit
	f.Limit++ // whether there is one more tells whether to go on
	if page.Events, err = d.store.Events(ctx, f); len(page.Events) > limit {
		page.Events = page.Events[:limit]
		if limit > 0 {
			page.Next = page.Events[limit-1].ID
		}
	}
	return page, err
}

func (d *Desk) withOutcomes(ctx context.Context, events []bellhop.Event) ([]ListedEvent, error) {
	ids := make([]bellhop.EventID, len(events))
	for i := range events {
		ids[i] = events[i].ID
	}
	outcomes, err := d.store.Outcomes(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]ListedEvent, len(events))
	for i := range events {
		list[i] = ListedEvent{events[i], outcomes[i]}
	}
	return list, nil
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
	if err := cmp.Or(checkSpan(f.Since, f.Until), checkType(f.Type)); err != nil {
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
	if err := cmp.Or(checkSpan(f.Since, f.Until), checkType(f.Type)); err != nil {
		return nil, err
	}
	return d.store.Deliveries(ctx, f)
}

// LabelledDeliveries is Deliveries of events with some labels. It looks at a bounded number
// of deliveries, so there may be fewer than f.Limit although there are more: next is where
// to go on, as Before; 0 if nothing is left.
func (d *Desk) LabelledDeliveries(ctx context.Context, p bellhop.Principal, app string, f bellhop.DeliveryFilter, of bellhop.LabelFilter) (list []bellhop.Delivery, next bellhop.DeliveryID, err error) {
	return labelled(ctx, d, of, f.Limit, f.Before, func(before bellhop.DeliveryID, limit int) ([]bellhop.Delivery, error) {
		f.Before, f.Limit = before, limit
		return d.Deliveries(ctx, p, app, f)
	}, func(x *bellhop.Delivery) (bellhop.DeliveryID, bellhop.EventID) { return x.ID, x.Event })
}

const (
	// labelScan is how many rows one page of a list by label looks at, and labelStep how
	// many at once.
	labelScan = 5000
	labelStep = 250
)

// labelled gives at most limit of the rows behind a place whose events have some labels, and
// where to go on; 0 if nothing is left. No index has the labels: each row's event is looked at.
func labelled[Row any, ID ~int64](ctx context.Context, d *Desk, of bellhop.LabelFilter, limit int, from ID,
	read func(before ID, limit int) ([]Row, error), at func(*Row) (ID, bellhop.EventID),
) (found []Row, next ID, err error) {
	if err := CheckLabels(of); err != nil {
		return nil, 0, err
	}
	for looked := 0; looked < labelScan; looked += labelStep {
		rows, err := read(from, labelStep)
		if err != nil {
			return nil, 0, err
		}
		events := make([]bellhop.EventID, len(rows))
		for i := range rows {
			_, events[i] = at(&rows[i])
		}
		has, err := d.store.Labelled(ctx, events, of)
		if err != nil {
			return nil, 0, err
		}
		last := len(rows) < labelStep
		for i := range rows {
			if from, _ = at(&rows[i]); !has[i] {
				continue
			}
			found = append(found, rows[i])
			if len(found) == limit && !(last && i == len(rows)-1) {
				return found, from, nil
			}
		}
		if last {
			return found, 0, nil
		}
	}
	return found, from, nil
}

// Attempt gives an attempt in full, or a CodeNotFound error. The values of the
// endpoint's own headers are shown only to those who may change the endpoint.
func (d *Desk) Attempt(ctx context.Context, p bellhop.Principal, id bellhop.AttemptID) (FullAttempt, error) {
	if err := Permits(p, "getAttempt"); err != nil {
		return FullAttempt{}, err
	}
	a, err := d.store.Attempt(ctx, id)
	if a, err = within(p, a, a.App, err, "attempt", id.String()); err != nil {
		return FullAttempt{}, err
	}
	return d.sent(ctx, p, a)
}

// Attempts lists attempts, newest first: of one app, or ("") of all in the scope.
func (d *Desk) Attempts(ctx context.Context, p bellhop.Principal, app string, f bellhop.AttemptFilter) (list []bellhop.Attempt, err error) {
	if err := Permits(p, "listAttempts"); err != nil {
		return nil, err
	}
	if f.Scope, err = d.narrow(p, app); err != nil {
		return nil, err
	}
	if err := cmp.Or(checkSpan(f.Since, f.Until), checkType(f.Type), checkReason(f.Reason)); err != nil {
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

// LabelledAttempts is Attempts of events with some labels, as LabelledDeliveries is Deliveries.
func (d *Desk) LabelledAttempts(ctx context.Context, p bellhop.Principal, app string, f bellhop.AttemptFilter, of bellhop.LabelFilter) (list []bellhop.Attempt, next bellhop.AttemptID, err error) {
	return labelled(ctx, d, of, f.Limit, f.Before, func(before bellhop.AttemptID, limit int) ([]bellhop.Attempt, error) {
		f.Before, f.Limit = before, limit
		return d.Attempts(ctx, p, app, f)
	}, func(a *bellhop.Attempt) (bellhop.AttemptID, bellhop.EventID) { return a.ID, a.Event })
}

// Watch gives the attempts as they are recorded on this node, without headers and
// bodies, until the watcher is closed or the engine stops. Of the filter, Endpoint,
// Event, Delivery, Type and Status count. The right is decided now: whoever follows
// for long asks again whether the key is still there. The labels of are checked, and left to
// [Desk.Labelled].
func (d *Desk) Watch(_ context.Context, p bellhop.Principal, app string, f bellhop.AttemptFilter, of bellhop.LabelFilter) (w *engine.Watcher, err error) {
	if err := Permits(p, "streamAttempts"); err != nil {
		return nil, err
	}
	if f.Scope, err = d.narrow(p, app); err != nil {
		return nil, err
	}
	if err := cmp.Or(checkType(f.Type), checkReason(f.Reason), CheckLabels(of)); err != nil {
		return nil, err
	}
	return d.e.Watch(f), nil
}

// Labelled leaves of what a watcher has seen the attempts whose events have some labels.
func (d *Desk) Labelled(ctx context.Context, seen []*engine.Seen, of bellhop.LabelFilter) ([]*engine.Seen, error) {
	if len(seen) == 0 || of == (bellhop.LabelFilter{}) {
		return seen, nil
	}
	events := make([]bellhop.EventID, len(seen))
	for i, at := range seen {
		events[i] = at.Event
	}
	has, err := d.store.Labelled(ctx, events, of)
	left := seen[:0]
	for i, at := range seen {
		if err == nil && has[i] {
			left = append(left, at)
		}
	}
	return left, err
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
