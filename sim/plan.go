package sim

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/internal/id"
)

// plan is what a seed's history is made of. Each kind of fault and of action is in it
// with a probability of one half, at a rate of its own: what all seeds had a little of
// would never come to a head, and what masks another thing is missing in half of them.
type plan struct {
	// length is how long things happen; then everything is mended.
	length time.Duration
	// calm histories have no faults but those of receivers, and steady ones have
	// receivers that stay as they are: they show that nobody waits for a neighbour.
	calm, steady bool

	// nodes is how many there are, numbers how many numbers they can have, and apart how far their clocks may be from that of the
	// database.
	nodes           int
	numbers         bellhop.NodeID
	apart           time.Duration
	apps, endpoints int
	settings        lane.Settings
	lease, drain    time.Duration
	// bound is how many deliveries a fan-out makes at once.
	bound int

	// The chances of a step of the store to fail, to have its answer lost, to be slow.
	unavailable, unknown, unreadable, slow float64
	// deaf is the chance that a wakeup is lost.
	deaf float64
	// meddle is the chance that somebody does something while a lane waits for an answer.
	meddle float64
	// tardy is a kind of step that often takes long, whatever the others do.
	tardy string
	// secrets can now and then not be opened.
	secrets bool

	// What publications are like.
	batches, subjects, externals, scheduled, goingAway bool
	large, flood                                       bool

	moods []mood
	acts  []act
}

// act is something that happens now and then: mean is the time between two.
type act struct {
	name string
	mean time.Duration
	do   func(*world)
}

func draw(l *loop) plan {
	on := func() bool { return l.rand.IntN(2) == 0 }
	rate := func(least, most float64) float64 {
		if !on() {
			return 0
		}
		return least + (most-least)*l.rand.Float64()
	}
	p := plan{
		length: l.between(20*time.Second, 5*time.Minute),
		calm:   l.rand.IntN(8) == 0,
		nodes:  1, numbers: id.MaxNode,
		apps: l.number(1, 3), endpoints: l.number(2, 8),
		settings: lane.Settings{MaxInFlight: 1000, QueueBytes: 1 << 20, DisableAfter: l.between(20*time.Second, 5*time.Minute)},
		lease:    15 * time.Second, drain: l.between(500*time.Millisecond, 20*time.Second),
		bound:   1000,
		batches: on(), subjects: on(), externals: on(), scheduled: on(), goingAway: on(),
		large: l.rand.IntN(12) == 0, flood: l.rand.IntN(16) == 0,
	}
	if on() {
		p.settings.MaxInFlight = l.number(4, 16)
	}
	if on() {
		p.settings.QueueBytes = int64(l.between(2000, 100_000))
	}
	if p.settings.MaxData = usualData; p.large {
		p.settings.MaxData = maxData
	}
	if on() {
		p.settings.MaxConcurrency = l.number(2, 64)
	}
	if on() {
		p.bound = l.number(1, 6)
	}
	if on() {
		p.nodes = l.number(2, 4)
		if on() {
			p.numbers = bellhop.NodeID(p.nodes + l.number(1, 3))
		}
		if on() {
			p.apart = l.between(time.Millisecond, time.Second)
		}
		if on() {
			p.deaf = pick(l, []float64{0.05, 0.3, 1})
		}
	}
	p.steady = p.calm && on()
	for m := mood(0); m < moods; m++ {
		if steady := m != flapping && m != sluggish; m == well || on() && (steady || !p.steady) {
			p.moods = append(p.moods, m)
		}
	}
	if p.steady && on() {
		p.moods = []mood{hanging} // all but the healthy one
	}
	p.unavailable, p.unknown, p.unreadable = rate(0.01, 0.3), rate(0.01, 0.3), rate(0.01, 0.3)
	p.meddle = rate(0.01, 0.1)
	p.slow, p.secrets = rate(0.01, 0.2), l.rand.IntN(4) == 0
	if on() {
		p.tardy = pick(l, []string{"claim", "release", "record", "enqueue", "resolve", "disown", "save", "load"})
	}
	if p.calm {
		p.unavailable, p.unknown, p.unreadable, p.slow, p.meddle, p.tardy, p.secrets = 0, 0, 0, 0, 0, "", false
	}

	events := l.number(20, 120)
	p.acts = []act{{"publish", p.length / time.Duration(events), (*world).publish}}
	act := func(name string, do func(*world), most int) {
		if on() {
			p.acts = append(p.acts, act{name, p.length / time.Duration(l.number(1, most)), do})
		}
	}
	if !p.steady {
		act("moods change", (*world).changeMood, 20)
	}
	act("create", (*world).createEndpoint, 6)
	act("pause", (*world).pause, 12)
	act("resume", (*world).resume, 12)
	act("disable", (*world).disable, 4)
	act("move", (*world).move, 6)
	act("reorder", (*world).reorder, 8)
	act("concurrency", (*world).changeConcurrency, 8)
	act("rate limit", (*world).changeRate, 8)
	act("let go", (*world).letGo, 8)
	act("delete", (*world).deleteEndpoint, 4)
	act("erase event", (*world).eraseEvent, 12)
	act("erase subject", (*world).eraseSubject, 6)
	act("try now", (*world).hasten, 12)
	act("resend", (*world).resend, 12)
	act("delete app", (*world).deleteApp, 6)
	act("list", (*world).list, 10)
	act("program", (*world).program, 20)
	if !p.calm {
		act("crash", (*world).crash, 6)
		act("stop", (*world).stop, 4)
		act("roll", (*world).roll, 2)
		act("freeze", (*world).freeze, 8)
		act("lose the lease", (*world).loseLease, 10)
		act("outage", (*world).outage, 4)
		act("storm", (*world).storm, 8)
		if p.numbers == id.MaxNode { // a number is used again later than a clock is mended
			act("clock", (*world).turnClock, 6)
		}
	}
	if p.nodes > 1 {
		act("listen", (*world).listen, 20)
	}
	if p.secrets {
		act("secrets", (*world).loseSecrets, 6)
	}
	return p
}
