package sqlite

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/id"
)

// addFunctions makes known to SQL what is computed in Go.
func addFunctions(c *sqlite.Conn) error {
	return c.CreateFunction("event_uuid", &sqlite.FunctionImpl{
		NArgs: 1, Deterministic: true, AllowIndirect: true,
		Scalar: func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
			return sqlite.TextValue(bellhop.UUIDOf(bellhop.EventID(args[0].Int64()))), nil
		},
	})
}

// In the statements of this package it is LIMIT ? + 0: where a bare parameter is the limit,
// SQLite plans the statement anew for each value, and so compiles it each time that it is run.

// binder binds the parameters of a statement that runs for every event, one after the
// other: nothing is looked up or put into an interface.
type binder struct {
	st *sqlite.Stmt
	at int
}

func (b *binder) int(v int64)   { b.at++; b.st.BindInt64(b.at, v) }
func (b *binder) bool(v bool)   { b.at++; b.st.BindBool(b.at, v) }
func (b *binder) text(v string) { b.at++; b.st.BindText(b.at, v) }

// textOrNull binds NULL for "".
func (b *binder) textOrNull(v string) {
	if b.at++; v == "" {
		b.st.BindNull(b.at)
	} else {
		b.st.BindText(b.at, v)
	}
}

// timeOrNull binds NULL for nil.
func (b *binder) timeOrNull(t *time.Time) {
	if b.at++; t == nil {
		b.st.BindNull(b.at)
	} else {
		b.st.BindInt64(b.at, micros(*t))
	}
}

// bytes binds NULL for nil.
func (b *binder) bytes(v []byte) {
	if b.at++; v == nil {
		b.st.BindNull(b.at)
	} else {
		b.st.BindBytes(b.at, v)
	}
}

// headers binds NULL for nil.
func (b *binder) headers(h http.Header) {
	if h == nil {
		b.textOrNull("")
	} else {
		b.text(column.Header(h))
	}
}

// run runs a statement that gives no rows, and whose parameters are all bound.
func (b *binder) run() error {
	if _, err := b.st.Step(); err != nil {
		_ = b.st.Reset()
		return err
	}
	return b.st.Reset()
}

// prepare gives a cached statement with its parameters bound.
func prepare(c *sqlite.Conn, sql string, args ...any) (*sqlite.Stmt, error) {
	st, err := c.Prepare(sql)
	if err != nil {
		return nil, err
	}
	for i, a := range args {
		switch a := a.(type) {
		case nil:
			st.BindNull(i + 1)
		case int:
			st.BindInt64(i+1, int64(a))
		case int64:
			st.BindInt64(i+1, a)
		case bool:
			st.BindBool(i+1, a)
		case string:
			st.BindText(i+1, a)
		case []byte:
			if a == nil {
				st.BindNull(i + 1)
			} else {
				st.BindBytes(i+1, a)
			}
		default:
			panic(fmt.Sprintf("sqlite: cannot bind a %T", a))
		}
	}
	return st, nil
}

// exec runs a statement that gives no rows.
func exec(c *sqlite.Conn, sql string, args ...any) error {
	return each(c, func(*sqlite.Stmt) {}, sql, args...)
}

// execAll runs statements one after the other, outside of a transaction.
func execAll(c *sqlite.Conn, statements ...string) error {
	for _, sql := range statements {
		if err := exec(c, sql); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for every row.
func each(c *sqlite.Conn, f func(*sqlite.Stmt), sql string, args ...any) error {
	return until(c, func(st *sqlite.Stmt) bool { f(st); return true }, sql, args...)
}

// until is each for as long as f answers true.
func until(c *sqlite.Conn, f func(*sqlite.Stmt) bool, sql string, args ...any) error {
	st, err := prepare(c, sql, args...)
	if err != nil {
		return err
	}
	for {
		row, err := st.Step()
		if err != nil {
			_ = st.Reset()
			return err
		}
		if !row || !f(st) {
			return st.Reset()
		}
	}
}

// one is each for at most one row; it answers whether there was one.
func one(c *sqlite.Conn, f func(*sqlite.Stmt), sql string, args ...any) (bool, error) {
	found := false
	err := each(c, func(st *sqlite.Stmt) { found = true; f(st) }, sql, args...)
	return found, err
}

// where gathers the conditions that a filter asks for.
type where struct {
	sql  []string
	args []any
}

func (w *where) add(condition string, args ...any) {
	w.sql = append(w.sql, condition)
	w.args = append(w.args, args...)
}

func (w *where) String() string {
	if len(w.sql) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.sql, " AND ")
}

// match adds the condition for an exact value, or a prefix and a trailing "*".
func (w *where) match(column, pattern string) {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		if prefix != "" {
			w.add("substr("+column+", 1, length(?)) = ?", prefix, prefix)
		}
	} else if pattern != "" {
		w.add(column+" = ?", pattern)
	}
}

// scope adds the condition that the column is one of the scope's apps.
func (w *where) scope(column string, s bellhop.Scope) {
	if !s.All {
		w.add(column+" IN (SELECT value FROM json_each(?))", listJSON(s.Apps))
	}
}

// types adds the condition that the column is selected by one of several filters;
// none of them selects everything.
func (w *where) types(column string, filters []string) {
	if len(filters) == 0 {
		return
	}
	var any where
	for _, f := range filters {
		if f == "" || f == "*" {
			return
		}
		any.match(column, f)
	}
	w.add("("+strings.Join(any.sql, " OR ")+")", any.args...)
}

// span adds a range of time as a range of ids, and the cursor.
func (w *where) span(column string, since, until time.Time, before, after int64) {
	if after != 0 {
		w.add(column+" > ?", after)
	}
	if !since.IsZero() {
		w.add(column+" >= ?", int64(id.First[id.Event](since)))
	}
	upper := before
	if !until.IsZero() {
		if first := int64(id.First[id.Event](until)); upper == 0 || first < upper {
			upper = first
		}
	}
	if upper != 0 || !until.IsZero() {
		w.add(column+" < ?", upper)
	}
}

func exact(pattern string) bool { return pattern != "" && !strings.HasSuffix(pattern, "*") }

// toJSON is the text of a list or map, or NULL for a nil one.
func toJSON(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sqlite: " + err.Error()) // only lists, maps and plain structs come here
	}
	if string(b) == "null" {
		return nil
	}
	return string(b)
}

// listJSON is toJSON for a list that is never NULL: none is an empty one.
func listJSON(list []string) any {
	if list == nil {
		return "[]"
	}
	return toJSON(list)
}

// fromJSON reads what toJSON wrote; NULL is the zero value. What was written by
// toJSON can be read, unless the file was tampered with. One bad row must not make a
// whole list unreadable: callers that pass over the error are those for whom the zero
// value opens nothing to anybody.
func fromJSON[T any](st *sqlite.Stmt, column int, v *T) error {
	if st.ColumnIsNull(column) {
		return nil
	}
	var read T
	if err := json.Unmarshal([]byte(st.ColumnText(column)), &read); err != nil {
		return err // and not the part of it that could be read
	}
	*v = read
	return nil
}

func blob(st *sqlite.Stmt, column int) []byte {
	n := st.ColumnLen(column)
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	st.ColumnBytes(column, b)
	return b
}

// micros is a time as a column holds it; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// What programs write into the outbox may be of any time; JSON has the years 0 to 9999.
var (
	firstMoment = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastMoment  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC).UnixMicro()
)

// moment gives the nearest time that can be shown.
func moment(v int64) time.Time {
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMicro(min(max(v, firstMoment), lastMoment)).UTC()
}

// orNull is how optional texts and ids are bound.
func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}
