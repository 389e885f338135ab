package sqlite_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
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

func open(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "bellhop.db"), o)
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

func TestTransact(t *testing.T) {
	storetest.RunTx(t, func(t *testing.T) bellhop.Store { return open(t, sqlite.Options{}) },
		func(ctx context.Context, s bellhop.Store, f func(bellhop.Tx) error) error {
			return s.(*sqlite.Store).Transact(ctx, func(tx *sqlite.Tx) error { return f(tx) })
		})
}
