package postgres_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
)

// ear is somebody who listens.
type ear struct {
	mu    sync.Mutex
	heard []bellhop.Wakeup
	ended chan error
}

func listen(t testing.TB, s *postgres.Store) *ear {
	e := &ear{ended: make(chan error, 1)}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	done.Go(func() {
		e.ended <- s.Wakeups(ctx, func(w bellhop.Wakeup) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.heard = append(e.heard, w)
		})
	})
	t.Cleanup(func() {
		stop()
		done.Wait()
	})
	return e
}

// all waits until something was heard for which ok, and gives everything.
func (e *ear) all(t testing.TB, what string, ok func(bellhop.Wakeup) bool) []bellhop.Wakeup {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		e.mu.Lock()
		heard := slices.Clone(e.heard)
		e.mu.Unlock()
		if slices.ContainsFunc(heard, ok) {
			return heard
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was not heard, but %+v", what, heard)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// up waits until the ear is listening: then it is told of everything that may have been.
func (e *ear) up(t testing.TB) {
	t.Helper()
	e.all(t, "the beginning", func(w bellhop.Wakeup) bool { return w.Routes && w.Catalogue && w.Access && w.Nodes })
}

func has(buckets ...bellhop.Bucket) func(bellhop.Wakeup) bool {
	return func(w bellhop.Wakeup) bool {
		return !slices.ContainsFunc(buckets, func(b bellhop.Bucket) bool { return !slices.Contains(w.Buckets, b) })
	}
}

func TestNodesWakeEachOther(t *testing.T) {
	url := database(t)
	a, b := openAt(t, url, postgres.Options{}), openAt(t, url, postgres.Options{})
	atA, atB := listen(t, a), listen(t, b)
	atA.up(t)
	atB.up(t)
	a.Wake(bellhop.Wakeup{Access: true, Buckets: []bellhop.Bucket{0, 7, 255}})
	atB.all(t, "what a told", func(w bellhop.Wakeup) bool { return w.Access && !w.Routes && has(0, 7, 255)(w) && len(w.Buckets) == 3 })
	b.Wake(bellhop.Wakeup{Outbox: true})
	atA.all(t, "what b told", func(w bellhop.Wakeup) bool { return w.Outbox && !w.Access })
	atA.mu.Lock()
	if slices.ContainsFunc(atA.heard[1:], func(w bellhop.Wakeup) bool { return w.Access }) {
		t.Error("a has heard itself")
	}
	atA.mu.Unlock()

	b.Wake(bellhop.Wakeup{Hastened: true})
	atA.all(t, "that b hastened something", func(w bellhop.Wakeup) bool { return w.Hastened && !w.Routes })

	// Many at once are few notifications.
	for i := range 1000 {
		a.Wake(bellhop.Wakeup{Buckets: []bellhop.Bucket{bellhop.Bucket(i)}})
	}
	a.Wake(bellhop.Wakeup{Erased: true})
	heard := atB.all(t, "the last of many", func(w bellhop.Wakeup) bool { return w.Erased && !w.Routes })
	if len(heard) > 100 {
		t.Errorf("1001 calls were %d notifications", len(heard))
	}
}

func TestAListenerComesBack(t *testing.T) {
	url := database(t)
	a, b := openAt(t, url, postgres.Options{}), openAt(t, url, postgres.Options{})
	atB := listen(t, b)
	atB.up(t)
	run(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	atB.mu.Lock()
	atB.heard = nil
	atB.mu.Unlock()
	atB.up(t) // told of everything that it may have missed
	a.Wake(bellhop.Wakeup{Buckets: []bellhop.Bucket{3}})
	b.Wake(bellhop.Wakeup{Buckets: []bellhop.Bucket{4}})
	// The first may be lost with the speaker's connection; a poll would find it.
	for range 100 {
		a.Wake(bellhop.Wakeup{Buckets: []bellhop.Bucket{3}})
		time.Sleep(time.Millisecond)
	}
	atB.all(t, "what was told afterwards", has(3))
}

func TestBehindAPoolOfTransactionsNobodyIsWoken(t *testing.T) {
	t.Parallel()
	url := database(t)
	through := testpostgres.Bouncer(t, url)
	s := openAt(t, through, postgres.Options{})
	e := listen(t, s)
	select {
	case err := <-e.ended:
		if err == nil || !strings.Contains(err.Error(), "--database-direct") {
			t.Errorf("it says %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it listens where nothing arrives")
	}
	// With a way around it, through which nothing but waking goes, all is well.
	direct := openAt(t, through, postgres.Options{Direct: url})
	at := listen(t, direct)
	at.up(t)
	s.Wake(bellhop.Wakeup{Buckets: []bellhop.Bucket{9}})
	at.all(t, "what was told through the pool", has(9))
}

func TestPlainDoesWithoutNotifications(t *testing.T) {
	url := database(t)
	s := openAt(t, url, postgres.Options{Plain: true})
	s.Wake(bellhop.Wakeup{Routes: true})
	if err := s.Wakeups(t.Context(), func(bellhop.Wakeup) {}); err == nil {
		t.Error("it listens")
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	var n int
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~* 'listen|notify' AND pid <> pg_backend_pid()").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d sessions notify or listen: %v", n, err)
	}
}

// TestNobodyWaitsForNotifications: many nodes that wake each other all the time never have a
// transaction wait for the lock of notifications, under which it would wait for the disk.
func TestNobodyWaitsForNotifications(t *testing.T) {
	url := database(t)
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	var all sync.WaitGroup
	for range 4 {
		s := openAt(t, url, postgres.Options{})
		all.Go(func() {
			for ctx.Err() == nil {
				s.Wake(bellhop.Wakeup{Nodes: true})
				time.Sleep(time.Millisecond)
			}
		})
	}
	defer all.Wait()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	looks, waiting := 0, 0
	for ctx.Err() == nil {
		var n int
		if err := c.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'object'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		looks, waiting = looks+1, waiting+n
	}
	if looks < 100 || waiting > looks/50 {
		t.Errorf("in %d looks, %d sessions waited for the lock of notifications", looks, waiting)
	}
	t.Logf("%d looks, %d waiting", looks, waiting)
}
