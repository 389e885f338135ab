package sim

import (
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	wall := time.Date(2027, 3, 1, 12, 0, 0, 987654321, time.UTC)
	m := moment(wall, time.Hour)
	if !stored(m).Equal(wall) || m.UnixNano() != wall.UnixNano() || !m.Equal(wall) {
		t.Errorf("%v, want %v: package time keeps times in another way than it did", m, wall)
	}
	// The clock is turned back, and time goes on.
	later := moment(wall.Add(-time.Minute), time.Hour+time.Second)
	if d := later.Sub(m); d != time.Second {
		t.Errorf("a second later is %s later", d)
	}
	if d := later.Sub(stored(m)); d != -time.Minute {
		t.Errorf("by the clock on the wall it is %s", d)
	}
	if d := later.Sub(m.Add(time.Second)); d != 0 {
		t.Errorf("what was planned is %s off", d)
	}
}
