package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/bellhop/bellhop/internal/groupcommit"
)

// TestOneEventDoesNotWaitForTheBatchesOfAll: what is light goes into the next transaction,
// however many apps have batches that wait, and none of those waits for ever.
func TestOneEventDoesNotWaitForTheBatchesOfAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var done []string // by the writer alone
		began, held := make(chan struct{}), make(chan struct{})
		s := &Store{}
		s.idle.L = &s.mu
		s.steps = newGroups(1, func(batch []*step) error {
			for _, st := range batch {
				if done = append(done, st.turn.Of); st.turn.Of == "first" {
					close(began)
					<-held
				}
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		var writer, steps sync.WaitGroup
		writer.Go(func() { s.steps.Run(ctx) })
		do := func(rank int, of string, weight int) {
			steps.Go(func() {
				if err := s.do(t.Context(), "write", &step{turn: groupcommit.Turn{Rank: rank, Of: of}, weight: weight}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		do(rankAsked, "first", rowWeight)
		<-began
		const apps = 10
		for i := range 2 * apps {
			do(rankAsked, fmt.Sprint("batch of ", i%apps), bulkShare)
		}
		do(rankAsked, "single", 2*rowWeight)
		do(rankHappened, "outcomes", happenedShare)
		close(held)
		steps.Wait()
		stop()
		writer.Wait()
		want := []string{"first", "single", "batch of 0", "outcomes"}
		for i := 1; i < 2*apps; i++ {
			want = append(want, fmt.Sprint("batch of ", i%apps))
		}
		if !slices.Equal(done, want) {
			t.Errorf("done in this order: %v\nwant %v", done, want)
		}
	})
}
