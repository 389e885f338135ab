package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// shape is how events are published.
type shape struct {
	// types are as many as there are endpoints that each get the events of one; 1 where
	// all get all.
	types int
	// fan is how many endpoints each event is bound for.
	fan int
	// batch is how many events a request has; 0: it is a single publish.
	batch int
	// stream says that events are lines of a stream, which publishers and batch say
	// nothing of.
	stream     bool
	publishers int // connections
}

// load is what a server made of many events.
type load struct {
	Deliveries int64
	// Rate is deliveries a second from the first publish to the last arrival, and Accepted
	// events a second while they were published.
	Rate, Accepted float64
	// During is how many of the deliveries arrived while there was publishing.
	During float64
	Cost   cost
	// Memory is that of the first process after the load, in megabytes.
	Memory float64
}

// steadyFlood is flood of a server that has been used before: what a start costs is not in it.
func (l *lab) steadyFlood(ctx context.Context, s *server, sh shape) (load, error) {
	if _, err := l.flood(ctx, s, sh, l.warming()); err != nil {
		return load{}, err
	}
	return l.flood(ctx, s, sh, l.o.part)
}

// warming is how long a server is used before anything is measured.
func (l *lab) warming() time.Duration { return min(l.o.part/4, time.Second) }

// flood publishes as fast as it can for a while, and waits for the last delivery to arrive:
// each of them, once.
func (l *lab) flood(ctx context.Context, s *server, sh shape, length time.Duration) (found load, err error) {
	sh.fan = max(sh.fan, 1)
	before, err := s.costs(ctx, l.rcv)
	if err != nil {
		return found, err
	}
	arrivedBefore, err := l.rcv.number("arrived")
	if err != nil {
		return found, err
	}
	published := s.source.next.Load()
	began := time.Now()
	until := began.Add(length)
	if sh.stream {
		err = parallel(streamConnections, func(i int) error {
			b, err := newBulk(s, i, l.size)
			if err != nil {
				return err
			}
			defer b.close()
			_, err = b.run(ctx, sh.types, until)
			return err
		})
	} else {
		err = parallel(sh.publishers, func(i int) error {
			p, err := newPublisher(s, i, sh.batch, l.size)
			if err != nil {
				return err
			}
			defer p.close()
			for n := i; time.Now().Before(until) && ctx.Err() == nil; n++ {
				if err := p.publish(ctx, n%sh.types, sh.types, time.Now()); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err != nil {
		return found, err
	}
	publishing := time.Since(began)
	events := s.source.next.Load() - published
	during, err := l.rcv.number("arrived")
	if err != nil {
		return found, err
	}
	if err := l.exact(ctx, s, sh.fan); err != nil {
		return found, err
	}
	took := time.Since(began)
	after, err := s.costs(ctx, l.rcv)
	if err != nil {
		return found, err
	}
	found.Deliveries = events * int64(sh.fan)
	found.Rate = float64(found.Deliveries) / took.Seconds()
	found.Accepted = float64(events) / publishing.Seconds()
	found.During = float64(during-arrivedBefore) / float64(found.Deliveries)
	found.Cost = after.minus(before)
	found.Memory = s.memory()
	return found, nil
}

const streamConnections = 4

// exact waits until everything that was published has arrived, and fails unless that is so
// and nothing came twice. It gives up when nothing has arrived for a while.
func (l *lab) exact(ctx context.Context, s *server, fan int) error {
	events := s.source.next.Load()
	want := events * int64(fan)
	const patience = 30 * time.Second
	last, since := int64(-1), time.Now()
	err := waitFor(ctx, l.patience(), func() bool {
		n, err := l.rcv.number("arrived")
		if n != last {
			last, since = n, time.Now()
		}
		return err != nil || n >= want || time.Since(since) > patience
	})
	if err != nil {
		return fmt.Errorf("wait for the last delivery: %w", err)
	}
	var a account
	if err := l.rcv.ask(&a, "account", events); err != nil {
		return err
	}
	l.checked.Add(want)
	return a.exact()
}

// stop has a load end before its time.
type stop <-chan struct{}

// paced publishes events, one by one, at times that are fixed beforehand: what is late is
// late by the schedule's time, and holds up nothing that comes later (no coordinated
// omission). Of all types, those from unwatched on hang, and nobody waits for their events.
func (l *lab) paced(ctx context.Context, s *server, perSecond float64, types, watched int, length time.Duration, until stop) error {
	apart := time.Duration(float64(time.Second) / perSecond)
	due := make(chan time.Time, 1<<16)
	var overrun atomic.Bool
	var pacing sync.WaitGroup
	pacing.Go(func() {
		defer close(due)
		onTime(int(length/apart), apart, func(at time.Time) bool {
			select {
			case <-until:
				return false
			case <-ctx.Done():
				return false
			default:
			}
			select {
			case due <- at:
				return true
			default:
				overrun.Store(true)
				return false
			}
		})
	})
	var n atomic.Int64
	err := parallel(l.o.connections, func(i int) error {
		p, err := newPublisher(s, i, 0, l.size)
		if err != nil {
			return err
		}
		defer p.close()
		for at := range due {
			kind := int((n.Add(1) - 1) % int64(types))
			if kind >= watched {
				err = p.publishUnwatched(ctx, kind)
			} else {
				err = p.publish(ctx, kind, types, at)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	pacing.Wait()
	if overrun.Load() {
		err = errors.Join(err, fmt.Errorf("%.0f/s are more than can be published", perSecond))
	}
	return err
}

// guarded makes a panic an error, so that what a scenario has started is stopped, and that
// it is the scenario which fails and not the run.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "bench: panic: %v\n%s", p, debug.Stack())
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

// parallel runs n workers and gives their errors.
func parallel(n int, work func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = guarded(func() error { return work(i) }) })
	}
	wg.Wait()
	for _, err := range errs { // they mostly say the same
		if err != nil {
			return err
		}
	}
	return nil
}

// waitFor polls until the condition holds.
func waitFor(ctx context.Context, limit time.Duration, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
