package lane

// standing is what is known of a lane when it asks for a slot.
type standing int

const (
	proven   standing = iota // its endpoint answered, lately
	unproven                 // it never did since the start, but nothing speaks against it
	failing                  // its latest request failed, or takes long
	standings
)

// slots bound the requests in flight of the whole process, in such a way that
// endpoints that hang cannot use them up: failing lanes share at most half of them,
// and those together with unproven ones three quarters. When more than half are
// taken, a lane's share shrinks the more it has. Lanes that wait take turns by their
// apps, so that one app with many endpoints does not keep another waiting.
type slots struct {
	max   int
	inUse int
	used  [standings]int
	// waiting lanes are pumped as slots are returned.
	waiting [standings]waiting
}

// waiting are lanes in the order in which they came, a line for each app.
type waiting struct {
	lines map[string][]*lane
	ring  []string // whose turn it is, and who follows
	count int
}

func (w *waiting) push(l *lane) {
	of := l.tenant()
	if w.lines == nil {
		w.lines = map[string][]*lane{}
	}
	if len(w.lines[of]) == 0 {
		w.ring = append(w.ring, of)
	}
	w.lines[of] = append(w.lines[of], l)
	w.count++
}

func (w *waiting) pop() *lane {
	of := w.ring[0]
	w.ring = w.ring[1:]
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

// room tells whether a lane of that standing may have one of the slots.
func (s *slots) room(of standing) bool {
	switch half := max(s.max/2, 1); {
	case s.inUse >= s.max:
		return false
	case of == failing && s.used[failing] >= half:
		return false
	case of != proven && s.used[failing]+s.used[unproven] >= max(s.max*3/4, 1):
		return false
	}
	return true
}

// take asks for one more slot for a lane that has inFlight of its limit in use. A
// lane that is refused is given another chance when a slot is returned.
func (s *slots) take(l *lane, of standing, inFlight, limit int) bool {
	half := max(s.max/2, 1)
	share := limit
	if s.inUse >= half {
		share = max(1, min(limit, half)*(s.max-s.inUse)/half)
	}
	if s.room(of) && inFlight < share {
		s.inUse++
		s.used[of]++
		return true
	}
	if !l.starved {
		l.starved = true
		s.waiting[of].push(l)
	}
	return false
}

// give returns a slot that was taken by a lane of the given standing. It answers how
// many lanes wait.
func (s *slots) give(of standing) (waiting int) {
	s.inUse--
	s.used[of]--
	for i := range s.waiting {
		waiting += s.waiting[i].count
	}
	return waiting
}

// next gives the lane that has waited longest of those that may have a slot; nil if
// there is none.
func (s *slots) next() *lane {
	for of := range standings {
		if s.waiting[of].count > 0 && s.room(of) {
			l := s.waiting[of].pop()
			l.starved = false
			return l
		}
	}
	return nil
}
