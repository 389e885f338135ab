package match

import (
	"slices"
	"testing"
)

func TestCompareVersions(t *testing.T) {
	want := []string{"beta", "1", "v2", "3", "v9", "9.1", "10", "v10.2", "v10.10", "2024-09-30", "2024-10-01"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, CompareVersions)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
