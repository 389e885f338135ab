package lowwater

import (
	"math/rand/v2"
	"testing"
)

func TestNothingUnfinishedIsBelowTheMark(t *testing.T) {
	var m Mark
	if m.Low() != 0 {
		t.Errorf("before anything was begun, the mark is %d", m.Low())
	}
	for _, e := range []Event{5, 7, 7, 9} {
		if !m.Begin(e) {
			t.Fatalf("event %d, above all marks, is not taken", e)
		}
	}
	steps := []struct {
		end, low Event
		open     int
	}{
		{7, 5, 3}, // one of two
		{5, 7, 2},
		{5, 7, 2}, // again
		{9, 7, 1},
		{7, 10, 0}, // all is finished: above the highest
	}
	for i, s := range steps {
		m.End(s.end)
		if low, open := m.Low(), m.Len(); low != s.low || open != s.open {
			t.Errorf("step %d: after the end of %d the mark is %d, of %d events; want %d, of %d", i, s.end, low, open, s.low, s.open)
		}
	}
}

// An id may be made, and others be stored and finished before it is. Nobody would look
// for it below the mark.
func TestAnEventBelowTheMarkIsRefused(t *testing.T) {
	var m Mark
	m.Begin(20)
	m.End(20)
	if m.Begin(15) {
		low := m.Low()
		if low > 15 {
			t.Fatalf("15 is below the mark %d", low)
		}
	}
	m.End(15)
	if low := m.Low(); low != 21 {
		t.Fatalf("the mark is %d, not 21", low)
	}
	if m.Begin(20) {
		t.Error("20 is taken, below the mark 21")
	}
	if !m.Begin(21) {
		t.Error("21 is not taken, at the mark")
	}
}

// Against a plain count, in any order.
func TestAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var m Mark
		plain, last := map[Event]int{}, Event(0)
		for range 200 {
			e := Event(1 + rng.IntN(40))
			switch rng.IntN(3) {
			case 0:
				if took := m.Begin(e); took {
					plain[e]++
				} else if e >= last {
					t.Fatalf("%d was refused, at or above the mark %d", e, last)
				}
			case 1:
				if plain[e] > 0 {
					plain[e]--
					m.End(e)
				}
			default:
				low := m.Low()
				if low < last {
					t.Fatalf("the mark went back from %d to %d", last, low)
				}
				last = low
				for e, n := range plain {
					if n > 0 && e < low {
						t.Fatalf("%d is unfinished, below the mark %d", e, low)
					}
				}
			}
		}
	}
}

func BenchmarkMark(b *testing.B) {
	var m Mark
	for i := 0; b.Loop(); i++ {
		m.Begin(Event(i + 1))
		if i >= 1000 {
			m.End(Event(i - 999))
		}
		if i%1000 == 0 {
			m.Low()
		}
	}
}
