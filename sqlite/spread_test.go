package sqlite

import (
	"errors"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

func TestAPanicOfTheWriterLeavesItUnknown(t *testing.T) {
	err := stepError("enqueue", groupcommit.ErrPanicked, nil)
	if !errors.Is(err, bellhop.ErrUnknown) || errors.Is(err, bellhop.ErrUnavailable) {
		t.Errorf("a panic is %v, want ErrUnknown", err)
	}
	if err := stepError("enqueue", nil, bellhop.ErrStaleRoutes); !errors.Is(err, bellhop.ErrStaleRoutes) {
		t.Errorf("a rejection is %v", err)
	}
}
