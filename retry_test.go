package bellhop

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

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
		if f := p.Check(); f != nil {
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
	for _, in := range []string{`["1ms"]`, `["8d"]`, `["7d","7d","7d","7d","7d"]`, `{"initial":"5s","factor":0.5}`, `{"initial":"1h","max":"1m"}`, `{"initial":"1h","max":"0s"}`, `{"initial":"1h","until":"1m"}`, `{"initial":"5s","factor":1e300}`} {
		var p RetryPolicy
		if err := json.Unmarshal([]byte(in), &p); err != nil {
			t.Errorf("%s: %v", in, err)
		} else if p.Check() == nil {
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
		if p.Check() != nil {
			return
		}
		var sum Duration
		s := p.Schedule()
		for i, d := range s {
			// The last one leads to the end, however near that is.
			if sum += d; d <= 0 || i > 0 && i < len(s)-1 && d < s[i-1] {
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
