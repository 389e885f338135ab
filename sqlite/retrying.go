package sqlite

import (
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/timeslice"
)

const (
	// hastenOne moves what the lanes may claim: what waits in an order has no due. The attempt
	// that comes of it is not counted.
	hastenOne = "UPDATE pending SET due = ?1, holds = min(holds + 1, attempts) WHERE id = ?2 AND endpoint = ?3 AND owner IS NULL AND held = 0 AND attempts > 0 AND due > ?1"

	retrying = `SELECT p.id, p.event, p.app, p.attempts, p.held, p.due, a.reason, a.response_status, a.detail, a.id, a.delivery FROM
		(SELECT * FROM pending INDEXED BY pending_idle_endpoint WHERE owner IS NULL AND endpoint = ? AND id > ? ORDER BY id LIMIT ? + 0) AS p
		LEFT JOIN attempts a ON a.id = p.last_attempt ORDER BY p.id`
	newestRetrying = `SELECT p.id, p.event, p.app, p.attempts, p.held, p.due, a.reason, a.response_status, a.detail, a.id, a.delivery FROM
		(SELECT * FROM pending INDEXED BY pending_idle_endpoint WHERE owner IS NULL AND endpoint = ? ORDER BY id DESC LIMIT ? + 0) AS p
		LEFT JOIN attempts a ON a.id = p.last_attempt`
	// gaveUp are the final failures of an endpoint by their deliveries, newest first. One of
	// an event that has arrived since, or is on its way, is none any more.
	gaveUp = `SELECT a.id, a.app, a.trigger, a.reason, a.response_status, a.detail, a.event, a.delivery,
		(SELECT max(x.delivery) FROM attempts x INDEXED BY attempts_event WHERE x.event = a.event AND x.endpoint = a.endpoint AND x.final = 1) > a.delivery
		OR EXISTS (SELECT 1 FROM pending p INDEXED BY pending_event WHERE p.event = a.event AND p.endpoint = a.endpoint)
		FROM (SELECT * FROM attempts INDEXED BY attempts_ended_trouble_endpoint WHERE final = 1 AND status <> 0 AND status = 1 AND endpoint = ? AND id >= ? ORDER BY delivery DESC LIMIT ? + 0) AS a`
)

// Hasten makes deliveries due now that wait for a later retry.
func (s *Store) Hasten(ctx context.Context, e bellhop.EndpointID, deliveries []bellhop.DeliveryID, now time.Time) (moved int, err error) {
	if len(deliveries) == 0 {
		return 0, nil
	}
	err = s.tidy(ctx, "hasten", rowWeight*len(deliveries), func(w *writer) error {
		moved = 0
		for _, d := range deliveries {
			if err := exec(w.conn, hastenOne, micros(now), int64(d), int64(e)); err != nil {
				return err
			}
			moved += w.conn.Changes()
		}
		return nil
	})
	return moved, err
}

// Retrying lists deliveries that failed and wait.
func (s *Store) Retrying(ctx context.Context, f bellhop.RetryingFilter) (list []bellhop.DeliveryID, next bellhop.DeliveryID, err error) {
	err = s.read(ctx, "list what waits to be tried again", func(c *sqlite.Conn) error {
		list, next = nil, 0
		looked := 0
		var wrong error
		err := each(c, func(st *sqlite.Stmt) {
			d := scanRetrying(st)
			looked++
			next = d.ID
			var e bellhop.Event
			if f.LooksIntoEvents() {
				var err error
				if e, _, err = said(c, d.Event); err != nil {
					wrong = err
				}
			}
			if f.Wants(&d, &e, st.ColumnText(6), st.ColumnInt(7)) {
				list = append(list, d.ID)
			}
		}, retrying, int64(f.Endpoint), int64(f.After), f.Scan)
		if looked < f.Scan {
			next = 0
		}
		if err == nil {
			err = wrong
		}
		return err
	})
	return list, next, err
}

func scanRetrying(st *sqlite.Stmt) bellhop.Delivery {
	return bellhop.Delivery{
		ID: bellhop.DeliveryID(st.ColumnInt64(0)), Event: bellhop.EventID(st.ColumnInt64(1)), App: st.ColumnText(2),
		Attempts: st.ColumnInt(3), Held: st.ColumnBool(4), Due: moment(st.ColumnInt64(5)),
	}
}

// Failures adds up what failed.
func (s *Store) Failures(ctx context.Context, f bellhop.FailureFilter) (bellhop.Failures, error) {
	var out bellhop.Failures
	err := s.read(ctx, "count failures by cause", func(c *sqlite.Conn) error {
		var counter bellhop.FailureCounter
		out = bellhop.Failures{}
		since := int64(0)
		if !f.Since.IsZero() {
			since = timeslice.FirstID(timeslice.Milli(f.Since))
		}
		fresh, err := s.writer.fresh.view(c, 0, func(d *freshDelivery) bool { return slices.Contains(f.Endpoints, d.endpoint) })
		if err != nil {
			return err
		}
		left := f.All
		for _, e := range f.Endpoints {
			if left <= 0 {
				out.Partial = true
				break
			}
			looked, most := 0, min(f.Each, left)
			err := each(c, func(st *sqlite.Stmt) {
				looked++
				d := scanRetrying(st)
				if d.Attempts == 0 || d.Held || st.ColumnIsNull(9) || !f.Scope.Sees(d.App) {
					return
				}
				counter.Add(&bellhop.Attempt{
					ID: bellhop.AttemptID(st.ColumnInt64(9)), Endpoint: e, Reason: st.ColumnText(6), ResponseStatus: st.ColumnInt(7), Detail: st.ColumnText(8),
				}, true, d.Due)
			}, newestRetrying, int64(e), most)
			if err != nil {
				return err
			}
			out.Partial = out.Partial || looked == most
			left -= looked
			looked, most = 0, min(f.Each, max(left, 0))
			err = each(c, func(st *sqlite.Stmt) {
				looked++
				onItsWay := func(d bellhop.Delivery) bool { return d.Endpoint == e && int64(d.Event) == st.ColumnInt64(6) }
				if st.ColumnBool(8) || slices.ContainsFunc(fresh, onItsWay) || bellhop.Trigger(st.ColumnText(2)) == bellhop.TriggerTest || !f.Scope.Sees(st.ColumnText(1)) {
					return
				}
				counter.Add(&bellhop.Attempt{
					ID: bellhop.AttemptID(st.ColumnInt64(0)), Endpoint: e, Reason: st.ColumnText(3), ResponseStatus: st.ColumnInt(4), Detail: st.ColumnText(5),
				}, false, time.Time{})
			}, gaveUp, int64(e), since, most)
			if err != nil {
				return err
			}
			out.Partial = out.Partial || looked == most
			left -= looked
		}
		out.List = counter.List()
		return nil
	})
	return out, err
}

const (
	countDue   = "SELECT count(*) FROM pending INDEXED BY pending_due WHERE owner IS NULL AND due IS NOT NULL AND endpoint = ? AND (attempts > 0) = ? AND due <= ?"
	countLater = "SELECT count(*), min(due) FROM pending INDEXED BY pending_due WHERE owner IS NULL AND due IS NOT NULL AND endpoint = ? AND (attempts > 0) = ? AND due > ?"
)

// WaitsAt counts what waits at an endpoint, in its index.
func (s *Store) WaitsAt(ctx context.Context, e bellhop.EndpointID, now time.Time) (due, later int64, next time.Time, err error) {
	err = s.read(ctx, "count what waits at an endpoint", func(c *sqlite.Conn) error {
		due, later, next = 0, 0, time.Time{}
		for _, retries := range []bool{false, true} {
			err := each(c, func(st *sqlite.Stmt) { due += st.ColumnInt64(0) }, countDue, int64(e), retries, micros(now))
			if err != nil {
				return err
			}
			err = each(c, func(st *sqlite.Stmt) {
				later += st.ColumnInt64(0)
				if at := moment(st.ColumnInt64(1)); !at.IsZero() && (next.IsZero() || at.Before(next)) {
					next = at
				}
			}, countLater, int64(e), retries, micros(now))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return due, later, next, err
}
