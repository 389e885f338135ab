package lane

import (
	"testing"

	"github.com/bellhop/bellhop/engine/routes"
)

func TestSlotsKeepRoomForTheQuiet(t *testing.T) {
	s := &slots{max: 16}
	greedy := 0
	for range 100 {
		if s.take(&lane{}, proven, greedy, 1000) {
			greedy++
		}
	}
	if greedy >= 16 {
		t.Fatalf("one lane took %d of 16 slots", greedy)
	}
	for range 16 - greedy {
		if !s.take(&lane{}, proven, 0, 1000) {
			t.Fatal("a lane with nothing in flight was refused while slots were free")
		}
	}
	if s.take(&lane{}, proven, 0, 1000) {
		t.Fatal("more than the maximum was given out")
	}
}

func TestSlotsOfLanesThatFail(t *testing.T) {
	s := &slots{max: 16}
	count := func(of standing) (n int) {
		for range 100 {
			if s.take(&lane{}, of, 0, 32) {
				n++
			}
		}
		return n
	}
	if f, u, p := count(failing), count(unproven), count(proven); f != 8 || u != 4 || p != 4 {
		t.Errorf("failing lanes got %d, unproven ones %d, proven ones %d of 16 slots; want 8, 4, 4", f, u, p)
	}
}

func TestReturnedSlotsGoToProvenLanesFirst(t *testing.T) {
	s := &slots{max: 4}
	for _, of := range []standing{failing, failing, unproven, proven} {
		s.take(&lane{}, of, 0, 32)
	}
	bad, well := &lane{}, &lane{}
	if s.take(bad, failing, 0, 32) || s.take(well, proven, 0, 32) {
		t.Fatal("more than the maximum was given out")
	}
	s.inUse--
	s.used[failing]--
	if s.next() != well || s.next() != bad || s.next() != nil {
		t.Error("a lane that is proven is not woken first")
	}
}

// One app with many endpoints must not keep another waiting.
func TestReturnedSlotsGoFromAppToApp(t *testing.T) {
	s := &slots{max: 1}
	s.take(&lane{}, proven, 0, 32)
	of := func(app string) *lane {
		r := &routes.Route{}
		r.Apps = []string{app}
		return &lane{route: r}
	}
	for range 100 {
		s.take(of("crowd"), proven, 0, 32)
	}
	quiet := of("quiet")
	s.take(quiet, proven, 0, 32)
	s.inUse--
	s.used[proven]--
	if first, second := s.next(), s.next(); first == quiet || second != quiet {
		t.Error("the lane of another app had to wait for the crowd")
	}
	for range 99 {
		if s.next() == nil {
			t.Fatal("a lane was forgotten")
		}
	}
	if s.next() != nil {
		t.Error("a lane was given twice")
	}
}
