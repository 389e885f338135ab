// Package timeslice is what stores have in common that sum attempts up in slices of time:
// which slices there are, and which of them answer a question. Times are milliseconds since
// 1970, as in ids.
package timeslice

import (
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// Widths of slices: each is a multiple of the one before it, of whose rows its own are made.
// The widths that a chart's buckets have by default are multiples of them.
var Widths = [...]int64{5 * 60_000, 60 * 60_000, 6 * 60 * 60_000}

// spans are how much is rolled up of each width at once, at most.
var spans = [...]int64{60 * 60_000, 6 * 60 * 60_000, 24 * 60 * 60_000}

// Next gives the slices of a level's width to roll up next, where first is the earliest time
// of which there is anything (0: there is nothing), and limit that up to which all is there.
func Next(level int, first, limit int64) (from, to int64, found bool) {
	w := Widths[level]
	first, limit = first/w*w, limit/w*w
	return first, min(limit, (first/spans[level]+1)*spans[level]), first > 0 && first < limit
}

// Marks say how far each width is rolled up, and what has expired.
type Marks struct {
	Until   [len(Widths)]int64
	Expired int64
}

// Note takes the mark of a width, or with 0, of what has expired.
func (m *Marks) Note(width, until int64) {
	if width == 0 {
		m.Expired = until
	}
	if level := slices.Index(Widths[:], width); level >= 0 {
		m.Until[level] = until
	}
}

// Key names a row of slices, but for its width.
type Key struct {
	Slice    int64
	Endpoint int64 // 0: all of the app's
	App      string
}

// Rows are sums on their way into the table.
type Rows map[Key]*bellhop.Tally

// Of gives the sum of a row.
func (rows Rows) Of(k Key) *bellhop.Tally { return of(rows, k) }

func of[K comparable](tallies map[K]*bellhop.Tally, k K) *bellhop.Tally {
	t := tallies[k]
	if t == nil {
		t = &bellhop.Tally{}
		tallies[k] = t
	}
	return t
}

// Sum is what a row holds.
type Sum struct {
	Succeeded, Failed, Exhausted, DurationMS, LongestMS int64
	Durations, Latencies                                []byte // encoded histograms
}

// AddTo adds it to a tally.
func (s *Sum) AddTo(t *bellhop.Tally) error {
	t.Succeeded += s.Succeeded
	t.Failed += s.Failed
	t.Exhausted += s.Exhausted
	t.DurationMS += s.DurationMS
	t.LongestMS = max(t.LongestMS, s.LongestMS)
	err := t.Durations.MergeEncoded(s.Durations)
	if err == nil {
		err = t.Latencies.MergeEncoded(s.Latencies)
	}
	if err != nil {
		return fmt.Errorf("a row of rollups: %w", err)
	}
	return nil
}

// endOfTime is the first millisecond that no id can carry.
const endOfTime = 1 << 42

// Milli: a partial millisecond belongs to the one after it, as in ids.
func Milli(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return min(max(ms, 0), endOfTime)
}

// FirstID is the lowest id of a millisecond.
func FirstID(ms int64) int64 { return int64(id.First[id.Attempt](time.UnixMilli(ms))) }

// Counter answers one question: it reads the widest slices that fit the buckets, and for the
// rest, the attempts.
type Counter struct {
	Filter bellhop.StatsFilter
	// Attempts counts those of a range, and Slices the rows of a width in a range.
	Attempts func(from, to int64) error
	Slices   func(width, from, to int64) error

	width   int64 // of a bucket
	marks   Marks
	buckets map[int64]*bellhop.Tally
}

// Run counts.
func (c *Counter) Run(m Marks) error {
	c.marks, c.width, c.buckets = m, max(c.Filter.Bucket, time.Second).Milliseconds(), map[int64]*bellhop.Tally{}
	from, to := int64(0), int64(endOfTime)
	if !c.Filter.Since.IsZero() {
		from = Milli(c.Filter.Since)
	}
	if !c.Filter.Until.IsZero() {
		to = Milli(c.Filter.Until)
	}
	return c.cover(max(from, m.Expired), to, len(Widths)-1)
}

// cover counts the range from slices of a width and, before and after those, from narrower
// ones, and at last from attempts.
func (c *Counter) cover(from, to int64, level int) error {
	if from >= to {
		return nil
	}
	if level < 0 {
		return c.Attempts(from, to)
	}
	w := Widths[level]
	// Slices carry no type.
	if c.width%w != 0 || c.Filter.Type != "" {
		return c.cover(from, to, level-1)
	}
	first, last := (from+w-1)/w*w, min(to, c.marks.Until[level])/w*w
	if first >= last {
		return c.cover(from, to, level-1)
	}
	err := c.cover(from, first, level-1)
	if err == nil {
		err = c.Slices(w, first, last)
	}
	if err == nil {
		err = c.cover(last, to, level-1)
	}
	return err
}

// Bucket gives the tally of the bucket that a time is in. Buckets begin at whole multiples of
// their width since 1970, so that two pages of a chart agree.
func (c *Counter) Bucket(ms int64) *bellhop.Tally { return of(c.buckets, ms/c.width*c.width) }

// Stats is the answer.
func (c *Counter) Stats() bellhop.Stats {
	var total bellhop.Tally
	var s bellhop.Stats
	for start, t := range c.buckets {
		total.Merge(t)
		s.Buckets = append(s.Buckets, t.Bucket(time.UnixMilli(start).UTC()))
	}
	slices.SortFunc(s.Buckets, func(a, b bellhop.StatsBucket) int { return a.Start.Compare(b.Start) })
	s.Total = total.Bucket(c.Filter.Since)
	return s
}
