package sqlite

import (
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// waiting counts the pending deliveries, so that nobody has to: by endpoint and app,
// and in sums. It is made from the table when the store is opened, and changed with
// each transaction that has been committed: so it is right after a crash, and costs
// the transactions nothing.
type waiting struct {
	mu    sync.Mutex
	all   int64
	app   map[string]int64
	again map[bellhop.EndpointID]int64 // those of replays and resends
	of    map[bellhop.EndpointID]map[string]int64
	held  map[bellhop.EndpointID]map[string]int64 // those that are held themselves
}

// waits is a pending delivery that has come or gone, or is held or not any more.
type waits struct {
	endpoint bellhop.EndpointID
	app      string
	again    bool
	n, held  int64
}

const allWaiting = "SELECT endpoint, app, trigger, held FROM pending NOT INDEXED"

func countWaiting(c *sqlite.Conn) (*waiting, error) {
	w := &waiting{app: map[string]int64{}, again: map[bellhop.EndpointID]int64{}, of: map[bellhop.EndpointID]map[string]int64{}, held: map[bellhop.EndpointID]map[string]int64{}}
	return w, each(c, func(st *sqlite.Stmt) { w.apply([]waits{waitsOf(st, 1)}) }, allWaiting)
}

// waitsOf reads endpoint, app, trigger and held.
func waitsOf(st *sqlite.Stmt, n int64) waits {
	return waits{bellhop.EndpointID(st.ColumnInt64(0)), st.ColumnText(1), bellhop.Trigger(st.ColumnText(2)).Again(), n, n * st.ColumnInt64(3)}
}

// apply adds what was committed.
func (w *waiting) apply(changes []waits) {
	if len(changes) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range changes {
		w.all += x.n
		add(w.app, x.app, x.n)
		if x.again {
			add(w.again, x.endpoint, x.n)
		}
		addOf(w.of, x.endpoint, x.app, x.n)
		addOf(w.held, x.endpoint, x.app, x.held)
	}
}

func addOf(m map[bellhop.EndpointID]map[string]int64, e bellhop.EndpointID, app string, n int64) {
	if n == 0 {
		return
	}
	of := m[e]
	if of == nil {
		of = map[string]int64{}
		m[e] = of
	}
	if add(of, app, n); len(of) == 0 {
		delete(m, e)
	}
}

// add forgets what is zero: what once waited must not stay in memory.
func add[K comparable](m map[K]int64, key K, n int64) {
	if m[key] += n; m[key] == 0 {
		delete(m, key)
	}
}

// count is how many wait of the scope's apps, at one endpoint or (0) at all.
func (w *waiting) count(s bellhop.Scope, e bellhop.EndpointID) (n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e == 0 && s.All {
		return w.all
	}
	apps := w.app
	if e != 0 {
		apps = w.of[e]
	}
	for app, x := range apps {
		if s.Sees(app) {
			n += x
		}
	}
	return n
}

// endpoints are those at which deliveries of the scope's apps wait, and whether some are
// held themselves.
func (w *waiting) endpoints(s bellhop.Scope) map[bellhop.EndpointID]bool {
	list := map[bellhop.EndpointID]bool{}
	sees := func(apps map[string]int64) bool {
		for app := range apps {
			if s.Sees(app) {
				return true
			}
		}
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for e, apps := range w.of {
		if sees(apps) {
			list[e] = sees(w.held[e])
		}
	}
	return list
}

// countHeld is how many of the scope's apps are held, at one endpoint or (0) at each.
func (w *waiting) countHeld(s bellhop.Scope, e bellhop.EndpointID) map[bellhop.EndpointID]int64 {
	held := map[bellhop.EndpointID]int64{}
	w.mu.Lock()
	defer w.mu.Unlock()
	count := func(e bellhop.EndpointID, apps map[string]int64) {
		for app, n := range apps {
			if s.Sees(app) {
				held[e] += n
			}
		}
	}
	if e != 0 {
		count(e, w.held[e])
		return held
	}
	for e, apps := range w.held {
		count(e, apps)
	}
	return held
}

// full tells which bound leaves no room for one more delivery, besides what this
// transaction has changed.
func (w *waiting) full(b bellhop.BacklogBounds, e bellhop.EndpointID, app string, changed []waits) bellhop.BacklogBound {
	if b == (bellhop.BacklogBounds{}) {
		return ""
	}
	w.mu.Lock()
	again, all := w.again[e], w.app[app]
	w.mu.Unlock()
	for _, x := range changed {
		if x.again && x.endpoint == e {
			again += x.n
		}
		if x.app == app {
			all += x.n
		}
	}
	switch {
	case b.Endpoint > 0 && again >= b.Endpoint:
		return bellhop.FullEndpoint
	case b.App > 0 && all >= b.App:
		return bellhop.FullApp
	}
	return ""
}

// gone removes a pending delivery, and notes it.
func (w *writer) gone(id bellhop.DeliveryID) error {
	_, err := one(w.conn, func(st *sqlite.Stmt) { w.noteGone(st) }, "DELETE FROM pending WHERE id = ? RETURNING endpoint, app, trigger, held", int64(id))
	return err
}

// noteGone reads endpoint, app, trigger and held of a row that was removed.
func (w *writer) noteGone(st *sqlite.Stmt) { w.state.waits = append(w.state.waits, waitsOf(st, -1)) }
