package postgres

import (
	"github.com/bellhop/bellhop"
)

// unfinishedParts adds the parts of a list of unfinished deliveries. Owned rows are few:
// they are looked through, while the unowned may be millions.
func unfinishedParts(f *bellhop.DeliveryFilter, p *pages, made span) {
	rest := func(w *where, apps bellhop.Scope) { restOfPending(w, f, apps, typeOfEvent, "p.held") }
	switch {
	case f.Event != 0:
		p.part("p.id + 0 DESC", func(w *where) {
			w.add("p.event = ?", int64(f.Event))
			optional(w, "p.endpoint", int64(f.Endpoint))
			w.add("p.id >= ? AND p.id < ?", made.low, made.high)
			rest(w, f.Scope)
		})
	case f.Endpoint != 0:
		ownedPart(f, p, made)
		idlePart(f, p, made, f.Endpoint)
	case !f.Scope.All:
		p.partOf(f.Scope, "p.app DESC, p.id DESC", func(w *where) {
			w.within("p.app, p.id", made, "s.app")
			rest(w, anyApp)
		})
	default:
		p.part("p.id DESC", func(w *where) {
			w.add("p.id >= ? AND p.id < ?", made.low, made.high)
			rest(w, anyApp)
		})
	}
}

const stoppedEndpoint = statusOfEndpoint + " IN ('paused', 'disabled')"

// restOfPending adds what no index is looked up by.
func restOfPending(w *where, f *bellhop.DeliveryFilter, apps bellhop.Scope, typ, held string) {
	w.scope("p.app", apps)
	w.named(typ, f.Type)
	switch {
	case f.Status == bellhop.DeliveryHeld && f.Itself:
		w.add(held)
	case f.Status == bellhop.DeliveryHeld:
		w.add("(" + held + " OR " + stoppedEndpoint + ")")
	case f.Status == bellhop.DeliveryPending:
		w.add("NOT " + held + " AND coalesce(NOT " + stoppedEndpoint + ", true)")
	}
}

// ownedPart is of what nodes own, at one endpoint or (0) at all.
func ownedPart(f *bellhop.DeliveryFilter, p *pages, made span) {
	p.part("p.id + 0 DESC", func(w *where) {
		w.add("p.owner IS NOT NULL")
		optional(w, "p.endpoint", int64(f.Endpoint))
		w.add("p.id >= ? AND p.id < ?", made.low, made.high)
		restOfPending(w, f, f.Scope, typeOfEvent, "p.held")
	})
}

// idlePart is of all that nobody owns of an endpoint.
func idlePart(f *bellhop.DeliveryFilter, p *pages, made span, e bellhop.EndpointID) {
	p.part("p.endpoint DESC, p.id DESC", func(w *where) {
		w.add("p.owner IS NULL")
		w.within("p.endpoint, p.id", made, w.arg(int64(e)))
		restOfPending(w, f, f.Scope, typeOfEvent, "p.held")
	})
}

// heldPart is of what is held itself of an endpoint. Nobody owns that.
func heldPart(f *bellhop.DeliveryFilter, p *pages, made span, e bellhop.EndpointID) {
	any := *f
	any.Status = ""
	p.part("p.endpoint DESC, p.id DESC", func(w *where) {
		w.add("p.held")
		w.within("p.endpoint, p.id", made, w.arg(int64(e)))
		restOfPending(w, &any, f.Scope, typeOfEvent, "p.held")
	})
}

// freshPart is of the fresh ones, which are few.
func freshPart(f *bellhop.DeliveryFilter, p *pages, made span) {
	columns, table := p.columns, p.table
	p.columns, p.table = freshColumns, "bellhop.fresh p"
	p.part("p.id DESC", func(w *where) {
		optional(w, "p.event", int64(f.Event))
		optional(w, "p.endpoint", int64(f.Endpoint))
		w.add("p.id >= ? AND p.id < ?", made.low, made.high)
		restOfPending(w, f, f.Scope, "p.type", "false")
	})
	p.columns, p.table = columns, table
}

const (
	// maxWaitingEndpoints is up to how many endpoints are asked whether they are stopped,
	// and maxHolding how many of those that hold something are looked up.
	maxWaitingEndpoints = 1000
	maxHolding          = 32

	waitingEndpoints = `SELECT endpoint, sum(held) > 0, coalesce((SELECT x.status IN ('paused', 'disabled') FROM bellhop.endpoints x WHERE x.id = endpoint), false)
		FROM bellhop.waiting_now WHERE ($1 OR app = ANY($2)) AND ($3::bigint = 0 OR endpoint = $3) GROUP BY endpoint HAVING sum(n) > 0 LIMIT $4::bigint /* all apps */`
)

// unfinishedIn lists unfinished deliveries.
func unfinishedIn(q *reading, f *bellhop.DeliveryFilter, made span) ([]bellhop.Delivery, error) {
	p := pages{columns: unfinishedColumns, table: "bellhop.pending p", limit: f.Limit, up: made.up}
	chosen := false
	if f.Status == bellhop.DeliveryHeld && f.Event == 0 {
		var err error
		if chosen, err = heldParts(q, f, &p, made); err != nil {
			return nil, err
		}
	}
	if !chosen {
		unfinishedParts(f, &p, made)
	}
	if f.Status != bellhop.DeliveryHeld || !f.Itself {
		freshPart(f, &p, made)
	}
	list, err := rowsOf(q, &p, scanUnfinished)
	return merged(list, f.Limit, made.up, deliveryPosition), err
}

// heldParts adds the parts of a list of what is held, which may be few among many: those
// that are held themselves have an index, and of an endpoint that is stopped, all are. It
// answers false, and has added none, if there are too many such endpoints.
func heldParts(q *reading, f *bellhop.DeliveryFilter, p *pages, made span) (bool, error) {
	type waits struct {
		endpoint       int64
		holds, stopped bool
	}
	at, err := list(q, func(r row) (w waits, err error) { return w, r.Scan(&w.endpoint, &w.holds, &w.stopped) },
		waitingEndpoints, f.Scope.All, appsOf(f.Scope), int64(f.Endpoint), maxWaitingEndpoints+1)
	if err != nil || len(at) > maxWaitingEndpoints {
		return false, err
	}
	holding := 0
	for _, w := range at {
		if w.holds || w.stopped && !f.Itself {
			holding++
		}
	}
	if holding > maxHolding {
		return false, nil
	}
	anyStopped := false
	for _, w := range at {
		switch e := bellhop.EndpointID(w.endpoint); {
		case w.stopped && !f.Itself:
			idlePart(f, p, made, e)
			anyStopped = true
		case w.holds:
			heldPart(f, p, made, e)
		}
	}
	if anyStopped {
		ownedPart(f, p, made)
	}
	return true, nil
}
