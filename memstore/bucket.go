package memstore

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// Buckets gives the owners of the buckets.
func (s *Store) Buckets(ctx context.Context) ([]bellhop.BucketOwner, error) {
	list := make([]bellhop.BucketOwner, 0, bellhop.Buckets)
	err := s.step(ctx, func() error {
		list = list[:0]
		for b := range bellhop.Buckets {
			list = append(list, s.bucket(bellhop.Bucket(b)))
		}
		return nil
	})
	return list, err
}

// bucket is a bucket with its owner, if that has a lease.
func (s *Store) bucket(b bellhop.Bucket) bellhop.BucketOwner {
	o := s.buckets[b]
	o.Bucket = b
	if s.holds(o.Lease) != nil {
		o.Lease = bellhop.Lease{}
	}
	return o
}

// TakeBuckets makes the lease the owner of buckets.
func (s *Store) TakeBuckets(ctx context.Context, l bellhop.Lease, want []bellhop.BucketOwner, _ time.Time) ([]bellhop.BucketOwner, error) {
	var taken []bellhop.BucketOwner
	err := s.step(ctx, func() error {
		if err := s.holds(l); err != nil {
			return err
		}
		for _, w := range want {
			o := s.bucket(w.Bucket)
			if o.Lease == (bellhop.Lease{}) && o.Epoch == w.Epoch {
				o.Lease, o.Epoch = l, o.Epoch+1
				s.buckets[w.Bucket] = o
			}
			if o.Lease == l {
				taken = append(taken, o)
			}
		}
		return nil
	})
	return taken, err
}

// LeaveBuckets gives up buckets.
func (s *Store) LeaveBuckets(ctx context.Context, l bellhop.Lease, left []bellhop.BucketOwner, _ time.Time) error {
	err := s.step(ctx, func() error {
		if err := s.holds(l); err != nil {
			return err
		}
		for _, x := range left {
			if o := &s.buckets[x.Bucket]; o.Lease == l && o.Epoch == x.Epoch {
				o.Lease = bellhop.Lease{}
			}
		}
		return nil
	})
	if err == nil {
		s.Wake(bellhop.Wakeup{Nodes: true})
	}
	return err
}

// owns fails with ErrBucketLost if the lease does not own the endpoint's bucket.
func (s *Store) owns(l bellhop.Lease, e bellhop.EndpointID, epoch int64) error {
	if o := s.buckets[bellhop.BucketOf(e)]; o.Lease != l || o.Epoch != epoch {
		return bellhop.ErrBucketLost
	}
	return nil
}
