package lane

import (
	"iter"
	"time"

	"github.com/bellhop/bellhop"
)

// kind tells deliveries that had no attempt yet from those that had one: neither may
// wait until all of the other have gone.
type kind int

const (
	firstAttempt kind = iota
	retry
	kinds
)

func kindOf(isRetry bool) kind {
	if isRetry {
		return retry
	}
	return firstAttempt
}

// dues are when the earliest delivery of each kind is due; zero if nothing is known.
type dues [kinds]time.Time

// note takes in that there is a delivery of a kind, due at a time.
func (d *dues) note(k kind, at time.Time) { d[k] = earliest(d[k], at) }

// queue is the work that waits in memory, in a line for each kind.
type queue [kinds]line

func (q *queue) len() int { return q[firstAttempt].len() + q[retry].len() }

func (q *queue) weight() int { return q[firstAttempt].weight + q[retry].weight }

func (q *queue) push(w bellhop.Work) { q[kindOf(w.Delivery.IsRetry())].push(w) }

// deleteFunc removes the work for which gone is true.
func (q *queue) deleteFunc(gone func(*bellhop.Work) bool) {
	for k := range q {
		q[k].deleteFunc(gone)
	}
}

// all gives the work that waits.
func (q *queue) all() iter.Seq[*bellhop.Work] {
	return func(yield func(*bellhop.Work) bool) {
		for k := range q {
			for i := q[k].head; i < len(q[k].items); i++ {
				if !yield(&q[k].items[i]) {
					return
				}
			}
		}
	}
}

// oldestDue is when the first of either line was due; zero if nothing waits.
func (q *queue) oldestDue() (oldest time.Time) {
	for k := range q {
		if q[k].len() > 0 {
			oldest = earliest(oldest, q[k].items[q[k].head].Delivery.Due)
		}
	}
	return oldest
}

// line is a first-in, first-out list of work that counts what it weighs. It keeps no
// memory while empty.
type line struct {
	items  []bellhop.Work
	head   int
	weight int
}

// weightOf is about what a delivery takes in memory, in bytes.
func weightOf(w *bellhop.Work) int { return weigh(len(w.Event.Data)) }

func (q *line) len() int { return len(q.items) - q.head }

func (q *line) push(w bellhop.Work) {
	q.items = append(q.items, w)
	q.weight += weightOf(&w)
}

func (q *line) pop() bellhop.Work {
	w := q.items[q.head]
	q.items[q.head] = bellhop.Work{} // let the event go
	q.head++
	q.weight -= weightOf(&w)
	switch {
	case q.head == len(q.items):
		if cap(q.items) > 64 {
			q.items = nil
		}
		q.items, q.head = q.items[:0], 0
	case q.head > 64 && q.head > len(q.items)/2:
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return w
}

func (q *line) deleteFunc(gone func(*bellhop.Work) bool) {
	kept := q.items[:0]
	q.weight = 0
	for i := q.head; i < len(q.items); i++ {
		if w := q.items[i]; !gone(&w) {
			kept = append(kept, w)
			q.weight += weightOf(&w)
		}
	}
	clear(q.items[len(kept):])
	if len(kept) == 0 && cap(kept) > 64 {
		kept = nil
	}
	q.items, q.head = kept, 0
}
