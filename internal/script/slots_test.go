package script

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestWaitingEndsWithItsContext(t *testing.T) {
	s := newSlots(1)
	if err := s.take(t.Context(), turn{app: "a"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.take(ctx, turn{app: "a"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := s.take(ctx, turn{app: "b"}); !errors.Is(err, context.Canceled) || len(s.apps) != 1 {
		t.Error(err, s.apps)
	}
	s.give(turn{app: "a"}, 1)
	if err := s.take(t.Context(), turn{app: "b"}); err != nil {
		t.Error(err)
	}
}

// line lets runs wait, one after the other, and gives the order in which they go.
type line struct {
	*testing.T
	s     *slots
	order []string
}

func (l *line) join(name string, t turn, work int64) {
	go func() {
		_ = l.s.take(l.Context(), t)
		l.order = append(l.order, name)
		l.s.give(t, work)
	}()
	synctest.Wait()
}

// TestTurns checks who goes first of those who wait behind one that runs.
func TestTurns(t *testing.T) {
	for name, tt := range map[string]struct {
		join func(*line)
		want string
	}{
		"the app that has done the least": {func(l *line) {
			for _, app := range []string{"busy", "busy", "calm", "calm"} {
				l.join(app, turn{app: app}, map[string]int64{"busy": 100, "calm": 1}[app])
			}
		}, "calm calm busy busy"},
		"the endpoint of an app that has done the least": {func(l *line) {
			for range 500 {
				l.join("slow", turn{app: "busy"}, 100)
			}
			for range 3 {
				l.join("quick", turn{app: "busy", endpoint: 2}, 1)
			}
		}, "quick quick quick" + strings.Repeat(" slow", 500)},
		"people": {func(l *line) {
			for i := range 20 {
				l.join("event", turn{app: string(rune('a' + i))}, 100)
			}
			l.join("person", turn{app: "busy", people: true}, 100)
		}, "person" + strings.Repeat(" event", 20)},
		"not more people than deliveries, by work": {func(l *line) {
			for range 6 {
				l.join("person", turn{app: "other", people: true}, 50)
			}
			for range 3 {
				l.join("event", turn{app: "other"}, 100)
			}
		}, "person person person event person person event person event"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, first := &line{T: t, s: newSlots(1)}, turn{app: "busy"}
				_ = l.s.take(t.Context(), first)
				tt.join(l)
				l.s.give(first, 100)
				synctest.Wait()
				if got := strings.Join(l.order, " "); got != tt.want {
					t.Error(got)
				}
				if l.s.running != 0 || l.s.all.here != 0 || l.s.all.queued != 0 || len(l.s.all.within) != 0 || len(l.s.apps) != 0 {
					t.Errorf("something is left: %+v", l.s)
				}
			})
		})
	}
}

// TestNewcomers has always another endpoint waiting that was never there before: one that
// has done more waits its turn, not forever.
func TestNewcomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, first := &line{T: t, s: newSlots(1)}, turn{app: "acme", endpoint: -1}
		_ = l.s.take(t.Context(), first)
		l.join("old", first, 1)
		for i := range 100 {
			l.join("new", turn{app: "acme", endpoint: int64(i)}, 10)
		}
		go func() { // each that goes is followed by another
			for i := range 100 {
				now := turn{app: "acme", endpoint: int64(1000 + i)}
				_ = l.s.take(t.Context(), now)
				l.order = append(l.order, "late")
				l.s.give(now, 10)
			}
		}()
		synctest.Wait()
		l.s.give(first, 15)
		synctest.Wait()
		got := strings.Join(l.order, " ")
		if old, late := strings.Index(got, "old"), strings.Count(got[:max(strings.Index(got, "old"), 0)], "late"); old < 0 || late > 2 {
			t.Errorf("%d came later and went before: %s", late, got)
		}
	})
}

// TestFlood has 500 events wait for a slow script. Another endpoint of the app, a test
// and a check do not stand in line with them, and all of them end with their context.
func TestFlood(t *testing.T) {
	const slow = "function transform() { for (let i = 0; i < 250000; i++); return { body: '' } }"
	s := newSandbox(t, Options{Running: 2})
	ctx, stop := context.WithCancel(t.Context())
	var done, gone atomic.Int64
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			if _, _, err := s.Run(ctx, "acme", Script{Code: slow}, Event{Endpoint: 1, Data: concert.Data}, false); err == nil {
				done.Add(1)
			} else if errors.Is(err, context.Canceled) {
				gone.Add(1)
			}
		})
	}
	queued := func() int {
		s.slots.mu.Lock()
		defer s.slots.mu.Unlock()
		return s.slots.all.queued
	}
	for done.Load() == 0 || queued() < 400 {
		body(t, s, "neighbor", reshape, concert)
	}
	for name, do := range map[string]func() error{
		"an event of another endpoint": func() error {
			_, _, err := s.Run(ctx, "acme", Script{Code: reshape}, Event{Endpoint: 2, Data: concert.Data}, false)
			return err
		},
		"a test": func() error {
			_, _, err := s.Run(ForPeople(ctx), "acme", Script{Code: slow + "// changed"}, concert, true)
			return err
		},
		"a check": func() error { return s.Check(ctx, "acme", Script{Code: "function transform() { return { body: 1 } }"}) },
	} {
		before := done.Load()
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := done.Load() - before; n > 2 {
			t.Errorf("%d of the flood went before %s", n, name)
		}
	}
	stop()
	wg.Wait()
	t.Logf("%d were done, and %d gave up", done.Load(), gone.Load())
	if gone.Load() < 400 || s.slots.running != 0 || s.slots.all.here != 0 {
		t.Errorf("%d of the flood ended with their context, %d run, %d are there", gone.Load(), s.slots.running, s.slots.all.here)
	}
}
