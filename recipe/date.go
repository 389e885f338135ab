package recipe

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that zones are known wherever it runs
)

// dateInputs are the layouts in which dates are read.
var dateInputs = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"}

// date writes a date in another layout and zone. Layouts are those of Go's package
// time, or rfc3339, unix and unix_ms. Dates without a zone are in the one given, or UTC.
func date(c *call) (any, error) {
	zone := time.UTC
	if name := c.arg(1, ""); name != "" {
		var err error
		if zone, err = loadZone(name); err != nil {
			return nil, problem(c.of, "there is no time zone %s; use one such as Europe/Zurich", shown(name))
		}
	}
	t, ok := readDate(c.in, zone)
	if !ok {
		return nil, c.wrong("it is no date; publish one such as 2027-02-05T14:00:00Z")
	}
	t = t.In(zone)
	switch layout := c.arg(0, ""); layout {
	case "rfc3339":
		return t.Format(time.RFC3339), nil
	case "unix":
		return json.Number(strconv.FormatInt(t.Unix(), 10)), nil
	case "unix_ms":
		return json.Number(strconv.FormatInt(t.UnixMilli(), 10)), nil
	default:
		return t.Format(layout), nil
	}
}

// loadZone finds a zone by its IANA name; Local would be that of the machine.
func loadZone(name string) (*time.Location, error) {
	if name == "Local" || strings.ContainsAny(name, `.\`) {
		return nil, strconv.ErrSyntax
	}
	return time.LoadLocation(name)
}

func readDate(v any, zone *time.Location) (time.Time, bool) {
	if n, ok := v.(json.Number); ok {
		i, err := n.Int64()
		switch {
		case err != nil:
			return time.Time{}, false
		case i > 1e11 || i < -1e11: // milliseconds, as they are since 1973
			return time.UnixMilli(i), inYears(time.UnixMilli(i))
		}
		return time.Unix(i, 0), true
	}
	text, _ := v.(string)
	for _, layout := range dateInputs {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, inYears(t)
		}
	}
	return time.Time{}, false
}

func inYears(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }
