package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// Record logs attempts and moves their deliveries on.
func (s *Store) Record(ctx context.Context, l bellhop.Lease, results []bellhop.Result, now time.Time) error {
	if len(results) == 0 {
		return nil
	}
	return s.inTurn(ctx, groupcommit.Turn{Rank: happened, Of: results[0].Attempt.App}, "record", column.Weigh(results, rowWeight), func(w *writer) error {
		if err := w.holds(l); err != nil {
			return err
		}
		for i := range results {
			if err := w.record(l, &results[i], now); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) record(l bellhop.Lease, r *bellhop.Result, now time.Time) error {
	a := r.Attempt
	owned := r.Lease == l
	var err error
	if fresh := w.fresh.owned(a.Delivery, l.Node); owned && fresh != nil {
		err = w.moveOnFresh(fresh, r, now) // no attempt of it was recorded
	} else {
		// The delivery may have moved on since the first time, and be owned again.
		if err := w.insertGathered(); err != nil {
			return err
		}
		again, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM attempts WHERE id = ?", int64(a.ID))
		if err != nil || again {
			return err
		}
		if owned {
			if owned, err = w.moveOn(l.Node, r, now); err != nil {
				return err
			}
		}
	}
	if err == nil && owned && r.Settles() {
		err = w.settleCopies(&a)
	}
	if err == nil && owned && w.state.erasing {
		// Only then may a delivery that is still pending be of an erased event.
		err = w.forgetErased(&a)
	}
	if err == nil && owned {
		if err = w.addAttempt(&a, r.Due); err == nil {
			err = w.react(&a, r.Tells)
		}
	} else if err == nil {
		err = w.recordLate(&a, r.Due)
	}
	if err != nil || r.Vitals == nil {
		return err
	}
	return w.setVitals(a.Endpoint, r.Vitals)
}

// setVitals replaces an endpoint's vitals, unless they have begun anew or it is gone.
func (w *writer) setVitals(e bellhop.EndpointID, v *bellhop.Vitals) error {
	return exec(w.conn, `UPDATE vitals SET taken = ?, failures = ?, ill = ?, failed_since = ?, failing_since = ?, open_since = ?,
			last = ?, reason = ?, response_status = ? WHERE endpoint = ? AND revision = ?`,
		v.Taken, v.Failures, v.Ill, micros(v.FailedSince), micros(v.FailingSince), micros(v.OpenSince),
		int64(v.Last), v.Reason, v.ResponseStatus, int64(e), v.Revision)
}

const (
	endDelivery = "DELETE FROM pending WHERE id = ? AND owner = ? RETURNING endpoint, app, trigger, held, order_key"
	putOff      = `UPDATE pending SET attempts = ?, last_attempt = ?, due = ?, owner = NULL
		WHERE id = ? AND owner = ? RETURNING endpoint, app, trigger, held, order_key`
)

// moveOn ends the delivery, sets its next attempt, or holds it; each may let another one of
// its order go. It answers false, and does nothing, if the node does not own it.
func (w *writer) moveOn(node bellhop.NodeID, r *bellhop.Result, now time.Time) (owned bool, err error) {
	a := &r.Attempt
	var endpoint int64
	var orderKey string
	moved := func(st *sqlite.Stmt) {
		endpoint, orderKey = st.ColumnInt64(0), st.ColumnText(4)
		if a.Final {
			w.noteGone(st)
		}
	}
	switch {
	case a.Final:
		owned, err = one(w.conn, moved, endDelivery, int64(a.Delivery), int(node))
	case r.Held:
		owned, err = w.hold(node, r, moved, now)
	default:
		due := a.NextAt
		if due.IsZero() {
			due = now
		}
		owned, err = one(w.conn, moved, putOff, a.Number, int64(a.ID), micros(due), int64(a.Delivery), int(node))
	}
	if err != nil {
		return owned, err
	}
	return owned, w.promote(bellhop.EndpointID(endpoint), orderKey, now)
}

const settleOlder = "UPDATE pending INDEXED BY pending_event SET settled = ?1 WHERE event = ?2 AND endpoint = ?3 AND id < ?1 AND settled = 0 AND trigger <> 'test'"

// settleCopies has the older deliveries of an event to an endpoint be sent no more, since
// a later one has arrived.
func (w *writer) settleCopies(a *bellhop.Attempt) error {
	if err := w.writeDownEvent(a.Event); err != nil {
		return err
	}
	err := exec(w.conn, settleOlder, int64(a.Delivery), int64(a.Event), int64(a.Endpoint))
	if err == nil && w.conn.Changes() > 0 {
		err = w.owe(owedSettled, name(a.Event))
	}
	return err
}

// recordLate logs an attempt of a delivery that its node no longer owns.
func (w *writer) recordLate(a *bellhop.Attempt, scheduled time.Time) error {
	erased := false
	found, err := one(w.conn, func(st *sqlite.Stmt) { erased = st.ColumnBool(0) }, eventErased, int64(a.Event))
	if err != nil || !found {
		return err
	}
	a.MakeLate()
	if erased {
		a.Forget()
	}
	return w.addAttempt(a, scheduled)
}

const eventErased = "SELECT erased FROM events WHERE id = ?"

func (w *writer) forgetErased(a *bellhop.Attempt) error {
	_, err := one(w.conn, func(st *sqlite.Stmt) {
		if st.ColumnBool(0) {
			a.Forget()
		}
	}, eventErased, int64(a.Event))
	return err
}

// promote wakes the first delivery of an order, if it was found waiting. Should
// another one still be under way, Claim will find out.
func (w *writer) promote(e bellhop.EndpointID, orderKey string, now time.Time) error {
	if orderKey == "" {
		return nil
	}
	return exec(w.conn, "UPDATE pending SET due = ? WHERE due IS NULL AND held = 0 AND id = ("+firstInOrder+")",
		micros(now), int64(e), orderKey)
}

func (w *writer) addAttempt(a *bellhop.Attempt, scheduled time.Time) error {
	duration, latency := time.Duration(a.Duration).Microseconds(), int64(0)
	if a.Status == bellhop.AttemptSucceeded && a.Final {
		latency = bellhop.Latency(a, scheduled).Microseconds()
	}
	if !a.Counts() {
		latency = uncounted
	} else if int64(a.ID) < w.state.lateBefore {
		if err := w.rollLate(a, latency); err != nil {
			return err
		}
	}
	captured := ""
	if len(a.Captured) > 0 {
		captured, _ = toJSON(a.Captured).(string)
	}
	b := w.attempts.next(w.state.gathered.attempts)
	b.int(int64(a.ID))
	b.int(int64(a.Delivery))
	b.int(int64(a.Event))
	b.int(int64(a.Endpoint))
	b.text(a.App)
	b.text(a.Type)
	b.text(string(a.Trigger))
	b.int(int64(a.Number))
	b.int(int64(column.Status(a.Status)))
	b.bool(a.Final)
	b.int(micros(a.NextAt))
	b.int(duration)
	b.int(int64(a.ResponseStatus))
	b.bool(a.ResponseTruncated)
	b.text(a.URL)
	b.text(a.Reason)
	b.text(a.Detail)
	b.headers(a.RequestHeader)
	b.headers(a.ResponseHeader)
	b.bytes(a.ResponseBody)
	b.int(latency)
	b.textOrNull(a.Method)
	if a.RequestTruncated {
		b.bool(true)
	} else {
		b.bytes(nil)
	}
	b.bytes(a.RequestBody)
	b.textOrNull(captured)
	b.textOrNull(a.Dialect)
	b.bytes(column.Proof(a))
	b.bool(w.state.tails.attempts.add(int64(a.ID)))
	return w.attempts.bound(&w.state.gathered.attempts)
}

const intoAttempts = `attempts
	(id, delivery, event, endpoint, app, type, trigger, number, status, final, next_at, duration,
	response_status, truncated, url, reason, detail, request_header, response_header, response_body, latency,
	method, request_truncated, request_body, captured, dialect, request_proof, listed)`
