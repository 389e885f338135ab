package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

// town is several nodes that share a store, and the receivers that they all send to.
type town struct {
	t     *testing.T
	store *memstore.Store
	net   *receivers
	// deaf: nodes cannot be woken, as behind a pooler.
	deaf  bool
	nodes []*townNode
}

// townNode is one of them, with its way to the store.
type townNode struct {
	*engine.Engine
	line *line
	stop func()
}

// line is a node's way to the store. It may be cut for good, as the node's death does, or
// for a while; the store judges leases by its own clock.
type line struct {
	bellhop.Store
	deaf bool
	dead atomic.Bool
	// house counts what one node does for all.
	house atomic.Int64

	mu     sync.Mutex
	asleep chan struct{} // closed at the end of the sleep; nil while awake
}

func (l *line) cut() error {
	l.mu.Lock()
	asleep := l.asleep
	l.mu.Unlock()
	if asleep != nil {
		<-asleep
	}
	if l.dead.Load() {
		return errDead
	}
	return nil
}

// sleep stops a node for a while, as SIGSTOP does.
func (l *line) sleep() (wake func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	asleep := make(chan struct{})
	l.asleep = asleep
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asleep = nil
		close(asleep)
	}
}

func (l *line) Join(ctx context.Context, about bellhop.NodeAbout, length time.Duration, _ time.Time) (bellhop.Node, error) {
	if err := l.cut(); err != nil {
		return bellhop.Node{}, err
	}
	return l.Store.Join(ctx, about, length, time.Now())
}

func (l *line) Renew(ctx context.Context, of bellhop.Lease, status *bellhop.NodeStatus, length time.Duration, _ time.Time) (time.Time, error) {
	if err := l.cut(); err != nil {
		return time.Time{}, err
	}
	return l.Store.Renew(ctx, of, status, length, time.Now())
}

func (l *line) Leave(ctx context.Context, of bellhop.Lease, _ time.Time) error {
	if err := l.cut(); err != nil {
		return nil
	}
	return l.Store.Leave(ctx, of, time.Now())
}

func (l *line) TakeOver(ctx context.Context, _ time.Time) ([]bellhop.NodeInfo, error) {
	if err := l.cut(); err != nil {
		return nil, err
	}
	return l.Store.TakeOver(ctx, time.Now())
}

func (l *line) Enqueue(ctx context.Context, of bellhop.Lease, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	if err := l.cut(); err != nil {
		return nil, err
	}
	return l.Store.Enqueue(ctx, of, routes, events, now)
}

func (l *line) Claim(ctx context.Context, c bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	if err := l.cut(); err != nil {
		return bellhop.Claimed{}, err
	}
	return l.Store.Claim(ctx, c, now)
}

func (l *line) Record(ctx context.Context, of bellhop.Lease, r []bellhop.Result, now time.Time) error {
	if err := l.cut(); err != nil {
		return err
	}
	return l.Store.Record(ctx, of, r, now)
}

func (l *line) Release(ctx context.Context, of bellhop.Lease, d []bellhop.DeliveryID, now time.Time) error {
	if err := l.cut(); err != nil {
		return err
	}
	return l.Store.Release(ctx, of, d, now)
}

func (l *line) TakeBuckets(ctx context.Context, of bellhop.Lease, want []bellhop.BucketOwner, now time.Time) ([]bellhop.BucketOwner, error) {
	if err := l.cut(); err != nil {
		return nil, err
	}
	return l.Store.TakeBuckets(ctx, of, want, now)
}

func (l *line) LeaveBuckets(ctx context.Context, of bellhop.Lease, left []bellhop.BucketOwner, now time.Time) error {
	if err := l.cut(); err != nil {
		return err
	}
	return l.Store.LeaveBuckets(ctx, of, left, now)
}

func (l *line) SampleBacklog(ctx context.Context, now time.Time) error {
	if err := l.cut(); err != nil {
		return err
	}
	l.house.Add(1)
	return l.Store.SampleBacklog(ctx, now)
}

func (l *line) Wake(w bellhop.Wakeup) {
	if !l.deaf && !l.dead.Load() {
		l.Store.Wake(w)
	}
}

func (l *line) Wakeups(ctx context.Context, f func(bellhop.Wakeup)) error {
	if l.deaf {
		return errors.New("nobody can be woken here")
	}
	return l.Store.Wakeups(ctx, f)
}

// Alone is false, as where there may always be others.
func (l *line) Alone() bool { return false }

func newTown(t *testing.T, nodes int) *town {
	t.Helper()
	w := &town{t: t, store: memstore.New(), net: newReceivers()}
	for range nodes {
		w.open()
	}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.stop()
		}
	})
	if nodes > 0 {
		app(t, w.nodes[0].Engine, "acme")
		wait(3 * time.Second) // each gets its share
	}
	return w
}

// open starts one more node.
func (w *town) open(change ...func(*engine.Config)) *townNode {
	w.t.Helper()
	n := &townNode{line: &line{Store: w.store, deaf: w.deaf}}
	began := time.Now()
	c := engine.Config{
		Sealer: sealer(w.t), Transport: w.net, Logger: slog.New(slog.DiscardHandler), Random: func() float64 { return 0.5 },
		Name: fmt.Sprint("node ", len(w.nodes)+1), Elapsed: func() time.Duration { return time.Since(began) },
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if n.Engine, err = engine.New(w.t.Context(), n.line, c); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	w.nodes = append(w.nodes, n)
	synctest.Wait()
	return n
}

// kill ends a node as kill -9 does: nothing of it reaches the store any more.
func (n *townNode) kill() {
	n.line.dead.Store(true)
	n.stop()
}

// owner is the node that owns an endpoint's bucket, and another one that does not.
func (w *town) owner(e bellhop.EndpointID) (owner, other *townNode) {
	w.t.Helper()
	for _, n := range w.nodes {
		if n.Owns(e) {
			owner = n
		} else if !n.line.dead.Load() {
			other = n
		}
	}
	if owner == nil || other == nil {
		w.t.Fatalf("endpoint %v has no owner, or only one node is there", e)
	}
	return owner, other
}

// shares counts the buckets of each node.
func (w *town) shares() []int {
	w.t.Helper()
	owners, err := w.store.Buckets(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	count := map[bellhop.Lease]int{}
	for _, o := range owners {
		count[o.Lease]++
	}
	var list []int
	for _, n := range count {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

func (n *townNode) publish(t *testing.T, data string) bellhop.EventID {
	t.Helper()
	r, err := n.Publish(t.Context(), engine.Publication{App: "acme", Type: "a.b", Subject: "s:1", Data: bellhop.JSON(data)})
	if err != nil {
		t.Fatal(err)
	}
	return r.Event
}

func (w *town) endpoint(c bellhop.EndpointChange) bellhop.Endpoint {
	w.t.Helper()
	c.Apps, c.URL, c.Dialect = bellhop.Of([]string{"acme"}), bellhop.Of("https://a.example/hook"), bellhop.Of("raw")
	e := endpoint(w.t, w.nodes[0].Engine, c)
	wait(time.Second)
	return e
}

func TestEachNodeOwnsItsShareOfTheEndpoints(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 1)
		expect := func(when string, want ...int) {
			t.Helper()
			if got := w.shares(); !slices.Equal(got, want) {
				t.Errorf("%s the nodes own %v buckets, want %v", when, got, want)
			}
		}
		expect("alone", 256)
		w.open()
		wait(5 * time.Second)
		expect("as two", 128, 128)
		w.open()
		wait(5 * time.Second)
		expect("as three", 85, 85, 86)
		w.nodes[0].stop()
		wait(2 * time.Second)
		expect("when one has left", 128, 128)
		w.nodes[1].kill()
		wait(time.Minute)
		expect("when one has died", 256)
	})
}

// TestOrderIsKeptAcrossHandOvers: events of one order are published at every node while
// nodes come and go; each is taken once, one after the other, in the order in which they
// were accepted.
func TestOrderIsKeptAcrossHandOvers(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 3)
		var mu sync.Mutex
		var taken []int
		busy, most := 0, 0
		w.net.on("a.example", func(r received) answer {
			n, _ := strconv.Atoi(r.body)
			mu.Lock()
			defer mu.Unlock()
			busy++
			most = max(most, busy)
			time.AfterFunc(29*time.Millisecond, func() {
				mu.Lock()
				defer mu.Unlock()
				busy--
			})
			if n%17 == 3 && r.n == 1 {
				return answer{status: 500, after: 30 * time.Millisecond}
			}
			taken = append(taken, n)
			return answer{status: 200, after: 30 * time.Millisecond}
		})
		w.endpoint(bellhop.EndpointChange{Ordering: bellhop.Of(bellhop.OrderingEndpoint)})
		const events = 400
		for i := range events {
			live := slices.DeleteFunc(slices.Clone(w.nodes), func(n *townNode) bool { return !n.running() })
			live[i%len(live)].publish(t, strconv.Itoa(i))
			switch i % 80 {
			case 30:
				w.open()
			case 60:
				live[0].stop()
			}
			wait(40 * time.Millisecond)
		}
		wait(10 * time.Minute)
		want := make([]int, events)
		for i := range want {
			want[i] = i
		}
		if !slices.Equal(taken, want) {
			t.Errorf("taken: %v", taken)
		}
		if most != 1 {
			t.Errorf("%d requests were under way at once", most)
		}
	})
}

func (n *townNode) running() bool { return n.Ready() == nil }

// TestARateLimitIsExactAcrossNodes, whichever node accepts, and while the owner changes: be
// it the endpoint's own, or its app's that another node has set since.
func TestARateLimitIsExactAcrossNodes(t *testing.T) {
	const perSecond, burst = 20, 4
	limit := &bellhop.RateLimit{PerSecond: perSecond, Burst: burst}
	t.Run("of the endpoint", func(t *testing.T) {
		limitAcrossNodes(t, perSecond, burst, func(w *town) { w.endpoint(bellhop.EndpointChange{RateLimit: bellhop.Of(limit)}) })
	})
	t.Run("of its app", func(t *testing.T) {
		limitAcrossNodes(t, perSecond, burst, func(w *town) {
			w.endpoint(bellhop.EndpointChange{RateLimit: bellhop.Of(&bellhop.RateLimit{PerSecond: 10 * perSecond, Burst: 100})})
			a, _ := w.nodes[1].Routes().Routes().App("acme")
			a.RateLimit = limit
			if err := w.nodes[1].Store().SaveApp(w.t.Context(), a, nil); err != nil {
				w.t.Fatal(err)
			}
			wait(2 * time.Second) // the others look
		})
	})
}

func limitAcrossNodes(t *testing.T, perSecond, burst int, limited func(*town)) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 3)
		limited(w)
		for i := range 600 {
			live := slices.DeleteFunc(slices.Clone(w.nodes), func(n *townNode) bool { return !n.running() })
			live[i%len(live)].publish(t, strconv.Itoa(i))
			switch i {
			case 100, 300:
				w.open()
			case 200, 400:
				live[0].stop()
			}
			wait(10 * time.Millisecond)
		}
		wait(time.Minute)
		got := w.net.at("a.example")
		if len(got) != 600 {
			t.Errorf("%d requests, want 600", len(got))
		}
		for i := range got {
			in := 0
			for j := i; j < len(got) && got[j].at.Sub(got[i].at) < time.Second; j++ {
				in++
			}
			if most := perSecond + 1; i > perSecond+burst && in > most {
				t.Fatalf("%d requests within a second from request %d on, at %v; %d a second are allowed", in, i, got[i].at, perSecond)
			}
		}
	})
}

// TestAKilledNodeLeavesNothingUndone: what it had in memory, what it was about to send and
// what waited for it are sent by the others.
func TestAKilledNodeLeavesNothingUndone(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 3)
		down := atomic.Bool{}
		down.Store(true)
		var mu sync.Mutex
		taken := map[string]int{}
		w.net.on("a.example", func(r received) answer {
			if down.Load() {
				return answer{status: 503, after: 10 * time.Second}
			}
			mu.Lock()
			defer mu.Unlock()
			taken[r.body]++
			return answer{status: 200}
		})
		e := w.endpoint(bellhop.EndpointChange{})
		for i := range 90 {
			w.nodes[i%3].publish(t, strconv.Itoa(i))
		}
		wait(5 * time.Second)
		owner, _ := w.owner(e.ID)
		owner.kill()
		down.Store(false)
		wait(time.Hour)
		for i := range 90 {
			if n := taken[strconv.Itoa(i)]; n == 0 || n > 2 {
				t.Errorf("event %d was taken %d times", i, n)
			}
		}
		if n, _, err := w.store.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n != 0 {
			t.Errorf("%d are pending, %v", n, err)
		}
	})
}

// TestANodeThatSleptPastItsLeaseSendsNothing until it has another one: what it had belongs
// to others.
func TestANodeThatSleptPastItsLeaseSendsNothing(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 2)
		var mu sync.Mutex
		taken := map[string]int{}
		w.net.on("a.example", func(r received) answer {
			mu.Lock()
			defer mu.Unlock()
			taken[r.body]++
			return answer{status: 200, after: time.Second}
		})
		e := w.endpoint(bellhop.EndpointChange{Ordering: bellhop.Of(bellhop.OrderingEndpoint)})
		owner, other := w.owner(e.ID)
		for i := range 20 {
			owner.publish(t, strconv.Itoa(i))
		}
		wait(1500 * time.Millisecond)
		wakeUp := owner.line.sleep()
		wait(2 * time.Minute)
		if !other.Owns(e.ID) {
			t.Error("the other did not take over")
		}
		mu.Lock()
		before := len(w.net.at("a.example"))
		mu.Unlock()
		wakeUp()
		wait(time.Minute)
		if got := w.net.at("a.example"); len(got) != before {
			t.Errorf("%d requests were made after it woke up", len(got)-before)
		}
		for i := range 20 {
			if n := taken[strconv.Itoa(i)]; n != 1 && i > 2 || n == 0 || n > 2 {
				t.Errorf("event %d was taken %d times", i, n)
			}
		}
		if owner.Lease() == (bellhop.Lease{}) || owner.Ready() != nil {
			t.Errorf("it is not back: %v", owner.Ready())
		}
	})
}

// TestANodeCutOffFromTheStoreStopsBeforeOthersTakeOver: it goes on for less time than its
// lease has, so that a limit holds for both together.
func TestANodeCutOffFromTheStoreStopsBeforeOthersTakeOver(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 0)
		for _, name := range []string{"one", "two"} {
			w.open(func(c *engine.Config) { c.UserAgent = name })
		}
		app(t, w.nodes[0].Engine, "acme")
		wait(3 * time.Second)
		e := w.endpoint(bellhop.EndpointChange{RateLimit: bellhop.Of(&bellhop.RateLimit{PerSecond: 1})})
		owner, other := w.owner(e.ID)
		for i := range 120 {
			owner.publish(t, strconv.Itoa(i))
		}
		wait(5 * time.Second)
		mend := owner.line.sleep()
		wait(time.Minute)
		if !other.Owns(e.ID) {
			t.Error("the other did not take over")
		}
		got := w.net.at("a.example")
		senders := map[string]int{}
		for i, r := range got {
			senders[r.header.Get("User-Agent")]++
			if i > 0 && r.at.Sub(got[i-1].at) < 950*time.Millisecond {
				t.Errorf("a request came %v after the one before", r.at.Sub(got[i-1].at))
			}
		}
		if len(senders) != 2 {
			t.Errorf("requests by node: %v", senders)
		}
		mend()
		wait(5 * time.Minute)
		if n, _, err := w.store.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n != 0 {
			t.Errorf("%d are pending, %v", n, err)
		}
	})
}

// TestANodeWhoseClockIsTenMinutesWrongGoesByThatOfTheDatabase: its ids, retries and
// schedules are as those of the others.
func TestANodeWhoseClockIsTenMinutesWrongGoesByThatOfTheDatabase(t *testing.T) {
	for _, wrong := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		simulate(t, func(t *testing.T) {
			w := newTown(t, 1)
			n := w.open(func(c *engine.Config) { c.Now = func() time.Time { return time.Now().Add(wrong) } })
			wait(3 * time.Second)
			w.net.on("a.example", func(r received) answer {
				if r.n == 1 {
					return answer{status: 500}
				}
				return answer{status: 200}
			})
			w.endpoint(bellhop.EndpointChange{})
			if d := time.Until(n.Now()).Abs(); d > time.Second {
				t.Errorf("by %v its clock is off", d)
			}
			at := time.Now()
			id := n.publish(t, "1")
			if d := id.Time().Sub(at).Abs(); d > time.Second {
				t.Errorf("its event is dated %v off", d)
			}
			if _, err := n.Publish(t.Context(), engine.Publication{App: "acme", Type: "a.b", Data: bellhop.JSON("2"), DeliverAt: at.Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
			wait(3 * time.Minute)
			var after []time.Duration
			for _, r := range w.net.at("a.example") {
				after = append(after, r.at.Sub(at).Round(time.Second))
			}
			if want := []time.Duration{0, 5 * time.Second, time.Minute, time.Minute + 5*time.Second}; !slices.Equal(after, want) {
				t.Errorf("requests %v after the publication, want %v", after, want)
			}
			nodes, err := w.store.Nodes(t.Context())
			if err != nil || len(nodes) != 2 || time.Duration(nodes[1].Status.ClockAhead-bellhop.Duration(wrong)).Abs() > time.Second {
				t.Errorf("nodes: %+v, %v", nodes, err)
			}
		})
	}
}

// TestWhatOneNodeMakesTheOthersKnow: what is missing at once, and what is changed within a
// second, also where nobody can be woken.
func TestWhatOneNodeMakesTheOthersKnow(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		simulate(t, func(t *testing.T) {
			w := newTown(t, 1)
			w.deaf = deaf
			w.nodes[0].line.deaf = deaf
			w.open()
			w.open()
			wait(3 * time.Second)
			a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
			app(t, a.Engine, "globex")
			for _, n := range []*townNode{b, c} {
				if _, err := n.Publish(t.Context(), engine.Publication{App: "globex", Type: "a.b", Data: bellhop.JSON("1")}); err != nil {
					t.Errorf("publishing to an app that another node has made: %v", err)
				}
			}
			if err := a.Store().SaveKey(t.Context(), bellhop.Key{ID: 7, Role: bellhop.RoleAdmin, Scope: bellhop.Everything(), Hash: [32]byte{7}}, nil); err != nil {
				t.Fatal(err)
			}
			if news, err := b.Missed(t.Context()); !news || err != nil {
				t.Errorf("there is no news: %v", err)
			}
			if _, ok := b.Routes().Access().Find([32]byte{7}, b.Now()); !ok {
				t.Error("a key that another node has made is not known")
			}

			e := w.endpoint(bellhop.EndpointChange{})
			set(t, b.Engine, e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
			if err := a.Store().DeleteKey(t.Context(), 7, nil); err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
			for _, n := range w.nodes {
				n.publish(t, "1")
				if _, ok := n.Routes().Access().Find([32]byte{7}, n.Now()); ok {
					t.Error("a key is known a second after it was revoked")
				}
			}
			wait(time.Minute)
			if got := w.net.at("a.example"); len(got) != 0 {
				t.Errorf("%d requests to an endpoint that was paused a second before", len(got))
			}
			set(t, c.Engine, e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
			wait(time.Second)
			if got := w.net.at("a.example"); len(got) != 3 {
				t.Errorf("%d requests a second after it was resumed, want 3", len(got))
			}
		})
	}
}

// TestAWrongKeyIsAskedForAFewTimesASecond, however often somebody comes with one.
func TestAWrongKeyIsAskedForAFewTimesASecond(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 2)
		counted := &askedStore{Store: w.nodes[0].line.Store}
		w.nodes[0].line.Store = counted
		before := counted.versions.Load()
		var crew sync.WaitGroup
		for range 50 {
			crew.Go(func() {
				for range 20 {
					if _, err := w.nodes[0].Missed(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		began := time.Now()
		crew.Wait()
		if n, took := counted.versions.Load()-before, time.Since(began); n > 60 || took > 2*time.Second {
			t.Errorf("the store was asked %d times in %v for 1000 misses", n, took)
		}
	})
}

type askedStore struct {
	bellhop.Store
	versions atomic.Int64
	away     atomic.Bool
}

func (c *askedStore) Versions(ctx context.Context) (bellhop.Versions, error) {
	c.versions.Add(1)
	if c.away.Load() {
		return bellhop.Versions{}, bellhop.ErrUnavailable
	}
	return c.Store.Versions(ctx)
}

// TestNobodyIsToldThatThereIsNoSuchThingWhileItCannotBeKnown: a publisher would take it for
// the last word.
func TestNobodyIsToldThatThereIsNoSuchThingWhileItCannotBeKnown(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 2)
		n := w.nodes[0]
		asked := &askedStore{Store: n.line.Store}
		n.line.Store = asked
		publish := func() error {
			_, err := n.Publish(t.Context(), engine.Publication{App: "nosuch", Type: "a.b", Data: bellhop.JSON("1")})
			return err
		}
		if err := publish(); bellhop.CodeOf(err) != bellhop.CodeUnknownApp {
			t.Errorf("where it is known: %v", err)
		}
		asked.away.Store(true)
		if err := publish(); !errors.Is(err, bellhop.ErrUnavailable) || bellhop.CodeOf(err) != "" {
			t.Errorf("where it is not: %v", err)
		}
		if news, err := n.Missed(t.Context()); news || !errors.Is(err, bellhop.ErrUnavailable) {
			t.Errorf("asked: %v, %v", news, err)
		}
	})
}

// TestWhatIsErasedAtOneNodeIsNotSentByAnother a second later, though it has it in memory.
func TestWhatIsErasedAtOneNodeIsNotSentByAnother(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 2)
		w.net.on("a.example", func(received) answer { return answer{status: 200, after: 10 * time.Second} })
		e := w.endpoint(bellhop.EndpointChange{Concurrency: bellhop.Of(1)})
		owner, other := w.owner(e.ID)
		owner.publish(t, "1")
		second := owner.publish(t, "2")
		if _, err := other.Store().Erase(t.Context(), bellhop.EraseSelector{Event: second}, nil, other.Now()); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		if got := w.net.at("a.example"); len(got) != 1 {
			t.Errorf("%d requests, want 1", len(got))
		}
	})
}

// TestOneNodeKeepsHouse at a time, and another one when it is gone.
func TestOneNodeKeepsHouse(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 3)
		wait(10 * time.Minute)
		did := func() (who []int) {
			for i, n := range w.nodes {
				if n.line.house.Swap(0) > 3 {
					who = append(who, i)
				}
			}
			return who
		}
		first := did()
		if len(first) != 1 {
			t.Fatalf("nodes %v keep house", first)
		}
		w.nodes[first[0]].kill()
		wait(10 * time.Minute)
		if next := did(); len(next) != 1 || next[0] == first[0] {
			t.Errorf("nodes %v keep house, after %v", next, first)
		}
	})
}

// TestWhoIsNotTheOwnerProbesWithWhatComesIn, and gives what it must not send to the owner.
func TestACircuitOfANodeThatIsNotTheOwnerClosesAgain(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 2)
		down := atomic.Bool{}
		down.Store(true)
		w.net.on("a.example", func(received) answer {
			if down.Load() {
				return answer{fail: errReset}
			}
			return answer{status: 200}
		})
		e := w.endpoint(bellhop.EndpointChange{})
		_, other := w.owner(e.ID)
		for i := range 40 {
			other.publish(t, strconv.Itoa(i))
			wait(100 * time.Millisecond)
		}
		if s, err := other.LaneState(t.Context(), e.ID); err != nil || s.Circuit == "closed" {
			t.Fatalf("its circuit: %+v, %v", s, err)
		}
		down.Store(false)
		for i := range 40 {
			other.publish(t, strconv.Itoa(100+i))
			wait(10 * time.Second)
		}
		if s, err := other.LaneState(t.Context(), e.ID); err != nil || s.Circuit != "closed" {
			t.Errorf("its circuit: %+v, %v", s, err)
		}
		wait(time.Hour)
		if n, _, err := w.store.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n != 0 {
			t.Errorf("%d are pending, %v", n, err)
		}
		h, err := w.nodes[0].Health(t.Context(), bellhop.Everything(), w.nodes[0].Routes().Routes().Endpoint(e.ID))
		if err != nil || h[0].State != bellhop.HealthHealthy {
			t.Errorf("it is said to be %+v, %v", h, err)
		}
	})
}

// TestHastenAtAnyNodeHasTheOwnerProbe.
func TestHastenAtAnyNodeHasTheOwnerProbe(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 2)
		down := atomic.Bool{}
		down.Store(true)
		w.net.on("a.example", func(received) answer {
			if down.Load() {
				return answer{fail: errReset}
			}
			return answer{status: 200}
		})
		e := w.endpoint(bellhop.EndpointChange{})
		owner, other := w.owner(e.ID)
		for i := range 20 {
			owner.publish(t, strconv.Itoa(i))
		}
		wait(time.Hour)
		down.Store(false)
		var ids []bellhop.DeliveryID
		list, err := w.store.Deliveries(t.Context(), bellhop.DeliveryFilter{Scope: bellhop.Everything(), Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			ids = append(ids, d.ID)
		}
		if _, err := other.Hasten(t.Context(), e.ID, ids); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		if n, _, err := w.store.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n != 0 {
			t.Errorf("%d are pending, %v", n, err)
		}
	})
}

// TestWhoFollowsTheAttemptsSeesThoseOfAllNodes, each once, also those that took long.
func TestWhoFollowsTheAttemptsSeesThoseOfAllNodes(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 3)
		w.net.on("a.example", func(r received) answer {
			if r.body == "0" {
				return answer{status: 200, after: 10 * time.Second}
			}
			return answer{status: 200}
		})
		w.endpoint(bellhop.EndpointChange{})
		for _, n := range w.nodes {
			n.publish(t, "9") // before anybody looks
		}
		wait(3 * time.Second)
		watcher := w.nodes[0].Watch(bellhop.AttemptFilter{Scope: bellhop.Everything()})
		defer watcher.Close()
		wait(3 * time.Second)
		want := map[bellhop.EventID]int{}
		for i := range 30 {
			want[w.nodes[i%3].publish(t, strconv.Itoa(i/3))]++
			wait(200 * time.Millisecond)
		}
		wait(20 * time.Second)
		got := map[bellhop.EventID]int{}
		for len(watcher.C()) > 0 {
			got[(<-watcher.C()).Event]++
		}
		if !maps.Equal(got, want) {
			t.Errorf("saw %v, want %v", got, want)
		}
	})
}

// TestANodeThatIsNotTheOwnerTellsTheTruthOfAnEndpoint, and who its owner is.
func TestANodeThatIsNotTheOwnerTellsTheTruthOfAnEndpoint(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 2)
		w.net.on("a.example", func(received) answer { return answer{fail: errReset} })
		e := w.endpoint(bellhop.EndpointChange{Ordering: bellhop.Of(bellhop.OrderingSubject)})
		owner, other := w.owner(e.ID)
		for i := range 20 {
			if _, err := owner.Publish(t.Context(), engine.Publication{App: "acme", Type: "a.b", Data: bellhop.JSON(strconv.Itoa(i))}); err != nil {
				t.Fatal(err)
			}
		}
		wait(10 * time.Second)
		s, err := other.LaneState(t.Context(), e.ID)
		if err != nil || s.Circuit != "open" || s.ConsecutiveFailures < 10 || s.Owner != owner.Config().Name {
			t.Errorf("its lane is said to be %+v, %v", s, err)
		}
		h, err := other.Health(t.Context(), bellhop.Everything(), other.Routes().Routes().Endpoint(e.ID))
		if err != nil || h[0].State != bellhop.HealthFailing {
			t.Errorf("it is said to be %+v, %v", h, err)
		}
		nodes, err := other.Nodes(t.Context())
		if err != nil || len(nodes) != 2 || nodes[0].Buckets+nodes[1].Buckets != bellhop.Buckets || nodes[0].KeepsHouse == nodes[1].KeepsHouse ||
			nodes[0].Answers == nodes[1].Answers || nodes[0].Backlog+nodes[1].Backlog != 20 || nodes[0].Name == nodes[1].Name {
			t.Errorf("the nodes are said to be %+v, %v", nodes, err)
		}
	})
}

// looking is a store that has somebody wait between a look for what is due and its answer.
type looking struct {
	bellhop.Store
	looked atomic.Pointer[func()]
}

func (s *looking) Overdue(ctx context.Context, of []bellhop.Bucket, until time.Time) ([]bellhop.Backlog, error) {
	found, err := s.Store.Overdue(ctx, of, until)
	if f := s.looked.Load(); f != nil && len(of) > 0 {
		s.looked.Store(nil)
		(*f)()
	}
	return found, err
}

// TestWhatComesWhileBucketsAreTakenIsNotOverlooked: between the look for what is due in them
// and the moment when the lanes know that they are the node's, nobody is told of it. A node
// that starts, and is published to at once, would leave that for a heartbeat.
func TestWhatComesWhileBucketsAreTakenIsNotOverlooked(t *testing.T) {
	simulate(t, func(t *testing.T) {
		store := &looking{Store: memstore.New()}
		h := openOn(t, store)
		h.endpoint("a.example")
		h.stop()

		publish := func() { h.publish(`1`) }
		store.looked.Store(&publish)
		h.start()
		wait(time.Second) // a heartbeat takes five
		if n := len(h.net.at("a.example")); n != 1 {
			t.Errorf("it was sent %d times within a second", n)
		}
	})
}
