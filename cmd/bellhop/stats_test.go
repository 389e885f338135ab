package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// TestStats: the totals are those that the API gives, since percentiles do not add
// up.
func TestStats(t *testing.T) {
	at := time.Date(2027, 6, 1, 12, 0, 0, 0, time.Local)
	counts := client.Stats{
		Since: at, Until: at.Add(time.Hour), Bucket: bellhop.Duration(15 * time.Minute),
		Buckets: []bellhop.StatsBucket{
			{Start: at, Succeeded: 90, MaxDurationMS: 80, Duration: bellhop.Percentiles{P50: 12.4, P95: 60, P99: 78}},
			{Start: at.Add(15 * time.Minute), Succeeded: 9, Failed: 3, Exhausted: 1, MaxDurationMS: 15000, Duration: bellhop.Percentiles{P50: 20, P95: 12_000, P99: 15_300}},
		},
		Total: bellhop.StatsBucket{
			Start: at, Succeeded: 99, Failed: 3, Exhausted: 1, MaxDurationMS: 15000, Duration: bellhop.Percentiles{P50: 13, P95: 65, P99: 13_000},
			Latency: bellhop.Percentiles{P50: 15, P95: 300, P99: 65_000},
		},
	}
	var out bytes.Buffer
	p := &program{out: &out, now: func() time.Time { return at }}
	show := func() string {
		t.Helper()
		out.Reset()
		if err := p.show(counts, func() { p.showBuckets(counts) }); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	want := `FROM (15m)    SUCCEEDED  FAILED  GIVEN UP  MEDIAN    95%    99%  LONGEST
12:00:00 UTC         90       0         0    12ms   60ms   78ms     80ms
12:15:00 UTC          9       3         1    20ms  12.0s  15.0s    15.0s
all                  99       3         1    13ms   65ms  13.0s    15.0s
From due to delivered, retries included: median 15ms, 95% within 300ms, 99% within 65.0s.
`
	// Whatever the zone's name and its length.
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if got := words(show()); got != words(strings.ReplaceAll(want, "UTC", at.Format("MST"))) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	counts.Total.Latency = bellhop.Percentiles{}
	if got := show(); strings.Contains(got, "due") {
		t.Errorf("nothing was delivered:\n%s", got)
	}

	p.json = true
	var got struct {
		Total struct{ Duration, Latency map[string]float64 }
	}
	if err := json.Unmarshal([]byte(show()), &got); err != nil || got.Total.Duration["p95_ms"] != 65 {
		t.Errorf("%+v, %v", got, err)
	}
}
