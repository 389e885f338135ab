package lane

import (
	"slices"
	"testing"

	"github.com/bellhop/bellhop/engine/routes"
)

func TestSlotsKeepRoomForTheQuiet(t *testing.T) {
	s := &slots{max: 16}
	greedy := 0
	for range 100 {
		if s.take(&lane{}, proven, "", greedy, 1000) {
			greedy++
		}
	}
	if greedy >= 16 {
		t.Fatalf("one lane took %d of 16 slots", greedy)
	}
	for range 16 - greedy {
		if !s.take(&lane{}, proven, "", 0, 1000) {
			t.Fatal("a lane with nothing in flight was refused while slots were free")
		}
	}
	if s.take(&lane{}, proven, "", 0, 1000) {
		t.Fatal("more than the maximum was given out")
	}
}

func TestSlotsOfLanesThatFail(t *testing.T) {
	s := &slots{max: 16}
	count := func(of standing, app string) (n int) {
		for range 100 {
			if s.take(&lane{}, of, app, 0, 32) {
				n++
			}
		}
		return n
	}
	got := []int{count(failing, "a"), count(unproven, "a"), count(failing, "b"), count(unproven, "b"), count(unproven, "c"), count(proven, "c")}
	if want := []int{8, 4, 0, 2, 0, 2}; !slices.Equal(got, want) {
		t.Errorf("lanes got %d of 16 slots, want %d", got, want)
	}
	for range 2 {
		s.give(unproven, "b")
	}
	if n := count(failing, "a"); n != 0 {
		t.Errorf("failing lanes got %d, where they and unproven ones have more than half", n)
	}
	if n := count(unproven, "d"); n != 2 {
		t.Errorf("unproven lanes of an app that has none got %d, want 2", n)
	}
}

// TestOneLaneThatNeverAnsweredLeavesRoom for others of its app, which may answer.
func TestOneLaneThatNeverAnsweredLeavesRoom(t *testing.T) {
	s := &slots{max: 1024}
	for range 10 {
		for n := 0; s.take(&lane{}, unproven, "a", n, 32); n++ {
		}
	}
	if got := s.apps["a"].unproven; got < 128 || got > 240 {
		t.Errorf("ten lanes took %d of an app's 256", got)
	}
}

// One app with many endpoints must not keep another waiting.
func TestReturnedSlotsGoFromAppToApp(t *testing.T) {
	s := &slots{max: 1}
	s.take(&lane{}, proven, "", 0, 32)
	of := func(app string) *lane {
		r := &routes.Route{}
		r.Apps = []string{app}
		return &lane{route: r}
	}
	for range 100 {
		s.take(of("crowd"), proven, "crowd", 0, 32)
	}
	quiet := of("quiet")
	s.take(quiet, proven, "quiet", 0, 32)
	s.give(proven, "")
	if first, second := s.next(proven), s.next(proven); first == quiet || second != quiet {
		t.Error("the lane of another app had to wait for the crowd")
	}
	for range 99 {
		if s.next(proven) == nil {
			t.Fatal("a lane was forgotten")
		}
	}
	if s.next(proven) != nil {
		t.Error("a lane was given twice")
	}
}
