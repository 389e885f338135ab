package lane

import (
	"testing"

	"github.com/bellhop/bellhop"
)

// TestLargeEventsAreFetchedInLargePieces: of what waits in the store, a claim brings a part of
// the memory that is free, between bounds: one lane does not take all of it.
func TestLargeEventsAreFetchedInLargePieces(t *testing.T) {
	for _, c := range []struct{ free, most int64 }{
		{1 << 30, fetchMost / 2},
		{96 << 20, 96 << 20 / fetchShare / 2},
		{16 << 20, fetchBytes / 2},
		{1 << 20, 6 << 20 / 8 / 2}, // half of what is not kept for others
	} {
		for retries, most := range map[bool]int64{false: c.most, true: min(c.most, max(c.most, fetchBytes/2)/retryPart)} {
			b := newBench(t)
			b.m.memory.max = c.free
			claims := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: b.endpoint().ID, Due: b.now, Retries: retries}}))
			if len(claims) != 1 {
				t.Fatalf("with %d bytes free, there are %d claims", c.free, len(claims))
			}
			if got := claims[0].weight; got != most {
				t.Errorf("with %d bytes free, a claim is for %d (of retries: %v), want %d", c.free, got, retries, most)
			}
		}
	}
}
