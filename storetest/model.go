package storetest

import (
	"cmp"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// model plays random steps of the hot path against the store and against a plain
// picture of it, and compares every answer. Each round has its own endpoints and
// nodes, so that one store serves all rounds.
func model(f *fixture) {
	f.app("acme")
	rapid.Check(f.TB.(rapid.TB), func(t *rapid.T) {
		m := newPicture(f, t)
		t.Repeat(map[string]func(*rapid.T){
			"enqueue": m.enqueue,
			"claim":   m.claim,
			"record":  m.record,
			"hold":    m.hold,
			"let go":  m.letGo,
			"repeat":  m.repeat,
			"release": m.release,
			"die":     m.die,
			"reorder": m.reorder,
			"accept":  m.accept,
			"spread":  m.spread,
			"erase":   m.erase,
			"resend":  m.resend,
			"sweep":   m.sweep,
			"pass":    func(t *rapid.T) { f.pass(time.Duration(rapid.IntRange(1, 30).Draw(t, "seconds")) * time.Second) },
			"":        m.check,
		})
		m.drain()
	})
}

// picture is what the store should hold for one endpoint.
type picture struct {
	*fixture
	t        *rapid.T
	endpoint bellhop.Endpoint
	nodes    []bellhop.Lease
	rows     []*bellhop.Delivery // in the order of ids
	recorded []bellhop.Result
	events   map[bellhop.EventID]*bellhop.Event
	later    []bellhop.EventID // oldest first: Spread still has to reach the endpoint
}

func newPicture(f *fixture, t *rapid.T) *picture {
	m := &picture{fixture: f, t: t, events: map[bellhop.EventID]*bellhop.Event{}}
	e := f.endpoint()
	e.Ordering = rapid.SampledFrom([]bellhop.Ordering{bellhop.OrderingNone, bellhop.OrderingSubject, bellhop.OrderingEndpoint}).Draw(t, "ordering")
	m.endpoint = f.save(e)
	for range 2 {
		m.nodes = append(m.nodes, f.joinFor(time.Minute))
	}
	m.lease = m.nodes[0]
	// A round that failed may have left something to be made.
	for len(m.fixture.spread(100)) > 0 {
	}
	m.fixture.sweep()
	return m
}

func (f *fixture) joinFor(lease time.Duration) bellhop.Lease {
	f.Helper()
	n, err := f.s.Join(f.Context(), f.about(), lease, f.now)
	f.must(err)
	return n.Lease
}

func (m *picture) anyNode(t *rapid.T) bellhop.Lease {
	return rapid.SampledFrom(m.nodes).Draw(t, "node")
}

func (m *picture) enqueue(t *rapid.T) {
	n := m.event(m.endpoint)
	n.Event.Subject = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "subject")
	d := &n.Deliveries[0]
	d.OrderKey = m.endpoint.Ordering.OrderKey(&n.Event)
	d.Due = m.now.Add(time.Duration(rapid.IntRange(-5, 20).Draw(t, "due")) * time.Second)
	d.OrderPos += bellhop.DeliveryID(rapid.SampledFrom([]int{0, 0, 3000, -3000}).Draw(t, "pos"))
	if len(m.rows) > 0 && rapid.IntRange(0, 3).Draw(t, "tie") == 0 {
		d.OrderPos = rapid.SampledFrom(m.rows).Draw(t, "with").OrderPos
	}
	m.lease = m.anyNode(t)
	if rapid.IntRange(0, 3).Draw(t, "owned") == 0 {
		d.Owner = m.lease.Node
	}
	m.fixture.enqueue(n)
	row := *d
	m.rows = append(m.rows, &row)
	m.events[n.Event.ID] = &n.Event
}

func (m *picture) claim(t *rapid.T) {
	node := m.anyNode(t)
	limit := rapid.IntRange(1, 4).Draw(t, "limit")
	r := bellhop.ClaimRequest{Lease: node, Endpoint: m.endpoint.ID, Limit: limit, Retries: rapid.Bool().Draw(t, "retries"), Newest: rapid.IntRange(0, 4).Draw(t, "newest") == 0}
	m.claimAs(t, r)
}

func (m *picture) claimAs(t *rapid.T, r bellhop.ClaimRequest) {
	got, err := m.fixture.claimAs(r)
	m.ok(err)
	var want []bellhop.DeliveryID
	heldBack := false
	limit := r.Limit
	for _, d := range m.due(&r) {
		if len(want) == limit {
			break
		}
		switch {
		case m.blocked(d), d.Settled != 0:
			d.Due = time.Time{}
			continue
		case d.OrderKey != "" && len(m.later) > 0 && bellhop.DeliveryID(m.later[0]) < d.OrderPos:
			heldBack = true
			continue
		case m.events[d.Event].Erased:
			d.Due = time.Time{}
			continue
		}
		d.Owner = r.Lease.Node
		want = append(want, d.ID)
	}
	if !slices.Equal(deliveryIDs(got.Work), want) {
		t.Fatalf("claimed %v, want %v", deliveryIDs(got.Work), want)
	}
	for _, retries := range []bool{false, true} {
		next := m.next(retries)
		if retries == r.Retries && heldBack && len(want) < limit {
			next = m.now.Add(bellhop.SpreadWait)
		}
		if at := *got.NextOf(retries); !at.Equal(next) {
			t.Fatalf("next %v, want %v (retries: %v)", at, next, retries)
		}
	}
}

func (m *picture) record(t *rapid.T) {
	if len(m.rows) == 0 {
		t.Skip("nothing pending")
	}
	d := rapid.SampledFrom(m.rows).Draw(t, "delivery")
	node := m.anyNode(t)
	a := m.attempt(*d, rapid.SampledFrom([]bellhop.AttemptStatus{bellhop.AttemptSucceeded, bellhop.AttemptFailed}).Draw(t, "status"))
	if a.Status == bellhop.AttemptFailed && rapid.Bool().Draw(t, "retry") {
		a = m.retry(*d, time.Duration(rapid.IntRange(0, 20).Draw(t, "after"))*time.Second)
	}
	r := bellhop.Result{Attempt: a, Lease: node}
	if rapid.IntRange(0, 3).Draw(t, "under another lease") == 0 {
		r.Lease = m.anyNode(t)
	}
	m.ok(m.s.Record(m.Context(), node, []bellhop.Result{r}, m.now))
	m.recorded = append(m.recorded, r)
	switch {
	case d.Owner != node.Node || r.Lease != node:
	case a.Final:
		m.end(d, a.Status)
	default:
		d.Attempts, d.LastAttempt, d.Due = a.Number, a.ID, a.NextAt
		m.giveBack(d)
	}
}

// hold records that no request could be made of a delivery, by settings of today or of
// before.
func (m *picture) hold(t *rapid.T) {
	if len(m.rows) == 0 {
		t.Skip("nothing pending")
	}
	d := rapid.SampledFrom(m.rows).Draw(t, "delivery")
	node := m.anyNode(t)
	a := m.retry(*d, 0)
	a.NextAt = time.Time{}
	r := bellhop.Result{Attempt: a, Lease: node, Held: true, Revision: m.endpoint.Revision - int64(rapid.IntRange(0, 1).Draw(t, "changes since"))}
	m.ok(m.s.Record(m.Context(), node, []bellhop.Result{r}, m.now))
	m.recorded = append(m.recorded, r)
	if d.Owner != node.Node {
		return
	}
	d.Attempts, d.LastAttempt, d.Due, d.Uncounted = a.Number, a.ID, m.now, d.Uncounted+1
	if r.Revision == m.endpoint.Revision {
		d.Held, d.Status, d.Due = true, bellhop.DeliveryHeld, time.Time{}
	}
	m.giveBack(d)
}

// letGo changes what requests are made of.
func (m *picture) letGo(*rapid.T) {
	e := m.stored(m.endpoint.ID)
	e.URL += "/new"
	m.endpoint = m.save(e)
	for _, d := range m.rows {
		if d.Held {
			d.Held, d.Status, d.Due, d.ReleasedAt = false, bellhop.DeliveryPending, m.now, m.now
		}
	}
}

func (m *picture) giveBack(d *bellhop.Delivery) {
	d.Owner = 0
	m.wake(d.OrderKey)
}

// repeat records an attempt once more, which must change nothing.
func (m *picture) repeat(t *rapid.T) {
	if len(m.recorded) == 0 {
		t.Skip("nothing recorded")
	}
	r := rapid.SampledFrom(m.recorded).Draw(t, "attempt")
	m.ok(m.s.Record(m.Context(), m.anyNode(t), []bellhop.Result{r}, m.now))
}

func (m *picture) release(t *rapid.T) {
	node := m.anyNode(t)
	var list []bellhop.DeliveryID
	for _, d := range m.rows {
		if rapid.Bool().Draw(t, "give back") {
			list = append(list, d.ID)
			if d.Owner == node.Node {
				m.giveBack(d)
			}
		}
	}
	m.ok(m.s.Release(m.Context(), node, list, m.now))
}

func (m *picture) renewed(l bellhop.Lease, length time.Duration) {
	_, err := m.s.Renew(m.Context(), l, nil, length, m.now)
	m.ok(err)
}

// die lets a node's lease run out while the others renew theirs.
func (m *picture) die(t *rapid.T) {
	dead := m.anyNode(t)
	m.pass(2 * time.Minute)
	for _, n := range m.nodes {
		if n != dead {
			m.renewed(n, time.Minute)
		}
	}
	_, err := m.s.TakeOver(m.Context(), m.now)
	m.ok(err)
	for _, d := range m.rows {
		if d.Owner == dead.Node {
			m.giveBack(d)
		}
	}
	m.nodes = slices.DeleteFunc(m.nodes, func(n bellhop.Lease) bool { return n == dead })
	m.nodes = append(m.nodes, m.joinFor(time.Minute))
}

func (m *picture) reorder(t *rapid.T) {
	e := m.stored(m.endpoint.ID)
	old := e.Ordering
	e.Ordering = rapid.SampledFrom([]bellhop.Ordering{bellhop.OrderingNone, bellhop.OrderingSubject, bellhop.OrderingEndpoint}).Draw(t, "ordering")
	m.endpoint = m.save(e)
	if e.Ordering == old {
		return
	}
	for _, d := range m.rows {
		d.OrderKey = e.Ordering.OrderKey(m.events[d.Event])
		if d.Due.IsZero() && !d.Held {
			d.Due = m.now
		}
	}
}

// accept enqueues an event whose delivery is left to Spread.
func (m *picture) accept(t *rapid.T) {
	n := m.laterEvent([]bellhop.Endpoint{m.endpoint})
	n.Event.Subject = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "subject")
	if rapid.IntRange(0, 3).Draw(t, "scheduled") == 0 {
		at := m.now.Add(5 * time.Second)
		n.Event.DeliverAt = &at
	}
	m.lease = m.anyNode(t)
	m.fixture.enqueue(n)
	m.later = append(m.later, n.Event.ID)
	m.events[n.Event.ID] = &n.Event
}

func (m *picture) spread(t *rapid.T) {
	made := id.Take[id.Delivery](m.ids, rapid.IntRange(1, 3).Draw(t, "ids"), m.now)
	got, err := m.s.Spread(m.Context(), m.anyNode(t), made, m.now)
	m.ok(err)
	var due time.Time
	for _, d := range made {
		if len(m.later) == 0 {
			break
		}
		e := m.events[m.later[0]]
		row := m.delivery(e, &m.endpoint)
		row.ID, row.Due, row.OrderPos = d, bellhop.SpreadDue(e, m.now), bellhop.SpreadPosition(e, d)
		m.rows, m.later = append(m.rows, &row), m.later[1:]
		if due.IsZero() || row.Due.Before(due) {
			due = row.Due
		}
	}
	var want []bellhop.Backlog
	if !due.IsZero() {
		want = append(want, bellhop.Backlog{Endpoint: m.endpoint.ID, Due: due})
	}
	// Its id may be lower than that of one made for the picture alone.
	slices.SortFunc(m.rows, func(a, b *bellhop.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	if !slices.Equal(got, want) {
		t.Fatalf("spread %v, want %v", got, want)
	}
}

func (m *picture) erase(t *rapid.T) {
	list := slices.Clone(m.later)
	for _, d := range m.rows {
		list = append(list, d.Event)
	}
	if len(list) == 0 {
		t.Skip("nothing to erase")
	}
	e := rapid.SampledFrom(list).Draw(t, "event")
	erased, err := m.s.Erase(m.Context(), bellhop.EraseSelector{Event: e}, nil, m.now)
	m.ok(err)
	if again := m.events[e].Erased; again != (len(erased) == 0) {
		t.Fatalf("erased %v, which had been erased before: %v", erased, again)
	}
	m.events[e].Erased = true
}

func (m *picture) sweep(t *rapid.T) {
	var gone []*bellhop.Delivery
	for _, d := range m.rows {
		if (m.events[d.Event].Erased || d.Settled != 0) && d.Owner == 0 {
			gone = append(gone, d)
		}
	}
	n, err := m.s.Sweep(m.Context(), id.Take[id.Attempt](m.ids, len(gone)+1, m.now), m.now)
	m.ok(err)
	if n != len(gone) {
		t.Fatalf("%d are swept, want %d", n, len(gone))
	}
	for _, d := range gone {
		m.finish(d)
	}
}

// check compares what the store says of the endpoint with the picture.
func (m *picture) check(t *rapid.T) {
	var list []bellhop.Delivery
	for _, status := range []bellhop.DeliveryStatus{bellhop.DeliveryPending, bellhop.DeliveryHeld} {
		some, err := m.s.Deliveries(m.Context(), bellhop.DeliveryFilter{Scope: anyApp, Endpoint: m.endpoint.ID, Status: status, Limit: 1000})
		m.ok(err)
		list = append(list, some...)
	}
	slices.SortFunc(list, func(a, b bellhop.Delivery) int { return cmp.Compare(b.ID, a.ID) })
	if len(list) != len(m.rows) {
		t.Fatalf("%d are pending, want %d", len(list), len(m.rows))
	}
	for i, d := range m.rows {
		if got := list[len(list)-1-i]; got != *d {
			t.Fatalf("delivery\n%+v, want\n%+v", got, *d)
		}
	}
}

// drain finishes everything, which shows that nothing waits for ever.
func (m *picture) drain() {
	m.letGo(m.t)
	for range 10 * (len(m.rows) + len(m.later) + 1) {
		m.spread(m.t)
		m.sweep(m.t)
		for _, d := range slices.Clone(m.rows) {
			if d.Owner != 0 {
				l := m.leaseOf(d.Owner)
				m.ok(m.s.Record(m.Context(), l, []bellhop.Result{{Attempt: m.attempt(*d, bellhop.AttemptSucceeded), Lease: l}}, m.now))
				m.end(d, bellhop.AttemptSucceeded)
			}
		}
		m.pass(time.Minute / 2)
		for _, n := range m.nodes {
			m.renewed(n, time.Minute)
		}
		for _, retries := range []bool{false, true} {
			m.claimAs(m.t, bellhop.ClaimRequest{Lease: m.nodes[0], Endpoint: m.endpoint.ID, Retries: retries, Limit: 4})
		}
	}
	if len(m.rows) != 0 || m.pending(m.endpoint.ID) != 0 {
		m.t.Fatalf("%d deliveries are never finished", len(m.rows))
	}
	for _, n := range m.nodes {
		m.ok(m.s.Leave(m.Context(), n, m.now))
	}
}

func (m *picture) leaseOf(n bellhop.NodeID) bellhop.Lease {
	i := slices.IndexFunc(m.nodes, func(l bellhop.Lease) bool { return l.Node == n })
	return m.nodes[i]
}

func (m *picture) ok(err error) {
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *picture) due(r *bellhop.ClaimRequest) []*bellhop.Delivery {
	list := slices.DeleteFunc(slices.Clone(m.rows), func(d *bellhop.Delivery) bool {
		return d.Owner != 0 || d.IsRetry() != r.Retries || d.Due.IsZero() || d.Due.After(m.now)
	})
	slices.SortStableFunc(list, func(a, b *bellhop.Delivery) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
	if r.Newest {
		slices.Reverse(list)
	}
	return list
}

func (m *picture) next(retries bool) time.Time {
	var next time.Time
	for _, d := range m.rows {
		if d.Owner == 0 && d.IsRetry() == retries && !d.Due.IsZero() && (next.IsZero() || d.Due.Before(next)) {
			next = d.Due
		}
	}
	return next
}

func (m *picture) blocked(d *bellhop.Delivery) bool {
	return d.OrderKey != "" && slices.ContainsFunc(m.rows, func(other *bellhop.Delivery) bool {
		return other.OrderKey == d.OrderKey && (ahead(other, d) || other.Owner != 0)
	})
}

// ahead tells which of two deliveries of one order goes first.
func ahead(a, b *bellhop.Delivery) bool {
	return a.OrderPos < b.OrderPos || (a.OrderPos == b.OrderPos && a.ID < b.ID)
}

// resend adds another delivery of an event.
func (m *picture) resend(t *rapid.T) {
	rows := slices.DeleteFunc(slices.Clone(m.rows), func(d *bellhop.Delivery) bool { return m.events[d.Event].Erased })
	if len(rows) == 0 {
		t.Skip("nothing to send again")
	}
	e := m.events[rapid.SampledFrom(rows).Draw(t, "event").Event]
	d := m.delivery(e, &m.endpoint)
	d.Trigger, d.Due, d.OrderPos = bellhop.TriggerResend, m.now, d.ID
	d.OrderKey = m.endpoint.Ordering.OrderKey(e)
	done, err := m.s.Redeliver(m.Context(), m.anyNode(t), bellhop.Redelivery{Deliveries: []bellhop.Delivery{d}}, m.now)
	m.ok(err)
	if done.Added != 1 {
		t.Fatalf("sent again: %+v", done)
	}
	m.rows = append(m.rows, &d)
	slices.SortFunc(m.rows, func(a, b *bellhop.Delivery) int { return cmp.Compare(a.ID, b.ID) })
}

// end ends a delivery by an attempt. One that was sent again and has arrived settles the
// older ones of its event.
func (m *picture) end(d *bellhop.Delivery, status bellhop.AttemptStatus) {
	if status == bellhop.AttemptSucceeded && d.Trigger.Again() {
		for _, o := range m.rows {
			if o.Event == d.Event && o.ID < d.ID && o.Settled == 0 {
				o.Settled = d.ID
			}
		}
	}
	m.finish(d)
}

func (m *picture) finish(d *bellhop.Delivery) {
	m.rows = slices.DeleteFunc(m.rows, func(x *bellhop.Delivery) bool { return x == d })
	m.wake(d.OrderKey)
}

// wake makes the first of an order due, if it waits.
func (m *picture) wake(orderKey string) {
	var first *bellhop.Delivery
	for _, other := range m.rows {
		if orderKey != "" && other.OrderKey == orderKey && (first == nil || ahead(other, first)) {
			first = other
		}
	}
	if first != nil && first.Due.IsZero() && !first.Held {
		first.Due = m.now
	}
}
