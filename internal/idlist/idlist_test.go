package idlist

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestListsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(rapid.Int64Range(1, 1<<62)).Draw(t, "list")
		got, whole := Decode[int64](Encode(list))
		if want := slices.Compact(slices.Sorted(slices.Values(list))); !whole || !slices.Equal(got, want) {
			t.Fatalf("%v came back as %v", want, got)
		}
		for _, id := range append(list, 0, 7, 1<<62) {
			if i := After(got, id); slices.ContainsFunc(got[:i], func(x int64) bool { return x > id }) || slices.ContainsFunc(got[i:], func(x int64) bool { return x <= id }) {
				t.Fatalf("above %d begins at %d of %v", id, i, got)
			}
		}
		// What is damaged is read as far as it goes.
		Decode[int64](rapid.SliceOf(rapid.Byte()).Draw(t, "damaged"))
	})
}
