package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// platform is a server with one receiver, to which a publisher publishes all the time: each
// event again until it is acknowledged.
type platform struct {
	t        *testing.T
	nodes    []*server
	receiver *receiver
	endpoint bellhop.EndpointID
	load     *load
	finish   func()
}

// publishing starts a platform on some nodes, of which the first makes the app.
func publishing(t *testing.T, perSecond float64, nodes ...*server) *platform {
	t.Helper()
	p := &platform{t: t, nodes: nodes, receiver: newReceiver(t, answers(http.StatusOK))}
	for i, n := range nodes {
		n.key = nodes[0].key
		n.start(fmt.Sprint("--node-name=node-", i))
	}
	nodes[0].app("acme")
	p.endpoint = nodes[0].endpoint("acme", p.receiver.URL, func(c *bellhop.EndpointChange) {
		c.Retry = bellhop.Of(bellhop.RetryPolicy{Initial: bellhop.Duration(100 * time.Millisecond), Factor: 1, Max: bellhop.Duration(100 * time.Millisecond), Until: bellhop.Duration(10 * time.Minute)})
	}).ID
	p.load = &load{api: client.New(nodes[0].url, nodes[0].key, nodes[0].http), pace: rate.NewLimiter(rate.Limit(perSecond), 10), to: 1, acked: map[string]bellhop.EventID{}}
	stop := make(chan struct{})
	var publishers sync.WaitGroup
	for i := range 4 {
		publishers.Go(func() {
			if err := p.load.publish(stop, fmt.Sprint("cart:", i)); err != nil {
				t.Error(err)
			}
		})
	}
	p.finish = sync.OnceFunc(func() {
		close(stop)
		publishers.Wait()
	})
	t.Cleanup(p.finish)
	p.flows()
	return p
}

// flows waits until more events are acknowledged.
func (p *platform) flows() {
	p.t.Helper()
	until := p.load.acks.Load() + 20
	eventually(p.t, "events are acknowledged", func() bool { return p.load.acks.Load() >= until })
}

// allArrive ends the publishing and waits until everything that was acknowledged has
// arrived. It gives how many requests there were more than events.
func (p *platform) allArrive() (repeats int) {
	p.t.Helper()
	p.finish()
	missing := func() (n int) {
		got := p.arrived()
		for _, e := range p.load.acked {
			if !got[e.String()] {
				n++
			}
		}
		return n
	}
	eventually(p.t, fmt.Sprintf("all of %d acknowledged events arrive", len(p.load.acked)), func() bool {
		return p.receiver.count() >= len(p.load.acked) && missing() == 0
	})
	p.nodes[0].waitDone(p.endpoint)
	repeats = p.receiver.count() - len(p.load.acked)
	p.t.Logf("%d events were acknowledged and arrived, %d requests more", len(p.load.acked), repeats)
	return repeats
}

// arrived are the events that the receiver got.
func (p *platform) arrived() map[string]bool {
	got := map[string]bool{}
	for _, r := range p.receiver.requests() {
		got[r.header.Get("Webhook-Id")] = true
	}
	return got
}

// refused waits until a publish is answered 503 with Retry-After.
func (p *platform) refused() {
	p.t.Helper()
	eventually(p.t, "publishes are answered 503", func() bool {
		ctx, cancel := context.WithTimeout(p.t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.nodes[0].url+"/v1/events", strings.NewReader(`{"app":"acme","type":"load.tried","data":{}}`))
		if err != nil {
			p.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+p.nodes[0].key)
		req.Header.Set("Content-Type", "application/json")
		resp, err := p.nodes[0].http.Do(req)
		if err != nil {
			p.t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable {
			return false
		}
		if resp.Header.Get("Retry-After") == "" {
			p.t.Fatal("a 503 without Retry-After")
		}
		return true
	})
	eventually(p.t, "/readyz fails", func() bool { return p.nodes[0].probe("/readyz") == http.StatusServiceUnavailable })
	if p.nodes[0].probe("/healthz") != http.StatusOK {
		p.t.Error("/healthz fails: a restart would not help")
	}
}

// saysOnce checks that the log of the first node is about a trouble, and not full of it.
func (p *platform) saysOnce(from int, most int) {
	p.t.Helper()
	lines := strings.Split(strings.TrimSpace(p.nodes[0].output.from(from)), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, "level=WARN") && !strings.Contains(l, "level=ERROR") })
	if len(lines) == 0 || len(lines) > most {
		p.t.Errorf("the log says it in %d lines, of at most %d:\n%s", len(lines), most, strings.Join(lines, "\n"))
	}
}

// TestPostgresRestartedUnderLoad: PostgreSQL ends as on a loss of power, again and again.
// Nothing that was acknowledged is lost, and the servers go on without a restart.
func TestPostgresRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	c := testpostgres.NewCluster(t)
	first := newNode(t, c.URL("postgres"))
	p := publishing(t, 200, first, first.another())
	times := 3
	if testing.Short() {
		times = 2
	}
	for range times {
		if err := c.Stop("immediate"); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		p.flows()
	}
	p.allArrive()
}

// TestPostgresStopped: while PostgreSQL is away, publishes are answered 503 with
// Retry-After, and the log says so once; then everything goes on.
func TestPostgresStopped(t *testing.T) {
	t.Parallel()
	c := testpostgres.NewCluster(t)
	p := publishing(t, 100, newNode(t, c.URL("postgres")))
	from := p.nodes[0].output.len()
	if err := c.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	p.refused()
	time.Sleep(5 * time.Second) // in which much could be said
	p.saysOnce(from, 8)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.flows()
	eventually(t, "/readyz is well again", func() bool { return p.nodes[0].probe("/readyz") == http.StatusOK })
	p.allArrive()
}

// TestPostgresTroubles: what a database can have without being away.
func TestPostgresTroubles(t *testing.T) {
	t.Parallel()
	for what, trouble := range map[string]func(t *testing.T, c *testpostgres.Cluster, db string) (mend func()){
		"read-only": func(t *testing.T, c *testpostgres.Cluster, _ string) func() {
			set := func(sql string) { testpostgres.Exec(t, c.URL("postgres"), sql) }
			set("ALTER ROLE app SET default_transaction_read_only = on")
			set("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
			// Connections that were made meanwhile stay read-only: as those to a former primary.
			return func() { set("ALTER ROLE app RESET default_transaction_read_only") }
		},
		"statement timeout": func(t *testing.T, _ *testpostgres.Cluster, db string) func() {
			end, err := testpostgres.Session(t, db, "SET statement_timeout = 0", "BEGIN", "LOCK TABLE bellhop.events IN ACCESS EXCLUSIVE MODE")
			if err != nil {
				t.Fatal(err)
			}
			return end
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c := testpostgres.NewCluster(t, "max_connections = 60", "superuser_reserved_connections = 3")
			admin := c.URL("postgres")
			testpostgres.Exec(t, admin, "CREATE ROLE app LOGIN; CREATE ROLE hog LOGIN")
			testpostgres.Exec(t, admin, "CREATE DATABASE hooks OWNER app TEMPLATE template0 ENCODING 'UTF8'")
			testpostgres.Exec(t, admin, "ALTER ROLE app SET statement_timeout = '3s'")
			db := changed(t, c.URL("hooks"), func(u *url.URL) { u.User = url.User("app") })
			p := publishing(t, 100, newNode(t, db))
			from := p.nodes[0].output.len()
			mend := trouble(t, c, db)
			p.refused()
			time.Sleep(2 * time.Second)
			p.saysOnce(from, 12)
			mend()
			p.flows()
			p.allArrive()
		})
	}
}

// TestPostgresFarAway: with 200 ms on the way to the database, everything works, slower.
func TestPostgresFarAway(t *testing.T) {
	t.Parallel()
	c := testpostgres.NewCluster(t)
	at := slowly(t, "unix", c.Socket(), 100*time.Millisecond)
	p := publishing(t, 50, newNode(t, "postgres://postgres@"+at+"/postgres?sslmode=disable"))
	p.flows()
	p.allArrive()
}

// TestPostgresBehindPgBouncer: in transaction mode, with a database that is restarted behind
// it, and two nodes.
func TestPostgresBehindPgBouncer(t *testing.T) {
	t.Parallel()
	c := testpostgres.NewCluster(t)
	first := newNode(t, testpostgres.Bouncer(t, c.URL("postgres")))
	first.direct = c.URL("postgres")
	p := publishing(t, 200, first, first.another())
	if err := c.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.flows()
	p.allArrive()
	const deaf = "this node cannot be woken"
	eventually(t, "the log says that the node is not woken", func() bool { return strings.Contains(first.output.String(), deaf) })
	said := first.output.String()
	if n := strings.Count(said, deaf); n != 1 {
		t.Errorf("the log says %d times that the node is not woken", n)
	}
	if *storage != onPlain && !strings.Contains(said, "--database-direct") {
		t.Error("the log does not say what to do about it")
	}
}

// TestTwoNodesWithOneName: a name is for people; the nodes are two.
func TestTwoNodesWithOneName(t *testing.T) {
	t.Parallel()
	first := newNode(t, testpostgres.Database(t))
	second := first.another()
	first.flags, second.flags = append(first.flags, "--node-name=twin"), append(second.flags, "--node-name=twin")
	first.start()
	second.key = first.key
	second.start()
	r := newReceiver(t, answers(http.StatusOK))
	e := first.endpoint(first.app("acme"), r.URL, nil)
	for i := range 50 {
		// What one node made, the other one knows.
		[]*server{first, second}[i%2].publish("acme", "twin.made", fmt.Sprintf(`{"n":%d}`, i))
	}
	r.wait(t, 50)
	second.waitDone(e.ID)
	if n := r.count(); n != 50 {
		t.Errorf("%d requests for 50 events", n)
	}
	if out := second.cli("nodes"); strings.Count(out, "twin") != 2 || strings.Count(out, " *") != 1 {
		t.Errorf("the nodes are\n%s", out)
	}
}

// TestANodeThatWasStoppedGoesOn: a node is stopped past its lease, and continued. Another
// one has taken over what it had; nothing is lost, nothing comes again and again, and the
// log says what has happened.
func TestANodeThatWasStoppedGoesOn(t *testing.T) {
	t.Parallel()
	first := newNode(t, testpostgres.Database(t))
	second := first.another()
	p := publishing(t, 100, first, second)
	// What it has taken waits for the answer, or a retry, when it stops.
	from := second.output.len()
	viaSecond := client.New(second.url, second.key, second.http)
	var extra []bellhop.EventID
	for i := range 20 {
		r, err := viaSecond.Publish(t.Context(), client.Publication{App: "acme", Type: "load.more", Data: bellhop.JSON(fmt.Sprintf(`{"n":%d}`, i))})
		if err != nil {
			t.Fatal(err)
		}
		extra = append(extra, r.ID)
	}
	second.signal(syscall.SIGSTOP)
	time.Sleep(20 * time.Second) // the lease is 15s
	p.flows()
	second.signal(syscall.SIGCONT)
	eventually(t, "the log says that the lease was over", func() bool { return strings.Contains(second.output.from(from), "lease") })
	eventually(t, "the node takes events again", func() bool {
		_, err := viaSecond.Publish(t.Context(), client.Publication{App: "acme", Type: "load.more", Data: bellhop.JSON(`{"last":true}`), ID: "last"})
		return err == nil
	})
	eventually(t, "all that the node took arrives", func() bool {
		got := p.arrived()
		return !slices.ContainsFunc(extra, func(e bellhop.EventID) bool { return !got[e.String()] })
	})
	if repeats := p.allArrive() - len(extra) - 1; repeats > 40 {
		t.Errorf("%d requests more than events", repeats)
	}
}

// TestReleaseIsOfAllNodes: what one node holds and releases, all do, also one that starts
// meanwhile.
func TestReleaseIsOfAllNodes(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, answers(http.StatusOK))
	first := newNode(t, testpostgres.Database(t))
	first.start()
	second := first.another()
	second.start("--hold")
	e := first.endpoint(first.app("acme"), r.URL, nil)
	eventually(t, "the other node knows", func() bool {
		h, err := first.api.Hold(t.Context())
		return err == nil && h.Held
	})
	third := first.another()
	third.start()
	for _, n := range []*server{first, second, third} {
		n.publish("acme", "invoice.paid", `{}`)
	}
	time.Sleep(time.Second)
	if n := r.count(); n != 0 {
		t.Fatalf("%d requests while all sending is held", n)
	}
	third.cli("release")
	r.wait(t, 3)
	first.waitDone(e.ID)
}
