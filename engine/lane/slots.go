package lane

// slots bound the requests in flight of the whole process, in such a way that
// endpoints that hang cannot use them up:
//
//   - Failing lanes take none where they and unproven ones have half of them.
//   - Beyond that half, unproven ones take none where that is three quarters, or seven eighths
//     for an app that has less than an eighth of such requests itself; nor where an app has a
//     quarter that began while its lanes were unproven. Of an app with many endpoints that hang,
//     most are that at first: what hangs counts as a failing lane's from then on.
//   - When more than half are taken, or much of an app's quarter, a lane's share shrinks the more
//     it has.
//
// Lanes that wait take turns by their apps, so that one app with many endpoints does not keep
// another waiting.
type slots struct {
	max   int
	inUse int
	used  [standings]int
	// apps has those that have slots of lanes which are not proven.
	apps map[string]notProven
	// waiting lanes are pumped as slots are returned. Those that are refused meanwhile are aside
	// until all were asked.
	waiting  [standings]waiting
	offering bool
	aside    []*lane
}

// notProven is how many slots an app has for lanes that are unproven, and for those that are not
// proven at all.
type notProven struct{ unproven, all int }

// waiting are lanes in the order in which they came, a line for each app.
type waiting struct {
	lines map[string][]*lane
	ring  []string // whose turn it is, and who follows
	count int
}

func (w *waiting) push(l *lane) {
	of := tenant(l.route)
	if w.lines == nil {
		w.lines = map[string][]*lane{}
	}
	if len(w.lines[of]) == 0 {
		w.ring = append(w.ring, of)
	}
	w.lines[of] = append(w.lines[of], l)
	w.count++
}

// pop gives the next lane of an app that may have a slot; nil if there is none.
func (w *waiting) pop(may func(app string) bool) *lane {
	of := ""
	for left := len(w.ring); ; left-- {
		if left == 0 {
			return nil
		}
		of = w.ring[0]
		w.ring = w.ring[1:]
		if may(of) {
			break
		}
		w.ring = append(w.ring, of)
	}
	line := w.lines[of]
	l := line[0]
	line[0] = nil
	w.count--
	if line = line[1:]; len(line) > 0 {
		w.lines[of] = line
		w.ring = append(w.ring, of)
	} else {
		delete(w.lines, of)
	}
	return l
}

// room tells whether a lane of that standing and app may have one of the slots.
func (s *slots) room(of standing, app string) bool { return s.roomFor(of, s.apps[app]) }

func (s *slots) roomFor(of standing, its notProven) bool {
	all := s.used[failing] + s.used[unproven]
	switch {
	case s.inUse >= s.max:
		return false
	case of != proven && all < s.part(2):
		return true
	case of == failing:
		return false
	case of == unproven:
		most := max(s.max*3/4, 1)
		if its.all < s.part(8) {
			most = max(s.max*7/8, 1)
		}
		return all < most && its.unproven < s.part(4)
	}
	return true
}

// part is one of n parts of all slots.
func (s *slots) part(n int) int { return max(s.max/n, 1) }

// take asks for one more slot for a lane of an app that has inFlight of its limit in use. A
// lane that is refused is given another chance when a slot is returned.
func (s *slots) take(l *lane, of standing, app string, inFlight, limit int) bool {
	share := limit
	if half := s.part(2); s.inUse >= half {
		share = max(1, min(limit, half)*(s.max-s.inUse)/half)
	}
	if of == unproven {
		most := s.part(4)
		share = min(share, max(1, min(limit, most)*(most-s.apps[app].unproven)/most))
	}
	if s.room(of, app) && inFlight < share {
		s.count(of, app, 1)
		return true
	}
	if !l.starved {
		l.starved, l.waitsAs = true, of
		if s.offering {
			s.aside = append(s.aside, l)
		} else {
			s.waiting[of].push(l)
		}
	}
	return false
}

// offered ends an offer: those that were refused wait again.
func (s *slots) offered() {
	for _, l := range s.aside {
		s.waiting[l.waitsAs].push(l)
	}
	clear(s.aside)
	s.offering, s.aside = false, s.aside[:0]
}

// fail has the slot of a lane that was unproven count as one of a failing lane.
func (s *slots) fail(app string) {
	s.count(unproven, app, -1)
	s.count(failing, app, 1)
}

// give returns a slot that was taken by a lane of the given standing and app.
func (s *slots) give(of standing, app string) { s.count(of, app, -1) }

func (s *slots) count(of standing, app string, n int) {
	s.inUse += n
	s.used[of] += n
	if of == proven {
		return
	}
	its := s.apps[app]
	if its.all += n; of == unproven {
		its.unproven += n
	}
	if s.apps == nil {
		s.apps = map[string]notProven{}
	}
	if s.apps[app] = its; its == (notProven{}) {
		delete(s.apps, app)
	}
}

// next gives the lane that has waited longest of those of a standing that may have a slot; nil
// if there is none.
func (s *slots) next(of standing) *lane {
	if !s.roomFor(of, notProven{}) {
		return nil // for no app, however many wait
	}
	l := s.waiting[of].pop(func(app string) bool { return s.room(of, app) })
	if l != nil {
		l.starved = false
	}
	return l
}
