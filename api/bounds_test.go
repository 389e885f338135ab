package api

import (
	"errors"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// after says how long somebody who was refused has to wait; 0 if he was not.
func after(t *testing.T, err error) time.Duration {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*bellhop.Error](err)
	if !ok || e.Code != bellhop.CodeTooMany || e.RetryAfter <= 0 || e.Detail == "" {
		t.Fatalf("refused with %#v", err)
	}
	return e.RetryAfter
}

func TestRequestsOfAKey(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := newBounds(func() time.Time { return now }, 100, Streams{OfKey: 1, OfApp: 100, InAll: 100})
	for i := range 100 {
		if wait := after(t, b.request(1)); wait != 0 {
			t.Fatalf("request %d of the burst has to wait %s", i, wait)
		}
	}
	if wait := after(t, b.request(1)); wait != 10*time.Millisecond {
		t.Errorf("one more has to wait %s", wait)
	}
	if wait := after(t, b.request(2)); wait != 0 {
		t.Errorf("another key has to wait %s", wait)
	}
	now = now.Add(25 * time.Millisecond)
	for i, want := range []bool{true, true, false} {
		if let := after(t, b.request(1)) == 0; let != want {
			t.Errorf("request %d after 25 ms is let in: %v", i, let)
		}
	}
	now = now.Add(-time.Hour) // a clock that is set back neither gives nor takes
	if after(t, b.request(1)) == 0 {
		t.Error("a clock set back gave a token")
	}
	now = now.Add(2 * time.Hour)
	for i := range 101 {
		if let := after(t, b.request(1)) == 0; let != (i < 100) {
			t.Fatalf("request %d after a rest is let in: %v", i, let)
		}
	}
}

func TestStreamsOfAKey(t *testing.T) {
	b := newBounds(time.Now, 1000, Streams{OfKey: 2, OfApp: 100, InAll: 100})
	one, err := b.stream(1, share{key: 1})
	after(t, err)
	two, err := b.stream(1, share{key: 1})
	after(t, err)
	if _, err := b.stream(1, share{key: 1}); after(t, err) == 0 {
		t.Error("a third stream is open")
	}
	other, err := b.stream(2, share{key: 2})
	if after(t, err) != 0 {
		t.Error("another key's streams count")
	}
	one()
	if one, err = b.stream(1, share{key: 1}); after(t, err) != 0 {
		t.Error("a closed stream counts on")
	}
	for _, done := range []func(){one, two, other} {
		done()
	}
}

// TestIdleKeysAreForgotten: many more keys come, in time, than are ever kept, and
// none of those that matter is forgotten.
func TestIdleKeysAreForgotten(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := newBounds(func() time.Time { return now }, 10, Streams{OfKey: 1, OfApp: 100, InAll: 100})
	done, err := b.stream(1, share{key: 1})
	after(t, err)
	defer done()
	most := 0
	for i := range 100_000 { // a thousand new ones a second
		now = now.Add(time.Millisecond)
		if err := b.request(bellhop.KeyID(i + 10)); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(b.of))
	}
	if most > 1000 {
		t.Errorf("%d keys were kept", most)
	}
	if _, err := b.stream(1, share{key: 1}); after(t, err) == 0 {
		t.Error("an open stream was forgotten")
	}
	for range 10 {
		after(t, b.request(2))
	}
	b.sweep(now)
	if after(t, b.request(2)) == 0 {
		t.Error("a key that is not idle was forgotten")
	}
}

func BenchmarkBounds(bench *testing.B) {
	b := newBounds(time.Now, 1<<40, Streams{OfKey: 1, OfApp: 100, InAll: 100})
	bench.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if err := b.request(bellhop.KeyID(i % 100)); err != nil {
				bench.Error(err)
			}
		}
	})
}
