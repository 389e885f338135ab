package bellhop

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	utc := func(y, mo, d, h, mi, s, ns int) time.Time {
		return time.Date(y, time.Month(mo), d, h, mi, s, ns, time.UTC)
	}
	for text, want := range map[string]time.Time{
		"2027-06-11T02:00:00Z":           utc(2027, 6, 11, 2, 0, 0, 0),
		"2027-06-11t02:00:00z":           utc(2027, 6, 11, 2, 0, 0, 0),
		"2027-06-11T02:00:00.123456789z": utc(2027, 6, 11, 2, 0, 0, 123456789),
		"2027-06-11t02:00:00+02:00":      utc(2027, 6, 11, 0, 0, 0, 0),
		"2027-06-11T02:00:00-00:00":      utc(2027, 6, 11, 2, 0, 0, 0),
		"2016-12-31T23:59:60Z":           utc(2017, 1, 1, 0, 0, 0, 0),
		"2016-12-31t15:59:60.5-08:00":    utc(2017, 1, 1, 0, 0, 0, 0),
		"9999-12-31T23:59:60Z":           lastTime,
		"0000-01-01T00:00:00Z":           firstTime,
		"0000-01-01T00:00:00+14:00":      firstTime,
		"9999-12-31T23:59:59Z":           utc(9999, 12, 31, 23, 59, 59, 0),
		"9999-12-31T23:59:59-12:00":      lastTime,
		"0001-01-01T00:00:00Z":           time.Time{}.Add(1),
	} {
		got, err := ParseTime(text)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
			continue
		}
		written, err := got.MarshalText()
		if err != nil {
			t.Errorf("%s cannot be written: %v", text, err)
		}
		if again, err := ParseTime(string(written)); err != nil || !again.Equal(got) {
			t.Errorf("%s: %s is read as %v, %v", text, written, again, err)
		}
	}
	for _, text := range []string{
		"", "now", "2027-06-11", "2027-06-11T02:00:00", "2027-06-11 02:00:00Z", "2027-06-11T2:00:00Z", "2027-06-11T02:00:00,5Z",
		"2027-02-30T00:00:00Z", "2027-06-11T24:00:00Z", "2027-06-11T02:00:60Z", "2027-06-11T02:00:61Z", "2027-06-11T23:59:60+01:00",
		"10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "2027-06-11T02:00:00+25:00", "tz", "2027-06-11T02:00:00Z\n",
	} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"15s": 15 * time.Second, "7d": 7 * 24 * time.Hour, "1.5d": 36 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0, "0d": 0, "-5s": -5 * time.Second,
		"36500d": 36500 * 24 * time.Hour, "2562047h": 2562047 * time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || time.Duration(got) != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "d", "-1d", "1e2d", "1e1000001d", "infd", "nand", "0x10d", "0x1p4d", "1_0d", "36501d", "36500d2562047h", "1d-25h", "1e5s", "9999999999h", "1d1d", "15",
	} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
