package bellhop

import (
	"slices"
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

// ClockSlack is by how much the time may jump without anything being made of it.
const ClockSlack = time.Minute

// ClockMark is what a node has noted of the time, so that the next process can tell
// whether the clock was set while nobody looked.
type ClockMark struct {
	// At is what the clock showed last.
	At time.Time
	// Doubts are jumps ahead that are not believed yet.
	Doubts []Doubt
	// Turned is not nil while a step back of the clock has not been made good yet.
	Turned *Turn
}

// Doubt is a jump ahead of the clock: so much time, from a time on, nobody saw pass.
type Doubt struct {
	From time.Time     `json:"from"`
	By   time.Duration `json:"by"`
	// Left is for how much longer the clock must go on steadily until it is believed.
	Left time.Duration `json:"left"`
}

// Turn is a step back of the clock: at a time, by about so much.
type Turn struct {
	At time.Time     `json:"at"`
	By time.Duration `json:"by"`
}

// Replanned is a pending delivery as it is to be after a step back of the clock. What
// was planned by the clock when it was ahead was planned for after its time: that is
// kept, from now on. What the publisher named a time for is due at that time.
// DeliverAt is that of its event. It tells whether anything is different.
func (t Turn) Replanned(d *Delivery, deliverAt *time.Time) (changed bool) {
	due, pos := d.Due, d.OrderPos
	planned := d.ID.Time()
	if d.LastAttempt != 0 {
		planned = d.LastAttempt.Time()
	}
	switch {
	case due.IsZero() || !planned.After(t.At):
	case d.Attempts == 0:
		due = t.At
		if d.Trigger == TriggerPublish && deliverAt != nil && deliverAt.After(due) {
			due = *deliverAt
		}
	case !due.Before(planned): // else that was done already
		due = t.At.Add(due.Sub(planned))
	}
	// It comes before what is made from now on, and among its like as before.
	here := id.First[id.Delivery](t.At)
	scheduled := d.Attempts == 0 && deliverAt != nil && deliverAt.After(t.At)
	if pos > here && !scheduled {
		back := DeliveryID(id.First[id.Delivery](time.UnixMilli(t.By.Milliseconds())))
		pos = max(min(pos-back, here), 1)
	}
	changed = pos != d.OrderPos || !due.Equal(d.Due)
	d.Due, d.OrderPos = due, pos
	return changed
}

// Clone copies the mark.
func (m ClockMark) Clone() ClockMark {
	m.Doubts = slices.Clone(m.Doubts)
	if m.Turned != nil {
		turned := *m.Turned
		m.Turned = &turned
	}
	return m
}
