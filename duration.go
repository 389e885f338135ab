package bellhop

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that reads and prints like "15s", "2m30s", "12h"
// or "7d" (a day is 24 hours) in JSON, YAML and flags.
type Duration time.Duration

// maxDays is a century.
const maxDays = 36500

// ParseDuration reads Go's duration syntax with days added: "7d", "1d12h".
func ParseDuration(s string) (Duration, error) {
	rest, days := s, 0.0
	if before, after, ok := strings.Cut(s, "d"); ok {
		// ParseFloat would take exponents, infinities and hexadecimal as well.
		v, err := strconv.ParseFloat(before, 64)
		if err != nil || strings.Trim(before, "0123456789.") != "" || v > maxDays {
			return 0, errDuration(s)
		}
		days, rest = v, after
	}
	total := time.Duration(days * 24 * float64(time.Hour))
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return 0, errDuration(s)
		}
		if total += d; days > 0 && (d < 0 || total < 0) { // hours against days, or an overflow
			return 0, errDuration(s)
		}
	}
	if s == "" {
		return 0, errDuration(s)
	}
	return Duration(total), nil
}

func errDuration(s string) error {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return fmt.Errorf(`%q is not a duration: write it like "15s", "2m30s", "12h" or "7d"`, s)
}

// String prints the duration without zero units: "12h", not "12h0m0s".
func (d Duration) String() string {
	t := time.Duration(d)
	if t >= 24*time.Hour && t%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(t/(24*time.Hour)), 10) + "d"
	}
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// MarshalText prints the duration as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := ParseDuration(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
