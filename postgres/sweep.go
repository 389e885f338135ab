package postgres

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/bellhop/bellhop"
)

const sweepOwed = `SELECT EXISTS (SELECT 1 FROM bellhop.owed WHERE what IN ('endpoint', 'event', 'settled')),
	EXISTS (SELECT 1 FROM bellhop.owed WHERE what IN ('endpoint', 'event', 'settled') AND xid IS NULL), EXISTS (SELECT 1 FROM bellhop.reorders WHERE xid IS NULL) /* all apps */`

// The deliveries that Sweep ends, mark by mark. A mark costs a look into an index.
const (
	idleOfEvents  = idleOf + "'event'" + idleWhere + "event = owed.of" + idleAtMost
	idleOfGone    = idleOf + "'endpoint'" + idleWhere + "endpoint = owed.of" + idleAtMost
	idleOfSettled = idleOf + "'settled'" + idleWhere + "event = owed.of AND p.settled <> 0" + idleAtMost

	idleOf     = "WITH owed AS (SELECT o.name::bigint AS of FROM bellhop.owed o WHERE o.what = "
	idleWhere  = " ORDER BY o.app, o.name) SELECT p.app, p.id, p.endpoint, coalesce(p.order_key, '') FROM owed CROSS JOIN LATERAL (SELECT * FROM bellhop.pending p WHERE p."
	idleAtMost = " AND p.owner IS NULL ORDER BY p.id LIMIT $1) p LIMIT $1 /* all apps */"
)

// A mark goes when nothing of it is left: pending, owned or not, nor in a node's memory.
const (
	settleMarked  = "DELETE FROM bellhop.owed o WHERE (o.what, o.app, o.name, o.count) IN (SELECT o.what, o.app, o.name, o.count FROM bellhop.owed o WHERE " + quietOwed + " AND o.what = "
	settled       = " ORDER BY o.app, o.name LIMIT $1 FOR UPDATE) AND " + quietOwed + " RETURNING o.app, o.name /* all apps */"
	settleEvents  = settleMarked + "'event' AND NOT EXISTS (SELECT 1 FROM bellhop.pending p WHERE p.event = o.name::bigint) AND NOT EXISTS (SELECT 1 FROM bellhop.fresh f WHERE f.event = o.name::bigint)" + settled
	settleGone    = settleMarked + "'endpoint' AND NOT EXISTS (SELECT 1 FROM bellhop.pending p WHERE p.owner IS NULL AND p.endpoint = o.name::bigint) AND o.name::bigint NOT IN (SELECT p.endpoint FROM bellhop.pending p WHERE p.owner IS NOT NULL UNION ALL SELECT f.endpoint FROM bellhop.fresh f)" + settled
	settleSettled = settleMarked + "'settled' AND NOT EXISTS (SELECT 1 FROM bellhop.pending p WHERE p.event = o.name::bigint AND p.settled <> 0)" + settled
)

const (
	// sweepChunk bounds the deliveries that one transaction ends, and settleAtOnce the marks
	// that one takes away.
	sweepChunk   = 250
	settleAtOnce = 1000
)

// Sweep ends pending deliveries that can never be made. It looks first, because it is
// called often and seldom finds any.
func (s *Store) Sweep(ctx context.Context, ids []bellhop.AttemptID, now time.Time) (int, error) {
	owed, unseen, reordered := false, false, false
	err := s.readFor(ctx, forFlow, "look for what to sweep", func(q *reading) error {
		_, err := q.one(into(&owed, &unseen, &reordered), sweepOwed)
		return err
	})
	if err == nil && unseen {
		err = s.noteBeside(ctx, besideSweep)
	}
	if err == nil && reordered {
		err = s.noteBeside(ctx, besideReorders)
	}
	if err == nil && owed {
		err = haveDaysOf(ctx, s, ids)
	}
	if err != nil || !owed {
		return 0, err
	}
	total := 0
	for _, kind := range []struct{ reason, find, take, settle string }{
		{bellhop.ReasonDeleted, idleOfGone, takeIdle, settleGone},
		{bellhop.ReasonErased, idleOfEvents, takeIdle, settleEvents},
		{bellhop.ReasonSettled, idleOfSettled, takeSettled, settleSettled},
	} {
		for done := false; !done && total < len(ids); {
			chunk := ids[total:min(len(ids), total+sweepChunk)]
			swept := 0
			err := s.write(ctx, upkeep, "sweep", func(t *txn) (err error) {
				swept, err = t.sweep(kind.reason, kind.find, kind.take, chunk, now)
				return err
			})
			if err != nil {
				return total, err
			}
			total += swept
			done = swept < len(chunk)
		}
		if total == len(ids) {
			return total, nil // there may be more of it
		}
		if err := s.settleMarks(ctx, kind.settle); err != nil {
			return total, err
		}
	}
	return total, nil
}

// sweep ends as many as there are ids. Ids that have a line already, because the step is
// repeated, count as used.
func (t *txn) sweep(reason, find, take string, given []bellhop.AttemptID, now time.Time) (swept int, err error) {
	ids, err := t.unused(given)
	if err != nil {
		return 0, err
	}
	idle, err := t.find(find, max(len(ids), 1))
	if err != nil || len(idle.ids) == 0 {
		return 0, err // a mark may only wait for others to end
	}
	if len(ids) == 0 {
		return len(given), nil
	}
	list, err := t.take(idle, take)
	if err != nil {
		return 0, err
	}
	lines := make([]bellhop.Attempt, len(list))
	for i := range list {
		lines[i] = bellhop.LastLine(&list[i], ids[i], reason)
	}
	if err := t.end(list, lines, false, now); err != nil {
		return 0, err
	}
	return len(list) + len(given) - len(ids), nil
}

// settleMarks takes marks away of which nothing is left.
func (s *Store) settleMarks(ctx context.Context, sql string) error {
	return s.write(ctx, upkeep, "settle what was owed", func(t *txn) error {
		var apps []string
		var events []int64
		var app, of string
		err := t.each(scan(func() {
			if number, err := strconv.ParseInt(of, 10, 64); err == nil {
				apps, events = append(apps, app), append(events, number)
			}
		}, &app, &of), sql, settleAtOnce)
		if err == nil && sql == settleEvents {
			// Attempts that were being recorded while their events were erased.
			err = t.blankThese(slices.Compact(slices.Sorted(slices.Values(apps))), events)
		}
		return err
	})
}
