package sim

import (
	"cmp"
	"container/heap"
	"math"
	"math/rand/v2"
	"time"
)

// loop is all that happens, in one order: a heap of what is to come. What is due at
// the same instant happens in an order drawn from the seed, so that every order comes
// up in some seed and each seed has but one.
type loop struct {
	rand *rand.Rand
	// at is the time since the beginning. It never goes back, whatever the clock on
	// the wall does.
	at     time.Duration
	coming agenda
	steps  int
}

// happening is something that will happen.
type happening struct {
	at   time.Duration
	tie  uint64
	what string
	id   int64
	do   func()
}

func newLoop(seed uint64) loop {
	return loop{rand: rand.New(rand.NewPCG(seed, 0x62656c6c686f70))}
}

// after has something happen later. What and id only decide between two that were
// drawn alike.
func (l *loop) after(d time.Duration, what string, id int64, do func()) {
	heap.Push(&l.coming, &happening{at: l.at + max(d, 0), tie: l.rand.Uint64(), what: what, id: id, do: do})
}

// next does what comes next; false if nothing does.
func (l *loop) next() bool {
	if len(l.coming) == 0 {
		return false
	}
	h := heap.Pop(&l.coming).(*happening)
	l.at = h.at
	l.steps++
	h.do()
	return true
}

// chance is true with probability p.
func (l *loop) chance(p float64) bool { return p > 0 && l.rand.Float64() < p }

// between draws a time, each order of magnitude as likely as the others.
func (l *loop) between(least, most time.Duration) time.Duration {
	return time.Duration(float64(least) * math.Pow(float64(most)/float64(least), l.rand.Float64()))
}

// number draws an integer, both bounds included.
func (l *loop) number(least, most int) int { return least + l.rand.IntN(most-least+1) }

// wait draws the time until something that happens now and then, without memory.
func (l *loop) wait(mean time.Duration) time.Duration {
	return time.Duration(l.rand.ExpFloat64() * float64(mean))
}

// pick draws one of a list.
func pick[T any](l *loop, list []T) T { return list[l.rand.IntN(len(list))] }

// agenda is a heap of happenings.
type agenda []*happening

var _ heap.Interface = (*agenda)(nil)

func (a agenda) Len() int { return len(a) }

func (a agenda) Less(i, j int) bool {
	x, y := a[i], a[j]
	if x.at != y.at {
		return x.at < y.at
	}
	return cmp.Or(cmp.Compare(x.tie, y.tie), cmp.Compare(x.what, y.what), cmp.Compare(x.id, y.id)) < 0
}

func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push implements heap.Interface.
func (a *agenda) Push(x any) { *a = append(*a, x.(*happening)) }

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	last := len(*a) - 1
	h := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	return h
}
