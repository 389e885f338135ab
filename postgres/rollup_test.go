package postgres

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/internal/timeslice"
)

var rollStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// twoStores are two nodes' stores of one database.
func twoStores(t *testing.T) (a, b *Store) {
	t.Helper()
	url := testpostgres.Database(t)
	for _, s := range []**Store{&a, &b} {
		var err error
		if *s, err = Open(t.Context(), url, Options{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := (*s).Close(); err != nil {
				t.Error(err)
			}
		})
		if err := (*s).haveDays(t.Context(), []int64{rollStart.Unix() / (24 * 60 * 60)}); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

// logged is an attempt that began a while after rollStart.
func logged(ids *id.Generator, after time.Duration) bellhop.Result {
	at := rollStart.Add(after)
	return bellhop.Result{Attempt: bellhop.Attempt{
		Delivery: bellhop.DeliveryID(id.First[id.Delivery](at.Add(-time.Second))),
		ID:       id.Next[id.Attempt](ids, at), Endpoint: bellhop.EndpointID(1 + int64(after/time.Minute)%3), App: "acme", Type: "a.b",
		Status: bellhop.AttemptSucceeded, Final: true, Duration: bellhop.Duration(time.Second),
	}}
}

func logAll(t testing.TB, s *Store, results ...bellhop.Result) {
	t.Helper()
	if err := s.write(t.Context(), happened, "log", func(t *txn) error { return t.addAttempts(results) }); err != nil {
		t.Error(err)
	}
}

// underWay logs attempts in a transaction that is open until commit is called.
func underWay(t *testing.T, s *Store, results ...bellhop.Result) (commit func()) {
	t.Helper()
	done, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.write(context.WithoutCancel(t.Context()), happened, "log", func(t *txn) error {
			err := t.addAttempts(results)
			close(done)
			<-end
			return err
		}); err != nil {
			t.Error(err)
		}
	}()
	<-done
	return sync.OnceFunc(func() { close(end); <-ended })
}

func succeededIn(t *testing.T, s *Store, want int64) {
	t.Helper()
	for _, f := range []bellhop.StatsFilter{
		{Scope: anyApp, Bucket: time.Hour},
		{Scope: anyApp, Bucket: time.Hour, Type: "a.*"},
		{Scope: bellhop.Only("acme"), Bucket: 24 * time.Hour},
	} {
		stats, err := s.Stats(t.Context(), f)
		if err != nil || stats.Total.Succeeded != want {
			t.Errorf("%d succeeded, %v; want %d", stats.Total.Succeeded, err, want)
		}
	}
}

func rollUpAll(t *testing.T, s *Store, until time.Time) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = s.RollUp(t.Context(), until); err != nil {
			t.Fatal(err)
		}
	}
}

func number(t *testing.T, s *Store, sql string) (n int64) {
	t.Helper()
	if err := s.read(t.Context(), "count rows", func(q *reading) error {
		_, err := q.one(into(&n), sql)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

const (
	rolledUp  = "SELECT coalesce(sum(succeeded), 0)::bigint FROM bellhop.rollups WHERE endpoint = 0 AND width = 300000 /* all apps */"
	notedLate = "SELECT count(*) FROM bellhop.late_attempts /* all apps */"
)

// TestARollUpWaitsForWhoMayNotKnowOfIt: an attempt that another node has logged before the
// roll-up was announced, and commits after the slices are read, must not be lost.
func TestARollUpWaitsForWhoMayNotKnowOfIt(t *testing.T) {
	a, b := twoStores(t)
	until := rollStart.Add(time.Hour)
	logAll(t, a, logged(id.NewGenerator(1, 0), time.Minute))
	commit := underWay(t, a, logged(id.NewGenerator(2, 0), 2*time.Minute))
	defer commit()
	if more, err := b.RollUp(t.Context(), until); more || err != nil {
		t.Fatalf("rolled up while a transaction is under way: %v, %v", more, err)
	}
	succeededIn(t, b, 1)
	// Who begins now knows.
	logAll(t, a, logged(id.NewGenerator(3, 0), 3*time.Minute))
	succeededIn(t, b, 2)
	commit()
	succeededIn(t, b, 3)
	rollUpAll(t, b, until)
	succeededIn(t, b, 3)
	if n, late := number(t, b, rolledUp), number(t, b, notedLate); n != 3 || late != 0 {
		t.Errorf("%d are rolled up, %d noted", n, late)
	}
}

// TestARollUpWaitsForWhoHasNotSeenItCommit: a transaction that began after the announcement
// did, and before that was committed, has not seen it either.
func TestARollUpWaitsForWhoHasNotSeenItCommit(t *testing.T) {
	a, b := twoStores(t)
	until := rollStart.Add(time.Hour)
	logAll(t, a, logged(id.NewGenerator(1, 0), time.Minute))
	var commit func()
	if err := b.write(t.Context(), upkeep, "announce", func(tx *txn) error {
		_, err := tx.exec(announceRollup, timeslice.FirstID(until.UnixMilli()))
		commit = underWay(t, a, logged(id.NewGenerator(2, 0), 2*time.Minute))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer commit()
	if more, err := b.RollUp(t.Context(), until); more || err != nil {
		t.Fatalf("rolled up while a transaction is under way: %v, %v", more, err)
	}
	commit()
	rollUpAll(t, b, until)
	succeededIn(t, b, 2)
	if n := number(t, b, rolledUp); n != 2 {
		t.Errorf("%d are rolled up", n)
	}
}

// TestLateAttemptsCountOnce: those that are logged after their slices were written count
// from then on, and are part of the slices after the next roll-up, of each width.
func TestLateAttemptsCountOnce(t *testing.T) {
	a, b := twoStores(t)
	ids := id.NewGenerator(1, 0)
	for i := range 30 {
		logAll(t, a, logged(ids, time.Duration(i)*40*time.Minute))
	}
	until := rollStart.Add(21 * time.Hour)
	rollUpAll(t, b, until)
	succeededIn(t, b, 30)
	for i := range 20 {
		logAll(t, a, logged(id.NewGenerator(2+i, 0), time.Duration(i)*59*time.Minute))
		succeededIn(t, b, int64(31+i))
	}
	if n, late := number(t, b, rolledUp), number(t, b, notedLate); n != 30 || late != 20 {
		t.Errorf("%d are rolled up, %d noted", n, late)
	}
	rollUpAll(t, b, until)
	succeededIn(t, b, 50)
	if n, late := number(t, b, rolledUp), number(t, b, notedLate); n != 50 || late != 0 {
		t.Errorf("%d are rolled up, %d noted", n, late)
	}
	for _, width := range timeslice.Widths[1:] {
		f := bellhop.StatsFilter{Scope: anyApp, Bucket: time.Duration(width) * time.Millisecond}
		stats, err := b.Stats(t.Context(), f)
		if err != nil || stats.Total.Succeeded != 50 {
			t.Errorf("%d succeeded by slices of %d ms, %v", stats.Total.Succeeded, width, err)
		}
	}
}

// TestRollUpsBesideLogging: whatever comes between, each attempt counts once, all the time
// and in the end.
func TestRollUpsBesideLogging(t *testing.T) {
	a, b := twoStores(t)
	until := rollStart.Add(10 * time.Hour)
	const writers, each = 4, 60
	stop := make(chan struct{})
	var loggers, roller sync.WaitGroup
	for w := range writers {
		loggers.Go(func() {
			r, ids := rand.New(rand.NewPCG(uint64(w), 7)), id.NewGenerator(w+1, 0)
			for i := range each {
				var results []bellhop.Result
				// Three are of now, as the time passes, and one is late.
				now := time.Duration(i) * 10 * time.Minute
				for range 3 {
					results = append(results, logged(ids, now+time.Duration(r.IntN(600))*time.Second))
				}
				late := logged(ids, now)
				late.Attempt.ID = bellhop.AttemptID(timeslice.FirstID(rollStart.Add(time.Duration(r.Int64N(int64(now)+1))).UnixMilli())) + bellhop.AttemptID(1+w*each+i)
				logAll(t, []*Store{a, b}[w%2], append(results, late)...)
			}
		})
	}
	roller.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := b.RollUp(t.Context(), rollStart.Add(time.Duration(i%60)*10*time.Minute)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	loggers.Wait()
	close(stop)
	roller.Wait()
	succeededIn(t, a, writers*each*4)
	rollUpAll(t, b, until.Add(2*time.Hour))
	succeededIn(t, a, writers*each*4)
	if n, late := number(t, b, rolledUp), number(t, b, notedLate); n != writers*each*4 || late != 0 {
		t.Errorf("%d are rolled up, %d noted", n, late)
	}
}
