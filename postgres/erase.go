package postgres

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

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
// of attempts be interrupted, the next Wipe goes on.
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
		err := s.write(ctx, upkeep, "erase", func(t *txn) (err error) {
			var apps []string
			if some, apps, more, err = t.selected(rest); err != nil {
				return err
			}
			if left, err = t.eraseAll(apps, some); err == nil && len(erased) == 0 {
				if err = t.eraseRefused(sel); err == nil {
					err = t.addAudit(audit)
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

// Of two that erase the same, one waits for the other, and leaves out what that erased.
const (
	eventToErase   = "SELECT app, id, 0 FROM bellhop.events WHERE id = $1 AND NOT erased FOR UPDATE /* all apps */"
	subjectToErase = `SELECT app, id, coalesce(octet_length(data), 0) FROM bellhop.events
		WHERE subject <> '' AND subject = $1 AND app = $2 AND id > $3 AND NOT erased ORDER BY id LIMIT $4 FOR UPDATE`

	expiredNow    = "SELECT app, event FROM bellhop.expiring WHERE at <= $1 ORDER BY at, event LIMIT $2 /* all apps */"
	theseToErase  = "SELECT app, id, coalesce(octet_length(data), 0) FROM bellhop.events WHERE (app = ANY($1)) IS TRUE AND id = ANY($2) AND NOT erased ORDER BY id FOR UPDATE"
	dropExpired   = "DELETE FROM bellhop.expiring WHERE (app = ANY($1)) IS TRUE AND event = ANY($2) AND at <= $3"
	dropExpiring  = "DELETE FROM bellhop.expiring x USING bellhop.events e WHERE (e.app = ANY($1)) IS TRUE AND e.id = ANY($2) AND x.app = e.app AND x.at = e.data_expires_at AND x.event = e.id"
	expiringOfApp = "DELETE FROM bellhop.expiring WHERE app = $1 AND (at, event) IN (SELECT at, event FROM bellhop.expiring WHERE app = $1 LIMIT $2)"

	eraseThese = "UPDATE bellhop.events SET data = NULL, erased = true WHERE (app = ANY($1)) IS TRUE AND id = ANY($2)"
	// Nobody knows any more what the content was.
	eraseDigests = "UPDATE bellhop.external_ids SET digest = '', erased = true WHERE (app = ANY($1)) IS TRUE AND event = ANY($2)"
	// A delivery that is still under way, or to be made.
	unfinishedOf = `SELECT e.app, e.id FROM bellhop.events e WHERE (e.app = ANY($1)) IS TRUE AND e.id = ANY($2)
		AND (EXISTS (SELECT 1 FROM bellhop.pending p WHERE p.event = e.id)
		OR EXISTS (SELECT 1 FROM bellhop.fanouts f WHERE f.app = e.app AND f.event = e.id)
		OR EXISTS (SELECT 1 FROM bellhop.fresh f WHERE f.event = e.id))`
)

// selected gives what one step erases, and whether there is more. An empty selector,
// or a subject without its app, selects nothing.
func (t *txn) selected(sel bellhop.EraseSelector) (list []bellhop.EventID, apps []string, more bool, err error) {
	bytes := 0
	var app string
	var id int64
	var size int
	add := scan(func() {
		if len(list) == sel.Limit || bytes >= maxBatch {
			more = true
			return
		}
		list, apps = append(list, bellhop.EventID(id)), append(apps, app)
		bytes += size
	}, &app, &id, &size)
	if sel.Event != 0 {
		err = t.each(add, eventToErase, int64(sel.Event))
	} else if sel.App != "" && sel.Subject != "" {
		err = t.each(add, subjectToErase, sel.Subject, sel.App, int64(sel.After), sel.Limit+1)
	}
	if err == nil && !sel.ExpiredBy.IsZero() {
		var of []string
		var ids []int64
		if err = t.each(scan(func() { of, ids = append(of, app), append(ids, id) }, &app, &id), expiredNow, micros(sel.ExpiredBy), sel.Limit); err != nil || len(ids) == 0 {
			return nil, nil, false, err
		}
		more = len(ids) == sel.Limit
		of = slices.Compact(slices.Sorted(slices.Values(of)))
		gone := make(map[int64]bool, len(ids))
		for _, id := range ids {
			gone[id] = true
		}
		err = t.each(scan(func() {
			delete(gone, id)
			if bytes >= maxBatch {
				more = true
				return
			}
			list, apps = append(list, bellhop.EventID(id)), append(apps, app)
			bytes += size
		}, &app, &id, &size), theseToErase, of, ids)
		if err == nil && len(gone) > 0 { // erased, or gone with their app or by their age
			_, err = t.exec(dropExpired, of, slices.Sorted(maps.Keys(gone)), micros(sel.ExpiredBy))
		}
	}
	return list, apps, more, err
}

// eraseAll erases events. It answers whether some of their attempts are left to be
// blanked.
//
// Attempts that others are recording of deliveries that are under way may be committed
// after this; and so may deliveries. Sweep does both once more.
func (t *txn) eraseAll(apps []string, list []bellhop.EventID) (left bool, err error) {
	if len(list) == 0 {
		return false, nil
	}
	of := slices.Compact(slices.Sorted(slices.Values(apps)))
	events := numbers(list)
	for _, sql := range []string{dropExpiring, eraseThese, eraseDigests} {
		if _, err := t.exec(sql, of, events); err != nil {
			return false, err
		}
	}
	if err := t.dropRequestsOf(list); err != nil {
		return false, err
	}
	var unfinished []int64
	var appsOf []string
	var app string
	var id int64
	if err := t.each(scan(func() { unfinished, appsOf = append(unfinished, id), append(appsOf, app) }, &app, &id), unfinishedOf, of, events); err != nil {
		return false, err
	}
	if len(unfinished) > 0 {
		if _, err := t.exec(addOwedEvents, owedEvent, appsOf, unfinished); err != nil {
			return false, err
		}
	}
	rows := blankChunk
	for i, e := range list {
		at, n, err := t.blank(apps[i], e, blanked{math.MinInt64, math.MinInt64}, max(rows, 1))
		if rows -= n; err == nil && at != nil {
			left = true
			err = t.owe(owedBlank, apps[i], name(e))
		}
		if err != nil {
			return false, err
		}
	}
	t.noteErasure()
	return left, t.oweWipe("events", events)
}

const (
	attemptsToBlank = `SELECT endpoint, id, coalesce(octet_length(response_body), 0) + coalesce(octet_length(request_body), 0) FROM bellhop.attempts
		WHERE app = $1 AND event = $2 AND (endpoint, id) > ($3, $4) ORDER BY endpoint, id LIMIT $5`
	// blanking does what Forget does.
	blanking = `UPDATE bellhop.attempts SET request_header = NULL, request_body = NULL, request_proof = NULL, response_header = NULL, response_body = NULL,
		captured = NULL, url = CASE WHEN request_body IS NOT NULL OR method IS NOT NULL THEN '' ELSE url END,
		detail = CASE WHEN request_body IS NOT NULL OR method IS NOT NULL OR response_status BETWEEN 300 AND 399 OR reason = ANY($1) THEN '' ELSE detail END `
	blankSome   = blanking + "WHERE app = $2 AND id = ANY($3)"
	blankEvents = blanking + `WHERE (app = ANY($2)) IS TRUE AND event = ANY($3) AND (request_header IS NOT NULL OR request_body IS NOT NULL OR request_proof IS NOT NULL
		OR response_header IS NOT NULL OR response_body IS NOT NULL OR captured IS NOT NULL) RETURNING id`
)

// blanked is how far the attempts of an event are blanked.
type blanked struct{ endpoint, attempt int64 }

// blank drops what was captured of some attempts of an erased event, as Forget does.
// It answers how many there were and where to go on; nil if that was all.
func (t *txn) blank(app string, e bellhop.EventID, from blanked, limit int) (next *blanked, rows int, err error) {
	var ids []int64
	at, bytes := from, 0
	var endpoint, id int64
	var size int
	err = t.each(scan(func() {
		if bytes < maxBatch {
			ids = append(ids, id)
			at = blanked{endpoint, id}
			bytes += size
		}
	}, &endpoint, &id, &size), attemptsToBlank, app, int64(e), from.endpoint, from.attempt, limit)
	if err == nil && len(ids) > 0 {
		if _, err = t.exec(blankSome, bellhop.Quoting, app, ids); err == nil {
			err = t.oweWipe("attempts", ids)
		}
	}
	if len(ids) < limit && bytes < maxBatch {
		return nil, len(ids), err
	}
	return &at, len(ids), err
}

// blankThese is blank for all that is left of some events.
func (t *txn) blankThese(apps []string, events []int64) error {
	if len(events) == 0 {
		return nil
	}
	var ids []int64
	var id int64
	if err := t.each(scan(func() { ids = append(ids, id) }, &id), blankEvents, bellhop.Quoting, apps, events); err != nil {
		return err
	}
	return t.oweWipe("attempts", ids)
}

// blankAll ends the blanking of attempts that Erase left. Any number of callers may do
// so at once.
func (s *Store) blankAll(ctx context.Context) error {
	type mark struct{ app, of string }
	var marks []mark
	err := s.readFor(ctx, forUpkeep, "look for erased events", func(q *reading) error {
		marks = nil
		var m mark
		return q.each(scan(func() { marks = append(marks, m) }, &m.app, &m.of), "SELECT app, name FROM bellhop.owed WHERE what = 'blank' /* all apps */")
	})
	for _, m := range marks {
		number, wrong := strconv.ParseInt(m.of, 10, 64)
		if wrong != nil {
			continue // nothing of ours
		}
		for at := (&blanked{math.MinInt64, math.MinInt64}); err == nil && at != nil; {
			var next *blanked
			err = s.write(ctx, upkeep, "erase the attempts", func(t *txn) (err error) {
				next, _, err = t.blank(m.app, bellhop.EventID(number), *at, blankChunk)
				if err == nil && next == nil {
					_, err = t.exec("DELETE FROM bellhop.owed WHERE what = 'blank' AND app = $1 AND name = $2", m.app, m.of)
				}
				return err
			})
			at = next
		}
	}
	return err
}

const goneOrErased = `SELECT x.id FROM unnest($1::bigint[]) AS x (id)
	WHERE NOT EXISTS (SELECT 1 FROM bellhop.events e WHERE e.id = x.id AND NOT e.erased) /* all apps */`

// Erased gives those of the events that are erased or gone.
func (s *Store) Erased(ctx context.Context, events []bellhop.EventID) (erased []bellhop.EventID, err error) {
	err = s.readFor(ctx, forFlow, "look for erased events", func(q *reading) (err error) {
		erased, err = list(q, func(r row) (e bellhop.EventID, err error) {
			err = r.Scan((*int64)(&e))
			return e, err
		}, goneOrErased, events)
		return err
	})
	return erased, err
}

const (
	appOfAttempt = "SELECT app FROM bellhop.attempts WHERE id = $1 /* all apps */"
	blankOne     = blanking + "WHERE app = $2 AND id = $3"
)

// ForgetAttempt removes what was captured of one attempt.
func (s *Store) ForgetAttempt(ctx context.Context, id bellhop.AttemptID, audit *bellhop.AuditEntry) error {
	return s.write(ctx, upkeep, "erase an attempt", func(t *txn) error {
		var app string
		found := false
		if err := t.each(scan(func() { found = true }, &app), appOfAttempt, int64(id)); err != nil {
			return err
		}
		if !found {
			return bellhop.NotFound("attempt", id.String())
		}
		if _, err := t.exec(blankOne, bellhop.Quoting, app, int64(id)); err != nil {
			return err
		}
		if err := t.oweWipe("attempts", []int64{int64(id)}); err != nil {
			return err
		}
		return t.addAudit(audit)
	})
}
