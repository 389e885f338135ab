package engine

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// wound is a clock on the wall that can be set, beside one that cannot.
type wound struct {
	*clock
	t       *testing.T
	set     time.Time
	elapsed time.Duration
}

func (w *wound) config() *Config {
	return &Config{Now: func() time.Time { return w.set }, Elapsed: func() time.Duration { return w.elapsed }}
}

func wind(t *testing.T) *wound {
	w := &wound{t: t, set: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	w.clock = newClock(w.config(), bellhop.ClockMark{})
	return w
}

// pass has time pass, of which somebody looks at the clock every minute.
func (w *wound) pass(d time.Duration) {
	for ; d > 0; d -= time.Minute {
		w.set, w.elapsed = w.set.Add(time.Minute), w.elapsed+time.Minute
		w.look()
	}
}

func (w *wound) jump(d time.Duration) { w.set = w.set.Add(d) }

// restart makes a new process of it, after a time.
func (w *wound) restart(off time.Duration, change ...func(*Config)) {
	m := w.mark()
	w.set, w.elapsed = w.set.Add(off), 0
	c := w.config()
	for _, f := range change {
		f(c)
	}
	w.clock = newClock(c, m)
}

func (w *wound) behind(want time.Duration) {
	w.t.Helper()
	if got := w.set.Sub(w.Settled()); got != want {
		w.t.Errorf("%v of the time are not believed, want %v", got, want)
	}
	if got := w.Doubted(); got != want {
		w.t.Errorf("Doubted is %v, want %v", got, want)
	}
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

func TestClockIsBelieved(t *testing.T) {
	for name, tc := range map[string]func(w *wound){
		"while it goes": func(w *wound) {
			w.pass(day)
			w.behind(0)
		},
		"a step of seconds": func(w *wound) {
			w.jump(20 * time.Second)
			w.behind(0)
			w.jump(-40 * time.Second)
			w.behind(0)
		},
		"a jump ahead, only after it has stood": func(w *wound) {
			w.jump(year)
			w.behind(year)
			w.pass(believeAfter - time.Minute)
			w.behind(year)
			w.pass(time.Minute)
			w.behind(0)
		},
		"a jump ahead that was taken back": func(w *wound) {
			w.jump(year)
			w.pass(time.Hour)
			w.jump(-year)
			w.behind(0)
		},
		"one that was taken back in part": func(w *wound) {
			w.jump(year)
			w.pass(time.Hour)
			w.jump(10*day - year)
			w.behind(10 * day)
		},
		"a step back, at once": func(w *wound) {
			w.jump(-year)
			w.behind(0)
			w.pass(time.Hour)
			w.jump(year)
			w.behind(year)
		},
		"a computer that sleeps every night": func(w *wound) {
			for range 30 {
				w.pass(10 * time.Hour)
				w.jump(14 * time.Hour)
			}
			// What is not believed is what was slept through of late: of the 8 nights
			// that are less than 72 waking hours ago.
			w.behind(8 * 14 * time.Hour)
		},
		"a restart after months": func(w *wound) {
			w.restart(100 * day)
			w.behind(100 * day)
			w.pass(day)
			w.restart(0) // for which it does not wait from the beginning
			w.pass(2 * day)
			w.behind(0)
		},
		"a restart after months, on an operator's word": func(w *wound) {
			w.restart(100*day, func(c *Config) { c.TrustClock = true })
			w.behind(0)
			if n := len(w.moved()); n > 0 {
				w.t.Errorf("%d jumps are told of", n)
			}
		},
		"a restart with a clock that was set back": func(w *wound) {
			w.restart(-year)
			w.behind(0)
			if m := w.moved(); len(m) != 1 || m[0] != -year {
				w.t.Errorf("the jumps are %v", m)
			}
		},
		"more jumps than are remembered": func(w *wound) {
			for range 3 * maxDoubts {
				w.pass(time.Minute)
				w.jump(time.Hour)
			}
			w.behind(3 * maxDoubts * time.Hour)
			w.pass(believeAfter)
			w.behind(0)
		},
	} {
		t.Run(name, func(t *testing.T) { tc(wind(t)) })
	}
}

// How old something is, as far as somebody saw it: jumps from before it count as little
// as time does.
func TestUnseen(t *testing.T) {
	w := wind(t)
	before := w.Now()
	w.pass(time.Hour)
	w.jump(6 * day)
	w.look()
	within := w.Now().Add(-day)
	w.pass(time.Hour)
	after := w.Now()
	w.pass(time.Hour)
	for since, want := range map[time.Time]time.Duration{before: 6 * day, within: day, after: 0} {
		if got := w.Unseen(since); got != want {
			t.Errorf("since %v: %v, want %v", since, got, want)
		}
	}
}

// A clock that starts in 1970, until the network tells the time, is not believed at all:
// time goes on from where it was.
func TestAClockWithoutABattery(t *testing.T) {
	w := wind(t)
	w.pass(day)
	last, right := w.Now(), w.set.Add(3*time.Hour)
	w.set = time.Unix(0, 0)
	earliest := func(c *Config) { c.Earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	m := w.mark()
	m.At = last
	w.elapsed = 0
	c := w.config()
	earliest(c)
	w.clock = newClock(c, m)
	w.pass(time.Hour)
	if got := w.Now(); !got.Equal(last.Add(time.Hour)) {
		t.Errorf("it is %v, want %v", got, last.Add(time.Hour))
	}
	if n := len(w.moved()); n > 0 {
		t.Errorf("%d jumps are told of", n)
	}
	w.set = right
	if got := w.Now(); !got.Equal(right) {
		t.Errorf("it is %v, want %v", got, right)
	}
	w.behind(2 * time.Hour)
}
