package lane

import "time"

// standing is what is known of a lane when it asks for a slot.
type standing int

const (
	proven   standing = iota // its endpoint answers, or did before the start
	unproven                 // it never did, but nothing speaks against it
	failing                  // its latest request failed, or takes long
	standings
)

func (l *lane) standing(now time.Time) standing {
	switch {
	case l.breaker.failures > 0, !l.vitals.FailingSince.IsZero(), l.flying > 0 && now.Sub(l.progress) > slowAfter:
		return failing
	case l.proven:
		return proven
	}
	return unproven
}

// hangsAt is when what began while the lane was unproven counts as hanging; zero: there is
// none of it.
func (l *lane) hangsAt() time.Time {
	if l.untried == 0 {
		return time.Time{}
	}
	return l.progress.Add(slowAfter + 1)
}

// hang has requests count as those of a lane that hangs, if it does by now, and tells whether
// there were any.
func (l *lane) hang(now time.Time) bool {
	if l.untried == 0 || l.standing(now) != failing {
		return false
	}
	for _, job := range l.unfinished {
		if job.as == unproven && !job.owed {
			job.as = failing
			l.m.slots.fail(tenant(job.Route))
		}
	}
	l.untried = 0
	return true
}
