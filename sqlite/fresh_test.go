package sqlite

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// publish enqueues an event with a delivery to each endpoint, owned at once.
func (c *crowded) publish(endpoints ...bellhop.EndpointID) bellhop.NewEvent {
	c.Helper()
	n := bellhop.NewEvent{Event: bellhop.Event{
		ID: id.Next[id.Event](c.ids, c.now), App: "acme", Type: "invoice.paid", Data: bellhop.JSON(`{}`), Deliveries: len(endpoints),
	}}
	for _, e := range endpoints {
		n.Deliveries = append(n.Deliveries, bellhop.Delivery{
			ID: id.Next[id.Delivery](c.ids, c.now), Event: n.Event.ID, Endpoint: e, App: "acme", Trigger: bellhop.TriggerPublish,
			Due: c.now, Owner: c.lease.Node, OrderPos: bellhop.DeliveryID(n.Event.ID),
		})
	}
	c.must(c.enqueue(c.Context(), n))
	return n
}

func (c *crowded) record(d *bellhop.Delivery, status bellhop.AttemptStatus, final bool) {
	c.Helper()
	a := bellhop.Attempt{
		ID: id.Next[id.Attempt](c.ids, c.now), Delivery: d.ID, Event: d.Event, Endpoint: d.Endpoint, App: "acme", Type: "invoice.paid",
		Trigger: d.Trigger, Number: 1, Status: status, Final: final,
	}
	if !final {
		a.NextAt = c.now.Add(time.Minute)
	}
	c.must(c.s.Record(c.Context(), c.lease, []bellhop.Result{{Attempt: a, Lease: c.lease}}, c.now))
}

// rows are the deliveries that have a row in pending.
func (c *crowded) rowsOfPending() (list []bellhop.Delivery) {
	c.Helper()
	c.must(c.s.read(c.Context(), "look", func(conn *sqlite.Conn) error {
		return each(conn, func(st *sqlite.Stmt) { list = append(list, scanPending(st)) }, selectPending+" ORDER BY id")
	}))
	return list
}

func (c *crowded) waiting() (list []bellhop.DeliveryID) {
	c.Helper()
	found, err := c.s.Deliveries(c.Context(), bellhop.DeliveryFilter{Scope: bellhop.Everything(), Status: bellhop.DeliveryPending, Limit: 100})
	c.must(err)
	for i := range found {
		list = append(list, found[i].ID)
	}
	slices.Sort(list)
	count, oldest, err := c.s.Pending(c.Context(), bellhop.Everything(), 0)
	c.must(err)
	if int(count) != len(list) || count > 0 && oldest != list[0] {
		c.Errorf("%d wait, the oldest is %v; listed are %v", count, oldest, list)
	}
	return list
}

// TestTheHappyPathOnlyAppends: what succeeds at once has no row to update or delete.
func TestTheHappyPathOnlyAppends(t *testing.T) {
	c := newCrowded(t)
	one, other := c.endpoint("acme").ID, c.endpoint("acme").ID
	c.committed(0, 0)
	c.rows.Store(0)
	n := c.publish(one, other)
	if rows := c.rows.Swap(0); rows != 1 {
		t.Errorf("an event with two deliveries changed %d rows, want its own", rows)
	}
	if got := c.waiting(); !slices.Equal(got, []bellhop.DeliveryID{n.Deliveries[0].ID, n.Deliveries[1].ID}) {
		t.Errorf("wait: %v", got)
	}
	c.record(&n.Deliveries[0], bellhop.AttemptSucceeded, true)
	if rows := c.rows.Swap(0); rows != 1 {
		t.Errorf("a success changed %d rows, want the attempt", rows)
	}
	c.record(&n.Deliveries[1], bellhop.AttemptFailed, false)
	list := c.rowsOfPending()
	if len(list) != 1 || list[0].ID != n.Deliveries[1].ID || list[0].Attempts != 1 || list[0].Owner != 0 {
		t.Errorf("after a failure pending has %+v", list)
	}
	if f := c.s.writer.fresh; len(f.of)+len(f.events)+len(f.came)+len(f.left) > 0 {
		t.Errorf("left in memory: %d deliveries, %d events", len(f.of), len(f.events))
	}
}

// TestFreshDeliveriesSurviveACrash: those of events above the mark that have not ended are
// pending again, and no others.
func TestFreshDeliveriesSurviveACrash(t *testing.T) {
	c := newCrowded(t)
	one, other := c.endpoint("acme").ID, c.endpoint("acme").ID
	slow := c.publish(one) // keeps the mark down
	c.now = c.now.Add(2 * markLag)
	done, half, tried, back := c.publish(one), c.publish(one, other), c.publish(other), c.publish(one)
	c.record(&done.Deliveries[0], bellhop.AttemptSucceeded, true)
	c.record(&half.Deliveries[0], bellhop.AttemptSucceeded, true)
	c.record(&tried.Deliveries[0], bellhop.AttemptFailed, false)
	c.must(c.s.Release(t.Context(), c.lease, []bellhop.DeliveryID{back.Deliveries[0].ID}, c.now))
	want := c.waiting()
	if all := []bellhop.DeliveryID{slow.Deliveries[0].ID, half.Deliveries[1].ID, tried.Deliveries[0].ID, back.Deliveries[0].ID}; !slices.Equal(want, all) {
		t.Fatalf("wait: %v, want %v", want, all)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	c.must(Backup(t.Context(), c.s.path, copied, nil))
	s, err := Open(t.Context(), copied, Options{})
	c.must(err)
	defer s.Close()
	again := &crowded{T: t, s: s, ids: c.ids, now: c.now}
	if got := again.waiting(); !slices.Equal(got, want) {
		t.Errorf("after the crash wait %v, want %v", got, want)
	}
	list := again.rowsOfPending()
	for i := range list {
		d := &list[i]
		if d.Owner != 0 || d.Due.IsZero() || d.Endpoint == 0 || d.App != "acme" || d.Trigger != bellhop.TriggerPublish {
			t.Errorf("row: %+v", d)
		}
	}
}

// TestWhatTakesLongIsWrittenDown, so that the mark moves on.
func TestWhatTakesLongIsWrittenDown(t *testing.T) {
	c := newCrowded(t)
	e := c.endpoint("acme").ID
	slow := c.publish(e)
	renew := func() (mark int64) {
		_, err := c.s.Renew(t.Context(), c.lease, nil, time.Hour, c.now)
		c.must(err)
		c.must(c.s.read(t.Context(), "look", func(conn *sqlite.Conn) error {
			return each(conn, func(st *sqlite.Stmt) { mark = st.ColumnInt64(0) }, freshMark)
		}))
		return mark
	}
	if mark := renew(); mark > int64(slow.Event.ID) || len(c.rowsOfPending()) > 0 {
		t.Errorf("at once: mark %d, rows %v", mark, c.rowsOfPending())
	}
	c.now = c.now.Add(2 * markLag)
	if mark := renew(); mark > int64(slow.Event.ID) {
		t.Errorf("the mark %d is above what was fresh when it was written", mark)
	}
	if list := c.rowsOfPending(); len(list) != 1 || list[0].Owner != c.lease.Node {
		t.Errorf("rows: %+v", list)
	}
	if mark := renew(); mark <= int64(slow.Event.ID) {
		t.Errorf("the mark stays at %d", mark)
	}
	c.record(&slow.Deliveries[0], bellhop.AttemptSucceeded, true)
	if got := c.waiting(); len(got) > 0 {
		t.Errorf("wait: %v", got)
	}
	// Nobody would look for what comes from below the mark.
	late := bellhop.NewEvent{Event: bellhop.Event{ID: slow.Event.ID + 1, App: "acme", Type: "a", Deliveries: 1}}
	late.Deliveries = []bellhop.Delivery{{ID: slow.Deliveries[0].ID + 1, Event: late.Event.ID, Endpoint: e, App: "acme", Trigger: bellhop.TriggerPublish, Due: c.now, Owner: c.lease.Node}}
	c.must(c.enqueue(t.Context(), late))
	if list := c.rowsOfPending(); len(list) != 1 {
		t.Errorf("an event from below the mark has %d rows in pending", len(list))
	}
}

// TestATransactionThatFailsLeavesNothingFresh, and takes nothing away.
func TestATransactionThatFailsLeavesNothingFresh(t *testing.T) {
	c := newCrowded(t)
	e := c.endpoint("acme").ID
	n := c.publish(e)
	// Its own event first, then one whose id is taken.
	twice := bellhop.NewEvent{Event: bellhop.Event{ID: id.Next[id.Event](c.ids, c.now), App: "acme", Type: "a", Deliveries: 1}}
	twice.Deliveries = []bellhop.Delivery{{ID: id.Next[id.Delivery](c.ids, c.now), Event: twice.Event.ID, Endpoint: e, App: "acme", Trigger: bellhop.TriggerPublish, Due: c.now, Owner: c.lease.Node}}
	if err := c.enqueue(t.Context(), twice, n); err == nil {
		t.Fatal("an event was stored twice")
	}
	if got := c.waiting(); !slices.Equal(got, []bellhop.DeliveryID{n.Deliveries[0].ID}) {
		t.Errorf("wait: %v", got)
	}
	// A success, and then an attempt whose row cannot be: nothing of both is kept.
	a := bellhop.Attempt{ID: id.Next[id.Attempt](c.ids, c.now), Delivery: n.Deliveries[0].ID, Event: n.Event.ID, Endpoint: e, App: "acme", Type: "a", Trigger: bellhop.TriggerPublish, Number: 1, Final: true, Status: bellhop.AttemptSucceeded}
	failed := c.s.write(t.Context(), "fail", 1, func(w *writer) error {
		if err := w.record(c.lease, &bellhop.Result{Attempt: a, Lease: c.lease}, c.now); err != nil {
			return err
		}
		return exec(w.conn, "INSERT INTO events (id) VALUES (NULL)")
	})
	if failed == nil {
		t.Fatal("a row without an app was stored")
	}
	if got := c.waiting(); !slices.Equal(got, []bellhop.DeliveryID{n.Deliveries[0].ID}) {
		t.Errorf("after a step that failed wait %v", got)
	}
	c.must(c.s.Record(t.Context(), c.lease, []bellhop.Result{{Attempt: a, Lease: c.lease}}, c.now))
	if got := c.waiting(); len(got) > 0 {
		t.Errorf("wait: %v", got)
	}
}

func TestFreshColumnComesBack(t *testing.T) {
	e := &freshEvent{id: 1 << 60}
	for i := range 3 {
		e.deliveries = append(e.deliveries, freshDelivery{freshEvent: e, id: 1<<60 + bellhop.DeliveryID(1-i)<<(20*i), endpoint: 1<<62 + bellhop.EndpointID(i)})
	}
	b := freshColumn(e)
	got := readFreshColumn(e.id, b)
	if len(got) != 3 {
		t.Fatalf("got %v", got)
	}
	for i := range got {
		if got[i].ID != e.deliveries[i].id || got[i].Endpoint != e.deliveries[i].endpoint {
			t.Errorf("%d came back as %+v", i, got[i])
		}
	}
	for n := range b { // what is damaged is read as far as it goes
		if list := readFreshColumn(e.id, b[:n]); len(list) > 2 {
			t.Errorf("%d bytes gave %d", n, len(list))
		}
	}
}
