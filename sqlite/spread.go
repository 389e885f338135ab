package sqlite

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/idlist"
)

// fanoutList is a list of endpoints on its way into the store, which several events
// share.
type fanoutList struct {
	ids     []bellhop.EndpointID // as the events have it
	encoded []byte
	row     int64 // 0: not stored yet
}

// fanoutLists gives each event's list; nil where there is none.
func fanoutLists(events []bellhop.NewEvent) (lists []*fanoutList, bytes int) {
	var last *fanoutList
	for i := range events {
		later := events[i].Later
		if len(later) == 0 {
			continue
		}
		if lists == nil {
			lists = make([]*fanoutList, len(events))
		}
		if last == nil || !slices.Equal(last.ids, later) {
			last = &fanoutList{ids: later, encoded: idlist.Encode(later)}
			bytes += len(last.encoded)
		}
		lists[i] = last
		bytes += rowWeight / 4
	}
	return lists, bytes
}

// addFanout notes the endpoints that Spread makes deliveries to.
func (w *writer) addFanout(e *bellhop.Event, list *fanoutList) error {
	if list.row == 0 {
		if err := exec(w.conn, "INSERT INTO fanout_lists (endpoints) VALUES (?)", list.encoded); err != nil {
			return err
		}
		list.row = w.conn.LastInsertRowID()
	}
	return exec(w.conn, "INSERT INTO fanouts (event, app, list, done) VALUES (?, ?, ?, 0)", int64(e.ID), e.App, list.row)
}

const (
	// The app's oldest event whose fan-out has not come to an endpoint.
	oldestFanoutOf = "SELECT event FROM fanouts INDEXED BY fanouts_app WHERE app = ? AND done < ? ORDER BY event LIMIT 1"

	firstAppToSpread = "SELECT app FROM fanouts INDEXED BY fanouts_app ORDER BY app LIMIT 1"
	nextAppToSpread  = "SELECT app FROM fanouts INDEXED BY fanouts_app WHERE app > ? ORDER BY app LIMIT 1"
	nextToSpread     = `SELECT f.event, f.list, f.done, f.app, e.type, e.subject, e.deliver_at, e.erased
		FROM fanouts f INDEXED BY fanouts_app LEFT JOIN events e ON e.id = f.event WHERE f.app = ? ORDER BY f.event LIMIT ? + 0`
	listOfFanout = "SELECT endpoints FROM fanout_lists WHERE id = ?"
	dropList     = "DELETE FROM fanout_lists WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM fanouts INDEXED BY fanouts_list WHERE list = ?1)"
	laterOf      = "SELECT l.endpoints, f.done FROM fanouts f JOIN fanout_lists l ON l.id = f.list WHERE f.event = ?"
	heldLease    = "SELECT 1 FROM nodes WHERE id = ? AND epoch = ? AND held = 1"
)

// Spread makes deliveries to endpoints that events were accepted with for later. It
// looks first, because it is called often and seldom finds any.
func (s *Store) Spread(ctx context.Context, l bellhop.Lease, ids []bellhop.DeliveryID, now time.Time) ([]bellhop.Backlog, error) {
	found := false
	err := s.readFor(ctx, forFlow, "look for fan-outs", func(c *sqlite.Conn) error {
		held, err := one(c, func(*sqlite.Stmt) {}, heldLease, int(l.Node), l.Epoch)
		if err != nil {
			return err
		}
		if !held {
			return bellhop.ErrLeaseLost
		}
		return each(c, func(*sqlite.Stmt) { found = true }, "SELECT 1 FROM fanouts LIMIT 1")
	})
	if err != nil || !found || len(ids) == 0 {
		return nil, err
	}
	var list []bellhop.Backlog
	var damaged []bellhop.EventID
	err = s.tidy(ctx, "spread", rowWeight*len(ids), func(w *writer) error {
		if err := w.holds(l); err != nil {
			return err
		}
		sp := spread{writer: w, got: map[bellhop.EndpointID]time.Time{}, orderings: map[bellhop.EndpointID]bellhop.Ordering{}, lists: map[int64]endpointList{}}
		err := sp.skipUsed(ids, now)
		for more := true; more && err == nil && worthwhile(len(sp.ids), len(ids)); {
			more, err = sp.round(now)
		}
		damaged, list = sp.damaged, list[:0]
		for e, due := range sp.got {
			list = append(list, bellhop.Backlog{Endpoint: e, Due: due})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, e := range damaged {
		s.log.Error("a list of endpoints is damaged: some do not get the event; replay it to those that lack it", "event", e)
	}
	slices.SortFunc(list, func(a, b bellhop.Backlog) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return list, nil
}

// endpointList is a list of endpoints as it is stored. Whole says that all of it could
// be read.
type endpointList struct {
	endpoints []bellhop.EndpointID
	whole     bool
}

// spread is one Spread at work.
type spread struct {
	*writer
	ids []bellhop.DeliveryID
	got map[bellhop.EndpointID]time.Time
	// orderings are those of the endpoints met so far; "" of one that is gone.
	orderings map[bellhop.EndpointID]bellhop.Ordering
	// lists are those read so far: events of a batch share them.
	lists map[int64]endpointList
	// damaged are the events whose fan-out ended early.
	damaged []bellhop.EventID
}

// skipUsed leaves out ids that have a delivery: the step is repeated, and its answer
// is due once more.
func (s *spread) skipUsed(ids []bellhop.DeliveryID, now time.Time) error {
	for _, id := range ids {
		used, err := one(s.conn, func(st *sqlite.Stmt) {
			due := moment(st.ColumnInt64(1))
			if due.IsZero() {
				due = now
			}
			s.answer(bellhop.EndpointID(st.ColumnInt64(0)), due)
		}, storedDelivery, int64(id))
		if err != nil {
			return err
		}
		if !used {
			s.ids = append(s.ids, id)
		}
	}
	return nil
}

func (s *spread) answer(to bellhop.EndpointID, due time.Time) {
	if first, ok := s.got[to]; !ok || due.Before(first) {
		s.got[to] = due
	}
}

// worthwhile tells whether the ids that are left of a share are enough for another
// block. The few that a block leaves over would only make a small one, and events that
// have not come equally far make no large ones any more.
func worthwhile(left, share int) bool { return left > 0 && (share < smallShare || left*4 >= share) }

// smallShare is a share of which every id is used, since no block of it is large.
const smallShare = 64

// round gives the next few apps a share of the ids, and answers whether there may be
// more to do: what they do not need the others get.
func (s *spread) round(now time.Time) (more bool, err error) {
	apps, err := s.turns()
	for i := 0; err == nil && i < len(apps) && len(s.ids) > 0; i++ {
		share := bellhop.SpreadShare(len(s.ids), len(apps)-i)
		left := share
		for more = true; more && err == nil && worthwhile(left, share); {
			before := len(s.ids)
			more, err = s.next(apps[i], left, now)
			left -= before - len(s.ids)
		}
		s.state.turn = apps[i]
	}
	return len(apps) > 0 && len(s.ids) > 0, err
}

// turns gives the apps whose turn it is: from the one served last on by name, and
// round again. Only memory knows that one: after a restart it begins anew.
func (s *spread) turns() ([]string, error) {
	var apps []string
	found, err := s.addTurn(&apps, nextAppToSpread, s.state.turn)
	if err == nil && !found {
		found, err = s.addTurn(&apps, firstAppToSpread)
	}
	for err == nil && found && len(apps) < bellhop.SpreadApps {
		found, err = s.addTurn(&apps, nextAppToSpread, apps[len(apps)-1])
		if err == nil && !found {
			found, err = s.addTurn(&apps, firstAppToSpread)
		}
	}
	return apps, err
}

// addTurn adds the app that a query finds. It answers false if there is none, or if it
// has a turn already.
func (s *spread) addTurn(apps *[]string, sql string, args ...any) (added bool, err error) {
	_, err = one(s.conn, func(st *sqlite.Stmt) {
		if app := st.ColumnText(0); !slices.Contains(*apps, app) {
			*apps, added = append(*apps, app), true
		}
	}, sql, args...)
	return added, err
}

// fanout is an event whose fan-out goes on: all endpoints of its list up to done have
// their delivery.
type fanout struct {
	event bellhop.Event
	gone  bool // the event is: there is nothing to deliver
	list  int64
	done  bellhop.EndpointID
}

// next makes at most limit deliveries of the app's oldest events: a block of some
// events by some endpoints, about as many of each. A row of it would touch as many
// pages of the index of one as it has deliveries, and a block touches few of either.
// It answers whether there may be more.
func (s *spread) next(app string, limit int, now time.Time) (more bool, err error) {
	block, err := s.oldest(app, int(math.Sqrt(float64(limit))))
	if err != nil || len(block) == 0 {
		return false, err
	}
	first, err := s.rest(&block[0])
	if err != nil {
		return false, err
	}
	until := bellhop.EndpointID(0)
	if len(first) > 0 {
		until = first[min(max(limit/len(block), 1), len(first))-1]
	}
	for i := range block {
		f := &block[i]
		rest, err := s.rest(f)
		if err != nil {
			return false, err
		}
		n := sort.Search(len(rest), func(i int) bool { return rest[i] > until })
		if n > limit {
			break // the next block has it
		}
		for _, to := range rest[:n] {
			if err := s.make(&f.event, to, s.ids[0], now); err != nil {
				return false, err
			}
			s.ids = s.ids[1:]
		}
		limit -= n
		if err := s.advance(f, until, n == len(rest)); err != nil {
			return false, err
		}
	}
	return true, nil
}

// oldest gives the app's oldest events, as far as they have come equally far.
func (s *spread) oldest(app string, most int) ([]fanout, error) {
	var list []fanout
	err := each(s.conn, func(st *sqlite.Stmt) {
		f := fanout{gone: st.ColumnIsNull(4), list: st.ColumnInt64(1), done: bellhop.EndpointID(st.ColumnInt64(2))}
		e := &f.event
		e.ID, e.App, e.Type, e.Subject, e.Erased = bellhop.EventID(st.ColumnInt64(0)), st.ColumnText(3), st.ColumnText(4), st.ColumnText(5), st.ColumnBool(7)
		if at := st.ColumnInt64(6); at != 0 {
			t := moment(at)
			e.DeliverAt = &t
		}
		if len(list) == 0 || f.done == list[0].done {
			list = append(list, f)
		}
	}, nextToSpread, app, max(most, 1))
	return list, err
}

// rest gives the endpoints that an event still has to be bound for.
func (s *spread) rest(f *fanout) ([]bellhop.EndpointID, error) {
	if f.gone {
		return nil, nil
	}
	l, ok := s.lists[f.list]
	if !ok {
		_, err := one(s.conn, func(st *sqlite.Stmt) { l.endpoints, l.whole = idlist.Decode[bellhop.EndpointID](blob(st, 0)) }, listOfFanout, f.list)
		if err != nil {
			return nil, err
		}
		s.lists[f.list] = l
	}
	return l.endpoints[sort.Search(len(l.endpoints), func(i int) bool { return l.endpoints[i] > f.done }):], nil
}

// advance notes how far an event has come, or ends its fan-out.
func (s *spread) advance(f *fanout, until bellhop.EndpointID, ended bool) error {
	if !ended {
		return exec(s.conn, "UPDATE fanouts SET done = ? WHERE event = ?", int64(until), int64(f.event.ID))
	}
	if !f.gone && !s.lists[f.list].whole {
		s.damaged = append(s.damaged, f.event.ID)
	}
	return s.endFanout(f.event.ID, f.list)
}

// make makes one delivery. One that can never be made is made all the same, for
// Sweep to end it: the log says why it did not go.
func (s *spread) make(e *bellhop.Event, to bellhop.EndpointID, id bellhop.DeliveryID, now time.Time) error {
	ordering, known := s.orderings[to]
	if !known {
		_, err := one(s.conn, func(st *sqlite.Stmt) { ordering = bellhop.Ordering(st.ColumnText(0)) },
			"SELECT ordering FROM endpoints WHERE id = ?", int64(to))
		if err != nil {
			return err
		}
		if s.orderings[to] = ordering; ordering == "" {
			if err := s.owe(owedEndpoint, name(to)); err != nil {
				return err
			}
		}
	}
	if e.Erased {
		if err := s.oweEvent(e.ID); err != nil {
			return err
		}
	}
	d := bellhop.Delivery{
		ID: id, Endpoint: to, Trigger: bellhop.TriggerPublish,
		Due: bellhop.SpreadDue(e, now), OrderKey: ordering.OrderKey(e), OrderPos: bellhop.SpreadPosition(e, id),
	}
	s.answer(to, d.Due)
	return s.addDelivery(&d, e, 0, now)
}

// endFanout forgets an event's fan-out, and its list with the last that has it.
func (w *writer) endFanout(e bellhop.EventID, list int64) error {
	if err := exec(w.conn, "DELETE FROM fanouts WHERE event = ?", int64(e)); err != nil {
		return err
	}
	return exec(w.conn, dropList, list)
}

// Later gives the endpoints whose deliveries are still to be made.
func (s *Store) Later(ctx context.Context, id bellhop.EventID) ([]bellhop.EndpointID, error) {
	var list []bellhop.EndpointID
	err := s.read(ctx, "read a fan-out", func(c *sqlite.Conn) (err error) {
		list, err = later(c, id)
		return err
	})
	return list, err
}

func later(c *sqlite.Conn, id bellhop.EventID) (list []bellhop.EndpointID, err error) {
	_, err = one(c, func(st *sqlite.Stmt) {
		done := bellhop.EndpointID(st.ColumnInt64(1))
		all, _ := idlist.Decode[bellhop.EndpointID](blob(st, 0)) // Spread tells of a damaged one
		list = slices.DeleteFunc(all, func(e bellhop.EndpointID) bool { return e <= done })
	}, laterOf, int64(id))
	return list, err
}
