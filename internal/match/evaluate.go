package match

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Mismatch tells why a filter did not match, for people who ask about an event.
type Mismatch struct {
	Pointer string // where in the data: a JSON pointer (RFC 6901), "" for the whole
	Want    string // what the filter asks for there, in words, at most 100 characters
	Found   string // what is there, at most 100 characters
}

func (m Mismatch) String() string {
	at := m.Pointer
	if at == "" {
		at = "data"
	}
	return at + ": wanted " + m.Want + ", found " + m.Found
}

// Match tells whether data meets the filter and, if not, the first thing that is
// wrong. Data that is not JSON matches only the nil Filter. Its cost is linear in
// the size of data. Where many filters see the same event, use MatchData.
func (f *Filter) Match(data []byte) (ok bool, why Mismatch) {
	if f == nil {
		return true, Mismatch{}
	}
	d, err := ParseData(data)
	if err != nil {
		return false, Mismatch{Want: "JSON", Found: short(err.Error())}
	}
	if f.root.match(d.root, &why) {
		return true, Mismatch{}
	}
	return false, why
}

// MatchData is Match for data that is already decoded, without the explanation.
func (f *Filter) MatchData(d Data) bool {
	return f == nil || f.root.match(d.root, nil)
}

// match also fills in why, if there is one, when it answers false.
func (n *node) match(v any, why *Mismatch) bool {
	if list, ok := v.([]any); ok && len(list) > 0 {
		return n.matchElement(list, why)
	}
	fields, _ := v.(map[string]any) // nil, without any fields, for everything else
	for i := range n.fields {
		f := &n.fields[i]
		value, present := fields[f.key]
		if f.sub != nil && !f.sub.match(value, why) || f.leaf != nil && !f.leaf.match(value, present, why) {
			why.below(f.key)
			return false
		}
	}
	for _, group := range n.or {
		if !matchOne(group, v) {
			why.set("one of the patterns of $or", v)
			return false
		}
	}
	return true
}

func matchOne(group []*node, v any) bool {
	for _, n := range group {
		if n.match(v, nil) {
			return true
		}
	}
	return false
}

func (n *node) matchElement(list []any, why *Mismatch) bool {
	if _, isObject := list[0].(map[string]any); isObject && len(list) == 1 {
		ok := n.match(list[0], why)
		if !ok {
			why.below("0")
		}
		return ok
	}
	for _, e := range list {
		if n.match(e, nil) {
			return true
		}
	}
	why.set("an element that meets the whole pattern at this place", list)
	return false
}

func (l *leaf) match(v any, present bool, why *Mismatch) bool {
	switch {
	case !present:
		if !l.orAbsent && why != nil {
			*why = Mismatch{Want: l.want, Found: "nothing"}
		}
		return l.orAbsent
	case l.orPresent || l.accept(v):
		return true
	}
	why.set(l.want, v)
	return false
}

// accept tells whether v is a scalar, or an array that holds one, that passes a
// test.
func (l *leaf) accept(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if l.accept(e) {
				return true
			}
		}
	case map[string]any:
		// Alternatives are about scalars.
	default:
		for _, t := range l.tests {
			if t.accept(v) {
				return true
			}
		}
	}
	return false
}

func (m *Mismatch) set(want string, found any) {
	if m != nil {
		*m = Mismatch{Want: want, Found: short(describe(found))}
	}
}

func (m *Mismatch) below(key string) {
	if m != nil {
		m.Pointer = "/" + escape(key) + m.Pointer
	}
}

// describe shows a value of the data or of a pattern.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", cut(v))
	case *decimal:
		return v.text
	case []any:
		if len(v) == 1 {
			return "an array of 1 element"
		}
		return fmt.Sprintf("an array of %d elements", len(v))
	case map[string]any, object:
		return "an object"
	default:
		return fmt.Sprint(v)
	}
}

const maxShown = 100 // characters

// short is for people: it cuts s to maxShown characters.
func short(s string) string {
	if len(s) <= maxShown || utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return s[:cutAt(s, maxShown-1)] + "…"
}

// cut spares quoting a long string that short will shorten anyway.
func cut(s string) string { return s[:cutAt(s, maxShown+1)] }

// cutAt is where the first n characters of s end.
func cutAt(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// test is one alternative. Its String says what it accepts, to follow "wanted".
type test interface {
	// accept gets a scalar: string, *decimal, bool or nil.
	accept(v any) bool
	fmt.Stringer
}

type (
	equal       struct{ value any }
	prefix      string
	suffix      string
	ignoreCase  string
	anythingBut []test
	within      []bound
	decimals    struct{ within } // also of text that holds a decimal
	exists      bool             // decided by leaf, which knows whether the field is there
)

type bound struct {
	op    string
	limit *decimal
}

func (t equal) accept(v any) bool {
	if d, ok := t.value.(*decimal); ok {
		n, ok := v.(*decimal)
		return ok && n.equal(d)
	}
	return v == t.value
}

func (t prefix) accept(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasPrefix(s, string(t))
}

func (t suffix) accept(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasSuffix(s, string(t))
}

func (t ignoreCase) accept(v any) bool {
	s, ok := v.(string)
	return ok && strings.EqualFold(s, string(t))
}

func (t anythingBut) accept(v any) bool {
	for _, not := range t {
		if not.accept(v) {
			return false
		}
	}
	return true
}

func (t within) accept(v any) bool {
	n, ok := v.(*decimal)
	if !ok || !n.bounded {
		return false
	}
	for _, b := range t {
		if !b.holds(n.compare(b.limit)) {
			return false
		}
	}
	return true
}

func (t decimals) accept(v any) bool {
	if text, ok := v.(string); ok {
		d, ok := decimalOf(text)
		return ok && t.within.accept(d)
	}
	return t.within.accept(v)
}

// empty tells whether no number is within the bounds.
func (t within) empty() bool {
	// Between any two numbers there is another one: so it is enough to look at each
	// pair of bounds.
	for _, low := range t {
		for _, high := range t {
			if low.op[0] == '<' || high.op[0] == '>' {
				continue // "=" is a bound on both sides
			}
			order := low.limit.compare(high.limit)
			if order > 0 || order == 0 && (low.op == ">" || high.op == "<") {
				return true
			}
		}
	}
	return false
}

func (b bound) holds(order int) bool {
	switch b.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	default:
		return order == 0
	}
}

func (exists) accept(any) bool { return false }

func (t equal) String() string      { return describe(t.value) }
func (t prefix) String() string     { return fmt.Sprintf("text starting with %q", string(t)) }
func (t suffix) String() string     { return fmt.Sprintf("text ending with %q", string(t)) }
func (t ignoreCase) String() string { return fmt.Sprintf("%q in any case", string(t)) }

func (t anythingBut) String() string {
	return "anything but " + join(t, ", ")
}

func (t within) String() string {
	return "a number " + join(t, " and ")
}

func (t decimals) String() string {
	return "a number or a decimal in text " + join(t.within, " and ")
}

func (b bound) String() string { return b.op + " " + b.limit.text }

func (t exists) String() string {
	if t {
		return "any value"
	}
	return "no such field"
}

func join[T fmt.Stringer](list []T, separator string) string {
	words := make([]string, len(list))
	for i, t := range list {
		words[i] = t.String()
	}
	return strings.Join(words, separator)
}
