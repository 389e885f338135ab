package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// OutboxTx is a transaction of a program in the store's database.
type OutboxTx interface {
	Publish(entries ...bellhop.OutboxEntry)
	Commit()
	Rollback()
}

// Outbox says how programs publish into a store.
type Outbox struct {
	Open func(t *testing.T) bellhop.Store
	// Begin begins a transaction.
	Begin func(t *testing.T, s bellhop.Store) OutboxTx
	// Again, if not nil, opens the store as another process, or the same after a crash,
	// would see it.
	Again func(t *testing.T, s bellhop.Store) bellhop.Store
	// Alone says that one transaction writes at a time.
	Alone bool
}

// RunOutbox is Run for what programs publish in transactions of their own.
func RunOutbox(t *testing.T, o Outbox) {
	for _, tc := range outboxTests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.overlap && o.Alone {
				return // there are no such transactions
			}
			f := newFixture(t, o.Open(t))
			f.app("acme")
			f.app("globex")
			tc.run(&outboxFixture{fixture: f, t: t, o: o})
		})
	}
}

type outboxFixture struct {
	*fixture
	t *testing.T
	o Outbox
}

func (f *outboxFixture) begin() OutboxTx { return f.o.Begin(f.t, f.s) }

// program publishes entries in a transaction.
func (f *outboxFixture) program(entries ...bellhop.OutboxEntry) {
	f.Helper()
	tx := f.begin()
	tx.Publish(entries...)
	tx.Commit()
}

func entry(app, data string) bellhop.OutboxEntry {
	return bellhop.OutboxEntry{App: app, Type: "invoice.paid", Data: bellhop.JSON(data)}
}

func entries(app string, from, to int) (list []bellhop.OutboxEntry) {
	for i := from; i < to; i++ {
		list = append(list, entry(app, fmt.Sprint(i)))
	}
	return list
}

var plenty = bellhop.OutboxRequest{Limit: 1000, Each: 1000, MaxBytes: 1 << 20, MaxData: 1 << 10}

func (f *outboxFixture) readOutbox(r bellhop.OutboxRequest) bellhop.OutboxBatch {
	f.Helper()
	b, err := f.s.ReadOutbox(f.Context(), r)
	f.must(err)
	return b
}

func (f *outboxFixture) take(t bellhop.OutboxTaking) ([]bellhop.Receipt, error) {
	f.Helper()
	return f.s.TakeOutbox(f.Context(), f.lease, f.version(), t, f.now)
}

// accepted makes events of entries.
func (f *outboxFixture) accepted(list []bellhop.OutboxEntry, to ...bellhop.Endpoint) (events []bellhop.NewEvent) {
	for _, e := range list {
		n := f.event(to...)
		n.Event.App, n.Event.Type, n.Event.Subject, n.Event.Data, n.Event.ExternalID = e.App, e.Type, e.Subject, e.Data, e.ExternalID
		for i := range n.Deliveries {
			n.Deliveries[i].App, n.Deliveries[i].Type = e.App, e.Type
		}
		events = append(events, n)
	}
	return events
}

// drain takes everything that can be read, in steps of n, and gives what it was.
func (f *outboxFixture) drain(n int) (all []string) {
	f.Helper()
	r := plenty
	for r.Limit, r.Each = n, n; ; {
		b := f.readOutbox(r)
		if len(b.Entries) == 0 {
			return all
		}
		r.After = b.Entries[len(b.Entries)-1].App
		_, err := f.take(bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries, Events: f.accepted(b.Entries)})
		f.must(err)
		all = append(all, data(b.Entries)...)
	}
}

func data(list []bellhop.OutboxEntry) (all []string) {
	for _, e := range list {
		all = append(all, e.App+" "+string(e.Data))
	}
	return all
}

func refusal(e bellhop.OutboxEntry, now time.Time) bellhop.RefusedEntry {
	return bellhop.RefusedEntry{
		OutboxEntry: e, RefusedAt: now, Code: bellhop.CodeInvalid, Detail: "The event is not valid",
		Fields: []bellhop.FieldError{{Field: "type", Code: "type", Detail: "is none"}},
	}
}

func (f *outboxFixture) refuse(list ...bellhop.OutboxEntry) {
	f.Helper()
	f.program(list...)
	b := f.readOutbox(plenty)
	taking := bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries}
	for _, e := range b.Entries {
		taking.Refused = append(taking.Refused, refusal(e, f.now))
	}
	_, err := f.take(taking)
	f.must(err)
}

func (f *outboxFixture) refused(r bellhop.RefusedFilter) []bellhop.RefusedEntry {
	f.Helper()
	if r.Limit == 0 {
		r.Limit = 10_000
	}
	list, err := f.s.Refused(f.Context(), r)
	f.must(err)
	return list
}

func (f *outboxFixture) events() []bellhop.Event {
	f.Helper()
	list, err := f.s.Events(f.Context(), bellhop.EventFilter{Scope: anyApp, Limit: 1000, WithData: true})
	f.must(err)
	slices.Reverse(list)
	return list
}

var outboxTests = []struct {
	name    string
	overlap bool // several transactions write at the same time
	run     func(*outboxFixture)
}{
	{"what is committed is read, taken and there no more", false, func(f *outboxFixture) {
		e := f.endpoint()
		full := bellhop.OutboxEntry{
			App: "acme", Type: "invoice.paid", Subject: "invoice:118", ExternalID: "x-1", Data: bellhop.JSON(`{ "ä" : 1.0,  "a":2 }`),
			DeliverAt: time.Date(2026, 4, 1, 12, 0, 0, 123456000, time.UTC),
			Channels:  []string{"b", `a"ä`, "b"}, Tags: []string{"vip"}, Retain: 36*time.Hour + time.Microsecond,
		}
		f.program(full, entry("acme", "2"))
		b := f.readOutbox(plenty)
		if len(b.Entries) != 2 {
			f.Fatalf("%d entries, want 2", len(b.Entries))
		}
		got := b.Entries[0]
		full.ID, full.Tx, full.At, full.Size = got.ID, got.Tx, got.At, int64(len(full.Data))
		same(f.fixture, "entry", got, full)
		same(f.fixture, "the next", data(b.Entries[1:]), []string{"acme 2"})
		same(f.fixture, "reading changes nothing", data(f.readOutbox(plenty).Entries), data(b.Entries))

		events := f.accepted(b.Entries, e)
		events[0].Deliveries[0].Owner = f.node
		receipts, err := f.take(bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries, Events: events})
		f.must(err)
		same(f.fixture, "receipts", receipts, []bellhop.Receipt{{Event: events[0].Event.ID, Deliveries: 1}, {Event: events[1].Event.ID, Deliveries: 1}})
		same(f.fixture, "left", len(f.readOutbox(plenty).Entries), 0)
		stored, err := f.s.Event(f.Context(), events[0].Event.ID)
		f.must(err)
		same(f.fixture, "the event's data", string(stored.Data), string(full.Data))
		same(f.fixture, "what nobody owns", deliveryIDs(f.claimed(e, 10).Work), []bellhop.DeliveryID{events[1].Deliveries[0].ID})
	}},
	{"what is rolled back never was", false, func(f *outboxFixture) {
		tx := f.begin()
		tx.Publish(entries("acme", 0, 3)...)
		tx.Rollback()
		same(f.fixture, "entries", len(f.readOutbox(plenty).Entries), 0)
		f.program(entry("acme", "3"))
		same(f.fixture, "entries", f.drain(10), []string{"acme 3"})
	}},
	{"nothing of a transaction is read before it commits", false, func(f *outboxFixture) {
		tx := f.begin()
		tx.Publish(entries("acme", 0, 3)...)
		same(f.fixture, "entries", len(f.readOutbox(plenty).Entries), 0)
		tx.Commit()
		same(f.fixture, "entries", f.drain(2), data(entries("acme", 0, 3)))
	}},
	{"an older transaction that commits later is not skipped", true, func(f *outboxFixture) {
		older, old, newer := f.begin(), f.begin(), f.begin()
		older.Publish(entry("acme", "1"))
		old.Publish(entry("acme", "2"), entry("globex", "2"))
		newer.Publish(entry("acme", "3"))
		newer.Commit()
		same(f.fixture, "first", f.drain(10), []string{"acme 3"})
		f.program(entry("acme", "4"))
		old.Commit()
		same(f.fixture, "then", f.drain(10), []string{"acme 2", "acme 4", "globex 2"})
		older.Publish(entry("acme", "5"))
		older.Commit()
		same(f.fixture, "at last", f.drain(10), []string{"acme 1", "acme 5"})
	}},
	{"one that commits while a window is read waits for the next", true, func(f *outboxFixture) {
		late := f.begin()
		late.Publish(entry("acme", "9"))
		f.program(entries("acme", 0, 4)...)
		r := plenty
		r.Each = 2
		b := f.readOutbox(r)
		_, err := f.take(bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries, Events: f.accepted(b.Entries)})
		f.must(err)
		late.Commit()
		same(f.fixture, "the rest", f.drain(10), []string{"acme 2", "acme 3", "acme 9"})
	}},
	{"everything once, in any order of commits and whoever reads", true, func(f *outboxFixture) {
		rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a history, not a secret
		var open []OutboxTx
		pending := map[OutboxTx][]string{}
		var want, got []string
		s := f.s
		for i := range 300 {
			switch n := rnd.IntN(10); {
			case n < 3 && len(open) < 8:
				tx := f.begin()
				open = append(open, tx)
				fallthrough
			case n < 5 && len(open) > 0:
				tx := open[rnd.IntN(len(open))]
				x := entry([]string{"acme", "globex"}[rnd.IntN(2)], fmt.Sprint(i))
				tx.Publish(x)
				pending[tx] = append(pending[tx], data([]bellhop.OutboxEntry{x})...)
			case n < 7 && len(open) > 0:
				k := rnd.IntN(len(open))
				tx := open[k]
				open = slices.Delete(open, k, k+1)
				if rnd.IntN(4) == 0 {
					tx.Rollback()
				} else {
					tx.Commit()
					want = append(want, pending[tx]...)
				}
			case n == 7 && f.o.Again != nil:
				f.s = f.o.Again(f.t, s)
			default:
				r := plenty
				r.Each = 1 + rnd.IntN(3)
				b := f.readOutbox(r)
				take := b.Entries
				if rnd.IntN(3) == 0 {
					take = take[:rnd.IntN(len(take)+1)]
				}
				_, err := f.take(bellhop.OutboxTaking{Mark: b.Mark, Entries: take, Events: f.accepted(take)})
				f.must(err)
				got = append(got, data(take)...)
			}
		}
		for _, tx := range open {
			tx.Commit()
			want = append(want, pending[tx]...)
		}
		got = append(got, f.drain(3)...)
		slices.Sort(got)
		slices.Sort(want)
		same(f.fixture, "taken", got, want)
		var stored []string
		for _, e := range f.events() {
			stored = append(stored, e.App+" "+string(e.Data))
		}
		slices.Sort(stored)
		same(f.fixture, "stored", stored, want)
		f.s = s
	}},
	{"what others took is not taken again", false, func(f *outboxFixture) {
		f.program(entries("acme", 0, 3)...)
		b := f.readOutbox(plenty)
		mine := bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries[:2], Events: f.accepted(b.Entries[:2])}
		_, err := f.take(mine)
		f.must(err)
		for _, again := range [][]bellhop.OutboxEntry{b.Entries[:2], b.Entries} {
			_, err = f.take(bellhop.OutboxTaking{Mark: b.Mark, Entries: again, Events: f.accepted(again)})
			if !errors.Is(err, bellhop.ErrOutboxMoved) {
				f.Errorf("TakeOutbox = %v, want ErrOutboxMoved", err)
			}
		}
		same(f.fixture, "events", len(f.events()), 2)
		same(f.fixture, "left", f.drain(10), []string{"acme 2"})
	}},
	{"what is refused by the store is still there", false, func(f *outboxFixture) {
		taken := external(f.event(), "x")
		f.enqueue(taken)
		x := entry("acme", "2")
		x.ExternalID = "x"
		f.program(entry("acme", "1"), x)
		b := f.readOutbox(plenty)
		events := f.accepted(b.Entries)
		events[1].Digest = [32]byte{9}
		taking := bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries, Events: events}
		over := f.lease
		over.Epoch++
		if _, err := f.s.TakeOutbox(f.Context(), over, f.version(), taking, f.now); !errors.Is(err, bellhop.ErrLeaseLost) {
			f.Errorf("TakeOutbox = %v, want ErrLeaseLost", err)
		}
		if _, err := f.s.TakeOutbox(f.Context(), f.lease, f.version()+1, taking, f.now); !errors.Is(err, bellhop.ErrStaleRoutes) {
			f.Errorf("TakeOutbox = %v, want ErrStaleRoutes", err)
		}
		_, err := f.take(taking)
		if at, ok := bellhop.IDConflictAt(err); !ok || at != 1 {
			f.Errorf("TakeOutbox = %v, want a conflict of the second event", err)
		}
		events[1].Event.App, events[1].Event.ExternalID = "globex", ""
		events[1].MaxPending, events[0].MaxPending = 1, 0
		g := f.endpoint("globex")
		busy := f.event(g)
		busy.Event.App = "globex"
		busy.Deliveries[0].App = "globex"
		f.enqueue(busy)
		if _, err := f.take(taking); bellhop.CodeOf(err) != bellhop.CodeBacklogFull {
			f.Errorf("TakeOutbox = %v, want a full backlog", err)
		}
		same(f.fixture, "events", len(f.events()), 2)
		same(f.fixture, "left", data(f.readOutbox(plenty).Entries), []string{"acme 1", "acme 2"})
		events = f.accepted(b.Entries)
		events[1].Digest = taken.Digest
		b = f.readOutbox(plenty)
		receipts, err := f.take(bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries, Events: events})
		f.must(err)
		same(f.fixture, "the repeated one", receipts[1], bellhop.Receipt{Event: taken.Event.ID, Duplicate: true})
		same(f.fixture, "left", len(f.readOutbox(plenty).Entries), 0)
	}},
	{"Resolve tells whether entries were taken", false, func(f *outboxFixture) {
		f.program(entries("acme", 0, 2)...)
		b := f.readOutbox(plenty)
		events := f.accepted(b.Entries)
		_, stored, err := f.s.Resolve(f.Context(), f.lease, events, f.now)
		f.must(err)
		same(f.fixture, "stored before", stored, false)
		events = f.accepted(b.Entries)
		_, err = f.take(bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries, Events: events})
		f.must(err)
		_, stored, err = f.s.Resolve(f.Context(), f.lease, events, f.now)
		f.must(err)
		same(f.fixture, "stored after", stored, true)
	}},
	{"apps take turns, whatever one of them has", false, func(f *outboxFixture) {
		f.program(entries("acme", 0, 3000)...)
		f.program(entry("globex", "1"))
		f.program(entry("initech", "1"), entry("initech", "2"))
		r := bellhop.OutboxRequest{Limit: 6, Each: 3, MaxBytes: 1 << 20, MaxData: 1 << 10}
		same(f.fixture, "first", data(f.readOutbox(r).Entries), []string{"acme 0", "acme 1", "acme 2", "globex 1", "initech 1", "initech 2"})
		r.After = "acme"
		same(f.fixture, "after acme", data(f.readOutbox(r).Entries), []string{"globex 1", "initech 1", "initech 2", "acme 0", "acme 1", "acme 2"})
		r.After, r.Without = "globex", []string{"initech"}
		same(f.fixture, "without one", data(f.readOutbox(r).Entries), []string{"acme 0", "acme 1", "acme 2", "globex 1"})
		r.Without, r.Only = nil, "initech"
		b := f.readOutbox(r)
		same(f.fixture, "only one", data(b.Entries), []string{"initech 1", "initech 2"})
		_, err := f.take(bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries, Events: f.accepted(b.Entries)})
		f.must(err)
		r.Only, r.Limit = "", 2
		same(f.fixture, "a small limit", data(f.readOutbox(r).Entries), []string{"acme 0", "acme 1"})
	}},
	{"reading is bounded by bytes", false, func(f *outboxFixture) {
		big := `"` + string(slices.Repeat([]byte{'x'}, 998)) + `"`
		over := `"` + string(slices.Repeat([]byte{'x'}, 5000)) + `"`
		f.program(entry("acme", big), entry("acme", big), entry("acme", big), entry("globex", over))
		r := plenty
		r.MaxBytes = 2500
		same(f.fixture, "two of three", len(f.readOutbox(r).Entries), 2)
		r.MaxBytes = 1
		same(f.fixture, "at least one", len(f.readOutbox(r).Entries), 1)
		r.Only = "globex"
		b := f.readOutbox(r)
		if len(b.Entries) != 1 || b.Entries[0].Data != nil || b.Entries[0].Size != int64(len(over)) {
			f.Errorf("what is too large: %+v", b.Entries)
		}
	}},
	{"AwaitOutbox wakes when something is committed", false, func(f *outboxFixture) {
		ctx, cancel := context.WithTimeout(f.Context(), 30*time.Second)
		defer cancel()
		woken := make(chan error, 1)
		go func() { woken <- f.s.AwaitOutbox(ctx) }()
		f.program(entry("acme", "1"))
		f.must(<-woken)
		f.must(f.s.AwaitOutbox(ctx)) // it is still there
		f.drain(10)
		go func() { woken <- f.s.AwaitOutbox(ctx) }()
		cancel()
		if err := <-woken; !errors.Is(err, context.Canceled) {
			f.Errorf("AwaitOutbox = %v, want context.Canceled", err)
		}
	}},
	{"what is refused is kept with the reason", false, func(f *outboxFixture) {
		x := entry("acme", `{"a":1}`)
		x.Subject, x.ExternalID, x.DeliverAt = "invoice:1", "x", f.now
		x.Channels, x.Tags, x.Retain = []string{"project:7", "no\"ne"}, []string{"vip"}, time.Second
		f.refuse(x, entry("nobody", `broken`), entry("globex", `2`))
		same(f.fixture, "left", len(f.readOutbox(plenty).Entries), 0)
		list := f.refused(bellhop.RefusedFilter{})
		same(f.fixture, "refused", len(list), 3)
		if !slices.IsSortedFunc(list, func(a, b bellhop.RefusedEntry) int { return cmp.Compare(b.ID, a.ID) }) {
			f.Errorf("not newest first: %+v", list)
		}
		same(f.fixture, "a page", f.refused(bellhop.RefusedFilter{Before: list[0].ID, Limit: 1}), list[1:2])
		of := f.refused(bellhop.RefusedFilter{App: "acme"})
		same(f.fixture, "of an app", len(of), 1)
		got, err := f.s.RefusedEntry(f.Context(), of[0].ID)
		f.must(err)
		x.ID, x.Tx, x.At, x.Size = got.ID, got.Tx, got.At, 7
		same(f.fixture, "with its data", got, refusal(x, f.now))
		got.Data = nil
		same(f.fixture, "listed", of[0], got)
		if _, err := f.s.RefusedEntry(f.Context(), 1<<60); !bellhop.IsNotFound(err) {
			f.Errorf("RefusedEntry = %v, want not found", err)
		}
	}},
	{"what is refused can be forgotten", false, func(f *outboxFixture) {
		f.refuse(append(entries("acme", 0, 5), entries("globex", 0, 3)...)...)
		forget := func(id int64, app string, limit int, audit *bellhop.AuditEntry) int {
			n, err := f.s.ForgetRefused(f.Context(), id, app, limit, audit)
			f.must(err)
			return n
		}
		one := f.refused(bellhop.RefusedFilter{App: "acme"})[2].ID
		same(f.fixture, "one", forget(one, "", 10, f.audit()), 1)
		same(f.fixture, "again", forget(one, "", 10, f.audit()), 0)
		same(f.fixture, "some of an app", forget(0, "acme", 3, nil), 3)
		same(f.fixture, "the rest of it", forget(0, "acme", 3, nil), 1)
		same(f.fixture, "all", forget(0, "", 10, nil), 3)
		same(f.fixture, "left", len(f.refused(bellhop.RefusedFilter{})), 0)
		same(f.fixture, "audit", len(f.audits()), 1)
	}},
	{"what is refused goes with its app, its subject and its time", false, func(f *outboxFixture) {
		ada, bob, other := entry("acme", "1"), entry("acme", "2"), entry("globex", "3")
		ada.Subject, bob.Subject, other.Subject = "guest:ada", "guest:bob", "guest:ada"
		f.refuse(ada, bob, other)
		_, err := f.s.Erase(f.Context(), bellhop.EraseSelector{App: "acme", Subject: "guest:ada"}, nil, f.now)
		f.must(err)
		same(f.fixture, "without the erased subject", len(f.refused(bellhop.RefusedFilter{App: "acme"})), 1)
		same(f.fixture, "others", len(f.refused(bellhop.RefusedFilter{App: "globex"})), 1)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		same(f.fixture, "without the deleted app", len(f.refused(bellhop.RefusedFilter{})), 1)
		n, err := f.s.Expire(f.Context(), f.now, 10, f.now)
		f.must(err)
		same(f.fixture, "not old yet", n, 0)
		n, err = f.s.Expire(f.Context(), f.now.Add(time.Second), 10, f.now.Add(time.Second))
		f.must(err)
		same(f.fixture, "expired", n, 1)
		same(f.fixture, "left", len(f.refused(bellhop.RefusedFilter{})), 0)
	}},
	{"what is kept of one app's refusals is bounded, and no other's", false, func(f *outboxFixture) {
		f.refuse(entry("globex", "1"))
		for i := range 3 { // no such app: all of them are kept as one's
			f.refuse(entries(fmt.Sprintf("nobody-%d", i), 0, 500)...)
		}
		f.refuse(entry("acme", "1"))
		same(f.fixture, "of none", len(f.refused(bellhop.RefusedFilter{}))-2, bellhop.MaxRefused)
		same(f.fixture, "the oldest have gone", len(f.refused(bellhop.RefusedFilter{App: "nobody-0"})), 0)
		same(f.fixture, "the others", len(f.refused(bellhop.RefusedFilter{App: "globex"})), 1)
	}},
	{"what was mended is stored, and refused no more", false, func(f *outboxFixture) {
		f.refuse(entry("acme", "1"), entry("acme", "2"))
		list := f.refused(bellhop.RefusedFilter{})
		e, err := f.s.RefusedEntry(f.Context(), list[0].ID)
		f.must(err)
		mended := bellhop.OutboxTaking{Mended: []int64{e.ID}, Events: f.accepted([]bellhop.OutboxEntry{e.OutboxEntry})}
		_, err = f.take(mended)
		f.must(err)
		same(f.fixture, "stored", len(f.events()), 1)
		same(f.fixture, "left", f.refused(bellhop.RefusedFilter{}), list[1:])
		mended.Events = f.accepted([]bellhop.OutboxEntry{e.OutboxEntry})
		if _, err := f.take(mended); !errors.Is(err, bellhop.ErrOutboxMoved) {
			f.Errorf("TakeOutbox = %v, want ErrOutboxMoved", err)
		}
		same(f.fixture, "stored once", len(f.events()), 1)
	}},
	{"another process goes on where one was", false, func(f *outboxFixture) {
		if f.o.Again == nil {
			return
		}
		f.program(entries("acme", 0, 5)...)
		f.program(entries("globex", 0, 2)...)
		b := f.readOutbox(plenty)
		_, err := f.take(bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries[:3], Events: f.accepted(b.Entries[:3])})
		f.must(err)
		mine := f.s
		f.s = f.o.Again(f.t, mine)
		f.program(entry("acme", "5"))
		same(f.fixture, "the rest", f.drain(2), []string{"acme 3", "acme 4", "globex 0", "globex 1", "acme 5"})
		f.s = mine
		same(f.fixture, "nothing is left for the first", f.drain(2), nil)
	}},
}
