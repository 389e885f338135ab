package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/move"
)

var (
	_ move.Source = (*Source)(nil)
	_ move.Sink   = (*Sink)(nil)
)

// Source reads a database for a move into another store.
type Source struct {
	store *Store
	frozen
}

// OpenSource begins to read a database as it is at this moment. It fails with a
// move.Refusal if a node is alive. What nodes have left that are not is given back first,
// as the next one to start would do it. Close ends it.
func OpenSource(ctx context.Context, url string, o Options) (*Source, error) {
	s, err := Open(ctx, url, o)
	if err != nil {
		return nil, err
	}
	m := &Source{store: s, frozen: frozen{store: s}}
	if err = s.nobody(ctx); err == nil {
		err = s.settleLate(ctx) // into the slices
	}
	if err == nil {
		err = m.begin(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// nobody ends the leases that are over, and fails if another one is left.
func (s *Store) nobody(ctx context.Context) error {
	for {
		over, err := s.TakeOver(ctx, time.Now())
		if err != nil {
			return err
		}
		var node int
		var name string
		var left int64
		alive := false
		err = s.readFor(ctx, forUpkeep, "look for nodes", func(q *reading) error {
			alive, err = q.one(func(r row) error { return r.Scan(&node, &name, &left) },
				"SELECT id, name, lease_until - bellhop.clock() FROM bellhop.nodes WHERE held > 0 ORDER BY lease_until DESC LIMIT 1")
			return err
		})
		switch {
		case err != nil || !alive:
			return err
		case left > 0:
			if name != "" {
				name = ", " + name
			}
			return move.InUse(s.name, fmt.Sprintf("node %d%s", node, name), time.Duration(left)*time.Microsecond)
		case len(over) == 0: // a part of what a lease has left is given back at a time
			return nil
		}
	}
}

// Close ends the source.
func (m *Source) Close() error {
	m.end()
	return m.store.Close()
}

// stateOf is another one whenever a node has served the database since, or it was changed.
const stateOf = `SELECT concat_ws(' ', (SELECT coalesce(sum(epoch), 0) FROM bellhop.nodes), (SELECT sum(version) FROM bellhop.versions),
	(SELECT coalesce(max(id), 0) FROM bellhop.events), (SELECT coalesce(max(id), 0) FROM bellhop.attempts),
	(SELECT coalesce(max(id), 0) FROM bellhop.audit), (SELECT count(*) FROM bellhop.pending), (SELECT count(*) FROM bellhop.outbox)) /* all apps */`

// State names the state that is read.
func (m *Source) State(ctx context.Context) (state string, err error) {
	_, err = m.in(ctx).one(func(r row) error { return r.Scan(&state) }, stateOf)
	return state, err
}

// Present names the state of now.
func (m *Source) Present(ctx context.Context) (state string, err error) {
	err = m.store.readFor(ctx, forUpkeep, "look at the source", func(q *reading) error {
		_, err := q.one(func(r row) error { return r.Scan(&state) }, stateOf)
		return err
	})
	return state, err
}

// Count is how many rows a table has.
func (m *Source) Count(ctx context.Context, t *move.Table) (n int64, err error) {
	_, err = m.in(ctx).one(func(r row) error { return r.Scan(&n) }, "SELECT count(*) FROM "+movedFrom(t)+" /* all apps */")
	return n, err
}

// frozen is a connection that sees one state of a database.
type frozen struct {
	store *Store
	conn  *pgx.Conn
}

func (m *frozen) begin(ctx context.Context) error {
	config := m.store.pools[forUpkeep].Config().ConnConfig
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return openError(m.store.name, err)
	}
	m.conn = c
	// A server's limits are for those who serve: this reads for as long as it takes.
	_, err = c.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	for _, sql := range []string{"SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0", "SELECT 1 FROM bellhop.versions"} {
		if err == nil {
			_, err = c.Exec(ctx, sql)
		}
	}
	return err
}

func (m *frozen) end() {
	if m.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), endPatience)
		defer cancel()
		_ = m.conn.Close(ctx) // it was read only
	}
}

func (m *frozen) in(ctx context.Context) *reading { return &reading{ctx: ctx, conn: m.conn} }

// Rows gives the rows behind a key. One table is read at a time.
func (m *frozen) Rows(ctx context.Context, t *move.Table, after move.Row) iter.Seq2[move.Row, error] {
	return func(yield func(move.Row, error) bool) {
		// Who stops early does not wait for the rest: that ends the connection.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		rows, err := m.conn.Query(ctx, movedRows(t, after != nil), after...)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { cancel(); rows.Close() }()
		for rows.Next() {
			row, err := rows.Values()
			if err == nil {
				for i, v := range row {
					if b, ok := v.(bool); ok {
						row[i] = toInt(b)
					}
				}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

func toInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// movedRows selects a table in the order of its key, from the start or behind a key.
func movedRows(t *move.Table, behind bool) string {
	var columns, key, values []string
	for i, c := range t.Columns {
		name := `"` + c.Name + `"`
		if i < t.Key {
			of := name
			if c.Kind == move.Text {
				of += ` COLLATE "C"`
			}
			key, values = append(key, of), append(values, "$"+strconv.Itoa(i+1))
		}
		switch {
		case c.Kind == move.Int:
			name += "::bigint"
		case t.Name == "inboxes" && c.Name == "answer": // bytea here
			name = "convert_from(" + name + ", 'UTF8')"
		}
		columns = append(columns, name)
	}
	sql := "SELECT " + strings.Join(columns, ", ") + " FROM " + movedFrom(t)
	if behind {
		sql += " WHERE (" + strings.Join(key, ", ") + ") > (" + strings.Join(values, ", ") + ")"
	}
	return sql + " ORDER BY " + strings.Join(key, ", ") + " /* all apps */"
}

// movedFrom is where a table's rows are read. An event has its idempotency key and digest
// for as long as they are kept.
func movedFrom(t *move.Table) string {
	switch t.Name {
	case "clock":
		return "bellhop.clock_mark"
	case "owed":
		// A target has nothing to wipe, and no node has anything in hand.
		return "(SELECT what, app, name FROM bellhop.owed WHERE what NOT IN ('wipe', 'late')) AS owed"
	case "events":
		return `(SELECT e.id, e.app, type, subject, x.external_id, nullif(x.digest, '') AS digest, deliver_at, e.deliveries, e.erased, test, data, channels, tags, data_expires_at
			FROM bellhop.events e LEFT JOIN bellhop.external_ids x ON x.app = e.app AND x.external_id = e.external_id AND x.event = e.id) AS events`
	}
	return "bellhop." + t.Name
}

// Sink is a database that a move fills.
type Sink struct {
	store *Store
	frozen
}

// OpenSink opens a database that a move is to fill, or has begun to. Close closes it.
func OpenSink(ctx context.Context, url string, o Options) (*Sink, error) {
	s, err := open(ctx, url, o, true)
	if err != nil {
		return nil, err
	}
	return &Sink{store: s, frozen: frozen{store: s}}, nil
}

// Close closes the database. It is of no use until the move is finished.
func (m *Sink) Close() error {
	m.end()
	return m.store.Close()
}

const (
	beginMove = `CREATE TABLE bellhop.moving (source text NOT NULL, state text NOT NULL);
		CREATE TABLE bellhop.moved (name text PRIMARY KEY, after bytea, count bigint NOT NULL, done boolean NOT NULL)`
	// anotherSchema is how a database becomes empty.
	anotherSchema = "if nothing in it is needed, DROP SCHEMA bellhop CASCADE makes it so"
)

// Begin notes what is moved.
func (m *Sink) Begin(ctx context.Context, from, state string) (marks []move.Mark, err error) {
	err = m.store.write(ctx, upkeep, "begin the move", func(t *txn) error {
		marks = nil
		if _, err := t.exec("LOCK TABLE bellhop.history IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		begun, err := t.beingMoved()
		if err != nil {
			return err
		}
		if !begun {
			return t.beginMove(m.store.name, from, state)
		}
		theirs, theirState := "", ""
		_, err = t.one(func(r row) error { return r.Scan(&theirs, &theirState) }, "SELECT source, state FROM bellhop.moving")
		if err == nil && (theirs != from || theirState != state) {
			err = move.Other(m.store.name, from, theirs, anotherSchema)
		}
		if err == nil {
			marks, err = list(&t.reading, func(r row) (mark move.Mark, err error) {
				return mark, r.Scan(&mark.Table, &mark.After, &mark.Rows, &mark.Done)
			}, "SELECT name, after, count, done FROM bellhop.moved")
		}
		return err
	})
	return marks, err
}

// beginMove notes what is moved, if the database is empty.
func (t *txn) beginMove(name, from, state string) error {
	for i := range move.Tables {
		table := &move.Tables[i]
		sql := "SELECT 1 FROM " + movedFrom(table)
		if table.Name == "versions" {
			sql += " WHERE version > 0"
		}
		found, err := t.one(func(row) error { return nil }, sql+" LIMIT 1 /* all apps */")
		if err == nil && found {
			err = move.NotEmpty(name, table.Name, anotherSchema)
		}
		if err != nil {
			return err
		}
	}
	if _, err := t.conn.PgConn().Exec(t.ctx, beginMove).ReadAll(); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM bellhop.versions"); err != nil { // the source has them all
		return err
	}
	_, err := t.exec("INSERT INTO bellhop.moving (source, state) VALUES ($1, $2)", from, state)
	return err
}

// Put adds rows.
func (m *Sink) Put(ctx context.Context, table *move.Table, rows []move.Row, was, is move.Mark) error {
	if table.Name == "events" || table.Name == "attempts" {
		var days []int64
		for _, row := range rows {
			if day := dayOf(row[0].(int64)); !slices.Contains(days, day) {
				days = append(days, day)
			}
		}
		if err := m.store.haveDays(ctx, days); err != nil {
			return err
		}
	}
	return m.store.write(ctx, upkeep, "add what is moved", func(t *txn) error {
		stored := move.Mark{Table: table.Name}
		_, err := t.one(func(r row) error { return r.Scan(&stored.After, &stored.Rows, &stored.Done) },
			"SELECT after, count, done FROM bellhop.moved WHERE name = $1 FOR UPDATE", table.Name)
		if err == nil && !stored.Equal(was) {
			err = move.Overtaken(m.store.name)
		}
		if err == nil && len(rows) > 0 {
			err = t.copyRows(table, rows)
		}
		if err == nil {
			_, err = t.exec(`INSERT INTO bellhop.moved (name, after, count, done) VALUES ($1, $2, $3, $4)
				ON CONFLICT (name) DO UPDATE SET after = excluded.after, count = excluded.count, done = excluded.done`, table.Name, is.After, is.Rows, is.Done)
		}
		return err
	})
}

// copyRows adds rows of a table, with what its columns here say besides.
func (t *txn) copyRows(table *move.Table, rows []move.Row) error {
	name := strings.TrimPrefix(movedTable(table), "bellhop.")
	var columns []string
	for _, c := range table.Columns {
		if table.Name != "events" || c.Name != "digest" {
			columns = append(columns, c.Name)
		}
	}
	switch table.Name {
	case "nodes":
		columns = append(columns, "held", "mark")
	case "pending":
		columns = append(columns, "bucket")
	case "reorders": // begins anew
		columns = append(columns, "after", "again")
	case "owed":
		columns = append(columns, "count")
	}
	_, err := t.conn.CopyFrom(t.ctx, pgx.Identifier{"bellhop", name}, columns, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		return stored(table, rows[i]), nil
	}))
	if err == nil && table.Name == "events" {
		err = t.copyExternalIDs(rows)
	}
	return err
}

func movedTable(t *move.Table) string {
	if t.Name == "clock" {
		return "bellhop.clock_mark"
	}
	return "bellhop." + t.Name
}

// stored is a row as copyRows has its columns.
func stored(table *move.Table, row move.Row) []any {
	values := make([]any, 0, len(row)+2)
	for i, v := range row {
		c := table.Columns[i]
		if n, ok := v.(int64); ok && c.Kind == move.Bool {
			v = n != 0
		}
		if text, ok := v.(string); ok && table.Name == "inboxes" && c.Name == "answer" {
			v = []byte(text)
		}
		if table.Name != "events" || c.Name != "digest" {
			values = append(values, v)
		}
	}
	switch table.Name {
	case "nodes":
		values = append(values, 0, int64(0))
	case "pending":
		values = append(values, int64(bellhop.BucketOf(bellhop.EndpointID(row[2].(int64)))))
	case "reorders":
		values = append(values, int64(0), true)
	case "owed":
		values = append(values, int64(1))
	}
	return values
}

// copyExternalIDs adds the idempotency keys of events.
func (t *txn) copyExternalIDs(events []move.Row) error {
	var keys [][]any
	for _, e := range events {
		app, externalID, digest, deliveries, erased := e[1], e[4], e[5], e[7], e[8]
		if externalID == nil {
			continue
		}
		if digest == nil {
			digest = []byte{}
		}
		keys = append(keys, []any{e[0], deliveries, erased != int64(0), app, externalID, digest})
	}
	_, err := t.conn.CopyFrom(t.ctx, pgx.Identifier{"bellhop", "external_ids"},
		[]string{"event", "deliveries", "erased", "app", "external_id", "digest"}, pgx.CopyFromRows(keys))
	return err
}

// Text is how the database keeps a text.
func (m *Sink) Text(s string) string { return storable(s) }

// Rows gives what was put.
func (m *Sink) Rows(ctx context.Context, t *move.Table, after move.Row) iter.Seq2[move.Row, error] {
	if m.conn == nil {
		if err := m.begin(ctx); err != nil {
			return func(yield func(move.Row, error) bool) { yield(nil, err) }
		}
	}
	return m.frozen.Rows(ctx, t, after)
}

// Finish counts what waits, and opens the database for use.
func (m *Sink) Finish(ctx context.Context) error {
	m.end() // it would keep the tables from being dropped
	m.conn = nil
	return m.store.write(ctx, upkeep, "finish the move", func(t *txn) error {
		for _, sql := range []string{
			"DELETE FROM bellhop.waiting /* all apps */", "DELETE FROM bellhop.waiting_deltas /* all apps */",
			`INSERT INTO bellhop.waiting (app, endpoint, again, n, held)
				SELECT app, endpoint, trigger IN ('resend', 'replay'), count(*), count(*) FILTER (WHERE held) FROM bellhop.pending GROUP BY 1, 2, 3 /* all apps */`,
			"UPDATE bellhop.rolling SET until = (SELECT coalesce(max(until), 0) << 21 FROM bellhop.rolled WHERE width > 0), settles = NULL",
			"ANALYZE bellhop.events, bellhop.external_ids, bellhop.pending, bellhop.attempts /* all apps */",
			"DROP TABLE bellhop.moved", "DROP TABLE bellhop.moving",
		} {
			if _, err := t.exec(sql); err != nil {
				return err
			}
		}
		return nil
	})
}
