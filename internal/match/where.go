package match

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a condition that data is searched by.
const (
	maxWhere     = 1 << 10 // bytes
	maxWherePath = 20      // members and elements
)

// Where is a condition on an event's data, to search by: a path, a comparison and a value.
//
//	data.customer.id = 42
//	data.lines[0].sku != "A-1"
//	data.total >= 100
//	data.note ~ refund
//
// A path begins with data; members with other characters than letters, digits, hyphens
// and underscores stand in quotes: data."net total". An array on the way, without an
// index, stands for each of its elements, of which one has to meet the condition.
//
// The comparison is one of = != < <= > >= and ~, which is: contains, in upper or lower
// case. A value without quotes that is a number is compared as one, exactly, also with
// text in the data that holds a decimal: "118.00" is 118. In quotes, and if it is neither
// a number nor true, false or null, it is text; texts are ordered as their bytes, as
// times are. null is also what is not there, and != the contrary of =.
type Where struct {
	path []step
	op   string
	// One of these is the value, by its kind.
	kind   whereKind
	number *decimal
	text   string // in lower case, for ~
	truth  bool
}

type whereKind uint8

const (
	whereText whereKind = iota
	whereNumber
	whereBool
	whereNull
)

// step is a member of an object, or an element of an array.
type step struct {
	key   string
	index int // -1 for a member
}

// WhereError says what is wrong with a condition.
type WhereError struct {
	// At is the place, in characters from 1.
	At     int
	Detail string
}

func (e *WhereError) Error() string { return fmt.Sprintf("at character %d: %s", e.At, e.Detail) }

// CompileWhere reads a condition. The error is a *WhereError.
func CompileWhere(text string) (*Where, error) {
	r := whereReader{text: text}
	if len(text) > maxWhere {
		return nil, r.fault("the condition has %d bytes: shorten it to %d", len(text), maxWhere)
	}
	if !utf8.ValidString(text) {
		return nil, r.fault("the condition is not UTF-8")
	}
	w := &Where{}
	var err error
	if w.path, err = r.path(); err != nil {
		return nil, err
	}
	r.space()
	for _, op := range []string{"!=", "<=", ">=", "==", "=", "<", ">", "~"} {
		if strings.HasPrefix(r.rest(), op) {
			w.op = op
			break
		}
	}
	if w.op == "" {
		return nil, r.fault("a comparison is missing: one of = != < <= > >= ~")
	}
	r.at += len(w.op)
	if w.op == "==" {
		w.op = "="
	}
	return w, r.value(w)
}

// whereReader reads a condition from left to right.
type whereReader struct {
	text string
	at   int
}

func (r *whereReader) rest() string { return r.text[r.at:] }

func (r *whereReader) space() { r.at = len(r.text) - len(strings.TrimLeft(r.rest(), " \t")) }

func (r *whereReader) fault(format string, a ...any) *WhereError {
	return &WhereError{At: utf8.RuneCountInString(r.text[:min(r.at, len(r.text))]) + 1, Detail: fmt.Sprintf(format, a...)}
}

func (r *whereReader) path() (path []step, err error) {
	r.space()
	begin := r.at
	if name := r.name(); name != "data" {
		r.at = begin
		return nil, r.fault("a path begins with data: write data.%s; the type, subject and app have filters of their own", cmp.Or(name, "customer.id"))
	}
	for {
		switch rest := r.rest(); {
		case len(path) > maxWherePath:
			return nil, r.fault("the path has more than %d parts: shorten it", maxWherePath)
		case strings.HasPrefix(rest, "."):
			r.at++
			key := ""
			if strings.HasPrefix(r.rest(), `"`) || strings.HasPrefix(r.rest(), "'") {
				if key, err = r.quoted(); err != nil {
					return nil, err
				}
			} else if key = r.name(); key == "" {
				return nil, r.fault("the name of a member is missing after the dot; put one with other characters in quotes")
			}
			path = append(path, step{key, -1})
		case strings.HasPrefix(rest, "["):
			r.at++
			if strings.HasPrefix(r.rest(), `"`) || strings.HasPrefix(r.rest(), "'") {
				key, err := r.quoted()
				if err != nil {
					return nil, err
				}
				path = append(path, step{key, -1})
			} else {
				digits := r.rest()[:len(r.rest())-len(strings.TrimLeft(r.rest(), "0123456789"))]
				n, err := strconv.Atoi(digits)
				if err != nil {
					return nil, r.fault("in brackets stands the index of an element, from 0: write [0]")
				}
				r.at += len(digits)
				path = append(path, step{"", n})
			}
			if !strings.HasPrefix(r.rest(), "]") {
				return nil, r.fault("a closing bracket is missing")
			}
			r.at++
		default:
			return path, nil
		}
	}
}

// name reads a name without quotes.
func (r *whereReader) name() string {
	end := strings.IndexFunc(r.rest(), func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && c != '-' && c != '$' && c != '@'
	})
	if end < 0 {
		end = len(r.rest())
	}
	name := r.rest()[:end]
	r.at += end
	return name
}

// quoted reads text in double quotes, as in JSON, or in single ones, as it stands.
func (r *whereReader) quoted() (string, error) {
	rest := r.rest()
	if rest[0] == '\'' {
		inside, _, closed := strings.Cut(rest[1:], "'")
		if !closed {
			return "", r.fault("the closing quote is missing")
		}
		r.at += len(inside) + 2
		return inside, nil
	}
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			var text string
			if json.Unmarshal([]byte(rest[:i+1]), &text) != nil {
				return "", r.fault("this text cannot be read: write it as in JSON, or in single quotes")
			}
			r.at += i + 1
			return text, nil
		}
	}
	return "", r.fault("the closing quote is missing")
}

func (r *whereReader) value(w *Where) error {
	r.space()
	rest := strings.TrimRight(r.rest(), " \t")
	isQuoted := strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "'")
	switch {
	case rest == "":
		return r.fault(`a value is missing: a number, true, false, null, or text such as "paid"`)
	case isQuoted:
		text, err := r.quoted()
		if err != nil {
			return err
		}
		if r.space(); r.rest() != "" {
			return r.fault("there is more after the value: give another condition by itself")
		}
		w.kind, w.text = whereText, text
	case w.op == "~":
		w.kind, w.text = whereText, rest
	case rest == "true" || rest == "false":
		w.kind, w.truth = whereBool, rest == "true"
	case rest == "null":
		w.kind = whereNull
	case isDecimal(rest):
		if w.kind, w.number = whereNumber, parseDecimal(rest); !w.number.bounded {
			return r.fault("the exponent has more than nine digits: give a smaller number")
		}
	case strings.ContainsAny(rest, " \t\"'=<>~!"):
		return r.fault("text with spaces or signs stands in quotes")
	default:
		w.kind, w.text = whereText, rest
	}
	if w.op == "~" {
		if w.text == "" {
			return r.fault("every text contains none: give some to look for")
		}
		w.text = strings.ToLower(w.text)
	}
	if ordered := w.op[0] == '<' || w.op[0] == '>'; ordered && (w.kind == whereBool || w.kind == whereNull) {
		return r.fault("%s has no order: compare it with = or !=", rest)
	}
	return nil
}

// isDecimal tells whether text is a number as JSON writes it.
func isDecimal(text string) bool {
	digits := func(s string) string { return strings.TrimLeft(s, "0123456789") }
	rest := strings.TrimPrefix(text, "-")
	whole := rest[:len(rest)-len(digits(rest))]
	if whole == "" || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	rest = digits(rest)
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		if rest = digits(fraction); rest == fraction {
			return false
		}
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		exponent := rest[1:]
		if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
			exponent = exponent[1:]
		}
		if rest = digits(exponent); rest == exponent {
			return false
		}
	}
	return rest == ""
}

// Meets tells whether data, which is valid JSON, meets the condition. It goes through the
// data once, however it is nested, and decodes no more than what the path leads to.
func (w *Where) Meets(data []byte) bool {
	met, _ := w.walk(data, skipSpace(data, 0), w.path)
	return met != (w.op == "!=")
}

// walk tells whether one of the values that the path leads to, from the value on that
// begins at i, meets the condition; of one with !=, whether one is equal. It answers where
// that value ends.
func (w *Where) walk(b []byte, i int, path []step) (met bool, end int) {
	switch {
	case len(path) == 0:
		end = skipValue(b, i)
		return w.accept(b[i:end]), end
	case i < len(b) && b[i] == '{' && path[0].index < 0:
		return w.walkObject(b, i, path)
	case i < len(b) && b[i] == '[':
		return w.walkArray(b, i, path)
	}
	return w.accept(nil), skipValue(b, i)
}

// walkObject looks for the member that the path begins with: of equal ones, the last.
func (w *Where) walkObject(b []byte, i int, path []step) (met bool, end int) {
	met = w.accept(nil)
	for i = skipSpace(b, i+1); i < len(b) && b[i] == '"'; {
		end := skipValue(b, i)
		is := isName(b[i:end], path[0].key)
		i = min(skipSpace(b, skipSpace(b, end)+1), len(b)) // past the colon
		if is {
			met, i = w.walk(b, i, path[1:])
		} else {
			i = skipValue(b, i)
		}
		i = skipComma(b, i)
	}
	return met, min(i+1, len(b))
}

// walkArray goes to the element that the path begins with or, where it names none, to each.
func (w *Where) walkArray(b []byte, i int, path []step) (met bool, end int) {
	count, index := 0, path[0].index
	for i = skipSpace(b, i+1); i < len(b) && b[i] != ']'; count++ {
		begin := i
		switch {
		case index == count:
			met, i = w.walk(b, i, path[1:])
		case index < 0:
			var one bool
			one, i = w.walk(b, i, path)
			met = met || one
		default:
			i = skipValue(b, i)
		}
		if i == begin {
			return met, len(b) // it is damaged
		}
		i = skipComma(b, i)
	}
	if count == 0 || index >= count {
		met = w.accept(nil)
	}
	return met, min(i+1, len(b))
}

// skipComma is where the next member or element begins, or the end of all.
func skipComma(b []byte, i int) int {
	if i = skipSpace(b, i); i < len(b) && b[i] == ',' {
		i = skipSpace(b, i+1)
	}
	return i
}

// accept tests one value; nil is one that is not there.
func (w *Where) accept(value []byte) bool {
	if len(value) == 0 {
		return w.kind == whereNull
	}
	switch value[0] {
	case 'n':
		return w.kind == whereNull
	case 't', 'f':
		if w.op == "~" {
			return bytes.Contains(value, []byte(w.text))
		}
		return w.kind == whereBool && w.truth == (value[0] == 't')
	case '[':
		if w.op == "~" {
			return contains(value, w.text)
		}
		met := false
		eachElement(value, func(element []byte) bool {
			met = len(element) > 0 && element[0] != '[' && w.accept(element)
			return !met
		})
		return met
	case '{':
		return w.op == "~" && contains(value, w.text)
	case '"':
		if w.op == "~" && bytes.IndexByte(value, '\\') < 0 {
			return contains(inside(value), w.text)
		}
		text, ok := textOf(value)
		return ok && w.acceptText(text)
	}
	if w.op == "~" {
		return contains(value, w.text)
	}
	return w.kind == whereNumber && w.compares(string(value))
}

func (w *Where) acceptText(text string) bool {
	switch {
	case w.op == "~":
		return contains([]byte(text), w.text)
	case w.kind == whereNumber:
		d, ok := decimalOf(text)
		return ok && bound{op: w.order()}.holds(d.compare(w.number))
	case w.kind != whereText:
		return false
	}
	return bound{op: w.order()}.holds(strings.Compare(text, w.text))
}

// compares compares a number with the condition's.
func (w *Where) compares(text string) bool {
	d := parseDecimal(text)
	return d.bounded && bound{op: w.order()}.holds(d.compare(w.number))
}

// order is the comparison of which the condition is met: that of != is =.
func (w *Where) order() string {
	if w.op == "!=" {
		return "="
	}
	return w.op
}

// inside is what stands between the quotes, of which the last may be missing in what is
// damaged.
func inside(quoted []byte) []byte { return quoted[1:max(len(quoted)-1, 1)] }

// textOf is the text of a JSON string.
func textOf(value []byte) (string, bool) {
	if bytes.IndexByte(value, '\\') < 0 {
		return string(inside(value)), true
	}
	var text string
	err := json.Unmarshal(value, &text)
	return text, err == nil
}

// contains tells whether text contains what is in lower case, in upper or lower case.
func contains(text []byte, lower string) bool {
	return bytes.Contains(bytes.ToLower(text), []byte(lower))
}

// isName tells whether a member's quoted name is the key.
func isName(quoted []byte, key string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return len(quoted) == len(key)+2 && string(inside(quoted)) == key
	}
	text, ok := textOf(quoted)
	return ok && text == key
}

// eachElement calls f with each element of an array until it answers false.
func eachElement(array []byte, f func([]byte) bool) {
	i := skipSpace(array, 1)
	for i < len(array) && array[i] != ']' {
		end := skipValue(array, i)
		if end == i || !f(array[i:end]) {
			return
		}
		i = skipComma(array, end)
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// endOfLiteral is where a number, true, false or null ends.
func endOfLiteral(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch b[i] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return i
		}
	}
	return i
}

// skipValue is where the value that begins at i ends. Nesting takes no stack.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			i++
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return min(i, len(b))
			}
			depth--
			i++
		default:
			if depth == 0 {
				return endOfLiteral(b, i)
			}
			i++
			continue
		}
		if depth == 0 {
			return min(i, len(b))
		}
	}
	return len(b)
}
