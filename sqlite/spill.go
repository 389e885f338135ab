package sqlite

import (
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

const (
	// spillAfter is how long a delivery stays fresh, at most about: until the heartbeat
	// after that. A slow receiver must not keep the mark down.
	spillAfter = 5 * time.Second
	// spillChunk is how many one transaction writes down, spillChunks how many such there
	// are after one heartbeat.
	spillChunk, spillChunks = 500, 20
	// markLag is how far the mark stays behind the time, at least: events whose ids were made
	// longer ago than that get rows.
	markLag = 5 * time.Second
)

// leaving is how a delivery leaves the fast lane: what its row says.
type leaving struct {
	owner       bellhop.NodeID
	due         time.Time // zero: it is held
	attempts    int
	lastAttempt bellhop.AttemptID
	held        bool
	holds       int
}

const leaveRow = `INSERT INTO pending
	(id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_pos, born, held, holds)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// leaveFastLane writes the row of a delivery that was fresh.
func (w *writer) leaveFastLane(d *freshDelivery, l leaving) error {
	of := d.delivery()
	born := bellhop.Born(&of, &bellhop.Event{DeliverAt: d.deliverAt})
	err := exec(w.conn, leaveRow, int64(d.id), int64(d.freshEvent.id), int64(d.endpoint), d.app, string(d.trigger), orNull(int64(l.owner)), orNull(micros(l.due)),
		l.attempts, int64(l.lastAttempt), int64(d.pos), micros(born), l.held, l.holds)
	if err == nil {
		w.fresh.leave(d)
	}
	return err
}

// writeDown gives deliveries rows, under way as they are. What concerns pending
// deliveries of an event, an endpoint or an app has it done first: then their rows are all
// that there is to look at.
func (w *writer) writeDown(list []*freshDelivery) error {
	for _, d := range list {
		if err := w.leaveFastLane(d, leaving{owner: d.owner, due: d.due}); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) writeDownEvent(e bellhop.EventID) error { return w.writeDown(w.fresh.ofEvent(e)) }

func (w *writer) writeDownEndpoint(e bellhop.EndpointID) error {
	return w.writeDown(w.fresh.all(func(d *freshDelivery) bool { return d.endpoint == e }))
}

func (w *writer) writeDownApp(app string) error {
	return w.writeDown(w.fresh.all(func(d *freshDelivery) bool { return d.app == app }))
}

func (w *writer) writeDownAll() error {
	return w.writeDown(w.fresh.all(func(*freshDelivery) bool { return true }))
}

// moveOnFresh is moveOn for a fresh delivery. Mostly it ends, and nothing is written.
func (w *writer) moveOnFresh(d *freshDelivery, r *bellhop.Result, now time.Time) error {
	a := &r.Attempt
	if a.Final {
		w.fresh.leave(d)
		w.state.waits = append(w.state.waits, waits{endpoint: d.endpoint, app: d.app, n: -1})
		return nil
	}
	l := leaving{due: a.NextAt, attempts: a.Number, lastAttempt: a.ID}
	if l.due.IsZero() {
		l.due = now
	}
	if r.Held {
		revision, err := w.revisionOf(a.Endpoint)
		if err != nil {
			return err
		}
		if l.holds, l.due = 1, now; r.CanHold(revision) {
			l.held, l.due = true, time.Time{}
			w.state.waits = append(w.state.waits, waits{endpoint: d.endpoint, app: d.app, held: 1})
		}
	}
	return w.leaveFastLane(d, l)
}

// spill writes down what has been fresh for a while.
func (s *Store) spill(ctx context.Context, now time.Time) error {
	for range spillChunks {
		n := 0
		err := s.tidy(ctx, "write down what takes long", rowWeight*spillChunk, func(w *writer) error {
			list := w.fresh.all(func(d *freshDelivery) bool { return !d.since.After(now.Add(-spillAfter)) })
			list = list[:min(len(list), spillChunk)]
			n = len(list)
			return w.writeDown(list)
		})
		if err != nil || n < spillChunk {
			return err
		}
	}
	return nil
}

// moveMark gives the mark from which on there may be events with fresh deliveries, from now
// on. It never goes back.
func (w *writer) moveMark(now time.Time) int64 {
	w.state.mark = max(w.state.mark, int64(w.fresh.low(now.Add(-markLag))))
	return w.state.mark
}

const (
	// freshMark is the lowest mark of those who held a lease. There is none where nothing
	// ever was fresh.
	freshMark = "SELECT min(mark) FROM nodes WHERE held = 1 AND mark > 0"
	// freshSince leaves out deleted apps, whose rows in pending may be gone already.
	freshSince = `SELECT id, app, type, test, deliver_at, fresh FROM events
		WHERE id >= ? AND fresh IS NOT NULL AND app NOT IN (SELECT name FROM owed WHERE what = 'app') ORDER BY id`
	endedOfEvent = "SELECT delivery FROM attempts INDEXED BY attempts_event WHERE event = ? AND final = 1"
	isPending    = "SELECT 1 FROM pending WHERE id = ?"
)

// recoverFresh gives rows to what was fresh when an earlier process died: the deliveries
// of events from the mark on that have neither ended nor a row.
func (w *writer) recoverFresh() error {
	var mark int64
	if err := each(w.conn, func(st *sqlite.Stmt) { mark = st.ColumnInt64(0) }, freshMark); err != nil || mark == 0 {
		return err
	}
	var wrong error
	err := each(w.conn, func(st *sqlite.Stmt) {
		e := &freshEvent{id: bellhop.EventID(st.ColumnInt64(0)), app: st.ColumnText(1), kind: st.ColumnText(2), trigger: triggerOf(st.ColumnBool(3))}
		if at := st.ColumnInt64(4); at != 0 {
			t := moment(at)
			e.deliverAt = &t
		}
		if wrong == nil {
			wrong = w.recoverEvent(e, readFreshColumn(e.id, blob(st, 5)))
		}
	}, freshSince, mark)
	if err == nil {
		err = wrong
	}
	w.fresh.ended(err == nil)
	return err
}

func (w *writer) recoverEvent(e *freshEvent, list []bellhop.Delivery) error {
	var ended []bellhop.DeliveryID
	err := each(w.conn, func(st *sqlite.Stmt) { ended = append(ended, bellhop.DeliveryID(st.ColumnInt64(0))) }, endedOfEvent, int64(e.id))
	slices.Sort(ended)
	for i := 0; err == nil && i < len(list); i++ {
		d := freshDelivery{freshEvent: e, id: list[i].ID, endpoint: list[i].Endpoint, due: list[i].ID.Time(), pos: freshPosition(e.id, e.trigger, list[i].ID)}
		if _, over := slices.BinarySearch(ended, d.id); over {
			continue
		}
		there := false
		if there, err = one(w.conn, func(*sqlite.Stmt) {}, isPending, int64(d.id)); err == nil && !there {
			err = w.leaveFastLane(&d, leaving{due: d.due})
		}
	}
	return err
}
