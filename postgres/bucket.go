package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

const (
	// An owner whose lease is over is none: nothing need be changed when it ends.
	bucketOwners = `SELECT b.bucket, b.epoch, coalesce(n.id, 0), coalesce(n.epoch, 0) FROM bellhop.buckets b
		LEFT JOIN bellhop.nodes n ON n.id = b.node AND n.epoch = b.node_epoch AND n.held = 1 ORDER BY b.bucket`
	// lockBuckets waits for claims that are under way.
	lockBuckets = "SELECT bucket, epoch, node, node_epoch FROM bellhop.buckets WHERE bucket = ANY($1) ORDER BY bucket FOR UPDATE"
	setOwners   = `UPDATE bellhop.buckets b SET node = $1, node_epoch = $2, epoch = x.epoch
		FROM unnest($3::smallint[], $4::bigint[]) x (bucket, epoch) WHERE b.bucket = x.bucket`
	heldLeases = "SELECT id, epoch FROM bellhop.nodes WHERE held = 1"

	ownsBucket = "SELECT 1 FROM bellhop.buckets WHERE bucket = $1 AND epoch = $2 AND node = $3 AND node_epoch = $4 FOR KEY SHARE"
)

// Buckets gives the owners of the buckets.
func (s *Store) Buckets(ctx context.Context) (list []bellhop.BucketOwner, err error) {
	err = s.readFor(ctx, forFlow, "list the buckets", func(q *reading) error {
		list = nil
		var b bellhop.BucketOwner
		return q.each(scan(func() { list = append(list, b) }, (*uint8)(&b.Bucket), &b.Epoch, (*int)(&b.Lease.Node), &b.Lease.Epoch), bucketOwners)
	})
	return list, err
}

// TakeBuckets makes the lease the owner of buckets.
func (s *Store) TakeBuckets(ctx context.Context, l bellhop.Lease, want []bellhop.BucketOwner, _ time.Time) (taken []bellhop.BucketOwner, err error) {
	err = s.write(ctx, lanes, "take buckets", func(t *txn) error {
		taken = nil
		if err := t.lease(l); err != nil {
			return err
		}
		are, err := t.lockBuckets(want)
		if err != nil {
			return err
		}
		held := map[bellhop.Lease]bool{}
		var of bellhop.Lease
		if err := t.each(scan(func() { held[of] = true }, (*int)(&of.Node), &of.Epoch), heldLeases); err != nil {
			return err
		}
		var changed []bellhop.BucketOwner
		for _, w := range want {
			b := are[w.Bucket]
			if !held[b.Lease] && b.Epoch == w.Epoch {
				b.Lease, b.Epoch = l, b.Epoch+1
				are[w.Bucket] = b
				changed = append(changed, b)
			}
			if b.Lease == l {
				taken = append(taken, b)
			}
		}
		return t.setOwners(l, changed)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(taken, func(a, b bellhop.BucketOwner) int { return cmp.Compare(a.Bucket, b.Bucket) })
	return taken, nil
}

// LeaveBuckets gives up buckets.
func (s *Store) LeaveBuckets(ctx context.Context, l bellhop.Lease, left []bellhop.BucketOwner, _ time.Time) error {
	return s.write(ctx, lanes, "leave buckets", func(t *txn) error {
		if err := t.lease(l); err != nil {
			return err
		}
		are, err := t.lockBuckets(left)
		if err != nil {
			return err
		}
		var free []bellhop.BucketOwner
		for _, b := range left {
			if is := are[b.Bucket]; is.Lease == l && is.Epoch == b.Epoch {
				free = append(free, is)
			}
		}
		return t.setOwners(bellhop.Lease{}, free)
	})
}

// lockBuckets reads who owns buckets, and keeps that as it is.
func (t *txn) lockBuckets(of []bellhop.BucketOwner) (map[bellhop.Bucket]bellhop.BucketOwner, error) {
	numbers := make([]int16, len(of))
	for i := range of {
		numbers[i] = int16(of[i].Bucket)
	}
	are := map[bellhop.Bucket]bellhop.BucketOwner{}
	var b bellhop.BucketOwner
	err := t.each(scan(func() { are[b.Bucket] = b }, (*uint8)(&b.Bucket), &b.Epoch, (*int)(&b.Lease.Node), &b.Lease.Epoch), lockBuckets, numbers)
	return are, err
}

func (t *txn) setOwners(l bellhop.Lease, of []bellhop.BucketOwner) error {
	if len(of) == 0 {
		return nil
	}
	numbers, epochs := make([]int16, len(of)), make([]int64, len(of))
	for i := range of {
		numbers[i], epochs[i] = int16(of[i].Bucket), of[i].Epoch
	}
	_, err := t.exec(setOwners, int(l.Node), l.Epoch, numbers, epochs)
	return err
}

// bucket fails with ErrBucketLost if the lease does not own the bucket under the epoch, and
// otherwise keeps it until the transaction ends.
func (t *txn) bucket(l bellhop.Lease, b bellhop.Bucket, epoch int64) error {
	var one int
	owns, err := t.one(into(&one), ownsBucket, int(b), epoch, int(l.Node), l.Epoch)
	if err == nil && !owns {
		err = bellhop.ErrBucketLost
	}
	return err
}
