package lane

import "time"

// memory bounds what the deliveries of all lanes take: reserved, being claimed, queued, in
// flight, being recorded. It does so in such a way that endpoints that hang cannot use it
// up until they time out: lanes of each standing find a part that no other takes, and
// failing ones have at most half. What nothing is left for waits in the store, and its lane
// in turn; freed memory is offered to whoever has waited longest, in turns between apps.
type memory struct {
	// max is the bound, and largest what a delivery of the largest event takes, in bytes.
	max, largest int64
	held         int64
	by           [standings]int64
	// waiting are lanes that have nothing in hand, and found no memory to fetch anything.
	waiting [standings]waiting
	turn    standing // whose turn it is, where several may
	// freed: some may find memory now.
	freed bool
	// looked is when it was last looked which lanes hang.
	looked time.Time
}

// bodies is how often an event's data is in memory while it is sent: as what the store has,
// and in the body of the request. It counts from the beginning, so that what is fetched
// can also be sent.
const bodies = 2

// weigh is about what a delivery of so much data takes in memory, in bytes.
func weigh(data int) int { return bodies*data + itemWeight }

// tight tells whether the memory has too few of the largest events for parts of it to be
// kept for anybody.
func (m *memory) tight() bool { return m.max < 8*m.largest }

// most is what lanes hold at most: the bound, but that one of the largest events can always
// be fetched while half of it is free.
func (m *memory) most() int64 { return max(m.max, m.max/2+m.largest) }

// class is as what a lane of a standing counts.
func (m *memory) class(of standing) standing {
	if m.tight() {
		return proven
	}
	return of
}

// free is how much of the bound nothing is held of; less than 0 beyond it.
func (m *memory) free() int64 { return m.max - m.held }

// left is how much of that lanes of a class may have. A quarter is for proven lanes, whatever
// the others hold by now, and an eighth for each of the others.
func (m *memory) left(of standing) int64 {
	left := m.free()
	if m.tight() {
		return left
	}
	own := [standings]int64{proven: m.max / 4, unproven: m.max / 8, failing: m.max / 8}
	for other := range standings {
		if other != of {
			left -= max(own[other]-m.by[other], 0)
		}
	}
	switch of {
	case proven:
		left = max(left, min(own[proven]-m.by[proven], m.free()))
	case failing:
		left = min(left, m.max/2-m.by[failing])
	}
	return left
}

// fits tells whether lanes of a class may hold so much more. Whatever its size, something
// fits where there is nothing.
func (m *memory) fits(of standing, bytes int64) bool {
	switch {
	case m.held == 0:
		return true
	case m.tight():
		return m.held+bytes <= m.most()
	}
	return bytes <= m.left(of)
}

// small tells whether a delivery of a known size takes so little that a lane of a class may
// hold it whatever the others do, and whoever waits to fetch something that may be large: with
// those of which nothing is known, as long as half of what is kept for proven lanes is free.
func (m *memory) small(of standing, bytes int64) bool {
	return of != failing && !m.tight() && bytes <= m.max/512 && m.free() > m.max/8
}

// hold counts what is held, or freed, by lanes of a class.
func (m *memory) hold(of standing, bytes int64) {
	m.held += bytes
	m.by[of] += bytes
	m.freed = m.freed || bytes < 0
}

// wait puts a lane in the line of its class, unless it waits already.
func (m *memory) wait(l *lane, of standing) {
	if !l.hungry {
		l.hungry = true
		m.waiting[of].push(l)
	}
}

// next gives the lane whose turn it is, if there is memory for it to fetch one delivery
// of any size; else nil.
func (m *memory) next() *lane {
	for i := range standings {
		of := (m.turn + i) % standings
		if m.waiting[of].count > 0 && m.fits(of, m.largest) {
			m.turn = (of + 1) % standings
			l := m.waiting[of].pop(func(string) bool { return true })
			l.hungry = false
			return l
		}
	}
	return nil
}

// offerMemory gives what was freed to lanes that wait for it.
func (m *Machine) offerMemory(now time.Time) {
	if !m.memory.freed {
		return
	}
	m.memory.freed = false
	for l := m.memory.next(); l != nil; l = m.memory.next() {
		l.offered = true
		l.pump(now)
		l.offered = false
	}
}

// look finds out which lanes hang: of these, no input tells. Nobody needs to know unless
// memory is short.
func (m *Machine) look(now time.Time) {
	if since := now.Sub(m.memory.looked); since >= 0 && since < slowAfter {
		return
	}
	m.memory.looked = now
	for _, l := range m.lanes {
		l.classify(now)
	}
}

// hold counts what the lane holds, or frees.
func (l *lane) hold(bytes int64) {
	l.held += bytes
	l.m.memory.hold(l.class, bytes)
}

// classify has what the lane holds counted by what is known of it now.
func (l *lane) classify(now time.Time) standing {
	if of := l.m.memory.class(l.standing(now)); of != l.class {
		l.countAs(of)
	}
	return l.class
}

func (l *lane) countAs(of standing) {
	l.m.memory.by[l.class] -= l.held
	l.m.memory.by[of] += l.held
	l.class = of
	l.m.memory.freed = true
}

// idle tells whether the lane has nothing in hand.
func (l *lane) idle() bool { return l.queue.len()+l.reserved == 0 && l.flying == 0 }

// afford tells whether the lane may fetch so much. Nobody goes before those that wait.
func (l *lane) afford(bytes int64, now time.Time) bool {
	m := &l.m.memory
	of := l.classify(now)
	return (l.offered || m.waiting[of].count == 0) && m.fits(of, bytes)
}

// mayTakeIn tells whether the lane may hold so much more, of what comes in.
func (l *lane) mayTakeIn(bytes int64, now time.Time) bool {
	return l.m.memory.small(l.classify(now), bytes) || l.afford(bytes, now)
}
