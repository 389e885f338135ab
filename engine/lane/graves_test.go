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
