package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
)

// The types of settings and flags that pflag lacks. Their Set is told what a
// person wrote, and its error says how to write it.

// durationValue reads "15s" or "7d", longer than nothing.
type durationValue time.Duration

func durationOf(d *time.Duration, preset time.Duration) *durationValue {
	*d = preset
	return (*durationValue)(d)
}

func (v *durationValue) Set(text string) error {
	d, err := bellhop.ParseDuration(text)
	if err != nil {
		return err
	}
	if d <= 0 {
		return fmt.Errorf("%q must be longer than 0s", text)
	}
	*v = durationValue(d)
	return nil
}

func (v *durationValue) String() string {
	if *v == 0 {
		return ""
	}
	return bellhop.Duration(*v).String()
}

func (*durationValue) Type() string { return "duration" }

// waitValue reads a duration that may be nothing.
type waitValue time.Duration

func patienceOf(d *time.Duration, preset time.Duration) *waitValue {
	*d = preset
	return (*waitValue)(d)
}

func (v *waitValue) Set(text string) error {
	d, err := bellhop.ParseDuration(text)
	if err != nil {
		return err
	}
	if d < 0 {
		return fmt.Errorf("%q is less than nothing", text)
	}
	*v = waitValue(d)
	return nil
}

func (v *waitValue) String() string { return bellhop.Duration(*v).String() }

func (*waitValue) Type() string { return "duration" }

// sizeValue reads a number of bytes, such as "256KiB".
type sizeValue int

func sizeOf(n *int, preset int) *sizeValue {
	*n = preset
	return (*sizeValue)(n)
}

func (v *sizeValue) Set(text string) error {
	number, factor := strings.TrimSpace(text), 1
	for _, unit := range []struct {
		name   string
		factor int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"kB", 1000}, {"MB", 1000_000}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(number, unit.name); ok {
			number, factor = strings.TrimSpace(rest), unit.factor
			break
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n <= 0 || n > math.MaxInt32/factor {
		return fmt.Errorf(`%q is not a size: write it like "256KiB", "1MiB" or "300000", at most 2047MiB`, text)
	}
	*v = sizeValue(n * factor)
	return nil
}

// String gives the size; 0 is what was not said.
func (v sizeValue) String() string {
	switch n := int(v); {
	case n == 0:
		return ""
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.Itoa(n>>20) + "MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.Itoa(n>>10) + "KiB"
	default:
		return strconv.Itoa(n)
	}
}

func (*sizeValue) Type() string { return "size" }

// countValue reads a whole number of at least 1.
type countValue struct {
	n    *int
	most int
}

func countOf(n *int, preset, most int) *countValue {
	*n = preset
	return &countValue{n, most}
}

func (v *countValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%q is not a whole number", text)
	case n < 1:
		return fmt.Errorf("%s is less than 1", text)
	case n > v.most:
		return fmt.Errorf("%s is more than %d", text, v.most)
	}
	*v.n = n
	return nil
}

// String gives the number; 0 is what was not said.
func (v *countValue) String() string {
	if v.n == nil || *v.n == 0 { // pflag asks a zero value, too
		return ""
	}
	return strconv.Itoa(*v.n)
}

func (*countValue) Type() string { return "number" }

// boundValue is a countValue that may be no bound at all, which is 0 and called none.
type boundValue struct{ *countValue }

func boundOf(n *int, most int) boundValue { return boundValue{countOf(n, 0, most)} }

func (v boundValue) Set(text string) error {
	if text == noBound {
		*v.n = 0
		return nil
	}
	if err := v.countValue.Set(text); err != nil {
		return fmt.Errorf("%w; for no bound, write %s", err, noBound)
	}
	return nil
}

func (v boundValue) String() string {
	if v.countValue == nil { // pflag asks a zero value, too
		return ""
	}
	return cmp.Or(v.countValue.String(), noBound)
}

const noBound = "none"

// cidrValue collects networks; a single address is a network of one.
type cidrValue []netip.Prefix

func (v *cidrValue) Set(text string) error {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, addrErr := netip.ParseAddr(text)
		if addrErr != nil || addr.Zone() != "" {
			return fmt.Errorf("%q is not a network: write it like 10.1.0.0/16 or fd00::/8", text)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
		if meant := networkOf(addr); meant.IsValid() {
			return fmt.Errorf("%q is a single address: did you mean the network %s? If it is that address alone, write %s", text, meant, prefix)
		}
	}
	if prefix != prefix.Masked() {
		return fmt.Errorf("%q has bits set beyond its length: did you mean %s?", text, prefix.Masked())
	}
	*v = append(*v, prefix)
	return nil
}

// privateNetworks are those that people name by their first address.
var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("fe80::/10"),
}

// networkOf is the network that was probably meant by the address, if it looks like the
// first one of a network and not like a machine's: it ends in zeros.
func networkOf(addr netip.Addr) netip.Prefix {
	for _, p := range privateNetworks {
		if p.Addr() == addr {
			return p
		}
	}
	b, zeros := addr.AsSlice(), 0
	unit := 1 // bytes in a part of the written address
	if addr.Is6() {
		unit = 2
	}
	for zeros < len(b) && b[len(b)-1-zeros] == 0 {
		zeros++
	}
	zeros -= zeros % unit
	if zeros == 0 || addr.Is6() && zeros < 8 { // half of an IPv6 address names the machine
		return netip.Prefix{}
	}
	return netip.PrefixFrom(addr, 8*(len(b)-zeros))
}

func (v *cidrValue) String() string { return strings.Join(v.texts(), ",") }

func (v *cidrValue) texts() []string {
	var texts []string
	for _, p := range *v {
		texts = append(texts, p.String())
	}
	return texts
}

func (*cidrValue) Type() string { return "network" }

// choiceValue is one of a few words.
type choiceValue struct {
	word    *string
	allowed []string
}

// filledValue is a flag that narrows what is asked for: empty, it would ask for everything.
type filledValue struct{ pflag.Value }

func (v filledValue) Set(text string) error {
	if text == "" {
		return errors.New("is empty: give it a value, or leave it out")
	}
	return v.Value.Set(text)
}

// neverEmpty has flags refuse what is empty.
func neverEmpty(f *pflag.FlagSet, names ...string) {
	for _, name := range names {
		flag := f.Lookup(name)
		flag.Value = filledValue{flag.Value}
	}
}

// oneOf is a choice whose first word is the default.
func oneOf(word *string, allowed ...string) *choiceValue {
	*word = allowed[0]
	return &choiceValue{word, allowed}
}

func (v *choiceValue) Set(text string) error {
	if !slices.Contains(v.allowed, text) {
		return fmt.Errorf("%q is not one of %s", text, strings.Join(v.allowed, ", "))
	}
	*v.word = text
	return nil
}

func (v *choiceValue) String() string { return *v.word }

func (*choiceValue) Type() string { return "word" }

// momentValue is a point in time: RFC 3339, a date, "now", or a duration away
// from now, in the past or, where ahead is set, in the future.
type momentValue struct {
	at    *time.Time
	now   func() time.Time
	ahead bool
	text  string
}

func (p *program) moment(at *time.Time) *momentValue { return &momentValue{at: at, now: p.now} }

func (v *momentValue) Set(text string) error {
	v.text = text
	if text == "now" {
		*v.at = v.now()
		return nil
	}
	if t, err := bellhop.ParseTime(text); err == nil {
		*v.at = t.Local()
		return nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			// Its year may be another one in UTC.
			if t, err = bellhop.ParseTime(t.Format(time.RFC3339Nano)); err == nil {
				*v.at = t.Local()
				return nil
			}
		}
	}
	d, err := bellhop.ParseDuration(text)
	if err != nil || d < 0 {
		if v.ahead {
			return fmt.Errorf(`%q is not a time: write it like 2027-06-01T15:04:05Z, "2027-06-01 15:04" (local), or 2h for in two hours`, text)
		}
		return fmt.Errorf(`%q is not a time: write it like 2027-06-01T15:04:05Z, "2027-06-01 15:04" (local), or 2h for two hours ago`, text)
	}
	if v.ahead {
		*v.at = v.now().Add(time.Duration(d))
	} else {
		*v.at = v.now().Add(-time.Duration(d))
	}
	return nil
}

func (v *momentValue) String() string { return v.text }

func (*momentValue) Type() string { return "time" }

// headerFlags reads repeated --header flags.
func headerFlags(lines []string) (map[string]string, error) {
	headers := map[string]string{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			name, _, _ = strings.Cut(name, "=") // what follows may be a secret
			return nil, usage("--header: %q is not \"Name: value\"", name)
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}
