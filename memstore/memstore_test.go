package memstore_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/memstore"
	"github.com/bellhop/bellhop/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) bellhop.Store { return memstore.New() })
}

func TestStoreLists(t *testing.T) {
	testlong.Only(t)
	storetest.RunLists(t, func(*testing.T) bellhop.Store { return memstore.New() })
}

func TestTransact(t *testing.T) {
	storetest.RunTx(t, func(*testing.T) bellhop.Store { return memstore.New() },
		func(ctx context.Context, s bellhop.Store, f func(bellhop.Tx) error) error {
			return s.(*memstore.Store).Transact(ctx, func(tx *memstore.Tx) error { return f(tx) })
		})
}
