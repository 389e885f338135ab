package bellhop

import (
	"bytes"
	"errors"
	"time"
)

// The first and the last moment that RFC 3339 can write.
var (
	firstTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Add(-1)
)

var errTime = errors.New("a time is written like 2027-06-11T02:00:00Z (RFC 3339)")

// ParseTime reads a time as RFC 3339 has it, in UTC: T and Z of either case
// (section 5.6), and a leap second, which is the second after it. An offset that
// leads out of the years 0000 to 9999 stops at their end, so that what was read can be
// written. It never gives the zero time, which stands for no time everywhere: the
// moment itself is read as a nanosecond later.
func ParseTime(s string) (time.Time, error) {
	b := []byte(s)
	for i, c := range b {
		if c == 't' || c == 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	// Package time would take an hour of one digit and a decimal comma.
	if len(b) < 20 || b[13] != ':' || b[16] != ':' || bytes.IndexByte(b, ',') >= 0 {
		return time.Time{}, errTime
	}
	leap := string(b[16:19]) == ":60"
	if leap {
		copy(b[16:19], ":59")
	}
	var t time.Time
	if t.UnmarshalText(b) != nil {
		return time.Time{}, errTime
	}
	t = t.UTC()
	if leap {
		if t.Hour() != 23 || t.Minute() != 59 { // only the last second of a day in UTC
			return time.Time{}, errTime
		}
		t = t.Truncate(time.Second).Add(time.Second)
	}
	switch {
	case t.Before(firstTime):
		t = firstTime
	case t.After(lastTime):
		t = lastTime
	case t.IsZero():
		t = t.Add(1)
	}
	return t, nil
}
