package sqlite_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/internal/testmemory"
	"github.com/bellhop/bellhop/sqlite"
	"github.com/bellhop/bellhop/storetest"
)

func TestMain(m *testing.M) {
	// Each step of the model is a commit here, on a slow disk perhaps. The model
	// and the checks are those of memstore, which plays four times as many
	// rounds; the command line may ask for more of them (-rapid.checks).
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	// Tests do not wait for the disk: nothing here outlives the machine. Benchmarks do.
	flag.Parse()
	if dir := testmemory.Dir(); dir != "" && flag.Lookup("test.bench").Value.String() == "" {
		if err := os.Setenv("TMPDIR", dir); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// fresh is a database that nothing is in yet: to make one takes longer than most tests.
var fresh = sync.OnceValues(func() (db []byte, err error) {
	dir, err := os.MkdirTemp("", "bellhop-sqlite-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "bellhop.db")
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return nil, errors.New("closing has left something in the log")
	}
	return os.ReadFile(path)
})

func open(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	db, err := fresh()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bellhop.db")
	if err := os.WriteFile(path, db, 0o600); err != nil {
		t.Fatal(err)
	}
	return openAt(t, path, o)
}

func openAt(t testing.TB, path string, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, o)
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

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) bellhop.Store { return open(t, sqlite.Options{}) })
}

func TestStoreLists(t *testing.T) {
	testlong.Only(t)
	storetest.RunLists(t, func(t *testing.T) bellhop.Store { return open(t, sqlite.Options{}) })
}

func TestTransact(t *testing.T) {
	storetest.RunTx(t, func(t *testing.T) bellhop.Store { return open(t, sqlite.Options{}) },
		func(ctx context.Context, s bellhop.Store, f func(bellhop.Tx) error) error {
			return s.(*sqlite.Store).Transact(ctx, func(tx *sqlite.Tx) error { return f(tx) })
		})
}
