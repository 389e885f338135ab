package sqlite

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// ClaimOf makes a claim, for which its lease gets the endpoint's bucket.
func ClaimOf(t testing.TB, s *Store, r bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	t.Helper()
	owners, err := s.Buckets(t.Context())
	if err != nil {
		return bellhop.Claimed{}, err
	}
	o := owners[bellhop.BucketOf(r.Endpoint)]
	if o.Lease != r.Lease {
		taken, err := s.TakeBuckets(t.Context(), r.Lease, []bellhop.BucketOwner{o}, now)
		if err != nil || len(taken) != 1 {
			t.Fatalf("bucket %+v: %v, %v", o, taken, err)
		}
		o = taken[0]
	}
	r.BucketEpoch = o.Epoch
	return s.Claim(t.Context(), r, now)
}

// TestBucketsOutliveARestart: the epochs go on, and nobody owns one.
func TestBucketsOutliveARestart(t *testing.T) {
	path := t.TempDir() + "/bellhop.db"
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for epoch := range int64(3) {
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		owners, err := s.Buckets(t.Context())
		if err != nil || owners[7] != (bellhop.BucketOwner{Bucket: 7, Epoch: epoch}) {
			t.Fatalf("bucket 7 is %+v, %v", owners[7], err)
		}
		n, err := s.Join(t.Context(), bellhop.NodeAbout{Started: now}, time.Hour, now)
		if err != nil {
			t.Fatal(err)
		}
		taken, err := s.TakeBuckets(t.Context(), n.Lease, owners, now)
		if err != nil || len(taken) != bellhop.Buckets {
			t.Fatalf("took %d, %v", len(taken), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
