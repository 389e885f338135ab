package api

import (
	"fmt"
	"testing"
	"time"
)

func TestThrottleInAllAndBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	th := NewThrottle(func() time.Time { return now })
	fail := func(i int) (time.Duration, bool) {
		p, _ := network(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255))
		return th.Try(p, func() bool { return false })
	}
	for i := range failuresOfAll {
		if wait, _ := fail(i); wait != 0 {
			t.Fatalf("failure %d has to wait %s", i, wait)
		}
	}
	if wait, _ := fail(failuresOfAll); wait != time.Second {
		t.Errorf("one more has to wait %s", wait)
	}
	owner, _ := network("192.0.2.1")
	if wait, ok := th.Try(owner, func() bool { return true }); wait != 0 || !ok {
		t.Errorf("strangers make a right key wait %s", wait)
	}
	for range failuresOfOne {
		th.Try(owner, func() bool { return false })
	}
	if wait, ok := th.Try(owner, func() bool { return true }); wait == 0 || ok {
		t.Error("an address that failed too often is let in")
	}
	for i := range 20 * manyFailing {
		now = now.Add(time.Second / 10)
		if _, ok := fail(failuresOfAll + i); ok {
			t.Fatal("a failure succeeded")
		}
		if n := len(th.of); n > manyFailing {
			t.Fatalf("%d addresses are kept", n)
		}
	}
}
