package lane

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

func limited(e *bellhop.Endpoint) { e.RateLimit = &bellhop.RateLimit{PerSecond: 1, Burst: 3} }

func due(b *bench, e bellhop.EndpointID) Noted {
	return Noted{bellhop.Backlog{Endpoint: e, Due: b.now}}
}

// lose has the bucket of an endpoint belong to another node.
func (b *bench) lose(e bellhop.EndpointID) []Effect {
	return b.step(BucketLost{bellhop.BucketOf(e), b.lease.Epoch})
}

// TestOnlyTheOwnerClaims, and has the owner told of what is due where that is another.
func TestOnlyTheOwnerClaims(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	b.want("the owner", b.step(due(b, r.ID)), "Claim")
	other := b.endpoint()
	b.lose(other.ID)
	effects := b.step(due(b, other.ID))
	b.want("another node", effects, "Tell")
	if of[Tell](effects)[0].Bucket != bellhop.BucketOf(other.ID) {
		t.Errorf("told of %+v", effects[0])
	}
	b.now = b.now.Add(time.Second)
	b.want("a heartbeat later", b.step(Heartbeat{}))
}

// TestOnlyTheOwnerSendsWhereLimitsAreExact: others have no room for it.
func TestOnlyTheOwnerSendsWhereLimitsAreExact(t *testing.T) {
	b := newBench(t)
	for name, tc := range map[string]struct {
		change func(*bellhop.Endpoint)
		room   bool
	}{
		"no limit":    {func(*bellhop.Endpoint) {}, true},
		"a rate":      {limited, false},
		"concurrency": {func(e *bellhop.Endpoint) { e.ExactConcurrency = true }, false},
		"an order":    {func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingSubject }, false},
	} {
		r := b.endpoint(tc.change)
		b.lose(r.ID)
		if got := b.m.Reserve(r, 1, b.now); got != tc.room {
			t.Errorf("%s: room at a node that is not the owner: %v", name, got)
		}
	}
}

// TestAHandOverDrains: nothing more is claimed or sent, what is queued goes back, and what is
// in flight is recorded before the bucket is left.
func TestAHandOverDrains(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency, e.ExactConcurrency = 1, true })
	_, effects := b.publish(r)
	flying := of[Send](effects)[0].Job
	queued, _ := b.publish(r)
	bucket := bellhop.BucketOf(r.ID)

	effects = b.step(BucketLeaving{bucket})
	b.want("leaving", effects, "Release")
	if ids := of[Release](effects)[0].Deliveries; len(ids) != 1 || ids[0] != queued.Delivery.ID {
		t.Errorf("gave back %v", ids)
	}
	b.want("something is due", b.step(due(b, r.ID)))
	if b.m.Reserve(r, 1, b.now) {
		t.Error("there is room while it is handed over")
	}
	b.want("released", b.step(Released{r.ID}))
	_, follows := b.answer(flying, bellhop.ClassTaken)
	b.want("the last answer", follows, "Drained")
	if d := of[Drained](follows)[0]; d.Bucket != bucket || d.Epoch != b.lease.Epoch {
		t.Errorf("drained: %+v", d)
	}
	b.want("left", b.lose(r.ID))
}

// TestAHandOverOfWhatAnyNodeMaySendWaitsForClaimsAlone.
func TestAHandOverOfWhatAnyNodeMaySendWaitsForClaimsAlone(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	b.publish(r)
	claim := of[Claim](b.step(due(b, r.ID)))[0]
	b.want("leaving during a claim", b.step(BucketLeaving{bellhop.BucketOf(r.ID)}))
	effects := b.step(Claimed{Claim: claim})
	if len(of[Drained](effects)) != 1 {
		t.Errorf("after the claim: %v", names(effects))
	}
}

// TestAHandOverThatIsTakenBack goes on as before.
func TestAHandOverThatIsTakenBack(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(limited)
	bucket := bellhop.BucketOf(r.ID)
	if len(of[Drained](b.step(BucketLeaving{bucket}))) != 1 {
		t.Error("an idle bucket is not drained at once")
	}
	b.step(BucketKept{bucket})
	b.want("due again", b.step(due(b, r.ID)), "Claim")
}

// TestATakenBucketBringsWhatIsDue, with limits that others may just have used up.
func TestATakenBucketBringsWhatIsDue(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(limited)
	b.lose(r.ID)
	effects := b.step(BucketsTaken{
		Taken: []bellhop.BucketOwner{{Bucket: bellhop.BucketOf(r.ID), Lease: b.lease, Epoch: 9}}, Handed: true,
		Due: []bellhop.Backlog{{Endpoint: r.ID, Due: b.now}},
	})
	b.want("taken", effects, "Claim")
	claim := of[Claim](effects)[0]
	if claim.BucketEpoch != 9 {
		t.Errorf("claimed under epoch %d", claim.BucketEpoch)
	}
	b.want("at once", b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}}}))
	b.now = b.now.Add(time.Second)
	b.want("a second later", b.step(Tick{}), "Send")
}

// TestWithoutTrustInTheLeaseNothingBegins.
func TestWithoutTrustInTheLeaseNothingBegins(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	b.step(Trusted{Lease: false})
	if b.m.Reserve(r, 1, b.now) {
		t.Error("there is room")
	}
	b.want("due", b.step(due(b, r.ID)))
	b.want("trusted again", b.step(Trusted{Lease: true}), "Claim")
}

// TestSharesAreEvenAndDoNotOverlap, whatever the nodes start from.
func TestSharesAreEvenAndDoNotOverlap(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 255, 300} {
		var leases []bellhop.Lease
		for i := range n {
			leases = append(leases, bellhop.Lease{Node: bellhop.NodeID(i + 1), Epoch: 1})
		}
		owners := make([]bellhop.BucketOwner, bellhop.Buckets)
		for i := range owners {
			owners[i] = bellhop.BucketOwner{Bucket: bellhop.Bucket(i), Lease: leases[0], Epoch: 1}
		}
		rounds := 0
		for even := false; !even; rounds++ {
			if rounds > 600 {
				t.Fatalf("%d nodes do not come to an end", n)
			}
			even = true
			seen := append([]bellhop.BucketOwner(nil), owners...)
			for _, me := range leases {
				a := Assign(me, leases, seen, nil, func(bellhop.Bucket) bool { return false })
				even = even && a.Even
				for _, o := range a.Take {
					if owners[o.Bucket].Lease != (bellhop.Lease{}) {
						t.Fatalf("two nodes take bucket %d", o.Bucket)
					}
					owners[o.Bucket].Lease = me
				}
				if a.More {
					owners[a.Leave].Lease = bellhop.Lease{}
				}
			}
		}
		count := map[bellhop.Lease]int{}
		for _, o := range owners {
			count[o.Lease]++
		}
		for _, l := range leases {
			if c := count[l]; c < bellhop.Buckets/n || c > bellhop.Buckets/n+1 {
				t.Errorf("of %d nodes, %v has %d buckets", n, l, c)
			}
		}
		if owners[0].Lease != leases[0] {
			t.Errorf("of %d nodes, the first bucket went to %v", n, owners[0].Lease)
		}
	}
}
