package postgres

import (
	"context"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

const eventColumns = "e.id, e.app, e.type, e.subject, e.external_id, e.deliver_at, e.deliveries, e.erased, e.test, e.channels, e.tags, e.data_expires_at"

// scanEvent reads eventColumns and data.
func scanEvent(r row) (e bellhop.Event, err error) {
	var at int64
	var external, channels, tags *string
	var expires *int64
	err = r.Scan((*int64)(&e.ID), &e.App, &e.Type, &e.Subject, &external, &at, &e.Deliveries, &e.Erased, &e.Test, &channels, &tags, &expires, (*[]byte)(&e.Data))
	if external != nil {
		e.ExternalID = *external
	}
	if at != 0 {
		t := moment(at)
		e.DeliverAt = &t
	}
	e.Channels, e.Tags = column.LabelsOf(text(channels)), column.LabelsOf(text(tags))
	if expires != nil {
		t := moment(*expires)
		e.DataExpiresAt = &t
	}
	return e, err
}

func eventPosition(e *bellhop.Event) int64 { return int64(e.ID) }

const oneEvent = "SELECT " + eventColumns + ", e.data FROM bellhop.events e WHERE e.id = $1 /* all apps */"

// Event gives one event.
func (s *Store) Event(ctx context.Context, id bellhop.EventID) (e bellhop.Event, err error) {
	err = s.read(ctx, "read an event", func(q *reading) error {
		found, err := q.one(func(r row) (err error) { e, err = scanEvent(r); return err }, oneEvent, int64(id))
		if err == nil && !found {
			err = bellhop.NotFound("event", id.String())
		}
		return err
	})
	return e, err
}

// Events lists events, newest first or, after one, oldest first.
func (s *Store) Events(ctx context.Context, f bellhop.EventFilter) (list []bellhop.Event, err error) {
	err = s.read(ctx, "list events", func(q *reading) error {
		if f.UUID != "" {
			list, err = eventOfUUID(q, &f)
		} else {
			list, err = eventsIn(q, &f)
		}
		return err
	})
	return list, err
}

func eventsIn(q *reading, f *bellhop.EventFilter) ([]bellhop.Event, error) {
	p := pages{columns: eventColumns + ", NULL::bytea", table: "bellhop.events e", limit: f.Limit}
	if f.WithData {
		p.columns = eventColumns + ", e.data"
	}
	all := spanOf(f.Since, f.Until, int64(f.Before), int64(f.After))
	if f.ExternalID != "" {
		p.up = all.up
		eventParts(f, &p, all)
		list, err := rowsOf(q, &p, scanEvent)
		return merged(list, f.Limit, all.up, eventPosition), err
	}
	return byWindows(q, all, f.Limit, p, scanEvent, eventPosition, func(p *pages, s span) { eventParts(f, p, s) })
}

// uuidChunk is how many ids are looked at in one query.
const uuidChunk = 50_000

// eventOfUUID computes the UUID of every event that the rest of the filter selects, until
// it is found. Nothing but the ids is read for it.
func eventOfUUID(q *reading, f *bellhop.EventFilter) (list []bellhop.Event, err error) {
	if f.Limit <= 0 {
		return nil, nil
	}
	scan := func(r row) (id int64, err error) { return id, r.Scan(&id) }
	position := func(id *int64) int64 { return *id }
	p := pages{columns: "e.id", table: "bellhop.events e", limit: uuidChunk}
	all := spanOf(f.Since, f.Until, int64(f.Before), int64(f.After))
	all.up = false // there is one at most
	for {
		var ids []int64
		if f.ExternalID != "" {
			p.parts, p.args = nil, nil
			eventParts(f, &p, all)
			ids, err = rowsOf(q, &p, scan)
		} else {
			ids, err = byWindows(q, all, uuidChunk, p, scan, position, func(p *pages, s span) { eventParts(f, p, s) })
		}
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if bellhop.UUIDOf(bellhop.EventID(id)) == f.UUID {
				return eventsByID(q, []bellhop.EventID{bellhop.EventID(id)}, f.WithData)
			}
		}
		if len(ids) < uuidChunk {
			return nil, nil
		}
		all.high = ids[len(ids)-1]
	}
}

const eventsOf = "SELECT " + eventColumns + ", CASE WHEN $2 THEN e.data END FROM unnest($1::bigint[]) AS x (id) JOIN bellhop.events e ON e.id = x.id /* all apps */"

// eventsByID gives the events that are there, in no order.
func eventsByID(q *reading, ids []bellhop.EventID, withData bool) ([]bellhop.Event, error) {
	return list(q, scanEvent, eventsOf, ids, withData)
}

const (
	attemptColumns = `a.id, a.delivery, a.event, a.endpoint, a.app, a.type, a.trigger, a.number, a.status, a.final, a.next_at, a.duration,
		a.response_status, a.truncated, a.url, a.reason, a.detail, a.method, a.request_truncated`
	bodyColumns = ", a.request_header, a.response_header, a.response_body, a.request_body, a.captured, a.dialect, a.request_proof"
	noBodies    = ", NULL::text, NULL::text, NULL::bytea, NULL::bytea, NULL::text, NULL::text, NULL::bytea"
)

// scanAttempt reads attemptColumns, and bodyColumns or noBodies.
func scanAttempt(r row) (a bellhop.Attempt, err error) {
	var status int
	var next, duration int64
	var method, requestHeader, responseHeader, captured, dialect *string
	var truncated *bool
	var proof []byte
	err = r.Scan((*int64)(&a.ID), (*int64)(&a.Delivery), (*int64)(&a.Event), (*int64)(&a.Endpoint), &a.App, &a.Type, (*string)(&a.Trigger),
		&a.Number, &status, &a.Final, &next, &duration, &a.ResponseStatus, &a.ResponseTruncated, &a.URL, &a.Reason, &a.Detail, &method, &truncated,
		&requestHeader, &responseHeader, &a.ResponseBody, &a.RequestBody, &captured, &dialect, &proof)
	a.Status, a.NextAt, a.Duration = column.StatusOf(status), moment(next), bellhop.Duration(duration*1000)
	a.Method, a.Dialect = text(method), text(dialect)
	a.RequestTruncated = truncated != nil && *truncated
	_ = fromJSON(requestHeader, &a.RequestHeader)
	_ = fromJSON(responseHeader, &a.ResponseHeader)
	_ = fromJSON(captured, &a.Captured)
	a.Proof = column.ProofOf(proof, a.StartedAt())
	return a, err
}

// text is that of a column; "" where it is NULL.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func attemptPosition(a *bellhop.Attempt) int64 { return int64(a.ID) }

const oneAttempt = "SELECT " + attemptColumns + bodyColumns + " FROM bellhop.attempts a WHERE a.id = $1 /* all apps */"

// Attempt gives one attempt.
func (s *Store) Attempt(ctx context.Context, id bellhop.AttemptID) (a bellhop.Attempt, err error) {
	err = s.read(ctx, "read an attempt", func(q *reading) error {
		found, err := q.one(func(r row) (err error) { a, err = scanAttempt(r); return err }, oneAttempt, int64(id))
		if err == nil && !found {
			err = bellhop.NotFound("attempt", id.String())
		}
		return err
	})
	return a, err
}

// Attempts lists attempts, newest first or, after one, oldest first.
func (s *Store) Attempts(ctx context.Context, f bellhop.AttemptFilter) (list []bellhop.Attempt, err error) {
	p := pages{columns: attemptColumns + noBodies, table: "bellhop.attempts a", limit: f.Limit}
	if f.WithBodies {
		p.columns = attemptColumns + bodyColumns
	}
	all := spanOf(f.Since, f.Until, int64(f.Before), int64(f.After))
	err = s.read(ctx, "list attempts", func(q *reading) error {
		if f.Delivery == 0 && f.Event == 0 {
			list, err = byWindows(q, all, f.Limit, p, scanAttempt, attemptPosition, func(p *pages, s span) { attemptPartsIn(&f, p, s) })
			return err
		}
		p := p
		p.up = all.up
		fewAttemptParts(&f, &p, all)
		list, err = rowsOf(q, &p, scanAttempt)
		list = merged(list, f.Limit, all.up, attemptPosition)
		return err
	})
	return list, err
}

// Audit lists audit entries, newest first or, after one, oldest first.
func (s *Store) Audit(ctx context.Context, f bellhop.AuditFilter) (entries []bellhop.AuditEntry, err error) {
	err = s.read(ctx, "list the audit log", func(q *reading) error {
		w, order := auditWhere(&f), " DESC"
		if f.After != 0 {
			order = ""
		}
		entries, err = list(q, scanAudit, "SELECT id, actor, action, object, apps, detail FROM bellhop.audit"+w.String()+
			" ORDER BY id"+order+" LIMIT "+w.arg(max(f.Limit, 0))+"::bigint", w.args...)
		return err
	})
	return entries, err
}

func auditWhere(f *bellhop.AuditFilter) *where {
	w := &where{}
	if !f.Scope.All {
		w.add("EXISTS (SELECT 1 FROM bellhop.audit_apps a WHERE a.app = ANY(?) AND a.audit = audit.id)", appsOf(f.Scope))
	}
	for _, column := range []struct{ name, value string }{{"actor", f.Actor}, {"action", f.Action}, {"object", f.Object}} {
		if column.value != "" {
			w.add(column.name+" = ?", column.value)
		}
	}
	s := spanOf(f.Since, f.Until, int64(f.Before), int64(f.After))
	w.add("id >= ? AND id < ?", s.low, s.high)
	return w
}

func scanAudit(r row) (a bellhop.AuditEntry, err error) {
	var apps *string
	err = r.Scan((*int64)(&a.ID), &a.Actor, &a.Action, &a.Object, &apps, (*[]byte)(&a.Detail))
	_ = fromJSON(apps, &a.Apps)
	return a, err
}
