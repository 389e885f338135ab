package bellhop

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDecide(t *testing.T) {
	now := time.Date(2027, 1, 14, 19, 22, 5, 0, time.UTC)
	policy := RetryPolicy{Delays: []Duration{Duration(time.Second), Duration(time.Minute)}}
	retryAt := func(d time.Duration) decision { return decision{status: AttemptFailed, nextAt: now.Add(d)} }
	after := func(v string) http.Header { return http.Header{"Retry-After": {v}} }
	for _, c := range []struct {
		name    string
		trigger Trigger
		n       int
		status  int
		header  http.Header
		want    decision
	}{
		{name: "200", n: 1, status: 200, want: decision{status: AttemptSucceeded, final: true}},
		{name: "204", n: 3, status: 204, want: decision{status: AttemptSucceeded, final: true}},
		{name: "299", n: 1, status: 299, want: decision{status: AttemptSucceeded, final: true}},
		{name: "no answer", n: 1, status: 0, want: retryAt(time.Second)},
		{name: "redirect", n: 1, status: 301, want: retryAt(time.Second)},
		{name: "bad request", n: 2, status: 400, want: retryAt(time.Minute)},
		{name: "used up", n: 3, status: 500, want: decision{status: AttemptFailed, final: true}},
		{name: "test", trigger: TriggerTest, n: 1, status: 500, want: decision{status: AttemptFailed, final: true}},
		{name: "gone", n: 1, status: 410, want: decision{status: AttemptFailed, nextAt: now.Add(time.Second), disable: true}},
		{name: "overload", n: 1, status: 502, want: decision{status: AttemptFailed, nextAt: now.Add(time.Second), slow: true}},
		{name: "retry-after longer", n: 1, status: 503, header: after("30"), want: decision{status: AttemptFailed, nextAt: now.Add(30 * time.Second), slow: true}},
		{name: "retry-after shorter", n: 2, status: 500, header: after("3"), want: retryAt(time.Minute)},
		{name: "retry-after beyond", n: 1, status: 500, header: after("86400"), want: retryAt(time.Minute)},
		{name: "retry-after date", n: 1, status: 500, header: after("Thu, 14 Jan 2027 19:22:35 GMT"), want: retryAt(30 * time.Second)},
		{name: "retry-after past", n: 1, status: 500, header: after("Thu, 14 Jan 2021 19:22:35 GMT"), want: retryAt(time.Second)},
		{name: "retry-after nonsense", n: 1, status: 500, header: after("soon"), want: retryAt(time.Second)},
		{name: "retry-after negative", n: 1, status: 500, header: after("-5"), want: retryAt(time.Second)},
	} {
		if got := decide(policy, c.trigger, c.n, c.status, c.header, now, 0.5); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestJitterIsTenPercent(t *testing.T) {
	now := time.Now()
	for random, want := range map[float64]time.Duration{0: 900 * time.Millisecond, 0.5: time.Second, 0.999999999: 1100 * time.Millisecond} {
		d := decide(RetryPolicy{Delays: []Duration{Duration(time.Second)}}, "", 1, 500, nil, now, random)
		if got := d.nextAt.Sub(now).Round(time.Millisecond); got != want {
			t.Errorf("random %v: %v, want %v", random, got, want)
		}
	}
}

func TestDefaultScheduleLastsAboutSevenDays(t *testing.T) {
	var sum Duration
	for _, d := range (RetryPolicy{}).Schedule() {
		sum += d
	}
	if sum < Duration(6*24*time.Hour) || sum > Duration(7*24*time.Hour) {
		t.Errorf("it lasts %s", sum)
	}
}

func TestRetryPolicyJSON(t *testing.T) {
	for in, want := range map[string]string{
		`["5s","2m"]`: `["5s","2m"]`,
		`[]`:          `[]`,
		`{"initial":"1s","factor":3,"max":"1m","until":"1h"}`: `{"initial":"1s","factor":3,"max":"1m","until":"1h"}`,
		`{"initial":"5s"}`: `{"initial":"5s","factor":2,"max":"12h","until":"7d"}`,
	} {
		var p RetryPolicy
		if err := json.Unmarshal([]byte(in), &p); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if f := p.check(); f != nil {
			t.Errorf("%s: %+v", in, f)
		}
		if out, err := json.Marshal(p); err != nil || string(out) != want {
			t.Errorf("%s became %s, %v", in, out, err)
		}
	}
	for _, in := range []string{`"5s"`, `5`, `{}`, `{"initial":"5s","facter":2}`, `["x"]`, `[5]`, `{"initial":"-1"}`, `true`} {
		var p RetryPolicy
		if err := json.Unmarshal([]byte(in), &p); err == nil {
			t.Errorf("%s was taken: %+v", in, p)
		}
	}
	for _, in := range []string{`["1ms"]`, `["8d"]`, `["7d","7d","7d","7d","7d"]`, `{"initial":"5s","factor":0.5}`, `{"initial":"1h","until":"1m"}`, `{"initial":"5s","factor":1e300}`} {
		var p RetryPolicy
		if err := json.Unmarshal([]byte(in), &p); err != nil {
			t.Errorf("%s: %v", in, err)
		} else if p.check() == nil {
			t.Errorf("%s passed: %+v", in, p)
		}
	}
}

func TestScheduleIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := RetryPolicy{
			Initial: Duration(rapid.Int64Range(int64(minRetryDelay), int64(maxRetryDelay)).Draw(t, "initial")),
			Factor:  rapid.Float64Range(1, 100).Draw(t, "factor"),
			Max:     Duration(rapid.Int64Range(int64(minRetryDelay), int64(maxRetryDelay)).Draw(t, "max")),
			Until:   Duration(rapid.Int64Range(0, int64(maxRetrySpan)).Draw(t, "until")),
		}
		if p.check() != nil {
			return
		}
		var sum Duration
		s := p.Schedule()
		for i, d := range s {
			if sum += d; d <= 0 || i > 0 && d < s[i-1] && d != p.Max {
				t.Fatalf("delay %d is %s: %v", i, d, s)
			}
		}
		if len(s) == 0 || len(s) > maxRetries || sum > p.Until {
			t.Fatalf("%d delays, %s in all", len(s), sum)
		}
	})
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"15s": 15 * time.Second, "2m30s": 150 * time.Second, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour,
		"1.5d": 36 * time.Hour, "0s": 0, "100ms": 100 * time.Millisecond,
	} {
		d, err := ParseDuration(in)
		if err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v, %v", in, time.Duration(d), err)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%s prints as %s, which reads as %s, %v", in, d, again, err)
		}
	}
	for _, in := range []string{"", "d", "5", "x", "-1d", "1e9d", "NaNd", "5 s", "1d1d"} {
		if d, err := ParseDuration(in); err == nil {
			t.Errorf("%q was taken as %s", in, d)
		}
	}
}

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

func TestSlotsKeepRoomForTheQuiet(t *testing.T) {
	s := &slots{max: 16}
	greedy := 0
	for range 100 {
		if s.take(&lane{}, proven, greedy, 1000) {
			greedy++
		}
	}
	if greedy >= 16 {
		t.Fatalf("one lane took %d of 16 slots", greedy)
	}
	for range 16 - greedy {
		if !s.take(&lane{}, proven, 0, 1000) {
			t.Fatal("a lane with nothing in flight was refused while slots were free")
		}
	}
	if s.take(&lane{}, proven, 0, 1000) {
		t.Fatal("more than the maximum was given out")
	}
}

func TestSlotsOfLanesThatFail(t *testing.T) {
	s := &slots{max: 16}
	count := func(of standing) (n int) {
		for range 100 {
			if s.take(&lane{}, of, 0, 32) {
				n++
			}
		}
		return n
	}
	if f, u, p := count(failing), count(unproven), count(proven); f != 8 || u != 4 || p != 4 {
		t.Errorf("failing lanes got %d, unproven ones %d, proven ones %d of 16 slots; want 8, 4, 4", f, u, p)
	}
}

func TestReturnedSlotsGoToProvenLanesFirst(t *testing.T) {
	s := &slots{max: 4}
	for _, of := range []standing{failing, failing, unproven, proven} {
		s.take(&lane{}, of, 0, 32)
	}
	bad, well := &lane{}, &lane{}
	if s.take(bad, failing, 0, 32) || s.take(well, proven, 0, 32) {
		t.Fatal("more than the maximum was given out")
	}
	s.inUse--
	s.used[failing]--
	if s.next() != well || s.next() != bad || s.next() != nil {
		t.Error("a lane that is proven is not woken first")
	}
}
