package outage

import (
	"errors"
	"testing"
	"time"
)

// TestAnOutageIsToldOnce, and its end once, also where the store comes and goes.
func TestAnOutageIsToldOnce(t *testing.T) {
	var o Outage
	begun, over := 0, 0
	var lasted time.Duration
	step := func(now time.Duration, fails bool) {
		if fails {
			if o.Failed(errors.New("away"), now) {
				begun++
			}
		} else if l, is := o.Well(now); is {
			over++
			lasted = l
		}
	}
	now := time.Duration(0)
	for ; now < 28*time.Second; now += 100 * time.Millisecond {
		step(now, true)
	}
	for end := now + 10*time.Second; now < end; now += 100 * time.Millisecond {
		step(now, false)
	}
	if begun != 1 || over != 1 || lasted != 28*time.Second || o.Why() != nil {
		t.Fatalf("%d began, %d were over, the last of %v", begun, over, lasted)
	}
	for end := now + 10*time.Minute; now < end; now += time.Second { // it comes and goes
		step(now, now/time.Second%7 == 0)
		step(now+time.Millisecond, false)
	}
	if begun > 4 || o.Why() == nil {
		t.Errorf("%d outages were told of ten minutes in which it came and went", begun)
	}
}
