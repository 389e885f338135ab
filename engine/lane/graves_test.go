package lane

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// A clock that was set back leaves events that are dated ahead of it: what is being
// claimed of an app that is deleted is not sent all the same.
func TestADeletedAppStaysGoneThoughTheClockIsSetBack(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	claimed := b.work(r)
	b.now = b.now.Add(-time.Hour)
	claim := b.noted(r, false)
	b.step(Forgotten{Gone{App: "acme"}})
	b.want("claimed", b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{claimed}}}), "Release")
	b.quiet()
}

// An app may be made anew at once. After a clock was set back, its events may be dated
// before the deletion: they are sent as soon as nothing is under way that began before it.
func TestANewAppOfAnOldNameIsNotTakenForGone(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	b.now = b.now.Add(-time.Hour)
	claim := b.noted(r, false)
	b.step(Forgotten{Gone{App: "acme"}})
	b.step(Claimed{Claim: claim})
	claim = b.noted(r, false) // and at each heartbeat, one is under way
	b.step(Heartbeat{})
	anew := b.work(r)
	b.want("claimed of the new one", b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{anew}}}), "Send")
}

// It does not wait for the others either: what is fetched after the deletion is what the
// store has, though something that began before is always under way.
func TestANewAppIsFetchedWhileOthersAreUnderWay(t *testing.T) {
	b := newBench(t)
	slow, r := b.endpoint(), b.endpoint()
	b.now = b.now.Add(-time.Hour)
	hangs := b.noted(slow, false)
	before := b.noted(r, false)
	b.step(Forgotten{Gone{App: "acme"}})
	b.want("claimed before", b.step(Claimed{Claim: before, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}}}), "Release")
	after := b.noted(r, false)
	b.want("claimed after", b.step(Claimed{Claim: after, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}}}), "Send")
	b.step(Claimed{Claim: hangs})
}
