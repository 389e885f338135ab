package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// scenarios are all of them, in the order in which they are measured.
func scenarios(o options) []scenario {
	single := func(n int) shape { return shape{types: n, publishers: o.connections} }
	batch := func(n int) shape { return shape{types: n, batch: 100, publishers: batchConnections} }
	return []scenario{
		{name: "limits", run: limits},
		{name: "batch/10", run: rate(endpoints{n: 10}, batch(10))},
		{name: "stream/10", run: stream},
		{name: "single/10", run: rate(endpoints{n: 10}, single(10))},
		{name: "single/1", run: rate(endpoints{n: 1}, single(1))},
		{name: "single/1000", run: rate(endpoints{n: 1000}, single(1000))},
		{name: "fan/10", run: rate(endpoints{n: 10, together: true}, shape{types: 1, fan: 10, publishers: o.connections})},
		{name: "fan/1000", run: rate(endpoints{n: 1000, together: true}, shape{types: 1, fan: 1000, publishers: 1})},
		{name: "tls/10", run: rate(endpoints{n: 10, secure: true}, batch(10))},
		{name: "transformed", run: transformed},

		{name: "open/10", run: open(0.1)},
		{name: "open/50", run: open(0.5)},
		{name: "open/90", run: open(0.9)},
		{name: "hanging", run: hanging},
		{name: "flood", run: flooded},
		{name: "slow", run: slow},
		{name: "memory", run: memory},

		{name: "pending", run: pending},
		{name: "history", run: history},
		{name: "many", run: many},
		{name: "steady", once: true, run: steady},
	}
}

// batchConnections is how many connections publish batches.
const batchConnections = 16

// limits are measured in each round by themselves, besides those beside scenarios.
func limits(ctx context.Context, l *lab) error {
	r := l.results
	piece := l.glance()
	bare, err := l.bare(ctx, piece, false)
	if err != nil {
		return err
	}
	r.add("bare.sender", micros(bare.Sender))
	r.add("bare.receiver", micros(bare.Receiver))
	ceiling, err := l.ceiling(ctx, piece)
	if err != nil {
		return err
	}
	r.add("ceiling", ceiling.Rate)
	_, err = l.syncLimit(ctx)
	return err
}

// syncLimit measures what arrivals are seen beside.
func (l *lab) syncLimit(ctx context.Context) (posted latency, err error) {
	synced, posted, err := l.syncing(ctx, l.glance())
	if err != nil {
		return posted, err
	}
	l.results.add("sync.p50", millis(synced.P50))
	l.results.add("sync.p99", millis(synced.P99))
	l.results.add("post.p50", millis(posted.P50))
	l.results.add("post.p99", millis(posted.P99))
	l.results.add("post.p999", millis(posted.P999))
	return posted, nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// rate measures how fast events get from publish to arrival, beside the bare loop.
func rate(e endpoints, sh shape) func(context.Context, *lab) error {
	name := "batch"
	switch {
	case sh.fan > 1:
		name = "fan"
	case e.secure:
		name = "tls"
	case sh.batch == 0:
		name = "single"
	}
	return func(ctx context.Context, l *lab) error {
		return l.rate(ctx, files{}, fmt.Sprintf("%s/%d", name, e.n), e, sh)
	}
}

func (l *lab) rate(ctx context.Context, hs homes, key string, e endpoints, sh shape) error {
	h, err := l.withEndpoints(ctx, hs, e)
	if err != nil {
		return err
	}
	bare, err := l.bare(ctx, l.glance(), e.secure)
	if err != nil {
		return fmt.Errorf("bare loop: %w", err)
	}
	r := l.results
	if e.secure {
		r.add("bare.tls", bare.Rate)
	} else {
		r.add("bare", bare.Rate)
	}
	withHTTP := key == "batch/10" || key == "single/10"
	var bareHTTP loop
	if withHTTP {
		if bareHTTP, err = l.bareHTTP(ctx, l.glance()); err != nil {
			return fmt.Errorf("bare loop with net/http: %w", err)
		}
		r.add("bare.http", bareHTTP.Rate)
	}
	return l.within(ctx, h, 1, sh.fan, nil, func(s *server) error {
		found, err := l.steadyFlood(ctx, s, sh)
		if err != nil {
			return err
		}
		r.beside(key, found.Rate, bare.Rate)
		r.spent(key, r.figure(key).Title, found, bare)
		if withHTTP {
			r.beside(key+".http", found.Rate, bareHTTP.Rate)
		}
		switch key {
		case "batch/10":
			r.beside(key+".cpu", micros(found.Cost.Own)/float64(found.Deliveries), micros(bare.Sender))
			r.add("memory.busy", found.Memory)
		case "single/1":
			r.add(key+".during", found.During)
		}
		return nil
	})
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// withEndpoints gives a home that has these endpoints and nothing else.
func (l *lab) withEndpoints(ctx context.Context, hs homes, e endpoints) (*home, error) {
	return l.fixture(ctx, hs, fmt.Sprintf("%+v", e), func(s *server) error { return s.add(ctx, l.rcv, e) })
}

// stream is batch/10 by a stream of lines, where there is one.
func stream(ctx context.Context, l *lab) error {
	h, err := l.withEndpoints(ctx, files{}, endpoints{n: 10})
	if err != nil {
		return err
	}
	bare, err := l.bare(ctx, l.glance(), false)
	if err != nil {
		return err
	}
	return l.within(ctx, h, 1, 1, nil, func(s *server) error {
		switch ok, err := s.hasStream(ctx); {
		case err != nil:
			return err
		case !ok:
			l.results.note("stream/10 is left out: this Bellhop has no POST /v1/events/stream")
			return nil
		}
		found, err := l.steadyFlood(ctx, s, shape{types: 10, stream: true})
		if err != nil {
			return err
		}
		l.results.beside("stream/10", found.Rate, bare.Rate)
		l.results.spent("stream/10", l.results.figure("stream/10").Title, found, bare)
		return nil
	})
}

// hasStream tells whether events can be published by a stream.
func (s *server) hasStream(ctx context.Context) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.nodes[0].addr+"/v1/events/stream", strings.NewReader(""))
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	return res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMethodNotAllowed, nil
}

// reshape is a transformation as they are: it picks, renames, formats and joins.
const reshape = `function transform(event) {
  const { fill, ...rest } = event.data;
  return {
    headers: { "X-Event-Type": event.type },
    body: { text: "Event " + event.id + " of " + event.app, at: event.time, size: fill.length, fill, fields: Object.keys(rest).map((k) => k.toUpperCase()).join(", "), ...rest },
  };
}`

// transformed is beside the same without a transformation.
func transformed(ctx context.Context, l *lab) error {
	var rates [2]float64
	for i, e := range []endpoints{{n: 10}, {n: 10, transform: reshape}} {
		h, err := l.withEndpoints(ctx, files{}, e)
		if err != nil {
			return err
		}
		if err := l.within(ctx, h, 1, 1, nil, func(s *server) error {
			found, err := l.steadyFlood(ctx, s, shape{types: 10, publishers: l.o.connections})
			if err != nil {
				return err
			}
			if rates[i] = found.Rate; i == 1 {
				l.results.spent("transformed", l.results.figure("transformed").Title, found, loop{})
			}
			return nil
		}); err != nil {
			return err
		}
	}
	l.results.beside("transformed", rates[1], rates[0])
	return nil
}
