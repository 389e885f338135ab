package sqlite

import (
	"context"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// What is owed to Sweep: to end what is pending of an endpoint that is gone, of an
// event that was erased, or of one as far as it is settled.
const (
	owedEndpoint = "endpoint"
	owedEvent    = "event"
	owedSettled  = "settled"
)

const (
	sweepOwed      = "SELECT 1 FROM owed WHERE what IN ('endpoint', 'event', 'settled') LIMIT 1"
	nextOwed       = "SELECT name FROM owed WHERE what = ? AND name > ? ORDER BY name LIMIT 1"
	idleSettled    = selectPending + " INDEXED BY pending_event WHERE p.event = ? AND p.settled <> 0 AND p.owner IS NULL ORDER BY p.endpoint, p.id LIMIT ? + 0"
	settledOfEvent = selectPending + " INDEXED BY pending_event WHERE p.event = ? AND p.settled <> 0 ORDER BY p.endpoint, p.id LIMIT ? + 0"

	idleOfEvent = selectPending + " INDEXED BY pending_event WHERE p.event = ? AND p.owner IS NULL ORDER BY p.endpoint, p.id LIMIT ? + 0"
)

// name is an id as owed has it.
func name[K id.Kind](i id.ID[K]) string { return strconv.FormatInt(int64(i), 10) }

// sweepChunk bounds the deliveries that one transaction ends, and the marks that it
// looks at.
const sweepChunk = 250

// Sweep ends pending deliveries that can never be made. It looks first, because it is
// called often and seldom finds any.
func (s *Store) Sweep(ctx context.Context, ids []bellhop.AttemptID, now time.Time) (int, error) {
	owed := false
	err := s.readFor(ctx, forFlow, "look for what to sweep", func(c *sqlite.Conn) error {
		return each(c, func(*sqlite.Stmt) { owed = true }, sweepOwed)
	})
	if err != nil || !owed {
		return 0, err
	}
	total, at := 0, owedMark{what: owedEndpoint}
	for at.what != "" && total < len(ids) {
		chunk := ids[total:min(len(ids), total+sweepChunk)]
		swept, next := 0, owedMark{}
		err := s.tidy(ctx, "sweep", 2*rowWeight*len(chunk), func(w *writer) (err error) {
			swept, next, err = w.sweep(at, chunk, now)
			return err
		})
		if err != nil {
			return total, err
		}
		total, at = total+swept, next
	}
	return total, nil
}

// owedMark is where a sweep has come to among what is owed; no what: to the end.
type owedMark struct{ what, of string }

// sweep ends as many as there are ids, from a mark on, and answers how far it came. Ids
// that have a line already, because the step is repeated, count as used.
func (w *writer) sweep(at owedMark, given []bellhop.AttemptID, now time.Time) (swept int, next owedMark, err error) {
	ids, err := w.unused(given)
	if err != nil {
		return 0, at, err
	}
	swept, next, err = w.sweepNew(at, ids, now)
	return swept + len(given) - len(ids), next, err
}

func (w *writer) sweepNew(at owedMark, ids []bellhop.AttemptID, now time.Time) (swept int, next owedMark, err error) {
	for marks := 0; swept < len(ids) && marks < sweepChunk; marks++ {
		of := ""
		found, err := one(w.conn, func(st *sqlite.Stmt) { of = st.ColumnText(0) }, nextOwed, at.what, at.of)
		switch {
		case err != nil:
			return swept, at, err
		case !found && at.what == owedEndpoint:
			at = owedMark{what: owedEvent}
			continue
		case !found && at.what == owedSettled:
			return swept, owedMark{}, nil
		case !found:
			at = owedMark{what: owedSettled}
			if w.state.erasing, err = one(w.conn, func(*sqlite.Stmt) {}, nextOwed, owedEvent, ""); err != nil {
				return swept, owedMark{}, err
			}
			continue
		}
		n, err := w.sweepOne(at.what, of, ids[swept:], now)
		if swept += n; err != nil {
			return swept, at, err
		}
		if swept == len(ids) {
			break // there may be more of it
		}
		at.of = of
		if err := w.settle(at); err != nil {
			return swept, at, err
		}
	}
	return swept, at, nil
}

// settle takes a mark away, unless some of its deliveries are under way: what comes of
// those is waited for.
func (w *writer) settle(at owedMark) error {
	number, _ := strconv.ParseInt(at.of, 10, 64)
	var left []bellhop.Delivery
	var err error
	add := func(st *sqlite.Stmt) { left = append(left, scanPending(st)) }
	switch at.what {
	case owedEvent:
		err = each(w.conn, add, pendingOfEvent, number, 1)
	case owedSettled:
		err = each(w.conn, add, settledOfEvent, number, 1)
	default:
		left, err = w.pendingOf(number, 0, 1)
	}
	if err != nil || len(left) > 0 {
		return err
	}
	return exec(w.conn, "DELETE FROM owed WHERE what = ? AND name = ?", at.what, at.of)
}

// sweepOne ends what is pending of one endpoint or event and under way at no node.
func (w *writer) sweepOne(what, of string, ids []bellhop.AttemptID, now time.Time) (n int, err error) {
	number, err := strconv.ParseInt(of, 10, 64)
	if err != nil {
		return 0, nil // nothing of ours
	}
	reason := bellhop.ReasonDeleted
	var list []bellhop.Delivery
	add := func(st *sqlite.Stmt) { list = append(list, scanPending(st)) }
	switch what {
	case owedEvent:
		reason = bellhop.ReasonErased
		err = each(w.conn, add, idleOfEvent, number, len(ids))
	case owedSettled:
		reason = bellhop.ReasonSettled
		err = each(w.conn, add, idleSettled, number, len(ids))
	default:
		err = each(w.conn, add, idleOfEndpoint, number, 0, len(ids))
	}
	for i := 0; err == nil && i < len(list); i++ {
		err = w.cancel(&list[i], ids[i], reason, now)
	}
	return len(list), err
}

// cancel ends a delivery with a last line in the log.
func (w *writer) cancel(d *bellhop.Delivery, id bellhop.AttemptID, reason string, now time.Time) error {
	line := bellhop.LastLine(d, id, reason)
	if err := w.end(d, &line); err != nil {
		return err
	}
	if reason == bellhop.ReasonDeleted {
		return nil // whoever would be next has nowhere to go either
	}
	return w.promote(d.Endpoint, d.OrderKey, now)
}

// dropEndpoint removes an endpoint, and leaves what is pending to it to Sweep.
func (w *writer) dropEndpoint(e bellhop.EndpointID) error {
	if err := w.writeDownEndpoint(e); err != nil {
		return err
	}
	err := exec(w.conn, "DELETE FROM endpoints WHERE id = ?", int64(e))
	for _, sql := range []string{
		"DELETE FROM reorders WHERE endpoint = ?", "DELETE FROM releases WHERE endpoint = ?", "DELETE FROM tokens WHERE endpoint = ?",
		"DELETE FROM vitals WHERE endpoint = ?", "DELETE FROM endpoint_names WHERE endpoint = ?",
	} {
		if err == nil {
			err = exec(w.conn, sql, int64(e))
		}
	}
	if err == nil {
		err = w.owe(owedEndpoint, name(e))
	}
	return err
}

// oweEvent notes that an erased event may have pending deliveries.
func (w *writer) oweEvent(e bellhop.EventID) error {
	w.state.erasing = true
	return w.owe(owedEvent, name(e))
}
