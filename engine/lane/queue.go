package lane

import "github.com/bellhop/bellhop"

// queue is a first-in, first-out list of work that counts its event data. It
// keeps no memory while empty.
type queue struct {
	items []bellhop.Work
	head  int
	bytes int
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) push(w bellhop.Work) {
	q.items = append(q.items, w)
	q.bytes += len(w.Event.Data)
}

func (q *queue) pop() bellhop.Work {
	w := q.items[q.head]
	q.items[q.head] = bellhop.Work{} // let the event go
	q.head++
	q.bytes -= len(w.Event.Data)
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

// deleteFunc removes the work for which gone is true.
func (q *queue) deleteFunc(gone func(*bellhop.Work) bool) {
	kept := q.items[:0]
	q.bytes = 0
	for i := q.head; i < len(q.items); i++ {
		if w := q.items[i]; !gone(&w) {
			kept = append(kept, w)
			q.bytes += len(w.Event.Data)
		}
	}
	clear(q.items[len(kept):])
	q.items, q.head = kept, 0
}
