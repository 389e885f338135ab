package lane

import (
	"cmp"
	"slices"

	"github.com/bellhop/bellhop"
)

// Assignment is what a node does next for every node to have its fair share of the
// buckets.
type Assignment struct {
	// Take are buckets that have no owner, and are this node's share of them.
	Take []bellhop.BucketOwner
	// Leave is a bucket to hand over, if More: the node has more than its share.
	Leave bellhop.Bucket
	More  bool
	// Even: all nodes have their share, and there is nothing to wait for.
	Even bool
}

// Assign says what a node does next, if these are the leases that are held and the owners
// of the buckets. All nodes that see the same come to what fits together: no two take the
// same. Buckets are handed over one at a time, those first that nothing keeps; whoever has
// the first bucket, and with it the housekeeping, keeps it while it has others.
func Assign(me bellhop.Lease, leases []bellhop.Lease, owners []bellhop.BucketOwner, keeps func(bellhop.Bucket) bool) Assignment {
	leases = slices.Clone(leases)
	if !slices.Contains(leases, me) {
		leases = append(leases, me)
	}
	slices.SortFunc(leases, func(x, y bellhop.Lease) int {
		return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.Epoch, y.Epoch))
	})
	has := map[bellhop.Lease]int{}
	var free []bellhop.BucketOwner
	var mine []bellhop.Bucket
	for _, o := range owners {
		switch has[o.Lease]++; o.Lease {
		case bellhop.Lease{}:
			free = append(free, o)
		case me:
			mine = append(mine, o.Bucket)
		}
	}
	a := Assignment{Even: len(free) == 0}
	for i, l := range leases {
		share := len(owners) / len(leases)
		if i < len(owners)%len(leases) {
			share++
		}
		lacks := share - has[l]
		a.Even = a.Even && lacks == 0
		some := free[:min(max(lacks, 0), len(free))]
		free = free[len(some):]
		if l == me {
			a.Take, a.More = some, lacks < 0
		}
	}
	if a.More {
		slices.Reverse(mine)
		a.Leave = mine[0]
		if i := slices.IndexFunc(mine, func(b bellhop.Bucket) bool { return b != 0 && !keeps(b) }); i >= 0 {
			a.Leave = mine[i]
		}
	}
	return a
}
