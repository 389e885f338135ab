package match

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/bellhop/bellhop/internal/strictjson"
)

// Limits of a filter. What an endpoint's owner may ask for is paid for at every
// publish.
const (
	MaxFilterSize  = 8 << 10 // bytes of JSON
	MaxFilterDepth = 10      // nested objects, $or's patterns included
	MaxFilterTests = 100     // values and operators, those inside anything-but included
)

// Filter is a compiled JSON pattern over an event's data, in the manner of
// Amazon EventBridge:
//
//	{"status": ["paid", {"prefix": "part"}], "customer": {"country": ["CH", null]}}
//
// Every field of the pattern must match. A field holds either a pattern for a
// nested object or an array of alternatives, of which one must accept the value:
//
//	"x", 1, true, null               that value; numbers compare exactly, so 1.0 is 1
//	{"prefix": "x"}                  text that starts so
//	{"suffix": "x"}                  text that ends so
//	{"equals-ignore-case": "x"}      that text in upper or lower case
//	{"anything-but": "x"}            a value that is not this; also an array of values,
//	                                 or {"prefix": …}, {"suffix": …}, {"equals-ignore-case": …}
//	{"numeric": [">", 0, "<=", 5]}   a number within all bounds; also =, <, >=
//	{"decimal": [">", 0, "<=", 5]}   the same, also of text that holds a decimal number and
//	                                 nothing else, such as "118.00"
//	{"exists": true}                 the field is there, whatever it holds, null included
//	{"exists": false}                the field is not there
//
// "$or": [pattern, …] in any object asks for one of several patterns; so a data
// field of that name cannot be matched.
//
// An array in the data matches if one of its elements does, also for
// anything-but; a pattern for an object is met by a single element of an array
// of objects, not by several together. Where the pattern goes into an object and
// the data has something else, none of the fields are there.
//
// The nil Filter and the pattern {} match everything.
type Filter struct{ root *node }

// FilterError is the error of CompileFilter.
type FilterError struct {
	Pointer string // where in the pattern: a JSON pointer (RFC 6901), "" for the whole
	Detail  string // what is wrong there and what to do
}

func (e *FilterError) Error() string {
	if e.Pointer == "" {
		return "filter: " + e.Detail
	}
	return "filter: at " + e.Pointer + ": " + e.Detail
}

// node is a pattern for an object.
type node struct {
	fields []field
	or     [][]*node // of each group, one must match
}

// field is one member of a node: either a nested pattern or a leaf.
type field struct {
	key  string
	sub  *node
	leaf *leaf
}

// leaf is a list of alternatives.
type leaf struct {
	tests     []test
	orPresent bool   // {"exists": true} is among them
	orAbsent  bool   // {"exists": false} is among them
	want      string // the list in words
}

// CompileFilter compiles a pattern. The error is a *FilterError.
func CompileFilter(pattern []byte) (*Filter, error) { return compileFilter(pattern, false) }

// CheckFilter is CompileFilter for patterns that are yet to be saved: it refuses, too,
// what can never match. The error is a *FilterError.
func CheckFilter(pattern []byte) error {
	_, err := compileFilter(pattern, true)
	return err
}

func compileFilter(pattern []byte, strict bool) (*Filter, error) {
	if len(pattern) > MaxFilterSize {
		return nil, &FilterError{"", fmt.Sprintf("the pattern has %d bytes: shorten it to %d, or split it over several endpoints", len(pattern), MaxFilterSize)}
	}
	if !utf8.Valid(pattern) {
		return nil, &FilterError{"", "the pattern is not UTF-8: encode it as UTF-8"}
	}
	if err := json.Unmarshal(pattern, new(json.RawMessage)); err != nil {
		where := ""
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			where = fmt.Sprintf(" at byte %d", syntax.Offset)
		}
		return nil, &FilterError{"", fmt.Sprintf("invalid JSON%s: %v: correct it", where, err)}
	}
	dec := json.NewDecoder(bytes.NewReader(pattern))
	dec.UseNumber()
	tree, err := (&parser{dec, pattern}).parse("", 0)
	if err != nil {
		return nil, err
	}
	root, ok := tree.(object)
	if !ok {
		return nil, &FilterError{"", `a pattern is an object: write {"field": ["value"]}`}
	}
	c := compiler{strict: strict}
	n, err := c.node(root, "", 1)
	if err != nil {
		return nil, err
	}
	return &Filter{n}, nil
}

// object is a JSON object in the order written.
type object []member

type member struct {
	key   string
	value any // object, []any, string, *decimal, bool or nil
}

// parser reads a pattern. It exists because encoding/json would let the last of two
// equal keys win, and half of the owner's filter would be gone silently.
type parser struct {
	*json.Decoder
	pattern []byte
}

// token is the next one, or an error for a string that encoding/json would change:
// it could match what was never asked for.
func (p *parser) token(at string) (json.Token, error) {
	begin := p.InputOffset()
	token, err := p.Token()
	if err != nil {
		return nil, &FilterError{at, err.Error()}
	}
	if _, isText := token.(string); isText {
		if _, err := strictjson.Text(bytes.TrimLeft(p.pattern[begin:p.InputOffset()], " \t\r\n,:")); err != nil {
			return nil, &FilterError{at, "this text " + err.Error()}
		}
	}
	return token, nil
}

// parse reads one valid value.
func (p *parser) parse(at string, depth int) (any, error) {
	// The deepest there can be: an array in each $or, and the alternatives.
	if depth > 2*MaxFilterDepth+4 {
		return nil, tooDeep(at)
	}
	token, err := p.token(at)
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		d := parseDecimal(token.String())
		if !d.bounded {
			return nil, &FilterError{at, "the exponent has more than nine digits: give a smaller number"}
		}
		return d, nil
	case json.Delim:
		if token == '[' {
			list := []any{}
			for p.More() {
				v, err := p.parse(fmt.Sprintf("%s/%d", at, len(list)), depth+1)
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, _ = p.Token() // the closing bracket
			return list, nil
		}
		o := object{}
		seen := map[string]bool{}
		for p.More() {
			token, err := p.token(at)
			if err != nil {
				return nil, err
			}
			key, _ := token.(string)
			here := at + "/" + escape(key)
			if seen[key] {
				return nil, &FilterError{here, "this field is there twice: put all alternatives into one array"}
			}
			seen[key] = true
			v, err := p.parse(here, depth+1)
			if err != nil {
				return nil, err
			}
			o = append(o, member{key, v})
		}
		_, _ = p.Token()
		return o, nil
	default:
		return token, nil
	}
}

// escape writes a key as a part of a JSON pointer.
func escape(key string) string { return escapes.Replace(key) }

// escapes is made once: making it costs more than all else of a filter.
var escapes = strings.NewReplacer("~", "~0", "/", "~1")

// compiler counts what it has compiled. A strict one refuses what can never match.
type compiler struct {
	tests  int
	strict bool
}

func (c *compiler) node(o object, at string, depth int) (*node, error) {
	if depth > MaxFilterDepth {
		return nil, tooDeep(at)
	}
	n := &node{}
	for _, m := range o {
		here := at + "/" + escape(m.key)
		if m.key == "$or" {
			group, err := c.or(m.value, here, depth+1)
			if err != nil {
				return nil, err
			}
			n.or = append(n.or, group)
			continue
		}
		f := field{key: m.key}
		var err error
		switch v := m.value.(type) {
		case object:
			if len(v) == 0 {
				return nil, &FilterError{here, `this pattern is empty: name a field in it, or write [{"exists": true}] to ask for any value`}
			}
			if op := v[0].key; len(v) == 1 && (op == opNumeric || op == opDecimal || op == opAnythingBut || op == opIgnoreCase) {
				// As a nested field it would compile, and never match.
				return nil, &FilterError{here, fmt.Sprintf("an operator stands among alternatives: write [{%q: …}]", op)}
			}
			f.sub, err = c.node(v, here, depth+1)
		case []any:
			f.leaf, err = c.leaf(v, here)
		default:
			err = &FilterError{here, "alternatives stand in an array: write [" + describe(v) + "]"}
		}
		if err != nil {
			return nil, err
		}
		n.fields = append(n.fields, f)
	}
	return n, nil
}

func tooDeep(at string) error {
	return &FilterError{at, fmt.Sprintf("nested deeper than %d objects: match fewer levels", MaxFilterDepth)}
}

func (c *compiler) or(v any, at string, depth int) ([]*node, error) {
	list, _ := v.([]any)
	if len(list) == 0 {
		return nil, &FilterError{at, `$or takes an array of patterns: write [{"a": [1]}, {"b": [2]}]`}
	}
	group := make([]*node, len(list))
	for i, v := range list {
		here := fmt.Sprintf("%s/%d", at, i)
		o, _ := v.(object)
		if len(o) == 0 {
			return nil, &FilterError{here, `$or takes patterns that ask for something: write {"field": ["value"]}`}
		}
		n, err := c.node(o, here, depth)
		if err != nil {
			return nil, err
		}
		group[i] = n
	}
	return group, nil
}

func (c *compiler) leaf(list []any, at string) (*leaf, error) {
	if len(list) == 0 {
		return nil, &FilterError{at, `there is no alternative, so nothing would match: list a value, or write [{"exists": true}] to ask for any`}
	}
	l := &leaf{}
	var words []string
	for i, v := range list {
		t, err := c.test(v, fmt.Sprintf("%s/%d", at, i))
		if err != nil {
			return nil, err
		}
		words = append(words, t.String())
		if e, ok := t.(exists); !ok {
			l.tests = append(l.tests, t)
		} else if e {
			l.orPresent = true
		} else {
			l.orAbsent = true
		}
	}
	l.want = short(strings.Join(words, " or "))
	return l, nil
}

// The operators.
const (
	opPrefix      = "prefix"
	opSuffix      = "suffix"
	opIgnoreCase  = "equals-ignore-case"
	opAnythingBut = "anything-but"
	opNumeric     = "numeric"
	opDecimal     = "decimal"
	opExists      = "exists"
)

// test compiles one alternative.
func (c *compiler) test(v any, at string) (test, error) {
	if c.tests++; c.tests > MaxFilterTests {
		return nil, &FilterError{at, fmt.Sprintf("more than %d values and operators: use prefixes, or split the filter over several endpoints", MaxFilterTests)}
	}
	o, isObject := v.(object)
	if _, isList := v.([]any); isList {
		return nil, &FilterError{at, "an alternative cannot be an array: list its elements as alternatives"}
	} else if !isObject {
		return equal{v}, nil
	}
	if len(o) != 1 {
		return nil, &FilterError{at, `an alternative in braces is one operator: write {"prefix": "x"}`}
	}
	op, arg := o[0].key, o[0].value
	at += "/" + escape(op)
	text, isText := arg.(string)
	switch op {
	case opPrefix, opSuffix, opIgnoreCase:
		if !isText {
			return nil, &FilterError{at, fmt.Sprintf(`%s takes a string: write {%q: "x"}`, op, op)}
		}
		switch op {
		case opPrefix:
			return prefix(text), nil
		case opSuffix:
			return suffix(text), nil
		default:
			return ignoreCase(text), nil
		}
	case opExists:
		b, ok := arg.(bool)
		if !ok {
			return nil, &FilterError{at, `exists takes true or false: write {"exists": true}`}
		}
		return exists(b), nil
	case opAnythingBut:
		return c.anythingBut(arg, at)
	case opNumeric, opDecimal:
		r, err := numeric(op, arg, at)
		if err == nil && c.strict && r.empty() {
			return nil, &FilterError{at, "no number is " + join(r, " and ") + ": correct the bounds"}
		}
		if op == opDecimal {
			return decimals{r}, err
		}
		return r, err
	}
	return nil, &FilterError{at, "no such operator: use prefix, suffix, equals-ignore-case, anything-but, numeric, decimal or exists"}
}

func (c *compiler) anythingBut(arg any, at string) (test, error) {
	list, ok := arg.([]any)
	if !ok {
		list = []any{arg}
	} else if len(list) == 0 {
		return nil, &FilterError{at, `anything-but excludes nothing: list a value, or write {"exists": true}`}
	}
	var not anythingBut
	for i, v := range list {
		here := at
		if ok {
			here = fmt.Sprintf("%s/%d", at, i)
		}
		t, err := c.test(v, here)
		if err != nil {
			return nil, err
		}
		switch t.(type) {
		case equal, prefix, suffix, ignoreCase:
			not = append(not, t)
		default:
			return nil, &FilterError{here, "anything-but takes values, prefix, suffix and equals-ignore-case: turn the condition around instead"}
		}
	}
	return not, nil
}

// numeric compiles the bounds of numeric and decimal; those of decimal may be text, too.
func numeric(operator string, arg any, at string) (within, error) {
	usage := &FilterError{at, operator + ` takes pairs of a comparison (=, <, <=, >, >=) and a number, at most four: write [">", 0, "<=", 5]`}
	list, _ := arg.([]any)
	if len(list) == 0 || len(list)%2 != 0 || len(list) > 8 {
		return nil, usage
	}
	var r within
	for i := 0; i < len(list); i += 2 {
		op, _ := list[i].(string)
		limit, ok := list[i+1].(*decimal)
		if text, isText := list[i+1].(string); isText && operator == opDecimal {
			limit, ok = decimalOf(text)
		}
		switch op {
		case "=", "<", "<=", ">", ">=":
		default:
			ok = false
		}
		if !ok {
			return nil, usage
		}
		r = append(r, bound{op, limit})
	}
	return r, nil
}

// Data is an event's data, decoded once to be matched by many filters.
type Data struct{ root any }

// ParseData decodes data, which may be any JSON value. Of equal keys the last
// wins, as encoding/json has it. The error is that of encoding/json.
func ParseData(data []byte) (Data, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var root any
	if err := dec.Decode(&root); err != nil {
		return Data{}, fmt.Errorf("decode the event's data: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Data{}, fmt.Errorf("decode the event's data: there is more after byte %d: send one JSON value", dec.InputOffset())
	}
	return Data{numbers(root)}, nil
}

// numbers turns the numbers in v to decimals, once, instead of at every test.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return parseDecimal(v.String())
	case []any:
		for i, e := range v {
			v[i] = numbers(e)
		}
	case map[string]any:
		for k, e := range v {
			switch e.(type) { // spares writing back what is not changed
			case json.Number:
				v[k] = numbers(e)
			case []any, map[string]any:
				numbers(e)
			}
		}
	}
	return v
}
