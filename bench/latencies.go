package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// open publishes at a share of the most that single publishes come to, whether the answers
// come or not, and takes the time from when an event was due to be published until it
// arrives.
func open(share float64) func(context.Context, *lab) error {
	key := fmt.Sprintf("open/%.0f", 100*share)
	return func(ctx context.Context, l *lab) error {
		most := median(l.results.figure("single/10").Values)
		if most == 0 {
			return fmt.Errorf("a share of single/10, which was not measured")
		}
		h, err := l.withEndpoints(ctx, files{}, endpoints{n: 10})
		if err != nil {
			return err
		}
		limit, err := l.syncLimit(ctx)
		if err != nil {
			return err
		}
		return l.within(ctx, h, 1, 1, nil, func(s *server) error {
			times, err := l.arrivals(ctx, s, most*share, 10, 10, l.o.part, nil)
			if err != nil {
				return err
			}
			l.results.beside(key+".p50", millis(times.P50), millis(limit.P50))
			l.results.beside(key+".p99", millis(times.P99), millis(limit.P99))
			l.results.beside(key+".p999", millis(times.P999), millis(limit.P999))
			l.results.add(key+".max", millis(times.Max))
			return l.exact(ctx, s, 1)
		})
	}
}

// arrivals publishes at a rate, and gives how long events took to arrive by the way "a".
func (l *lab) arrivals(ctx context.Context, s *server, perSecond float64, types, watched int, length time.Duration, until stop) (latency, error) {
	if err := l.paced(ctx, s, perSecond, types, watched, l.warming(), nil); err != nil {
		return latency{}, err
	}
	if err := l.rcv.tell("reset"); err != nil {
		return latency{}, err
	}
	if err := l.paced(ctx, s, perSecond, types, watched, length, until); err != nil {
		return latency{}, err
	}
	// What has not arrived by now was the slowest.
	if err := l.exact(ctx, s, 1); err != nil {
		return latency{}, err
	}
	return l.rcv.times("a")
}

// steady is 500 events a second for long.
func steady(ctx context.Context, l *lab) error {
	h, err := l.withEndpoints(ctx, files{}, endpoints{n: 10})
	if err != nil {
		return err
	}
	return l.within(ctx, h, 1, 1, nil, func(s *server) error {
		times, err := l.arrivals(ctx, s, 500, 10, 10, l.o.steady, nil)
		if err != nil {
			return err
		}
		l.results.add("steady.p50", millis(times.P50))
		l.results.add("steady.p99", millis(times.P99))
		l.results.add("steady.max", millis(times.Max))
		return nil
	})
}

// hanging compares how long events take to healthy endpoints, without and with two others
// of ten that never answer.
func hanging(ctx context.Context, l *lab) error {
	const perSecond, healthy = 500, 8
	var p99 [2]float64
	for i, way := range []string{"a", "hang"} {
		ways := make([]string, healthy+1)
		for j := range ways {
			ways[j] = "a"
		}
		ways[healthy] = way
		h, err := l.withEndpoints(ctx, files{}, endpoints{n: 10, ways: ways})
		if err != nil {
			return err
		}
		if err := l.within(ctx, h, 1, 1, nil, func(s *server) error {
			// Requests that hang pile up first.
			if err := l.paced(ctx, s, perSecond, 10, healthy, l.o.part/2, nil); err != nil {
				return err
			}
			times, err := l.arrivals(ctx, s, perSecond, 10, healthy, l.o.part, nil)
			p99[i] = millis(times.P99)
			return err
		}); err != nil {
			return err
		}
		if err := l.rcv.tell("drop"); err != nil {
			return err
		}
	}
	l.results.beside("hanging.p99", p99[1], p99[0])
	return nil
}

// flooded compares how long events take to nine endpoints that get 20 a second each,
// without and with a tenth one that is flooded, from when the flood is published until the
// last of it has arrived.
func flooded(ctx context.Context, l *lab) error {
	const others, perSecond = 9, 20
	ways := make([]string, others+1)
	for i := range ways {
		ways[i] = "a"
	}
	ways[others] = "b" // its times are not those of the others
	h, err := l.withEndpoints(ctx, files{}, endpoints{n: others + 1, ways: ways})
	if err != nil {
		return err
	}
	bare, err := l.bare(ctx, l.glance(), false)
	if err != nil {
		return err
	}
	var calm latency
	err = l.within(ctx, h, 1, 1, nil, func(s *server) (err error) {
		calm, err = l.arrivals(ctx, s, others*perSecond, others, others, l.o.part, nil)
		return err
	})
	if err != nil {
		return err
	}
	return l.within(ctx, h, 1, 1, nil, func(s *server) error {
		if err := l.paced(ctx, s, others*perSecond, others, others, l.warming(), nil); err != nil {
			return err
		}
		if err := l.exact(ctx, s, 1); err != nil {
			return err
		}
		if err := l.rcv.tell("reset"); err != nil {
			return err
		}
		over := make(chan struct{})
		var pacing sync.WaitGroup
		var paced error
		pacing.Go(func() { paced = l.paced(ctx, s, others*perSecond, others, others, l.patience(), over) })
		began := time.Now()
		err := l.publishFlood(ctx, s, others, l.o.flood)
		if err == nil {
			err = waitFor(ctx, l.patience(), func() bool {
				times, err := l.rcv.times("b")
				return err == nil && times.Count >= int64(l.o.flood)
			})
		}
		took := time.Since(began)
		close(over)
		pacing.Wait()
		if err == nil {
			err = paced
		}
		if err == nil {
			err = l.exact(ctx, s, 1)
		}
		if err != nil {
			return err
		}
		times, err := l.rcv.times("a")
		if err != nil {
			return err
		}
		l.results.beside("flood.p99", millis(times.P99), millis(calm.P99))
		l.results.beside("flood.rate", float64(l.o.flood)/took.Seconds(), bare.Rate)
		return nil
	})
}

// publishFlood publishes so many events to one endpoint, in batches and as fast as it can.
func (l *lab) publishFlood(ctx context.Context, s *server, kind, count int) error {
	const batch = 100
	var left atomic.Int64
	left.Store(int64(count / batch))
	return parallel(4, func(i int) error {
		p, err := newPublisher(s, i, batch, l.size)
		if err != nil {
			return err
		}
		defer p.close()
		for left.Add(-1) >= 0 {
			if err := p.publishTo(ctx, kind, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// slow is a receiver that takes 200 ms for each request, and has more to get than it can.
func slow(ctx context.Context, l *lab) error {
	const delay = 200 * time.Millisecond
	h, err := l.withEndpoints(ctx, files{}, endpoints{n: 1, ways: []string{"slow"}})
	if err != nil {
		return err
	}
	if err := l.rcv.tell("delay", delay.Milliseconds()); err != nil {
		return err
	}
	return l.within(ctx, h, 1, 1, nil, func(s *server) error {
		if err := l.publishFlood(ctx, s, 0, l.o.flood); err != nil {
			return err
		}
		if err := sleep(ctx, l.o.part); err != nil { // it is to find out how much is good for it
			return err
		}
		perSecond, err := l.arrivalRate(ctx)
		if err != nil {
			return err
		}
		l.results.add("slow", perSecond)
		l.results.add("slow.concurrency", perSecond*delay.Seconds())
		var a account
		if err := l.rcv.ask(&a, "account", 0); err != nil {
			return err
		}
		if a.Duplicates > 0 {
			return fmt.Errorf("not exact: %d deliveries arrived again", a.Duplicates)
		}
		return nil
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// arrivalRate is how many requests arrive a second, for one part of the run.
func (l *lab) arrivalRate(ctx context.Context) (perSecond float64, err error) {
	before, err := l.rcv.number("arrived")
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := sleep(ctx, l.o.part); err != nil {
		return 0, err
	}
	after, err := l.rcv.number("arrived")
	return float64(after-before) / time.Since(began).Seconds(), err
}
