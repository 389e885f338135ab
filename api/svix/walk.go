package svix

import (
	"cmp"
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

// Logs are listed newest first. A walk back reads them oldest first, and turns each page
// round.

// The bounds of a walk.
const (
	// mostScanned is how many rows one page looks at, where a filter refuses many: it may
	// then have fewer rows than it could, and says that it is not done.
	mostScanned = 5000
	// chunk is how many rows are read at once.
	chunk = 500
	// logsLast is how far back a list reaches that is not told otherwise.
	logsLast = 90 * 24 * time.Hour
)

// span is the range of time of a list: since is inclusive, until is not.
type span struct{ since, until time.Time }

// log is a list of rows with ids of kind K.
type log[K id.Kind, Row any] struct {
	// read gives rows of a range of time: older than an id, newest first, or newer than one,
	// oldest first. One of them is 0; if both are, it begins with the newest.
	read func(s span, before, after id.ID[K], limit int) ([]Row, error)
	// keep tells whether a row is listed; nil keeps all.
	keep func(*Row) (bool, error)
	id   func(*Row) id.ID[K]
	// most is how many rows one page looks at. 0: mostScanned.
	most int
}

// walked are the rows that a walk has found, in its order, and the first and the last row
// that it looked at: where it looked at none, first is 0, and last is where it began. More
// says that there may be more rows behind that.
type walked[K id.Kind, Row any] struct {
	rows        []Row
	first, last id.ID[K]
	more        bool
}

// walk gives at most limit rows behind (or, back, before) one with the id at; 0 is the
// beginning, the newest.
func (l *log[K, Row]) walk(s span, at id.ID[K], back bool, limit int) (walked[K, Row], error) {
	w := walked[K, Row]{last: at}
	back = back && at != 0
	for scanned := 0; ; {
		// One more than is needed tells whether there are more.
		size := chunk
		if l.keep == nil {
			size = limit - len(w.rows) + 1
		}
		before, after := w.last, id.ID[K](0)
		if back {
			before, after = 0, w.last
		}
		rows, err := l.read(s, before, after, size)
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
	if len(rows) > 0 && w.first == 0 {
		w.first = l.id(&rows[0])
	}
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
	switch {
	case s.since.Before(s.until):
	case before.IsZero():
		return s, wrong("after", "range", "is too far in the future: nothing is of after it")
	default:
		return s, wrong("before", "range", "must be later than after")
	}
	return s, nil
}

// logPage makes a page of what a walk has found. Where it found nothing, its iterators go on
// from what it looked at, both ways.
func logPage[K id.Kind, Row, T any](s step, w walked[K, Row], position func(*Row) id.ID[K], show func(*Row) (T, error)) (page[T], error) {
	out, err := pageOf(s, w.rows, func(r *Row) string { return position(r).String() }, show)
	if err != nil {
		return out, err
	}
	out.Done = !w.more
	newest, oldest := w.around(s.back)
	if nothing := len(w.rows) == 0; oldest != 0 {
		if nothing || w.more && !s.back {
			out.Iterator = ptr(oldest.String())
		}
		if nothing || w.more && s.back {
			out.PrevIterator = ptr("-" + newest.String())
		}
	}
	return out, nil
}

// around are the ids between which a walk has looked: on from oldest come the rows that are
// older, and back from newest those that are newer. They are 0 if there is no row at all.
func (w *walked[K, Row]) around(back bool) (newest, oldest id.ID[K]) {
	switch {
	case back && w.first == 0: // what it began at is older
		return w.last, w.last + 1
	case back:
		return w.last, w.first
	case w.last == 0:
		return 0, 0
	case w.first == 0: // what it began at is newer
		return w.last - 1, w.last
	}
	return w.first, w.last
}
