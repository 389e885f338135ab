package storetest

import (
	"cmp"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/bellhop/bellhop"
)

// model plays random steps of the hot path against the store and against a plain
// picture of it, and compares every answer. Each round has its own endpoints and
// nodes, so that one store serves all rounds.
func model(f *fixture) {
	f.must(f.s.SaveApp(f.Context(), bellhop.App{ID: "acme"}, nil))
	rapid.Check(f.TB.(rapid.TB), func(t *rapid.T) {
		m := newPicture(f, t)
		t.Repeat(map[string]func(*rapid.T){
			"enqueue": m.enqueue,
			"claim":   m.claim,
			"record":  m.record,
			"repeat":  m.repeat,
			"release": m.release,
			"die":     m.die,
			"reorder": m.reorder,
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
	nodes    []bellhop.NodeID
	rows     []*bellhop.Delivery // in the order of ids
	recorded []bellhop.Result
	events   map[bellhop.EventID]*bellhop.Event
}

func newPicture(f *fixture, t *rapid.T) *picture {
	m := &picture{fixture: f, t: t, events: map[bellhop.EventID]*bellhop.Event{}}
	e := f.endpoint()
	e.Ordering = rapid.SampledFrom([]bellhop.Ordering{bellhop.OrderingNone, bellhop.OrderingSubject, bellhop.OrderingEndpoint}).Draw(t, "ordering")
	m.endpoint = f.save(e)
	for range 2 {
		m.nodes = append(m.nodes, f.joinFor(time.Minute))
	}
	return m
}

func (f *fixture) joinFor(lease time.Duration) bellhop.NodeID {
	f.Helper()
	n, err := f.s.Join(f.Context(), lease, f.now)
	f.must(err)
	return n.ID
}

func (m *picture) anyNode(t *rapid.T) bellhop.NodeID {
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
	if rapid.IntRange(0, 3).Draw(t, "owned") == 0 {
		d.Owner = m.anyNode(t)
	}
	m.fixture.enqueue(n)
	row := *d
	m.rows = append(m.rows, &row)
	m.events[n.Event.ID] = &n.Event
}

func (m *picture) claim(t *rapid.T) {
	node := m.anyNode(t)
	limit := rapid.IntRange(1, 4).Draw(t, "limit")
	got, err := m.s.Claim(m.Context(), bellhop.ClaimRequest{Node: node, Endpoint: m.endpoint.ID, Limit: limit}, m.now)
	m.ok(err)
	var want []bellhop.DeliveryID
	for _, d := range m.due() {
		if len(want) == limit {
			break
		}
		if m.blocked(d) {
			d.Due = time.Time{}
			continue
		}
		d.Owner = node
		want = append(want, d.ID)
	}
	if !slices.Equal(deliveryIDs(got.Work), want) {
		t.Fatalf("claimed %v, want %v", deliveryIDs(got.Work), want)
	}
	if next := m.next(); !got.Next.Equal(next) {
		t.Fatalf("next %v, want %v", got.Next, next)
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
	m.ok(m.s.Record(m.Context(), node, []bellhop.Result{{Attempt: a}}, m.now))
	m.recorded = append(m.recorded, bellhop.Result{Attempt: a})
	switch {
	case d.Owner != node:
	case a.Final:
		m.finish(d)
	default:
		d.Attempts, d.LastAttempt, d.Due, d.Owner = a.Number, a.ID, a.NextAt, 0
	}
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
			if d.Owner == node {
				d.Owner = 0
			}
		}
	}
	m.ok(m.s.Release(m.Context(), node, list, m.now))
}

// die lets a node's lease run out while the others renew theirs.
func (m *picture) die(t *rapid.T) {
	dead := m.anyNode(t)
	m.pass(2 * time.Minute)
	for _, n := range m.nodes {
		if n != dead {
			m.ok(m.s.Renew(m.Context(), n, time.Minute, m.now))
		}
	}
	_, err := m.s.Backlog(m.Context(), m.now)
	m.ok(err)
	for _, d := range m.rows {
		if d.Owner == dead {
			d.Owner = 0
		}
	}
	m.nodes = slices.DeleteFunc(m.nodes, func(n bellhop.NodeID) bool { return n == dead })
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
		if d.Due.IsZero() {
			d.Due = m.now
		}
	}
}

// check compares what the store says of the endpoint with the picture.
func (m *picture) check(t *rapid.T) {
	list, err := m.s.Deliveries(m.Context(), bellhop.DeliveryFilter{Endpoint: m.endpoint.ID, Status: bellhop.DeliveryPending, Limit: 1000})
	m.ok(err)
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
	for range 10 * (len(m.rows) + 1) {
		for _, d := range slices.Clone(m.rows) {
			if d.Owner != 0 {
				m.ok(m.s.Record(m.Context(), d.Owner, []bellhop.Result{{Attempt: m.attempt(*d, bellhop.AttemptSucceeded)}}, m.now))
				m.finish(d)
			}
		}
		m.pass(time.Minute / 2)
		for _, n := range m.nodes {
			m.ok(m.s.Renew(m.Context(), n, time.Minute, m.now))
		}
		m.claim(m.t)
	}
	if len(m.rows) != 0 || m.pending(m.endpoint.ID) != 0 {
		m.t.Fatalf("%d deliveries are never finished", len(m.rows))
	}
	for _, n := range m.nodes {
		m.ok(m.s.Leave(m.Context(), n, m.now))
	}
}

func (m *picture) ok(err error) {
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *picture) due() []*bellhop.Delivery {
	list := slices.DeleteFunc(slices.Clone(m.rows), func(d *bellhop.Delivery) bool {
		return d.Owner != 0 || d.Due.IsZero() || d.Due.After(m.now)
	})
	slices.SortStableFunc(list, func(a, b *bellhop.Delivery) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func (m *picture) next() time.Time {
	var next time.Time
	for _, d := range m.rows {
		if d.Owner == 0 && !d.Due.IsZero() && (next.IsZero() || d.Due.Before(next)) {
			next = d.Due
		}
	}
	return next
}

func (m *picture) blocked(d *bellhop.Delivery) bool {
	return d.OrderKey != "" && slices.ContainsFunc(m.rows, func(other *bellhop.Delivery) bool {
		return other.OrderKey == d.OrderKey && ahead(other, d)
	})
}

// ahead tells which of two deliveries of one order goes first.
func ahead(a, b *bellhop.Delivery) bool {
	return a.OrderPos < b.OrderPos || (a.OrderPos == b.OrderPos && a.ID < b.ID)
}

func (m *picture) finish(d *bellhop.Delivery) {
	m.rows = slices.DeleteFunc(m.rows, func(x *bellhop.Delivery) bool { return x == d })
	var first *bellhop.Delivery
	for _, other := range m.rows {
		if d.OrderKey != "" && other.OrderKey == d.OrderKey && (first == nil || ahead(other, first)) {
			first = other
		}
	}
	if first != nil && first.Due.IsZero() {
		first.Due = m.now
	}
}
