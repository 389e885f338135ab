package sqlite

import (
	"context"
	"math"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

const (
	// eraseChunk bounds the events of one step of Erase, and blankChunk the attempts;
	// maxBatch bounds the data of both.
	eraseChunk = 500
	blankChunk = 1000
	// owedBlank is an erased event whose attempts are still to be blanked.
	owedBlank = "blank"
)

// Erase removes the data of events, and what was captured of their attempts, in steps,
// so that the other callers' steps need not wait for all of them. Should the blanking
// of attempts be interrupted, the next Wipe goes on. The old bytes may be in the file
// until then.
func (s *Store) Erase(ctx context.Context, sel bellhop.EraseSelector, audit *bellhop.AuditEntry, _ time.Time) ([]bellhop.EventID, error) {
	var erased []bellhop.EventID
	owes := false
	for more := true; more; {
		rest := sel
		rest.Limit = eraseChunk
		if sel.Limit > 0 {
			rest.Limit = min(eraseChunk, sel.Limit-len(erased))
		}
		if n := len(erased); n > 0 {
			rest.After = erased[n-1]
		}
		var some []bellhop.EventID
		left := false // to be blanked
		err := s.tidy(ctx, "erase", maxBatch, func(w *writer) (err error) {
			if some, more, err = w.selected(rest); err != nil {
				return err
			}
			if left, err = w.eraseAll(some); err == nil && len(erased) == 0 {
				if err = w.eraseRefused(sel); err == nil {
					err = w.addAudit(audit)
				}
			}
			return err
		})
		if err != nil {
			return erased, err
		}
		erased, owes = append(erased, some...), owes || left
		more = more && (sel.Limit <= 0 || len(erased) < sel.Limit)
	}
	if owes {
		if err := s.blankAll(ctx); err != nil {
			s.log.Warn("erased events have left responses behind; they are erased later", "error", err)
		}
	}
	return erased, nil
}

const (
	eventToErase   = "SELECT id, 0 FROM events WHERE id = ? AND erased = 0"
	subjectToErase = `SELECT id, coalesce(length(data), 0) FROM events INDEXED BY events_subject
		WHERE subject <> '' AND listed = 1 AND subject = ? AND app = ? AND id > ? AND erased = 0 ORDER BY id LIMIT ? + 0`
	tailToErase  = "SELECT id, coalesce(length(data), 0) FROM events NOT INDEXED WHERE " + tailOfEvents + " AND subject = ? AND app = ? AND id > ? AND erased = 0 ORDER BY id LIMIT ? + 0"
	expired      = "SELECT x.event, coalesce(length(e.data), 0), x.at, e.id IS NULL FROM expiring x LEFT JOIN events e ON e.id = x.event AND e.erased = 0 WHERE x.at <= ? ORDER BY x.at, x.event LIMIT ? + 0"
	dropExpiring = "DELETE FROM expiring WHERE event = ?1 AND at = (SELECT data_expires_at FROM events WHERE id = ?1)"

	attemptsToBlank = `SELECT endpoint, id, coalesce(length(response_body), 0) + coalesce(length(request_body), 0) FROM attempts INDEXED BY attempts_event
		WHERE event = ? AND (endpoint, id) > (?, ?) ORDER BY endpoint, id LIMIT ? + 0`
)

// selected gives what one step erases, and whether there is more. An empty selector,
// or a subject without its app, selects nothing.
func (w *writer) selected(sel bellhop.EraseSelector) (list []bellhop.EventID, more bool, err error) {
	bytes := 0
	add := func(st *sqlite.Stmt) {
		if len(list) == sel.Limit || bytes >= maxBatch {
			more = true
			return
		}
		list = append(list, bellhop.EventID(st.ColumnInt64(0)))
		bytes += st.ColumnInt(1)
	}
	if sel.Event != 0 {
		err = each(w.conn, add, eventToErase, int64(sel.Event))
	} else if sel.App != "" && sel.Subject != "" {
		if err = each(w.conn, add, subjectToErase, sel.Subject, sel.App, int64(sel.After), sel.Limit+1); err == nil && !more {
			err = each(w.conn, add, tailToErase, sel.Subject, sel.App, int64(sel.After), sel.Limit+1)
		}
	}
	if !sel.ExpiredBy.IsZero() {
		rows := 0
		type place struct{ at, event int64 }
		var gone []place // with their app, or by their age
		err = each(w.conn, func(st *sqlite.Stmt) {
			if rows++; st.ColumnBool(3) {
				gone = append(gone, place{st.ColumnInt64(2), st.ColumnInt64(0)})
			} else {
				add(st)
			}
		}, expired, micros(sel.ExpiredBy), sel.Limit+1)
		more = more || rows > sel.Limit
		for i := 0; err == nil && i < len(gone); i++ {
			err = exec(w.conn, "DELETE FROM expiring WHERE at = ? AND event = ?", gone[i].at, gone[i].event)
		}
	}
	return list, more, err
}

// eraseAll erases events. It answers whether some of their attempts are left to be
// blanked.
func (w *writer) eraseAll(list []bellhop.EventID) (left bool, err error) {
	rows := blankChunk
	for _, e := range list {
		if err := exec(w.conn, dropExpiring, int64(e)); err != nil {
			return false, err
		}
		if err := exec(w.conn, "UPDATE events SET data = NULL, digest = NULL, erased = 1 WHERE id = ?", int64(e)); err != nil {
			return false, err
		}
		if err := w.dropRequests(requestsOfEvent, int64(e)); err != nil {
			return false, err
		}
		if err := w.writeDownEvent(e); err != nil {
			return false, err
		}
		unfinished, err := one(w.conn, func(*sqlite.Stmt) {},
			"SELECT 1 WHERE EXISTS (SELECT 1 FROM pending WHERE event = ?1) OR EXISTS (SELECT 1 FROM fanouts WHERE event = ?1)", int64(e))
		if err == nil && unfinished {
			err = w.oweEvent(e)
		}
		if err != nil {
			return false, err
		}
		at, n, err := w.blank(e, blanked{math.MinInt64, math.MinInt64}, max(rows, 1))
		if rows -= n; err == nil && at != nil {
			left = true
			err = w.owe(owedBlank, name(e))
		}
		if err != nil {
			return false, err
		}
	}
	if len(list) > 0 {
		if err = w.owe("wipe", ""); err == nil {
			err = w.noteErasure()
		}
	}
	return left, err
}

// Erased gives those of the events that are erased or gone.
func (s *Store) Erased(ctx context.Context, events []bellhop.EventID) ([]bellhop.EventID, error) {
	var erased []bellhop.EventID
	err := s.readFor(ctx, forFlow, "look for erased events", func(c *sqlite.Conn) error {
		erased = nil
		for _, e := range events {
			there, err := one(c, func(*sqlite.Stmt) {}, "SELECT 1 FROM events WHERE id = ? AND erased = 0", int64(e))
			if err != nil {
				return err
			}
			if !there {
				erased = append(erased, e)
			}
		}
		return nil
	})
	return erased, err
}

// blanked is how far the attempts of an event are blanked.
type blanked struct{ endpoint, attempt int64 }

// blank drops what was captured of some attempts of an erased event, as Forget does.
// It answers how many there were and where to go on; nil if that was all.
func (w *writer) blank(e bellhop.EventID, from blanked, limit int) (next *blanked, rows int, err error) {
	var ids []int64
	at, bytes := from, 0
	err = each(w.conn, func(st *sqlite.Stmt) {
		if bytes < maxBatch {
			ids = append(ids, st.ColumnInt64(1))
			at = blanked{st.ColumnInt64(0), st.ColumnInt64(1)}
			bytes += st.ColumnInt(2)
		}
	}, attemptsToBlank, int64(e), from.endpoint, from.attempt, limit)
	for i := 0; err == nil && i < len(ids); i++ {
		err = exec(w.conn, blankOne, quoting, ids[i])
	}
	if len(ids) < limit && bytes < maxBatch {
		return nil, len(ids), err
	}
	return &at, len(ids), err
}

// blankOne does what Forget does.
const blankOne = `UPDATE attempts SET request_header = NULL, request_body = NULL, request_proof = NULL, response_header = NULL, response_body = NULL,
	captured = NULL, url = CASE WHEN request_body IS NOT NULL OR method IS NOT NULL THEN '' ELSE url END,
	detail = CASE WHEN request_body IS NOT NULL OR method IS NOT NULL OR response_status BETWEEN 300 AND 399
		OR reason IN (SELECT value FROM json_each(?)) THEN '' ELSE detail END WHERE id = ?`

var quoting = listJSON(bellhop.Quoting)

// blankAll ends the blanking of attempts that Erase left. Any number of callers may do
// so at once.
func (s *Store) blankAll(ctx context.Context) error {
	var events []string
	err := s.readFor(ctx, forUpkeep, "look for erased events", func(c *sqlite.Conn) error {
		return each(c, func(st *sqlite.Stmt) { events = append(events, st.ColumnText(0)) }, "SELECT name FROM owed WHERE what = 'blank'")
	})
	for _, of := range events {
		number, wrong := strconv.ParseInt(of, 10, 64)
		if wrong != nil {
			continue // nothing of ours
		}
		for at := (&blanked{math.MinInt64, math.MinInt64}); err == nil && at != nil; {
			var next *blanked
			err = s.tidy(ctx, "erase the attempts", maxBatch, func(w *writer) (err error) {
				next, _, err = w.blank(bellhop.EventID(number), *at, blankChunk)
				if err == nil && next == nil {
					err = exec(w.conn, "DELETE FROM owed WHERE what = 'blank' AND name = ?", of)
				}
				return err
			})
			at = next
		}
	}
	return err
}

// ForgetAttempt removes what was captured of one attempt.
func (s *Store) ForgetAttempt(ctx context.Context, id bellhop.AttemptID, audit *bellhop.AuditEntry) error {
	return s.tidy(ctx, "erase an attempt", 0, func(w *writer) error {
		found, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM attempts WHERE id = ?", int64(id))
		if err == nil && !found {
			err = bellhop.NotFound("attempt", id.String())
		}
		if err == nil {
			err = exec(w.conn, blankOne, quoting, int64(id))
		}
		if err == nil {
			err = w.owe("wipe", "")
		}
		if err == nil {
			err = w.addAudit(audit)
		}
		return err
	})
}
