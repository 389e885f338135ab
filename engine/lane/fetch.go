package lane

import (
	"time"

	"github.com/bellhop/bellhop"
)

// fetch claims deliveries from the store when it has some that are due and the
// lane has room, and otherwise tells when that may be so.
func (l *lane) fetch(now time.Time) (again time.Time) {
	if !l.owns() || l.nextDue == (dues{}) || l.claiming || l.releasing || l.doubtful || l.disowning || l.m.lease == (bellhop.Lease{}) {
		return time.Time{}
	}
	for _, k := range l.claimTurns() {
		when := l.nextDue[k]
		room, budget := l.room(k, now)
		if when.IsZero() || room == 0 {
			continue // the end of a request pumps again
		}
		for _, notBefore := range []time.Time{l.askAt, l.breaker.probeAt, l.restUntil} {
			if notBefore.After(when) {
				when = notBefore
			}
		}
		if when.After(now) {
			again = earliest(again, when)
		} else if l.claim(k, room, budget, now) {
			return time.Time{}
		}
	}
	return again
}

// claimTurns is which kind is claimed first: they take turns, but that a probe is a
// first attempt, if there is one. What failed before would be likely to fail again,
// whether or not the receiver is well.
func (l *lane) claimTurns() [kinds]kind {
	if !l.breaker.open() && l.claimedOf == firstAttempt {
		return [kinds]kind{retry, firstAttempt}
	}
	return [kinds]kind{firstAttempt, retry}
}

// room is how many deliveries of a kind the lane has room for, and for how many bytes
// of their events.
func (l *lane) room(k kind, now time.Time) (items, bytes int) {
	most, mostBytes := fetchItems, max(fetchBytes, min(fetchMost, int(l.m.memory.free()/fetchShare)))
	here, hereWeight := l.queue[k].len(), l.queue[k].weight
	if k == retry {
		most, mostBytes = retryItems, mostBytes/retryPart
	} else {
		here += l.reserved
	}
	left := l.m.memory.left(l.classify(now))
	budget := min(left/2, int64(mostBytes/2))
	switch {
	case l.breaker.open() || l.resting() || left < l.m.memory.max/16:
		// One delivery is enough to probe with; and where little memory is left, it is one
		// at a time.
		if l.idle() {
			return 1, 1
		}
	case here <= most/2 && hereWeight <= mostBytes/2:
		items = max(min(most-here, stepItems, int(budget/itemWeight)), 1)
	}
	return items, max((int(budget)-items*itemWeight)/bodies, 1)
}

// claim asks the store for deliveries, if there is memory for them: for more than a single
// one only where nobody waits for it. Who has nothing in hand waits in turn; for any other,
// the end of a request pumps again. A single delivery may have more than was asked for.
func (l *lane) claim(k kind, room, budget int, now time.Time) bool {
	weight := int64(room*itemWeight + bodies*max(budget, l.m.MaxData))
	if !l.afford(weight, now) {
		room, budget, weight = 1, 1, l.m.memory.largest
		if !l.idle() {
			return false
		}
		if !l.afford(weight, now) {
			l.m.look(now)
			l.m.memory.wait(l, l.classify(now))
			return false
		}
	}
	l.claiming, l.claimedOf = true, k
	l.m.underWay++
	c := Claim{
		ClaimRequest: bellhop.ClaimRequest{
			Lease: l.m.lease, Endpoint: l.id, BucketEpoch: l.bucket.epoch, Retries: k == retry, Limit: room, MaxBytes: budget, Turn: tenant(l.route),
			// The newest probe says most of how the receiver is now. An order is
			// kept even so.
			Newest: k == firstAttempt && l.breaker.open() && l.route.Ordering == bellhop.OrderingNone,
		},
		orders: l.orders, deaths: l.m.graves.deaths, weight: weight,
	}
	l.hold(weight) // other lanes' claims must not count on it
	l.m.do(c)
	return true
}

// claimed takes what a claim has brought.
func (l *lane) claimed(in Claimed, now time.Time) {
	l.claiming = false
	l.doubtful = l.doubtful || in.Result == Unknown
	if in.Result == Done {
		l.nextDue, l.askAt = dues{ours(in.Answer.Next, now), ours(in.Answer.NextRetry, now)}, time.Time{}
	} else {
		in.Answer, l.askAt = bellhop.Claimed{}, now.Add(askAgain)
	}
	for k, at := range l.noted {
		l.nextDue.note(kind(k), at)
	}
	if l.noted = (dues{}); !l.mine() {
		l.nextDue = dues{}
	}
	for _, w := range in.Answer.Work {
		l.push(w, in.Claim.deaths)
	}
	// The newest was to be a probe: where the circuit was closed meanwhile, older ones go
	// first.
	l.mustRelease = l.mustRelease || in.Claim.Newest && !l.breaker.open()
	l.mustRelease = l.mustRelease || l.outdated || l.orders != in.Claim.orders
	l.outdated = false
	l.pump(now)
}
