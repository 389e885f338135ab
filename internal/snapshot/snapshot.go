// Package snapshot reads what transactions append, each of them once, however late it
// commits: not by the highest number seen so far, behind which an older transaction may
// still commit, but by what had become visible when one looked last (PgQ's way).
//
// A Snapshot is PostgreSQL's pg_snapshot. A Reader is how far somebody has come. Both are
// plain values without a clock, lock or database inside.
package snapshot

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Snapshot says which transactions had committed, or been given up, at a moment: those
// below Max, but for those that were Running.
type Snapshot struct {
	Max uint64
	// Running are in order, and below Max.
	Running []uint64
}

// Parse reads PostgreSQL's text of a pg_snapshot: xmin:xmax:xip,….
func Parse(text string) (Snapshot, error) {
	wrong := func() (Snapshot, error) {
		return Snapshot{}, fmt.Errorf("%q is no snapshot of transactions", text)
	}
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return wrong()
	}
	if _, err := strconv.ParseUint(parts[0], 10, 64); err != nil {
		return wrong()
	}
	var s Snapshot
	var err error
	if s.Max, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return wrong()
	}
	if parts[2] == "" {
		return s, nil
	}
	for running := range strings.SplitSeq(parts[2], ",") {
		tx, err := strconv.ParseUint(running, 10, 64)
		if err != nil || tx >= s.Max {
			return wrong()
		}
		s.Running = append(s.Running, tx)
	}
	slices.Sort(s.Running)
	return s, nil
}

// String is the text that Parse reads.
func (s Snapshot) String() string {
	lowest := s.Max
	if len(s.Running) > 0 {
		lowest = s.Running[0]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d:%d:", lowest, s.Max)
	for i, tx := range s.Running {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(tx, 10))
	}
	return b.String()
}

// Sees tells whether a transaction had ended.
func (s Snapshot) Sees(tx uint64) bool {
	if tx >= s.Max {
		return false
	}
	_, running := slices.BinarySearch(s.Running, tx)
	return !running
}

// Below is the snapshot as if nothing from tx on had begun: what it does not see of it
// any more is for a later one.
func (s Snapshot) Below(tx uint64) Snapshot {
	if tx >= s.Max {
		return s
	}
	i, _ := slices.BinarySearch(s.Running, tx)
	return Snapshot{Max: tx, Running: slices.Clone(s.Running[:i])}
}

// Equal tells whether both see the same.
func (s Snapshot) Equal(o Snapshot) bool { return s.Max == o.Max && slices.Equal(s.Running, o.Running) }

// Range is transactions from Low on and below High.
type Range struct{ Low, High uint64 }

// Between gives, in order, the transactions that to sees and from does not: those that
// were running, and those that have begun since. Who reads these, and nothing between
// them, meets no row of a transaction that is still running.
func Between(from, to Snapshot) []Range {
	var list []Range
	for _, tx := range from.Running {
		if to.Sees(tx) {
			list = append(list, Range{tx, tx + 1})
		}
	}
	low := from.Max
	for _, tx := range to.Running {
		if tx < low {
			continue
		}
		if tx > low {
			list = append(list, Range{low, tx})
		}
		low = tx + 1
	}
	if low < to.Max {
		list = append(list, Range{low, to.Max})
	}
	return list
}

// Position is a place in the order of what is read: that of transactions and, within
// one, of ids.
type Position struct {
	Tx uint64
	ID int64
}

// Before tells whether p comes before o.
func (p Position) Before(o Position) bool { return p.Tx < o.Tx || p.Tx == o.Tx && p.ID < o.ID }

// Window is what became visible between two snapshots. Nothing is ever added to it: so
// within it, who is at a Position has everything before.
type Window struct {
	From, To Snapshot
	// At is how far it was read; zero: not yet.
	At Position
}

// Ranges are the transactions of the window that are not read to the end.
func (w Window) Ranges() []Range {
	list := Between(w.From, w.To)
	for len(list) > 0 && list[0].High <= w.At.Tx {
		list = list[1:]
	}
	if len(list) > 0 && list[0].Low < w.At.Tx {
		list[0].Low = w.At.Tx
	}
	return list
}

// Holds tells whether something is in the window, and not read yet.
func (w Window) Holds(p Position) bool {
	return w.To.Sees(p.Tx) && !w.From.Sees(p.Tx) && w.At.Before(p)
}
