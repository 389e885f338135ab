package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

const eventColumns = "id, app, type, subject, external_id, deliver_at, deliveries, erased, test, channels, tags, data_expires_at"

// scanEvent reads eventColumns and data.
func scanEvent(st *sqlite.Stmt) bellhop.Event {
	e := bellhop.Event{
		ID: bellhop.EventID(st.ColumnInt64(0)), App: st.ColumnText(1), Type: st.ColumnText(2), Subject: st.ColumnText(3),
		ExternalID: st.ColumnText(4), Deliveries: st.ColumnInt(6), Erased: st.ColumnBool(7), Test: st.ColumnBool(8),
		Channels: column.LabelsOf(st.ColumnText(9)), Tags: column.LabelsOf(st.ColumnText(10)), Data: blob(st, 12),
	}
	if at := st.ColumnInt64(5); at != 0 {
		t := moment(at)
		e.DeliverAt = &t
	}
	if at := st.ColumnInt64(11); at != 0 {
		t := moment(at)
		e.DataExpiresAt = &t
	}
	return e
}

// Event gives one event.
func (s *Store) Event(ctx context.Context, id bellhop.EventID) (bellhop.Event, error) {
	var e bellhop.Event
	err := s.read(ctx, "read an event", func(c *sqlite.Conn) error {
		found, err := one(c, func(st *sqlite.Stmt) { e = scanEvent(st) },
			"SELECT "+eventColumns+", data FROM events WHERE id = ?", int64(id))
		if err == nil && !found {
			err = bellhop.NotFound("event", id.String())
		}
		return err
	})
	return e, err
}

// Events lists events, newest first or, after one, oldest first.
func (s *Store) Events(ctx context.Context, f bellhop.EventFilter) ([]bellhop.Event, error) {
	columns := eventColumns + ", NULL"
	if f.WithData {
		columns = eventColumns + ", data"
	}
	var list []bellhop.Event
	err := s.read(ctx, "list events", func(c *sqlite.Conn) error {
		queries, err := eventQueriesIn(c, &f)
		if err == nil {
			list, err = collect(c, queries, columns, "events", "id", f.Limit, f.After != 0, scanEvent)
		}
		return err
	})
	return merged(list, f.Limit, f.After != 0, func(e *bellhop.Event) int64 { return int64(e.ID) }), err
}

const (
	attemptColumns = `id, delivery, event, endpoint, app, type, trigger, number, status, final, next_at, duration,
		response_status, truncated, url, reason, detail, method, request_truncated`
	bodyColumns = ", request_header, response_header, response_body, request_body, captured, dialect, request_proof"
	noBodies    = ", NULL, NULL, NULL, NULL, NULL, NULL, NULL"
)

func scanAttempt(st *sqlite.Stmt) bellhop.Attempt {
	a := bellhop.Attempt{
		ID: bellhop.AttemptID(st.ColumnInt64(0)), Delivery: bellhop.DeliveryID(st.ColumnInt64(1)),
		Event: bellhop.EventID(st.ColumnInt64(2)), Endpoint: bellhop.EndpointID(st.ColumnInt64(3)),
		App: st.ColumnText(4), Type: st.ColumnText(5), Trigger: bellhop.Trigger(st.ColumnText(6)),
		Number: st.ColumnInt(7), Status: column.StatusOf(st.ColumnInt(8)), Final: st.ColumnBool(9),
		NextAt: moment(st.ColumnInt64(10)), Duration: bellhop.Duration(st.ColumnInt64(11) * 1000),
		ResponseStatus: st.ColumnInt(12), ResponseTruncated: st.ColumnBool(13),
		URL: st.ColumnText(14), Reason: st.ColumnText(15), Detail: st.ColumnText(16),
		Method: st.ColumnText(17), RequestTruncated: st.ColumnBool(18), RequestBody: blob(st, 22), ResponseBody: blob(st, 21),
	}
	_ = fromJSON(st, 19, &a.RequestHeader)
	_ = fromJSON(st, 20, &a.ResponseHeader)
	_ = fromJSON(st, 23, &a.Captured)
	a.Dialect, a.Proof = st.ColumnText(24), column.ProofOf(blob(st, 25), a.StartedAt())
	return a
}

// Attempt gives one attempt.
func (s *Store) Attempt(ctx context.Context, id bellhop.AttemptID) (bellhop.Attempt, error) {
	var a bellhop.Attempt
	err := s.read(ctx, "read an attempt", func(c *sqlite.Conn) error {
		found, err := one(c, func(st *sqlite.Stmt) { a = scanAttempt(st) },
			"SELECT "+attemptColumns+bodyColumns+" FROM attempts WHERE id = ?", int64(id))
		if err == nil && !found {
			err = bellhop.NotFound("attempt", id.String())
		}
		return err
	})
	return a, err
}

// Attempts lists attempts, newest first or, after one, oldest first.
func (s *Store) Attempts(ctx context.Context, f bellhop.AttemptFilter) ([]bellhop.Attempt, error) {
	columns := attemptColumns + noBodies
	if f.WithBodies {
		columns = attemptColumns + bodyColumns
	}
	var list []bellhop.Attempt
	err := s.read(ctx, "list attempts", func(c *sqlite.Conn) error {
		queries, err := attemptQueriesIn(c, &f)
		if err == nil {
			list, err = collect(c, queries, columns, "attempts", "id", f.Limit, f.After != 0, scanAttempt)
		}
		return err
	})
	return merged(list, f.Limit, f.After != 0, func(a *bellhop.Attempt) int64 { return int64(a.ID) }), err
}

// Audit lists audit entries, newest first or, after one, oldest first.
func (s *Store) Audit(ctx context.Context, f bellhop.AuditFilter) ([]bellhop.AuditEntry, error) {
	var list []bellhop.AuditEntry
	err := s.read(ctx, "list the audit log", func(c *sqlite.Conn) error {
		list = nil
		w := auditWhere(&f)
		return each(c, func(st *sqlite.Stmt) { list = append(list, scanAudit(st)) },
			"SELECT id, actor, action, object, apps, detail FROM audit NOT INDEXED"+w.String()+orderBy("id", f.After != 0)+" LIMIT ? + 0",
			append(w.args, max(f.Limit, 0))...)
	})
	return list, err
}

func auditWhere(f *bellhop.AuditFilter) *where {
	w := &where{}
	if !f.Scope.All {
		w.add("EXISTS (SELECT 1 FROM audit_apps a, json_each(?) j WHERE a.app = j.value AND a.audit = audit.id)", listJSON(f.Scope.Apps))
	}
	for _, column := range []struct{ name, value string }{{"actor", f.Actor}, {"action", f.Action}, {"object", f.Object}} {
		if column.value != "" {
			w.add(column.name+" = ?", column.value)
		}
	}
	w.span("id", f.Since, f.Until, int64(f.Before), int64(f.After))
	return w
}

func scanAudit(st *sqlite.Stmt) bellhop.AuditEntry {
	a := bellhop.AuditEntry{
		ID: bellhop.AuditID(st.ColumnInt64(0)), Actor: st.ColumnText(1), Action: st.ColumnText(2), Object: st.ColumnText(3),
		Detail: blob(st, 5),
	}
	_ = fromJSON(st, 4, &a.Apps)
	return a
}
