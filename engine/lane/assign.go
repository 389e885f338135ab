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

// Pins says which node is to have a bucket, since somebody listens at one of its endpoints
// by way of that node. Where two could have it, the one that owns it keeps it, else the
// first gets it.
func Pins(nodes []bellhop.NodeInfo, owners []bellhop.BucketOwner) map[bellhop.Bucket]bellhop.Lease {
	pins := map[bellhop.Bucket]bellhop.Lease{}
	for _, n := range nodes {
		if n.Status.Doing == bellhop.NodeDraining {
			continue
		}
		for _, e := range n.Status.Listened {
			b := bellhop.BucketOf(e)
			if first, taken := pins[b]; !taken || owners[b].Lease == n.Lease || owners[b].Lease != first && before(n.Lease, first) < 0 {
				pins[b] = n.Lease
			}
		}
	}
	return pins
}

func before(x, y bellhop.Lease) int {
	return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.Epoch, y.Epoch))
}

// Assign says what a node does next, if these are the leases that are held and the owners
// of the buckets, and pins what Pins says. All nodes that see the same come to what fits
// together: no two take the same. Buckets are handed over one at a time, those first that
// another is to have, and then those that nothing keeps; whoever has the first bucket, and
// with it the housekeeping, keeps it while it has others.
func Assign(me bellhop.Lease, leases []bellhop.Lease, owners []bellhop.BucketOwner, pins map[bellhop.Bucket]bellhop.Lease, keeps func(bellhop.Bucket) bool) Assignment {
	leases = slices.Clone(leases)
	if !slices.Contains(leases, me) {
		leases = append(leases, me)
	}
	slices.SortFunc(leases, before)
	pinned := map[bellhop.Lease]int{}
	for _, l := range pins {
		pinned[l]++
	}
	shares := sharesOf(len(owners), leases, pinned)
	has := map[bellhop.Lease]int{}
	a := Assignment{Even: true}
	var free []bellhop.BucketOwner
	var mine, wanted []bellhop.Bucket
	for _, o := range owners {
		pin, isPinned := pins[o.Bucket]
		isPinned = isPinned && slices.Contains(leases, pin)
		a.Even = a.Even && o.Lease != (bellhop.Lease{}) && (!isPinned || o.Lease == pin)
		switch {
		case o.Lease == (bellhop.Lease{}) && isPinned:
			if has[pin]++; pin == me {
				a.Take = append(a.Take, o)
			}
			continue
		case o.Lease == (bellhop.Lease{}):
			free = append(free, o)
			continue
		case o.Lease == me && isPinned && pin != me:
			wanted = append(wanted, o.Bucket)
		case o.Lease == me && !isPinned:
			mine = append(mine, o.Bucket)
		}
		has[o.Lease]++
	}
	for i, l := range leases {
		lacks := shares[i] - has[l]
		a.Even = a.Even && lacks == 0
		some := free[:min(max(lacks, 0), len(free))]
		free = free[len(some):]
		if l == me {
			a.Take = append(a.Take, some...)
			a.More = len(wanted) > 0 || lacks < 0 && len(mine) > 0
		}
	}
	switch {
	case len(wanted) > 0:
		a.Leave = wanted[0]
	case a.More:
		slices.Reverse(mine)
		a.Leave = mine[0]
		if i := slices.IndexFunc(mine, func(b bellhop.Bucket) bool { return b != 0 && !keeps(b) }); i >= 0 {
			a.Leave = mine[i]
		}
	}
	return a
}

// sharesOf shares buckets out: who is to have more than the others could has just those,
// and the others have equal parts of the rest.
func sharesOf(buckets int, leases []bellhop.Lease, pinned map[bellhop.Lease]int) []int {
	shares := make([]int, len(leases))
	above := make([]bool, len(leases))
	for rest, equal, again := buckets, len(leases), true; again && equal > 0; {
		again = false
		place := 0
		for i, l := range leases {
			if above[i] {
				continue
			}
			shares[i] = rest / equal
			if place < rest%equal {
				shares[i]++
			}
			place++
			if n := pinned[l]; n > shares[i] {
				shares[i], above[i], again = n, true, true
				rest, equal = rest-n, equal-1
				break
			}
		}
	}
	return shares
}
