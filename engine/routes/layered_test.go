package routes

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLayeredMapsStayAsTheyAre(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	type version struct {
		m    layered[int, int]
		want map[int]int
	}
	now := version{want: map[int]int{}}
	kept := []version{now}
	merges := 0
	for range 4000 {
		e, want := now.m.edit(), maps.Clone(now.want)
		changes := 1 + random.IntN(3)
		if random.IntN(200) == 0 {
			changes = 1000 // more than fits over the base
		}
		for range changes {
			if k := random.IntN(2000); random.IntN(3) == 0 {
				e.remove(k)
				delete(want, k)
			} else {
				v := random.Int()
				e.set(k, v)
				want[k] = v
			}
		}
		if e.ownsBase {
			merges++
		}
		now = version{e.done(), want}
		if len(now.m.over) > minLayer {
			t.Fatalf("%d changes lie over the base", len(now.m.over))
		}
		if random.IntN(20) == 0 {
			kept = append(kept, now)
		}
	}
	if merges < 20 || merges > 2000 {
		t.Errorf("the base was made anew %d times", merges)
	}
	for _, v := range append(kept, now) {
		n := 0
		for range v.m.all() {
			n++
		}
		if n != len(v.want) {
			t.Fatalf("%d values, want %d", n, len(v.want))
		}
		for k := range 2000 {
			got, ok := v.m.get(k)
			want, is := v.want[k]
			if ok != is || got != want {
				t.Fatalf("%d is %d, %v; want %d, %v", k, got, ok, want, is)
			}
		}
		for range v.m.all() {
			break // to go away early is allowed
		}
	}
}

func TestFirstIsSortAndCut(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		values := make([]int, random.IntN(100))
		for i := range values {
			values[i] = random.IntN(60)
		}
		want := slices.Sorted(slices.Values(values))
		for limit := range 70 {
			got := first(slices.Values(values), limit, cmp.Compare[int])
			if limit > 0 && len(want) > limit {
				same(t, "first", got, want[:limit])
			} else {
				same(t, "all", got, want)
			}
		}
	}
}
