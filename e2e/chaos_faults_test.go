package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
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
	from  int         // where the output of the last one begins
}

// process names the next process, as receivers see it.
func (n *chaosNode) process() string {
	n.begun, n.from = append(n.begun, time.Now()), n.output.len()
	return n.current()
}

// unheard tells whether a process was ended by SIGTERM before it had come as far as to heed
// that, which it does before it says anything.
func (n *chaosNode) unheard() bool {
	status, ok := n.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGTERM && n.output.len() == n.from
}

// current names the process that runs.
func (n *chaosNode) current() string { return fmt.Sprintf("n%d/%d", n.no, len(n.begun)) }

// tell sends a signal, which comes too late if the process has ended by itself.
func (n *chaosNode) tell(sig syscall.Signal) { _ = n.cmd.Process.Signal(sig) }

// misfortune is what befalls a node; it returns when the node is to be well again.
type misfortune func(*chaos, *chaosNode, *rand.Rand)

var misfortunes = []misfortune{
	func(c *chaos, n *chaosNode, r *rand.Rand) {
		c.kill(n, "kill -9", between(r, 0, 4*time.Second))
	},
	func(c *chaos, n *chaosNode, r *rand.Rand) {
		at := time.Now()
		n.tell(syscall.SIGSTOP)
		time.Sleep(leaseOf + between(r, time.Second, 4*time.Second))
		n.tell(syscall.SIGCONT)
		c.fault(history.Fault{Node: n.current(), What: "a stop longer than the lease", From: at, To: time.Now()})
	},
	func(c *chaos, n *chaosNode, r *rand.Rand) {
		c.count("SIGTERM")
		asked := time.Now()
		n.tell(syscall.SIGTERM)
		<-n.exited
		// It cannot take its leave of a database that is away, and says so.
		if code := n.cmd.ProcessState.ExitCode(); code != 0 && !n.unheard() && !c.awaySince(asked) {
			c.t.Errorf("%s ended with code %d after SIGTERM", n.current(), code)
		}
		time.Sleep(between(r, 0, time.Second))
		n.launch("--user-agent", n.process())
	},
	func(c *chaos, n *chaosNode, r *rand.Rand) {
		// It explains nothing: the lease holds.
		c.count("a stop shorter than the lease")
		n.tell(syscall.SIGSTOP)
		time.Sleep(between(r, 200*time.Millisecond, leaseOf/3))
		n.tell(syscall.SIGCONT)
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
				if !c.supervise(n) {
					return
				}
				deck[next%len(deck)](c, n, r)
			}
		})
	}
	all.Go(func() {
		r := rand.New(rand.NewPCG(c.seed, 0))
		for !over(between(r, 8*time.Second, 20*time.Second)) {
			at := time.Now()
			c.away(at, time.Time{})
			if err := c.cluster.Stop("immediate"); err != nil {
				c.t.Errorf("stop PostgreSQL: %v", err)
				return
			}
			time.Sleep(between(r, 0, 3*time.Second))
			if err := c.cluster.Start(); err != nil {
				c.t.Error(err)
				return
			}
			c.away(at, time.Now())
			c.fault(history.Fault{What: "PostgreSQL restarted", From: at, To: time.Now(), Forgets: true})
		}
	})
	all.Wait()
	for _, n := range c.nodes {
		within(c.t, patience, n.current()+" is ready", func() bool { return !c.supervise(n) || n.probe("/readyz") == http.StatusOK })
	}
}

// away notes when PostgreSQL went, and when it was there again.
func (c *chaos) away(from, to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone, c.back = from, to
}

// awaySince tells whether PostgreSQL is away or was, at or after a moment, but for what
// hears of it a little later.
func (c *chaos) awaySince(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.gone.IsZero() && (c.back.IsZero() || c.back.After(at.Add(-time.Second)))
}

// ended tells whether a node's process has ended by itself.
func (c *chaos) ended(n *chaosNode) bool {
	select {
	case <-n.exited:
		return true
	default:
		return false
	}
}

// supervise does what starts services on a machine: a process that ended is started again.
// Only one that PostgreSQL was taken from in the middle of its start may end.
func (c *chaos) supervise(n *chaosNode) bool {
	if !c.ended(n) {
		return true
	}
	if !c.awaySince(n.begun[len(n.begun)-1]) {
		c.t.Errorf("%s ended by itself: %s", n.current(), n.cmd.ProcessState)
		return false
	}
	c.count("a start given up, since PostgreSQL went away meanwhile")
	n.launch("--user-agent", n.process())
	return true
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
