package dialect

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What is written fast says the same as what is written slowly.
func TestShortcuts(t *testing.T) {
	times := []time.Time{{}, time.Unix(0, 0), time.Unix(1700000000, 999_999_999), time.Date(12345, 1, 2, 3, 4, 5, 6, time.UTC)}
	for range 1000 {
		times = append(times, time.Unix(rand.Int64N(1<<38), rand.Int64N(1e9)).In(time.FixedZone("", rand.IntN(86400)-43200)))
	}
	for _, at := range times {
		if got, want := string(appendTime(nil, at)), at.UTC().Format(timeFormat); got != want {
			t.Errorf("%s is written %s", want, got)
		}
	}

	texts := []string{"", " ", " a", "a ", "a b", "\x7f", "é", "a\nb", "evt_0123456789ABC"}
	for _, text := range texts {
		kept := true
		for i := range len(text) {
			kept = kept && filterHeader.keeps(text, i)
		}
		if isHeaderSafe(text) != kept {
			t.Errorf("%q is safe: %t, want %t", text, !kept, kept)
		}
	}
}
