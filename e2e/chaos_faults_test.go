package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bellhop/bellhop/internal/history"
)

// leaseOf is how long a lease of a node is.
const leaseOf = 15 * time.Second

// chaosNode is one of the nodes: a server whose processes can be told from each other.
type chaosNode struct {
	*server
	no    int
	begun []time.Time // when each of its processes was started
}

// process names the next process, as receivers see it.
func (n *chaosNode) process() string {
	n.begun = append(n.begun, time.Now())
	return n.current()
}

// current names the process that runs.
func (n *chaosNode) current() string { return fmt.Sprintf("n%d/%d", n.no, len(n.begun)) }

// misfortune is what befalls a node; it returns when the node is to be well again.
type misfortune func(*chaos, *chaosNode, *rand.Rand)

var misfortunes = []misfortune{
	func(c *chaos, n *chaosNode, r *rand.Rand) {
		c.kill(n, "kill -9", between(r, 0, 4*time.Second))
	},
	func(c *chaos, n *chaosNode, r *rand.Rand) {
		at := time.Now()
		n.signal(syscall.SIGSTOP)
		time.Sleep(leaseOf + between(r, time.Second, 4*time.Second))
		n.signal(syscall.SIGCONT)
		c.fault(history.Fault{Node: n.current(), What: "a stop longer than the lease", From: at, To: time.Now()})
	},
	func(c *chaos, n *chaosNode, r *rand.Rand) {
		c.count("SIGTERM")
		n.signal(syscall.SIGTERM)
		<-n.exited
		if code := n.cmd.ProcessState.ExitCode(); code != 0 {
			c.t.Errorf("%s ended with code %d after SIGTERM", n.current(), code)
		}
		time.Sleep(between(r, 0, time.Second))
		n.launch("--user-agent", n.process())
	},
	func(c *chaos, n *chaosNode, r *rand.Rand) {
		// It explains nothing: the lease holds.
		c.count("a stop shorter than the lease")
		n.signal(syscall.SIGSTOP)
		time.Sleep(between(r, 200*time.Millisecond, leaseOf/3))
		n.signal(syscall.SIGCONT)
	},
	func(c *chaos, n *chaosNode, r *rand.Rand) {
		c.kill(n, "kill -9 for longer than the lease", leaseOf+between(r, 0, 3*time.Second))
	},
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

func (c *chaos) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

func (c *chaos) kill(n *chaosNode, what string, away time.Duration) {
	at := time.Now()
	n.server.kill()
	c.fault(history.Fault{Node: n.current(), What: what, From: at, To: time.Now()})
	time.Sleep(away)
	n.launch("--user-agent", n.process())
}

// torment lets misfortunes befall nodes and database for a while. In the end all run.
func (c *chaos) torment(lasts time.Duration) {
	end := time.Now().Add(lasts)
	over := func(d time.Duration) bool {
		if time.Now().Add(d).After(end) {
			return true
		}
		time.Sleep(d)
		return c.t.Failed()
	}
	var all sync.WaitGroup
	for i, n := range c.nodes {
		all.Go(func() {
			r := rand.New(rand.NewPCG(c.seed, uint64(n.no)))
			// Every node has every misfortune, and at the beginning each has another one.
			next := i
			for deck := misfortunes; !over(between(r, time.Second, 5*time.Second)); next++ {
				if next%len(deck) == 0 && next > 0 {
					deck = shuffled(r, deck)
				}
				select {
				case <-n.exited:
					c.t.Errorf("%s ended by itself: %s", n.current(), n.cmd.ProcessState)
					return
				default:
				}
				deck[next%len(deck)](c, n, r)
			}
		})
	}
	all.Go(func() {
		r := rand.New(rand.NewPCG(c.seed, 0))
		for !over(between(r, 8*time.Second, 20*time.Second)) {
			at := time.Now()
			if err := c.cluster.Stop("immediate"); err != nil {
				c.t.Errorf("stop PostgreSQL: %v", err)
				return
			}
			time.Sleep(between(r, 0, 3*time.Second))
			if err := c.cluster.Start(); err != nil {
				c.t.Error(err)
				return
			}
			c.fault(history.Fault{What: "PostgreSQL restarted", From: at, To: time.Now(), Forgets: true})
		}
	})
	all.Wait()
	for _, n := range c.nodes {
		n.waitReady()
	}
}

func shuffled(r *rand.Rand, deck []misfortune) []misfortune {
	list := append([]misfortune(nil), deck...)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// leases notes the leases that were lost, as the nodes have told: those of stops are known,
// and others are a machine's that is too busy.
func (c *chaos) leases(n *chaosNode) {
	said := map[string]int{}
	for line := range strings.Lines(n.output.String()) {
		var l struct {
			Time       time.Time
			Msg, Level string
		}
		if json.Unmarshal([]byte(line), &l) != nil {
			continue
		}
		said[l.Level+" "+l.Msg]++
		if !strings.HasPrefix(l.Msg, "the lease was lost") {
			continue
		}
		process := 0
		for i, at := range n.begun {
			if at.Before(l.Time) {
				process = i + 1
			}
		}
		c.fault(history.Fault{Node: fmt.Sprintf("n%d/%d", n.no, process), What: "a lease lost", From: l.Time.Add(-leaseOf), To: l.Time})
	}
	c.t.Logf("n%d said: %s", n.no, counted(said))
}
