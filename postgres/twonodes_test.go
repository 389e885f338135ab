package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/postgres"
)

// pair is two nodes that share a database and cannot wake each other, and the receivers
// that they send to.
type pair struct {
	t     *testing.T
	nodes [2]*peer

	mu sync.Mutex
	// failing are hosts that answer nothing, and slow those that answer late.
	failing, slow map[string]bool
	got           map[string][]string // the bodies that each host was sent
	answered      map[string]int      // how many of them slow hosts have answered
}

type peer struct {
	*desk.Desk
	e *engine.Engine
}

// RoundTrip implements http.RoundTripper.
func (w *pair) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	host := req.URL.Hostname()
	w.mu.Lock()
	w.got[host] = append(w.got[host], string(body))
	failing, slow := w.failing[host], w.slow[host]
	w.mu.Unlock()
	if failing {
		return nil, io.ErrUnexpectedEOF
	}
	if slow {
		select {
		case <-time.After(1500 * time.Millisecond):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		w.mu.Lock()
		w.answered[host]++
		w.mu.Unlock()
	}
	return &http.Response{
		StatusCode: 200, Status: "200", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil)), Request: req,
	}, nil
}

func (w *pair) fail(host string, failing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failing[host] = failing
}

// received counts what a host was sent.
func (w *pair) received(host string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got[host])
}

func newPair(t *testing.T) *pair {
	w := &pair{t: t, failing: map[string]bool{}, slow: map[string]bool{}, got: map[string][]string{}, answered: map[string]int{}}
	url := database(t)
	sealer, err := bellhop.NewSealer(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	quiet := slog.New(slog.DiscardHandler)
	for i := range w.nodes {
		s := openAt(t, url, postgres.Options{Plain: true})
		e, err := engine.New(t.Context(), s, engine.Config{Sealer: sealer, Transport: w, Logger: quiet, Dev: true, Random: func() float64 { return 0.5 }})
		must(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		w.nodes[i] = &peer{desk.New(e, desk.Options{Logger: quiet}), e}
	}
	w.until("each node has its share", func() bool {
		nodes, err := w.nodes[0].e.Nodes(t.Context())
		must(t, err)
		return len(nodes) == 2 && nodes[0].Buckets == bellhop.Buckets/2 && nodes[1].Buckets == bellhop.Buckets/2
	})
	return w
}

func (w *pair) until(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// spot is an endpoint of an app of its own, with its receiver, the node that owns it and
// the other one.
type spot struct {
	*pair
	t            *testing.T
	app, host    string
	id           bellhop.EndpointID
	owner, other *peer
}

var me = bellhop.Owner()

func (w *pair) spot(t *testing.T, name string, change bellhop.EndpointChange) *spot {
	t.Helper()
	s := &spot{pair: w, t: t, app: name, host: name + ".example"}
	_, err := w.nodes[0].CreateApp(t.Context(), me, name, desk.AppChange{})
	must(t, err)
	change.Apps = bellhop.Of([]string{name})
	if !change.URL.Set {
		change.URL = bellhop.Of("https://" + s.host + "/hook")
	}
	change.Dialect = bellhop.Of("raw")
	e, _, err := w.nodes[0].CreateEndpoint(t.Context(), me, change)
	must(t, err)
	s.id, s.owner, s.other = e.ID, w.nodes[0], w.nodes[1]
	if !s.owner.e.Owns(e.ID) {
		s.owner, s.other = s.other, s.owner
	}
	s.until("both know the endpoint", func() bool {
		return w.nodes[0].e.Routes().Routes().Endpoint(e.ID) != nil && w.nodes[1].e.Routes().Routes().Endpoint(e.ID) != nil
	})
	return s
}

func (s *spot) publish(data string) bellhop.EventID {
	s.t.Helper()
	r, err := s.owner.Publish(s.t.Context(), me, engine.Publication{App: s.app, Type: "a.b", Subject: "s:1", Data: bellhop.JSON(data)})
	must(s.t, err)
	return r.Event
}

func (s *spot) change(c bellhop.EndpointChange) {
	s.t.Helper()
	_, err := s.other.UpdateEndpoint(s.t.Context(), me, s.id, c)
	must(s.t, err)
}

// broken opens the circuit, and mends the receiver: of what failed, the owner tries one
// five seconds later, and not before.
func (s *spot) broken() {
	s.t.Helper()
	s.fail(s.host, true)
	for range 10 {
		s.publish(`{}`)
	}
	s.until("the circuit is open", func() bool {
		l, err := s.owner.e.LaneState(s.t.Context(), s.id)
		must(s.t, err)
		return l.Circuit == "open" && l.InFlight == 0
	})
	s.fail(s.host, false)
}

// waiting are the unfinished deliveries.
func (s *spot) waiting() []bellhop.Delivery {
	s.t.Helper()
	list, err := s.other.Deliveries(s.t.Context(), me, s.app, bellhop.DeliveryFilter{Limit: 100})
	must(s.t, err)
	var left []bellhop.Delivery
	for _, d := range list {
		if d.Status == bellhop.DeliveryPending || d.Status == bellhop.DeliveryHeld {
			left = append(left, d)
		}
	}
	return left
}

// TestReplaysAtTheSameTimeSendOnce, whichever nodes they are asked for at, and however soon
// what the first one of them sends has arrived.
func TestReplaysAtTheSameTimeSendOnce(t *testing.T) {
	t.Parallel()
	w := newPair(t)
	const events = 4 // so few that the circuit stays closed
	since := time.Now().Add(-time.Hour)
	run := func(s *spot, status bellhop.ReplayStatus, before int) {
		var crowd sync.WaitGroup
		for i := range 6 {
			crowd.Go(func() {
				if _, err := w.nodes[i%2].Replay(t.Context(), me, s.id, desk.Replay{Since: since, Status: status}); err != nil {
					t.Error(err)
				}
			})
		}
		crowd.Wait()
		s.until("everything has arrived", func() bool { return len(s.waiting()) == 0 })
		if n := s.received(s.host) - before; n != events {
			t.Errorf("%s: %d requests of %d events", status, n, events)
		}
	}
	for round := range 3 {
		failing := w.spot(t, fmt.Sprint("failing-", round), bellhop.EndpointChange{Retry: bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{}}), Ordering: bellhop.Of(bellhop.OrderingNone)})
		failing.fail(failing.host, true)
		for range events {
			failing.publish(`{}`)
		}
		failing.until("everything is given up", func() bool { return len(failing.waiting()) == 0 })
		failing.fail(failing.host, false)
		run(failing, bellhop.ReplayGivenUp, failing.received(failing.host))

		deaf := w.spot(t, fmt.Sprint("deaf-", round), bellhop.EndpointChange{Events: bellhop.Of([]string{"c.d"})})
		for range events {
			deaf.publish(`{}`)
		}
		deaf.change(bellhop.EndpointChange{Events: bellhop.Of([]string{"a.b"})})
		deaf.until("both know what it wants", func() bool {
			for _, n := range w.nodes {
				if r := n.e.Routes().Routes().Endpoint(deaf.id); r == nil || len(r.Events) != 1 || r.Events[0] != "a.b" {
					return false
				}
			}
			return true
		})
		run(deaf, bellhop.ReplayMissing, 0)
	}
}

// soon is within what a node takes at most to see what another one did: about a second,
// and somewhat more on a machine with much else to do.
const soon = 3 * time.Second

// sees fails the test if something is not so soon after it was done.
func (s *spot) sees(what string, do func(), ok func() bool) {
	s.t.Helper()
	began := time.Now()
	do()
	s.until(what, ok)
	if took := time.Since(began); took > soon {
		s.t.Errorf("%s after %v", what, took.Round(time.Millisecond))
	} else {
		s.t.Logf("%s after %v", what, took.Round(time.Millisecond))
	}
}

// TestTheOwnerSeesSoonWhatIsDoneAtAnotherNode, where no node can wake another: it looks.
func TestTheOwnerSeesSoonWhatIsDoneAtAnotherNode(t *testing.T) {
	t.Parallel()
	w := newPair(t)
	ctx := context.Background()
	none := bellhop.EndpointChange{}
	hourly := bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Hour)}})
	for name, run := range map[string]func(t *testing.T, name string){
		"a delivery is tried now": func(t *testing.T, name string) {
			s := w.spot(t, name, none)
			s.broken()
			d, before := s.waiting()[0], s.received(s.host)
			s.sees("it is tried", func() {
				_, err := s.other.TryDelivery(ctx, me, d.ID)
				must(t, err)
			}, func() bool { return s.received(s.host) > before })
		},
		"an endpoint is tried now": func(t *testing.T, name string) {
			s := w.spot(t, name, none)
			s.broken()
			s.sees("all are delivered", func() {
				_, err := s.other.TryEndpoint(ctx, me, s.id, bellhop.Cause{})
				must(t, err)
			}, func() bool { return len(s.waiting()) == 0 })
		},
		"a test is taken": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{Retry: hourly})
			s.broken()
			s.sees("the circuit is closed", func() {
				a, err := s.other.TestEndpoint(ctx, me, s.id, "", nil)
				must(t, err)
				if a.Status != bellhop.AttemptSucceeded {
					t.Errorf("the test: %+v", a)
				}
			}, func() bool {
				l, err := s.owner.e.LaneState(ctx, s.id)
				must(t, err)
				return l.Circuit == "closed"
			})
		},
		"the endpoint is resumed": func(t *testing.T, name string) {
			s := w.spot(t, name, none)
			_, err := s.owner.PauseEndpoint(ctx, me, s.id)
			must(t, err)
			s.publish(`{}`)
			s.sees("what waited is delivered", func() {
				_, err := s.other.ResumeEndpoint(ctx, me, s.id)
				must(t, err)
			}, func() bool { return s.received(s.host) == 1 })
		},
		"the endpoint is paused": func(t *testing.T, name string) {
			s := w.spot(t, name, none)
			s.sees("it is paused", func() {
				_, err := s.other.PauseEndpoint(ctx, me, s.id)
				must(t, err)
			}, func() bool { return !s.owner.e.Routes().Routes().Endpoint(s.id).Live() })
		},
		"the endpoint gets another address": func(t *testing.T, name string) {
			s := w.spot(t, name, none)
			s.broken()
			s.fail(s.host, true)
			s.sees("all are delivered there", func() {
				s.change(bellhop.EndpointChange{URL: bellhop.Of("https://new-" + s.host + "/hook")})
				_, err := s.other.TryEndpoint(ctx, me, s.id, bellhop.Cause{})
				must(t, err)
			}, func() bool { return len(s.waiting()) == 0 })
		},
		"a transformation is mended": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{Transform: bellhop.Of(&bellhop.Transform{Code: `function transform() { throw new Error("never") }`})})
			s.publish(`{"n":1}`)
			s.publish(`{"n":2}`)
			s.until("both are held", func() bool {
				list := s.waiting()
				return len(list) == 2 && list[0].Held && list[1].Held
			})
			s.sees("both are delivered", func() {
				s.change(bellhop.EndpointChange{Transform: bellhop.Of(&bellhop.Transform{Code: `function transform() { return { body: "made" } }`})})
			}, func() bool { return s.received(s.host) == 2 })
		},
		"a held delivery is let go": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{Transform: bellhop.Of(&bellhop.Transform{Code: `function transform() { throw new Error("never") }`})})
			event := s.publish(`{"n":1}`)
			s.until("it is held", func() bool {
				list := s.waiting()
				return len(list) == 1 && list[0].Held
			})
			s.sees("it is tried once more", func() {
				_, err := s.other.Resend(ctx, me, event, s.id)
				must(t, err)
			}, func() bool {
				list, err := s.other.EventDeliveries(ctx, me, event, bellhop.DeliveryFilter{Limit: 1})
				must(t, err)
				return list[0].Attempts == 2
			})
		},
		"an event is erased": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{Concurrency: bellhop.Of(1)})
			s.mu.Lock()
			s.slow[s.host] = true
			s.mu.Unlock()
			s.publish(`{"n":1}`)
			second := s.publish(`{"n":2}`)
			s.until("the first is under way", func() bool { return s.received(s.host) == 1 })
			s.sees("its delivery is canceled", func() { must(t, s.other.EraseEvent(ctx, me, second)) }, func() bool { return s.owner.e.OldestDue(s.id).IsZero() })
			third := s.publish(`{"n":3}`)
			s.until("the last is delivered", func() bool {
				list, err := s.other.EventDeliveries(ctx, me, third, bellhop.DeliveryFilter{Limit: 1})
				must(t, err)
				return len(list) == 1 && list[0].Status == bellhop.DeliverySucceeded
			})
			if n := s.received(s.host); n != 2 {
				t.Errorf("%d requests were made", n)
			}
		},
		"what holds an order back is erased": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{Ordering: bellhop.Of(bellhop.OrderingEndpoint), Retry: hourly})
			s.fail(s.host, true)
			first := s.publish(`{"n":1}`)
			s.until("the first has failed", func() bool {
				list := s.waiting()
				return len(list) == 1 && list[0].Attempts == 1
			})
			s.publish(`{"n":2}`)
			s.fail(s.host, false)
			s.sees("the second is delivered", func() { must(t, s.other.EraseEvent(ctx, me, first)) }, func() bool { return s.received(s.host) == 2 })
		},
		"the order is given up": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{Ordering: bellhop.Of(bellhop.OrderingEndpoint), Retry: hourly})
			s.fail(s.host, true)
			s.publish(`{"n":1}`)
			s.until("the first has failed", func() bool {
				list := s.waiting()
				return len(list) == 1 && list[0].Attempts == 1
			})
			s.publish(`{"n":2}`)
			s.fail(s.host, false)
			s.sees("the second is delivered", func() { s.change(bellhop.EndpointChange{Ordering: bellhop.Of(bellhop.OrderingNone)}) }, func() bool { return s.received(s.host) == 2 })
		},
		"an event is sent again": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{Ordering: bellhop.Of(bellhop.OrderingEndpoint)})
			event := s.publish(`{}`)
			s.until("it is delivered", func() bool { return s.received(s.host) == 1 && len(s.waiting()) == 0 })
			s.sees("it is delivered again", func() {
				_, err := s.other.Resend(ctx, me, event, s.id)
				must(t, err)
			}, func() bool { return s.received(s.host) == 2 })
		},
		"events are replayed": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{Ordering: bellhop.Of(bellhop.OrderingEndpoint)})
			s.publish(`{}`)
			s.until("it is delivered", func() bool { return s.received(s.host) == 1 && len(s.waiting()) == 0 })
			s.sees("it is delivered again", func() {
				_, err := s.other.Replay(ctx, me, s.id, desk.Replay{Since: time.Now().Add(-time.Hour), Status: bellhop.ReplayAll})
				must(t, err)
			}, func() bool { return s.received(s.host) == 2 })
		},
		"the app is deleted": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{Concurrency: bellhop.Of(1)})
			s.mu.Lock()
			s.slow[s.host] = true
			s.mu.Unlock()
			s.publish(`{"n":1}`)
			s.publish(`{"n":2}`)
			s.until("the first is under way", func() bool { return s.received(s.host) == 1 })
			s.sees("the app is gone", func() { must(t, s.other.DeleteApp(ctx, me, s.app)) }, func() bool { return s.owner.e.Routes().Routes().Endpoint(s.id) == nil })
			s.until("the first is answered", func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return s.answered[s.host] == 1
			})
			// The second would be sent at once, and before what is published after that.
			after := w.spot(t, name+"-after", bellhop.EndpointChange{})
			for i := 0; after.owner != s.owner; i++ {
				after = w.spot(t, fmt.Sprint(name, "-after-", i), bellhop.EndpointChange{})
			}
			after.publish(`{}`)
			after.until("what comes after it is sent", func() bool { return after.received(after.host) == 1 })
			if n := s.received(s.host); n != 1 {
				t.Errorf("%d requests were made", n)
			}
		},
		"somebody listens": func(t *testing.T, name string) {
			s := w.spot(t, name, bellhop.EndpointChange{URL: bellhop.Of("listen+http://localhost:3000/hook")})
			s.publish(`{}`)
			var stream *desk.ListenStream
			s.sees("it is handed over", func() {
				var err error
				stream, err = s.other.Listen(ctx, me, s.id, strings.Repeat("s", 20))
				must(t, err)
			}, func() bool { return len(stream.News()) > 0 })
			stream.Close()
		},
	} {
		t.Run(name, func(t *testing.T) { run(t, strings.ReplaceAll(name, " ", "-")) })
	}

	s := w.spot(t, "all-sending", none)
	s.sees("all sending is held", func() {
		_, err := s.other.HoldAll(ctx, me)
		must(t, err)
	}, func() bool { return !s.owner.e.Routes().Routes().Endpoint(s.id).Live() })
	s.publish(`{}`)
	s.sees("what waited is delivered", func() {
		_, err := s.other.ReleaseAll(ctx, me)
		must(t, err)
	}, func() bool { return s.received(s.host) == 1 })
}
