package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/sqlite"
)

// TestLeasesAndVersionsNeverGoBack, whatever was deleted before a restart.
func TestLeasesAndVersionsNeverGoBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	epochs, versions := map[bellhop.NodeID]int64{}, [3]int64{}
	var last bellhop.Lease
	for range 4 {
		s := openAt(t, path, sqlite.Options{})
		if last.Node != 0 {
			if _, err := s.Renew(t.Context(), last, nil, time.Hour, now); !errors.Is(err, bellhop.ErrLeaseLost) {
				t.Errorf("Renew of the lease of an earlier process = %v, want ErrLeaseLost", err)
			}
		}
		for range 3 {
			l := join(t, s).Lease
			if l.Epoch <= epochs[l.Node] {
				t.Errorf("epoch %d of number %d came after %d", l.Epoch, l.Node, epochs[l.Node])
			}
			epochs[l.Node], last = l.Epoch, l
		}
		r, err := s.Routes(t.Context(), 0)
		must(t, err)
		c, err := s.Catalogue(t.Context(), 0)
		must(t, err)
		a, err := s.Access(t.Context(), 0)
		must(t, err)
		got := [3]int64{r.Version, c.Version, a.Version}
		if got != versions {
			t.Errorf("versions %v after %v", got, versions)
		}
		must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
		must(t, s.DeleteApp(t.Context(), "acme", nil))
		must(t, s.SaveEventType(t.Context(), bellhop.EventType{Name: "a"}, nil))
		must(t, s.DeleteEventType(t.Context(), "a", nil))
		must(t, s.SaveKey(t.Context(), bellhop.Key{ID: 7}, nil))
		must(t, s.DeleteKey(t.Context(), 7, nil))
		versions = [3]int64{got[0] + 2, got[1] + 2, got[2] + 2}
		must(t, s.Close())
	}
}

// TestWhatIsOwedSurvivesARestart: deliveries still to be made, those to be ended, a
// change of ordering, and what is captured of erased events.
func TestWhatIsOwedSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	src := newSource()
	var endpoints []bellhop.Endpoint
	for _, e := range id.Take[id.Endpoint](src.ids, 3, now) {
		endpoints = append(endpoints, bellhop.Endpoint{ID: e, Apps: []string{"acme"}, Status: bellhop.EndpointActive, Ordering: bellhop.OrderingNone, Revision: 1})
		must(t, s.SaveEndpoint(t.Context(), bellhop.Endpoint{ID: e, Apps: []string{"acme"}, Status: bellhop.EndpointActive, Ordering: bellhop.OrderingNone}, nil, now))
	}
	gone, reordered, other := endpoints[0], endpoints[1], endpoints[2]
	var many []bellhop.NewEvent
	for range 1300 {
		many = append(many, src.event(10, reordered.ID, 0))
	}
	enqueue(t, s, many...)
	erased, later := src.event(10, other.ID, join(t, s).Lease.Node), src.event(10, gone.ID, 0)
	later.Later = []bellhop.EndpointID{gone.ID, other.ID}
	enqueue(t, s, erased, later)
	must(t, s.DeleteEndpoint(t.Context(), gone.ID, nil, now))
	_, err := s.Erase(t.Context(), bellhop.EraseSelector{Event: erased.Event.ID}, nil, now)
	must(t, err)
	reordered.Ordering = bellhop.OrderingEndpoint
	must(t, s.SaveEndpoint(t.Context(), reordered, nil, now))
	must(t, s.Close())

	s = openAt(t, path, sqlite.Options{})
	l := join(t, s).Lease
	claim := func(e bellhop.EndpointID) bellhop.Claimed {
		t.Helper()
		c, err := sqlite.ClaimOf(t, s, bellhop.ClaimRequest{Lease: l, Endpoint: e, Limit: 10}, now)
		must(t, err)
		return c
	}
	if c := claim(reordered.ID); len(c.Work) > 0 || !c.Next.Equal(now) {
		t.Errorf("claimed %d while the change of ordering is under way, next %v", len(c.Work), c.Next)
	}
	if c := claim(reordered.ID); len(c.Work) != 1 {
		t.Errorf("claimed %d of an order", len(c.Work))
	}
	if c := claim(other.ID); len(c.Work) != 0 {
		t.Errorf("an erased event was claimed")
	}
	n, err := s.Sweep(t.Context(), id.Take[id.Attempt](src.ids, 10, now), now)
	if err != nil || n != 2 {
		t.Errorf("swept %d, %v; want 2", n, err)
	}
	got, err := s.Spread(t.Context(), l, id.Take[id.Delivery](src.ids, 10, now), now)
	if err != nil || len(got) != 2 {
		t.Errorf("spread to %v, %v", got, err)
	}
	if n, err = s.Sweep(t.Context(), id.Take[id.Attempt](src.ids, 10, now), now); err != nil || n != 1 {
		t.Errorf("swept %d, %v; want 1", n, err)
	}
	if c := claim(other.ID); len(c.Work) != 1 {
		t.Errorf("claimed %d", len(c.Work))
	}
}

// TestLooksThatFindNothingCommitNothing: they are asked for every few seconds.
func TestLooksThatFindNothingCommitNothing(t *testing.T) {
	commits := 0
	s := open(t, sqlite.Options{OnCommit: func(int, time.Duration) { commits++ }})
	l := join(t, s).Lease
	src := newSource()
	enqueue(t, s, src.event(10, 1, 0))
	before := commits
	for range 3 {
		n, err := s.TakeOver(t.Context(), now)
		must(t, err)
		swept, err := s.Sweep(t.Context(), id.Take[id.Attempt](src.ids, 10, now), now)
		must(t, err)
		spread, err := s.Spread(t.Context(), l, id.Take[id.Delivery](src.ids, 10, now), now)
		must(t, err)
		_, err = s.Overdue(t.Context(), nil, now)
		must(t, err)
		if len(n) != 0 || swept != 0 || len(spread) != 0 {
			t.Errorf("found %v, %d and %v", n, swept, spread)
		}
	}
	if commits != before {
		t.Errorf("%d commits", commits-before)
	}
}

// TestARestartLetsTheFirstOfAnOrderGo, which waited for one that was under way.
func TestARestartLetsTheFirstOfAnOrderGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	src := newSource()
	e := bellhop.Endpoint{ID: id.Next[id.Endpoint](src.ids, now), Apps: []string{"acme"}, Status: bellhop.EndpointActive, Ordering: bellhop.OrderingEndpoint}
	must(t, s.SaveEndpoint(t.Context(), e, nil, now))
	var list []bellhop.NewEvent
	for range 2 {
		n := src.event(10, e.ID, 0)
		n.Deliveries[0].OrderKey, n.Deliveries[0].OrderPos = "*", n.Deliveries[0].ID
		list = append(list, n)
	}
	first, second := list[0], list[1]
	l := join(t, s).Lease
	claim := func() []bellhop.Work {
		t.Helper()
		c, err := sqlite.ClaimOf(t, s, bellhop.ClaimRequest{Lease: l, Endpoint: e.ID, Limit: 10}, now)
		must(t, err)
		return c.Work
	}
	for _, n := range []bellhop.NewEvent{second, first} {
		r, err := s.Routes(t.Context(), 0)
		must(t, err)
		_, err = s.Enqueue(t.Context(), l, r.Version, []bellhop.NewEvent{n}, now)
		must(t, err)
		claim()
	}
	if d, err := s.Delivery(t.Context(), first.Deliveries[0].ID); err != nil || !d.Due.IsZero() {
		t.Fatalf("the first is %+v, %v; want it to wait", d, err)
	}
	must(t, s.Close())
	s = openAt(t, path, sqlite.Options{})
	due, err := s.Overdue(t.Context(), nil, now.Add(time.Microsecond))
	must(t, err)
	if len(due) != 1 {
		t.Errorf("overdue after the restart: %v", due)
	}
	l = join(t, s).Lease
	if work := claim(); len(work) != 1 || work[0].Delivery.ID != first.Deliveries[0].ID {
		t.Errorf("claimed %+v, want the first", work)
	}
}

// TestCountsAfterARestart: what waits is counted as before, and steps that failed in a
// transaction that others shared have not counted.
func TestCountsAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	src := newSource()
	endpoint := bellhop.Endpoint{ID: 7, Apps: []string{"acme"}, URL: "https://example.com", Status: bellhop.EndpointPaused}
	must(t, s.SaveEndpoint(t.Context(), endpoint, nil, now))
	owner := join(t, s).Lease.Node
	var events []bellhop.NewEvent
	for range 20 {
		events = append(events, src.event(10, 7, owner))
	}
	enqueue(t, s, events...)
	again := func(s *sqlite.Store, most int64) bellhop.Redelivered {
		t.Helper()
		var list []bellhop.Delivery
		for i := range events[:8] {
			d := events[i].Deliveries[0]
			d.ID, d.Trigger, d.Owner = id.Next[id.Delivery](src.ids, now), bellhop.TriggerReplay, 0
			d.Event = events[i].Event.ID
			list = append(list, d)
		}
		done, err := s.Redeliver(t.Context(), lease(t, s), bellhop.Redelivery{Deliveries: list, Bounds: bellhop.BacklogBounds{Endpoint: most}}, now)
		must(t, err)
		return done
	}
	if done := again(s, 100); done.Added != 8 {
		t.Fatalf("%+v", done)
	}
	attempt := src.attempt(&events[0])
	must(t, s.Record(t.Context(), lease(t, s), []bellhop.Result{{Attempt: attempt, Lease: lease(t, s)}}, now))
	// An id twice breaks a rule of the database: the step fails, alone or not.
	r, err := s.Routes(t.Context(), 0)
	must(t, err)
	twice := src.event(10, 7, 0)
	twice.Event.ID = events[1].Event.ID
	if _, err := s.Enqueue(t.Context(), lease(t, s), r.Version, []bellhop.NewEvent{src.event(10, 7, 0), twice}, now); err == nil {
		t.Fatal("an id was stored twice")
	}
	check := func(what string, s *sqlite.Store) {
		t.Helper()
		if n, _, err := s.Pending(t.Context(), bellhop.Only("acme"), 7); err != nil || n != 27 {
			t.Errorf("%s: %d wait, %v; want 27", what, n, err)
		}
	}
	check("before", s)
	must(t, s.Close())
	s = openAt(t, path, sqlite.Options{})
	join(t, s)
	check("after", s)
	if done := again(s, 8); done.Full != bellhop.FullEndpoint || done.Added != 0 {
		t.Errorf("beyond the bound: %+v", done)
	}
	check("refused", s)
	if done := again(s, 9); done.Full != bellhop.FullEndpoint || done.Added != 1 {
		t.Errorf("to the bound: %+v", done)
	}
	must(t, s.Close())
}
