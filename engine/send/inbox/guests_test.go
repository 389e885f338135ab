package inbox

import (
	"net/http"
	"testing"
	"time"
)

// TestTokensThatAreTriedCostLittle: few are looked for, and inboxes that are known get
// their requests meanwhile.
func TestTokensThatAreTriedCostLittle(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", time.Hour)
	looked := 0
	for range 1000 {
		if h.send(newToken(), "x", http.Header{}) == http.StatusGone {
			looked++
		}
	}
	if looked != lookupsBurst {
		t.Errorf("%d tokens were looked for, want %d", looked, lookupsBurst)
	}
	if got := h.send(in.Token, "x", http.Header{}); got != http.StatusOK {
		t.Errorf("an inbox that there is: %d", got)
	}
	h.wait(time.Second)
	if got := h.send(newToken(), "x", http.Header{}); got != http.StatusGone {
		t.Errorf("a second later: %d", got)
	}
}
