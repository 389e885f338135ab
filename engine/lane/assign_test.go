package lane

import (
	"math/rand/v2"
	"testing"

	"github.com/bellhop/bellhop"
)

// TestPinnedBucketsGoWhereSomebodyListens, however many those are, and the others are shared
// evenly; when nobody listens any more, all are.
func TestPinnedBucketsGoWhereSomebodyListens(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, tc := range []struct{ nodes, listeners int }{{2, 1}, {2, 250}, {3, 7}, {3, 120}, {5, 60}} {
		nodes := make([]bellhop.NodeInfo, tc.nodes)
		var leases []bellhop.Lease
		for i := range nodes {
			nodes[i].Lease = bellhop.Lease{Node: bellhop.NodeID(i + 1), Epoch: 1}
			leases = append(leases, nodes[i].Lease)
		}
		for i := range tc.listeners { // most of them by way of the last node
			n := &nodes[max(tc.nodes-1-i%8, 0)]
			n.Status.Listened = append(n.Status.Listened, bellhop.EndpointID(random.Int64()))
		}
		owners := make([]bellhop.BucketOwner, bellhop.Buckets)
		for i := range owners {
			owners[i] = bellhop.BucketOwner{Bucket: bellhop.Bucket(i), Lease: leases[i%tc.nodes], Epoch: 1}
		}
		// settle has all nodes look, until all have what they should.
		settle := func() (pins map[bellhop.Bucket]bellhop.Lease) {
			for range 1000 {
				even := true
				seen := append([]bellhop.BucketOwner(nil), owners...)
				pins = Pins(nodes, seen)
				for _, me := range leases {
					a := Assign(me, leases, seen, pins, func(bellhop.Bucket) bool { return false })
					even = even && a.Even
					for _, o := range a.Take {
						if owners[o.Bucket].Lease != (bellhop.Lease{}) {
							t.Fatalf("%+v: bucket %d is taken from its owner", tc, o.Bucket)
						}
						owners[o.Bucket].Lease = me
					}
					if a.More {
						owners[a.Leave].Lease = bellhop.Lease{}
					}
				}
				if even {
					return pins
				}
			}
			t.Fatalf("%+v: there is no end to it", tc)
			return nil
		}
		count := func() map[bellhop.Lease]int {
			count := map[bellhop.Lease]int{}
			for _, o := range owners {
				count[o.Lease]++
			}
			return count
		}
		pins := settle()
		pinned := map[bellhop.Lease]int{}
		for b, l := range pins {
			pinned[l]++
			if owners[b].Lease != l {
				t.Errorf("%+v: bucket %d belongs to %v, want %v", tc, b, owners[b].Lease, l)
			}
		}
		lowest, highest := bellhop.Buckets, 0
		for l, n := range count() {
			if n == pinned[l] {
				continue // it has those alone
			}
			lowest, highest = min(lowest, n), max(highest, n)
		}
		if highest > lowest+1 {
			t.Errorf("%+v: the rest is shared as %d and %d", tc, lowest, highest)
		}
		for i := range nodes {
			nodes[i].Status.Listened = nil
		}
		settle()
		for l, n := range count() {
			if n < bellhop.Buckets/tc.nodes || n > bellhop.Buckets/tc.nodes+1 {
				t.Errorf("%+v: in the end %v has %d buckets", tc, l, n)
			}
		}
	}
}

// TestABucketStaysWithTheFirstOfTwoThatCouldHaveIt.
func TestABucketStaysWithTheFirstOfTwoThatCouldHaveIt(t *testing.T) {
	const e = bellhop.EndpointID(7)
	at := func(n bellhop.NodeID, doing bellhop.NodeDoing) bellhop.NodeInfo {
		return bellhop.NodeInfo{Lease: bellhop.Lease{Node: n, Epoch: 1}, Status: bellhop.NodeStatus{Doing: doing, Listened: []bellhop.EndpointID{e}}}
	}
	owners := make([]bellhop.BucketOwner, bellhop.Buckets)
	nodes := []bellhop.NodeInfo{at(1, bellhop.NodeDelivering), at(2, bellhop.NodeDelivering)}
	for owner, want := range map[bellhop.NodeID]bellhop.NodeID{0: 1, 1: 1, 2: 2, 3: 1} {
		owners[bellhop.BucketOf(e)].Lease = bellhop.Lease{Node: owner, Epoch: min(int64(owner), 1)}
		if got := Pins(nodes, owners)[bellhop.BucketOf(e)].Node; got != want {
			t.Errorf("the bucket of node %d is for node %d, want %d", owner, got, want)
		}
	}
	nodes[0].Status.Doing = bellhop.NodeDraining
	if got := Pins(nodes, owners)[bellhop.BucketOf(e)].Node; got != 2 {
		t.Errorf("a node that is about to end keeps a bucket from node 2: %d", got)
	}
}
