// Package lowwater keeps a node's low-water mark: the lowest event of which something is
// known to its own row and to the node's memory alone. When the node is gone, whoever
// looks for what it left unfinished looks at its events from the mark on, so nothing
// unfinished may ever be below it.
package lowwater

import (
	"container/heap"
	"sync"

	"github.com/bellhop/bellhop/internal/id"
)

// Event is the id of an event.
type Event = id.ID[id.Event]

// Mark counts, under one lease, the unfinished of each event. The zero Mark is ready for
// use. It is safe for concurrent use.
type Mark struct {
	mu   sync.Mutex
	open map[Event]int
	// low has the events of open, and some that are not there any more.
	low events
	// highest was begun last; given is the highest mark that was given out.
	highest, given Event
}

// Begin counts an event that is about to be stored, once more for each call: End follows
// for each. It must be called before the transaction sets out, since one that is on its
// way, or whose answer was lost, may be stored at any time. It answers false, and counts
// nothing, where a mark above the event was given out: its id was made a while ago, and
// nobody would look for what the event's row alone knows. It needs rows of its own.
func (m *Mark) Begin(e Event) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e < m.given {
		return false
	}
	if m.open == nil {
		m.open = map[Event]int{}
	}
	if m.open[e]++; m.open[e] == 1 {
		heap.Push(&m.low, e)
	}
	m.highest = max(m.highest, e)
	return true
}

// End says of something begun of an event that it is finished, is known by a row of its
// own from now on, or was not stored and never will be. What that follows from must be
// durable. Of an event that was not begun it does nothing.
func (m *Mark) End(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.open[e] {
	case 0:
	case 1:
		delete(m.open, e)
	default:
		m.open[e]--
	}
}

// Low is the mark now: nothing unfinished is below it, nor will be. It never goes back.
func (m *Mark) Low() Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.low) > 0 && m.open[m.low[0]] == 0 {
		heap.Pop(&m.low)
	}
	switch {
	case len(m.low) > 0:
		m.given = m.low[0]
	case m.highest > 0:
		m.given = m.highest + 1
	}
	return m.given
}

// Len is how many events something is unfinished of.
func (m *Mark) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.open)
}

// events is a heap, lowest first.
type events []Event

func (h events) Len() int           { return len(h) }
func (h events) Less(i, j int) bool { return h[i] < h[j] }
func (h events) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *events) Push(x any) { *h = append(*h, x.(Event)) }

// Pop implements heap.Interface.
func (h *events) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}
