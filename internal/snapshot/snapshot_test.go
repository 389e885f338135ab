package snapshot_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bellhop/bellhop/internal/snapshot"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]snapshot.Snapshot{
		"10:10:":         {Max: 10},
		"10:20:10,14,15": {Max: 20, Running: []uint64{10, 14, 15}},
	} {
		got, err := snapshot.Parse(text)
		if err != nil || !got.Equal(want) || got.String() != text {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "10:20", "10:20:20", "a:b:", "1:20:x", "-1:20:"} {
		if got, err := snapshot.Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", text, got)
		}
	}
}

func TestBetweenLeavesOutWhatRuns(t *testing.T) {
	from := snapshot.Snapshot{Max: 20, Running: []uint64{10, 14, 15}}
	to := snapshot.Snapshot{Max: 30, Running: []uint64{14, 20, 25}}
	want := []snapshot.Range{{10, 11}, {15, 16}, {21, 25}, {26, 30}}
	if diff := cmp.Diff(want, snapshot.Between(from, to)); diff != "" {
		t.Error(diff)
	}
	w := snapshot.Window{From: from, To: to, At: snapshot.Position{Tx: 22, ID: 7}}
	if diff := cmp.Diff([]snapshot.Range{{22, 25}, {26, 30}}, w.Ranges()); diff != "" {
		t.Error(diff)
	}
	if got := snapshot.Between(to, to); got != nil {
		t.Errorf("between one and itself: %v", got)
	}
}

// row is what a transaction appends.
type row struct {
	snapshot.Position
	of string
}

// history is a table to which transactions append that end in any order.
type history struct {
	next    uint64
	id      int64
	running map[uint64]bool
	rows    []row
	given   map[uint64]bool // up
}

func (h *history) now() snapshot.Snapshot {
	return snapshot.Snapshot{Max: h.next, Running: slices.Sorted(maps.Keys(h.running))}
}

func (h *history) visible(s snapshot.Snapshot, r row) bool { return s.Sees(r.Tx) && !h.given[r.Tx] }

// Everything that is committed is read once, however late the transactions end, wherever the reader stops, and whatever it forgets that it has not
// stored.
func TestNothingIsSkippedAndNothingReadTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{next: 3, running: map[uint64]bool{}, given: map[uint64]bool{}}
		seen, behind := h.now(), map[string]snapshot.Window{}
		r := snapshot.NewReader(seen, maps.Clone(behind))
		read := map[snapshot.Position]int{}
		notice := func() {
			now := h.now()
			if rapid.Bool().Draw(t, "cut") && now.Max > r.Seen.Max+1 {
				now = now.Below(r.Seen.Max + 1)
			}
			names := map[string]bool{}
			for _, x := range h.rows {
				if h.visible(now, x) && !r.Seen.Sees(x.Tx) {
					names[x.of] = true
				}
			}
			r.Noticed(now, slices.Sorted(maps.Keys(names))...)
		}
		// take reads at most limit rows of one, and stores how far it is.
		take := func(of string, limit int) {
			w := r.Behind[of]
			var found []row
			for _, x := range h.rows {
				in := false
				for _, g := range w.Ranges() {
					in = in || g.Low <= x.Tx && x.Tx < g.High
				}
				in = in && w.At.Before(x.Position) && x.of == of && !h.given[x.Tx]
				if in != (x.of == of && !h.given[x.Tx] && w.Holds(x.Position)) {
					t.Fatalf("Ranges and Holds differ about %v in %+v", x, w)
				}
				if in {
					found = append(found, x)
				}
			}
			slices.SortFunc(found, func(a, b row) int {
				if a.Before(b.Position) {
					return -1
				}
				return 1
			})
			ended := len(found) <= limit
			for _, x := range found[:min(limit, len(found))] {
				read[x.Position]++
				r.Took(of, x.Position)
			}
			if ended {
				r.Ended(of)
			}
			list, moved := r.Changes()
			if moved {
				seen = r.Seen
			}
			for _, c := range list {
				if behind[c.Name] = c.Window; c.Done {
					delete(behind, c.Name)
				}
			}
		}
		anyone := func(m map[string]snapshot.Window) string {
			return rapid.SampledFrom(slices.Sorted(maps.Keys(m))).Draw(t, "whose")
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				tx := h.next
				if open := slices.Sorted(maps.Keys(h.running)); len(open) > 0 && rapid.Bool().Draw(t, "more") {
					tx = rapid.SampledFrom(open).Draw(t, "tx")
				} else {
					h.next++
					h.running[tx] = true
				}
				h.id++
				h.rows = append(h.rows, row{snapshot.Position{Tx: tx, ID: h.id}, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "of")})
			},
			"end": func(t *rapid.T) {
				if len(h.running) == 0 {
					t.Skip()
				}
				tx := rapid.SampledFrom(slices.Sorted(maps.Keys(h.running))).Draw(t, "tx")
				delete(h.running, tx)
				h.given[tx] = rapid.IntRange(0, 3).Draw(t, "outcome") == 0
			},
			"notice": func(*rapid.T) { notice() },
			"take": func(t *rapid.T) {
				if len(r.Behind) == 0 {
					t.Skip()
				}
				take(anyone(r.Behind), rapid.IntRange(1, 3).Draw(t, "limit"))
			},
			"restart": func(*rapid.T) { r = snapshot.NewReader(seen, maps.Clone(behind)) },
		})
		for tx := range h.running {
			delete(h.running, tx)
		}
		for notice(); !r.Seen.Equal(h.now()) || len(r.Behind) > 0; notice() {
			for _, of := range slices.Sorted(maps.Keys(r.Behind)) {
				take(of, 2)
			}
		}
		for _, x := range h.rows {
			want := 1
			if h.given[x.Tx] {
				want = 0
			}
			if read[x.Position] != want {
				t.Fatalf("%s was read %d times, want %d", fmt.Sprint(x), read[x.Position], want)
			}
		}
	})
}
