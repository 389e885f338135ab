package sim

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/history"
	"github.com/bellhop/bellhop/memstore"
)

// Result is what came of a history.
type Result struct {
	Seed uint64
	// Hash is that of the trace: two runs of a seed have the same.
	Hash uint64
	// Steps is how many things happened.
	Steps int
	// Broken is the promise that was broken, if one was.
	Broken *Broken
	// Reached are the situations that came about.
	Reached map[string]bool
}

// Broken says which promise of the design was broken, and how.
type Broken struct {
	Promise string
	How     string
	// Tail is the end of the trace.
	Tail string
}

func (b *Broken) Error() string { return "promise " + b.Promise + ": " + b.How }

// Run plays the history of a seed. Out, if not nil, gets every line of its trace.
func Run(seed uint64, out io.Writer) (r Result) {
	w := &world{loop: newLoop(seed), trace: newTrace(out), situations: map[string]bool{}}
	defer func() {
		r = Result{Seed: seed, Hash: w.trace.hash, Steps: w.steps, Reached: w.situations}
		switch p := recover().(type) {
		case nil:
		case *Broken:
			r.Broken = p
		default:
			r.Broken = &Broken{Promise: "none: it panicked", How: fmt.Sprintf("%v\n%s", p, debug.Stack())}
		}
		if r.Broken != nil {
			r.Broken.Tail = w.trace.end()
		}
	}()
	w.begin()
	w.run()
	return r
}

// world is everything of one history.
type world struct {
	loop
	trace      trace
	situations map[string]bool
	plan       plan
	faults     []history.Fault

	store     *store
	ledger    *ledger
	receivers map[string]*receiver
	// nodes are the present ones, by their place; nil where there is none. Offs are how far
	// the clocks of their machines are from that of the database.
	nodes    []*node
	offs     []time.Duration
	dialects []*dialect.Dialect
	secrets  *sealer

	// skew is how far the clock on the wall is off, highest the latest that any node's
	// said, and back how far it went back in all. leapt is when it last went ahead.
	skew    time.Duration
	highest time.Time
	back    time.Duration
	leapt   time.Duration

	// disturbed is when something went wrong last that all of the node may suffer
	// from; healthy is an endpoint that nothing ever happens to, if there is one.
	disturbed time.Duration
	healthy   bellhop.EndpointID

	urls, published int
	// entries are what programs have put into the outbox, by their data; programs counts
	// their transactions that run.
	entries  map[string]*entry
	programs int
	offers   map[[2]string]offer
	// never are events whose publishers were told that they are not stored, with what was
	// published with them.
	never        map[bellhop.EventID][]engine.Publication
	incarnations int
	// mended is when the end began: nothing goes wrong any more.
	mended time.Duration
	quiet  int
	over   bool
}

// epoch is when all histories begin.
var epoch = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is what the clock on the wall says: that of the database.
func (w *world) clock() time.Time { return w.said(epoch.Add(w.at + w.skew)) }

// said notes that a clock showed a time.
func (w *world) said(t time.Time) time.Time {
	if t.After(w.highest) {
		w.highest = t
	}
	return t
}

// alone tells whether the history has but one node, so that no other does behind its back
// what it does not know of.
func (w *world) alone() bool { return len(w.nodes) == 1 }

// some draws a node that runs; nil if none does.
func (w *world) some() *node {
	if n := w.nodes[0]; w.alone() {
		if n == nil || !n.awake() {
			return nil
		}
		return n
	}
	var list []*node
	for _, n := range w.nodes {
		if n != nil && n.awake() {
			list = append(list, n)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return pick(&w.loop, list)
}

func (w *world) log(what string, endpoint, of int64, note string) {
	w.trace.add(line{at: w.at, what: what, endpoint: endpoint, of: of, note: note})
}

// log is that of the world, of what a node does or learns.
func (n *node) log(what string, endpoint, of int64, note string) {
	n.w.trace.add(line{at: n.w.at, node: n.no, what: what, endpoint: endpoint, of: of, note: note})
}

func (w *world) reached(situation string) { w.situations[situation] = true }

// broken ends the history.
func (w *world) broken(promise, how string, args ...any) {
	panic(&Broken{Promise: promise, How: fmt.Sprintf(how, args...)})
}

// must is for steps of the world's own, which cannot fail.
func (w *world) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("the simulator itself failed: %v", err))
	}
}

// maxSteps is ten times what the longest history needs: one that goes round and round
// fails soon.
const maxSteps = 300_000

func (w *world) begin() {
	w.plan = draw(&w.loop)
	w.store = &store{Store: memstore.New(), w: w}
	w.store.UseNumbers(w.plan.numbers)
	w.ledger = newLedger(w)
	w.receivers, w.entries = map[string]*receiver{}, map[string]*entry{}
	w.offers, w.never = map[[2]string]offer{}, map[bellhop.EventID][]engine.Publication{}
	w.dialects = w.compile()
	w.secrets = &sealer{w: w}
	w.clock()
	for i := range w.plan.apps {
		w.must(w.store.SaveApp(ctx, bellhop.App{ID: appName(i)}, nil))
	}
	w.nodes, w.offs = make([]*node, w.plan.nodes), make([]time.Duration, w.plan.nodes)
	for place := range w.nodes {
		if w.plan.apart > 0 {
			w.offs[place] = time.Duration((2*w.rand.Float64() - 1) * float64(w.plan.apart))
		}
	}
	for place := range w.nodes {
		w.boot(place)
	}
	for i := range w.plan.endpoints {
		w.after(w.wait(time.Second), "first endpoints", int64(i), w.createEndpoint)
	}
	w.after(0, "healthy endpoint", 0, w.createHealthy)
	for _, a := range w.plan.acts {
		w.recur(a)
	}
	if w.plan.flood {
		w.after(w.wait(w.plan.length/2), "flood", 0, w.flood)
	}
	w.after(w.plan.length, "mend", 0, w.mend)
}

// recur has an act happen again and again until the end.
func (w *world) recur(a act) {
	w.after(w.wait(a.mean), a.name, 0, func() {
		if w.mended == 0 {
			a.do(w)
			w.recur(a)
		}
	})
}

func (w *world) run() {
	for !w.over && w.next() {
		if w.steps > maxSteps {
			w.broken("4 nothing silent", "after %d steps there is no end", w.steps)
		}
	}
	w.final()
	w.judge()
}

// mend ends all that goes wrong: receivers take everything, nothing fails any more,
// and whatever was held is let go. Then all must come to an end.
func (w *world) mend() {
	w.log("mend", 0, 0, "")
	w.mended = w.at
	w.disturbed = max(w.disturbed, w.at)
	w.plan.unavailable, w.plan.unknown, w.plan.unreadable, w.plan.slow = 0, 0, 0, 0
	w.plan.meddle, w.plan.tardy = 0, ""
	w.secrets.lost, w.store.down, w.store.storm = false, 0, 0
	for _, r := range w.receivers {
		r.mood = well
	}
	for _, n := range w.nodes {
		if n != nil {
			n.thaw()
		}
	}
	w.look()
}

// patience is how long all may take to come to an end, once everything is mended: the
// longest pauses of circuits and schedules, and what the clock went back.
const patience = 15 * time.Minute

// look sees whether all has come to an end, and otherwise lets go of what is held.
func (w *world) look() {
	const every = 2 * time.Second
	for place, n := range w.nodes {
		if n == nil {
			w.boot(place)
		}
	}
	if n := w.some(); n != nil {
		w.release(n)
		w.listenAgain()
	}
	if w.quiescent() {
		// For a while: nothing may come after the end.
		if w.quiet++; w.quiet > 8 {
			w.over = true
			return
		}
	} else {
		w.quiet = 0
		if w.at > w.mended+patience+w.back {
			w.stuck()
		}
	}
	w.after(every, "look", 0, w.look)
}

// quiescent tells whether nothing is left to do.
func (w *world) quiescent() bool {
	for _, n := range w.nodes {
		if n == nil || !n.running || len(n.accepting) > 0 || n.machine.InFlight() > 0 || n.busy > 0 {
			return false
		}
	}
	pending, _, err := w.store.Pending(ctx, bellhop.Everything(), 0)
	w.must(err)
	for _, e := range w.ledger.inOrder {
		if len(e.later) > 0 {
			return false
		}
	}
	return pending == 0 && w.programs == 0 && w.untaken() == 0 && w.elsewhere() == nil
}

// compile makes the one dialect that endpoints have.
func (w *world) compile() []*dialect.Dialect {
	i := slices.IndexFunc(dialect.Builtin(), func(d dialect.Definition) bool { return d.Name == theDialect })
	d, err := dialect.Compile(dialect.Builtin()[i])
	w.must(err)
	return []*dialect.Dialect{d}
}

const theDialect = "raw"

// sealer opens every secret, or none for a while.
type sealer struct {
	w    *world
	lost bool
}

func (s *sealer) Seal(plain []byte, _ string) []byte { return plain }

func (s *sealer) Open(sealed []byte, _ string) ([]byte, error) {
	if s.lost {
		return nil, errLine
	}
	return sealed, nil
}
