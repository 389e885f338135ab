package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// believeAfter is how long the clock must go on steadily after a jump ahead until that
// is believed: a clock that was set wrongly on a Friday is noticed on Monday.
const believeAfter = 72 * time.Hour

// maxDoubts bounds how many jumps ahead are remembered one by one.
const maxDoubts = 32

// clock tells the time, and how much of it to believe.
//
// Now is what the clock on the wall shows, since that is what receivers, publishers and
// people compare with. It may have been set wrongly, so nothing is done on its word
// that cannot be undone: what is deleted, disabled or ended for its age is judged by
// Settled. That runs with the time that somebody saw pass, and does not follow a jump
// ahead until the clock has gone on from there for believeAfter; a step back it follows
// at once. A restart after a week and a computer that slept look like a jump, and are
// believed as late; nothing that happens meanwhile depends on it.
type clock struct {
	wall func() time.Time
	// elapsed is how long the process has been running, by a clock that nobody sets.
	elapsed func() time.Duration
	// earliest is before which the wall clock is certainly wrong.
	earliest time.Time

	// offset is what is added to the wall clock, to go by that of the database.
	offset atomic.Int64

	mu sync.Mutex
	// at and seen are what wall and elapsed were at the last look; doubts are jumps
	// ahead that are not believed yet, the newest last.
	at     time.Time
	seen   time.Duration
	fresh  bool // at is what the wall clock shows, and not what was noted
	doubts []bellhop.Doubt
	// jumps are those that nobody was told of yet.
	jumps []time.Duration
}

// newClock goes on from what was noted last; without that, it believes what it sees.
func newClock(c *Config, m bellhop.ClockMark) *clock {
	k := &clock{wall: c.Now, elapsed: c.Elapsed, earliest: c.Earliest, at: m.At, doubts: slices.Clone(m.Doubts)}
	k.seen = k.elapsed()
	if m.At.IsZero() {
		k.at, k.fresh = k.wall().Round(0), true
	}
	if c.TrustClock {
		k.at, k.doubts = k.Now().Round(0), nil
	}
	return k
}

// Now is the time. Where the wall clock is certainly wrong, as on a computer that has
// started without a battery, time goes on from when it was right.
func (k *clock) Now() time.Time {
	now := k.wall().Add(k.Offset())
	if !now.Before(k.earliest) {
		return now
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at.Before(k.earliest) {
		return now // nothing better is known
	}
	return k.at.Add(k.elapsed() - k.seen)
}

// Offset is by how much Now is ahead of the clock on the wall.
func (k *clock) Offset() time.Duration { return time.Duration(k.offset.Load()) }

// shift has Now go by so much ahead of what it was, and answers the offset. Before it was
// looked at for the first time, that is no jump.
func (k *clock) shift(by time.Duration) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	offset := k.offset.Add(int64(by))
	if k.fresh {
		k.at = k.at.Add(by)
	}
	return time.Duration(offset)
}

// Settled is the time as far as it is believed. It is never after Now.
func (k *clock) Settled() time.Time {
	k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at.Add(-k.doubted())
}

// Doubted is by how much Settled is behind Now.
func (k *clock) Doubted() time.Duration {
	k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.doubted()
}

// Unseen is how much of the time since then nobody saw pass, as far as is not believed
// yet that it did.
func (k *clock) Unseen(since time.Time) (unseen time.Duration) {
	k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, d := range k.doubts {
		if after := d.From.Add(d.By).Sub(since); after > 0 {
			unseen += min(after, d.By)
		}
	}
	return unseen
}

func (k *clock) doubted() (by time.Duration) {
	for _, d := range k.doubts {
		by += d.By
	}
	return by
}

// look compares how far the clock has come with how long that has taken.
func (k *clock) look() {
	now := k.Now().Round(0)
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := k.elapsed()
	passed := max(seen-k.seen, 0)
	expected := k.at.Add(passed)
	jump := now.Sub(expected)
	k.at, k.seen, k.fresh = now, seen, false
	k.doubts = slices.DeleteFunc(k.doubts, func(d bellhop.Doubt) bool { return d.Left <= passed })
	for i := range k.doubts {
		k.doubts[i].Left -= passed
	}
	if jump.Abs() <= bellhop.ClockSlack {
		return
	}
	k.jumps = append(k.jumps[max(len(k.jumps)-maxDoubts, 0):], jump)
	if jump > 0 {
		k.doubts = append(k.doubts, bellhop.Doubt{From: expected, By: jump, Left: believeAfter})
		if len(k.doubts) > maxDoubts { // the two oldest become one
			k.doubts[1].From = k.doubts[0].From
			k.doubts[1].By += k.doubts[0].By
			k.doubts = k.doubts[1:]
		}
		return
	}
	// What is stepped back is taken from what was not believed, the newest first.
	for back := -jump; back > 0 && len(k.doubts) > 0; {
		last := &k.doubts[len(k.doubts)-1]
		if last.By > back {
			last.By -= back
			break
		}
		back -= last.By
		k.doubts = k.doubts[:len(k.doubts)-1]
	}
}

// moved gives the jumps since it was asked last.
func (k *clock) moved() []time.Duration {
	k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	jumps := k.jumps
	k.jumps = nil
	return jumps
}

// mark is what the next process must know.
func (k *clock) mark() bellhop.ClockMark {
	k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	return bellhop.ClockMark{At: k.at, Doubts: slices.Clone(k.doubts)}
}

// noteEvery is how often the time is noted in the store while nothing happens to it.
const noteEvery = time.Minute

// minding is what the engine remembers of the clock between two looks at it.
type minding struct {
	// turned is the step back that is not made good yet; nil for none.
	turned atomic.Pointer[bellhop.Turn]
	// noted is what elapsed was when the time was noted last, if it was.
	noted  time.Duration
	before bool
}

// lookAtClock says what the clock has done since the last time; back tells whether it
// was set back, and moved whether it was set at all.
func (e *Engine) lookAtClock() (moved, back bool) {
	by := time.Duration(0)
	jumps := e.clock.moved()
	for _, jump := range jumps {
		e.saw(jump)
		by -= min(jump, 0)
	}
	if by > 0 {
		e.minding.turned.Store(&bellhop.Turn{At: e.clock.Now().Round(0), By: by})
	}
	return len(jumps) > 0, by > 0
}

// mindClock follows each heartbeat: it says what the clock has done, makes good a step
// back, and notes the time.
func (e *Engine) mindClock(ctx context.Context) error {
	moved, back := e.lookAtClock()
	if back {
		if err := e.noteClock(ctx); err != nil {
			return err
		}
		if err := e.renumber(ctx); err != nil {
			return err
		}
	}
	if turn := e.minding.turned.Load(); turn != nil {
		if err := e.turnBack(ctx, *turn); err != nil {
			return fmt.Errorf("plan anew after the clock was set back: %w", err)
		}
	}
	if moved || !e.minding.before || e.cfg.Elapsed()-e.minding.noted >= noteEvery {
		return e.noteClock(ctx)
	}
	return nil
}

func (e *Engine) noteClock(ctx context.Context) error {
	err := e.store.NoteClock(ctx, e.clockMark())
	if err == nil {
		e.minding.noted, e.minding.before = e.cfg.Elapsed(), true
	}
	return e.Wrote("note the time", err)
}

func (e *Engine) clockMark() bellhop.ClockMark {
	m := e.clock.mark()
	m.Turned = e.minding.turned.Load()
	return m
}

// leases are all that the node holds.
func (p *presence) leases() []bellhop.Lease {
	if p.number == p.lease {
		return []bellhop.Lease{p.lease}
	}
	return []bellhop.Lease{p.lease, p.number}
}

// saw logs a jump.
func (e *Engine) saw(jump time.Duration) {
	by, now := jump.Abs().Round(time.Second).String(), e.clock.Now().UTC().Format(time.RFC3339)
	switch {
	case jump < 0:
		e.log.Warn("the clock was set back: retries and orders are planned anew, new ids go by the clock as it is now; what was taken meanwhile keeps its date", "by", by, "now", now)
	case !e.minding.before && jump < time.Hour:
		e.log.Info("the clock has gone on while Bellhop was not running", "by", by, "now", now)
	default:
		e.log.Warn("the clock has jumped ahead, was set, or nobody was running: until it has gone on steadily for a while, no history is deleted, no endpoint disabled and no delivery ended for the time that nobody saw pass. If the time is right, --trust-clock at a start believes it at once", "by", by, "now", now, "believed_after", believeAfter.String())
	}
}

// renumber gives new ids a node number of their own, which was not in use at any time
// that the clock will show again: so they follow a clock that was set back, and meet
// none that was made before. What the node owns stays under its lease.
func (e *Engine) renumber(ctx context.Context) error {
	e.joining.Lock()
	defer e.joining.Unlock()
	now := e.cfg.Now()
	n, err := e.store.Join(ctx, bellhop.NodeAbout{}, e.cfg.Lease, now)
	if err != nil {
		return fmt.Errorf("get a number for new ids: %w", err)
	}
	old := e.presence.Load()
	changed := *old
	changed.number, changed.ids = n.Lease, id.NewGenerator(int(n.Lease.Node), n.Floor)
	e.presence.Store(&changed)
	if old.number != old.lease {
		return e.store.Leave(ctx, old.number, now)
	}
	return nil
}

// replanStep is how many deliveries one transaction looks at.
const replanStep = 1000

// turnBack makes good what a step back has done to what is stored, until a pass finds
// nothing: some may have been on its way when the clock was set.
func (e *Engine) turnBack(ctx context.Context, t bellhop.Turn) error {
	total := 0
	for after, more := bellhop.DeliveryID(0), true; more; {
		next, changed, err := e.store.Replan(ctx, t, after, replanStep)
		if err != nil {
			return err
		}
		total += changed
		after, more = next, next != 0
	}
	keys, err := e.turnKeysBack(ctx, t)
	if err != nil {
		return err
	}
	if total+keys == 0 {
		e.minding.turned.Store(nil)
		return e.noteClock(ctx)
	}
	e.log.Info("planned anew after the clock was set back", "deliveries", total, "portal_links_and_sessions", keys)
	return e.noteOverdue(ctx)
}

// turnKeysBack has portal links and sessions that were made while the clock was ahead
// last as long as they were meant to, and no longer.
func (e *Engine) turnKeysBack(ctx context.Context, t bellhop.Turn) (n int, err error) {
	for _, k := range e.table.Access().Keys(time.Time{}) {
		if k.ExpiresAt.IsZero() || !k.CreatedAt.After(t.At.Add(bellhop.ClockSlack)) {
			continue
		}
		k.CreatedAt, k.ExpiresAt = t.At, t.At.Add(k.ExpiresAt.Sub(k.CreatedAt))
		if err := e.store.SaveKey(ctx, k, nil); err != nil {
			return n, err
		}
		n++
	}
	if n > 0 {
		e.RefreshAccess(ctx)
	}
	return n, nil
}
