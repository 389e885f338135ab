package snapshot

import (
	"maps"
	"slices"
)

// Reader is how far something was read whose parts, named by whom they are of, are read
// apart: none waits for what there is of another.
type Reader struct {
	// Seen: all that it sees was read, but for what is in Behind.
	Seen Snapshot
	// Behind are those of whom there may be more to read.
	Behind map[string]Window
	// changed are those whose place in Behind was changed since Changes, and moved
	// tells the same of Seen.
	changed map[string]bool
	stored  map[string]bool
	moved   bool
}

// NewReader goes on where one has come to that was stored.
func NewReader(seen Snapshot, behind map[string]Window) *Reader {
	r := &Reader{Seen: seen, Behind: behind, changed: map[string]bool{}, stored: map[string]bool{}}
	if r.Behind == nil {
		r.Behind = map[string]Window{}
	}
	for name := range r.Behind {
		r.stored[name] = true
	}
	return r
}

// Clone is a reader that goes on by itself.
func (r *Reader) Clone() *Reader {
	return &Reader{
		Seen: r.Seen, Behind: maps.Clone(r.Behind), changed: maps.Clone(r.changed), stored: maps.Clone(r.stored), moved: r.moved,
	}
}

// Noticed tells that one looked with a snapshot, and whose there was something in what it
// sees and Seen does not.
func (r *Reader) Noticed(now Snapshot, names ...string) {
	for _, name := range names {
		if _, behind := r.Behind[name]; !behind {
			r.set(name, Window{From: r.Seen, To: now})
		}
	}
	if !r.Seen.Equal(now) {
		r.Seen, r.moved = now, true
	}
}

// Took tells that everything of somebody up to a position was read.
func (r *Reader) Took(name string, at Position) {
	if w, behind := r.Behind[name]; behind && w.At.Before(at) {
		w.At = at
		r.set(name, w)
	}
}

// Ended tells that nothing more is in somebody's window. It answers whether there is a
// next one.
func (r *Reader) Ended(name string) bool {
	w, behind := r.Behind[name]
	switch {
	case !behind:
		return false
	case w.To.Equal(r.Seen):
		delete(r.Behind, name)
		r.changed[name] = true
		return false
	}
	r.set(name, Window{From: w.To, To: r.Seen})
	return true
}

func (r *Reader) set(name string, w Window) {
	r.Behind[name], r.changed[name] = w, true
}

// Change is what is to be stored of one: its window or, with Done, that it is not behind
// any more.
type Change struct {
	Name   string
	Window Window
	Done   bool
}

// Changes gives what has changed since the last time, to be stored together: so a
// reader that begins with what was stored has come exactly as far.
func (r *Reader) Changes() (list []Change, moved bool) {
	for _, name := range slices.Sorted(maps.Keys(r.changed)) {
		w, behind := r.Behind[name]
		if behind || r.stored[name] {
			list = append(list, Change{name, w, !behind})
		}
		if r.stored[name] = behind; !behind {
			delete(r.stored, name)
		}
	}
	clear(r.changed)
	moved, r.moved = r.moved, false
	return list, moved
}
