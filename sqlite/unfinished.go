package sqlite

import (
	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// pendingQueries finds the indexes for a list of unfinished deliveries. Owned
// rows are few: they are looked through, while the unowned may be millions.
func pendingQueries(f *bellhop.DeliveryFilter) []query {
	rest := func(q query, apps bellhop.Scope) query { return restOfPending(q, f, apps) }
	owned := func(condition string, args ...any) query {
		q := query{index: "pending_owner"}
		q.where.add("p.owner IS NOT NULL")
		q.where.add(condition, args...)
		return q
	}
	unowned := func(index, condition string, args ...any) query {
		q := query{index: index}
		q.where.add("p.owner IS NULL")
		q.where.add(condition, args...)
		return q
	}
	switch {
	case empty(f.Scope):
		return nil
	case f.Event != 0:
		q := query{index: "pending_event"}
		q.where.add("p.event = ?", int64(f.Event))
		optional(&q.where, "p.endpoint", int64(f.Endpoint))
		return []query{rest(q, f.Scope)}
	case f.Endpoint != 0:
		return []query{
			rest(owned("p.endpoint = ?", int64(f.Endpoint)), f.Scope),
			rest(unowned("pending_idle_endpoint", "p.endpoint = ?", int64(f.Endpoint)), f.Scope),
		}
	case !f.Scope.All:
		list := perApp(f.Scope, func(app string) query { return rest(unowned("pending_idle_app", "p.app = ?", app), anyApp) })
		return append(list, rest(owned("1"), f.Scope))
	}
	return []query{rest(query{}, anyApp)}
}

// restOfPending adds what no index is looked up by.
func restOfPending(q query, f *bellhop.DeliveryFilter, apps bellhop.Scope) query {
	q.where.scope("p.app", apps)
	q.where.match("(SELECT type FROM events WHERE events.id = p.event)", f.Type)
	const stopped = "(SELECT status FROM endpoints WHERE endpoints.id = p.endpoint) IN ('paused', 'disabled')"
	switch {
	case f.Status == bellhop.DeliveryHeld && f.Itself:
		q.where.add("p.held = 1")
	case f.Status == bellhop.DeliveryHeld:
		q.where.add("(p.held = 1 OR " + stopped + ")")
	case f.Status == bellhop.DeliveryPending:
		q.where.add("p.held = 0 AND coalesce(NOT " + stopped + ", 1)")
	}
	q.where.span("p.id", f.Since, f.Until, int64(f.Before), int64(f.After))
	return q
}

const (
	// maxWaitingEndpoints is up to how many endpoints are asked whether they are
	// stopped, and maxHolding how many of those that hold something are looked up.
	maxWaitingEndpoints = 1000
	maxHolding          = 32

	endpointStopped = "SELECT 1 FROM endpoints WHERE id = ? AND status IN ('paused', 'disabled')"
)

// pendingQueriesIn is pendingQueries for a filter that wants what is held, which may be
// few among many: those that are held themselves have an index, and of an endpoint that
// is stopped, all are.
func (s *Store) pendingQueriesIn(c *sqlite.Conn, f *bellhop.DeliveryFilter) ([]query, error) {
	if f.Status != bellhop.DeliveryHeld || f.Event != 0 || empty(f.Scope) {
		return pendingQueries(f), nil
	}
	holds := map[bellhop.EndpointID]bool{f.Endpoint: true}
	if f.Endpoint == 0 {
		if holds = s.writer.waiting.endpoints(f.Scope); len(holds) > maxWaitingEndpoints {
			return pendingQueries(f), nil
		}
	}
	var list []query
	holding, anyStopped := 0, false
	for e, itself := range holds {
		stopped, err := false, error(nil)
		if !f.Itself {
			if stopped, err = one(c, func(*sqlite.Stmt) {}, endpointStopped, int64(e)); err != nil {
				return nil, err
			}
		}
		switch {
		case stopped:
			list = append(list, idleQuery(f, e))
		case itself:
			list = append(list, heldQuery(f, e))
		default:
			continue
		}
		anyStopped = anyStopped || stopped
		if holding++; holding > maxHolding {
			return pendingQueries(f), nil
		}
	}
	if anyStopped {
		owned := query{index: "pending_owner"}
		owned.where.add("p.owner IS NOT NULL")
		optional(&owned.where, "p.endpoint", int64(f.Endpoint))
		list = append(list, restOfPending(owned, f, f.Scope))
	}
	return list, nil
}

// heldQuery is for what is held itself of an endpoint. Nobody owns that.
func heldQuery(f *bellhop.DeliveryFilter, e bellhop.EndpointID) query {
	q, any := query{index: "pending_held"}, *f
	any.Status = ""
	q.where.add("p.held = 1 AND p.endpoint = ?", int64(e))
	return restOfPending(q, &any, f.Scope)
}

// idleQuery is for all that nobody owns of an endpoint.
func idleQuery(f *bellhop.DeliveryFilter, e bellhop.EndpointID) query {
	q, any := query{index: "pending_idle_endpoint"}, *f
	any.Status = ""
	q.where.add("p.owner IS NULL AND p.endpoint = ?", int64(e))
	return restOfPending(q, &any, f.Scope)
}
