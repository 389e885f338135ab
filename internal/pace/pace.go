// Package pace has crowds of callers take turns while there are not processors enough for
// all: what many begin at once makes everybody wait, and what is accepted and cannot be
// passed on costs the disk twice.
package pace

import (
	"context"
	"math"
	"runtime/metrics"
	"slices"
	"sync"
	"time"
)

const (
	// every is how often the number of those inside is adapted.
	every = 20 * time.Millisecond
	// crowded is how long one in ten goroutines waits for a processor where there are not
	// enough of them. Waits for the machine's own are not seen, where Go has more than it.
	crowded = time.Millisecond
	// Each time, fewer is what is left of those inside then, and more is how it grows again.
	fewer, more = 0.7, 1.2
	// least is how many everybody may have inside at any time; one caller, if it is with
	// more.
	least = 32
	// patience is how long somebody waits at most, in looks.
	patience = int(2 * time.Second / every)
)

// caller is who comes, and whether it is with many items at once. One item does not wait
// behind many of the same caller's: it has a turn of its own.
type caller struct {
	who  string
	many bool
}

// Pacer lets callers in, each with some items, as many at a time as leave enough for the
// work behind them. Make one with New. It costs nothing while nobody is inside.
type Pacer struct {
	wait func() time.Duration

	mu     sync.Mutex
	limit  float64        // of items; +Inf: nobody waits
	inside int            // items
	of     map[caller]int // items inside, by whose they are
	// waiting are those who wait, by whose they are, and turns whose turn it is next.
	waiting map[caller][]*waiting
	turns   []caller
	looking bool
	looks   int
}

// New gives a Pacer that makes callers wait while goroutines wait long for a processor.
func New() *Pacer {
	return &Pacer{wait: newWaits().next, limit: math.Inf(1), of: map[caller]int{}, waiting: map[caller][]*waiting{}}
}

// Inside is a caller who was let in.
type Inside struct {
	p     *Pacer
	by    caller
	items int
}

// Enter waits for a turn for so many items, at most some seconds; Leave is to be called at
// the end. Who has few inside goes in at once, however many others wait; the others take
// turns by who they are, and single items and many of one caller do so apart.
func (p *Pacer) Enter(ctx context.Context, who string, items int) Inside {
	by := caller{who, items > 1}
	inside := Inside{p, by, items}
	p.mu.Lock()
	if !p.looking {
		p.looking = true
		time.AfterFunc(every, p.look)
	}
	if p.room() || p.of[by] < least {
		p.let(by, items)
		p.mu.Unlock()
		return inside
	}
	turn := &waiting{by: by, items: items, since: p.looks, in: make(chan struct{})}
	if p.waiting[by] = append(p.waiting[by], turn); len(p.waiting[by]) == 1 {
		p.turns = append(p.turns, by)
	}
	p.mu.Unlock()
	select {
	case <-turn.in:
		return inside
	case <-ctx.Done(): // whoever is inside finds out
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-turn.in: // just now
	default:
		p.withdraw(turn)
		p.let(by, items)
	}
	return inside
}

// waiting is a caller who waits for a turn.
type waiting struct {
	by    caller
	items int
	since int           // look
	in    chan struct{} // closed when it is let in
}

// room tells whether somebody more may go in: the last of them may bring more than there is
// room for.
func (p *Pacer) room() bool { return float64(p.inside) < p.limit }

func (p *Pacer) let(by caller, items int) {
	p.inside += items
	p.of[by] += items
}

// Leave makes room for others. To be called once.
func (i Inside) Leave() {
	p := i.p
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside -= i.items
	if left := p.of[i.by] - i.items; left > 0 {
		p.of[i.by] = left
	} else {
		delete(p.of, i.by)
	}
	p.admit()
}

// admit lets those in who have waited longest, as far as there is room.
func (p *Pacer) admit() {
	for p.room() && len(p.turns) > 0 {
		by := p.turns[0]
		p.admitOne(by)
		if last := len(p.turns) - 1; last > 0 && p.turns[0] == by { // the others' turn
			copy(p.turns, p.turns[1:])
			p.turns[last] = by
		}
	}
}

// admitOne lets in who has waited longest of somebody's.
func (p *Pacer) admitOne(by caller) {
	turn := p.waiting[by][0]
	p.withdraw(turn)
	p.let(by, turn.items)
	close(turn.in)
}

// admitLate lets those in who have waited for patience, even where there is no room.
func (p *Pacer) admitLate() {
	for by, line := range p.waiting {
		for range line {
			if p.looks-p.waiting[by][0].since < patience {
				break
			}
			p.admitOne(by)
		}
	}
}

// withdraw takes somebody off those who wait.
func (p *Pacer) withdraw(turn *waiting) {
	line := p.waiting[turn.by]
	line = slices.Delete(line, slices.Index(line, turn), slices.Index(line, turn)+1)
	if p.waiting[turn.by] = line; len(line) == 0 {
		delete(p.waiting, turn.by)
		p.turns = slices.Delete(p.turns, slices.Index(p.turns, turn.by), slices.Index(p.turns, turn.by)+1)
	}
}

// look adapts the limit, again and again as long as somebody is inside.
func (p *Pacer) look() {
	slow := p.wait() > crowded
	p.mu.Lock()
	defer p.mu.Unlock()
	p.adapt(slow)
	p.looks++
	p.admitLate()
	if p.looking = p.inside > 0 || len(p.turns) > 0 || !math.IsInf(p.limit, 1); p.looking {
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
