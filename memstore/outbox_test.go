package memstore_test

import (
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/memstore"
	"github.com/bellhop/bellhop/storetest"
)

func TestOutbox(t *testing.T) {
	storetest.RunOutbox(t, storetest.Outbox{
		Open:  func(*testing.T) bellhop.Store { return memstore.New() },
		Begin: func(_ *testing.T, s bellhop.Store) storetest.OutboxTx { return s.(*memstore.Store).OutboxTx() },
	})
}
