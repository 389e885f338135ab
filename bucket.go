package bellhop

import "errors"

// Bucket is a part of all endpoints. Each bucket is owned by one node at a time, which
// alone fetches from the store what waits for its endpoints.
type Bucket uint8

// Buckets is how many there are.
const Buckets = 256

// BucketOf tells which bucket an endpoint is in. It never changes.
func BucketOf(e EndpointID) Bucket {
	// The finalizer of splitmix64: ids that were made one after the other differ in few
	// bits, and must not end up side by side.
	x := uint64(e)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return Bucket((x ^ x>>31) >> 56)
}

// BucketOwner says who owns a bucket.
type BucketOwner struct {
	Bucket Bucket
	// Lease is that of the owner. It is zero where there is none: nobody took the
	// bucket, it was left, or the lease of its owner is over.
	Lease Lease
	// Epoch counts how often the bucket was taken. What was begun under an earlier one
	// cannot be mistaken for the present owner's.
	Epoch int64
}

// ErrBucketLost: the node does not own the endpoint's bucket (any more).
var ErrBucketLost = errors.New("the bucket belongs to another node")
