package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/postgres"
)

// party is a process with a store of its own in a database that it shares with others.
type party struct {
	testing.TB
	s     *postgres.Store
	lease bellhop.Lease
	ids   *id.Generator
	past  *id.Generator // of what is said to have been made before
}

// parties are two processes on one database, and a connection to look at it.
func parties(t *testing.T) (a, b *party, c *pgx.Conn) {
	t.Helper()
	url := database(t)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return joined(t, url), joined(t, url), c
}

func joined(t testing.TB, url string) *party {
	t.Helper()
	return joinedAs(t, openAt(t, url, postgres.Options{}))
}

func joinedAs(t testing.TB, s *postgres.Store) *party {
	t.Helper()
	n, err := s.Join(t.Context(), bellhop.NodeAbout{Name: "test"}, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &party{TB: t, s: s, lease: n.Lease, ids: id.NewGenerator(int(n.Lease.Node), n.Floor)}
}

func (p *party) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *party) version() int64 {
	p.Helper()
	r, err := p.s.Routes(p.Context(), 0)
	p.must(err)
	return r.Version
}

func (p *party) endpoint(o bellhop.Ordering, apps ...string) bellhop.Endpoint {
	p.Helper()
	now := time.Now()
	e := bellhop.Endpoint{
		ID: id.Next[id.Endpoint](p.ids, now), Apps: append([]string{"acme"}, apps...), URL: "https://example.com/hook", Dialect: "standard",
		Status: bellhop.EndpointActive, Timeout: bellhop.Duration(15 * time.Second), Concurrency: 8, Ordering: o, CreatedAt: now, UpdatedAt: now,
	}
	p.must(p.s.SaveEndpoint(p.Context(), e, nil, now))
	return p.stored(e.ID)
}

func (p *party) stored(e bellhop.EndpointID) bellhop.Endpoint {
	p.Helper()
	r, err := p.s.Routes(p.Context(), 0)
	p.must(err)
	i := slices.IndexFunc(r.Endpoints, func(is bellhop.Endpoint) bool { return is.ID == e })
	if i < 0 {
		p.Fatalf("endpoint %v is not stored", e)
	}
	return r.Endpoints[i]
}

func (p *party) app(name string) {
	p.Helper()
	p.must(p.s.SaveApp(p.Context(), bellhop.App{ID: name}, nil))
}

// event makes an event of app acme with a delivery to each endpoint, owned by nobody.
func (p *party) event(endpoints ...bellhop.Endpoint) bellhop.NewEvent {
	now := time.Now()
	e := bellhop.Event{
		ID: id.Next[id.Event](p.ids, now), App: "acme", Type: "invoice.paid", Subject: "invoice:1", Data: bellhop.JSON(`{"n":1}`), Deliveries: len(endpoints),
	}
	n := bellhop.NewEvent{Event: e}
	for i := range endpoints {
		d := bellhop.Delivery{
			ID: id.Next[id.Delivery](p.ids, now), Event: e.ID, Endpoint: endpoints[i].ID, App: e.App, Type: e.Type, Trigger: bellhop.TriggerPublish,
			Status: bellhop.DeliveryPending, Due: now, OrderKey: endpoints[i].Ordering.OrderKey(&e),
		}
		d.OrderPos = bellhop.OrderPosition(&e, d.Trigger, d.ID, now)
		n.Deliveries = append(n.Deliveries, d)
	}
	return n
}

func (p *party) publish(endpoints ...bellhop.Endpoint) bellhop.NewEvent {
	p.Helper()
	n := p.event(endpoints...)
	p.enqueue(n)
	return n
}

func (p *party) enqueue(events ...bellhop.NewEvent) {
	p.Helper()
	_, err := p.s.Enqueue(p.Context(), p.lease, p.version(), events, time.Now())
	p.must(err)
}

// own makes the party the owner of an endpoint's bucket, whoever had it.
func (p *party) own(e bellhop.EndpointID) (epoch int64) {
	p.Helper()
	owners, err := p.s.Buckets(p.Context())
	p.must(err)
	o := owners[bellhop.BucketOf(e)]
	if o.Lease != p.lease && o.Lease != (bellhop.Lease{}) {
		p.must(p.s.LeaveBuckets(p.Context(), o.Lease, []bellhop.BucketOwner{o}, time.Now()))
	}
	taken, err := p.s.TakeBuckets(p.Context(), p.lease, []bellhop.BucketOwner{o}, time.Now())
	p.must(err)
	if len(taken) != 1 {
		p.Fatalf("taken %v", taken)
	}
	return taken[0].Epoch
}

func (p *party) claim(e bellhop.Endpoint, limit int) []bellhop.Work {
	p.Helper()
	var work []bellhop.Work
	epoch := p.own(e.ID)
	for _, retries := range []bool{false, true} {
		c, err := p.s.Claim(p.Context(), bellhop.ClaimRequest{Lease: p.lease, BucketEpoch: epoch, Endpoint: e.ID, Retries: retries, Limit: limit - len(work)}, time.Now())
		p.must(err)
		work = append(work, c.Work...)
	}
	return work
}

// before has something happen before each statement of a party in which there is a text.
type before struct {
	mu sync.Mutex
	do map[string]func()
}

func (b *before) set(do map[string]func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.do = do
}

func (b *before) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	b.mu.Lock()
	all := b.do
	b.mu.Unlock()
	for text, do := range all {
		if strings.Contains(q.SQL, text) {
			do()
		}
	}
	return ctx
}

func (*before) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// interrupted are parties of which the first one has something happen in the middle of what
// it does.
func interrupted(t *testing.T) (a, b *party, c *pgx.Conn, happens *before) {
	t.Helper()
	url, happens := database(t), &before{}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	s := openAt(t, url, postgres.Options{})
	if err := postgres.Trace(t.Context(), s, happens); err != nil {
		t.Fatal(err)
	}
	return joinedAs(t, s), joined(t, url), c, happens
}

// claimWhile claims while something happens, before a statement. A claim that does not end
// fails.
func (p *party) claimWhile(e bellhop.Endpoint, happens *before, text string, do func()) []bellhop.Work {
	p.Helper()
	epoch := p.own(e.ID)
	ctx, cancel := context.WithTimeout(p.Context(), 20*time.Second)
	defer cancel()
	happened := 0
	happens.set(map[string]func(){text: func() { happened++; do() }})
	c, err := p.s.Claim(ctx, bellhop.ClaimRequest{Lease: p.lease, BucketEpoch: epoch, Endpoint: e.ID, Limit: 100}, time.Now())
	happens.set(nil)
	if err != nil || happened == 0 {
		p.Fatalf("a claim, in which something has happened %d times: %v", happened, err)
	}
	return c.Work
}

func (p *party) attempt(d bellhop.Delivery, status bellhop.AttemptStatus) bellhop.Attempt {
	return bellhop.Attempt{
		ID: id.Next[id.Attempt](p.ids, time.Now()), Delivery: d.ID, Event: d.Event, Endpoint: d.Endpoint, App: d.App, Type: d.Type, Trigger: d.Trigger,
		Number: d.Attempts + 1, Status: status, Final: true, URL: "https://example.com/hook", Duration: bellhop.Duration(time.Millisecond),
	}
}

func (p *party) record(attempts ...bellhop.Attempt) error {
	var results []bellhop.Result
	for _, a := range attempts {
		results = append(results, bellhop.Result{Attempt: a, Lease: p.lease})
	}
	return p.s.Record(p.Context(), p.lease, results, time.Now())
}

func (p *party) sweep() int {
	p.Helper()
	total := 0
	for {
		n, err := p.s.Sweep(p.Context(), id.Take[id.Attempt](p.ids, 100, time.Now()), time.Now())
		p.must(err)
		if total += n; n < 100 {
			return total
		}
	}
}

func (p *party) pending() int64 {
	p.Helper()
	n, _, err := p.s.Pending(p.Context(), bellhop.Everything(), 0)
	p.must(err)
	return n
}

// oneNumber reads one number from the database.
func oneNumber(t testing.TB, c *pgx.Conn, sql string, args ...any) (n int64) {
	t.Helper()
	if err := c.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// take begins a transaction in which an event is enqueued, and gives what commits it.
func (p *party) take(n bellhop.NewEvent) (commit func()) {
	p.Helper()
	v := p.version()
	begun, may, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- p.s.Transact(p.Context(), func(tx *postgres.Tx) error {
			_, err := tx.Enqueue(p.lease, v, []bellhop.NewEvent{n}, time.Now())
			close(begun)
			<-may
			return err
		})
	}()
	<-begun
	return func() {
		p.Helper()
		close(may)
		p.must(<-done)
	}
}

// inHand runs f while an event of a's is enqueued in a transaction that has not been
// committed yet.
func (p *party) inHand(n bellhop.NewEvent, f func()) {
	p.Helper()
	commit := p.take(n)
	f()
	commit()
}

// blocked runs f, which waits for a lock that is held on a table, and then while; f goes on
// after that.
func blocked(t *testing.T, c *pgx.Conn, table string, f func() error, while func()) {
	t.Helper()
	ctx := context.Background()
	tx, err := c.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "LOCK TABLE bellhop."+table+" IN SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	awaitBlocked(t, tx)
	while()
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// awaitBlocked waits until somebody waits for a lock of the transaction's.
func awaitBlocked(t *testing.T, tx pgx.Tx) {
	t.Helper()
	for range 2000 {
		var n int
		err := tx.QueryRow(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))").Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("nobody waits for the lock")
}

// awaitQueue waits until so many sessions of a connection's database wait for locks, or
// something else is so.
func awaitQueue(t *testing.T, of *pgx.Conn, sessions int, or func() bool) {
	t.Helper()
	// By a connection of its own: a transaction sees the sessions that were there when it first looked.
	c, err := pgx.ConnectConfig(t.Context(), of.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	deadline := time.Now().Add(time.Minute)
	for !or() && oneNumber(t, c, waitingSessions) < int64(sessions) {
		if time.Now().After(deadline) {
			t.Fatalf("there are no %d sessions that wait for locks", sessions)
		}
		time.Sleep(time.Millisecond)
	}
}

const waitingSessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

// owes counts what is owed of a kind.
func owes(t testing.TB, c *pgx.Conn, what string) int64 {
	t.Helper()
	return oneNumber(t, c, "SELECT count(*) FROM bellhop.owed WHERE what = $1", what)
}

func TestWhatIsCommittedAfterItsEndpointWasDeletedIsSwept(t *testing.T) {
	a, b, c := parties(t)
	e := a.endpoint(bellhop.OrderingNone)
	n := a.event(e)
	a.inHand(n, func() {
		b.must(b.s.DeleteEndpoint(b.Context(), e.ID, nil, time.Now()))
		if got := b.sweep(); got != 0 {
			t.Errorf("%d were swept before they were there", got)
		}
		b.sweep()
		if owes(t, c, "endpoint") != 1 {
			t.Error("the mark has gone while somebody may not have seen it")
		}
	})
	if got := b.sweep(); got != 1 {
		t.Errorf("%d were swept, want 1", got)
	}
	b.sweep()
	if n := owes(t, c, "endpoint"); n != 0 {
		t.Errorf("%d marks are left", n)
	}
	if n := a.pending(); n != 0 {
		t.Errorf("%d are pending", n)
	}
}

// TestWhoBeganWhileAnEndpointWasBeingDeletedIsWaitedFor: its number is higher than that of
// the deletion, and yet it has not seen it.
func TestWhoBeganWhileAnEndpointWasBeingDeletedIsWaitedFor(t *testing.T) {
	a, b, c := parties(t)
	e := a.endpoint(bellhop.OrderingNone)
	var commit func()
	blocked(t, c, "feed", func() error { return b.s.DeleteEndpoint(b.Context(), e.ID, nil, time.Now()) }, func() {
		commit = a.take(a.event(e))
	})
	for range 3 {
		b.sweep()
	}
	if owes(t, c, "endpoint") != 1 {
		t.Error("the mark has gone while somebody has not seen it")
	}
	commit()
	if got := b.sweep(); got != 1 {
		t.Errorf("%d were swept, want 1", got)
	}
	b.sweep()
	if n := owes(t, c, "endpoint"); n != 0 {
		t.Errorf("%d marks are left", n)
	}
}

func TestAWipeIsOwedAsLongAsSomebodyMaySeeTheRows(t *testing.T) {
	a, b, c := parties(t)
	n := a.publish(a.endpoint(bellhop.OrderingNone))
	reader, err := c.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	a.must(err)
	if oneNumber(t, c, "SELECT count(*) FROM bellhop.events WHERE data IS NOT NULL") != 1 {
		t.Fatal("there is no event")
	}
	_, err = b.s.Erase(b.Context(), bellhop.EraseSelector{Event: n.Event.ID}, nil, time.Now())
	a.must(err)
	a.must(a.s.Wipe(a.Context()))
	if oneNumber(t, c, "SELECT count(*) FROM bellhop.events WHERE data IS NOT NULL") != 1 {
		t.Error("the reader does not see what it saw before")
	}
	a.must(reader.Rollback(t.Context()))
	if owes(t, c, "wipe") == 0 {
		t.Error("the wipe is done although the rows were still seen")
	}
	a.must(a.s.Wipe(a.Context()))
	if n := owes(t, c, "wipe"); n != 0 {
		t.Errorf("%d wipes are owed", n)
	}
}

func TestWhatIsCommittedAfterItsAppWasDeletedGoesWithIt(t *testing.T) {
	a, b, c := parties(t)
	a.app("acme")
	e := a.endpoint(bellhop.OrderingNone, "globex")
	n := a.event(e)
	n.Event.ExternalID, n.Later = "x", []bellhop.EndpointID{e.ID}
	a.inHand(n, func() {
		b.must(b.s.DeleteApp(b.Context(), "acme", nil))
		b.must(b.s.Wipe(b.Context()))
	})
	if oneNumber(t, c, "SELECT count(*) FROM bellhop.events WHERE id = $1", int64(n.Event.ID)) != 1 {
		t.Error("the event is not there, although it was committed later")
	}
	b.must(b.s.Wipe(b.Context()))
	for _, table := range []string{"events", "pending", "fanouts", "fanout_lists", "external_ids"} {
		if n := oneNumber(t, c, "SELECT count(*) FROM bellhop."+table); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
	if n := owes(t, c, "app"); n != 0 {
		t.Errorf("%d marks are left", n)
	}
	if n := a.pending(); n != 0 {
		t.Errorf("%d are pending", n)
	}
	a.app("acme") // which waits for nothing any more
}

func TestWhatIsCommittedAfterAChangeOfOrderingFollowsIt(t *testing.T) {
	a, b, c := parties(t)
	e := a.endpoint(bellhop.OrderingNone)
	n := a.event(e)
	a.inHand(n, func() {
		first := a.publish(e)
		e.Ordering = bellhop.OrderingEndpoint
		b.must(b.s.SaveEndpoint(b.Context(), e, nil, time.Now()))
		for range 3 {
			for _, w := range b.claim(e, 10) {
				if w.Delivery.ID != first.Deliveries[0].ID {
					t.Errorf("claimed %v", w.Delivery.ID)
				}
				b.must(b.record(b.attempt(w.Delivery, bellhop.AttemptSucceeded)))
			}
		}
		b.sweep()
		if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.reorders"); n != 1 {
			t.Errorf("%d changes are under way, want 1: somebody may not have seen it", n)
		}
	})
	last := a.publish(b.stored(e.ID))
	var got []bellhop.DeliveryID
	for range 10 {
		work := b.claim(e, 10)
		if len(work) > 1 {
			t.Fatal("two of one order are under way")
		}
		for _, w := range work {
			got = append(got, w.Delivery.ID)
			if w.Delivery.OrderKey != "*" {
				t.Errorf("the order key of %v is %q", w.Delivery.ID, w.Delivery.OrderKey)
			}
			b.must(b.record(b.attempt(w.Delivery, bellhop.AttemptSucceeded)))
		}
	}
	if want := []bellhop.DeliveryID{n.Deliveries[0].ID, last.Deliveries[0].ID}; !slices.Equal(got, want) {
		t.Errorf("claimed %v, want %v", got, want)
	}
	if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.reorders"); n != 0 {
		t.Errorf("%d changes are under way", n)
	}
}

func TestAnAttemptThatIsRecordedWhileItsEventIsErasedTellsNothing(t *testing.T) {
	a, b, c := parties(t)
	e := a.endpoint(bellhop.OrderingNone)
	n := a.publish(e)
	done := a.attempt(a.claim(e, 1)[0].Delivery, bellhop.AttemptSucceeded)
	done.ResponseBody, done.Captured = []byte("secret"), map[string]string{"pin": "1234"}
	blocked(t, c, "waiting_deltas", func() error { return a.record(done) }, func() {
		erased, err := b.s.Erase(b.Context(), bellhop.EraseSelector{Event: n.Event.ID}, nil, time.Now())
		b.must(err)
		if len(erased) != 1 {
			t.Errorf("erased %v", erased)
		}
		b.sweep()
	})
	for range 2 { // the first notes who may have had it in hand
		b.sweep()
	}
	if oneNumber(t, c, "SELECT count(*) FROM bellhop.attempts WHERE id = $1 AND response_body IS NULL AND captured IS NULL", int64(done.ID)) != 1 {
		t.Error("what was captured is still there")
	}
	if n := owes(t, c, "event"); n != 0 {
		t.Errorf("%d marks are left", n)
	}
}

func TestADeliveryThatIsHeldWhileItsEndpointIsChangedIsLetGo(t *testing.T) {
	a, b, c := parties(t)
	e := a.endpoint(bellhop.OrderingNone)
	n := a.publish(e)
	hold := a.attempt(a.claim(e, 1)[0].Delivery, bellhop.AttemptFailed)
	hold.Final, hold.Reason = false, bellhop.ReasonTransform
	saved := make(chan error, 1)
	blocked(t, c, "waiting_deltas", func() error {
		return a.s.Record(a.Context(), a.lease, []bellhop.Result{{Attempt: hold, Lease: a.lease, Held: true, Revision: e.Revision}}, time.Now())
	}, func() {
		go func() {
			e.URL += "/new"
			saved <- b.s.SaveEndpoint(b.Context(), e, nil, time.Now())
		}()
		awaitQueue(t, c, 2, func() bool { return len(saved) > 0 }) // it waits as well, or has not seen what the other does
	})
	b.must(<-saved)
	work := b.claim(e, 10)
	if len(work) != 1 || work[0].Delivery.ID != n.Deliveries[0].ID {
		t.Errorf("claimed %v, want %v", work, n.Deliveries[0].ID)
	}
}

func TestARedeliveryBesideAnErasureOrADeletionIsEnded(t *testing.T) {
	a, b, c := parties(t)
	for name, gone := range map[string]func(e bellhop.Endpoint, n bellhop.NewEvent){
		"erased": func(_ bellhop.Endpoint, n bellhop.NewEvent) {
			_, err := b.s.Erase(b.Context(), bellhop.EraseSelector{Event: n.Event.ID}, nil, time.Now())
			b.must(err)
		},
		"deleted": func(e bellhop.Endpoint, _ bellhop.NewEvent) {
			b.must(b.s.DeleteEndpoint(b.Context(), e.ID, nil, time.Now()))
		},
	} {
		e := a.endpoint(bellhop.OrderingNone)
		n := a.publish(e)
		a.must(a.record(a.attempt(a.claim(e, 1)[0].Delivery, bellhop.AttemptSucceeded)))
		again := n.Deliveries[0]
		again.ID, again.Trigger = id.Next[id.Delivery](a.ids, time.Now()), bellhop.TriggerResend
		blocked(t, c, "waiting_deltas", func() error {
			_, err := a.s.Redeliver(a.Context(), a.lease, bellhop.Redelivery{Deliveries: []bellhop.Delivery{again}}, time.Now())
			return err
		}, func() {
			gone(e, n)
			b.sweep()
			b.sweep()
		})
		if work := b.claim(e, 10); len(work) != 0 {
			t.Errorf("%s: claimed %v", name, work)
		}
		b.sweep()
		if n := a.pending(); n != 0 {
			t.Errorf("%s: %d are pending", name, n)
		}
	}
}

func TestTwoSweepsEndEachDeliveryOnce(t *testing.T) {
	a, b, c := parties(t)
	e, ordered := a.endpoint(bellhop.OrderingNone), a.endpoint(bellhop.OrderingSubject)
	const many = 600
	var events []bellhop.NewEvent
	for range many {
		events = append(events, a.event(e, ordered))
	}
	a.enqueue(events...)
	a.must(a.s.DeleteEndpoint(a.Context(), e.ID, nil, time.Now()))
	for i := range events {
		if i%2 == 0 {
			_, err := b.s.Erase(b.Context(), bellhop.EraseSelector{Event: events[i].Event.ID}, nil, time.Now())
			b.must(err)
		}
	}
	var swept atomic.Int64
	var crew sync.WaitGroup
	for _, p := range []*party{a, b, a, b} {
		crew.Go(func() { swept.Add(int64(p.sweep())) })
	}
	crew.Wait()
	swept.Add(int64(a.sweep())) // what one had in hand, another has left out
	if n := swept.Load(); n != many+many/2 {
		t.Errorf("%d were swept, want %d", n, many+many/2)
	}
	if n := oneNumber(t, c, "SELECT count(*) - count(DISTINCT delivery) FROM bellhop.attempts WHERE final"); n != 0 {
		t.Errorf("%d deliveries have more than one last line", n)
	}
	if n := a.pending(); n != many/2 {
		t.Errorf("%d are pending, want %d", n, many/2)
	}
	a.sweep()
	a.sweep()
	if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.owed WHERE what <> 'wipe'"); n != 0 {
		t.Errorf("%d marks are left", n)
	}
}

func TestTwoSpreadsMakeEachDeliveryOnce(t *testing.T) {
	a, b, c := parties(t)
	var later []bellhop.EndpointID
	for range 40 {
		later = append(later, a.endpoint(bellhop.OrderingNone).ID)
	}
	var events []bellhop.NewEvent
	for i := range 30 {
		n := a.event()
		n.Event.App, n.Later = []string{"acme", "globex", "initech"}[i%3], later[i%5:]
		events = append(events, n)
	}
	want := 0
	for i := range events {
		want += len(events[i].Later)
	}
	a.enqueue(events...)
	var crew sync.WaitGroup
	for _, p := range []*party{a, b, a, b} {
		crew.Go(func() {
			for {
				got, err := p.s.Spread(p.Context(), p.lease, id.Take[id.Delivery](p.ids, 70, time.Now()), time.Now())
				if err != nil {
					t.Error(err)
				}
				if err != nil || len(got) == 0 {
					return
				}
			}
		})
	}
	crew.Wait()
	if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.pending"); n != int64(want) {
		t.Errorf("%d are made, want %d", n, want)
	}
	if n := oneNumber(t, c, "SELECT count(*) - count(DISTINCT (event, endpoint)) FROM bellhop.pending"); n != 0 {
		t.Errorf("%d are made twice", n)
	}
	if n := oneNumber(t, c, "SELECT (SELECT count(*) FROM bellhop.fanouts) + (SELECT count(*) FROM bellhop.fanout_lists)"); n != 0 {
		t.Errorf("%d rows of fan-outs are left", n)
	}
	if n := a.pending(); n != int64(want) {
		t.Errorf("%d are counted, want %d", n, want)
	}
}

// TestASpreadLeavesToOthersWhatTheyAreAt has each fan-out that a spread is about to go on with
// be ended by another process, while others come.
func TestASpreadLeavesToOthersWhatTheyAreAt(t *testing.T) {
	a, b, c, happens := interrupted(t)
	later := []bellhop.EndpointID{a.endpoint(bellhop.OrderingNone).ID}
	n := 0
	comes := func() {
		n++
		next := b.event()
		next.Later = later
		b.enqueue(next)
	}
	comes()
	happens.set(map[string]func(){
		"SELECT EXISTS (SELECT 1 FROM bellhop.fanouts WHERE app": comes,
		"FROM bellhop.fanouts f WHERE f.app = $1 ORDER BY f.event LIMIT": func() {
			_, err := b.s.Spread(b.Context(), b.lease, id.Take[id.Delivery](b.ids, 10, time.Now()), time.Now())
			b.must(err)
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if got, err := a.s.Spread(ctx, a.lease, id.Take[id.Delivery](a.ids, 10, time.Now()), time.Now()); err != nil || len(got) != 0 {
		t.Errorf("%v %v, after %d have come", got, err, n)
	}
	happens.set(nil)
	if got, err := a.s.Spread(ctx, a.lease, id.Take[id.Delivery](a.ids, 10, time.Now()), time.Now()); err != nil || len(got) != 1 {
		t.Errorf("the last one: %v %v", got, err)
	}
	if made := oneNumber(t, c, "SELECT count(*) FROM bellhop.pending"); made != int64(n) {
		t.Errorf("%d deliveries are made of %d", made, n)
	}
}

func TestNoMoreThanMayWaitAreAccepted(t *testing.T) {
	a, _, _ := parties(t)
	e := a.endpoint(bellhop.OrderingNone)
	const most, each = 60, 20
	v := a.version()
	var accepted, refused atomic.Int64
	var crew sync.WaitGroup
	for range 8 {
		crew.Go(func() {
			for range each {
				n := a.event(e)
				n.MaxPending = most
				_, err := a.s.Enqueue(a.Context(), a.lease, v, []bellhop.NewEvent{n}, time.Now())
				switch {
				case err == nil:
					accepted.Add(1)
				case bellhop.CodeOf(err) == bellhop.CodeBacklogFull:
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	crew.Wait()
	if accepted.Load() != most || refused.Load() != 8*each-most {
		t.Errorf("%d were accepted and %d refused, want %d accepted", accepted.Load(), refused.Load(), most)
	}
	for _, w := range a.claim(e, 10) {
		a.must(a.record(a.attempt(w.Delivery, bellhop.AttemptSucceeded)))
	}
	for i := range 11 {
		n := a.event(e)
		n.MaxPending = most
		_, err := a.s.Enqueue(a.Context(), a.lease, v, []bellhop.NewEvent{n}, time.Now())
		if full := bellhop.CodeOf(err) == bellhop.CodeBacklogFull; full != (i == 10) || !full && err != nil {
			t.Errorf("event %d after 10 have ended: %v", i, err)
		}
	}
}

// TestNothingOfAnOrderSleepsForEver has what comes before a delivery be ended by two
// processes at once.
func TestNothingOfAnOrderSleepsForEver(t *testing.T) {
	a, b, _ := parties(t)
	e := a.endpoint(bellhop.OrderingEndpoint)
	for round := range 40 {
		first, second := a.publish(e), a.publish(e)
		work := a.claim(e, 10)
		if len(work) != 1 || work[0].Delivery.ID != first.Deliveries[0].ID {
			t.Fatalf("round %d: claimed %v", round, work)
		}
		third := a.publish(e)
		if more := a.claim(e, 10); len(more) != 0 {
			t.Fatal("another one of the order is under way")
		}
		claimed := make(chan bellhop.Work, 10)
		var crew sync.WaitGroup
		crew.Go(func() {
			if err := a.record(a.attempt(work[0].Delivery, bellhop.AttemptSucceeded)); err != nil {
				t.Error(err)
			}
		})
		crew.Go(func() {
			_, err := b.s.Erase(b.Context(), bellhop.EraseSelector{Event: second.Event.ID}, nil, time.Now())
			if err == nil {
				_, err = b.s.Sweep(b.Context(), id.Take[id.Attempt](b.ids, 10, time.Now()), time.Now())
			}
			if err != nil {
				t.Error(err)
			}
		})
		crew.Go(func() { // finds that the third one waits
			for _, w := range a.claim(e, 10) {
				claimed <- w
			}
		})
		crew.Wait()
		b.sweep()
		close(claimed)
		var got []bellhop.Work
		for w := range claimed {
			if w.Delivery.ID == second.Deliveries[0].ID { // before it was erased
				a.must(a.record(a.attempt(w.Delivery, bellhop.AttemptSucceeded)))
			} else {
				got = append(got, w)
			}
		}
		for range 3 {
			if len(got) == 0 {
				got = a.claim(e, 10)
			}
		}
		if len(got) != 1 || got[0].Delivery.ID != third.Deliveries[0].ID {
			t.Fatalf("round %d: claimed %v, want %v", round, got, third.Deliveries[0].ID)
		}
		a.must(a.record(a.attempt(got[0].Delivery, bellhop.AttemptSucceeded)))
	}
	if n := a.pending(); n != 0 {
		t.Errorf("%d are pending", n)
	}
}

// The statements of a claim that look for what is first of an order, keep it, and load the
// events of what it gives out.
const (
	looksForFirst = "unnest($2::text[]) o (key)"
	keepsFirst    = "FOR SHARE /* all apps */"
	loadsEvents   = "e.data FROM bellhop.events e WHERE (e.app = ANY($1)) IS TRUE"
)

// TestAClaimEndsWhereNothingIsLeftOfAnOrder has the last delivery of an order be ended after
// a claim has found that it is due.
func TestAClaimEndsWhereNothingIsLeftOfAnOrder(t *testing.T) {
	for _, text := range []string{looksForFirst, keepsFirst} {
		a, b, _, happens := interrupted(t)
		e := a.endpoint(bellhop.OrderingEndpoint)
		erased := a.publish(e)
		_, err := b.s.Erase(b.Context(), bellhop.EraseSelector{Event: erased.Event.ID}, nil, time.Now())
		b.must(err)
		if work := a.claimWhile(e, happens, text, func() { b.sweep() }); len(work) != 0 {
			t.Errorf("claimed of an order of which nothing is left: %v", work)
		}

		// The endpoint goes on with another app.
		a.app("acme")
		a.publish(e)
		e.Apps = []string{"other"}
		a.must(a.s.SaveEndpoint(a.Context(), e, nil, time.Now()))
		work := a.claimWhile(e, happens, text, func() { b.must(b.s.DeleteApp(b.Context(), "acme", nil)) })
		if len(work) != 0 || a.pending() != 0 {
			t.Errorf("claimed of an app that is deleted: %v; %d are pending", work, a.pending())
		}
	}
}

// TestAClaimDoesNotFollowAnOrderForEver has what is first of an order be ended each time
// that a claim has found it.
func TestAClaimDoesNotFollowAnOrderForEver(t *testing.T) {
	a, b, _, happens := interrupted(t)
	e := a.endpoint(bellhop.OrderingEndpoint)
	for range 30 {
		erased := a.publish(e)
		_, err := b.s.Erase(b.Context(), bellhop.EraseSelector{Event: erased.Event.ID}, nil, time.Now())
		b.must(err)
	}
	last := a.publish(e)
	work := a.claimWhile(e, happens, keepsFirst, func() {
		_, err := b.s.Sweep(b.Context(), id.Take[id.Attempt](b.ids, 1, time.Now()), time.Now())
		b.must(err)
	})
	if n := a.pending(); len(work) != 0 || n < 10 {
		t.Errorf("claimed %v, when %d were left", work, n)
	}
	b.sweep()
	if work := a.claim(e, 10); len(work) != 1 || work[0].Delivery.ID != last.Deliveries[0].ID {
		t.Errorf("claimed %v afterwards, want %v", work, last.Deliveries[0].ID)
	}
}

// TestAClaimGivesNothingOutThatIsErasedMeanwhile has an event be erased, or deleted, after a
// claim has read how large it is.
func TestAClaimGivesNothingOutThatIsErasedMeanwhile(t *testing.T) {
	a, b, c, happens := interrupted(t)
	e := a.endpoint(bellhop.OrderingNone)
	a.app("acme")
	first, second := a.publish(e), a.publish(e)
	work := a.claimWhile(e, happens, loadsEvents, func() {
		_, err := b.s.Erase(b.Context(), bellhop.EraseSelector{Event: first.Event.ID}, nil, time.Now())
		b.must(err)
	})
	if len(work) != 1 || work[0].Event.ID != second.Event.ID || work[0].Event.Data == nil {
		t.Fatalf("claimed %v, want one of %v", work, second.Event.ID)
	}
	a.must(a.record(a.attempt(work[0].Delivery, bellhop.AttemptSucceeded)))
	if n := b.sweep(); n != 1 || a.pending() != 0 {
		t.Errorf("%d of what was erased was ended, and %d are pending", n, a.pending())
	}

	gone := a.publish(e)
	work = a.claimWhile(e, happens, loadsEvents, func() {
		_, err := c.Exec(t.Context(), "DELETE FROM bellhop.events WHERE id = $1", int64(gone.Event.ID))
		b.must(err)
	})
	if len(work) != 0 {
		t.Errorf("claimed of an event that is gone: %v", work)
	}
}

// TestCountsAreThoseOfTheRows has two processes add, end, hold and release deliveries while
// counts are folded and read.
func TestCountsAreThoseOfTheRows(t *testing.T) {
	a, b, c := parties(t)
	endpoints := []bellhop.Endpoint{a.endpoint(bellhop.OrderingNone), a.endpoint(bellhop.OrderingSubject, "globex"), a.endpoint(bellhop.OrderingNone)}
	var crew sync.WaitGroup
	for i, p := range []*party{a, b, a, b} {
		crew.Go(func() {
			for round := range 15 {
				var events []bellhop.NewEvent
				for range 4 {
					events = append(events, p.event(endpoints...))
				}
				for { // to let deliveries of an order go changes its endpoint
					r, err := p.s.Routes(p.Context(), 0)
					if err == nil {
						_, err = p.s.Enqueue(p.Context(), p.lease, r.Version, events, time.Now())
					}
					if err == nil {
						break
					}
					if !errors.Is(err, bellhop.ErrStaleRoutes) {
						t.Error(err)
						break
					}
				}
				e := endpoints[(i+round)%3]
				var work []bellhop.Work
				if p == a { // who owns the buckets
					work = p.claim(e, 5)
				}
				for _, w := range work {
					at := p.attempt(w.Delivery, bellhop.AttemptFailed)
					if at.Final = round%3 == 0; !at.Final {
						at.Reason = bellhop.ReasonTransform
					}
					r := bellhop.Result{Attempt: at, Lease: p.lease, Held: round%3 == 1, Revision: e.Revision}
					if err := p.s.Record(p.Context(), p.lease, []bellhop.Result{r}, time.Now()); err != nil {
						t.Error(err)
					}
				}
				if round%5 == 4 {
					if _, err := p.s.ReleaseHeld(p.Context(), e.ID, nil, time.Now()); err != nil {
						t.Error(err)
					}
				}
				if err := postgres.FoldWaits(p.Context(), p.s); err != nil {
					t.Error(err)
				}
			}
		})
	}
	crew.Wait()
	check := func(what string) {
		t.Helper()
		wrong := oneNumber(t, c, `SELECT count(*) FROM (SELECT app, endpoint, trigger IN ('resend', 'replay') AS again, count(*) AS n, count(*) FILTER (WHERE held) AS held FROM bellhop.pending GROUP BY 1, 2, 3) p
			FULL JOIN (SELECT app, endpoint, again, sum(n) AS n, sum(held) AS held FROM bellhop.waiting_now GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(held) <> 0) w USING (app, endpoint, again)
			WHERE p.n IS DISTINCT FROM w.n OR p.held IS DISTINCT FROM w.held`)
		if wrong != 0 {
			t.Errorf("%s: %d counts are not those of the rows", what, wrong)
		}
	}
	check("after all")
	a.must(postgres.FoldWaits(a.Context(), a.s))
	if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.waiting_deltas"); n != 0 {
		t.Errorf("%d lines are not folded", n)
	}
	check("folded")
	if fmt.Sprint(a.pending()) != fmt.Sprint(oneNumber(t, c, "SELECT count(*) FROM bellhop.pending")) {
		t.Errorf("%d are counted", a.pending())
	}
}
