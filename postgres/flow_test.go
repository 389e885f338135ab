package postgres_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect gives a connection of the test's own.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func number(t testing.TB, c *pgx.Conn, sql string, args ...any) (n int64) {
	t.Helper()
	must(t, c.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

func success(src source, d *bellhop.Delivery, l bellhop.Lease) bellhop.Result {
	return bellhop.Result{Attempt: src.attempt(d), Lease: l}
}

// again is an attempt that failed and is made again.
func again(src source, d *bellhop.Delivery, l bellhop.Lease) bellhop.Result {
	r := success(src, d, l)
	r.Attempt.Status, r.Attempt.Final, r.Attempt.Reason, r.Attempt.NextAt = bellhop.AttemptFailed, false, "timeout", time.Now().Add(time.Hour)
	return r
}

func enqueue(t testing.TB, s *postgres.Store, l bellhop.Lease, events ...bellhop.NewEvent) {
	t.Helper()
	_, err := s.Enqueue(t.Context(), l, 0, events, time.Now())
	must(t, err)
}

// TestADeliveryThatSucceedsAtOnceOnlyAppends: nothing that is to be vacuumed comes of it,
// however long a reader keeps its snapshot.
func TestADeliveryThatSucceedsAtOnceOnlyAppends(t *testing.T) {
	url := database(t)
	s := openAt(t, url, postgres.Options{})
	node := joinNode(t, s)
	src := newSource(node)
	const events = 500
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range events / 20 {
				n := src.event(100, 3, node.Lease.Node)
				enqueue(t, s, node.Lease, n)
				var results []bellhop.Result
				for i := range n.Deliveries {
					results = append(results, success(src, &n.Deliveries[i], node.Lease))
				}
				must(t, s.Record(t.Context(), node.Lease, results, time.Now()))
			}
		})
	}
	all.Wait()
	must(t, s.Close()) // what the connections have counted is told at their end
	c := connect(t, url)
	deadline := time.Now().Add(time.Minute)
	for number(t, c, "SELECT coalesce(sum(n_tup_ins), 0)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'attempts%'") < 3*events {
		if time.Now().After(deadline) {
			t.Fatal("the server does not tell what was inserted")
		}
		time.Sleep(50 * time.Millisecond)
	}
	rows, err := c.Query(t.Context(), `SELECT relname::text, n_tup_upd + n_tup_del FROM pg_stat_user_tables
		WHERE schemaname = 'bellhop' AND n_tup_upd + n_tup_del > 0 AND relname NOT IN ('nodes', 'buckets')`)
	must(t, err)
	var table string
	var changed int64
	_, err = pgx.ForEachRow(rows, []any{&table, &changed}, func() error {
		t.Errorf("%d rows of %s were changed or deleted", changed, table)
		return nil
	})
	must(t, err)
	if n := number(t, c, "SELECT count(*) FROM bellhop.pending"); n != 0 {
		t.Errorf("%d rows are pending", n)
	}
	if n := number(t, c, "SELECT count(*) FROM bellhop.fresh"); n != 0 {
		t.Errorf("%d deliveries are taken for fresh", n)
	}
}

// TestWhatADeadNodeLeavesIsFoundOnce: of all that it accepted, exactly what is unfinished
// is released, whether it was fresh, is written down, or was tried already.
func TestWhatADeadNodeLeavesIsFoundOnce(t *testing.T) {
	s := openTimed(t)
	ctx, now := t.Context(), time.Now()
	join := func(length time.Duration) bellhop.Node {
		n, err := s.Join(ctx, bellhop.NodeAbout{Started: now}, length, now)
		must(t, err)
		return n
	}
	dead, other := join(time.Minute), join(24*time.Hour)
	src := newSource(dead)
	must(t, s.SaveEndpoint(ctx, bellhop.Endpoint{
		ID: 1, Apps: []string{"acme"}, URL: "https://example.com", Dialect: "standard", Status: bellhop.EndpointActive,
		Timeout: bellhop.Duration(time.Second), Concurrency: 8, Ordering: bellhop.OrderingNone, CreatedAt: now, UpdatedAt: now,
	}, nil, now))
	routes, err := s.Routes(ctx, 0)
	must(t, err)
	var left []bellhop.DeliveryID
	var slow []bellhop.Delivery
	accept := func(at time.Time) bellhop.Delivery {
		n := src.event(10, 1, dead.Lease.Node)
		n.Deliveries[0].Due = at
		_, err := s.Enqueue(ctx, dead.Lease, routes.Version, []bellhop.NewEvent{n}, at)
		must(t, err)
		return n.Deliveries[0]
	}
	record := func(r bellhop.Result) { must(t, s.Record(ctx, dead.Lease, []bellhop.Result{r}, now)) }
	for range 40 {
		done, retried, fresh, released := accept(now), accept(now), accept(now.Add(time.Second)), accept(now)
		slow = append(slow, accept(now))
		record(success(src, &done, dead.Lease))
		record(again(src, &retried, dead.Lease))
		must(t, s.Release(ctx, dead.Lease, []bellhop.DeliveryID{released.ID}, now))
		left = append(left, fresh.ID, released.ID)
	}
	// A heartbeat writes down what takes long; some of it arrives after all.
	_, err = s.Renew(ctx, dead.Lease, nil, time.Minute, now.Add(5500*time.Millisecond))
	must(t, err)
	for i := range slow {
		if i%2 == 0 {
			record(success(src, &slow[i], dead.Lease))
		} else {
			left = append(left, slow[i].ID)
		}
	}
	late := now.Add(time.Hour)
	for want := range 2 { // once, and once more for nothing
		ended, err := s.TakeOver(ctx, late)
		must(t, err)
		if len(ended) != 1-want {
			t.Fatalf("leases that ended: %v", ended)
		}
	}
	owners, err := s.Buckets(ctx)
	must(t, err)
	taken, err := s.TakeBuckets(ctx, other.Lease, owners[bellhop.BucketOf(1):bellhop.BucketOf(1)+1], late)
	must(t, err)
	var got []bellhop.DeliveryID
	for {
		c, err := s.Claim(ctx, bellhop.ClaimRequest{Lease: other.Lease, Endpoint: 1, BucketEpoch: taken[0].Epoch, Limit: 50}, now.Add(time.Minute))
		must(t, err)
		if len(c.Work) == 0 {
			break
		}
		for _, w := range c.Work {
			got = append(got, w.Delivery.ID)
		}
	}
	slices.Sort(got)
	slices.Sort(left)
	if !slices.Equal(got, left) {
		t.Errorf("%d deliveries were found, want %d", len(got), len(left))
	}
	if _, err := s.Enqueue(ctx, dead.Lease, routes.Version, []bellhop.NewEvent{src.event(1, 1, dead.Lease.Node)}, late); !errors.Is(err, bellhop.ErrLeaseLost) {
		t.Errorf("the dead node enqueues: %v", err)
	}
}

// TestALeaseEndsAfterWhatWasBegunUnderIt: its orphans are counted when nothing can be
// committed under it any more.
func TestALeaseEndsAfterWhatWasBegunUnderIt(t *testing.T) {
	url := database(t)
	s := openAt(t, url, postgres.Options{})
	n, err := s.Join(t.Context(), bellhop.NodeAbout{}, time.Microsecond, time.Now())
	must(t, err)
	c := connect(t, url)
	tx, err := c.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), "SELECT 1 FROM bellhop.nodes WHERE id = $1 FOR KEY SHARE", int(n.Lease.Node))
	must(t, err)
	var over atomic.Bool
	ended := make(chan error, 1)
	go func() {
		_, err := s.TakeOver(t.Context(), time.Now())
		over.Store(true)
		ended <- err
	}()
	watch := connect(t, url)
	for number(t, watch, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 {
		if over.Load() {
			t.Fatal("the lease ended while a transaction held it")
		}
	}
	must(t, tx.Commit(t.Context()))
	must(t, <-ended)
}

// TestAnAnswerThatWasLost: as long as the transaction may still be committed nobody says
// that it was not; and once that was said, it never is.
func TestAnAnswerThatWasLost(t *testing.T) {
	for name, late := range map[string]bool{"the commit arrives late": true, "the commit is lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := database(t)
			url, p := throughProxy(t, direct)
			s := openAt(t, url, postgres.Options{})
			node := joinNode(t, s)
			src := newSource(node)
			warm := src.event(10, 1, node.Lease.Node)
			enqueue(t, s, node.Lease, warm)
			n := src.event(10, 2, node.Lease.Node)
			n.Event.Data = bellhop.JSON(`"the one that is kept"`)
			p.keepFrom("the one that is kept")
			_, err := s.Enqueue(t.Context(), node.Lease, 0, []bellhop.NewEvent{n}, time.Now())
			if !errors.Is(err, bellhop.ErrUnknown) {
				t.Fatalf("Enqueue = %v, want ErrUnknown", err)
			}
			<-p.kept
			type answer struct {
				stored bool
				err    error
			}
			answers := make(chan answer, 1)
			go func() {
				_, stored, err := s.Resolve(t.Context(), node.Lease, []bellhop.NewEvent{n}, time.Now())
				answers <- answer{stored, err}
			}()
			select {
			case a := <-answers:
				t.Fatalf("Resolve answered while the transaction was open: %+v", a)
			case <-time.After(200 * time.Millisecond):
			}
			p.late <- late
			a := <-answers
			must(t, a.err)
			c := connect(t, direct)
			stored := number(t, c, "SELECT count(*) FROM bellhop.events WHERE id = $1", int64(n.Event.ID)) == 1
			if a.stored != late || stored != late {
				t.Errorf("stored %v, said %v, want %v", stored, a.stored, late)
			}
			if fresh := number(t, c, "SELECT count(*) FROM bellhop.fresh WHERE event = $1", int64(n.Event.ID)); late && fresh != 2 {
				t.Errorf("%d deliveries are fresh", fresh)
			}
			if late {
				must(t, s.Record(t.Context(), node.Lease, []bellhop.Result{success(src, &n.Deliveries[0], node.Lease), again(src, &n.Deliveries[1], node.Lease)}, time.Now()))
				if n := number(t, c, "SELECT count(*) FROM bellhop.pending"); n != 1 {
					t.Errorf("%d are pending, want 1", n)
				}
			}
		})
	}
}

// TestAServerThatEndsAtOnceLosesNothing: what was acknowledged is there, what was refused is
// not, and everything goes on without a new start.
func TestAServerThatEndsAtOnceLosesNothing(t *testing.T) {
	t.Parallel()
	cluster := testpostgres.NewCluster(t)
	url := cluster.URL("postgres")
	s := openAt(t, url, postgres.Options{})
	node := joinNode(t, s)
	src := newSource(node)
	var mu sync.Mutex
	acknowledged, refused := map[bellhop.EventID]bool{}, map[bellhop.EventID]bool{}
	var since atomic.Int64 // acknowledged since the server is back
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := src.event(200, 1, node.Lease.Node)
				_, err := s.Enqueue(t.Context(), node.Lease, 0, []bellhop.NewEvent{n}, time.Now())
				for errors.Is(err, bellhop.ErrUnknown) {
					stored := false
					if _, stored, err = s.Resolve(t.Context(), node.Lease, []bellhop.NewEvent{n}, time.Now()); err == nil && !stored {
						err = bellhop.ErrUnavailable
					} else if errors.Is(err, bellhop.ErrUnavailable) {
						err = bellhop.ErrUnknown // ask again
						time.Sleep(10 * time.Millisecond)
					}
				}
				mu.Lock()
				if err == nil {
					acknowledged[n.Event.ID] = true
					since.Add(1)
				} else if refused[n.Event.ID] = true; !errors.Is(err, bellhop.ErrUnavailable) {
					t.Error(err)
				}
				mu.Unlock()
				if err != nil {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	for range 3 {
		since.Store(0)
		for since.Load() < 200 {
			time.Sleep(time.Millisecond)
		}
		must(t, cluster.Stop("immediate"))
		must(t, cluster.Start())
	}
	since.Store(0)
	for since.Load() < 200 {
		time.Sleep(time.Millisecond)
	}
	close(stop)
	all.Wait()
	c := connect(t, url)
	rows, err := c.Query(t.Context(), "SELECT id FROM bellhop.events")
	must(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	must(t, err)
	for _, e := range ids {
		delete(acknowledged, id.ID[id.Event](e))
		if refused[id.ID[id.Event](e)] {
			t.Errorf("%v was refused, and is stored", e)
		}
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d events were acknowledged, and are gone", len(acknowledged))
	}
}

// A process that is stopped, or cut off, in the middle of a transaction keeps nobody from
// taking over: the server ends what nothing more is sent for.
func TestAProcessThatIsStoppedWithinATransactionIsTakenOver(t *testing.T) {
	t.Parallel()
	direct := database(t)
	url, p := throughProxy(t, direct)
	s := openAt(t, url, postgres.Options{})
	node, err := s.Join(t.Context(), bellhop.NodeAbout{Name: "stopped"}, 2*time.Second, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	n := newSource(node).event(10, 1, node.Lease.Node)
	n.Event.Data = bellhop.JSON(`"the one that is kept"`)
	p.standStillFrom("the one that is kept")
	ended := make(chan error, 1)
	go func() {
		_, err := s.Enqueue(context.Background(), node.Lease, 0, []bellhop.NewEvent{n}, time.Now())
		ended <- err
	}()
	<-p.kept
	goOn := sync.OnceFunc(func() { p.late <- true })
	defer goOn()

	other := openAt(t, direct, postgres.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for over := []bellhop.NodeInfo(nil); len(over) == 0; {
		if over, err = other.TakeOver(ctx, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	goOn()
	if err := <-ended; err == nil {
		t.Error("what was to be stored under a lease that was over is said to be stored")
	}
	if _, err := other.Event(t.Context(), n.Event.ID); bellhop.CodeOf(err) != bellhop.CodeNotFound {
		t.Errorf("what was never acknowledged is there: %v", err)
	}
}
