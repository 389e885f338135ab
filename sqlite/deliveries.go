package sqlite

import (
	"context"
	"math"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

const (
	pendingColumns = `p.id, p.event, p.endpoint, p.app, (SELECT type FROM events WHERE events.id = p.event), p.trigger,
		p.owner, p.due, p.attempts, p.last_attempt, p.order_key, p.order_pos, p.held, p.holds, p.released, p.settled`
	pendingStatus = ", (SELECT status FROM endpoints WHERE endpoints.id = p.endpoint)"
	selectPending = "SELECT " + pendingColumns + " FROM pending p"
)

// scanPending reads pendingColumns.
func scanPending(st *sqlite.Stmt) bellhop.Delivery {
	return bellhop.Delivery{
		ID: bellhop.DeliveryID(st.ColumnInt64(0)), Event: bellhop.EventID(st.ColumnInt64(1)),
		Endpoint: bellhop.EndpointID(st.ColumnInt64(2)), App: st.ColumnText(3), Type: st.ColumnText(4),
		Trigger: bellhop.Trigger(st.ColumnText(5)), Status: bellhop.DeliveryPending,
		Owner: bellhop.NodeID(st.ColumnInt(6)), Due: moment(st.ColumnInt64(7)), Attempts: st.ColumnInt(8),
		LastAttempt: bellhop.AttemptID(st.ColumnInt64(9)),
		OrderKey:    st.ColumnText(10), OrderPos: bellhop.DeliveryID(st.ColumnInt64(11)),
		Held: st.ColumnBool(12), Uncounted: st.ColumnInt(13), ReleasedAt: moment(st.ColumnInt64(14)),
		Settled: bellhop.DeliveryID(st.ColumnInt64(15)),
	}
}

// scanUnfinished reads pendingColumns and pendingStatus.
func scanUnfinished(st *sqlite.Stmt) bellhop.Delivery {
	d := scanPending(st)
	d.Status = bellhop.Unfinished(bellhop.EndpointStatus(st.ColumnText(16)), d.Held)
	return d
}

const endedColumns = "id, delivery, event, endpoint, app, type, trigger, number, status, reason"

// scanEnded reads endedColumns of a final attempt.
func scanEnded(st *sqlite.Stmt) bellhop.Delivery {
	a := bellhop.Attempt{
		ID: bellhop.AttemptID(st.ColumnInt64(0)), Delivery: bellhop.DeliveryID(st.ColumnInt64(1)),
		Event: bellhop.EventID(st.ColumnInt64(2)), Endpoint: bellhop.EndpointID(st.ColumnInt64(3)),
		App: st.ColumnText(4), Type: st.ColumnText(5), Trigger: bellhop.Trigger(st.ColumnText(6)),
		Number: st.ColumnInt(7), Status: column.StatusOf(st.ColumnInt(8)), Reason: st.ColumnText(9),
	}
	return a.Ended()
}

// Delivery gives one delivery: what is pending, or else what its final attempt
// says.
func (s *Store) Delivery(ctx context.Context, id bellhop.DeliveryID) (bellhop.Delivery, error) {
	var d bellhop.Delivery
	err := s.read(ctx, "read a delivery", func(c *sqlite.Conn) error {
		fresh, err := s.writer.fresh.view(c, 0, func(d *freshDelivery) bool { return d.id == id })
		if err != nil {
			return err
		}
		found, err := one(c, func(st *sqlite.Stmt) { d = scanUnfinished(st) },
			"SELECT "+pendingColumns+pendingStatus+" FROM pending p WHERE p.id = ?", int64(id))
		if err == nil && !found {
			found, err = one(c, func(st *sqlite.Stmt) { d = scanEnded(st) },
				"SELECT "+endedColumns+" FROM attempts WHERE delivery = ? AND final = 1", int64(id))
		}
		if err == nil && !found && len(fresh) > 0 {
			d, found = fresh[0], true
			d.Status, err = statusAt(c, &d)
		}
		if err == nil && !found {
			err = bellhop.NotFound("delivery", id.String())
		}
		return err
	})
	return d, err
}

// Deliveries lists deliveries, newest first or, after one, oldest first, whether they have
// ended or not.
func (s *Store) Deliveries(ctx context.Context, f bellhop.DeliveryFilter) ([]bellhop.Delivery, error) {
	var list []bellhop.Delivery
	err := s.read(ctx, "list deliveries", func(c *sqlite.Conn) error {
		list = nil
		if f.Status == "" || f.Status == bellhop.DeliveryPending || f.Status == bellhop.DeliveryHeld {
			fresh, err := s.freshDeliveries(c, &f)
			if err != nil {
				return err
			}
			queries, err := s.pendingQueriesIn(c, &f)
			if err != nil {
				return err
			}
			unfinished, err := collect(c, queries, pendingColumns+pendingStatus, "pending p", "p.id", f.Limit, f.After != 0, scanUnfinished)
			if err != nil {
				return err
			}
			list = append(unfinished, fresh...)
		}
		finished, err := collect(c, endedQueriesIn(&f), endedColumns, "attempts", "delivery", f.Limit, f.After != 0, scanEnded)
		if err != nil {
			return err
		}
		prompt, err := collectPrompt(c, promptQueries(&f), f.Limit, f.After != 0)
		list = append(append(list, finished...), prompt...)
		return err
	})
	return merged(list, f.Limit, f.After != 0, func(d *bellhop.Delivery) int64 { return int64(d.ID) }), err
}

// statusAt is the status of an unfinished delivery that is not held itself.
func statusAt(c *sqlite.Conn, d *bellhop.Delivery) (bellhop.DeliveryStatus, error) {
	var of bellhop.EndpointStatus
	_, err := one(c, func(st *sqlite.Stmt) { of = bellhop.EndpointStatus(st.ColumnText(0)) }, "SELECT status FROM endpoints WHERE id = ?", int64(d.Endpoint))
	return bellhop.Unfinished(of, false), err
}

// freshDeliveries lists those that a filter selects.
func (s *Store) freshDeliveries(c *sqlite.Conn, f *bellhop.DeliveryFilter) ([]bellhop.Delivery, error) {
	selects := bellhop.EventFilter{Scope: f.Scope, Type: f.Type, Since: f.Since, Until: f.Until}
	list, err := s.writer.fresh.view(c, f.Event, func(d *freshDelivery) bool {
		return (f.Endpoint == 0 || f.Endpoint == d.endpoint) && (f.Before == 0 || d.id < f.Before) && d.id > f.After &&
			selects.Selects(&bellhop.Event{ID: bellhop.EventID(d.id), App: d.app, Type: d.kind})
	})
	if err != nil || f.Status == bellhop.DeliveryHeld && f.Itself {
		return nil, err
	}
	status := map[bellhop.EndpointID]bellhop.DeliveryStatus{}
	wanted := list[:0]
	for i := range list {
		d := &list[i]
		if _, known := status[d.Endpoint]; !known {
			if status[d.Endpoint], err = statusAt(c, d); err != nil {
				return nil, err
			}
		}
		if d.Status = status[d.Endpoint]; f.Status == "" || d.Status == f.Status {
			wanted = append(wanted, *d)
		}
	}
	return wanted, nil
}

const (
	oldestOf        = "SELECT min(id) FROM pending NOT INDEXED"
	oldestIdle      = "SELECT id FROM pending INDEXED BY pending_idle_endpoint WHERE owner IS NULL AND endpoint = ?"
	oldestOwned     = "SELECT id FROM pending INDEXED BY pending_owner WHERE owner IS NOT NULL"
	oldestIdleOfApp = "SELECT id FROM pending INDEXED BY pending_idle_app WHERE owner IS NULL AND app = ?"
)

// Pending counts unfinished deliveries, and finds the oldest.
func (s *Store) Pending(ctx context.Context, scope bellhop.Scope, e bellhop.EndpointID) (count int64, oldest bellhop.DeliveryID, err error) {
	err = s.read(ctx, "count deliveries", func(c *sqlite.Conn) error {
		count, oldest = s.writer.waiting.count(scope, e), 0
		if count == 0 {
			return nil
		}
		fresh, err := s.writer.fresh.view(c, 0, func(d *freshDelivery) bool { return (e == 0 || d.endpoint == e) && scope.Sees(d.app) })
		if err != nil {
			return err
		}
		for i := range fresh {
			if d := fresh[i].ID; oldest == 0 || d < oldest {
				oldest = d
			}
		}
		first := func(st *sqlite.Stmt) {
			if d := bellhop.DeliveryID(st.ColumnInt64(0)); d != 0 && (oldest == 0 || d < oldest) {
				oldest = d
			}
		}
		if e == 0 && scope.All {
			return each(c, first, oldestOf)
		}
		for _, q := range oldestQueries(scope, e) {
			if err := each(c, first, q.index+q.where.String()+" ORDER BY id LIMIT 1", q.where.args...); err != nil {
				return err
			}
		}
		return nil
	})
	return count, oldest, err
}

// oldestQueries gives the beginnings of statements.
func oldestQueries(scope bellhop.Scope, e bellhop.EndpointID) []query {
	var where where
	where.scope("app", scope)
	optional(&where, "endpoint", int64(e))
	and := func(sql string, args ...any) query {
		for _, condition := range where.sql {
			sql += " AND " + condition
		}
		w := where
		w.sql, w.args = nil, append(args, where.args...)
		return query{sql, w}
	}
	list := []query{and(oldestOwned)}
	if e != 0 {
		where.sql, where.args = where.sql[:len(where.sql)-1], where.args[:len(where.args)-1]
		return append(list, and(oldestIdle, int64(e)))
	}
	where.sql, where.args = nil, nil
	return append(list, perApp(scope, func(app string) query { return and(oldestIdleOfApp, app) })...)
}

const (
	nextTried   = "SELECT max(endpoint) FROM attempts INDEXED BY attempts_event WHERE event = ? AND endpoint < ?"
	nextWaiting = "SELECT max(endpoint) FROM pending INDEXED BY pending_event WHERE event = ? AND endpoint < ?"

	newestUnfinished = " INDEXED BY pending_event WHERE p.event = ? AND p.endpoint = ? ORDER BY p.id DESC LIMIT 1"
	newestEnded      = "SELECT " + endedColumns + " FROM attempts INDEXED BY attempts_event WHERE event = ? AND endpoint = ? AND final = 1 ORDER BY delivery DESC LIMIT 1"
	unfinishedAt     = "SELECT count(*) FROM pending INDEXED BY pending_event WHERE event = ? AND endpoint = ? AND settled = 0"
	settledAt        = "SELECT count(*) FROM attempts INDEXED BY attempts_event WHERE event = ? AND endpoint = ? AND final = 1 AND status = 2 AND reason = 'settled'"
	lastAttempt      = "SELECT " + attemptColumns + noBodies + " FROM attempts WHERE id = ?"
)

// Standings goes from endpoint to endpoint, over what an index has of the event.
func (s *Store) Standings(ctx context.Context, f bellhop.StandingFilter) ([]bellhop.Standing, error) {
	var list []bellhop.Standing
	err := s.read(ctx, "look how an event stands", func(c *sqlite.Conn) error {
		list = nil
		fresh, err := s.writer.fresh.view(c, f.Event, func(*freshDelivery) bool { return true })
		if err != nil {
			return err
		}
		before := int64(f.Before)
		if before == 0 {
			before = math.MaxInt64
		}
		for len(list) < f.Limit {
			next := int64(0)
			for _, sql := range []string{nextTried, nextWaiting} {
				if err := each(c, func(st *sqlite.Stmt) { next = max(next, st.ColumnInt64(0)) }, sql, int64(f.Event), before); err != nil {
					return err
				}
			}
			for i := range fresh {
				if e := int64(fresh[i].Endpoint); e < before {
					next = max(next, e)
				}
			}
			if before = next; next == 0 {
				return nil
			}
			standing, found, err := standingAt(c, int64(f.Event), next, fresh)
			if err != nil {
				return err
			}
			if found {
				list = append(list, standing)
			}
		}
		return nil
	})
	return list, err
}

// standingAt is how an event stands at an endpoint. It answers false if there is no
// delivery, but attempts of one that has been taken over or has expired.
func standingAt(c *sqlite.Conn, event, endpoint int64, fresh []bellhop.Delivery) (s bellhop.Standing, found bool, err error) {
	var of []bellhop.Delivery
	for _, d := range fresh {
		if int64(d.Endpoint) != endpoint {
			continue
		}
		if d.Status, err = statusAt(c, &d); err != nil {
			return s, false, err
		}
		of = append(of, d)
		s.Unfinished++
	}
	err = each(c, func(st *sqlite.Stmt) { of = append(of, scanUnfinished(st)) },
		"SELECT "+pendingColumns+pendingStatus+" FROM pending p"+newestUnfinished, event, endpoint)
	if err == nil {
		err = each(c, func(st *sqlite.Stmt) { of = append(of, scanEnded(st)) }, newestEnded, event, endpoint)
	}
	if err != nil || len(of) == 0 {
		return s, false, err
	}
	if s.Delivery = bellhop.Latest(of...); s.Delivery.LastAttempt != 0 {
		_, err = one(c, func(st *sqlite.Stmt) { s.Last = scanAttempt(st) }, lastAttempt, int64(s.Delivery.LastAttempt))
	}
	if err == nil {
		_, err = one(c, func(st *sqlite.Stmt) { s.Unfinished += st.ColumnInt(0) }, unfinishedAt, event, endpoint)
	}
	if err == nil && s.Delivery.Status == bellhop.DeliverySucceeded && s.Delivery.Trigger.Again() {
		_, err = one(c, func(st *sqlite.Stmt) { s.Settled = st.ColumnInt(0) }, settledAt, event, endpoint)
	}
	return s, true, err
}
