package sqlite

import (
	"cmp"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/id"
)

// anyApp is for a query in which nothing more is to be said of apps.
var anyApp = bellhop.Everything()

// query is a list that one index gives in its order. It names the index itself:
// without statistics SQLite would have to guess, and the wrong guess makes it
// sort millions of rows.
type query struct {
	index string // empty: by id
	where where
}

func (q *query) sql(columns, table string) string {
	index := " NOT INDEXED"
	if q.index != "" {
		index = " INDEXED BY " + q.index
	}
	sql := "SELECT " + columns + " FROM " + table + index + q.where.String()
	if slices.Contains(lateIndexes, q.index) {
		if len(q.where.sql) == 0 { // all of it
			return sql + " WHERE listed = 1"
		}
		sql += " AND listed = 1"
	}
	return sql
}

// perApp makes a query for each app, because no index gives the rows of several
// apps in order; newest merges their answers. For all apps it makes one query, and
// for none, none.
func perApp(s bellhop.Scope, make func(app string) query) []query {
	if s.All {
		return []query{make("")}
	}
	var list []query
	for _, app := range slices.Compact(slices.Sorted(slices.Values(s.Apps))) {
		list = append(list, make(app))
	}
	return list
}

// empty tells whether the scope has no app.
func empty(s bellhop.Scope) bool { return !s.All && len(s.Apps) == 0 }

// newest merges the answers of several queries into one page.
func newest[T any](list []T, limit int, position func(*T) int64) []T {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(position(&b), position(&a)) })
	return list[:min(len(list), max(limit, 0))]
}

// merged is newest, or (up) the same oldest first.
func merged[T any](list []T, limit int, up bool, position func(*T) int64) []T {
	if up {
		return newest(list, limit, func(x *T) int64 { return -position(x) })
	}
	return newest(list, limit, position)
}

// orderBy is the order of a column, newest first or (up) oldest first.
func orderBy(column string, up bool) string {
	if up {
		return " ORDER BY " + column
	}
	return " ORDER BY " + column + " DESC"
}

// restOfEvents adds what no index is looked up by.
func restOfEvents(q *query, f *bellhop.EventFilter, apps bellhop.Scope, subject, typ string) query {
	q.where.scope("app", apps)
	q.where.match("subject", subject)
	q.where.match("type", typ)
	q.where.span("id", f.Since, f.Until, int64(f.Before), int64(f.After))
	if f.UUID != "" {
		q.where.add("event_uuid(id) = ?", f.UUID)
	}
	return *q
}

// eventTail is for the events that are not listed yet.
func eventTail(f *bellhop.EventFilter) query {
	var q query
	q.where.add(tailOfEvents)
	if f.ExternalID != "" {
		q.where.add("external_id = ?", f.ExternalID)
	}
	return restOfEvents(&q, f, f.Scope, f.Subject, f.Type)
}

// eventQueries finds the index for a list of events.
func eventQueries(f *bellhop.EventFilter) []query {
	rest := func(q *query, apps bellhop.Scope, subject, typ string) query {
		return restOfEvents(q, f, apps, subject, typ)
	}
	switch {
	case empty(f.Scope):
		return nil
	case f.UUID != "" && f.Scope.All:
		// The order matters to none of one row, and this index is small.
		return []query{rest(&query{index: "events_app"}, anyApp, f.Subject, f.Type)}
	case f.ExternalID != "":
		q := query{index: "events_external"}
		q.where.add("external_id IS NOT NULL AND external_id = ?", f.ExternalID)
		return []query{rest(&q, f.Scope, f.Subject, f.Type)}
	case exact(f.Subject):
		return perApp(f.Scope, func(app string) query {
			q := query{index: "events_subject"}
			q.where.add("subject <> '' AND subject = ?", f.Subject)
			if app != "" {
				q.where.add("app = ?", app)
			}
			return rest(&q, anyApp, "", f.Type)
		})
	case !f.Scope.All:
		return perApp(f.Scope, func(app string) query {
			q := query{index: "events_app"}
			q.where.add("app = ?", app)
			return rest(&q, anyApp, f.Subject, f.Type)
		})
	case exact(f.Type):
		q := query{index: "events_type"}
		q.where.add("type = ?", f.Type)
		return []query{rest(&q, anyApp, f.Subject, "")}
	}
	return []query{rest(&query{}, anyApp, f.Subject, f.Type)}
}

// restOfAttempts adds what no index is looked up by.
func restOfAttempts(q *query, f *bellhop.AttemptFilter, apps bellhop.Scope, typ string) query {
	if f.Status != "" {
		q.where.add("status = ?", column.Status(f.Status))
	}
	if low, high, answered := f.Response.Bounds(); answered {
		q.where.add("response_status BETWEEN ? AND ?", low, high)
	}
	if f.Reason != "" {
		q.where.add("reason = ?", f.Reason)
	}
	q.where.scope("app", apps)
	q.where.match("type", typ)
	q.where.span("id", f.Since, f.Until, int64(f.Before), int64(f.After))
	return *q
}

// attemptTail is for the attempts that are not listed yet.
func attemptTail(f *bellhop.AttemptFilter) query {
	var q query
	q.where.add(tailOfAttempts)
	optional(&q.where, "endpoint", int64(f.Endpoint))
	return restOfAttempts(&q, f, f.Scope, f.Type)
}

// attemptQueries finds the index for a list of attempts. Since, Until and Before
// bound the id.
func attemptQueries(f *bellhop.AttemptFilter) []query {
	low, high, answered := f.Response.Bounds()
	rest := func(q *query, apps bellhop.Scope, typ string) query { return restOfAttempts(q, f, apps, typ) }
	// Attempts that did not succeed have indexes of their own.
	trouble := f.Status != "" && f.Status != bellhop.AttemptSucceeded
	indexed := func(index, condition string, args ...any) (q query) {
		q.index = index
		if trouble {
			q.index = "attempts_trouble" + index[len("attempts"):]
			q.where.add("status <> 0")
		}
		q.where.add(condition, args...)
		return q
	}
	switch {
	case empty(f.Scope):
		return nil
	case f.Delivery != 0:
		q := query{index: "attempts_delivery"}
		q.where.add("delivery = ?", int64(f.Delivery))
		optional(&q.where, "endpoint", int64(f.Endpoint))
		optional(&q.where, "event", int64(f.Event))
		return []query{rest(&q, f.Scope, f.Type)}
	case f.Event != 0:
		q := query{index: "attempts_event"}
		q.where.add("event = ?", int64(f.Event))
		optional(&q.where, "endpoint", int64(f.Endpoint))
		return []query{rest(&q, f.Scope, f.Type)}
	case answered && f.Status == bellhop.AttemptSucceeded && (high < 200 || low > 299):
		q := query{index: "attempts_odd"}
		q.where.add("status = 0 AND (response_status < 200 OR response_status > 299)")
		optional(&q.where, "endpoint", int64(f.Endpoint))
		return []query{rest(&q, f.Scope, f.Type)}
	case f.Endpoint != 0:
		q := indexed("attempts_endpoint", "endpoint = ?", int64(f.Endpoint))
		return []query{rest(&q, f.Scope, f.Type)}
	case !f.Scope.All:
		return perApp(f.Scope, func(app string) query {
			q := indexed("attempts_app", "app = ?", app)
			return rest(&q, anyApp, f.Type)
		})
	case exact(f.Type):
		q := indexed("attempts_type", "type = ?", f.Type)
		return []query{rest(&q, anyApp, "")}
	case trouble:
		q := query{index: "attempts_trouble"}
		q.where.add("status <> 0")
		return []query{rest(&q, anyApp, f.Type)}
	}
	return []query{rest(&query{}, anyApp, f.Type)}
}

// maxTypes is up to how many types a prefix is looked up by type, and up to how many
// apps a subject by app.
const maxTypes = 32

// maxRare is how many events of some types are counted, at most, to see whether they are
// rare.
const maxRare = 5000

const (
	countOfType = "SELECT count(*) FROM (SELECT 1 FROM events INDEXED BY events_type WHERE listed = 1 AND type = ? LIMIT ? + 0)"

	nextType        = "SELECT type FROM attempts INDEXED BY attempts_type WHERE listed = 1 AND type > ? ORDER BY type LIMIT 1"
	nextTroubleType = "SELECT type FROM attempts INDEXED BY attempts_trouble_type WHERE status <> 0 AND type > ? ORDER BY type LIMIT 1"
	nextTypeEvent   = "SELECT type FROM events INDEXED BY events_type WHERE listed = 1 AND type > ? ORDER BY type LIMIT 1"

	nextAppOfSubject = "SELECT app FROM events INDEXED BY events_subject WHERE subject <> '' AND listed = 1 AND subject = ? AND app > ? ORDER BY app LIMIT 1"
)

// typesLike are the types that a pattern's prefix selects, besides the prefix itself.
func typesLike(c *sqlite.Conn, pattern, next string, args ...any) (types []string, ok bool, err error) {
	return namesAfter(c, strings.TrimSuffix(pattern, "*"), next, args...)
}

// namesAfter are the names that begin with a prefix and are longer, from one to the
// next, each found by a query whose last parameter is the one before. Going through all
// rows for one that few or none have would take long, and names are few: where they are
// more than maxTypes, it answers false, and one of them is found soon.
func namesAfter(c *sqlite.Conn, prefix, next string, args ...any) (names []string, ok bool, err error) {
	for last := prefix; ; last = names[len(names)-1] {
		name := ""
		found, err := one(c, func(st *sqlite.Stmt) { name = st.ColumnText(0) }, next, append(args, last)...)
		if err != nil || !found || !strings.HasPrefix(name, prefix) {
			return names, err == nil, err
		}
		if names = append(names, name); len(names) > maxTypes {
			return nil, false, nil
		}
	}
}

func isPrefix(pattern string) bool { return len(pattern) > 1 && strings.HasSuffix(pattern, "*") }

// attemptQueriesIn is attemptQueries for a filter that may have nothing to look up by
// but a cause, or a prefix of types.
func attemptQueriesIn(c *sqlite.Conn, f *bellhop.AttemptFilter) (list []query, err error) {
	of := *f
	for _, of.Status = range column.Statuses(f) {
		some, err := attemptQueriesOfTypes(c, &of)
		if err != nil {
			return nil, err
		}
		if list = append(list, some...); late(some) {
			list = append(list, attemptTail(&of))
		}
	}
	return list, nil
}

func attemptQueriesOfTypes(c *sqlite.Conn, f *bellhop.AttemptFilter) ([]query, error) {
	if !isPrefix(f.Type) || !f.Scope.All || f.Delivery != 0 || f.Event != 0 || f.Endpoint != 0 {
		return attemptQueries(f), nil
	}
	next := nextType
	if f.Status != "" && f.Status != bellhop.AttemptSucceeded {
		next = nextTroubleType // which has those of the tail, too
	}
	types, ok, err := typesLike(c, f.Type, next)
	if err != nil || !ok {
		return attemptQueries(f), err
	}
	var list []query
	typed := *f
	for _, typed.Type = range append(types, strings.TrimSuffix(f.Type, "*")) {
		list = append(list, attemptQueries(&typed)...)
	}
	return list, nil
}

// eventQueriesIn is eventQueries for a filter that may have nothing to look up by but
// a prefix of types, or a type that is rare in its apps, or a subject of any app. The
// tail's is with it.
func eventQueriesIn(c *sqlite.Conn, f *bellhop.EventFilter) ([]query, error) {
	list, err := listedEvents(c, f)
	if late(list) {
		list = append(list, eventTail(f))
	}
	return list, err
}

// listedEvents gives eventQueriesIn but for the tail.
func listedEvents(c *sqlite.Conn, f *bellhop.EventFilter) ([]query, error) {
	if f.UUID != "" {
		return eventQueries(f), nil
	}
	if f.ExternalID == "" && exact(f.Subject) && f.Scope.All {
		// The index has the rows of one app in order.
		apps, ok, err := namesAfter(c, "", nextAppOfSubject, f.Subject)
		if err != nil || !ok || len(apps) == 0 {
			return eventQueries(f), err
		}
		inApps := *f
		inApps.Scope = bellhop.Only(apps...)
		return eventQueries(&inApps), nil
	}
	if !isPrefix(f.Type) && (f.Scope.All || f.Type == "" || f.Type == "*") || empty(f.Scope) || f.ExternalID != "" || exact(f.Subject) {
		return eventQueries(f), nil
	}
	types := []string{strings.TrimSuffix(f.Type, "*")}
	if isPrefix(f.Type) {
		longer, ok, err := typesLike(c, f.Type, nextTypeEvent)
		if err != nil || !ok {
			return eventQueries(f), err
		}
		types = append(longer, types...)
	}
	if !f.Scope.All {
		rare, err := rareTypes(c, types)
		if err != nil || !rare {
			return eventQueries(f), err
		}
	}
	var list []query
	for _, typ := range types {
		q := query{index: "events_type"}
		q.where.add("type = ?", typ)
		list = append(list, restOfEvents(&q, f, f.Scope, f.Subject, ""))
	}
	return list, nil
}

// rareTypes tells whether so few events have one of the types that those of an app are
// found among them sooner than among the app's. If they have none, that is the soonest.
func rareTypes(c *sqlite.Conn, types []string) (bool, error) {
	left := maxRare
	for _, typ := range types {
		_, err := one(c, func(st *sqlite.Stmt) { left -= st.ColumnInt(0) }, countOfType, typ, left)
		if err != nil || left <= 0 {
			return false, err
		}
	}
	return true, nil
}

func optional(w *where, column string, id int64) {
	if id != 0 {
		w.add(column+" = ?", id)
	}
}

// restOfEnded adds what no index is looked up by.
func restOfEnded(q query, f *bellhop.DeliveryFilter, apps bellhop.Scope) query {
	q.where.add("final = 1")
	q.where.scope("app", apps)
	q.where.match("type", f.Type)
	q.where.span("delivery", f.Since, f.Until, int64(f.Before), int64(f.After))
	return q
}

// endedQueriesIn is endedQueries with that of the tail.
func endedQueriesIn(f *bellhop.DeliveryFilter) []query {
	list := endedQueries(f)
	if late(list) {
		var q query
		q.where.add(tailOfAttempts)
		optional(&q.where, "endpoint", int64(f.Endpoint))
		if f.Status != "" {
			q.where.add("status = ?", column.Ended(f.Status))
		}
		list = append(list, restOfEnded(q, f, f.Scope))
	}
	return list
}

// endedQueries finds the index for a list of deliveries that have ended: of their
// final attempts, in the order of the deliveries. There are none if the filter wants
// only unfinished ones. Where these are by slowly, promptQueries has the others.
func endedQueries(f *bellhop.DeliveryFilter) []query {
	rest := func(q query, apps bellhop.Scope) query { return restOfEnded(q, f, apps) }
	// Those that did not succeed are rare and looked for most.
	trouble := false
	indexed := func(index, of string, arg any) (q query) {
		q.index = "attempts_ended" + index
		if trouble {
			q.index = "attempts_ended_trouble" + index
			q.where.add("status <> 0")
		}
		if of != "" {
			q.where.add(of+" = ?", arg)
		}
		if f.Status != "" {
			q.where.add("status = ?", column.Ended(f.Status))
		}
		return q
	}
	switch f.Status {
	case "", bellhop.DeliverySucceeded:
	case bellhop.DeliveryFailed, bellhop.DeliveryCanceled:
		trouble = true
	default:
		return nil
	}
	slow := func(q query) query {
		if !trouble {
			q.where.add("(id - delivery) NOT " + promptly)
		}
		return q
	}
	switch {
	case empty(f.Scope):
		return nil
	case f.Event != 0:
		q := indexed("", "event", int64(f.Event))
		q.index = "attempts_event"
		optional(&q.where, "endpoint", int64(f.Endpoint))
		return []query{rest(q, f.Scope)}
	case f.Endpoint != 0:
		return []query{rest(slow(indexed("_endpoint", "endpoint", int64(f.Endpoint))), f.Scope)}
	case !f.Scope.All:
		return perApp(f.Scope, func(app string) query { return rest(slow(indexed("_app", "app", app)), anyApp) })
	}
	q := indexed("", "", nil)
	if !trouble {
		q.index = "attempts_delivery"
	}
	return []query{rest(q, anyApp)}
}

const (
	// promptly is how far the id of a delivery's last attempt is from its own, at most,
	// where it ended promptly (migration 23).
	promptly            = "BETWEEN -209715200 AND 10485760000"
	idsBefore, idsAfter = 209715200, 10485760000
	promptColumns       = "id, delivery"
	endedByAttempt      = "SELECT " + endedColumns + " FROM attempts WHERE id = ?"
)

// promptQueries is for the deliveries that endedQueries leaves out: they are found by their
// final attempts, newest first, which is about their own order.
func promptQueries(f *bellhop.DeliveryFilter) []query {
	if f.Status != "" && f.Status != bellhop.DeliverySucceeded || f.Event != 0 || f.Endpoint == 0 && f.Scope.All || empty(f.Scope) {
		return nil
	}
	of := func(index, by string, is any, apps bellhop.Scope) query {
		q := query{index: index}
		q.where.add(by+" = ?", is)
		if f.Status != "" {
			q.where.add("status = ?", column.Ended(f.Status))
		}
		q.where.add("(id - delivery) " + promptly)
		q = restOfEnded(q, f, apps)
		// Within what the attempts' ids can be.
		if !f.Since.IsZero() {
			q.where.add("id >= ?", int64(id.First[id.Event](f.Since))-idsBefore)
		}
		if lower := int64(f.After); lower != 0 {
			q.where.add("id > ?", lower-idsBefore)
		}
		if upper := int64(f.Before); upper != 0 {
			q.where.add("id < ?", upper+idsAfter)
		}
		if !f.Until.IsZero() {
			q.where.add("id < ?", int64(id.First[id.Event](f.Until))+idsAfter)
		}
		return q
	}
	if f.Endpoint != 0 {
		return []query{of("attempts_endpoint", "endpoint", int64(f.Endpoint), f.Scope)}
	}
	return perApp(f.Scope, func(app string) query { return of("attempts_app", "app", app, anyApp) })
}

// collectPrompt gives one page of deliveries that ended promptly. It goes through their
// attempts in an index until none can come whose delivery belongs on the page.
func collectPrompt(c *sqlite.Conn, queries []query, limit int, up bool) ([]bellhop.Delivery, error) {
	type ended struct{ attempt, delivery int64 }
	var list []bellhop.Delivery
	for i := range queries {
		var page []ended // by delivery, in the order of the list
		behind := func(a, b ended) int {
			if up {
				return cmp.Compare(a.delivery, b.delivery)
			}
			return cmp.Compare(b.delivery, a.delivery)
		}
		over := func(attempt, delivery int64) bool {
			if up {
				return attempt > delivery+idsAfter
			}
			return attempt < delivery-idsBefore
		}
		err := until(c, func(st *sqlite.Stmt) bool {
			e := ended{st.ColumnInt64(0), st.ColumnInt64(1)}
			if full := len(page) >= limit; full && over(e.attempt, page[len(page)-1].delivery) {
				return false
			}
			at, _ := slices.BinarySearchFunc(page, e, behind)
			if at < limit {
				page = slices.Insert(page, at, e)
				page = page[:min(len(page), limit)]
			}
			return true
		}, queries[i].sql(promptColumns, "attempts")+orderBy("id", up), queries[i].where.args...)
		for i := 0; err == nil && i < len(page); i++ {
			err = each(c, func(st *sqlite.Stmt) { list = append(list, scanEnded(st)) }, endedByAttempt, page[i].attempt)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// collect runs the queries for one page each.
func collect[T any](c *sqlite.Conn, queries []query, columns, table, order string, limit int, up bool, scan func(*sqlite.Stmt) T) ([]T, error) {
	var list []T
	for i := range queries {
		q := &queries[i]
		err := each(c, func(st *sqlite.Stmt) { list = append(list, scan(st)) },
			q.sql(columns, table)+orderBy(order, up)+" LIMIT ? + 0", append(q.where.args, max(limit, 0))...)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}
