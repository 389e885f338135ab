package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop/internal/move"
)

// Source reads a store for a move into another one.
type Source struct {
	conn *sqlite.Conn
	path string
}

var (
	_ move.Source = (*Source)(nil)
	_ move.Sink   = (*Sink)(nil)
)

// Source begins to read the store as it is at this moment. Close ends that.
func (s *Store) Source() (*Source, error) {
	c, err := sqlite.OpenConn(s.path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, openError(s.path, err)
	}
	if err = execAll(c, "PRAGMA query_only = 1", "BEGIN"); err == nil {
		err = each(c, func(*sqlite.Stmt) {}, "SELECT count(*) FROM sqlite_schema")
	}
	if err != nil {
		return nil, errors.Join(openError(s.path, err), c.Close())
	}
	return &Source{c, s.path}, nil
}

// Close ends the source, and not its store.
func (m *Source) Close() error { return m.conn.Close() }

// State names what is read: each process that serves the file begins a new epoch, and
// whatever else changes it is in one of the others.
func (m *Source) State(ctx context.Context) (string, error) {
	var parts []string
	err := m.within(ctx, func() error {
		return each(m.conn, func(st *sqlite.Stmt) {
			for i := range st.ColumnCount() {
				parts = append(parts, fmt.Sprint(st.ColumnInt64(i)))
			}
		}, `SELECT (SELECT coalesce(sum(epoch), 0) FROM nodes), (SELECT sum(version) FROM versions), (SELECT coalesce(max(id), 0) FROM events),
			(SELECT coalesce(max(id), 0) FROM attempts), (SELECT coalesce(max(id), 0) FROM audit), (SELECT count(*) FROM pending),
			(SELECT count(*) FROM outbox)`)
	})
	return strings.Join(parts, " "), err
}

// Present names the state of now: no server has the file open, but programs may that
// publish in it.
func (m *Source) Present(ctx context.Context) (state string, err error) {
	c, err := sqlite.OpenConn(m.path, sqlite.OpenReadWrite)
	if err != nil {
		return "", openError(m.path, err)
	}
	state, err = (&Source{c, m.path}).State(ctx)
	return state, errors.Join(err, c.Close())
}

// within runs f, which ends early when ctx does.
func (m *Source) within(ctx context.Context, f func() error) error {
	m.conn.SetInterrupt(ctx.Done())
	defer m.conn.SetInterrupt(nil)
	err := f()
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Count is how many rows a table has.
func (m *Source) Count(ctx context.Context, t *move.Table) (n int64, err error) {
	err = m.within(ctx, func() error {
		_, err := one(m.conn, func(st *sqlite.Stmt) { n = st.ColumnInt64(0) }, "SELECT count(*) FROM "+movedFrom(t))
		return err
	})
	return n, err
}

// Rows gives the rows behind a key.
func (m *Source) Rows(ctx context.Context, t *move.Table, after move.Row) iter.Seq2[move.Row, error] {
	return func(yield func(move.Row, error) bool) {
		// A connection of its own would see another state; so the statement is, since two
		// tables may be read at once.
		st, _, err := m.conn.PrepareTransient(movedRows(t, after != nil))
		if err != nil {
			yield(nil, err)
			return
		}
		defer st.Finalize()
		for i, v := range after {
			bindMoved(st, i+1, v)
		}
		for {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			more, err := st.Step()
			if err != nil {
				yield(nil, err)
				return
			}
			if !more || !yield(scanMoved(st, t), nil) {
				return
			}
		}
	}
}

// movedRows selects a table in the order of its key, from the start or behind a key.
func movedRows(t *move.Table, behind bool) string {
	key := columnNames(t, t.Key)
	columns := columnNames(t, len(t.Columns))
	if t.Name == "attempts" {
		columns = strings.Replace(columns, `"latency"`, latencyNow, 1)
	}
	sql := "SELECT " + columns + " FROM " + movedFrom(t)
	if behind {
		sql += " WHERE (" + key + ") > (?" + strings.Repeat(", ?", t.Key-1) + ")"
	}
	return sql + " ORDER BY " + key
}

// latencyNow is an attempt's latency, also of one that is older than the column (count).
const latencyNow = "CASE WHEN latency IS NULL THEN CASE WHEN status = 0 AND final = 1 THEN max(0, ((id >> 21) - (delivery >> 21)) * 1000 + duration) ELSE 0 END ELSE latency END"

// movedFrom is where a table's rows are read. Where there are several apps in one
// database, what is owed and the lists of fan-outs name theirs.
func movedFrom(t *move.Table) string {
	switch t.Name {
	case "fanout_lists":
		return "(SELECT DISTINCT l.id, f.app, l.endpoints FROM fanouts f JOIN fanout_lists l ON l.id = f.list)"
	case "owed":
		// A target has nothing to wipe.
		return `(SELECT what, name, CASE WHEN what IN ('event', 'settled', 'blank') THEN coalesce((SELECT app FROM events WHERE id = CAST(name AS INTEGER)), '')
			WHEN what = 'app' THEN name ELSE '' END AS app FROM owed WHERE what <> 'wipe')`
	}
	return t.Name
}

// columnNames lists the first n columns.
func columnNames(t *move.Table, n int) string {
	var b strings.Builder
	for i, c := range t.Columns[:n] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + c.Name + `"`)
	}
	return b.String()
}

// scanMoved reads a row as it is, whatever its type says.
func scanMoved(st *sqlite.Stmt, t *move.Table) move.Row {
	row := make(move.Row, len(t.Columns))
	for i, c := range t.Columns {
		switch {
		case st.ColumnIsNull(i):
		case c.Kind == move.Text:
			row[i] = st.ColumnText(i)
		case c.Kind == move.Bytes:
			b := make([]byte, st.ColumnLen(i))
			st.ColumnBytes(i, b)
			row[i] = b
		default:
			row[i] = st.ColumnInt64(i)
		}
	}
	return row
}

func bindMoved(st *sqlite.Stmt, at int, v any) {
	switch v := v.(type) {
	case nil:
		st.BindNull(at)
	case int64:
		st.BindInt64(at, v)
	case string:
		st.BindText(at, v)
	case []byte:
		st.BindBytes(at, v)
	}
}

// Sink is a store that a move fills.
type Sink struct {
	store  *Store
	source *Source
}

// OpenSink opens a file that a move is to fill, or has begun to. Close closes it.
func OpenSink(ctx context.Context, path string, o Options) (*Sink, error) {
	s, err := open(ctx, path, o, true)
	if err != nil {
		return nil, err
	}
	return &Sink{store: s}, nil
}

// Close closes the store. It is of no use until the move is finished.
func (m *Sink) Close() error {
	var err error
	if m.source != nil {
		err = m.source.Close()
	}
	return errors.Join(err, m.store.Close())
}

// Begin notes what is moved.
func (m *Sink) Begin(ctx context.Context, from, state string) (marks []move.Mark, err error) {
	err = m.store.write(ctx, "begin the move", rowWeight, func(w *writer) error {
		marks = nil
		theirs, theirState := "", ""
		begun, err := beingMoved(w.conn)
		if err == nil && begun {
			_, err = one(w.conn, func(st *sqlite.Stmt) { theirs, theirState = st.ColumnText(0), st.ColumnText(1) }, "SELECT source, state FROM moving")
		}
		switch {
		case err != nil:
			return err
		case !begun:
			return w.beginMove(from, state)
		case theirs != from || theirState != state:
			return move.Other(w.path, from, theirs, anotherFile)
		}
		return each(w.conn, func(st *sqlite.Stmt) {
			marks = append(marks, move.Mark{Table: st.ColumnText(0), After: blob(st, 1), Rows: st.ColumnInt64(2), Done: st.ColumnBool(3)})
		}, "SELECT name, after, count, done FROM moved")
	})
	return marks, err
}

// anotherFile is how a target becomes empty.
const anotherFile = "name a file that does not exist"

// beingMoved tells whether a move into the file was begun and not finished.
func beingMoved(c *sqlite.Conn) (bool, error) {
	return one(c, func(*sqlite.Stmt) {}, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'moving'")
}

// beginMove notes what is moved, if the file is empty.
func (w *writer) beginMove(from, state string) error {
	for i := range move.Tables {
		t := &move.Tables[i]
		sql := "SELECT 1 FROM " + t.Name
		if t.Name == "versions" {
			sql += " WHERE version > 0"
		}
		found, err := one(w.conn, func(*sqlite.Stmt) {}, sql+" LIMIT 1")
		if err == nil && found {
			err = move.NotEmpty(w.path, t.Name, anotherFile)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(
		exec(w.conn, "CREATE TABLE moving (source TEXT NOT NULL, state TEXT NOT NULL)"),
		exec(w.conn, "INSERT INTO moving (source, state) VALUES (?, ?)", from, state),
		exec(w.conn, "CREATE TABLE moved (name TEXT PRIMARY KEY, after BLOB, count INTEGER NOT NULL, done INTEGER NOT NULL) WITHOUT ROWID"),
	)
}

// Put adds rows.
func (m *Sink) Put(ctx context.Context, t *move.Table, rows []move.Row, was, is move.Mark) error {
	insert := movedInsert(t)
	return m.store.write(ctx, "add what is moved", maxBatch, func(w *writer) error {
		stored := move.Mark{Table: t.Name}
		_, err := one(w.conn, func(st *sqlite.Stmt) {
			stored.After, stored.Rows, stored.Done = blob(st, 0), st.ColumnInt64(1), st.ColumnBool(2)
		}, "SELECT after, count, done FROM moved WHERE name = ?", t.Name)
		if err != nil {
			return err
		}
		if !stored.Equal(was) {
			return move.Overtaken(w.path)
		}
		for _, row := range rows {
			if err := exec(w.conn, insert, row...); err != nil {
				return err
			}
		}
		return exec(w.conn, "INSERT OR REPLACE INTO moved (name, after, count, done) VALUES (?, ?, ?, ?)", t.Name, is.After, is.Rows, is.Done)
	})
}

// movedInsert adds a row of a table. What the table has besides is as in one that nobody
// owns or works at.
func movedInsert(t *move.Table) string {
	verb, columns, values := "INSERT", columnNames(t, len(t.Columns)), "?"+strings.Repeat(", ?", len(t.Columns)-1)
	switch t.Name {
	case "fanout_lists":
		return "INSERT OR IGNORE INTO fanout_lists (id, endpoints) SELECT ?1, ?3 WHERE ?2 IS NOT NULL"
	case "versions":
		verb = "INSERT OR REPLACE" // a new file has version 0 of each
	case "nodes":
		columns, values = columns+", held", values+", 0"
	case "reorders": // begins anew
		columns, values = columns+", after", values+", 0"
	case "owed":
		return "INSERT INTO owed (what, name, count) SELECT ?1, ?3, 1 WHERE ?2 IS NOT NULL"
	}
	return verb + " INTO " + t.Name + " (" + columns + ") VALUES (" + values + ")"
}

// Text is how the file keeps a text: as it is.
func (m *Sink) Text(s string) string { return s }

// Rows gives what was put.
func (m *Sink) Rows(ctx context.Context, t *move.Table, after move.Row) iter.Seq2[move.Row, error] {
	if m.source == nil {
		var err error
		if m.source, err = m.store.Source(); err != nil {
			return func(yield func(move.Row, error) bool) { yield(nil, err) }
		}
	}
	return m.source.Rows(ctx, t, after)
}

// Finish opens the file for use.
func (m *Sink) Finish(ctx context.Context) error {
	return m.store.write(ctx, "finish the move", rowWeight, func(w *writer) error {
		return execAll(w.conn, "UPDATE listing SET until = (SELECT coalesce(max(id), 0) FROM events) WHERE name = 'events'",
			"UPDATE listing SET until = (SELECT coalesce(max(id), 0) FROM attempts) WHERE name = 'attempts'",
			"DROP TABLE moved", "DROP TABLE moving")
	})
}
