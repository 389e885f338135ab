package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/timeslice"
)

func readMarks(q *reading) (m timeslice.Marks, err error) {
	var width, until int64
	return m, q.each(scan(func() { m.Note(width, until) }, &width, &until), "SELECT width, until FROM bellhop.rolled")
}

// RollUp sums up attempts in slices of time, or narrow slices in wider ones. One runs at a
// time.
//
// Attempts are logged by any node, and some after their slices were rolled up: their
// request took longer than RollUp waited for, or the store could not be written to. So that
// each counts once:
//
//   - RollUp announces first up to which id it will roll up (rolling.until). From then on,
//     whoever logs an attempt below notes it in late_attempts, too, in the same transaction
//     (addLate).
//   - Then it waits until all transactions have ended that were under way by then, and may
//     not know.
//   - One statement, which sees one state of the database, then reads the attempts and
//     deletes the notes of those that it sees. In the same transaction the slices are
//     written, and the mark is moved up to which they count.
//   - A note of below the mark is an attempt that the slices lack. Stats adds it, until
//     RollUp has added it to the slices.
func (s *Store) RollUp(ctx context.Context, before time.Time) (more bool, err error) {
	if more, err = s.foldLate(ctx); err != nil || more {
		return more, err
	}
	limit := before.UnixMilli() / timeslice.Widths[0] * timeslice.Widths[0]
	announced, err := s.announce(ctx, limit)
	if err != nil || !announced {
		return false, err
	}
	err = s.write(ctx, upkeep, "roll up", func(t *txn) error {
		more = false
		done, err := t.rolling()
		for level := 0; err == nil && !more && level < len(timeslice.Widths); level++ {
			more, err = t.rollUp(done, level, limit)
		}
		return err
	})
	return more, err
}

const (
	announceRollup = "UPDATE bellhop.rolling SET until = $1, settles = NULL WHERE until < $1"
	noteSettles    = "UPDATE bellhop.rolling SET settles = pg_current_xact_id() WHERE settles IS NULL"
	hasSettled     = "SELECT until >= $1, coalesce(pg_snapshot_xmin(pg_current_snapshot()) > settles, false) FROM bellhop.rolling"
)

// settlePatience is how long RollUp waits for others' transactions. If they take longer, it
// is done the next time.
const settlePatience = time.Second

// announce lets everybody know that attempts up to a time, in milliseconds, are about to be
// rolled up, and answers whether everybody does. The second statement is a transaction of
// its own, after the first: so its number is above those of all transactions that may not
// have seen the first.
func (s *Store) announce(ctx context.Context, limit int64) (known bool, err error) {
	look := func() error {
		return s.readFor(ctx, forFlow, "look whether a roll-up is known of", func(q *reading) error {
			var announced, settled bool
			_, err := q.one(into(&announced, &settled), hasSettled, timeslice.FirstID(limit))
			known = announced && settled
			return err
		})
	}
	if err := look(); err != nil || known {
		return known, err
	}
	for _, sql := range []string{announceRollup, noteSettles} {
		err := s.write(ctx, upkeep, "announce a roll-up", func(t *txn) error {
			var args []any
			if sql == announceRollup {
				args = []any{timeslice.FirstID(limit)}
			}
			_, err := t.exec(sql, args...)
			return err
		})
		if err != nil {
			return false, err
		}
	}
	ends := time.NewTimer(settlePatience)
	defer ends.Stop()
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if err := look(); err != nil || known {
			return known, err
		}
		again := time.NewTimer(wait)
		select {
		case <-again.C:
		case <-ends.C:
			again.Stop()
			return false, nil
		case <-ctx.Done():
			again.Stop()
			return false, fmt.Errorf("roll up: %w", ctx.Err())
		}
	}
}

// rolling keeps other roll-ups out until the transaction ends, and tells how far they are.
// What is read in the transaction is read by indexes, as in one that only reads.
func (t *txn) rolling() (timeslice.Marks, error) {
	if _, err := t.exec(planByShape); err != nil {
		return timeslice.Marks{}, err
	}
	if _, err := t.one(func(row) error { return nil }, "SELECT 1 FROM bellhop.rolling FOR UPDATE"); err != nil {
		return timeslice.Marks{}, err
	}
	return readMarks(&t.reading)
}

const (
	firstAttempt = "SELECT a.id FROM bellhop.attempts a WHERE a.id >= $1 ORDER BY a.id LIMIT 1 /* all apps */"
	firstSlice   = "SELECT r.slice FROM bellhop.rollups r WHERE (r.width, r.slice) >= ($1, $2) AND r.width <= $1 ORDER BY r.width, r.slice LIMIT 1 /* all apps */"
	slicesToRoll = "SELECT r.slice, r.endpoint, r.app, " + tallyColumns + " FROM bellhop.rollups r WHERE r.width = $1 AND r.slice >= $2 AND r.slice < $3 /* all apps */"
	// attemptsToRoll reads attempts and deletes the notes of them that it sees: both see
	// the same state.
	attemptsToRoll = "WITH seen AS (DELETE FROM bellhop.late_attempts WHERE id >= $1 AND id < $2 /* all apps */) SELECT " + countedColumns + `, a.endpoint, a.app
		FROM bellhop.attempts a WHERE a.id >= $1 AND a.id < $2`
)

// rollUp rolls up the next slices of a width that are complete and not empty. It answers
// whether there were any.
func (t *txn) rollUp(done timeslice.Marks, level int, limit int64) (bool, error) {
	w := timeslice.Widths[level]
	var first int64
	var err error
	if level == 0 {
		var id int64
		_, err = t.one(into(&id), firstAttempt, timeslice.FirstID(done.Until[0]))
		first = id >> milli
	} else {
		limit = done.Until[level-1]
		_, err = t.one(into(&first), firstSlice, timeslice.Widths[level-1], done.Until[level])
	}
	// What is before the first that was found is empty. If something comes meanwhile, it is
	// noted as late.
	from, to, found := timeslice.Next(level, first, limit)
	if err != nil || !found {
		return false, err
	}
	rows, err := t.slicesOf(level, from, to)
	if err == nil {
		err = t.putSlices(w, rows)
	}
	if err == nil {
		_, err = t.exec("INSERT INTO bellhop.rolled (width, until) VALUES ($1, $2) ON CONFLICT (width) DO UPDATE SET until = excluded.until", w, to)
	}
	return true, err
}

// slicesOf sums attempts up or, for the wider slices, narrower ones. An app's own row is the
// sum over its endpoints.
func (t *txn) slicesOf(level int, from, to int64) (timeslice.Rows, error) {
	w, rows := timeslice.Widths[level], timeslice.Rows{}
	if level > 0 {
		return rows, t.readSlices(rows, w, timeslice.Widths[level-1], from, to)
	}
	var a counted
	var endpoint int64
	var app string
	s := span{low: timeslice.FirstID(from), high: timeslice.FirstID(to)}
	err := t.each(scan(func() {
		if a.latency < 0 {
			return
		}
		slice := a.millis() / w * w
		a.addTo(rows.Of(timeslice.Key{Slice: slice, Endpoint: 0, App: app}))
		a.addTo(rows.Of(timeslice.Key{Slice: slice, Endpoint: endpoint, App: app}))
	}, append(a.into(), &endpoint, &app)...), attemptsToRoll+(" AND "+s.partitions("a.id")), s.low, s.high)
	return rows, err
}

func (t *txn) readSlices(rows timeslice.Rows, width, of, from, to int64) error {
	var k timeslice.Key
	var sum timeslice.Sum
	return t.each(func(row row) error {
		err := row.Scan(append([]any{&k.Slice, &k.Endpoint, &k.App}, intoSum(&sum)...)...)
		if err == nil {
			err = sum.AddTo(rows.Of(timeslice.Key{Slice: k.Slice / width * width, Endpoint: k.Endpoint, App: k.App}))
		}
		return err
	}, slicesToRoll, of, from, to)
}

// sliceChunk is how many rows one statement writes.
const sliceChunk = 1000

const putSlices = `INSERT INTO bellhop.rollups (width, endpoint, slice, app, succeeded, failed, exhausted, duration, longest, durations, latencies)
	SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[], $11::bytea[])
	ON CONFLICT (app, endpoint, width, slice) DO UPDATE SET succeeded = excluded.succeeded, failed = excluded.failed, exhausted = excluded.exhausted,
		duration = excluded.duration, longest = excluded.longest, durations = excluded.durations, latencies = excluded.latencies`

// putSlices writes rows in place of those that are there.
func (t *txn) putSlices(width int64, rows timeslice.Rows) error {
	keys := make([]timeslice.Key, 0, len(rows))
	for k := range rows {
		keys = append(keys, k)
	}
	for chunk := range slices.Chunk(keys, sliceChunk) {
		n := len(chunk)
		endpoints, starts, apps := make([]int64, n), make([]int64, n), make([]string, n)
		succeeded, failed, exhausted, duration, longest := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
		durations, latencies := make([][]byte, n), make([][]byte, n)
		for i, k := range chunk {
			r := rows[k]
			endpoints[i], starts[i], apps[i] = k.Endpoint, k.Slice, k.App
			succeeded[i], failed[i], exhausted[i], duration[i], longest[i] = r.Succeeded, r.Failed, r.Exhausted, r.DurationMS, r.LongestMS
			durations[i], latencies[i] = r.Durations.Append(nil), r.Latencies.Append(nil)
		}
		if _, err := t.exec(putSlices, width, endpoints, starts, apps, succeeded, failed, exhausted, duration, longest, durations, latencies); err != nil {
			return err
		}
	}
	return nil
}

const (
	// addLate notes attempts that are about to be rolled up, or were; $8 is the lowest of
	// their ids: mostly nothing is looked at. It is a statement of its own, after one that
	// has changed something in the same transaction: so who announces a roll-up waits for
	// the transaction, unless it sees what was announced.
	addLate = `INSERT INTO bellhop.late_attempts (id, endpoint, duration, latency, status, final, app)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::boolean[], $7::text[])
			AS l (id, endpoint, duration, latency, status, final, app)
		WHERE (SELECT until FROM bellhop.rolling) > $8::bigint AND l.id < (SELECT until FROM bellhop.rolling) AND l.latency >= 0
		ON CONFLICT DO NOTHING`
	someLate = "SELECT EXISTS (SELECT 1 FROM bellhop.late_attempts WHERE id < $1 /* all apps */)"
	takeLate = `WITH late AS (SELECT id, app FROM bellhop.late_attempts WHERE id < $1 ORDER BY id LIMIT $2::bigint)
		DELETE FROM bellhop.late_attempts a USING late WHERE a.id = late.id AND a.app = late.app RETURNING ` + countedColumns + ", a.endpoint, a.app /* all apps */"
	theseSlices = "SELECT r.slice, r.endpoint, r.app, " + tallyColumns + ` FROM unnest($2::bigint[], $3::bigint[], $4::text[]) AS k (slice, endpoint, app)
		JOIN bellhop.rollups r ON r.app = k.app AND r.endpoint = k.endpoint AND r.width = $1 AND r.slice = k.slice`
)

// lateChunk is how many late attempts one transaction adds to their slices.
const lateChunk = 2000

// foldLate adds late attempts to the slices that lack them. It looks first, since mostly
// there is none.
func (s *Store) foldLate(ctx context.Context) (more bool, err error) {
	some := false
	err = s.readFor(ctx, forFlow, "look for late attempts", func(q *reading) error {
		done, err := readMarks(q)
		if err == nil {
			_, err = q.one(into(&some), someLate, timeslice.FirstID(done.Until[0]))
		}
		return err
	})
	if err != nil || !some {
		return false, err
	}
	err = s.write(ctx, upkeep, "count late attempts", func(t *txn) error {
		done, err := t.rolling()
		if err != nil {
			return err
		}
		n := 0
		var rows [len(timeslice.Widths)]timeslice.Rows
		for level := range rows {
			rows[level] = timeslice.Rows{}
		}
		var a counted
		var endpoint int64
		var app string
		err = t.each(scan(func() {
			n++
			for level, width := range timeslice.Widths {
				if a.millis() >= done.Until[level] {
					continue
				}
				slice := a.millis() / width * width
				a.addTo(rows[level].Of(timeslice.Key{Slice: slice, Endpoint: 0, App: app}))
				a.addTo(rows[level].Of(timeslice.Key{Slice: slice, Endpoint: endpoint, App: app}))
			}
		}, append(a.into(), &endpoint, &app)...), takeLate, timeslice.FirstID(done.Until[0]), lateChunk)
		more = n == lateChunk
		for level := 0; err == nil && level < len(timeslice.Widths); level++ {
			if err = t.addStored(timeslice.Widths[level], rows[level]); err == nil {
				err = t.putSlices(timeslice.Widths[level], rows[level])
			}
		}
		return err
	})
	return more, err
}

// settleLate adds all late attempts to the slices that lack them.
func (s *Store) settleLate(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = s.foldLate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// addStored adds to rows what is stored of them.
func (t *txn) addStored(width int64, rows timeslice.Rows) error {
	starts, endpoints, apps := []int64{}, []int64{}, []string{}
	for k := range rows {
		starts, endpoints, apps = append(starts, k.Slice), append(endpoints, k.Endpoint), append(apps, k.App)
	}
	if len(starts) == 0 {
		return nil
	}
	var k timeslice.Key
	var sum timeslice.Sum
	return t.each(func(row row) error {
		err := row.Scan(append([]any{&k.Slice, &k.Endpoint, &k.App}, intoSum(&sum)...)...)
		if err == nil {
			err = sum.AddTo(rows.Of(k))
		}
		return err
	}, theseSlices, width, starts, endpoints, apps)
}

// lateRows are the arguments of addLate.
func lateRows(results []bellhop.Result) []any {
	n := len(results)
	ids, endpoints, durations, latencies := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	statuses, finals, apps := make([]int16, n), make([]bool, n), make([]string, n)
	lowest := int64(endless)
	for i := range results {
		a := &results[i].Attempt
		ids[i], endpoints[i], durations[i], latencies[i] = int64(a.ID), int64(a.Endpoint), time.Duration(a.Duration).Microseconds(), latencyOf(a, results[i].Due)
		statuses[i], finals[i], apps[i] = int16(column.Status(a.Status)), a.Final, a.App
		lowest = min(lowest, ids[i])
	}
	return []any{ids, endpoints, durations, latencies, statuses, finals, apps, lowest}
}

const (
	slicesOfApp = `DELETE FROM bellhop.rollups d USING (SELECT endpoint, width, slice FROM bellhop.rollups WHERE app = $1 LIMIT $2::bigint) o
		WHERE d.app = $1 AND d.endpoint = o.endpoint AND d.width = o.width AND d.slice = o.slice`
	lateOfApp = "DELETE FROM bellhop.late_attempts WHERE app = $1 AND id IN (SELECT id FROM bellhop.late_attempts WHERE app = $1 LIMIT $2::bigint)"
	// expiredSlices are those that ended before a time.
	expiredSlices = `DELETE FROM bellhop.rollups d USING (SELECT app, endpoint, width, slice FROM bellhop.rollups WHERE width = $1 AND slice <= $2 ORDER BY width, slice LIMIT $3::bigint) o
		WHERE d.app = o.app AND d.endpoint = o.endpoint AND d.width = o.width AND d.slice = o.slice /* all apps */`
	anyExpired = "SELECT EXISTS (SELECT 1 FROM bellhop.rollups WHERE width = $1 AND slice <= $2 /* all apps */)"
)

// dropSlicesOfApp deletes what was counted of an app, and answers how many rows that were;
// fewer than limit when none is left.
func (t *txn) dropSlicesOfApp(app string, limit int) (int, error) {
	n, err := t.exec(slicesOfApp, app, limit)
	if err == nil && int(n) < limit {
		var late int64
		late, err = t.exec(lateOfApp, app, limit-int(n))
		n += late
	}
	return int(n), err
}

// oldCounts tells whether there are slices or samples to expire, or a mark to set right
// (expireSlices).
func oldCounts(q *reading, before, now time.Time) (found bool, err error) {
	done, err := readMarks(q)
	if err != nil || done.Expired > timeslice.Milli(now) {
		return true, err
	}
	for i := 0; err == nil && !found && i < len(timeslice.Widths); i++ {
		_, err = q.one(into(&found), anyExpired, timeslice.Widths[i], timeslice.Milli(before)-timeslice.Widths[i])
	}
	if err == nil && !found {
		_, err = q.one(into(&found), anyOldSample, micros(before))
	}
	return found, err
}

// expireSlices deletes slices that ended before a time, and notes the time for those that
// end after it: what they hold of before it no longer counts. A noted time in the future is
// from when the clock was ahead, and would hide what is recorded until then.
func (t *txn) expireSlices(before time.Time, limit int, now time.Time, deleted *int) error {
	done, err := t.rolling()
	for i := 0; err == nil && i < len(timeslice.Widths); i++ {
		var n int64
		n, err = t.exec(expiredSlices, timeslice.Widths[i], timeslice.Milli(before)-timeslice.Widths[i], limit)
		*deleted += int(n)
	}
	if err != nil {
		return err
	}
	if done.Expired > timeslice.Milli(now) {
		done.Expired = 0
	}
	_, err = t.exec("INSERT INTO bellhop.rolled (width, until) VALUES (0, $1) ON CONFLICT (width) DO UPDATE SET until = excluded.until", max(done.Expired, timeslice.Milli(before)))
	return err
}
