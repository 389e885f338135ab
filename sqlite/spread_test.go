package sqlite

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

func TestListsOfEndpointsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(rapid.Map(rapid.Int64Range(1, 1<<62), func(v int64) bellhop.EndpointID { return bellhop.EndpointID(v) })).Draw(t, "list")
		got, whole := decodeEndpoints(encodeEndpoints(list))
		if want := slices.Compact(slices.Sorted(slices.Values(list))); !whole || !slices.Equal(got, want) {
			t.Fatalf("%v came back as %v", want, got)
		}
		// What is damaged is read as far as it goes.
		decodeEndpoints(rapid.SliceOf(rapid.Byte()).Draw(t, "damaged"))
	})
}

func TestAPanicOfTheWriterLeavesItUnknown(t *testing.T) {
	err := stepError("enqueue", groupcommit.ErrPanicked, nil)
	if !errors.Is(err, bellhop.ErrUnknown) || errors.Is(err, bellhop.ErrUnavailable) {
		t.Errorf("a panic is %v, want ErrUnknown", err)
	}
	if err := stepError("enqueue", nil, bellhop.ErrStaleRoutes); !errors.Is(err, bellhop.ErrStaleRoutes) {
		t.Errorf("a rejection is %v", err)
	}
}
