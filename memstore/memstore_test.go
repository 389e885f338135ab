package memstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/memstore"
	"github.com/bellhop/bellhop/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) bellhop.Store { return memstore.New() })
}
