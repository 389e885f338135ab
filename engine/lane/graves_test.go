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
