package sqlite

import (
	"context"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// What is owed to Sweep: to end what is pending of an endpoint that is gone, or of an
// event that was erased.
const (
	owedEndpoint = "endpoint"
	owedEvent    = "event"
)

const (
	sweepOwed = "SELECT 1 FROM owed WHERE what IN ('endpoint', 'event') LIMIT 1"
	nextOwed  = "SELECT name FROM owed WHERE what = ? LIMIT 1"
)

// name is an id as owed has it.
func name[K id.Kind](i id.ID[K]) string { return strconv.FormatInt(int64(i), 10) }

// sweepChunk bounds the deliveries that one transaction ends, and the marks that it
// takes away.
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
	total := 0
	for done := false; !done && total < len(ids); {
		chunk := ids[total:min(len(ids), total+sweepChunk)]
		swept := 0
		err := s.tidy(ctx, "sweep", 2*rowWeight*len(chunk), func(w *writer) (err error) {
			swept, done, err = w.sweep(chunk, now)
			return err
		})
		if err != nil {
			return total, err
		}
		total += swept
	}
	return total, nil
}

// sweep ends as many as there are ids, and answers whether nothing more is owed. Ids
// that have a line already, because the step is repeated, count as used.
func (w *writer) sweep(given []bellhop.AttemptID, now time.Time) (swept int, done bool, err error) {
	ids, err := w.unused(given)
	if err != nil {
		return 0, false, err
	}
	swept, done, err = w.sweepNew(ids, now)
	return swept + len(given) - len(ids), done, err
}

func (w *writer) sweepNew(ids []bellhop.AttemptID, now time.Time) (swept int, done bool, err error) {
	marks := 0
	for _, what := range []string{owedEndpoint, owedEvent} {
		for {
			if swept == len(ids) || marks == sweepChunk {
				return swept, false, nil
			}
			of := ""
			found, err := one(w.conn, func(st *sqlite.Stmt) { of = st.ColumnText(0) }, nextOwed, what)
			if err != nil {
				return swept, false, err
			}
			if !found {
				break
			}
			n, err := w.sweepOne(what, of, ids[swept:], now)
			swept += n
			if err != nil {
				return swept, false, err
			}
			if swept < len(ids) {
				if err := exec(w.conn, "DELETE FROM owed WHERE what = ? AND name = ?", what, of); err != nil {
					return swept, false, err
				}
				marks++
			}
		}
	}
	w.state.erasing = false
	return swept, true, nil
}

// sweepOne ends what is pending of one endpoint or event.
func (w *writer) sweepOne(what, of string, ids []bellhop.AttemptID, now time.Time) (n int, err error) {
	number, err := strconv.ParseInt(of, 10, 64)
	if err != nil {
		return 0, nil // nothing of ours
	}
	reason := bellhop.ReasonDeleted
	var list []bellhop.Delivery
	if what == owedEvent {
		reason = bellhop.ReasonErased
		err = each(w.conn, func(st *sqlite.Stmt) { list = append(list, scanPending(st)) }, pendingOfEvent, number, len(ids))
	} else {
		list, err = w.pendingOf(number, 0, len(ids))
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
	err := exec(w.conn, "DELETE FROM endpoints WHERE id = ?", int64(e))
	if err == nil {
		err = exec(w.conn, "DELETE FROM reorders WHERE endpoint = ?", int64(e))
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
