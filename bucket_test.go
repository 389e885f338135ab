package bellhop_test

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// TestEndpointsAreSpreadOverTheBuckets, however they were made: at one moment or day by
// day. And what is in a bucket stays there.
func TestEndpointsAreSpreadOverTheBuckets(t *testing.T) {
	const each = 100
	for name, step := range map[string]time.Duration{"at once": 0, "by the day": 24 * time.Hour} {
		ids, now := id.NewGenerator(1, 0), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var count [bellhop.Buckets]int
		for range each * bellhop.Buckets {
			now = now.Add(step)
			count[bellhop.BucketOf(id.Next[id.Endpoint](ids, now))]++
		}
		for b, n := range count {
			if n < each/2 || n > each*3/2 {
				t.Errorf("%s: %d endpoints in bucket %d, want about %d", name, n, b, each)
			}
		}
	}
	for e, b := range map[bellhop.EndpointID]bellhop.Bucket{1: 0x56, 1 << 21: 0x6f} {
		if got := bellhop.BucketOf(e); got != b {
			t.Errorf("endpoint %d is in bucket %#x, want %#x", e, got, b)
		}
	}
}

// TestExactEndpoints are those whose order or limit must hold across nodes.
func TestExactEndpoints(t *testing.T) {
	for name, tc := range map[string]struct {
		e    bellhop.Endpoint
		want bool
	}{
		"as it is made":                {bellhop.Endpoint{Concurrency: 32, Ordering: bellhop.OrderingNone}, false},
		"in the order of subjects":     {bellhop.Endpoint{Ordering: bellhop.OrderingSubject}, true},
		"in one order":                 {bellhop.Endpoint{Ordering: bellhop.OrderingEndpoint}, true},
		"with a rate limit":            {bellhop.Endpoint{RateLimit: &bellhop.RateLimit{PerSecond: 1}}, true},
		"with a concurrency asked for": {bellhop.Endpoint{Concurrency: 32, ExactConcurrency: true}, true},
	} {
		if got := tc.e.Exact(); got != tc.want {
			t.Errorf("an endpoint %s is exact: %v, want %v", name, got, tc.want)
		}
	}
}
