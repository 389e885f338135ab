package api

import (
	"math/rand/v2"
	"testing"

	"github.com/bellhop/bellhop"
)

// TestMemoryIsShared: whoever take all that they can leave for the next a part that is
// like theirs, and when all is given back nothing is left in the books.
func TestMemoryIsShared(t *testing.T) {
	const most = 1 << 20
	for n := 1; n <= 10; n++ {
		m := newMemory(most)
		for more := true; more; {
			more = false
			for i := range n {
				more = m.take(share{app: string(rune('a' + i))}, 64) || more
			}
		}
		if part := int64(most / (n + 1) / 2); !m.take(share{key: 1}, part-64) {
			t.Errorf("after %d who took all they could, a newcomer finds less than a part like theirs", n)
		}
		for s, n := range m.of {
			m.give(s, n)
		}
		if m.used != 0 || len(m.of) != 0 {
			t.Errorf("%d bytes and %d shares are left", m.used, len(m.of))
		}
	}
}

func TestMemoryAddsUp(t *testing.T) {
	const most = 1 << 16
	random := rand.New(rand.NewPCG(1, 2))
	m := newMemory(most)
	held := map[share]int64{}
	for range 100_000 {
		s := share{key: bellhop.KeyID(random.IntN(20))}
		if n := int64(random.IntN(most)); random.IntN(2) == 0 {
			fits := m.fits(s, n)
			if m.take(s, n) != fits {
				t.Fatal("what fits is not taken, or the other way round")
			}
			if fits {
				held[s] += n
			}
		} else {
			m.give(s, held[s])
			delete(held, s)
		}
		if m.used > most || m.of[s] > most/2 || m.of[s] != held[s] {
			t.Fatalf("%d of %d are used, %d by one who has %d", m.used, most, m.of[s], held[s])
		}
	}
}
