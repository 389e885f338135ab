package postgres_test

import (
	"context"
	"errors"
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/storetest"
)

func TestMain(m *testing.M) {
	// As in package sqlite.
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// migrated makes the newest schema.
func migrated(url string) error {
	s, err := postgres.Open(context.Background(), url, postgres.Options{})
	if err != nil {
		return err
	}
	// Those of most tests: each would make them for itself otherwise.
	return errors.Join(
		s.HaveDays(context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		s.HaveDays(context.Background(), time.Now()), s.Close())
}

// database gives the URL of a database with the newest schema.
func database(t testing.TB) string {
	t.Helper()
	return testpostgres.Copy(t, "bellhop", migrated)
}

func openAt(t testing.TB, url string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func open(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	return openAt(t, database(t), o)
}

func TestStore(t *testing.T) {
	storetest.Run(t, traced(t))
}

func TestStoreLists(t *testing.T) {
	testlong.Only(t)
	storetest.RunLists(t, traced(t))
}

// traced opens stores whose statements are looked at: one that could cross from app to app
// fails the test, however it was put together.
func traced(t *testing.T) func(t *testing.T) bellhop.Store {
	rule, texts := postgres.NewAppRule(t), &postgres.Texts{}
	t.Cleanup(func() { // when the tests that run at the same time have ended
		for _, sql := range texts.All() {
			rule.Check(t, "a statement", sql)
		}
		if rule.Seen() == 0 {
			t.Error("no statement was seen")
		}
	})
	return func(t *testing.T) bellhop.Store {
		s := openTimed(t)
		if err := postgres.Trace(t.Context(), s.Store, texts); err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// timed is a store whose database has the time that the test says: the database's clock
// judges leases, and a test moves the time.
type timed struct {
	*postgres.Store
	clock *pgxpool.Pool

	mu  sync.Mutex
	now time.Time
}

// settable replaces the database's clock by one that is set.
const settable = `CREATE TABLE bellhop.test_clock (now bigint NOT NULL);
	INSERT INTO bellhop.test_clock VALUES (0);
	CREATE OR REPLACE FUNCTION bellhop.clock() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT now FROM bellhop.test_clock'`

func openTimed(t testing.TB) *timed {
	t.Helper()
	url := testpostgres.Copy(t, "timed", func(url string) error {
		if err := migrated(url); err != nil {
			return err
		}
		pool, err := pgxpool.New(context.Background(), url)
		if err != nil {
			return err
		}
		defer pool.Close()
		_, err = pool.Exec(context.Background(), settable)
		return err
	})
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &timed{Store: openAt(t, url, postgres.Options{}), clock: pool}
}

// ClaimToken is that of the store, at that time.
func (s *timed) ClaimToken(ctx context.Context, e bellhop.EndpointID, by string, lasts time.Duration, now time.Time) (bool, error) {
	if err := s.at(ctx, now); err != nil {
		return false, err
	}
	return s.Store.ClaimToken(ctx, e, by, lasts, now)
}

// at sets the database's clock.
func (s *timed) at(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Equal(s.now) {
		return nil
	}
	_, err := s.clock.Exec(ctx, "UPDATE bellhop.test_clock SET now = $1", now.UnixMicro())
	s.now = now
	return err
}

func (s *timed) Join(ctx context.Context, about bellhop.NodeAbout, length time.Duration, now time.Time) (bellhop.Node, error) {
	if err := s.at(ctx, now); err != nil {
		return bellhop.Node{}, err
	}
	return s.Store.Join(ctx, about, length, now)
}

func (s *timed) Renew(ctx context.Context, l bellhop.Lease, status *bellhop.NodeStatus, length time.Duration, now time.Time) (time.Time, error) {
	if err := s.at(ctx, now); err != nil {
		return time.Time{}, err
	}
	return s.Store.Renew(ctx, l, status, length, now)
}

func (s *timed) Leave(ctx context.Context, l bellhop.Lease, now time.Time) error {
	if err := s.at(ctx, now); err != nil {
		return err
	}
	return s.Store.Leave(ctx, l, now)
}

func (s *timed) TakeOver(ctx context.Context, now time.Time) ([]bellhop.NodeInfo, error) {
	if err := s.at(ctx, now); err != nil {
		return nil, err
	}
	return s.Store.TakeOver(ctx, now)
}
