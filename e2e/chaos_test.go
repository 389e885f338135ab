package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/history"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// Three nodes on one PostgreSQL are killed, stopped for longer than their leases, continued,
// and restarted in order, and so is PostgreSQL, as on a loss of power, while events are
// published and delivered. Then all that was acknowledged has arrived; what came twice is
// explained by what befell the node that sent it; and orders and limits held over all nodes,
// but for what a node that was continued had in hand.
func TestChaos(t *testing.T) {
	if *storage == onSQLite {
		t.Skip("it is about nodes that share a PostgreSQL: -storage postgres")
	}
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("-chaos %s -chaos-seed %d", *chaosLasts, seed)

	c := newChaos(t, seed)
	for _, n := range c.nodes {
		n.key = c.nodes[0].key
		n.start("--user-agent", n.process())
	}
	streams := c.streams()
	for _, s := range streams {
		c.open(s)
	}
	stop := make(chan struct{})
	var publishers sync.WaitGroup
	for _, s := range streams {
		for i := range s.publishers {
			publishers.Go(func() {
				if err := c.publish(stop, s, i); err != nil {
					t.Error(err)
				}
			})
		}
	}
	c.torment(*chaosLasts)
	close(stop)
	publishers.Wait()
	if t.Failed() {
		return
	}

	// Everything settles. What a rate limit has held back takes its time.
	settled := time.Now()
	for _, s := range streams {
		for _, d := range s.doors {
			within(t, 2*patience, fmt.Sprintf("%d events arrived at %s, of %d", d.taken(), d.name, s.acked()), func() bool { return d.taken() == s.acked() })
			within(t, patience, "nothing is pending at "+d.name, func() bool { return c.nodes[0].pending(d.endpoint) == 0 })
		}
	}
	t.Logf("everything had settled %s after the last fault", time.Since(settled).Round(time.Millisecond))
	c.alive()
	for _, n := range c.nodes {
		n.stop()
	}
	c.judge(streams)
}

// chaos is three nodes on a PostgreSQL of their own.
type chaos struct {
	t       testing.TB
	cluster *testpostgres.Cluster
	nodes   []*chaosNode
	seed    uint64
	doors   *chaosDoors

	mu     sync.Mutex
	faults []history.Fault
	counts map[string]int
	// gone and back are when PostgreSQL went last, and when it was there again.
	gone, back time.Time
}

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{t: t, seed: seed, cluster: testpostgres.NewCluster(t), counts: map[string]int{}}
	c.doors = newChaosDoors(t, seed)
	testpostgres.Exec(t, c.cluster.URL("postgres"), "CREATE DATABASE chaos TEMPLATE template0 ENCODING 'UTF8'")
	for i := range 3 {
		n := &chaosNode{server: newServerWithout(t, "--dev", "--log-level", "warn", "--log-format", "json", "--node-name", fmt.Sprint("n", i+1)), no: i + 1}
		if i == 0 {
			n.onPostgres(c.cluster.URL("chaos"))
		} else {
			first := c.nodes[0]
			n.db, n.direct, n.flags = first.db, first.direct, append(n.flags, "--master-key-file", first.keyFile())
			if *storage == onPlain {
				n.flags = append(n.flags, "--database-plain")
			}
		}
		n.http.Timeout = answerPatience
		c.nodes = append(c.nodes, n)
	}
	return c
}

// alive checks that every node is one again, and that they share the endpoints evenly.
func (c *chaos) alive() {
	within(c.t, patience, "three nodes share the buckets", func() bool {
		nodes, err := c.nodes[0].api.Nodes(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		buckets, fair := 0, len(nodes) == len(c.nodes)
		for _, n := range nodes {
			buckets += n.Buckets
			fair = fair && n.Buckets >= 85
		}
		return fair && buckets == 256
	})
}

// fault notes that something befell a process, or all.
func (c *chaos) fault(f history.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f)
	c.counts[f.What]++
}

// judge compares what was acknowledged with what came.
func (c *chaos) judge(streams []*stream) {
	for _, n := range c.nodes {
		c.leases(n)
	}
	for _, f := range c.faults {
		c.t.Logf("%s %s: %s to %s", f.Node, f.What, f.From.UTC().Format("15:04:05.000"), f.To.UTC().Format("15:04:05.000"))
	}
	c.t.Logf("faults: %s", counted(c.counts))
	var sum history.Report
	for _, s := range streams {
		for _, d := range s.doors {
			h := history.History{Endpoints: []history.Endpoint{d.asks}, Requests: d.requests(), Faults: c.faults, Slack: 2 * time.Second, Jitter: 500 * time.Millisecond}
			for _, e := range s.published() {
				event := history.Event{Name: e.ID, Sent: e.sent, Acked: e.acked, To: []string{d.asks.Name}}
				switch d.ordering {
				case bellhop.OrderingSubject:
					event.Key = e.Subject
				case bellhop.OrderingEndpoint:
					event.Key = "endpoint"
				}
				h.Events = append(h.Events, event)
			}
			r := history.Check(h)
			c.t.Logf("%s: %s", d.name, r)
			if rate, ok := r.Rates[d.name]; ok {
				c.t.Logf("%s: at most %.3f of what its rate limit allows in %s", d.name, rate, history.RateWindow)
				if rate > 1.05 {
					c.t.Errorf("%s got %.3f of what its rate limit allows", d.name, rate)
				}
			}
			if err := r.Err(); err != nil {
				c.t.Errorf("%s: %v", d.name, err)
			}
			d.sameEvents(c.t, s)
			sum.Events, sum.Requests, sum.Taken = sum.Events+r.Events, sum.Requests+r.Requests, sum.Taken+r.Taken
			sum.Repeated, sum.Worst, sum.InHand = sum.Repeated+r.Repeated, max(sum.Worst, r.Worst), sum.InHand+r.InHand
			sum.Lost, sum.Unexplained = append(sum.Lost, r.Lost...), append(sum.Unexplained, r.Unexplained...)
			sum.Disorder, sum.TooFast, sum.TooMany = append(sum.Disorder, r.Disorder...), append(sum.TooFast, r.TooFast...), append(sum.TooMany, r.TooMany...)
		}
	}
	c.t.Logf("together: %s", &sum)
	var worst chaosEvent
	events := 0
	for _, s := range streams {
		for _, e := range s.published() {
			if events++; e.acked.Sub(e.sent) > worst.acked.Sub(worst.sent) {
				worst = e
			}
		}
	}
	c.t.Logf("%d events; the longest that one was published until it was acknowledged: %s, from %s",
		events, worst.acked.Sub(worst.sent).Round(time.Millisecond), worst.sent.UTC().Format("15:04:05.000"))
}

func counted(counts map[string]int) string {
	var list []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%s: %d", what, counts[what]))
	}
	return strings.Join(list, ", ")
}

// streams are what is published, and to whom: endpoints of every kind, some of each, since
// each belongs to one of the nodes at a time.
func (c *chaos) streams() []*stream {
	limit := func(e *bellhop.EndpointChange, h *history.Endpoint) {
		e.RateLimit = bellhop.Of(&bellhop.RateLimit{PerSecond: 15, Burst: 5})
		h.Rate, h.Burst = 15, 5
	}
	order := func(o bellhop.Ordering) func(*bellhop.EndpointChange, *history.Endpoint) {
		return func(e *bellhop.EndpointChange, h *history.Endpoint) {
			e.Ordering = bellhop.Of(o)
			h.Ordered = true
		}
	}
	narrow := func(n int) func(*bellhop.EndpointChange, *history.Endpoint) {
		return func(e *bellhop.EndpointChange, h *history.Endpoint) {
			e.Concurrency = bellhop.Of(n)
			h.Concurrency = n
		}
	}
	return []*stream{
		newStream("plain", 2, door("plain-1", nil), door("plain-2", nil), door("plain-3", nil)),
		newStream("subject", 3, door("subject-1", order(bellhop.OrderingSubject)), door("subject-2", order(bellhop.OrderingSubject)), door("subject-3", order(bellhop.OrderingSubject))),
		newStream("endpoint", 2, door("endpoint-1", order(bellhop.OrderingEndpoint)), door("endpoint-2", order(bellhop.OrderingEndpoint)), door("endpoint-3", order(bellhop.OrderingEndpoint))),
		newStream("rate", 2, door("rate-1", limit), door("rate-2", limit), door("rate-3", limit)),
		newStream("narrow", 2, door("narrow-1", narrow(1)), door("narrow-2", narrow(2)), door("narrow-3", narrow(3))),
	}
}
