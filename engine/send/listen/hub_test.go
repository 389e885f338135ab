package listen

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/safehttp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	mine   = "a session of mine"
	theirs = "a session of theirs"
)

func newTestHub() *Hub { return NewHub(time.Now, func(bellhop.EndpointID) {}) }

func (h *Hub) attach(t *testing.T, e bellhop.EndpointID, session string) *Stream {
	t.Helper()
	st, err := h.Attach(e, []string{"acme"}, session)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// result is how an exchange went.
type result struct {
	answer Answer
	end    End
	took   time.Duration
}

// send begins an exchange and waits until it is on its way, or over.
func (h *Hub) send(ctx context.Context, e bellhop.EndpointID, id string) <-chan result {
	done := make(chan result, 1)
	began := time.Now()
	go func() {
		a, end := h.Exchange(ctx, e, &Request{ID: id, Timeout: 15 * time.Second})
		done <- result{a, end, time.Since(began)}
	}()
	synctest.Wait()
	return done
}

// taken are the names of what a listener takes.
func taken(st *Stream) string {
	var ids []string
	for r := range st.Take() {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, " ")
}

func (h *Hub) answer(t *testing.T, e bellhop.EndpointID, session, id string) {
	t.Helper()
	if awaited, err := h.Answer(e, session, id, Answer{Status: 200}); !awaited || err != nil {
		t.Errorf("answer to %s: awaited %v, %v", id, awaited, err)
	}
}

func TestRequestsAndAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub()
		st := h.attach(t, 1, mine)
		a, b := h.send(t.Context(), 1, "a"), h.send(t.Context(), 1, "b")
		<-st.News()
		if got := taken(st); got != "a b" {
			t.Errorf("taken: %s", got)
		}
		if got := taken(st); got != "" {
			t.Errorf("taken twice: %s", got)
		}
		h.answer(t, 1, mine, "b")
		h.answer(t, 1, mine, "a")
		for _, r := range []result{<-a, <-b} {
			if r.end != Answered || r.answer.Status != 200 {
				t.Errorf("%+v", r)
			}
		}
		if awaited, err := h.Answer(1, mine, "a", Answer{Status: 200}); awaited || err != nil {
			t.Errorf("the same again: awaited %v, %v", awaited, err)
		}
		if _, err := h.Answer(1, theirs, "a", Answer{Status: 200}); bellhop.CodeOf(err) != bellhop.CodeConflict {
			t.Errorf("of another session: %v", err)
		}
		if awaited, err := h.Answer(2, mine, "a", Answer{Status: 200}); awaited || err != nil {
			t.Errorf("at an endpoint without a listener: awaited %v, %v", awaited, err)
		}
	})
}

// TestAConnectionThatBreaks: who comes back at once is given again what was not
// answered, and who stays away costs nothing: the exchanges end as if never begun.
func TestAConnectionThatBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub()
		first := h.attach(t, 1, mine)
		a, b := h.send(t.Context(), 1, "a"), h.send(t.Context(), 1, "b")
		taken(first)
		first.Close()
		if h.Listening(1) || h.AwaySince(1) != time.Now() {
			t.Error("it is still listened at")
		}
		time.Sleep(grace - time.Millisecond)
		second := h.attach(t, 1, mine)
		<-second.News()
		if got := taken(second); got != "a b" {
			t.Errorf("given again: %s", got)
		}
		h.answer(t, 1, mine, "a")
		if r := <-a; r.end != Answered {
			t.Errorf("%+v", r)
		}
		second.Close()
		if r := <-b; r.end != Away || r.took != 2*grace-time.Millisecond {
			t.Errorf("%+v", r)
		}
		if r := <-h.send(t.Context(), 1, "c"); r.end != Away || r.took != 0 {
			t.Errorf("while nobody listens: %+v", r)
		}
		if third := h.attach(t, 1, mine); len(third.News()) != 0 || taken(third) != "" {
			t.Error("what has ended is given again")
		}
	})
}

func TestOneListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moved atomic.Int64
		h := NewHub(time.Now, func(bellhop.EndpointID) { moved.Add(1) })
		first := h.attach(t, 1, mine)
		if _, err := h.Attach(1, []string{"acme"}, theirs); bellhop.CodeOf(err) != bellhop.CodeConflict {
			t.Errorf("another session: %v", err)
		}
		second := h.attach(t, 1, mine) // its first connection is broken, and nobody has noticed
		<-first.Ended()
		first.Close()
		if !h.Listening(1) || !h.AwaySince(1).IsZero() {
			t.Error("the end of the first connection ended the second one")
		}
		second.Close()
		h.attach(t, 1, theirs)
		synctest.Wait()
		if moved.Load() != 5 {
			t.Errorf("it was told of %d changes", moved.Load())
		}
	})
}

func TestTimeRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub()
		st := h.attach(t, 1, mine)
		if r := <-h.send(t.Context(), 1, "a"); r.end != Late || r.took != 17*time.Second {
			t.Errorf("%+v", r)
		}
		ctx, cancel := context.WithCancel(t.Context())
		b := h.send(ctx, 1, "b")
		cancel()
		if r := <-b; r.end != Canceled {
			t.Errorf("%+v", r)
		}
		// What has ended is not handed out afterwards.
		if got := taken(st); got != "" {
			t.Errorf("taken: %s", got)
		}
	})
}

func TestListenersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub()
		var streams []*Stream
		for e := range bellhop.EndpointID(maxPerApp) {
			streams = append(streams, h.attach(t, e+1, mine))
		}
		if _, err := h.Attach(100, []string{"globex", "acme"}, mine); bellhop.CodeOf(err) != bellhop.CodeTooMany {
			t.Errorf("one too many of an app: %v", err)
		}
		if _, err := h.Attach(1, []string{"acme"}, mine); err != nil {
			t.Errorf("one that comes back: %v", err)
		}
		streams[1].Close()
		h.attach(t, 100, mine)
		for i := range maxListeners - maxPerApp {
			if _, err := h.Attach(bellhop.EndpointID(1000+i), []string{fmt.Sprint("app", i)}, mine); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.Attach(5000, []string{"globex"}, mine); bellhop.CodeOf(err) != bellhop.CodeTooMany {
			t.Errorf("one too many in all: %v", err)
		}
		h.Keep(func(e bellhop.EndpointID) bool { return e < 1000 })
		if len(h.lines) != maxPerApp+1 || h.listeners != maxPerApp {
			t.Errorf("%d lines and %d listeners are left", len(h.lines), h.listeners)
		}
	})
}

// TestAListenerThatStalls holds up so many requests, and those of its endpoint alone.
func TestAListenerThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub()
		h.attach(t, 1, mine)
		other := h.attach(t, 2, mine)
		for i := range maxWaiting {
			h.send(t.Context(), 1, fmt.Sprint(i))
		}
		if r := <-h.send(t.Context(), 1, "one too many"); r.end != Full || r.took != 0 {
			t.Errorf("%+v", r)
		}
		b := h.send(t.Context(), 2, "b")
		taken(other)
		h.answer(t, 2, mine, "b")
		if r := <-b; r.end != Answered {
			t.Errorf("another endpoint's: %+v", r)
		}
		time.Sleep(time.Minute)
	})
}

// TestBytesOnTheirWay are bounded: of a listener, of an app and in all. Beyond that, one
// request at a time is on its way to each, and what has ended makes room.
func TestBytesOnTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub()
		ctx, stop := context.WithCancel(t.Context())
		big := func(e bellhop.EndpointID, app string) <-chan result {
			if h.lines[e] == nil {
				if _, err := h.Attach(e, []string{app}, mine); err != nil {
					t.Fatal(err)
				}
			}
			done := make(chan result, 1)
			go func() {
				_, end := h.Exchange(ctx, e, &Request{ID: "a", App: app, Body: large, Timeout: 15 * time.Second})
				done <- result{end: end}
			}()
			synctest.Wait()
			return done
		}
		fill := func(e bellhop.EndpointID, app string) (n int) {
			for ; ; n++ {
				select {
				case r := <-big(e, app):
					if r.end != Full {
						t.Fatalf("%+v", r)
					}
					return n
				default:
				}
			}
		}
		if n := fill(1, "evil"); n != maxBytes/len(large)-1 {
			t.Errorf("%d are on their way to one listener", n)
		}
		for e := range bellhop.EndpointID(5) {
			fill(2+e, "evil")
		}
		if n := fill(9, "evil"); n != 1 || h.bytes["evil"] < maxBytesPerApp || h.bytes["evil"] > maxBytesPerApp+3*(len(large)+requestOverhead) {
			t.Errorf("%d are on their way to the last listener of an app, whose requests take %d bytes", n, h.bytes["evil"])
		}
		if n := fill(10, "good"); n != maxBytes/len(large)-1 {
			t.Errorf("%d are on their way to another app's", n)
		}
		for e := range bellhop.EndpointID(12) {
			fill(20+e, fmt.Sprint("app", e))
		}
		if n := fill(50, "late"); n != 1 || h.allBytes > maxBytesInAll+4*(len(large)+requestOverhead) {
			t.Errorf("%d are on their way to the last listener, and take %d bytes in all", n, h.allBytes)
		}
		stop()
		synctest.Wait()
		if h.allBytes != 0 || len(h.bytes) != 0 || h.lines[1].bytes != 0 {
			t.Errorf("nothing is on its way, and takes %d bytes, %v", h.allBytes, h.bytes)
		}
		ctx = t.Context()
		again := big(1, "evil")
		h.answer(t, 1, mine, "a")
		if r := <-again; r.end != Answered || h.allBytes != 0 {
			t.Errorf("%+v, and %d bytes are taken", r, h.allBytes)
		}
	})
}

// large is a body that a few requests share.
var large = make([]byte, 1<<20)

func TestAnswersAreChecked(t *testing.T) {
	long := map[string][]string{"X": {strings.Repeat("x", maxHeader)}}
	for name, tt := range map[string]struct {
		answer Answer
		field  string
	}{
		"nothing":          {Answer{}, "status"},
		"no status":        {Answer{Status: 1000}, "status"},
		"long headers":     {Answer{Status: 200, Header: long}, "headers"},
		"a reason of ours": {Answer{Reason: safehttp.ReasonResources}, "reason"},
		"any word":         {Answer{Reason: "because"}, "reason"},
	} {
		err := tt.answer.Check()
		e, ok := err.(*bellhop.Error)
		if !ok || len(e.Fields) != 1 || e.Fields[0].Field != tt.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := tidy("a\nb\x1b[31m" + strings.Repeat("ä", 400)); len([]rune(got)) != maxDetail+1 || strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("%q", got)
	}
}

func TestURLs(t *testing.T) {
	for _, raw := range []string{"listen+http://localhost:3000/hook", "listen+https://127.0.0.1/", "listen+http://[::1]:3000/a?b=c"} {
		if err := CheckURL(raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for _, raw := range []string{
		"", "listen+", "listen+/hook", "listen+ftp://localhost/", "listen+http:", "listen+http:localhost", "http://localhost:3000/", "listen+listen+http://localhost/",
		"listen+http://me:secret@localhost/", "listen+http://localhost/#a", "listen+http://localhost/#", "listen+http://localhost/a b", "listen+http://localhost/\x7f",
		"listen+http://localhost/" + strings.Repeat("a", 2048), "LISTEN+http://localhost/",
	} {
		if CheckURL(raw) == nil {
			t.Errorf("%s is taken", raw)
		}
	}
}
