package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// Record logs attempts and moves their deliveries on.
func (s *Store) Record(ctx context.Context, node bellhop.NodeID, results []bellhop.Result, now time.Time) error {
	if len(results) == 0 {
		return nil
	}
	weight := 0
	for i := range results {
		weight += 2*rowWeight + len(results[i].Attempt.ResponseBody)
	}
	return s.write(ctx, "record", weight, func(w *writer) error {
		for i := range results {
			if err := w.record(node, &results[i], now); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) record(node bellhop.NodeID, r *bellhop.Result, now time.Time) error {
	a := r.Attempt
	// The delivery may have moved on since the first time, and be owned again.
	again, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM attempts WHERE id = ?", int64(a.ID))
	if err != nil || again {
		return err
	}
	owned, err := w.moveOn(node, &a, now)
	if err == nil && owned {
		err = w.addAttempt(&a, r.Due)
	} else if err == nil {
		err = w.recordLate(&a, r.Due)
	}
	if err != nil || r.Failing == nil {
		return err
	}
	return exec(w.conn, "UPDATE endpoints SET failing_since = ? WHERE id = ?", micros(*r.Failing), int64(a.Endpoint))
}

// moveOn ends the delivery, or sets its next attempt. It answers false, and does
// nothing, if the node does not own it.
func (w *writer) moveOn(node bellhop.NodeID, a *bellhop.Attempt, now time.Time) (owned bool, err error) {
	if !a.Final {
		due := a.NextAt
		if due.IsZero() {
			due = now
		}
		err := exec(w.conn, `UPDATE pending SET attempts = ?, last_attempt = ?, due = ?, owner = NULL
			WHERE id = ? AND owner = ?`, a.Number, int64(a.ID), micros(due), int64(a.Delivery), int(node))
		return err == nil && w.conn.Changes() == 1, err
	}
	var endpoint int64
	var orderKey string
	owned, err = one(w.conn, func(st *sqlite.Stmt) { endpoint, orderKey = st.ColumnInt64(0), st.ColumnText(1) },
		"DELETE FROM pending WHERE id = ? AND owner = ? RETURNING endpoint, order_key", int64(a.Delivery), int(node))
	if err != nil || orderKey == "" {
		return owned, err
	}
	return true, w.promote(bellhop.EndpointID(endpoint), orderKey, now)
}

// recordLate logs an attempt of a delivery that its node no longer owns. Whatever
// came of it, it did not end the delivery: each delivery has one final line.
func (w *writer) recordLate(a *bellhop.Attempt, scheduled time.Time) error {
	erased := false
	found, err := one(w.conn, func(st *sqlite.Stmt) { erased = st.ColumnBool(0) },
		"SELECT erased FROM events WHERE id = ?", int64(a.Event))
	if err != nil || !found {
		return err
	}
	a.Final, a.NextAt = false, time.Time{}
	if erased {
		forget(a)
	}
	return w.addAttempt(a, scheduled)
}

// forget drops what was captured of an attempt, as Erase does. What is said of a
// redirect may quote where it leads, which was captured too.
func forget(a *bellhop.Attempt) {
	a.RequestHeader, a.ResponseHeader, a.ResponseBody = nil, nil, nil
	if a.ResponseStatus >= 300 && a.ResponseStatus <= 399 {
		a.Detail = ""
	}
}

// promote wakes the first delivery of an order, if it was found waiting.
func (w *writer) promote(e bellhop.EndpointID, orderKey string, now time.Time) error {
	if orderKey == "" {
		return nil
	}
	return exec(w.conn, "UPDATE pending SET due = ? WHERE due IS NULL AND id = ("+firstInOrder+")",
		micros(now), int64(e), orderKey)
}

// cancel ends a delivery with a last line in the log.
func (w *writer) cancel(d *bellhop.Delivery, id bellhop.AttemptID, reason, detail string, now time.Time) error {
	err := w.addAttempt(&bellhop.Attempt{
		ID: id, Delivery: d.ID, Event: d.Event, Endpoint: d.Endpoint, App: d.App, Type: d.Type,
		Trigger: d.Trigger, Number: d.Attempts + 1,
		Status: bellhop.AttemptCanceled, Final: true, Reason: reason, Detail: detail,
	}, time.Time{})
	if err != nil {
		return err
	}
	if err := exec(w.conn, "DELETE FROM pending WHERE id = ?", int64(d.ID)); err != nil {
		return err
	}
	return w.promote(d.Endpoint, d.OrderKey, now)
}

func (w *writer) addAttempt(a *bellhop.Attempt, scheduled time.Time) error {
	duration, latency := time.Duration(a.Duration).Microseconds(), int64(0)
	if a.Status == bellhop.AttemptSucceeded && a.Final {
		latency = latencyOf(a.ID, a.Delivery, duration, scheduled)
	}
	if int64(a.ID) < w.state.lateBefore {
		if err := w.rollLate(a, latency); err != nil {
			return err
		}
	}
	return exec(w.conn, `INSERT INTO attempts
			(id, delivery, event, endpoint, app, type, trigger, number, status, final, next_at, duration,
			response_status, truncated, url, reason, detail, request_header, response_header, response_body, latency)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(a.ID), int64(a.Delivery), int64(a.Event), int64(a.Endpoint), a.App, a.Type, string(a.Trigger),
		a.Number, statusNumber(a.Status), a.Final, micros(a.NextAt), duration,
		a.ResponseStatus, a.ResponseTruncated, a.URL, a.Reason, a.Detail,
		headerJSON(a.RequestHeader), headerJSON(a.ResponseHeader), a.ResponseBody, latency)
}

// The numbers are in the file: they cannot change.
const (
	succeeded = 0
	failed    = 1
	canceled  = 2
)

func statusNumber(s bellhop.AttemptStatus) int {
	switch s {
	case bellhop.AttemptSucceeded:
		return succeeded
	case bellhop.AttemptCanceled:
		return canceled
	}
	return failed
}

func statusName(n int) bellhop.AttemptStatus {
	switch n {
	case succeeded:
		return bellhop.AttemptSucceeded
	case canceled:
		return bellhop.AttemptCanceled
	}
	return bellhop.AttemptFailed
}
