package postgres

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/id"
)

// Lists must neither sort millions of rows nor go through them, whatever the statistics
// say or if there are none. So their plans follow from their shape:
//
//   - A list by an index of several columns compares them together, (a.app, a.id) <
//     ($1, $2), and is in the order of all of them, which no other index has.
//   - A list by a column that selects few rows is in the order of an expression, a.id + 0,
//     so that no index is gone through for the sake of its order.
//   - A list of several apps is one of each, merged.
//   - Lists newest first look into the newest days first, whose partitions are named by
//     constants; most pages are full by then.
//   - What follows from the shape needs no arguments: a plan is made once for all of them.
//     To plan a statement over many days takes longer than to run it.

// beginReading begins a transaction that reads, in one message. The settings end with it.
var beginReading = [...]string{
	forPeople: beginSnapshot + "; SET LOCAL statement_timeout = '60s'; " + planByShape,
	forFlow:   beginSnapshot + "; " + stepByIndex,
	forOutbox: "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; " + stepByIndex,
	forUpkeep: beginSnapshot + "; " + planByShape,
}

const (
	beginSnapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	// stepByIndex is for statements that want the first row of an order which one index
	// alone has. Where rows were counted while there were none, or where nearly all of them
	// are of one endpoint, to sort seems to cost nothing, and goes through all of them; and so
	// seems to read a table from end to end, by a plan that is kept when it has grown. Where
	// there is no way around a sort, it seems to be worth being compiled then, which it is not.
	stepByIndex = "SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off"
	planByShape = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; " +
		"SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off; SET LOCAL enable_material = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
)

// Rows are found by their ids, and their apps are looked at: a statement says so with
// "(app = ANY($1)) IS TRUE", by which no index can be searched. Else the rows of an app that
// was unknown or small when rows were counted seem to be so few that all of them are read to
// find each.

// endless is above every id.
const endless = math.MaxInt64

// span is a range of ids, from low up to but without high.
type span struct {
	low, high int64
	up        bool // it is read oldest first
}

// spanOf is the range of ids of a range of time, below a cursor, or (up) above one; 0 is none.
func spanOf(since, until time.Time, before, after int64) span {
	s := span{after, endless, after != 0}
	if s.up {
		s.low++
	}
	if !since.IsZero() {
		s.low = max(s.low, int64(id.First[id.Event](since)))
	}
	if before != 0 {
		s.high = before
	}
	if !until.IsZero() {
		s.high = min(s.high, int64(id.First[id.Event](until)))
	}
	return s
}

// milli is how many bits of an id are below its millisecond.
const milli = 21

// windows cut a range into pieces, in the order of the list: two days, a week, and the rest.
func (s span) windows() iter.Seq[span] {
	if s.up {
		return s.windowsUp()
	}
	return func(yield func(span) bool) {
		newest := min(s.high-1, int64(id.First[id.Event](time.Now())))
		high := s.high
		for _, days := range []int64{1, 8, dayOf(endless) + 1} {
			low := max(s.low, firstOfDay(dayOf(newest)-days))
			if low < high && !yield(span{low: low, high: high}) {
				return
			}
			high = min(high, low)
		}
	}
}

func (s span) windowsUp() iter.Seq[span] {
	return func(yield func(span) bool) {
		low := s.low
		for _, high := range []int64{firstOfDay(dayOf(s.low) + 2), firstOfDay(dayOf(s.low) + 9), s.high} {
			high = min(high, s.high)
			if low < high && !yield(span{low, high, true}) {
				return
			}
			low = max(low, high)
		}
	}
}

// partitions is the condition that leaves only the partitions of the range to look into.
func (s span) partitions(column string) string {
	low, high := firstOfDay(dayOf(s.low)), firstOfDay(dayOf(s.high-1)+1)
	sql := fmt.Sprintf("%s >= %d", column, low)
	if high != endless {
		sql += fmt.Sprintf(" AND %s < %d", column, high)
	}
	return sql
}

// within adds the range of ids behind what else an index begins with: columns "a.app, a.id"
// and one value or expression for each of them but the last.
func (w *where) within(columns string, s span, values ...string) {
	low := strings.Join(append(slices.Clone(values), w.arg(s.low)), ", ")
	high := strings.Join(append(slices.Clone(values), w.arg(s.high)), ", ")
	w.add("(" + columns + ") >= (" + low + ")")
	w.add("(" + columns + ") < (" + high + ")")
}

// named adds the condition for an exact name, or a prefix and a trailing "*", in a form
// that an index can decide: names are compared by their bytes.
func (w *where) named(column, pattern string) {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		if prefix != "" {
			w.add(column+" >= ? AND "+column+" < ?", prefix, prefix+"\U0010FFFF")
		}
	} else if pattern != "" {
		w.add(column+" = ?", pattern)
	}
}

// ofApps adds the condition that the column is one of the scope's apps. An index decides
// it only if there is one.
func (w *where) ofApps(column string, s bellhop.Scope) {
	if apps := appsOf(s); !s.All && len(apps) == 1 {
		w.add(column+" = ?", apps[0])
	} else {
		w.scope(column, s)
	}
}

// selectFrom is a query without its order.
func selectFrom(columns, table string, w *where) string {
	return "SELECT " + columns + " FROM " + table + w.String()
}

func optional(w *where, column string, id int64) {
	if id != 0 {
		w.add(column+" = ?", id)
	}
}

func appsOf(s bellhop.Scope) []string { return slices.Compact(slices.Sorted(slices.Values(s.Apps))) }

// empty tells whether the scope has no app.
func empty(s bellhop.Scope) bool { return !s.All && len(s.Apps) == 0 }

// anyApp is for a query in which nothing more is to be said of apps.
var anyApp = bellhop.Everything()

// pages gathers the parts of a list. Each gives as many rows as the page has, in an order
// of its own; newest merges them.
type pages struct {
	columns, table string
	limit          int
	up             bool // oldest first: each order is the other way round
	parts          []string
	args           []any
	allApps        bool // it does not name the apps
}

// part adds a part, in an order that an index has.
func (p *pages) part(order string, conditions func(w *where)) {
	p.allApps = true
	p.add("", order, conditions)
}

// partOf adds a part that has as many rows of each of the apps, whose name is s.app.
func (p *pages) partOf(apps bellhop.Scope, order string, conditions func(w *where)) {
	w := where{args: p.args}
	of := "unnest(" + w.arg(appsOf(apps)) + "::text[])"
	p.args = w.args
	p.add(of, order, conditions)
}

func (p *pages) add(of, order string, conditions func(w *where)) {
	w := where{args: p.args}
	conditions(&w)
	if p.up {
		order = strings.ReplaceAll(order, " DESC", "")
	}
	sql := selectFrom(p.columns, p.table, &w) + " ORDER BY " + order + " LIMIT " + w.arg(max(p.limit, 0)) + "::bigint"
	if of != "" {
		sql = "SELECT x.* FROM " + of + " AS s (app) CROSS JOIN LATERAL (" + sql + ") AS x"
	}
	p.args = w.args
	p.parts = append(p.parts, "("+sql+")")
}

func (p *pages) sql() string {
	sql := strings.Join(p.parts, " UNION ALL ")
	if p.allApps {
		sql += " /* all apps */"
	}
	return sql
}

// rows runs the parts, if there are any.
func rowsOf[T any](q *reading, p *pages, scan func(row) (T, error)) ([]T, error) {
	if len(p.parts) == 0 {
		return nil, nil
	}
	return list(q, scan, p.sql(), p.args...)
}

// newest merges the answers of several parts into one page.
func newest[T any](list []T, limit int, position func(*T) int64) []T {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(position(&b), position(&a)) })
	return list[:min(len(list), max(limit, 0))]
}

// merged is newest, or (up) oldest.
func merged[T any](list []T, limit int, up bool, position func(*T) int64) []T {
	if up {
		return oldest(list, limit, position)
	}
	return newest(list, limit, position)
}

// byWindows reads window by window until a page is full. The parts of a window are in the
// order of the ids.
func byWindows[T any](q *reading, s span, limit int, p pages, scan func(row) (T, error), position func(*T) int64, parts func(p *pages, w span)) ([]T, error) {
	var all []T
	p.up = s.up
	for w := range s.windows() {
		p.limit, p.parts, p.args, p.allApps = limit-len(all), nil, nil, false
		parts(&p, w)
		some, err := rowsOf(q, &p, scan)
		if err != nil {
			return nil, err
		}
		if all = append(all, merged(some, p.limit, s.up, position)...); len(all) >= limit {
			break
		}
	}
	return all, nil
}

// appsWithSubject goes from app to app that has events of a subject within some days.
const appsWithSubject = `(WITH RECURSIVE a (app) AS (
	(SELECT min(e.app) FROM bellhop.events e WHERE e.subject <> '' AND e.subject = %[1]s AND %[2]s) UNION ALL
	SELECT (SELECT min(e.app) FROM bellhop.events e WHERE e.subject <> '' AND e.subject = %[1]s AND %[2]s AND e.app > a.app) FROM a WHERE a.app IS NOT NULL)
	SELECT app FROM a WHERE app IS NOT NULL)`

// eventParts adds the parts of a list of events.
func eventParts(f *bellhop.EventFilter, p *pages, s span) {
	rest := func(w *where, subject, typ string) {
		w.named("e.subject", subject)
		w.named("e.type", typ)
		w.add(s.partitions("e.id"))
	}
	switch {
	case empty(f.Scope):
	case f.ExternalID != "":
		p.part("e.id + 0 DESC", func(w *where) {
			w.add("e.id IN (SELECT event FROM bellhop.external_ids WHERE external_id = ?)", f.ExternalID)
			w.add("e.external_id = ?", f.ExternalID)
			w.scope("e.app", f.Scope)
			w.add("e.id >= ? AND e.id < ?", s.low, s.high)
			rest(w, f.Subject, f.Type)
		})
	case exact(f.Subject):
		of := func(w *where) {
			w.add("e.subject <> ''")
			w.within("e.subject, e.app, e.id", s, w.arg(f.Subject), "s.app")
			rest(w, "", f.Type)
		}
		const order = "e.subject DESC, e.app DESC, e.id DESC"
		if !f.Scope.All {
			p.partOf(f.Scope, order, of)
			return
		}
		// Of all apps: of each that has the subject, from one to the next.
		w := where{args: p.args}
		subject := w.arg(f.Subject)
		p.args = w.args
		p.add(fmt.Sprintf(appsWithSubject, subject, s.partitions("e.id")), order, of)
		p.allApps = true
	case !f.Scope.All:
		p.partOf(f.Scope, "e.app DESC, e.id DESC", func(w *where) {
			w.within("e.app, e.id", s, "s.app")
			rest(w, f.Subject, f.Type)
		})
	default:
		p.part("e.id DESC", func(w *where) {
			w.add("e.id >= ? AND e.id < ?", s.low, s.high)
			rest(w, f.Subject, f.Type)
		})
	}
}

// attemptParts adds the parts of a list of attempts, of one status or of all.
func attemptParts(f *bellhop.AttemptFilter, p *pages, s span) {
	low, high, answered := f.Response.Bounds()
	rest := func(w *where, apps bellhop.Scope) {
		if f.Status != "" {
			w.add(fmt.Sprintf("a.status = %d", column.Status(f.Status)))
		}
		if answered {
			w.add("a.response_status BETWEEN ? AND ?", low, high)
		}
		if f.Reason != "" {
			w.add("a.reason = ?", f.Reason)
		}
		w.ofApps("a.app", apps)
		w.named("a.type", f.Type)
		w.add(s.partitions("a.id"))
	}
	// Attempts that did not succeed have indexes of their own.
	trouble := f.Status != "" && f.Status != bellhop.AttemptSucceeded
	status := fmt.Sprintf("%d", column.Status(f.Status))
	switch {
	case empty(f.Scope):
	case answered && f.Status == bellhop.AttemptSucceeded && (high < 200 || low > 299):
		p.part("a.id DESC", func(w *where) {
			w.add("(a.response_status < 200 OR a.response_status > 299)")
			w.add("a.id >= ? AND a.id < ?", s.low, s.high)
			optional(w, "a.endpoint", int64(f.Endpoint))
			rest(w, f.Scope)
		})
	case f.Endpoint != 0 && trouble:
		p.part("a.endpoint DESC, a.status DESC, a.id DESC", func(w *where) {
			w.add("a.status <> 0")
			w.within("a.endpoint, a.status, a.id", s, w.arg(int64(f.Endpoint)), status)
			rest(w, f.Scope)
		})
	case f.Endpoint != 0:
		p.part("a.endpoint DESC, a.id DESC", func(w *where) {
			w.within("a.endpoint, a.id", s, w.arg(int64(f.Endpoint)))
			rest(w, f.Scope)
		})
	case !f.Scope.All && trouble:
		p.partOf(f.Scope, "a.app DESC, a.status DESC, a.id DESC", func(w *where) {
			w.add("a.status <> 0")
			w.within("a.app, a.status, a.id", s, "s.app", status)
			rest(w, anyApp)
		})
	case !f.Scope.All:
		p.partOf(f.Scope, "a.app DESC, a.id DESC", func(w *where) {
			w.within("a.app, a.id", s, "s.app")
			rest(w, anyApp)
		})
	case trouble:
		p.part("a.status DESC, a.id DESC", func(w *where) {
			w.add("a.status <> 0")
			w.within("a.status, a.id", s, status)
			rest(w, anyApp)
		})
	default:
		p.part("a.id DESC", func(w *where) {
			w.add("a.id >= ? AND a.id < ?", s.low, s.high)
			rest(w, anyApp)
		})
	}
}

// attemptPartsIn is attemptParts of every status that the filter may find.
func attemptPartsIn(f *bellhop.AttemptFilter, p *pages, s span) {
	of := *f
	for _, of.Status = range column.Statuses(f) {
		attemptParts(&of, p, s)
	}
}

// fewAttemptParts adds the parts of a list of the attempts of a delivery or an event.
func fewAttemptParts(f *bellhop.AttemptFilter, p *pages, s span) {
	if empty(f.Scope) {
		return
	}
	rest := func(w *where) {
		optional(w, "a.event", int64(f.Event))
		optional(w, "a.endpoint", int64(f.Endpoint))
		if f.Status != "" {
			w.add(fmt.Sprintf("a.status = %d", column.Status(f.Status)))
		}
		if low, high, answered := f.Response.Bounds(); answered {
			w.add("a.response_status BETWEEN ? AND ?", low, high)
		}
		if f.Reason != "" {
			w.add("a.reason = ?", f.Reason)
		}
		w.scope("a.app", f.Scope)
		w.named("a.type", f.Type)
		w.add("a.id >= ? AND a.id < ?", s.low, s.high)
	}
	if f.Delivery == 0 {
		p.part("a.id + 0 DESC", rest)
		return
	}
	for _, of := range attemptsOf {
		p.part("a.id + 0 DESC", func(w *where) {
			w.add(strings.ReplaceAll(of, "$1", w.arg(int64(f.Delivery))))
			rest(w)
		})
	}
}

// oldest merges the answers of several parts into one page, oldest first.
func oldest[T any](list []T, limit int, position func(*T) int64) []T {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(position(&a), position(&b)) })
	return list[:min(len(list), max(limit, 0))]
}
