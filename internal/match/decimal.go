package match

import (
	"cmp"
	"strconv"
	"strings"
)

// decimal is a JSON number, exactly: ±0.digits × 10^exp. Floats would take
// 9007199254740993 for 9007199254740992, and big.Rat would fill the memory with
// the zeros of 1e999999999.
type decimal struct {
	text   string // as written
	neg    bool
	digits string // without zeros at either end; empty for zero
	exp    int
	// bounded is false when the exponent has more than nine digits. Such a number
	// is not compared: it equals nothing and lies in no range.
	bounded bool
}

// parseDecimal takes text to be a valid JSON number.
func parseDecimal(text string) *decimal {
	d := &decimal{text: text, bounded: true}
	rest, neg := strings.CutPrefix(text, "-")
	mantissa, exponent := rest, ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, exponent = rest[:i], rest[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := whole + fraction
	digits := strings.TrimLeft(all, "0")
	d.exp = len(whole) - (len(all) - len(digits))
	d.digits = strings.TrimRight(digits, "0")
	if d.digits == "" { // zero, whatever its sign and exponent
		d.exp = 0
		return d
	}
	d.neg = neg
	if exponent != "" {
		e := strings.TrimLeft(strings.TrimLeft(exponent, "+-"), "0")
		if len(e) > 9 {
			d.bounded = false
			return d
		}
		n, _ := strconv.Atoi(e) // "" is 0
		if exponent[0] == '-' {
			n = -n
		}
		d.exp += n
	}
	return d
}

// maxDecimalText is up to how long a text is read as a decimal, in bytes: a stranger's
// text may be as long as he likes, and there may be many tests.
const maxDecimalText = 100

// decimalOf reads a text that is a number as JSON writes it.
func decimalOf(text string) (*decimal, bool) {
	if len(text) > maxDecimalText || !isDecimal(text) {
		return nil, false
	}
	d := parseDecimal(text)
	return d, d.bounded
}

func (d *decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.neg:
		return -1
	default:
		return 1
	}
}

// compare orders two bounded decimals.
func (d *decimal) compare(e *decimal) int {
	if c := cmp.Compare(d.sign(), e.sign()); c != 0 {
		return c
	}
	c := cmp.Compare(d.exp, e.exp)
	if c == 0 {
		c = strings.Compare(d.digits, e.digits)
	}
	if d.neg {
		return -c
	}
	return c
}

func (d *decimal) equal(e *decimal) bool {
	return d.bounded && e.bounded && d.compare(e) == 0
}
