package svix

import (
	"cmp"
	"slices"
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

// Logs are listed newest first, and their store knows that order alone. A walk that goes
// back looks for what is just newer than a row in ranges of ids, each of which it reads
// newest first: it begins with one that cannot have more rows than are read at once, takes
// a longer one where that has few, and halves one that has too many.

// The bounds of a walk.
const (
	// mostScanned is how many rows one page looks at, where a filter refuses many: it may
	// then have fewer rows than it could, and says that it is not done.
	mostScanned = 5000
	// chunk is how many rows are read at once.
	chunk = 500
	// fewest is how many rows of a range are read at once, at least.
	fewest = 16
	// mostReads is after how many reads a page of a walk back ends that has found something.
	mostReads = 400
	// logsLast is how far back a list reaches that is not told otherwise.
	logsLast = 90 * 24 * time.Hour
)

// span is the range of time of a list: since is inclusive, until is not.
type span struct{ since, until time.Time }

// log is a list of rows with ids of kind K.
type log[K id.Kind, Row any] struct {
	// read gives rows of a range of time that are older than an id (0: any), newest first.
	read func(s span, before id.ID[K], limit int) ([]Row, error)
	// keep tells whether a row is listed; nil keeps all.
	keep func(*Row) (bool, error)
	id   func(*Row) id.ID[K]
	// most is how many rows one page looks at. 0: mostScanned.
	most int
}

// walked are the rows that a walk has found, in its order, and where it ended: at last, the
// row that it looked at last. More says that there may be more rows behind that.
type walked[K id.Kind, Row any] struct {
	rows []Row
	last id.ID[K]
	more bool
}

// walk gives at most limit rows behind (or, back, before) one with the id at; 0 is the
// beginning, the newest.
func (l *log[K, Row]) walk(s span, at id.ID[K], back bool, limit int) (walked[K, Row], error) {
	if back && at != 0 {
		return l.back(s, at, limit)
	}
	w := walked[K, Row]{last: at}
	for scanned := 0; ; {
		// One more than is needed tells whether there are more.
		size := chunk
		if l.keep == nil {
			size = limit - len(w.rows) + 1
		}
		rows, err := l.read(s, w.last, size)
		if err != nil {
			return w, err
		}
		full, err := l.take(&w, rows, limit)
		if scanned += len(rows); err != nil || full || len(rows) < size {
			return w, err
		}
		if scanned >= cmp.Or(l.most, mostScanned) {
			w.more = true
			return w, nil
		}
	}
}

// take takes rows, in the order of the walk, until there are limit of them and one more is
// known of.
func (l *log[K, Row]) take(w *walked[K, Row], rows []Row, limit int) (full bool, err error) {
	for i := range rows {
		if l.keep != nil {
			ok, err := l.keep(&rows[i])
			if err != nil {
				return false, err
			}
			if !ok {
				w.last = l.id(&rows[i])
				continue
			}
		}
		if len(w.rows) == limit {
			w.more = true
			return true, nil
		}
		w.rows, w.last = append(w.rows, rows[i]), l.id(&rows[i])
	}
	return false, nil
}

// back is walk from older rows to newer ones.
func (l *log[K, Row]) back(s span, at id.ID[K], limit int) (walked[K, Row], error) {
	w := walked[K, Row]{last: at}
	size := chunk
	if l.keep == nil {
		size = min(chunk, max(limit+1, fewest))
	}
	from, end := max(at, id.First[K](s.since)-1), id.First[K](s.until)
	length := id.ID[K](size)
	// Until crowded, and with it, there are more rows than fit; 0 if nothing is known of that.
	crowded := id.ID[K](0)
	hinted := false
	for scanned, reads := 0, 1; from < end-1; reads++ {
		to := end
		if length < end-from {
			to = from + length
		}
		rows, complete, err := l.between(s, from, to, size)
		if err != nil {
			return w, err
		}
		if !complete {
			// What comes first is among those before the oldest of these, which may be few.
			crowded = l.id(&rows[len(rows)-1])
			if length = crowded - from; hinted {
				length = max(length/8, id.ID[K](size))
			}
			hinted = !hinted
			continue
		}
		hinted = false
		slices.Reverse(rows)
		if full, err := l.take(&w, rows, limit); err != nil || full {
			return w, err
		}
		if scanned += len(rows); scanned >= cmp.Or(l.most, mostScanned) || reads >= mostReads && w.last > at {
			w.more = to < end
			return w, nil
		}
		switch from = to - 1; {
		case crowded-from > id.ID[K](size):
			length = (crowded - from) / 2
		case len(rows) < size/4 && length < end/8:
			length *= 8
		}
	}
	return w, nil
}

// between gives the rows between two ids, both excluded, newest first, and whether they are
// all of them: they are if there are fewer than size.
func (l *log[K, Row]) between(s span, from, to id.ID[K], size int) (rows []Row, complete bool, err error) {
	if at := from.Time(); at.After(s.since) {
		s.since = at
	}
	if rows, err = l.read(s, to, size); err != nil {
		return nil, false, err
	}
	complete = len(rows) < size
	for i := range rows {
		if l.id(&rows[i]) <= from {
			return rows[:i], true, nil
		}
	}
	return rows, complete, nil
}

// stepOver reads what a list by time is asked for: which way it goes, from which row, and
// over what.
func stepOver[K id.Kind](a *API, p paging, before, after time.Time) (s step, at id.ID[K], over span, err error) {
	s = p.step()
	if at, err = position[K](s.at); err == nil {
		over, err = a.spanOf(before, after)
	}
	return s, at, over, err
}

// spanOf is the range of a list that is asked for what was before and after some times.
func (a *API) spanOf(before, after time.Time) (span, error) {
	now := a.now()
	s := span{since: after, until: before}
	if s.until.IsZero() {
		s.until = now.Add(logsLast) // clocks of nodes differ
	}
	if s.since.IsZero() {
		from := now
		if !before.IsZero() && before.Before(now) {
			from = before
		}
		s.since = from.Add(-logsLast)
	}
	if !s.since.Before(s.until) {
		return s, wrong("before", "range", "must be later than after")
	}
	return s, nil
}

// logPage makes a page of what a walk has found. Where it found nothing, but is not done,
// the iterator goes on from where it stopped.
func logPage[K id.Kind, Row, T any](s step, w walked[K, Row], position func(*Row) id.ID[K], show func(*Row) (T, error)) (page[T], error) {
	out, err := pageOf(s, w.rows, func(r *Row) string { return position(r).String() }, show)
	if err != nil {
		return out, err
	}
	out.Done = !w.more
	if w.more && w.last != 0 {
		at := w.last.String()
		if s.back {
			before := "-" + at
			out.PrevIterator = &before
			if out.Iterator == nil {
				out.Iterator = &at
			}
		} else {
			out.Iterator = &at
		}
	}
	return out, nil
}
