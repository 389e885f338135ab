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
}

// waits is a pending delivery that has come or gone.
type waits struct {
	endpoint bellhop.EndpointID
	app      string
	again    bool
	n        int64
}

const allWaiting = "SELECT endpoint, app, trigger FROM pending NOT INDEXED"

func countWaiting(c *sqlite.Conn) (*waiting, error) {
	w := &waiting{app: map[string]int64{}, again: map[bellhop.EndpointID]int64{}, of: map[bellhop.EndpointID]map[string]int64{}}
	return w, each(c, func(st *sqlite.Stmt) { w.apply([]waits{waitsOf(st, 1)}) }, allWaiting)
}

// waitsOf reads endpoint, app and trigger.
func waitsOf(st *sqlite.Stmt, n int64) waits {
	return waits{bellhop.EndpointID(st.ColumnInt64(0)), st.ColumnText(1), bellhop.Trigger(st.ColumnText(2)).Again(), n}
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
		of := w.of[x.endpoint]
		if of == nil {
			of = map[string]int64{}
			w.of[x.endpoint] = of
		}
		if add(of, x.app, x.n); len(of) == 0 {
			delete(w.of, x.endpoint)
		}
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
	_, err := one(w.conn, func(st *sqlite.Stmt) { w.noteGone(st) }, "DELETE FROM pending WHERE id = ? RETURNING endpoint, app, trigger", int64(id))
	return err
}

// noteGone reads endpoint, app and trigger of a row that was removed.
func (w *writer) noteGone(st *sqlite.Stmt) { w.state.waits = append(w.state.waits, waitsOf(st, -1)) }
