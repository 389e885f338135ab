package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/timeslice"
)

const (
	retryingColumns = "p.id, p.event, p.app, p.attempts, p.held, p.due, a.reason, a.response_status, a.detail, a.id"
	lastOf          = " AS p LEFT JOIN LATERAL (SELECT * FROM bellhop.attempts l WHERE l.id = p.last_attempt AND l.app = p.app) AS a ON true"

	retrying = "SELECT " + retryingColumns + ", e.type, e.channels, e.tags FROM (SELECT * FROM bellhop.pending i" +
		" WHERE i.owner IS NULL AND (i.endpoint, i.id) > ($1, $2) AND i.endpoint <= $1 ORDER BY i.endpoint, i.id LIMIT $3::bigint)" + lastOf +
		" LEFT JOIN LATERAL (SELECT * FROM bellhop.events n WHERE n.id = p.event AND n.app = p.app) AS e ON true /* all apps */"
	newestRetrying = "SELECT " + retryingColumns + ", NULL::text, NULL::text, NULL::text FROM (SELECT * FROM bellhop.pending i" +
		" WHERE i.owner IS NULL AND (i.endpoint, i.id) < ($1, 9223372036854775807) AND i.endpoint >= $1 ORDER BY i.endpoint DESC, i.id DESC LIMIT $2::bigint)" + lastOf + " /* all apps */"
	// gaveUp are the final failures of an endpoint by their deliveries, newest first. One of
	// an event that has arrived since, or is on its way, is none any more.
	gaveUp = `SELECT a.id, a.app, a.trigger, a.reason, a.response_status, a.detail,
			coalesce((SELECT max(x.delivery) FROM bellhop.attempts x WHERE x.event = a.event AND x.endpoint = a.endpoint AND x.final) > a.delivery, false)
			OR (SELECT true FROM bellhop.pending p WHERE p.event = a.event AND p.endpoint = a.endpoint LIMIT 1) IS NOT NULL
			OR (SELECT true FROM bellhop.fresh p WHERE p.event = a.event AND p.endpoint = a.endpoint LIMIT 1) IS NOT NULL
		FROM (SELECT * FROM bellhop.attempts f WHERE f.final AND f.status <> 0 AND f.id >= $2
			AND (f.endpoint, f.status, f.delivery) >= ($1, 1, 0) AND (f.endpoint, f.status, f.delivery) < ($1, 1, 9223372036854775807)
			ORDER BY f.endpoint DESC, f.status DESC, f.delivery DESC LIMIT $3::bigint) AS a /* all apps */`
)

// retry is a delivery that waits at an endpoint, and its latest attempt.
type retry struct {
	bellhop.Delivery
	said    bellhop.Event // its type and its labels, where they were asked for
	attempt bellhop.Attempt
}

// scanRetry reads retryingColumns and the event's type and labels.
func scanRetry(r row) (t retry, err error) {
	var due, id, status *int64
	var reason, detail, kind, channels, tags *string
	err = r.Scan((*int64)(&t.ID), (*int64)(&t.Event), &t.App, &t.Attempts, &t.Held, &due, &reason, &status, &detail, &id, &kind, &channels, &tags)
	if due != nil {
		t.Due = moment(*due)
	}
	if id != nil {
		t.attempt = bellhop.Attempt{ID: bellhop.AttemptID(*id), Reason: text(reason), ResponseStatus: int(*status), Detail: text(detail)}
	}
	t.said = bellhop.Event{Type: text(kind), Channels: column.LabelsOf(text(channels)), Tags: column.LabelsOf(text(tags))}
	return t, err
}

// Retrying lists deliveries that failed and wait.
func (s *Store) Retrying(ctx context.Context, f bellhop.RetryingFilter) (found []bellhop.DeliveryID, next bellhop.DeliveryID, err error) {
	err = s.read(ctx, "list what waits to be tried again", func(q *reading) error {
		found, next = nil, 0
		all, err := list(q, scanRetry, retrying, int64(f.Endpoint), int64(f.After), f.Scan)
		all = oldest(all, len(all), func(t *retry) int64 { return int64(t.ID) })
		for i := range all {
			t := &all[i]
			if f.Wants(&t.Delivery, &t.said, t.attempt.Reason, t.attempt.ResponseStatus) {
				found = append(found, t.ID)
			}
			next = t.ID
		}
		if len(all) < f.Scan {
			next = 0
		}
		return err
	})
	return found, next, err
}

// Failures adds up what failed.
func (s *Store) Failures(ctx context.Context, f bellhop.FailureFilter) (out bellhop.Failures, err error) {
	err = s.read(ctx, "count failures by cause", func(q *reading) error {
		var counter bellhop.FailureCounter
		out = bellhop.Failures{}
		since := int64(0)
		if !f.Since.IsZero() {
			since = timeslice.FirstID(timeslice.Milli(f.Since))
		}
		left := f.All
		for _, e := range f.Endpoints {
			if left <= 0 {
				out.Partial = true
				break
			}
			most := min(f.Each, left)
			waiting, err := list(q, scanRetry, newestRetrying, int64(e), most)
			if err != nil {
				return err
			}
			for i := range waiting {
				t := &waiting[i]
				if t.Attempts == 0 || t.Held || t.attempt.ID == 0 || !f.Scope.Sees(t.App) {
					continue
				}
				t.attempt.Endpoint = e
				counter.Add(&t.attempt, true, t.Due)
			}
			out.Partial = out.Partial || len(waiting) == most
			left -= len(waiting)
			looked, most := 0, min(f.Each, max(left, 0))
			var a bellhop.Attempt
			var again bool
			err = q.each(scan(func() {
				looked++
				if again || a.Trigger == bellhop.TriggerTest || !f.Scope.Sees(a.App) {
					return
				}
				a.Endpoint = e
				counter.Add(&a, false, time.Time{})
			}, (*int64)(&a.ID), &a.App, (*string)(&a.Trigger), &a.Reason, &a.ResponseStatus, &a.Detail, &again), gaveUp, int64(e), since, most)
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
	countDue   = "SELECT count(*) FROM bellhop.pending WHERE owner IS NULL AND due IS NOT NULL AND endpoint = $1 AND least(attempts, 1) = $2::integer AND due <= $3 /* all apps */"
	countLater = "SELECT count(*), min(due) FROM bellhop.pending WHERE owner IS NULL AND due IS NOT NULL AND endpoint = $1 AND least(attempts, 1) = $2::integer AND due > $3 /* all apps */"
)

// WaitsAt counts what waits at an endpoint, in its index.
func (s *Store) WaitsAt(ctx context.Context, e bellhop.EndpointID, now time.Time) (due, later int64, next time.Time, err error) {
	err = s.read(ctx, "count what waits at an endpoint", func(q *reading) error {
		due, later, next = 0, 0, time.Time{}
		for _, retries := range []bool{false, true} {
			var n int64
			var first *int64
			if _, err := q.one(into(&n), countDue, int64(e), oneIf(retries), micros(now)); err != nil {
				return err
			}
			due += n
			if _, err := q.one(into(&n, &first), countLater, int64(e), oneIf(retries), micros(now)); err != nil {
				return err
			}
			later += n
			if first != nil {
				if at := moment(*first); next.IsZero() || at.Before(next) {
					next = at
				}
			}
		}
		return nil
	})
	return due, later, next, err
}
