// Package groupcommit turns many small writes into few transactions.
//
// A durable transaction costs about the same whether it carries one row or a
// few hundred, because the disk's flush dominates. So callers block in Do, one
// writer takes whatever is waiting and commits it at once, and while that commit
// runs the next group gathers by itself.
package groupcommit

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrClosed is returned by Do when Run has ended or is ending. The item was not
// handed to commit.
var ErrClosed = errors.New("groupcommit: closed: the writer has stopped and takes nothing more")

// ErrPanicked is returned by Do when commit panicked on the item's batch. Whether
// the batch was stored is unknown, as after a crash.
var ErrPanicked = errors.New("groupcommit: commit panicked: whether this write was stored is unknown; repeat it if repeating is safe")

// Committer gathers the items of concurrent callers into batches and has one
// writer commit them. It never waits for a batch to fill: when measured, a
// millisecond of lingering gained nothing. The queue holds one entry per caller
// blocked in Do, so whoever bounds the callers bounds the queue.
type Committer[T any] struct {
	maxWeight int
	weight    func(T) int
	commit    func([]T) error

	// turn and shares are those of InTurns, writers is that of Writers, flush that of
	// FlushedBy.
	turn    func(T) Turn
	shares  []int
	writers int
	flush   func() error

	arrived chan struct{} // holds a token when the queue may have stopped being empty
	idle    sync.Pool     // of *call[T]: spares a channel per Do

	mu      sync.Mutex
	ranks   []rank[T]
	waiting int // calls in all ranks
	// enough is how many calls a batch is taken for.
	enough  int
	started bool
	closed  bool
	// committed calls wait for a flush to begin, flushing is how many one makes durable
	// now.
	committed []*call[T]
	flushing  int
	flushable chan struct{} // holds a token when there may be some
}

// Turn says when an item is taken: by its rank, the lowest first, and within a rank
// in turn with the items of others.
type Turn struct {
	Rank int
	Of   string
}

// call is one caller waiting in Do.
type call[T any] struct {
	item   T
	weight int
	done   chan error // buffered, so that the writer never waits for a caller

	// Guarded by Committer.mu.
	in         *line[T] // nil: not queued
	prev, next *call[T]
}

// New returns a Committer whose writer is not running yet; Run starts it.
//
// A batch is filled in order of arrival up to maxWeight, where weight tells what
// an item counts for (nil: every item counts 1). An item heavier than maxWeight
// is committed alone.
//
// commit stores a batch, all or nothing. Its error goes to every caller of the
// batch; an outcome of a single item is written into the item, so T is usually a
// pointer. commit must not keep the slice: it is used again for the next batch.
func New[T any](maxWeight int, weight func(T) int, commit func([]T) error) *Committer[T] {
	if weight == nil {
		weight = func(T) int { return 1 }
	}
	return &Committer[T]{
		maxWeight: maxWeight,
		weight:    weight,
		commit:    commit,
		turn:      func(T) Turn { return Turn{} },
		shares:    []int{maxWeight},
		writers:   1,
		ranks:     make([]rank[T], 1),
		enough:    1,
		arrived:   make(chan struct{}, 1),
		flushable: make(chan struct{}, 1),
	}
}

// InTurns keeps one crowd of callers from holding up another. Turn says whose an item
// is and of which rank; of each rank, at most its share (of weight) goes into a batch,
// one item of each in turn, as long as the batch has room. An item that is heavier
// than its share is taken by itself, and one for which there was no room for long goes
// before all others. Call it before Run and Do.
func (c *Committer[T]) InTurns(turn func(T) Turn, shares ...int) {
	c.turn, c.shares, c.ranks = turn, shares, make([]rank[T], len(shares))
}

// Writers has Run commit up to n batches at once, where a store can: while one is flushed
// to the disk, the next is made. commit must be safe for concurrent use then. Call it
// before Run.
func (c *Committer[T]) Writers(n int) { c.writers = n }

// FlushedBy has Do answer only after flush, which makes durable all that was committed
// before it was called. It runs beside the writer, which goes on meanwhile: one flush at a
// time, and the next one for all that was committed during it. Its error goes to every
// caller whose batch it was for; those whose batch was not committed do not wait for it.
// Call FlushedBy before Run.
//
// Who comes during a flush waits for its end in any case, before the next can begin. So the
// next batch is taken before that when it is worth a transaction: when it is as large as what
// is being flushed. That is one call where few come, which finds its commit done when its
// flush can begin, and large batches where many do. It is for one writer.
func (c *Committer[T]) FlushedBy(flush func() error) { c.flush = flush }

// Run is the writer, or the writers. It blocks until ctx ends; from then on Do answers
// ErrClosed, and Run returns once everything that was already queued is
// committed, and flushed. It can be called once; a second call panics.
//
// A panic of commit is not swallowed: callers in the batch get ErrPanicked,
// callers in the queue ErrClosed, and the panic goes on up from Run.
func (c *Committer[T]) Run(ctx context.Context) {
	c.mu.Lock()
	if c.started {
		c.mu.Unlock()
		panic("groupcommit: Run called twice: there can be only one writer")
	}
	c.started = true
	c.mu.Unlock()

	if c.flush != nil {
		var flusher sync.WaitGroup
		flusher.Go(c.runFlushes)
		defer flusher.Wait()
		defer close(c.flushable)
	}
	var others sync.WaitGroup
	for range c.writers - 1 {
		others.Go(func() { c.run(ctx) })
	}
	c.run(ctx)
	others.Wait()
}

// runFlushes flushes what is committed until flushable is closed.
func (c *Committer[T]) runFlushes() {
	var calls []*call[T]
	for range c.flushable {
		for {
			calls = c.beginFlush(calls)
			if len(calls) == 0 {
				break
			}
			err := c.flush()
			c.endFlush()
			for _, call := range calls {
				call.done <- err
			}
		}
	}
}

// beginFlush gives the calls that are committed, and takes the memory for the next.
func (c *Committer[T]) beginFlush(spare []*call[T]) []*call[T] {
	clear(spare)
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.committed
	c.committed, c.flushing = spare[:0], len(calls)
	return calls
}

func (c *Committer[T]) endFlush() {
	c.mu.Lock()
	c.flushing = 0
	waiting := c.waiting >= c.await(1)
	c.mu.Unlock()
	if waiting {
		c.signal()
	}
}

// await has enqueue say when so many calls wait.
func (c *Committer[T]) await(n int) int {
	c.enough = n
	return n
}

func (c *Committer[T]) run(ctx context.Context) {
	w := writer[T]{Committer: c, result: ErrPanicked}
	// Does nothing after a normal end. After a panic, or a Goexit, nobody would
	// ever wake the callers otherwise.
	defer w.abandon()

	for {
		if ctx.Err() != nil {
			// Refuse before draining: callers who keep coming must not keep the
			// drain from ending.
			c.close()
		}
		if w.take() {
			w.result = c.commit(w.items)
			if c.flush != nil && w.result == nil {
				w.hand()
			} else {
				w.wake()
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-c.arrived:
		case <-ctx.Done():
		}
	}
}

// Do queues item and blocks until it is committed, answering commit's error.
//
// When ctx ends while item is still queued, item is withdrawn and ctx.Err()
// returned: it will not be committed. Once the writer has taken the item, Do
// waits for the result whatever ctx does, because a caller must never be told
// "canceled" about something that is committed.
//
// Items of one caller are committed in the order of its calls. Do waits for Run
// to be called if it has not been yet, and answers ErrClosed after Run's end.
func (c *Committer[T]) Do(ctx context.Context, item T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, _ := c.idle.Get().(*call[T])
	if w == nil {
		w = &call[T]{done: make(chan error, 1)}
	}
	defer c.release(w)
	w.item, w.weight = item, c.weight(item)

	if !c.enqueue(w, c.turn(item)) {
		return ErrClosed
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		if c.withdraw(w) {
			return ctx.Err()
		}
		return <-w.done
	}
}

func (c *Committer[T]) release(w *call[T]) {
	var zero T
	w.item = zero // lets the caller's memory go
	c.idle.Put(w)
}

func (c *Committer[T]) enqueue(w *call[T], t Turn) bool {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return false
	}
	c.ranks[t.Rank].push(w, t.Of)
	c.waiting++
	enough := c.waiting == c.enough
	c.mu.Unlock()

	if enough {
		c.signal()
	}
	return true
}

// signal says that there may be something in the queue.
func (c *Committer[T]) signal() {
	select {
	case c.arrived <- struct{}{}:
	default: // a token is there already
	}
}

// withdraw takes w back out of the queue; it answers false when the writer was
// faster.
func (c *Committer[T]) withdraw(w *call[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.in == nil {
		return false
	}
	w.in.remove(w)
	c.waiting--
	return true
}

func (c *Committer[T]) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
}

// writer is Run's own state: the batch being committed.
type writer[T any] struct {
	*Committer[T]
	calls  []*call[T]
	items  []T
	result error
}

// patience is how many batches a rank waits for room.
const patience = 4

// take moves the next batch out of the queue; it answers false when the queue is
// empty.
func (w *writer[T]) take() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if enough := w.flushing; !w.closed && w.waiting < enough {
		w.await(enough)
		return false
	}
	w.await(1)
	total, first := 0, slices.IndexFunc(w.ranks, func(r rank[T]) bool { return r.passed >= patience })
	if first >= 0 {
		total = w.takeOf(&w.ranks[first], w.shares[first], total)
	}
	for i := range w.ranks {
		if i != first {
			total = w.takeOf(&w.ranks[i], w.shares[i], total)
		}
	}
	if w.waiting > 0 { // another writer goes on with it
		w.signal()
	}
	return len(w.calls) > 0
}

// takeOf takes what goes into the batch of one rank. It answers what the batch weighs.
func (w *writer[T]) takeOf(r *rank[T], share, total int) int {
	if r.turn == nil {
		return total
	}
	taken, used := 0, 0
	for r.turn != nil {
		next := r.turn.first
		if len(w.calls) > 0 && total+next.weight > w.maxWeight || taken > 0 && used+next.weight > share {
			break
		}
		taken++
		total, used = total+next.weight, used+next.weight
		r.turn.remove(next)
		w.waiting--
		if r.turn != nil {
			r.turn = r.turn.after
		}
		w.calls = append(w.calls, next)
		w.items = append(w.items, next.item)
	}
	if r.passed++; taken > 0 {
		r.passed = 0
	}
	return total
}

// hand gives the calls of the batch to the flusher.
func (w *writer[T]) hand() {
	w.mu.Lock()
	w.committed = append(w.committed, w.calls...)
	w.mu.Unlock()
	select {
	case w.flushable <- struct{}{}:
	default: // a token is there already
	}
	w.done()
}

// wake hands the result to the callers of the batch.
func (w *writer[T]) wake() {
	for _, call := range w.calls {
		call.done <- w.result
	}
	w.done()
}

// done makes room for the next batch.
func (w *writer[T]) done() {
	clear(w.calls)
	clear(w.items)
	w.calls, w.items = w.calls[:0], w.items[:0]
	w.result = ErrPanicked // until commit says otherwise
}

// abandon wakes everyone who still waits.
func (w *writer[T]) abandon() {
	w.close()
	w.wake()
	for w.take() {
		w.result = ErrClosed
		w.wake()
	}
}

// rank holds the calls of one rank, a line for each whose turn comes.
type rank[T any] struct {
	lines map[string]*line[T]
	turn  *line[T] // whose turn it is, in a ring; nil: nobody waits
	// passed counts the batches since the last one that had room for one of it.
	passed int
}

func (r *rank[T]) push(w *call[T], of string) {
	l := r.lines[of]
	if l == nil {
		if r.lines == nil {
			r.lines = map[string]*line[T]{}
		}
		l = &line[T]{in: r, of: of}
		r.lines[of] = l
		if r.turn == nil {
			l.before, l.after, r.turn = l, l, l
		} else { // the last of the ring
			l.before, l.after = r.turn.before, r.turn
			l.before.after, l.after.before = l, l
		}
	}
	l.push(w)
}

// line is a queue of calls that a withdrawn call can leave in constant time, so
// that a crowd timing out behind one slow commit costs little and leaves nothing
// behind. One that is empty leaves its ring.
type line[T any] struct {
	in            *rank[T]
	of            string
	before, after *line[T]
	first, last   *call[T]
}

func (l *line[T]) push(w *call[T]) {
	w.in, w.prev = l, l.last
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
}

func (l *line[T]) remove(w *call[T]) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.in, w.prev, w.next = nil, nil, nil
	if l.first != nil {
		return
	}
	delete(l.in.lines, l.of)
	switch {
	case l.after == l:
		l.in.turn = nil
	default:
		l.before.after, l.after.before = l.after, l.before
		if l.in.turn == l {
			// The one before, since whoever took this call goes on to the next.
			l.in.turn = l.before
		}
	}
}
