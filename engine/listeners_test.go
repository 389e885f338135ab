package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send/listen"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/testlong"
)

// listened makes an endpoint that somebody has to listen at, one request at a time.
func (h *house) listened(metadata map[string]string) bellhop.Endpoint {
	h.t.Helper()
	e := h.endpoint("a.example", func(c *bellhop.EndpointChange) {
		c.URL = bellhop.Of("listen+http://localhost:3000/hook")
		c.Metadata, c.Concurrency = bellhop.Of(metadata), bellhop.Of(1)
	})
	return e
}

// program listens at an endpoint until close is called, and answers as it is told.
func (h *house) program(e bellhop.EndpointID, answer func(*listen.Request) listen.Answer) (requests *[]*listen.Request, leave func()) {
	h.t.Helper()
	const session = "a session of mine"
	st, err := h.Listeners().Attach(e, []string{"acme"}, session)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(st.Close)
	requests = new([]*listen.Request)
	go func() {
		for {
			select {
			case <-st.News():
			case <-st.Ended():
				return
			}
			for r := range st.Take() {
				*requests = append(*requests, r)
				if _, err := h.Listeners().Answer(e, session, r.ID, answer(r)); err != nil {
					h.t.Error(err)
				}
			}
		}
	}()
	synctest.Wait()
	return requests, st.Close
}

// listenedTown makes an endpoint that is to be listened at, in a town.
func (w *town) listened(kind string) bellhop.Endpoint {
	w.t.Helper()
	e := endpoint(w.t, w.nodes[0].Engine, bellhop.EndpointChange{
		Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("listen+http://localhost:3000/hook"), Dialect: bellhop.Of("raw"),
		Concurrency: bellhop.Of(1), Metadata: bellhop.Of(map[string]string{bellhop.MetaListen: kind}),
	})
	wait(time.Second)
	return e
}

// program listens at an endpoint by way of a node, and brings its answers to some nodes in
// turn; to that one, if none are given.
func (n *townNode) program(t *testing.T, e bellhop.EndpointID, session string, to ...*townNode) (events func() []bellhop.EventID, st *listen.Stream) {
	t.Helper()
	st, err := n.Listen(t.Context(), e, []string{"acme"}, session)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	if len(to) == 0 {
		to = []*townNode{n}
	}
	var mu sync.Mutex
	var got []bellhop.EventID
	go func() {
		for {
			select {
			case <-st.News():
			case <-st.Ended():
				return
			}
			for r := range st.Take() {
				mu.Lock()
				got = append(got, r.Event)
				by := to[len(got)%len(to)]
				mu.Unlock()
				if awaited, err := by.AnswerListened(context.Background(), e, session, r.ID, listen.Answer{Status: 204}); !awaited || err != nil {
					t.Errorf("an answer was awaited: %v, %v", awaited, err)
				}
			}
		}
	}()
	synctest.Wait()
	return func() []bellhop.EventID { mu.Lock(); defer mu.Unlock(); return slices.Sorted(slices.Values(got)) }, st
}

// TestWhoListensByWayOfAnyNodeGetsWhatWasPublishedAtAny, also where nodes cannot wake each
// other, and when it comes back by way of another node.
func TestWhoListensByWayOfAnyNodeGetsWhatWasPublishedAtAny(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		simulate(t, func(t *testing.T) {
			w := newTown(t, 0)
			w.deaf = deaf
			for range 3 {
				w.open()
			}
			app(t, w.nodes[0].Engine, "acme")
			wait(20 * time.Second)
			e := w.listened(bellhop.ListenKept)
			owner, other := w.owner(e.ID)
			var want []bellhop.EventID
			publish := func() {
				t.Helper()
				for _, n := range w.nodes {
					want = append(want, n.publish(t, `1`))
				}
				slices.Sort(want)
			}
			publish()
			// As behind a load balancer, the answers come to any node.
			events, st := other.program(t, e.ID, "a session of mine", w.nodes...)
			publish()
			wait(20 * time.Second)
			publish()
			wait(20 * time.Second)
			if got := events(); !slices.Equal(got, want) || !other.Owns(e.ID) {
				t.Fatalf("deaf: %v; it got %d of %d events; its node owns the endpoint: %v", deaf, len(got), len(want), other.Owns(e.ID))
			}
			state, err := owner.LaneState(t.Context(), e.ID)
			if err != nil || !strings.Contains(state.Held, "by way of the node "+other.Config().Name) {
				t.Errorf("another node says of it: %q, %v", state.Held, err)
			}

			// Whoever is sent to another node is told.
			_, err = owner.Listen(t.Context(), e.ID, []string{"acme"}, "a session of others")
			if bellhop.CodeOf(err) != bellhop.CodeUnavailable || !strings.Contains(err.Error(), other.Config().Name) {
				t.Errorf("to listen by way of another node as well: %v", err)
			}
			log, err := w.store.Attempts(t.Context(), bellhop.AttemptFilter{Scope: bellhop.Everything(), Limit: 100})
			if err != nil || len(log) != len(want) {
				t.Errorf("%d attempts for %d events, %v", len(log), len(want), err)
			}
			for _, a := range log {
				if a.Status != bellhop.AttemptSucceeded || a.Duration > bellhop.Duration(time.Second) {
					t.Errorf("an attempt: %+v", a)
				}
			}

			// An answer that somebody else gives, or that is none, is nobody's.
			if _, err := owner.AnswerListened(t.Context(), e.ID, "a session of others", "x", listen.Answer{Status: 204}); err != nil {
				t.Errorf("an answer by another session: %v", err)
			}
			_, err = owner.AnswerListened(t.Context(), e.ID, "a session of mine", "x", listen.Answer{})
			if bellhop.CodeOf(err) != bellhop.CodeInvalid {
				t.Errorf("an answer without a status: %v", err)
			}
			same := e.ID + 1
			for bellhop.BucketOf(same) != bellhop.BucketOf(e.ID) {
				same++
			}
			_, err = owner.Listen(t.Context(), same, []string{"acme"}, "a session of others")
			if bellhop.CodeOf(err) != bellhop.CodeConflict {
				t.Errorf("to listen at another endpoint of the same bucket by way of another node: %v", err)
			}

			st.Close()
			wait(20 * time.Second)
			want = want[:0]
			events, _ = owner.program(t, e.ID, "a session of mine")
			publish()
			wait(20 * time.Second)
			if got := events(); !slices.Equal(got, want) {
				t.Errorf("deaf: %v; by way of another node it got %d of %d events", deaf, len(got), len(want))
			}
			total := 0
			for _, n := range w.shares() {
				total += n
			}
			if s := w.shares(); total != bellhop.Buckets || s[0] < 85 {
				t.Errorf("the nodes own %v buckets", s)
			}
		})
	}
}

// TestOfTwoThatListenByWayOfTwoNodesAtOneBucketOneIsToldSo.
func TestOfTwoThatListenByWayOfTwoNodesAtOneBucketOneIsToldSo(t *testing.T) {
	simulate(t, func(t *testing.T) {
		w := newTown(t, 2)
		first := w.listened(bellhop.ListenKept)
		second := w.listened(bellhop.ListenKept)
		for bellhop.BucketOf(second.ID) != bellhop.BucketOf(first.ID) {
			second = w.listened(bellhop.ListenKept)
		}
		owner, other := w.owner(first.ID)
		// At the same time: neither node knows of the other's listener.
		at, err := owner.Listeners().Attach(first.ID, []string{"acme"}, "a session of mine")
		if err != nil {
			t.Fatal(err)
		}
		defer at.Close()
		late, err := other.Listeners().Attach(second.ID, []string{"acme"}, "a session of others")
		if err != nil {
			t.Fatal(err)
		}
		defer late.Close()
		wait(10 * time.Second)
		ended := func(st *listen.Stream) bool {
			select {
			case <-st.Ended():
				return true
			default:
				return false
			}
		}
		loser, e := other, second
		switch {
		case ended(at) == ended(late):
			t.Fatalf("ended: %v and %v; one would get nothing, the other must go on", ended(at), ended(late))
		case ended(at):
			loser, e = owner, first
		}
		if _, err = loser.Listen(t.Context(), e.ID, []string{"acme"}, "a session of mine"); bellhop.CodeOf(err) != bellhop.CodeConflict {
			t.Errorf("when it comes back: %v", err)
		}
	})
}

// TestNobodyDeletesWhatIsListenedAtByWayOfAnotherNode, and what was left goes an hour later.
func TestNobodyDeletesWhatIsListenedAtByWayOfAnotherNode(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		w := newTown(t, 3)
		var used []bellhop.Endpoint
		var streams []*listen.Stream
		for _, n := range w.nodes {
			e := w.listened(bellhop.ListenTemporary)
			_, st := n.program(t, e.ID, "a session of mine")
			used, streams = append(used, e), append(streams, st)
		}
		never := w.listened(bellhop.ListenTemporary)
		exists := func(e bellhop.Endpoint) bool { return w.nodes[0].Routes().Routes().Endpoint(e.ID) != nil }
		wait(3 * time.Hour)
		for i, e := range used {
			if !exists(e) {
				t.Errorf("what is listened at by way of node %d is gone", i+1)
			}
		}
		if exists(never) {
			t.Error("what was never listened at is there still")
		}
		for _, st := range streams {
			st.Close()
		}
		wait(50 * time.Minute)
		for i, e := range used {
			if !exists(e) {
				t.Errorf("what was left at node %d less than an hour ago is gone", i+1)
			}
		}
		wait(15 * time.Minute)
		for i, e := range used {
			if exists(e) {
				t.Errorf("what was left at node %d an hour ago is there still", i+1)
			}
		}
	})
}

func works(*listen.Request) listen.Answer { return listen.Answer{Status: 204} }

// TestWhileNobodyListens deliveries wait, without attempts, and go out in order.
func TestWhileNobodyListens(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		e := h.listened(nil)
		var want []bellhop.EventID
		for range 20 {
			want = append(want, h.publish(`1`))
			wait(time.Minute)
		}
		if n := len(h.attempts(bellhop.AttemptFilter{Endpoint: e.ID})); n != 0 {
			t.Fatalf("%d attempts while nobody listens", n)
		}
		requests, leave := h.program(e.ID, works)
		wait(time.Second)
		leave()
		want = append(want, h.publish(`1`), h.publish(`1`))
		wait(2 * 24 * time.Hour)
		if n := len(h.attempts(bellhop.AttemptFilter{Endpoint: e.ID})); n != 20 {
			t.Errorf("%d attempts, of 20 requests", n)
		}
		more, _ := h.program(e.ID, works)
		wait(time.Second)
		var got []bellhop.EventID
		for _, r := range append(*requests, *more...) {
			got = append(got, r.Event)
			if r.Number != 1 {
				t.Errorf("attempt %d of %s", r.Number, r.Event)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d requests, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("request %d is of another event", i)
			}
		}
	})
}

// TestAListenerThatStalls: what is too much for it waits without an attempt, and goes
// out once there is room.
func TestAListenerThatStalls(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.URL, c.Concurrency = bellhop.Of("listen+http://localhost:3000/hook"), bellhop.Of(64)
		})
		st, err := h.Listeners().Attach(e.ID, []string{"acme"}, "a session of mine")
		if err != nil {
			t.Fatal(err)
		}
		const events = 50
		for range events {
			h.publish(`"` + strings.Repeat("x", 250_000) + `"`)
		}
		wait(5 * time.Second)
		if n := len(h.attempts(bellhop.AttemptFilter{Endpoint: e.ID})); n != 0 {
			t.Errorf("%d attempts while it stalls", n)
		}
		if n := len(slices.Collect(st.Take())); n < 32 || n >= events {
			t.Errorf("%d requests are on their way", n)
		}
		requests, _ := h.program(e.ID, works)
		wait(5 * time.Second)
		if n := len(h.attempts(bellhop.AttemptFilter{Endpoint: e.ID})); n != events || len(*requests) != events {
			t.Errorf("%d attempts, %d requests", n, len(*requests))
		}
	})
}

// TestAListenerThatIsCutOff: the attempt that was under way is none, and has the same
// name when it comes again, so that the listener knows it.
func TestAListenerThatIsCutOff(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.listened(nil)
		st, err := h.Listeners().Attach(e.ID, []string{"acme"}, "a session of mine")
		if err != nil {
			t.Fatal(err)
		}
		h.publish(`1`)
		synctest.Wait()
		first := slices.Collect(st.Take())
		st.Close()
		wait(time.Hour)
		if n := len(h.attempts(bellhop.AttemptFilter{Endpoint: e.ID})); n != 0 || len(first) != 1 {
			t.Fatalf("%d attempts, %d requests", n, len(first))
		}
		again, _ := h.program(e.ID, works)
		wait(time.Second)
		if len(*again) != 1 || (*again)[0].ID != first[0].ID {
			t.Errorf("%v comes as %v", first, *again)
		}
	})
}

// TestAProgramThatIsDown: each delivery keeps to its schedule, whatever came of the
// others, and the endpoint stays.
func TestAProgramThatIsDown(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.listened(nil)
		down := func(*listen.Request) listen.Answer {
			return listen.Answer{Reason: safehttp.ReasonConnect, Detail: "start it"}
		}
		h.program(e.ID, down)
		for range 15 {
			h.publish(`1`)
		}
		wait(time.Second)
		attempts := h.attempts(bellhop.AttemptFilter{Endpoint: e.ID})
		state, err := h.LaneState(t.Context(), e.ID)
		if err != nil || len(attempts) != 15 || state.Circuit != "closed" || !state.FailingSince.IsZero() {
			t.Errorf("%d attempts, %+v, %v", len(attempts), state, err)
		}
		if a := attempts[0]; a.Reason != "connect" || a.Detail != "start it" || a.Status != bellhop.AttemptFailed || a.NextAt.IsZero() {
			t.Errorf("%+v", a)
		}
	})
}

// TestAbandonedEndpoints are deleted if they were made to be listened at for a while,
// and nobody does any more.
func TestAbandonedEndpoints(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		temporary := map[string]string{bellhop.MetaListen: bellhop.ListenTemporary}
		left, never, used, kept := h.listened(temporary), h.listened(temporary), h.listened(temporary), h.listened(map[string]string{bellhop.MetaListen: bellhop.ListenKept})
		other := h.endpoint("b.example", func(c *bellhop.EndpointChange) { c.Metadata = bellhop.Of(temporary) })
		_, leave := h.program(left.ID, works)
		h.program(used.ID, works)
		wait(30 * time.Minute)
		leave()
		exist := func(e bellhop.Endpoint, want bool) {
			t.Helper()
			if is := h.Routes().Routes().Endpoint(e.ID) != nil; is != want {
				t.Errorf("%s exists: %v", e.Name, is)
			}
		}
		wait(32 * time.Minute)
		exist(never, false)
		exist(left, true)
		event := h.publish(`1`)
		wait(30 * time.Minute)
		exist(left, false)
		exist(used, true)
		exist(kept, true)
		exist(other, true)
		ended := h.attempts(bellhop.AttemptFilter{Event: event, Endpoint: left.ID})
		if len(ended) != 1 || ended[0].Reason != bellhop.ReasonDeleted {
			t.Errorf("what waited for it: %+v", ended)
		}
	})
}
