package sim

import (
	"time"
	"unsafe"
)

// moment gives the time as a running program sees it: what the clock on the wall says,
// and how long the program has run, which no turning of that clock changes. Package
// time compares two such times by the latter, and one of them with a time from a
// database by the former; a simulation whose times had but one of the two would find
// faults that there are not, and miss others.
//
// Only time.Now makes such times, so it is put together here.
func moment(wall time.Time, running time.Duration) time.Time {
	const (
		hasMonotonic = 1 << 63
		nsecShift    = 30
		since1885    = 2682288000 // seconds until 1970
	)
	t := struct {
		wall uint64
		ext  int64
		loc  *time.Location // nil: UTC
	}{
		wall: hasMonotonic | uint64(wall.Unix()+since1885)<<nsecShift | uint64(wall.Nanosecond()),
		ext:  int64(running) + 1,
	}
	return *(*time.Time)(unsafe.Pointer(&t))
}

// stored is a time as a database keeps it.
func stored(t time.Time) time.Time { return t.Round(0) }
