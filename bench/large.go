package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// idle is how long a server has done nothing before its memory is looked at.
const idle = 2 * time.Second

// memory is that of a server which does nothing yet, and of one with many requests that
// hang.
func memory(ctx context.Context, l *lab) error {
	h, err := l.withEndpoints(ctx, files{}, endpoints{n: 10})
	if err != nil {
		return err
	}
	err = l.within(ctx, h, 1, 1, nil, func(s *server) error {
		if err := sleep(ctx, idle); err != nil {
			return err
		}
		l.results.add("memory.idle", s.memory())
		return nil
	})
	if err != nil {
		return err
	}
	const each = 50
	count := l.o.hang / each * each
	most := 2*count + 8*each // above the half, endpoints get less than they may have
	if room := openFiles(); room < uint64(most)+5000 {
		l.results.note("memory.hanging is left out: %d files may be open (ulimit -n), and %d are needed", room, most+5000)
		return nil
	}
	hang := endpoints{n: count / each, ways: []string{"hang"}, concurrency: each, timeout: time.Minute}
	if h, err = l.withEndpoints(ctx, files{}, hang); err != nil {
		return err
	}
	defer func() { _ = l.rcv.tell("drop") }()
	return l.within(ctx, h, 1, 1, []string{"--max-in-flight", fmt.Sprint(most)}, func(s *server) error {
		err := parallel(8, func(i int) error {
			p, err := newPublisher(s, i, 0, l.size)
			if err != nil {
				return err
			}
			defer p.close()
			for n := i; n < count; n += 8 {
				if err := p.publishUnwatched(ctx, n%hang.n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		var n int64
		if err := waitFor(ctx, 40*time.Second, func() bool {
			n, err = l.rcv.number("hanging")
			return err != nil || n >= int64(count)
		}); err != nil {
			return fmt.Errorf("%d of %d requests hang: %w", n, count, err)
		}
		l.results.add("memory.hanging", s.memory())
		return nil
	})
}

// large measures batches on a home that holds much, beside one that does not, in turns.
func (l *lab) large(ctx context.Context, hs homes, key string, full *home, e endpoints, also func(context.Context, *server) error) error {
	empty, err := l.withEndpoints(ctx, hs, endpoints{n: 10})
	if err != nil {
		return err
	}
	sh := shape{types: 10, batch: 100, publishers: batchConnections}
	var limit, found load
	if err := l.within(ctx, empty, 1, 1, nil, func(s *server) (err error) {
		limit, err = l.steadyFlood(ctx, s, sh)
		return err
	}); err != nil {
		return err
	}
	// It is too large to be copied, and little is added to it.
	s, err := l.start(ctx, full, 1, 1)
	if err != nil {
		return err
	}
	defer s.stop()
	if key == "many" {
		if err := sleep(ctx, idle); err != nil {
			return err
		}
		l.results.add("memory.many", s.memory())
	}
	sh.types = e.n
	beside, stop := context.WithCancel(ctx)
	defer stop()
	var others sync.WaitGroup
	var failed error
	if also != nil {
		others.Go(func() { failed = guarded(func() error { return also(beside, s) }) })
	}
	found, err = l.steadyFlood(ctx, s, sh)
	stop()
	others.Wait()
	if err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	l.results.beside(key, found.Rate, limit.Rate)
	l.results.spent(key, l.results.figure(key).Title, found, loop{})
	if key == "many" {
		l.results.add("memory.many.busy", found.Memory)
	}
	return nil
}

// backlogSize is the bytes of data of an event that waits.
const backlogSize = 256

// pending is beside a million deliveries that wait at an endpoint which is paused; and then
// how soon the first of them is delivered when they may be.
func pending(ctx context.Context, l *lab) error {
	full, err := l.filled(ctx, files{}, "pending", l.setUpWaiting(ctx), func(f *filler) error { return f.fillWaiting(ctx, l.o.pending) })
	if err != nil {
		return err
	}
	if err := l.large(ctx, files{}, "pending", full, endpoints{n: 10}, nil); err != nil {
		return err
	}
	return l.startWithBacklog(ctx, full)
}

// setUpWaiting makes ten endpoints, and one that is paused.
func (l *lab) setUpWaiting(ctx context.Context) func(s *server) error {
	return func(s *server) error {
		if err := s.add(ctx, l.rcv, endpoints{n: 10}); err != nil {
			return err
		}
		_, err := s.client().CreateEndpoint(ctx, bellhop.EndpointChange{
			Apps: bellhop.Of([]string{"bench"}), URL: bellhop.Of(l.rcv.url(false, "a", 10)), Events: bellhop.Of([]string{eventType(waitingType)}),
			Status: bellhop.Of(bellhop.EndpointPaused), Name: bellhop.Of("waits"),
		})
		return err
	}
}

// fillWaiting writes what waits at the one that is paused.
func (f *filler) fillWaiting(ctx context.Context, count int) error {
	i, err := f.waits()
	if err != nil {
		return err
	}
	return f.pending(ctx, f.endpoints[i].ID, count, backlogSize)
}

// waits finds the endpoint that was paused.
func (f *filler) waits() (int, error) {
	i := slices.IndexFunc(f.endpoints, func(e bellhop.Endpoint) bool { return e.Name == "waits" })
	if i < 0 {
		return 0, errors.New("there is no endpoint that waits")
	}
	return i, nil
}

// startWithBacklog measures on a copy how soon after the start something is delivered.
func (l *lab) startWithBacklog(ctx context.Context, full *home) error {
	bare, err := l.bare(ctx, l.glance(), false)
	if err != nil {
		return err
	}
	h, err := full.homes.copy(ctx, full, l.dir)
	if err != nil {
		return err
	}
	defer func() { _ = h.homes.remove(context.WithoutCancel(ctx), h) }()
	if err := fill(ctx, h, func(f *filler) error {
		i, err := f.waits()
		if err != nil {
			return err
		}
		return f.resume(ctx, f.endpoints[i])
	}); err != nil {
		return err
	}
	s, err := l.start(ctx, h, 1, 1)
	if err != nil {
		return err
	}
	defer s.stop()
	var first int64
	if err := waitFor(ctx, time.Minute, func() bool {
		first, err = l.rcv.number("first")
		return err != nil || first > 0
	}); err != nil {
		return fmt.Errorf("nothing of the backlog was delivered: %w", err)
	}
	rate, err := l.arrivalRate(ctx)
	if err != nil {
		return err
	}
	l.results.add("start", time.Unix(0, first).Sub(s.began).Seconds())
	l.results.beside("start.rate", rate, bare.Rate)
	return nil
}

// filled gives a home that was set up by a server, and then filled without one, once in a
// run.
func (l *lab) filled(ctx context.Context, hs homes, name string, setUp func(s *server) error, f func(f *filler) error) (*home, error) {
	key := hs.name() + " " + name
	if h := l.fixtures[key]; h != nil {
		return h, nil
	}
	h, err := l.fixture(ctx, hs, name, setUp)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := fill(ctx, h, f); err != nil {
		delete(l.fixtures, key)
		return nil, fmt.Errorf("fill a database: %w", err)
	}
	l.say("%-26s %5.1f s to fill the database", name, time.Since(began).Seconds())
	return h, nil
}

// history is beside millions of attempts in the log, while somebody looks through it.
func history(ctx context.Context, l *lab) error { return l.history(ctx, files{}, "history") }

func (l *lab) history(ctx context.Context, hs homes, key string) error {
	e := endpoints{n: 10}
	full, err := l.filled(ctx, hs, "history", func(s *server) error { return s.add(ctx, l.rcv, e) },
		func(f *filler) error { return f.history(ctx, l.o.history) })
	if err != nil {
		return err
	}
	var pages histogram
	err = l.large(ctx, hs, key, full, e, func(ctx context.Context, s *server) error {
		refused, err := browse(ctx, s, &pages)
		if refused > 0 {
			l.results.note("%s: of the pages that somebody looked at meanwhile, some were not answered", key)
		}
		return err
	})
	if err == nil && key == "history" {
		l.results.add("history.browse", millis(pages.latency().P99))
	}
	return err
}

// browse looks through the log as a person does, only faster: ten pages a second, of
// everything, of one endpoint, of what failed, and of half a day, until ctx ends. It counts
// the pages that were not answered.
func browse(ctx context.Context, s *server, pages *histogram) (refused int, err error) {
	endpoint := ""
	for e, err := range s.client().Endpoints(ctx, client.EndpointFilter{}) {
		if err != nil {
			return 0, fmt.Errorf("look at the endpoints: %w", err)
		}
		endpoint = e.ID.String()
		break
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	queries := []string{"", "?endpoint=" + endpoint, "?app=bench&status=failed", "?since=" + time.Now().Add(-12*time.Hour).UTC().Format(time.RFC3339) + "&limit=250"}
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return refused, nil
		case <-tick.C:
		}
		began := time.Now()
		status, err := s.get(ctx, "/v1/attempts"+queries[i%len(queries)])
		switch {
		case ctx.Err() != nil:
			return refused, nil
		case err != nil:
			return refused, fmt.Errorf("look at the log: %w", err)
		case status != http.StatusOK:
			refused++
		default:
			pages.add(time.Since(began))
		}
	}
}

// get asks the API, and throws the answer away.
func (s *server) get(ctx context.Context, path string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.nodes[0].addr+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, errors.Join(err, res.Body.Close())
}

// many is with very many endpoints, each of which gets some of the events.
func many(ctx context.Context, l *lab) error {
	e := endpoints{n: l.o.many}
	if room := openFiles(); room < uint64(e.n)+1000 {
		l.results.note("many is left out: %d files may be open (ulimit -n), and %d are needed", room, e.n+1000)
		return nil
	}
	h, err := l.withEndpoints(ctx, files{}, e)
	if err != nil {
		return err
	}
	return l.large(ctx, files{}, "many", h, e, nil)
}
