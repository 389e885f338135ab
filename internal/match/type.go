package match

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxType is the longest event type and type pattern, in bytes.
const MaxType = 128

// CheckType tells whether name can be the name of an event type: 1 to 128 ASCII
// letters, digits, hyphens and underscores, in segments separated by dots. Case
// counts: platforms bring their names with them, and their receivers compare
// exactly. There is no slash or colon, so a name fits a URL's path as it is.
func CheckType(name string) error {
	return checkType("event type", name, name)
}

// CheckTypePattern tells whether pattern can stand in an endpoint's list of
// types: an exact name, or the beginning of names followed by one *, which stands
// for anything, dots included: "invoice.*", "invoice.p*", or "*" alone.
func CheckTypePattern(pattern string) error {
	if pattern == "*" {
		return nil
	}
	prefix, wild := strings.CutSuffix(pattern, "*")
	if wild {
		prefix = strings.TrimSuffix(prefix, ".") // it may end where a segment begins
	}
	return checkType("event type pattern", pattern, prefix)
}

// checkType checks name and calls it what and shown when it complains.
func checkType(what, shown, name string) error {
	if shown == "" {
		return fmt.Errorf("%s is empty: give a name such as invoice.purchase", what)
	}
	if len(shown) > MaxType {
		return fmt.Errorf("%s has %d bytes: shorten it to %d", what, len(shown), MaxType)
	}
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
		case r == '*':
			return fmt.Errorf("%s %q has a * that is not at the end of a pattern: leave it out, or end the pattern there", what, shown)
		case r == '/':
			return fmt.Errorf("%s %q contains a slash: write a dot for it, and let the dialect write the slash, as shopify does: it sends orders.create as orders/create", what, shown)
		default:
			return fmt.Errorf("%s %q contains %q: use only letters, digits, dots, hyphens and underscores", what, shown, r)
		}
	}
	if name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return fmt.Errorf("%s %q has nothing before, after or between dots: remove the extra dot", what, shown)
	}
	return nil
}

// Types is a compiled list of type patterns. The zero Types matches every type.
type Types struct{ set set }

// CompileTypes compiles patterns; an empty list matches every type. The error is
// that of CheckTypePattern.
func CompileTypes(patterns []string) (Types, error) {
	s, err := compile(patterns, CheckTypePattern)
	return Types{s}, err
}

// Match tells whether one of the patterns is, or covers, the event type name.
func (t Types) Match(name string) bool { return t.set.match(name) }

// Names gives the names that match, in no order, where only those do; only is false where
// there are others.
func (t Types) Names() (names []string, only bool) {
	if len(t.set.prefixes) > 0 || len(t.set.exact) == 0 {
		return nil, false
	}
	return slices.Collect(maps.Keys(t.set.exact)), true
}
