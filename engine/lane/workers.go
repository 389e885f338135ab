package lane

import (
	"slices"
	"sync"
	"time"
)

// A goroutine that has made its request waits for another one, since a new one would have to
// grow its stack first. A few wait for as long as it takes, all others as long as they are
// needed now and then: requests come in waves.
const (
	alwaysResting = 64
	restsFor      = 250 * time.Millisecond
)

// workers are the goroutines that wait for a request to make.
type workers struct {
	mu sync.Mutex
	// resting have a place each, in which they get their next request. Who came last goes
	// first: of his stack, the most is in the processor's caches.
	resting []chan *Job
	// spare is how many were not needed since the last look, and looks does the next one.
	spare int
	looks *time.Timer
	over  bool
}

// newPlace makes a worker's own place.
func newPlace() chan *Job { return make(chan *Job, 1) }

// hand gives a request to a worker that rests. It is false if there is none.
func (w *workers) hand(job *Job) bool {
	w.mu.Lock()
	last := len(w.resting) - 1
	if last < 0 {
		w.mu.Unlock()
		return false
	}
	place := w.resting[last]
	w.resting[last] = nil
	w.resting = w.resting[:last]
	w.spare = min(w.spare, last)
	w.mu.Unlock()
	place <- job
	return true
}

// rest waits for a request to make; nil: enough others do.
func (w *workers) rest(place chan *Job) *Job {
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return nil
	}
	w.resting = append(w.resting, place)
	if len(w.resting) > alwaysResting && w.looks == nil {
		w.looks = time.AfterFunc(restsFor, w.look)
	}
	w.mu.Unlock()
	return <-place
}

// look sends those away that nobody has needed since the last look.
func (w *workers) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leave(min(w.spare, len(w.resting)-alwaysResting))
	w.spare, w.looks = len(w.resting), nil
	if len(w.resting) > alwaysResting && !w.over {
		w.looks = time.AfterFunc(restsFor, w.look)
	}
}

// end sends all away, and whoever comes to rest.
func (w *workers) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.leave(len(w.resting))
}

// leave sends those away that have been resting longest.
func (w *workers) leave(n int) {
	if n <= 0 {
		return
	}
	for _, place := range w.resting[:n] {
		place <- nil
	}
	w.resting = slices.Delete(w.resting, 0, n)
}
