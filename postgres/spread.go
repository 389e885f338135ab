package postgres

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/idlist"
)

// fanoutList is a list of endpoints on its way into the store, which several events of an
// app share.
type fanoutList struct {
	app     string
	ids     []bellhop.EndpointID // as the events have it
	encoded []byte
	first   bellhop.EventID // whose id the list has; 0: it is not stored yet
}

// fanoutLists gives each event's list; nil where there is none.
func fanoutLists(events []bellhop.NewEvent) (lists []*fanoutList, bytes int) {
	var last *fanoutList
	for i := range events {
		later, app := events[i].Later, events[i].Event.App
		if len(later) == 0 {
			continue
		}
		if lists == nil {
			lists = make([]*fanoutList, len(events))
		}
		if last == nil || last.app != app || !slices.Equal(last.ids, later) {
			last = &fanoutList{app: app, ids: later, encoded: idlist.Encode(later)}
			bytes += len(last.encoded)
		}
		lists[i] = last
		bytes += rowWeight / 4
	}
	return lists, bytes
}

const (
	// The app's oldest event whose fan-out has not come to an endpoint.
	oldestFanoutOf = "SELECT event FROM bellhop.fanouts WHERE app = $1 AND done < $2 ORDER BY event LIMIT 1"

	anyFanout   = "SELECT EXISTS (SELECT 1 FROM bellhop.fanouts) /* all apps */"
	appToSpread = "SELECT app FROM bellhop.fanouts WHERE app > $1 ORDER BY app LIMIT 1"
	// Another process may be at the same events: each waits for the other, and goes on from
	// where that has come to.
	nextToSpread = `SELECT f.event, f.list, f.done FROM bellhop.fanouts f WHERE f.app = $1 ORDER BY f.event LIMIT $2 FOR UPDATE`
	spreadEvents = "SELECT id, type, subject, deliver_at, erased FROM bellhop.events WHERE app = $1 AND id = ANY($2)"
	listOfFanout = "SELECT endpoints FROM bellhop.fanout_lists WHERE app = $1 AND id = $2"
	lockList     = "SELECT 1 FROM bellhop.fanout_lists WHERE app = $1 AND id = $2 FOR UPDATE"
	dropList     = `DELETE FROM bellhop.fanout_lists WHERE app = $1 AND id = $2
		AND NOT EXISTS (SELECT 1 FROM bellhop.fanouts WHERE app = $1 AND list = $2)`
	laterOf   = `SELECT l.endpoints, f.done FROM bellhop.fanouts f JOIN bellhop.fanout_lists l ON l.app = f.app AND l.id = f.list WHERE f.event = $1 /* all apps */`
	orderings = "SELECT id, ordering FROM bellhop.endpoints WHERE id = ANY($1)"
)

// Spread makes deliveries to endpoints that events were accepted with for later. It
// looks first, because it is called often and seldom finds any.
func (s *Store) Spread(ctx context.Context, l bellhop.Lease, ids []bellhop.DeliveryID, now time.Time) ([]bellhop.Backlog, error) {
	found := false
	err := s.readFor(ctx, forFlow, "look for fan-outs", func(q *reading) error {
		var one int
		held, err := q.one(into(&one), leaseAlive, int(l.Node), l.Epoch)
		if err != nil {
			return err
		}
		if !held {
			return bellhop.ErrLeaseLost
		}
		_, err = q.one(into(&found), anyFanout)
		return err
	})
	if err != nil || !found || len(ids) == 0 {
		return nil, err
	}
	var sp *spread
	err = s.write(ctx, upkeep, "spread", func(t *txn) error {
		if err := t.lease(l); err != nil {
			return err
		}
		sp = &spread{txn: t, turn: s.spreading.turn(), got: map[bellhop.EndpointID]time.Time{}, orderings: map[bellhop.EndpointID]bellhop.Ordering{}, lists: map[listOf]endpointList{}}
		err := sp.skipUsed(ids, now)
		for more := true; more && err == nil && worthwhile(len(sp.ids), len(ids)); {
			more, err = sp.round(now)
		}
		if err == nil {
			err = sp.store(now)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.spreading.set(sp.turn)
	for _, e := range sp.damaged {
		s.log.Error("a list of endpoints is damaged: some do not get the event; replay it to those that lack it", "event", e)
	}
	list := make([]bellhop.Backlog, 0, len(sp.got))
	for e, due := range sp.got {
		list = append(list, bellhop.Backlog{Endpoint: e, Due: due})
	}
	slices.SortFunc(list, func(a, b bellhop.Backlog) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return list, nil
}

const leaseAlive = "SELECT 1 FROM bellhop.nodes WHERE id = $1 AND epoch = $2 AND held = 1"

// turns remembers whose turn it was.
type turns struct {
	mu   sync.Mutex
	last string
}

func (t *turns) turn() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

func (t *turns) set(app string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = app
}

// endpointList is a list of endpoints as it is stored. Whole says that all of it could
// be read.
type endpointList struct {
	endpoints []bellhop.EndpointID
	whole     bool
}

// listOf names a list.
type listOf struct {
	app string
	id  int64
}

// spread is one Spread at work.
type spread struct {
	*txn
	// turn is the app that was served last.
	turn string
	ids  []bellhop.DeliveryID
	got  map[bellhop.EndpointID]time.Time
	// advanced counts how often an event has come further.
	advanced int
	// orderings are those of the endpoints met so far; "" of one that is gone.
	orderings map[bellhop.EndpointID]bellhop.Ordering
	// lists are those read so far: events of a batch share them.
	lists map[listOf]endpointList
	// damaged are the events whose fan-out ended early.
	damaged []bellhop.EventID
	// made are the deliveries to be stored, of their events.
	made []newPending
	// gone are endpoints and erased events that Sweep has to look after.
	gone   []bellhop.EndpointID
	erased []bellhop.Event
}

// skipUsed leaves out ids that have a delivery: the step is repeated, and its answer
// is due once more.
func (s *spread) skipUsed(ids []bellhop.DeliveryID, now time.Time) error {
	used, err := s.storedDeliveries(ids)
	for _, id := range ids {
		if d, ok := used[id]; ok {
			due := d.due
			if due.IsZero() {
				due = now
			}
			s.answer(d.endpoint, due)
		} else {
			s.ids = append(s.ids, id)
		}
	}
	return err
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
// more to do: what they do not need the others get. A round in which nothing was done is
// the last one.
func (s *spread) round(now time.Time) (more bool, err error) {
	begun := s.advanced
	apps, err := s.turns()
	for i := 0; err == nil && i < len(apps) && len(s.ids) > 0; i++ {
		share := bellhop.SpreadShare(len(s.ids), len(apps)-i)
		left := share
		for more = true; more && err == nil && worthwhile(left, share); {
			before := len(s.ids)
			more, err = s.next(apps[i], left, now)
			left -= before - len(s.ids)
		}
		s.turn = apps[i]
	}
	return s.advanced > begun && len(s.ids) > 0, err
}

// turns gives the apps whose turn it is: from the one served last on by name, and
// round again. Only memory knows that one: after a restart it begins anew.
func (s *spread) turns() ([]string, error) {
	var apps []string
	from, around := s.turn, false
	for len(apps) < bellhop.SpreadApps {
		var app string
		found, err := s.one(into(&app), appToSpread, from)
		switch {
		case err != nil:
			return nil, err
		case !found && (around || from == ""):
			return apps, nil
		case !found:
			from, around = "", true
			continue
		case slices.Contains(apps, app):
			return apps, nil
		}
		apps, from = append(apps, app), app
	}
	return apps, nil
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
	if err := s.learn(first, until); err != nil {
		return false, err
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
		if err := s.learn(rest[:n], until); err != nil {
			return false, err
		}
		for _, to := range rest[:n] {
			s.make(&f.event, to, s.ids[0], now)
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
	var ids []int64
	var event, of, done int64
	add := scan(func() {
		f := fanout{gone: true, list: of, done: bellhop.EndpointID(done)}
		f.event.ID, f.event.App = bellhop.EventID(event), app
		list, ids = append(list, f), append(ids, event)
	}, &event, &of, &done)
	// Those that were waited for may be gone when the lock is had, and others not: they
	// are looked for again. If these are gone, too, somebody else is at it.
	again := true
	for try := 0; again && len(list) == 0 && try < tries; try++ {
		if err := s.each(add, nextToSpread, app, max(most, 1)); err != nil {
			return nil, err
		}
		if len(list) == 0 {
			if _, err := s.one(into(&again), "SELECT EXISTS (SELECT 1 FROM bellhop.fanouts WHERE app = $1)", app); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(list, func(a, b fanout) int { return cmp.Compare(a.event.ID, b.event.ID) })
	for i := range list {
		if list[i].done != list[0].done {
			list = list[:i]
			break
		}
	}
	at := map[bellhop.EventID]*fanout{}
	for i := range list {
		at[list[i].event.ID] = &list[i]
	}
	var id, deliverAt int64
	var kind, subject string
	var erased bool
	err := s.each(scan(func() {
		f := at[bellhop.EventID(id)]
		if f == nil {
			return
		}
		f.gone, f.event.Type, f.event.Subject, f.event.Erased = false, kind, subject, erased
		if deliverAt != 0 {
			due := moment(deliverAt)
			f.event.DeliverAt = &due
		}
	}, &id, &kind, &subject, &deliverAt, &erased), spreadEvents, app, ids)
	return list, err
}

// rest gives the endpoints that an event still has to be bound for.
func (s *spread) rest(f *fanout) ([]bellhop.EndpointID, error) {
	if f.gone {
		return nil, nil
	}
	of := listOf{f.event.App, f.list}
	l, ok := s.lists[of]
	if !ok {
		var encoded []byte
		if _, err := s.one(into(&encoded), listOfFanout, of.app, of.id); err != nil {
			return nil, err
		}
		l.endpoints, l.whole = idlist.Decode[bellhop.EndpointID](encoded)
		s.lists[of] = l
	}
	return l.endpoints[sort.Search(len(l.endpoints), func(i int) bool { return l.endpoints[i] > f.done }):], nil
}

// learn looks up the orderings of endpoints that are not known yet, up to one.
func (s *spread) learn(list []bellhop.EndpointID, until bellhop.EndpointID) error {
	var unknown []int64
	for _, e := range list {
		if e > until {
			break
		}
		if _, ok := s.orderings[e]; !ok {
			s.orderings[e] = ""
			unknown = append(unknown, int64(e))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	var id int64
	var ordering string
	err := s.each(scan(func() { s.orderings[bellhop.EndpointID(id)] = bellhop.Ordering(ordering) }, &id, &ordering), orderings, unknown)
	for _, id := range unknown {
		if e := bellhop.EndpointID(id); s.orderings[e] == "" {
			s.gone = append(s.gone, e)
		}
	}
	return err
}

// advance notes how far an event has come, or ends its fan-out.
func (s *spread) advance(f *fanout, until bellhop.EndpointID, ended bool) error {
	s.advanced++
	if !ended {
		_, err := s.exec("UPDATE bellhop.fanouts SET done = $1 WHERE app = $2 AND event = $3", int64(until), f.event.App, int64(f.event.ID))
		return err
	}
	if !f.gone && !s.lists[listOf{f.event.App, f.list}].whole {
		s.damaged = append(s.damaged, f.event.ID)
	}
	return s.endFanout(f.event.App, f.event.ID, f.list)
}

// make makes one delivery. One that can never be made is made all the same, for
// Sweep to end it: the log says why it did not go.
func (s *spread) make(e *bellhop.Event, to bellhop.EndpointID, id bellhop.DeliveryID, now time.Time) {
	if e.Erased && (len(s.erased) == 0 || s.erased[len(s.erased)-1].ID != e.ID) {
		s.erased = append(s.erased, *e)
	}
	d := bellhop.Delivery{
		ID: id, Event: e.ID, Endpoint: to, App: e.App, Trigger: bellhop.TriggerPublish,
		Due: bellhop.SpreadDue(e, now), OrderKey: s.orderings[to].OrderKey(e), OrderPos: bellhop.SpreadPosition(e, id),
	}
	s.answer(to, d.Due)
	s.made = append(s.made, newPending{Delivery: d, born: bellhop.Born(&d, e)})
}

// store stores what was made, and owes what Sweep has to end.
func (s *spread) store(now time.Time) error {
	if err := s.addPending(s.made, now); err != nil {
		return err
	}
	for _, e := range s.gone {
		if err := s.owe(owedEndpoint, "", name(e)); err != nil {
			return err
		}
	}
	for i := range s.erased {
		if err := s.oweEvent(s.erased[i].App, s.erased[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// endFanout forgets an event's fan-out, and its list with the last that has it. Of two that
// end the last two, one waits for the other, and sees it.
func (t *txn) endFanout(app string, e bellhop.EventID, list int64) error {
	if _, err := t.exec(lockList, app, list); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM bellhop.fanouts WHERE app = $1 AND event = $2", app, int64(e)); err != nil {
		return err
	}
	_, err := t.exec(dropList, app, list)
	return err
}

// Later gives the endpoints whose deliveries are still to be made.
func (s *Store) Later(ctx context.Context, id bellhop.EventID) ([]bellhop.EndpointID, error) {
	var list []bellhop.EndpointID
	err := s.read(ctx, "read a fan-out", func(q *reading) (err error) {
		list, err = q.later(id)
		return err
	})
	return list, err
}

func (q *reading) later(id bellhop.EventID) (list []bellhop.EndpointID, err error) {
	var encoded []byte
	var done int64
	_, err = q.one(into(&encoded, &done), laterOf, int64(id))
	all, _ := idlist.Decode[bellhop.EndpointID](encoded) // Spread tells of a damaged one
	return slices.DeleteFunc(all, func(e bellhop.EndpointID) bool { return e <= bellhop.EndpointID(done) }), err
}

// HeldBack tells whether an ordered delivery waits for a fan-out.
func (s *Store) HeldBack(ctx context.Context, d bellhop.Delivery, apps []string) (held bool, err error) {
	if d.OrderKey == "" {
		return false, nil
	}
	err = s.read(ctx, "look for what holds a delivery back", func(q *reading) error {
		held = false
		for _, app := range bellhop.HeldBackBy(&d, apps) {
			var oldest int64
			found, err := q.one(into(&oldest), oldestFanoutOf, app, int64(d.Endpoint))
			if held = held || found && oldest < int64(d.OrderPos); err != nil || held {
				return err
			}
		}
		return nil
	})
	return held, err
}
