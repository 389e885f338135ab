package sqlite

import (
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// Events and attempts enter the indexes that lists are read by late, many at once
// (migration 23): where rows arrive a few at a time, that would write a page of each
// index for each app, endpoint and type that they have. Until then they are the tail of
// their table, which a list goes through from the newest row on, and then reads the index.
// Only events that arrive together and are alike enter them as they arrive.

// pace says when rows are listed.
type pace struct {
	// tail is how many rows a tail has, at least, and chunk how many are listed at once: a
	// list reads the tail, and a commit waits for the chunk.
	tail, chunk int
	// ofEvents and ofAttempts are of how long ago the ids are, at least, up to which rows are
	// listed. What arrives from below is listed at once: attempts that took longer. An event
	// is stored soon after it has got its id; and the sooner its page is needed again, the
	// more likely it is still in the cache.
	ofEvents, ofAttempts time.Duration
}

func usualPace() pace {
	return pace{tail: 1024, chunk: 256, ofEvents: 100 * time.Millisecond, ofAttempts: 500 * time.Millisecond}
}

const (
	// listChunks bounds the chunks of one transaction. It is more than comes with one.
	listChunks = 16

	// What holds of the rows of a tail.
	tailOfEvents   = "id > (SELECT until FROM listing WHERE name = 'events') AND listed = 0"
	tailOfAttempts = "id > (SELECT until FROM listing WHERE name = 'attempts') AND listed = 0"

	moveListing = "UPDATE listing SET until = ? WHERE name = ?"
	// The last row of a chunk.
	lastEventToList   = "SELECT id FROM events NOT INDEXED WHERE id > ? ORDER BY id LIMIT 1 OFFSET ? + 0"
	lastAttemptToList = "SELECT id FROM attempts NOT INDEXED WHERE id > ? ORDER BY id LIMIT 1 OFFSET ? + 0"
	// OR FAIL keeps SQLite from copying each page that it changes, to take back the statement
	// alone: the transaction fails with it.
	listEvents   = "UPDATE OR FAIL events NOT INDEXED SET listed = 1 WHERE id > ? AND id <= ? AND listed = 0"
	listAttempts = "UPDATE OR FAIL attempts NOT INDEXED SET listed = 1 WHERE id > ? AND id <= ? AND listed = 0"
)

// lateIndexes are those that rows enter late.
var lateIndexes = []string{
	"events_app", "events_type", "events_subject",
	"attempts_endpoint", "attempts_app", "attempts_type", "attempts_ended_endpoint", "attempts_ended_app",
}

// late tells whether one of the queries reads by an index that rows enter late: the tail
// is to be read, too.
func late(queries []query) bool {
	return slices.ContainsFunc(queries, func(q query) bool { return slices.Contains(lateIndexes, q.index) })
}

// tail is what the writer knows of a table's tail.
type tail struct {
	until int64 // rows up to it are listed
	rows  int   // about how many are not
	// newest is the highest id; again, how many rows there are when to look next.
	newest int64
	again  int
}

// tails are those of events and attempts.
type tails struct{ events, attempts tail }

func readTails(c *sqlite.Conn) (t tails, err error) {
	for sql, of := range map[string]*tail{
		"SELECT l.until, count(e.id), max(e.id) FROM listing l LEFT JOIN events e NOT INDEXED ON e.id > l.until WHERE l.name = 'events'":     &t.events,
		"SELECT l.until, count(a.id), max(a.id) FROM listing l LEFT JOIN attempts a NOT INDEXED ON a.id > l.until WHERE l.name = 'attempts'": &t.attempts,
	} {
		if err := each(c, func(st *sqlite.Stmt) {
			*of = tail{until: st.ColumnInt64(0), rows: st.ColumnInt(1), newest: st.ColumnInt64(2)}
		}, sql); err != nil {
			return t, err
		}
	}
	return t, nil
}

// add notes a new row. It answers whether that is listed at once.
func (t *tail) add(id int64) (listed bool) {
	if id <= t.until {
		return true
	}
	t.rows++
	t.newest = max(t.newest, id)
	return false
}

// alike tells whether events that arrive together have so few apps and types that less is
// written if they are listed at once: a page of each index for each of those, in place of their
// own pages once more.
func alike(events []bellhop.NewEvent) bool {
	const ofEach = 8 // about as many as a page has
	if len(events) < ofEach {
		return false
	}
	kinds := map[[2]string]struct{}{}
	for i := range events {
		kinds[[2]string{events[i].Event.App, events[i].Event.Type}] = struct{}{}
	}
	return len(kinds)*ofEach <= len(events)
}

// listSome lists the oldest rows of tails that have grown long in this transaction. One that
// adds nothing lists nothing: it may be there to make room on a full disk.
func (w *writer) listSome(before tails) error {
	t := &w.state.tails
	if t.events.rows > before.events.rows {
		if err := w.listOf("events", &t.events, w.pace.ofEvents, lastEventToList, listEvents); err != nil {
			return err
		}
	}
	if t.attempts.rows > before.attempts.rows {
		return w.listOf("attempts", &t.attempts, w.pace.ofAttempts, lastAttemptToList, listAttempts)
	}
	return nil
}

func (w *writer) listOf(name string, t *tail, lag time.Duration, find, list string) error {
	p := &w.pace
	for n := 0; n < listChunks && t.rows >= max(p.tail+p.chunk, t.again); n++ {
		last := int64(0)
		found, err := one(w.conn, func(st *sqlite.Stmt) { last = st.ColumnInt64(0) }, find, t.until, p.chunk-1)
		if err != nil {
			return err
		}
		if !found || last > t.newest-lag.Milliseconds()<<21 { // the rest is too new
			t.again = t.rows + p.chunk
			return nil
		}
		if err := exec(w.conn, list, t.until, last); err != nil {
			return err
		}
		if err := exec(w.conn, moveListing, last, name); err != nil {
			return err
		}
		t.until, t.rows, t.again = last, t.rows-p.chunk, 0
	}
	return nil
}
