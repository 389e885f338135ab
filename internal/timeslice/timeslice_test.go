package timeslice_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/timeslice"
)

// TestEveryMomentIsCountedOnce: what a question reads lies side by side, from what has not
// expired to its end; slices only where they are whole, rolled up, and within a bucket.
func TestEveryMomentIsCountedOnce(t *testing.T) {
	const day = 24 * 60 * 60_000
	moment := rapid.Int64Range(0, 5*day)
	rapid.Check(t, func(t *rapid.T) {
		var marks timeslice.Marks
		until := int64(5 * day)
		for level, w := range timeslice.Widths {
			until = min(until, moment.Draw(t, "until")) / w * w
			marks.Note(w, until)
			if marks.Until[level] != until {
				t.Fatalf("the mark of %d is %d, not %d", w, marks.Until[level], until)
			}
		}
		marks.Note(0, moment.Draw(t, "expired"))
		since, end := moment.Draw(t, "since"), moment.Draw(t, "end")
		bucket := rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}).Draw(t, "bucket")
		at := max(since, marks.Expired)
		last := end
		reads := func(from, to int64) error {
			if from != at || to <= from || to > last {
				t.Fatalf("read from %d to %d after %d, of what ends at %d", from, to, at, last)
			}
			at = to
			return nil
		}
		c := timeslice.Counter{
			Filter:   bellhop.StatsFilter{Since: time.UnixMilli(since), Until: time.UnixMilli(end), Bucket: bucket},
			Attempts: reads,
			Slices: func(width, from, to int64) error {
				if from%width != 0 || to%width != 0 || bucket.Milliseconds()%width != 0 {
					t.Fatalf("slices of %d from %d to %d, in buckets of %v", width, from, to, bucket)
				}
				for level, w := range timeslice.Widths {
					if w == width && to > marks.Until[level] {
						t.Fatalf("slices of %d up to %d are not rolled up: %d", width, to, marks.Until[level])
					}
				}
				return reads(from, to)
			},
		}
		if err := c.Run(marks); err != nil {
			t.Fatal(err)
		}
		if at < last {
			t.Fatalf("from %d to %d nothing was read", at, last)
		}
	})
}

// TestNextRollsUpWholeSlices of a bounded span, where something is complete.
func TestNextRollsUpWholeSlices(t *testing.T) {
	const minute = 60_000
	for _, tc := range []struct{ first, limit, from, to int64 }{
		{0, 100 * minute, 0, 0},              // nothing is there
		{61 * minute, 64 * minute, 0, 0},     // nothing is complete
		{61 * minute, 71 * minute, 60, 70},   // as far as it is complete
		{61 * minute, 500 * minute, 60, 120}, // as far as one goes at most
	} {
		from, to, found := timeslice.Next(0, tc.first, tc.limit)
		if found != (tc.to > 0) || found && (from != tc.from*minute || to != tc.to*minute) {
			t.Errorf("of %d to %d: from %d to %d, %v", tc.first, tc.limit, from, to, found)
		}
	}
}
