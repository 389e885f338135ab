package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/timeslice"
)

func readMarks(c *sqlite.Conn) (m timeslice.Marks, err error) {
	err = each(c, func(st *sqlite.Stmt) { m.Note(st.ColumnInt64(0), st.ColumnInt64(1)) }, "SELECT width, until FROM rolled")
	return m, err
}

// rollup is a range of slices of one width on its way into the table.
type rollup struct {
	level int
	// from is where the last one ended: attempts may still come before the first
	// that was found.
	from, to int64
	rows     timeslice.Rows
}

// RollUp sums up attempts in slices of time, or narrow slices in wider ones.
//
// It reads beside the writer, and writes in steps; the last one moves the mark up
// to which slices count, so that whatever ends it earlier leaves rows that nobody
// reads and the next RollUp replaces. If an attempt is recorded meanwhile for what
// it reads, it gives up; once the mark has moved, such an attempt adds itself to
// the rows (rollLate).
func (s *Store) RollUp(ctx context.Context, before time.Time) (more bool, err error) {
	select { // one at a time, or they would replace each other's rows
	case s.rolling <- struct{}{}:
		defer func() { <-s.rolling }()
	case <-ctx.Done():
		return false, fmt.Errorf("roll up: %w", ctx.Err())
	}
	for level := range timeslice.Widths {
		r, found, err := s.nextRollup(ctx, level, before)
		if err != nil {
			return false, err
		}
		if found {
			return s.rollUp(ctx, r)
		}
	}
	return false, nil
}

// nextRollup finds the next slices that are complete and not empty.
func (s *Store) nextRollup(ctx context.Context, level int, before time.Time) (r *rollup, found bool, err error) {
	err = s.readFor(ctx, forUpkeep, "look for what to roll up", func(c *sqlite.Conn) error {
		done, err := readMarks(c)
		if err != nil {
			return err
		}
		first, limit := int64(0), before.UnixMilli()
		if level == 0 {
			_, err = one(c, func(st *sqlite.Stmt) { first = bellhop.AttemptID(st.ColumnInt64(0)).Time().UnixMilli() },
				firstAttempt, timeslice.FirstID(done.Until[0]))
		} else {
			limit = done.Until[level-1]
			_, err = one(c, func(st *sqlite.Stmt) { first = st.ColumnInt64(0) }, firstSlice, timeslice.Widths[level-1], done.Until[level])
		}
		var to int64
		if _, to, found = timeslice.Next(level, first, limit); found {
			r = &rollup{level: level, from: done.Until[level], to: to}
		}
		return err
	})
	return r, found, err
}

const (
	firstAttempt = "SELECT id FROM attempts WHERE id >= ? ORDER BY id LIMIT 1"
	firstSlice   = "SELECT slice FROM rollups INDEXED BY rollups_slice WHERE width = ? AND slice >= ? ORDER BY slice LIMIT 1"
	// These give a slice's rows: by app, and by the width it is made of.
	attemptsToRoll = "SELECT " + countedColumns + ", endpoint FROM attempts INDEXED BY attempts_app WHERE listed = 1 AND app = ? AND id >= ? AND id < ?"
	tailToRoll     = "SELECT " + countedColumns + ", endpoint FROM attempts NOT INDEXED WHERE " + tailOfAttempts + " AND app = ? AND id >= ? AND id < ?"
	slicesToRoll   = "SELECT slice, endpoint, app, " + tallyColumns + " FROM rollups INDEXED BY rollups_slice WHERE width = ? AND slice >= ? AND slice < ?"
)

func (s *Store) rollUp(ctx context.Context, r *rollup) (more bool, err error) {
	if err := s.beginRollup(ctx, r); err != nil {
		return false, err
	}
	if err := s.readFor(ctx, forUpkeep, "read what to roll up", r.read); err != nil {
		return false, err
	}
	return s.writeRollup(ctx, r)
}

// beginRollup: from here on the writer notes whether anything changes of what is
// read next.
func (s *Store) beginRollup(ctx context.Context, r *rollup) error {
	return s.tidy(ctx, "begin to roll up", rowWeight, func(w *writer) error {
		w.state.rolling, w.state.disturbed = r.to, false
		w.watchLate()
		return nil
	})
}

// writeRollup answers false if something had changed; the next RollUp begins anew.
func (s *Store) writeRollup(ctx context.Context, r *rollup) (done bool, err error) {
	disturbed := false
	for !done && !disturbed {
		var written []timeslice.Key
		err := s.tidy(ctx, "roll up", rowWeight*rollChunk, func(w *writer) error {
			written, done = written[:0], false
			if disturbed = w.state.disturbed; disturbed {
				return nil
			}
			for k, t := range r.rows {
				if len(written) == rollChunk {
					return nil
				}
				if err := w.putSlice(timeslice.Widths[r.level], k, t); err != nil {
					return err
				}
				written = append(written, k)
			}
			done = true
			return w.setRolled(r.level, r.to)
		})
		if err != nil {
			return false, err
		}
		for _, k := range written {
			delete(r.rows, k)
		}
	}
	return done, nil
}

// rollChunk bounds the rows of one step.
const rollChunk = 500

// read sums the rows up. An app's own row is the sum over its endpoints.
func (r *rollup) read(c *sqlite.Conn) error {
	r.rows = timeslice.Rows{}
	if r.level > 0 {
		return r.readSlices(c)
	}
	apps, err := appsWithAttempts(c)
	for i := 0; err == nil && i < len(apps); i++ {
		err = r.readAttempts(c, apps[i])
	}
	return err
}

func (r *rollup) readAttempts(c *sqlite.Conn, app string) error {
	w := timeslice.Widths[r.level]
	var wrong error
	add := func(st *sqlite.Stmt) {
		if st.ColumnInt64(4) == uncounted {
			return
		}
		slice := bellhop.AttemptID(st.ColumnInt64(0)).Time().UnixMilli() / w * w
		for _, endpoint := range [...]int64{0, st.ColumnInt64(6)} {
			wrong = cmp.Or(wrong, count(r.rows.Of(timeslice.Key{Slice: slice, Endpoint: endpoint, App: app}), c, st))
		}
	}
	err := each(c, add, attemptsToRoll, app, timeslice.FirstID(r.from), timeslice.FirstID(r.to))
	if err == nil {
		err = each(c, add, tailToRoll, app, timeslice.FirstID(r.from), timeslice.FirstID(r.to))
	}
	return cmp.Or(err, wrong)
}

func (r *rollup) readSlices(c *sqlite.Conn) error {
	w := timeslice.Widths[r.level]
	var wrong error
	err := each(c, func(st *sqlite.Stmt) {
		k := timeslice.Key{Slice: st.ColumnInt64(0) / w * w, Endpoint: st.ColumnInt64(1), App: st.ColumnText(2)}
		wrong = cmp.Or(wrong, mergeRow(r.rows.Of(k), st, 3))
	}, slicesToRoll, timeslice.Widths[r.level-1], r.from, r.to)
	return cmp.Or(err, wrong)
}

func (w *writer) putSlice(width int64, k timeslice.Key, t *bellhop.Tally) error {
	return exec(w.conn, `INSERT OR REPLACE INTO rollups
			(width, endpoint, slice, app, succeeded, failed, exhausted, duration, longest, durations, latencies)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		width, k.Endpoint, k.Slice, k.App, t.Succeeded, t.Failed, t.Exhausted, t.DurationMS, t.LongestMS,
		t.Durations.Append(nil), t.Latencies.Append(nil))
}

// setRolled moves the mark up to which slices of a width count.
func (w *writer) setRolled(level int, until int64) error {
	w.state.rolled.Until[level], w.state.rolling = until, 0
	w.watchLate()
	return exec(w.conn, "INSERT OR REPLACE INTO rolled (width, until) VALUES (?, ?)", timeslice.Widths[level], until)
}

// watchLate sets the bound that tells the hot path, by one comparison, that an
// attempt concerns what is or is being rolled up.
func (w *writer) watchLate() {
	w.state.lateBefore = timeslice.FirstID(max(w.state.rolling, w.state.rolled.Until[0]))
}

// rollLate adds an attempt that is recorded after its slices were rolled up: its
// request took longer than RollUp waited for, or the store could not be written to.
func (w *writer) rollLate(a *bellhop.Attempt, latency int64) error {
	ms := a.ID.Time().UnixMilli()
	if ms < w.state.rolling {
		w.state.disturbed = true
	}
	for level, width := range timeslice.Widths {
		if ms >= w.state.rolled.Until[level] {
			continue
		}
		for _, endpoint := range [...]int64{0, int64(a.Endpoint)} {
			k := timeslice.Key{Slice: ms / width * width, Endpoint: endpoint, App: a.App}
			var t bellhop.Tally
			var wrong error
			_, err := one(w.conn, func(st *sqlite.Stmt) { wrong = mergeRow(&t, st, 0) },
				"SELECT "+tallyColumns+" FROM rollups WHERE width = ? AND endpoint = ? AND slice = ? AND app = ?",
				width, k.Endpoint, k.Slice, k.App)
			if err = cmp.Or(err, wrong); err != nil {
				return err
			}
			t.Add(a.Status, a.Final, time.Duration(a.Duration), time.Duration(latency)*time.Microsecond)
			if err := w.putSlice(width, k, &t); err != nil {
				return err
			}
		}
	}
	return nil
}

const slicesOfApp = "SELECT width, endpoint, slice, app FROM rollups INDEXED BY rollups_app WHERE app = ? LIMIT ? + 0"

// expiredSlices are those that ended before a time.
const expiredSlices = "SELECT width, endpoint, slice, app FROM rollups INDEXED BY rollups_slice WHERE width = ? AND slice <= ? ORDER BY slice LIMIT ? + 0"

func (w *writer) dropSlices(list string, args ...any) (int, error) {
	err := exec(w.conn, "DELETE FROM rollups WHERE (width, endpoint, slice, app) IN ("+list+")", args...)
	return w.conn.Changes(), err
}

// oldCounts tells whether there are slices or samples to expire, or a mark to set
// right (expireSlices).
func oldCounts(c *sqlite.Conn, before, now time.Time) (found bool, err error) {
	done, err := readMarks(c)
	if err != nil || done.Expired > timeslice.Milli(now) {
		return true, err
	}
	for i := 0; err == nil && !found && i < len(timeslice.Widths); i++ {
		found, err = one(c, func(*sqlite.Stmt) {}, expiredSlices, timeslice.Widths[i], timeslice.Milli(before)-timeslice.Widths[i], 1)
	}
	if err == nil && !found {
		found, err = one(c, func(*sqlite.Stmt) {}, expiredSamples, micros(before), 1)
	}
	return found, err
}

// expireSlices deletes slices that ended before a time, and notes the time for
// those that end after it: what they hold of before it no longer counts. A noted
// time in the future is from when the clock was ahead, and would hide what is
// recorded until then.
func (w *writer) expireSlices(before time.Time, limit int, now time.Time, deleted *int) error {
	for _, width := range timeslice.Widths {
		n, err := w.dropSlices(expiredSlices, width, timeslice.Milli(before)-width, limit)
		if err != nil {
			return err
		}
		*deleted += n
	}
	if w.state.rolled.Expired > timeslice.Milli(now) {
		w.state.rolled.Expired = 0
	}
	w.state.rolled.Expired = max(w.state.rolled.Expired, timeslice.Milli(before))
	return exec(w.conn, "INSERT OR REPLACE INTO rolled (width, until) VALUES (0, ?)", w.state.rolled.Expired)
}
