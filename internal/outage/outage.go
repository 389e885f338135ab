// Package outage tells of a time in which something could not be used once when it begins,
// and once when it is over, also where it comes and goes.
package outage

import (
	"sync"
	"sync/atomic"
	"time"
)

// How long it must have gone well before an outage counts as over: calmLeast, and
// up to calmMost where one soon follows another, so that what comes and goes is one outage.
const (
	calmLeast = 5 * time.Second
	calmMost  = 30 * time.Second
	calmSoon  = 10 * time.Minute
)

// Outage is a time in which something could not be used, as people see it. Times are since
// the start of the process. The zero Outage has not begun; it is safe for concurrent use.
type Outage struct {
	on atomic.Bool // changed under mu; Well asks it first, since it is asked by every write

	mu  sync.Mutex
	err error
	// began and failedAt are when it failed first and last, and wellAt is when it first
	// went well after that.
	began, failedAt, wellAt time.Duration
	isWell                  bool
	calm                    time.Duration
	// ended is when the one before was over; calm is 0 before the first.
	ended time.Duration
}

// Failed notes a failure; it tells whether an outage begins with it.
func (o *Outage) Failed(err error, now time.Duration) (begins bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failedAt, o.isWell = now, false
	if o.on.Load() {
		return false
	}
	if o.calm > 0 && now-o.ended < calmSoon {
		o.calm = min(4*o.calm, calmMost)
	} else {
		o.calm = calmLeast
	}
	o.err, o.began = err, now
	o.on.Store(true)
	return true
}

// Well notes that it could be used; it tells whether an outage is over by now, and
// how long it lasted.
func (o *Outage) Well(now time.Duration) (lasted time.Duration, over bool) {
	if !o.on.Load() {
		return 0, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.on.Load() {
		return 0, false
	}
	if !o.isWell {
		o.isWell, o.wellAt = true, now
	}
	if now-o.failedAt < o.calm {
		return 0, false
	}
	o.ended, o.err = now, nil
	o.on.Store(false)
	return o.wellAt - o.began, true
}

// Why is what the outage began with, or nil.
func (o *Outage) Why() error {
	if !o.on.Load() {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
