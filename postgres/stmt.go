package postgres

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

// reading is a transaction that statements are run in.
type reading struct {
	ctx  context.Context
	conn *pgx.Conn
}

// row is one row of an answer. NULL is read by the types of pgtype/zeronull, or into a
// pointer.
type row interface{ Scan(to ...any) error }

// exec runs a statement, and answers how many rows it changed.
func (q *reading) exec(sql string, args ...any) (int64, error) {
	tag, err := q.conn.Exec(q.ctx, sql, bind(args)...)
	return tag.RowsAffected(), err
}

// each calls f for every row. f must not run statements itself: the connection is in use.
func (q *reading) each(f func(row) error, sql string, args ...any) error {
	rows, err := q.conn.Query(q.ctx, sql, bind(args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one is each for at most one row; it answers whether there was one.
func (q *reading) one(f func(row) error, sql string, args ...any) (bool, error) {
	found := false
	err := q.each(func(r row) error { found = true; return f(r) }, sql, args...)
	return found, err
}

// list gives what scan reads of every row.
func list[T any](q *reading, scan func(row) (T, error), sql string, args ...any) ([]T, error) {
	var all []T
	err := q.each(func(r row) error {
		v, err := scan(r)
		all = append(all, v)
		return err
	}, sql, args...)
	return all, err
}

// bind makes plain values of those of named types, and texts that can be stored.
func bind(args []any) []any {
	for i, a := range args {
		switch a := a.(type) {
		case nil, int64, int, int32, bool, []byte, []int64, []bool, []int32, []int16, []*string, []*int64, [][]byte:
		case string:
			args[i] = storable(a)
		case []string:
			args[i] = storableList(a)
		default:
			args[i] = plain(reflect.ValueOf(a))
		}
	}
	return args
}

func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Int8:
		return v.Int()
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(v.Uint())
	case reflect.String:
		return storable(v.String())
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Slice:
		switch v.Type().Elem().Kind() {
		case reflect.Uint8:
			return v.Bytes()
		case reflect.Int64, reflect.Int:
			list := make([]int64, v.Len())
			for i := range list {
				list[i] = v.Index(i).Int()
			}
			return list
		case reflect.String:
			list := make([]string, v.Len())
			for i := range list {
				list[i] = storable(v.Index(i).String())
			}
			return list
		}
	}
	return v.Interface()
}

// where gathers the conditions that a filter asks for. A "?" in a condition stands for its
// next argument; one that is meant is written "??".
type where struct {
	sql  []string
	args []any
}

func (w *where) add(condition string, args ...any) {
	var b strings.Builder
	for i := 0; i < len(condition); i++ {
		switch {
		case condition[i] != '?':
			b.WriteByte(condition[i])
		case i+1 < len(condition) && condition[i+1] == '?':
			b.WriteByte('?')
			i++
		default:
			b.WriteString(w.arg(args[0]))
			args = args[1:]
		}
	}
	w.sql = append(w.sql, b.String())
}

// arg adds an argument, and gives what stands for it: "$1" for the first.
func (w *where) arg(a any) string {
	w.args = append(w.args, a)
	return "$" + strconv.Itoa(len(w.args))
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
			w.add("starts_with("+column+", ?)", prefix)
		}
	} else if pattern != "" {
		w.add(column+" = ?", pattern)
	}
}

// scope adds the condition that the column is one of the scope's apps.
func (w *where) scope(column string, s bellhop.Scope) {
	if !s.All {
		w.add(column+" = ANY(?)", append([]string{}, s.Apps...))
	}
}

// types adds the condition that the column is selected by one of several filters; none of
// them selects everything.
func (w *where) types(column string, filters []string) {
	if len(filters) == 0 {
		return
	}
	any := where{args: w.args}
	for _, f := range filters {
		if f == "" || f == "*" {
			return
		}
		any.match(column, f)
	}
	w.args = any.args
	w.sql = append(w.sql, "("+strings.Join(any.sql, " OR ")+")")
}

func exact(pattern string) bool { return pattern != "" && !strings.HasSuffix(pattern, "*") }

// toJSON is the text of a list or map, or NULL for a nil one.
func toJSON(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic("postgres: " + err.Error()) // only lists, maps and plain structs come here
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

// headerJSON is toJSON for headers.
func headerJSON(h http.Header) *string {
	if h == nil {
		return nil
	}
	s := column.Header(h)
	return &s
}

// fromJSON reads what toJSON wrote; nil (NULL) is the zero value. What was written by
// toJSON can be read, unless the database was tampered with. One bad row must not make a
// whole list unreadable: callers that pass over the error are those for whom the zero value
// opens nothing to anybody.
func fromJSON[T any](text *string, v *T) error {
	if text == nil {
		return nil
	}
	var read T
	if err := json.Unmarshal([]byte(*text), &read); err != nil {
		return err // and not the part of it that could be read
	}
	*v = read
	return nil
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
