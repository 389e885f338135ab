package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// doubts are the transactions whose answer was lost. The server may not have come to their
// end yet: the connection is gone for this process, but not for the server, or what was
// sent is still on its way. As long as one is in progress nobody can say what came of it.
type doubts struct {
	mu     sync.Mutex
	xids   map[string]bool
	events map[bellhop.EventID]accepted
}

func (d *doubts) add(xid string) {
	if xid == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.xids == nil {
		d.xids = map[string]bool{}
	}
	d.xids[xid] = true
}

// addEvent keeps what is fresh of an event, if that was stored.
func (d *doubts) addEvent(a accepted) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.events == nil {
		d.events = map[bellhop.EventID]accepted{}
	}
	d.events[a.event] = a
}

// take gives what was kept of some events.
func (d *doubts) take(events []bellhop.NewEvent) (list []accepted) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range events {
		if a, ok := d.events[events[i].Event.ID]; ok {
			list = append(list, a)
			delete(d.events, a.event)
		}
	}
	return list
}

// drop forgets what was kept for a lease that is over.
func (d *doubts) drop(l bellhop.Lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e, a := range d.events {
		if a.lease == l {
			delete(d.events, e)
		}
	}
}

const (
	// doubtPause is how long it takes to look again whether a transaction has ended.
	doubtPause = 20 * time.Millisecond
	// doubtPatience is how long that is looked at. The server gives up a transaction whose
	// client has gone after a while by itself.
	doubtPatience = 30 * time.Second

	// invalidParameter: the number is not given out yet, on a server that took over from
	// the one that gave it out. What was not copied to it is gone.
	invalidParameter = "22023"
)

// settleDoubts waits until the transactions that are in doubt now have ended. What they
// have done can be seen then, and nothing comes after it.
func (s *Store) settleDoubts(ctx context.Context) error {
	s.doubts.mu.Lock()
	var xids []string
	for xid := range s.doubts.xids {
		xids = append(xids, xid)
	}
	s.doubts.mu.Unlock()
	deadline := time.Now().Add(doubtPatience)
	for _, xid := range xids {
		for {
			var status *string
			err := s.readFor(ctx, forFlow, "look what came of a transaction", func(q *reading) error {
				_, err := q.one(into(&status), "SELECT pg_xact_status($1::text::xid8)", xid)
				return err
			})
			if err != nil && codeOf(err) != invalidParameter {
				return err
			}
			if err != nil || status == nil || *status != "in progress" {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%w: a transaction whose answer was lost has not ended", bellhop.ErrUnavailable)
			}
			if err := pause(ctx, doubtPause); err != nil {
				return err
			}
		}
		s.doubts.mu.Lock()
		delete(s.doubts.xids, xid)
		s.doubts.mu.Unlock()
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const storedEvents = "SELECT id FROM bellhop.events WHERE (app = ANY($1)) IS TRUE AND id = ANY($2)"

// Resolve finds out whether these events were stored. It waits until the transaction that
// may have stored them has ended: what is not there then will not arrive.
func (s *Store) Resolve(ctx context.Context, l bellhop.Lease, events []bellhop.NewEvent, _ time.Time) (receipts []bellhop.Receipt, stored bool, err error) {
	if err := s.settleDoubts(ctx); err != nil {
		return nil, false, s.writeError(ctx, "look for the events", err)
	}
	err = s.write(ctx, asked, "look for the events", func(t *txn) error {
		if err := t.lease(l); err != nil {
			return err
		}
		g := &group{store: s, t: t, steps: []*step{{enqueue: &enqueueing{events: events}}}}
		var apps []string
		var ids []int64
		for i := range events {
			apps, ids = append(apps, events[i].Event.App), append(ids, int64(events[i].Event.ID))
		}
		there := map[bellhop.EventID]bool{}
		var id int64
		p := &pipeline{t: t}
		p.each(scan(func() { there[bellhop.EventID(id)] = true }, &id), storedEvents, apps, ids)
		g.readFirsts(p)
		if err := p.run(); err != nil {
			return err
		}
		has := func(id bellhop.EventID) (bool, error) { return there[id], nil }
		receipts, stored, err = bellhop.StoredReceipts(events, has, g.firstPublish)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	for _, a := range s.doubts.take(events) {
		if stored {
			s.fresh.stored(a.lease, a.fresh)
		} else {
			s.fresh.notStored(a.lease, a.fresh)
		}
	}
	return receipts, stored, nil
}

func isUnknown(err error) bool { return errors.Is(err, bellhop.ErrUnknown) }
