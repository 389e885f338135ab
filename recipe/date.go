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
// time, or rfc3339, utc, unix and unix_ms. Dates without a zone are in the one given, or
// UTC; where one is asked for and not given, they will not do.
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
	if len(c.args) > 1 && missing(c.args[1]) && zoneless(c.in) {
		return nil, c.wrong("it does not say in which time zone it is; publish it with one, such as 2027-02-05T14:00:00Z, or give the recipe the time zone")
	}
	t = t.In(zone)
	switch layout := c.arg(0, ""); layout {
	case "utc":
		return t.UTC().Format(timeFormat), nil
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

// zoneless tells whether a date that can be read does not say in which zone it is.
func zoneless(v any) bool {
	text, ok := v.(string)
	if !ok {
		return false // seconds are the same everywhere
	}
	_, err := time.Parse(dateInputs[0], text)
	return err != nil
}

// later takes a date only if it is after another one.
func later(c *call) (any, error) {
	from, ok1 := readDate(c.args[0], time.UTC)
	until, ok2 := readDate(c.in, time.UTC)
	switch {
	case !ok1 || !ok2:
		return nil, c.wrong("it, or what it is to come after, %s, is no date; publish one such as 2027-02-05T14:00:00Z", shown(c.args[0]))
	case !until.After(from):
		return nil, c.wrong("it is not after %s; publish a period that ends after it begins", shown(c.args[0]))
	}
	return c.in, nil
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
