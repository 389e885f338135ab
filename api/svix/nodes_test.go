package svix

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// pair starts two nodes of one database, with one admin's key.
func pair(t *testing.T) (a, b *site) {
	t.Helper()
	database := testpostgres.Database(t)
	for _, s := range []**site{&a, &b} {
		*s = &site{t: t, net: &receiver{}, database: database}
		(*s).start()
		t.Cleanup((*s).end)
	}
	a.admin = a.key(bellhop.RoleAdmin)
	b.admin = a.admin
	b.eventually("the other node knows the key", func() bool { return b.ask(b.admin, "GET", "/app", "").status == 200 })
	return a, b
}

// A request that is repeated at another node is answered as the first time, at once or
// afterwards, and also once both have been started anew.
func TestARepeatAtAnotherNode(t *testing.T) {
	a, b := pair(t)
	for i := range 10 {
		body, key := fmt.Sprintf(`{"name":"One","uid":"one-%d"}`, i), fmt.Sprintf("%s: %d", keyHeader, i)
		var got [2]reply
		var all sync.WaitGroup
		for n, s := range []*site{a, b} {
			all.Go(func() { got[n] = s.ask(s.admin, "POST", "/app", body, key) })
		}
		all.Wait()
		if got[0].status != 201 || string(got[0].body) != string(got[1].body) {
			t.Fatalf("at once: %s and %s", got[0], got[1])
		}
	}
	first := a.do(201, "POST", "/app", `{"name":"Another"}`, keyHeader+": app")
	app := first.text("id")
	door := a.do(201, "POST", "/app/"+app+"/endpoint", `{"url":"https://example.com/in"}`, keyHeader+": door")
	link := a.do(200, "POST", "/auth/app-portal-access/"+app, `{}`, keyHeader+": link")
	kind := a.do(201, "POST", "/event-type", `{"name":"a.b","description":"x"}`, keyHeader+": type")
	const message = `{"eventType":"a.b","payload":{},"eventId":"e-1"}`
	sent := a.do(202, "POST", "/app/"+app+"/msg", message, keyHeader+": sent")
	again := func(s *site) {
		t.Helper()
		if r := s.do(201, "POST", "/app", `{"name":"Another"}`, keyHeader+": app"); string(r.body) != string(first.body) {
			t.Errorf("the app: %s, want %s", r, first)
		}
		if r := s.do(201, "POST", "/app/"+app+"/endpoint", `{"url":"https://example.com/in"}`, keyHeader+": door"); string(r.body) != string(door.body) {
			t.Errorf("the endpoint: %s, want %s", r, door)
		}
		if r := s.do(200, "POST", "/auth/app-portal-access/"+app, `{}`, keyHeader+": link"); string(r.body) != string(link.body) {
			t.Errorf("the link: %s, want %s", r, link)
		}
		if r := s.do(201, "POST", "/event-type", `{"name":"a.b","description":"x"}`, keyHeader+": type"); string(r.body) != string(kind.body) {
			t.Errorf("the event type: %s, want %s", r, kind)
		}
		if r := s.do(202, "POST", "/app/"+app+"/msg", message, keyHeader+": sent"); r.text("id") != sent.text("id") {
			t.Errorf("the message: %s, want %s", r, sent)
		}
		s.do(409, "POST", "/app/"+app+"/msg", message, keyHeader+": other")
		s.do(409, "POST", "/event-type", `{"name":"a.b","description":"x"}`, keyHeader+": other")
	}
	again(b)
	a.end()
	b.end()
	if dump := testpostgres.Dump(t, a.database, "bellhop"); len(dump) == 0 || bytes.Contains(dump, []byte(link.text("token"))) {
		t.Error("a token can be read in the database")
	}
	a.start()
	t.Cleanup(a.end)
	again(a)
}

// A process that was killed while it did a request keeps others waiting for a while, and no
// longer.
func TestARequestWhoseProcessDied(t *testing.T) {
	s := open(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/app", nil)
	r.Header.Set("Authorization", "Bearer "+s.admin)
	r.Header.Set(keyHeader, "died")
	r.Pattern = "POST /api/v1/app"
	place, _ := s.api.place(r)
	if _, free, err := s.store.ClaimReply(t.Context(), hashOf(r, place), "the dead", 500*time.Millisecond, time.Now()); err != nil || !free {
		t.Fatal(free, err)
	}
	begun := time.Now()
	s.do(201, "POST", "/app", `{"name":"One"}`, keyHeader+": died")
	if took := time.Since(begun); took < 300*time.Millisecond {
		t.Errorf("the request is done after %s, while it may be under way", took)
	}
}

// Those who wait in vain for another process are told so, and nothing is said of the store.
func TestWaitingInVain(t *testing.T) {
	var log bytes.Buffer
	s := &site{t: t, net: &receiver{}, database: testpostgres.Database(t)}
	s.start(setup{config: func(c *engine.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }})
	t.Cleanup(func() { s.end() })
	s.admin = s.key(bellhop.RoleAdmin)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/app", nil)
	r.Header.Set("Authorization", "Bearer "+s.admin)
	r.Header.Set(keyHeader, "died")
	r.Pattern = "POST /api/v1/app"
	place, _ := s.api.place(r)
	if _, free, err := s.store.ClaimReply(t.Context(), hashOf(r, place), "the dead", time.Minute, time.Now()); err != nil || !free {
		t.Fatal(free, err)
	}
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			if r := s.ask(s.admin, "POST", "/app", `{"name":"One"}`, keyHeader+": died"); r.status != 409 {
				t.Error(r)
			}
			if err := s.desk.Ready(); err != nil {
				t.Error("not ready:", err)
			}
		})
	}
	all.Wait()
	s.end()
	if strings.Contains(log.String(), "the store is away") {
		t.Error(log.String())
	}
}

// Of those who make one event type at once, at several nodes, one makes it.
func TestOneMakesAnEventType(t *testing.T) {
	a, b := pair(t)
	for i := range 10 {
		var mu sync.Mutex
		got := map[int]int{}
		var all sync.WaitGroup
		for n := range 6 {
			s := []*site{a, b}[n%2]
			all.Go(func() {
				status := s.ask(s.admin, "POST", "/event-type", fmt.Sprintf(`{"name":"t.n%d","description":"by %d"}`, i, n)).status
				mu.Lock()
				defer mu.Unlock()
				got[status]++
			})
		}
		all.Wait()
		if got[201] != 1 || got[409] != 5 {
			t.Fatalf("they were answered %v", got)
		}
	}
}
