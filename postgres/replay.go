package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/idlist"
)

const (
	// notUnderWay, noAttempt and lastEnded hold of an event e and an endpoint (%s). Each is
	// looked up for one event after the other.
	notUnderWay = ` (SELECT true FROM bellhop.pending p WHERE p.event = e.id AND p.endpoint = %[1]s LIMIT 1) IS NULL
		AND (SELECT true FROM bellhop.fresh p WHERE p.event = e.id AND p.endpoint = %[1]s LIMIT 1) IS NULL`
	noAttempt = " (SELECT true FROM bellhop.attempts a WHERE a.event = e.id AND a.endpoint = %s LIMIT 1) IS NULL"
	// The newest finished delivery is the one with the highest id, whichever ended last; or it
	// is one that succeeded.
	lastEnded = ` (SELECT %[2]s FROM bellhop.attempts a
		WHERE a.event = e.id AND a.endpoint = %[1]s AND a.final ORDER BY %[3]s::boolean AND a.status = 0 DESC, a.delivery + 0 DESC LIMIT 1)`
)

// endlessEvent is a horizon beyond all events.
const endlessEvent = bellhop.EventID(math.MaxInt64)

// Candidates lists events that a replay may cover, oldest first. How far it looks is found
// first, from an index alone.
func (s *Store) Candidates(ctx context.Context, f bellhop.ReplayFilter) (found []bellhop.Event, next bellhop.EventID, err error) {
	if f.Limit <= 0 {
		return nil, 0, nil
	}
	f.Apps = appsOf(bellhop.Only(f.Apps...))
	of := spanOf(f.Since, f.Until, 0, 0)
	of.low = max(of.low, int64(f.After)+1)
	covered := endlessEvent
	err = s.read(ctx, "list events for a replay", func(q *reading) (err error) {
		found, covered = nil, endlessEvent
		if len(f.Apps) == 0 && f.Status != bellhop.ReplayFailed || of.low >= of.high {
			return nil
		}
		if f.Scan > 0 {
			sql, args := horizonOf(&f, of)
			if covered, err = horizon(q, sql, args...); err != nil {
				return err
			}
		}
		within := of
		if covered != endlessEvent {
			within.high = min(within.high, int64(covered)+1)
		}
		sql, args := candidatesOf(&f, within, eventColumns+", e.data")
		if found, err = list(q, scanEvent, sql, args...); err != nil {
			return err
		}
		found = oldest(found, len(found), eventPosition)
		// Of each of the lists that is full, there may be more behind its last one.
		lists := map[string]int{}
		for i := range found {
			e := &found[i]
			of := e.App
			if f.Status == bellhop.ReplayFailed {
				of = ""
			}
			if lists[of]++; lists[of] == f.Limit {
				covered = min(covered, e.ID)
			}
		}
		return leaveOutLater(q, &f, &found)
	})
	found = slices.DeleteFunc(found, func(e bellhop.Event) bool { return e.ID > covered })
	if len(found) > f.Limit {
		found = found[:f.Limit]
		covered = found[f.Limit-1].ID
	}
	if covered != endlessEvent {
		next = covered
	}
	return found, next, err
}

// leaveOutLater leaves out events whose delivery to the endpoint is still to be made: it is
// as good as pending.
func leaveOutLater(q *reading, f *bellhop.ReplayFilter, found *[]bellhop.Event) error {
	if f.Status == bellhop.ReplayAll || len(*found) == 0 {
		return nil
	}
	ids := make([]int64, len(*found))
	for i := range *found {
		ids[i] = int64((*found)[i].ID)
	}
	later := map[bellhop.EventID]bool{}
	var event, done int64
	var encoded []byte
	err := q.each(scan(func() {
		to, _ := idlist.Decode[bellhop.EndpointID](encoded)
		if f.Endpoint > bellhop.EndpointID(done) && slices.Contains(to, f.Endpoint) {
			later[bellhop.EventID(event)] = true
		}
	}, &event, &encoded, &done), latersOf, ids)
	*found = slices.DeleteFunc(*found, func(e bellhop.Event) bool { return later[e.ID] })
	return err
}

// horizon is the last event that may be looked at.
func horizon(q *reading, sql string, args ...any) (bellhop.EventID, error) {
	last := endlessEvent
	var id int64
	err := q.each(scan(func() { last = min(last, bellhop.EventID(id)) }, &id), sql, args...)
	return last, err
}

// horizonOf gives the statement for it. Each app has an equal share of the events.
func horizonOf(f *bellhop.ReplayFilter, of span) (sql string, args []any) {
	var w where
	if f.Status == bellhop.ReplayFailed {
		sql = "SELECT x.event" + exhausted(&w, f, of) + " GROUP BY x.endpoint, x.event ORDER BY x.endpoint, x.event"
		return sql + " OFFSET " + w.arg(f.Scan-1) + "::bigint LIMIT 1 /* all apps */", w.args
	}
	apps := w.arg(f.Apps)
	w.within("e.app, e.id", of, "s.app")
	w.add(of.partitions("e.id"))
	share := w.arg(max(f.Scan/len(f.Apps), 1) - 1)
	sql = "SELECT x.id FROM unnest(" + apps + "::text[]) AS s (app) CROSS JOIN LATERAL (SELECT e.id FROM bellhop.events e" + w.String() +
		" ORDER BY e.app, e.id OFFSET " + share + "::bigint LIMIT 1) AS x"
	return sql, w.args
}

// exhausted finds the attempts x that ended a delivery to the endpoint in failure.
func exhausted(w *where, f *bellhop.ReplayFilter, of span) string {
	w.add("x.final AND x.status = 1")
	w.within("x.endpoint, x.event", of, w.arg(int64(f.Endpoint)))
	return " FROM bellhop.attempts x" + w.String()
}

// labelled leaves events e that have a channel and a tag.
func labelled(w *where, f bellhop.LabelFilter) {
	if f.Channel != "" {
		w.add("strpos(e.channels, ?) > 0", column.Label(f.Channel))
	}
	if f.Tag != "" {
		w.add("strpos(e.tags, ?) > 0", column.Label(f.Tag))
	}
}

// ended leaves events e by their newest finished delivery to the endpoint.
func ended(w *where, f *bellhop.ReplayFilter, endpoint string) {
	var so []string
	if status, one := f.Status.Ended(); one {
		so = append(so, fmt.Sprintf("a.status = %d", column.Ended(status)))
	}
	if f.Cause.Reason != "" {
		so = append(so, "a.reason = "+w.arg(f.Cause.Reason)+"::text")
	}
	if f.Cause.ResponseStatus != 0 || f.Response != "" {
		low, high := f.Answer()
		so = append(so, "a.response_status BETWEEN "+w.arg(low)+"::bigint AND "+w.arg(high)+"::bigint")
	}
	if len(so) > 0 {
		w.add(fmt.Sprintf(lastEnded, endpoint, strings.Join(so, " AND "), w.arg(f.Arrived)))
	}
}

// candidatesOf gives a whole statement. Failed deliveries are rare and have an index in the
// order of events; otherwise the events are gone through.
func candidatesOf(f *bellhop.ReplayFilter, of span, columns string) (sql string, args []any) {
	var w where
	endpoint := w.arg(int64(f.Endpoint)) + "::bigint"
	if f.Status == bellhop.ReplayFailed {
		var x where
		x.args = w.args
		failures := "(SELECT x.endpoint, x.event" + exhausted(&x, f, of) + " GROUP BY x.endpoint, x.event ORDER BY x.endpoint, x.event)"
		w.args = x.args
		w.add("NOT e.erased AND NOT e.test")
		w.scope("e.app", bellhop.Only(f.Apps...))
		w.types("e.type", f.Types)
		w.add(fmt.Sprintf(notUnderWay, endpoint))
		labelled(&w, f.LabelFilter)
		ended(&w, f, endpoint)
		return "SELECT " + columns + " FROM " + failures + " AS x JOIN bellhop.events e ON e.id = x.event" + w.String() + " ORDER BY x.endpoint, x.event LIMIT " + w.arg(f.Limit) + "::bigint /* all apps */", w.args
	}
	apps := w.arg(f.Apps)
	w.within("e.app, e.id", of, "s.app")
	w.add(of.partitions("e.id"))
	w.add("NOT e.erased AND NOT e.test")
	w.types("e.type", f.Types)
	labelled(&w, f.LabelFilter)
	w.add(endpoint + " IS NOT NULL")
	if f.Status != bellhop.ReplayAll {
		w.add(fmt.Sprintf(notUnderWay, endpoint))
	}
	if f.Status == bellhop.ReplayMissing {
		w.add(fmt.Sprintf(noAttempt, endpoint))
	} else {
		ended(&w, f, endpoint)
	}
	return "SELECT x.* FROM unnest(" + apps + "::text[]) AS s (app) CROSS JOIN LATERAL (SELECT " + columns + " FROM bellhop.events e" + w.String() +
		" ORDER BY e.app, e.id LIMIT " + w.arg(f.Limit) + "::bigint) AS x", w.args
}
