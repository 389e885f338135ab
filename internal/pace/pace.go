// Package pace has what comes in give way to what is to go out, while there are not
// processors enough for both: work that was accepted and cannot be done only makes
// everybody wait, and costs the disk twice.
package pace

import (
	"container/list"
	"context"
	"math"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// every is how often the number of those inside is adapted.
	every = 20 * time.Millisecond
	// crowded is how long one in ten goroutines waits for a processor where there are not
	// enough of them.
	crowded = 2 * time.Millisecond
	// Each time, fewer is what is left of those inside then, and more is how it grows again.
	fewer, more = 0.7, 1.2
	// least is how many are always let in, of whoever they are; one caller, if it is with
	// more.
	least = 32
	// patience is how long somebody waits at most.
	patience = 2 * time.Second
)

// Pacer lets callers in, each with some items, as many at a time as leave enough for the
// work behind them. Make one with New. It costs nothing while nobody is inside.
type Pacer struct {
	behind func() bool
	wait   func() time.Duration

	mu      sync.Mutex
	limit   float64        // of items; +Inf: nobody waits
	inside  int            // items
	of      map[string]int // items inside, by whose they are
	waiting list.List      // of *waiting
	looking bool
}

// New gives a Pacer that makes callers wait while behind tells that work lies about, and
// goroutines wait long for a processor.
func New(behind func() bool) *Pacer {
	return &Pacer{behind: behind, wait: newWaits().next, limit: math.Inf(1), of: map[string]int{}}
}

// Enter waits for a turn for so many items, at most some seconds, and answers what to call
// at the end. Who has nothing inside goes in at once, however many others wait.
func (p *Pacer) Enter(ctx context.Context, who string, items int) (leave func()) {
	p.mu.Lock()
	if !p.looking {
		p.looking = true
		time.AfterFunc(every, p.look)
	}
	if p.room() || p.of[who] == 0 {
		p.let(who, items)
		p.mu.Unlock()
		return func() { p.leave(who, items) }
	}
	turn := &waiting{who: who, items: items, in: make(chan struct{})}
	place := p.waiting.PushBack(turn)
	p.mu.Unlock()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-turn.in:
		return func() { p.leave(who, items) }
	case <-ctx.Done(): // whoever is inside finds out
	case <-late.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-turn.in: // just now
	default:
		p.waiting.Remove(place)
		p.let(who, items)
	}
	return func() { p.leave(who, items) }
}

// waiting is a caller who waits for a turn.
type waiting struct {
	who   string
	items int
	in    chan struct{} // closed when it is let in
}

// room tells whether somebody more may go in: the last of them may bring more than there is
// room for.
func (p *Pacer) room() bool { return p.inside < least || float64(p.inside) < p.limit }

func (p *Pacer) let(who string, items int) {
	p.inside += items
	p.of[who] += items
}

func (p *Pacer) leave(who string, items int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside -= items
	if p.of[who] -= items; p.of[who] == 0 {
		delete(p.of, who)
	}
	p.admit()
}

// admit lets those in who have waited longest, as far as there is room.
func (p *Pacer) admit() {
	for p.room() && p.waiting.Len() > 0 {
		turn := p.waiting.Remove(p.waiting.Front()).(*waiting)
		p.let(turn.who, turn.items)
		close(turn.in)
	}
}

// look adapts the limit, again and again as long as somebody is inside.
func (p *Pacer) look() {
	slow := p.behind() && p.wait() > crowded
	p.mu.Lock()
	defer p.mu.Unlock()
	p.adapt(slow)
	if p.looking = p.inside > 0 || p.waiting.Len() > 0 || !math.IsInf(p.limit, 1); p.looking {
		time.AfterFunc(every, p.look)
	}
}

// unlimited is from when on a limit is none.
const unlimited = 1 << 16

func (p *Pacer) adapt(slow bool) {
	if slow {
		p.limit = max(min(p.limit, float64(p.inside))*fewer, least)
	} else if p.limit = p.limit*more + 1; p.limit > unlimited {
		p.limit = math.Inf(1)
	}
	p.admit()
}

// waits tells how long goroutines wait for a processor.
type waits struct {
	sample []metrics.Sample
	before []uint64
}

func newWaits() *waits {
	return &waits{sample: []metrics.Sample{{Name: "/sched/latencies:seconds"}}}
}

// next is how long one in ten has waited, at least, since the last call.
func (w *waits) next() time.Duration {
	metrics.Read(w.sample)
	if w.sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return 0
	}
	h := w.sample[0].Value.Float64Histogram()
	if w.before == nil {
		w.before = make([]uint64, len(h.Counts))
	}
	all := uint64(0)
	for i, n := range h.Counts {
		all += n - w.before[i]
	}
	found := time.Duration(0)
	left := all / 10
	for i := len(h.Counts) - 1; i >= 0; i-- {
		n := h.Counts[i] - w.before[i]
		if found == 0 && n > left {
			found = time.Duration(h.Buckets[i] * float64(time.Second))
		}
		left -= min(left, n)
	}
	copy(w.before, h.Counts)
	return found
}
