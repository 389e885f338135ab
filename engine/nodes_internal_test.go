package engine

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/memstore"
)

// TestABucketThatIsKeptAfterAllIsNotLeft, although it was drained when a look at the nodes
// found that it should be: the node goes on sending, and another one would, too.
func TestABucketThatIsKeptAfterAllIsNotLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealer, err := bellhop.NewSealer(bytes.Repeat([]byte{7}, 32))
		if err != nil {
			t.Fatal(err)
		}
		store := memstore.New()
		e, err := New(t.Context(), store, Config{Sealer: sealer, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		synctest.Wait()
		const bucket = 7
		owned := func() (epoch int64) {
			owners, err := store.Buckets(t.Context())
			if err != nil || owners[bucket].Lease != e.Lease() || !e.ownsBucket(bucket) {
				t.Fatalf("it is not the owner: %+v, %v", owners[bucket], err)
			}
			return owners[bucket].Epoch
		}
		epoch := owned()

		look := func(plans ...lane.Assignment) {
			e.sharing.looking.Lock()
			for _, plan := range plans {
				e.handOver(plan)
			}
			e.sharing.looking.Unlock()
		}
		leave, keep := lane.Assignment{More: true, Leave: bucket}, lane.Assignment{}
		look(leave, keep)
		synctest.Wait()
		if now := owned(); now != epoch {
			t.Error("it was left, and taken again")
		}
		look(leave)
		synctest.Wait()
		if now := owned(); now != epoch+1 {
			t.Error("one that is not kept was not left, and taken again")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}
