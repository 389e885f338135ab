package lane

import (
	"testing"
	"time"
)

func TestBreakerProbesAtGrowingIntervals(t *testing.T) {
	now := time.Now()
	var b breaker
	for i := range breakAfter {
		if opened := b.failure("timeout", now); opened != (i == breakAfter-1) {
			t.Fatalf("failure %d opened: %v", i+1, opened)
		}
	}
	last := time.Duration(0)
	for range 20 {
		wait := b.probeAt.Sub(now)
		if wait < last || wait > lastProbe || b.state(now) != "open" || b.state(b.probeAt) != "half_open" {
			t.Fatalf("next probe in %v after %v: %s", wait, last, b.state(now))
		}
		last, now = wait, b.probeAt
		b.failure("timeout", now)
	}
	if last != lastProbe {
		t.Errorf("the longest wait is %v", last)
	}
	if b.success(); b.state(now) != "closed" || b.failures != 0 {
		t.Errorf("after a success: %+v", b)
	}
}
