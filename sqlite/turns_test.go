package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/bellhop/bellhop/internal/groupcommit"
)

// TestOneEventDoesNotWaitForTheBatchesOfAll: what is light goes into the next transaction,
// however many apps have batches that wait, and none of those waits for ever.
func TestOneEventDoesNotWaitForTheBatchesOfAll(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), filepath.Join(dir, "bellhop.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var steps sync.WaitGroup
		var done []string // by the writer alone
		do := func(turn groupcommit.Turn, weight int, run func()) {
			steps.Go(func() {
				if err := s.inTurn(t.Context(), turn, "write", weight, func(*writer) error { run(); return nil }); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		began, held := make(chan struct{}), make(chan struct{})
		do(turnOf(nil), rowWeight, func() { close(began); <-held })
		<-began
		const apps = 10
		for i := range 2 * apps {
			app := fmt.Sprint(i % apps)
			do(turnOf([]string{"batches" + app}), bulkShare, func() { done = append(done, "batch of "+app) })
		}
		do(turnOf([]string{"single"}), 2*rowWeight, func() { done = append(done, "single") })
		do(groupcommit.Turn{Rank: happened, Of: "0"}, happenedShare, func() { done = append(done, "outcomes") })
		close(held)
		steps.Wait()
		want := []string{"single", "batch of 0", "outcomes"}
		for i := 1; i < 2*apps; i++ {
			want = append(want, fmt.Sprint("batch of ", i%apps))
		}
		if !slices.Equal(done, want) {
			t.Errorf("done in this order: %v\nwant %v", done, want)
		}
	})
}
