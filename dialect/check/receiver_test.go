package check_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/check"
)

var now = time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)

// behaviour is what a receiver answers to a request.
type behaviour func(d *dialect.Dialect, secret string, got dialect.Received) int

func verifies(d *dialect.Dialect, secret string, got dialect.Received) int {
	if d.Verify(got, []string{secret}, now, 0) != nil {
		return 401
	}
	return 200
}

// try checks a receiver that behaves so, and gives its marks by name.
func try(t *testing.T, name string, change func(*check.Receiver), behave behaviour) (check.Report, map[string]check.Result) {
	t.Helper()
	d, err := dialect.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := d.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	n, requests := 0, 0
	var mu sync.Mutex
	r := check.Receiver{
		Dialect: d, Secrets: []string{secret},
		Message: dialect.Message{App: "acme", Type: "webhook.test", Data: []byte(`{"message":"This is a test event."}`)},
		NewID:   func() string { n++; return fmt.Sprintf("evt_%d", n) },
		Now:     func() time.Time { return now },
		Send: func(_ context.Context, s check.Shot) check.Answer {
			made, err := s.Signer.Render(s.Message)
			if err != nil {
				return check.Answer{Unmade: true, Detail: err.Error()}
			}
			got := dialect.Received{Header: http.Header{}, Body: made.Body}
			for _, h := range made.Headers {
				got.Header.Add(h.Name, h.Value)
			}
			if s.Alter != nil {
				got.Body = s.Alter(got.Header, got.Body)
			}
			mu.Lock()
			defer mu.Unlock()
			requests++
			status := behave(d, secret, got)
			if status == 0 {
				return check.Answer{Reason: "timeout", Detail: "no answer within 10s", Duration: 10 * time.Second}
			}
			return check.Answer{Status: status, Duration: time.Millisecond}
		},
	}
	if change != nil {
		change(&r)
	}
	report, err := check.Try(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if requests > 10 {
		t.Errorf("%d requests", requests)
	}
	results := map[string]check.Result{}
	for _, x := range report.Results {
		results[x.Name] = x
		if x.Mark == "" || x.Detail == "" || x.Sent == "" || (x.Mark == check.Fault || x.Mark == check.Weak) && x.Remedy == "" {
			t.Errorf("%s: %+v", name, x)
		}
		if strings.Contains(fmt.Sprint(x), secret) {
			t.Errorf("%s: the secret is told: %+v", name, x)
		}
	}
	if len(results) != 8 {
		t.Errorf("%s: %d results", name, len(results))
	}
	return report, results
}

// TestGoodReceivers: one that does what its dialect asks has no fault, in every dialect,
// and what a dialect does not have is left out and said.
func TestGoodReceivers(t *testing.T) {
	for _, def := range dialect.Builtin() {
		report, results := try(t, def.Name, nil, verifies)
		if !report.OK {
			t.Errorf("%s: %+v", def.Name, report)
		}
		d, _ := dialect.Lookup(def.Name)
		if skipped := results["stale_time"].Mark == check.Skipped; skipped != (d.MaxAge() == 0) {
			t.Errorf("%s: %+v", def.Name, results["stale_time"])
		}
		if skipped := results["changed_body"].Mark == check.Skipped; skipped != (def.Name == "showpass") {
			t.Errorf("%s: %+v", def.Name, results["changed_body"])
		}
		for _, name := range []string{"good", "duplicate", "wrong_secret", "unsigned", "large", "together"} {
			if results[name].Mark != check.Pass {
				t.Errorf("%s: %+v", def.Name, results[name])
			}
		}
	}
}

// TestBadReceivers: what each does wrong is found, and only that.
func TestBadReceivers(t *testing.T) {
	seen := map[string]bool{}
	for _, tc := range []struct {
		name   string
		ok     bool
		behave behaviour
		want   map[string]string // marks that are not pass
	}{
		{
			"believes everybody", false, func(*dialect.Dialect, string, dialect.Received) int { return 200 },
			map[string]string{"changed_body": check.Fault, "stale_time": check.Weak, "wrong_secret": check.Fault, "unsigned": check.Fault},
		},
		{"wants a signature, of whomever", false, func(_ *dialect.Dialect, _ string, got dialect.Received) int {
			if got.Header.Get("webhook-signature") == "" {
				return 401
			}
			return 200
		}, map[string]string{"changed_body": check.Fault, "stale_time": check.Weak, "wrong_secret": check.Fault}},
		{"takes old ones", true, func(d *dialect.Dialect, secret string, got dialect.Received) int {
			if d.Verify(got, []string{secret}, now, -1) != nil {
				return 400
			}
			return 204
		}, map[string]string{"stale_time": check.Weak}},
		{"throws", true, func(d *dialect.Dialect, secret string, got dialect.Received) int {
			if d.Verify(got, []string{secret}, now, 0) != nil {
				return 500
			}
			return 200
		}, map[string]string{"changed_body": check.Weak, "stale_time": check.Weak, "wrong_secret": check.Weak, "unsigned": check.Weak}},
		{"knows a duplicate, and minds", false, func(d *dialect.Dialect, secret string, got dialect.Received) int {
			id := got.Header.Get("webhook-id")
			if seen[id] {
				return 409
			}
			if verifies(d, secret, got) == 200 {
				seen[id] = true
				return 200
			}
			return 401
		}, map[string]string{"duplicate": check.Fault}},
		{"takes little", true, func(d *dialect.Dialect, secret string, got dialect.Received) int {
			if len(got.Body) > 100<<10 {
				return 413
			}
			return verifies(d, secret, got)
		}, map[string]string{"large": check.Weak}},
		{
			"has another secret", false, func(*dialect.Dialect, string, dialect.Received) int { return 401 },
			map[string]string{"good": check.Fault, "duplicate": check.Untried, "changed_body": check.Untried, "stale_time": check.Untried, "wrong_secret": check.Untried, "unsigned": check.Untried, "large": check.Untried, "together": check.Untried},
		},
		{"says nothing to what is bad", true, func(d *dialect.Dialect, secret string, got dialect.Received) int {
			if verifies(d, secret, got) == 401 {
				return 0
			}
			return 200
		}, map[string]string{"changed_body": check.Weak, "stale_time": check.Weak, "wrong_secret": check.Untried, "unsigned": check.Untried, "large": check.Untried, "together": check.Untried}},
	} {
		report, results := try(t, "standard", nil, tc.behave)
		if report.OK != tc.ok {
			t.Errorf("%s: %+v", tc.name, report)
		}
		for name, r := range results {
			want := tc.want[name]
			if want == "" {
				want = check.Pass
			}
			if r.Mark != want {
				t.Errorf("%s: %s is %s, want %s: %s", tc.name, name, r.Mark, want, r.Detail)
			}
		}
	}
	_, results := try(t, "standard", func(r *check.Receiver) { r.OneAtATime = true }, verifies)
	if results["together"].Mark != check.Skipped {
		t.Errorf("%+v", results["together"])
	}
}
