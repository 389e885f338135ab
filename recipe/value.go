package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A value of a template is one of nil, string, json.Number, bool, []any,
// map[string]any, or one of these:
type (
	// verbatim is JSON as it was published.
	verbatim []byte
	// markup is HTML, and addresses are addresses, each of whose values was written as
	// its place asks for.
	markup    string
	addresses string
	// members are written as those of the object around them.
	members map[string]any
)

// Problem is why a request cannot be made from an event: a value that it needs is
// not there, or is not what it must be.
type Problem struct {
	// Value is what was needed, as the template has it, such as data.customer_email.
	Value string
	// Detail is a sentence that says what is wrong and what to do.
	Detail string
}

func (p *Problem) Error() string { return p.Detail }

func problem(value, format string, args ...any) *Problem {
	return &Problem{Value: value, Detail: fmt.Sprintf(format, args...)}
}

// missing tells whether a value counts as not there.
func missing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case members:
		return len(v) == 0
	case markup:
		return v == ""
	case addresses:
		return v == ""
	}
	return false
}

// truth is what a condition makes of a value alone.
func truth(v any) bool { return v != false && !missing(v) }

// textOf is a value as text; objects and arrays are their JSON.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case markup:
		return string(v)
	case addresses:
		return string(v)
	case verbatim:
		return string(v)
	}
	return string(jsonOf(v))
}

// jsonOf is a value as JSON, members in the order of their names.
func jsonOf(v any) []byte {
	if v, ok := v.(verbatim); ok {
		return v
	}
	if v, ok := v.(members); ok { // within braces of its own, unless a slot takes them off
		return jsonOf(map[string]any(v))
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte("null") // only what was decoded from JSON comes here
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// decode reads JSON, with numbers as they were written.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// step is one part of a path: a member's name, an element's index, or all elements.
type step struct {
	name  string
	index int
	kind  stepKind
}

type stepKind uint8

const (
	stepName stepKind = iota
	stepIndex
	stepAll
)

func (s step) String() string {
	switch s.kind {
	case stepAll:
		return "[*]"
	case stepIndex:
		return "[" + strconv.Itoa(s.index) + "]"
	}
	if isName(s.name) {
		return "." + s.name
	}
	return "[" + strconv.Quote(s.name) + "]"
}

// isName tells whether a member can be written behind a dot.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && c != '-' && c != '$' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c < 0x80 {
			return false
		}
	}
	return s != ""
}

// follow goes along a path. What is not there is nil; behind [*] there is an array of
// what there is.
func follow(v any, path []step) any {
	walked := 0
	return walk(v, path, &walked)
}

// walk is follow, and counts what it looks at.
func walk(v any, path []step, walked *int) any {
	for i, s := range path {
		*walked++
		switch s.kind {
		case stepName:
			object, _ := v.(map[string]any)
			v = object[s.name]
		case stepIndex:
			list, _ := v.([]any)
			at := s.index
			if at < 0 {
				at += len(list)
			}
			if at < 0 || at >= len(list) {
				return nil
			}
			v = list[at]
		case stepAll:
			list, _ := v.([]any)
			var all []any
			for _, element := range list {
				*walked++
				switch found := walk(element, path[i+1:], walked).(type) {
				case nil:
				case []any:
					if stillAll(path[i+1:]) {
						all = append(all, found...) // a [*] within a [*] is one list
					} else {
						all = append(all, found)
					}
				default:
					all = append(all, found)
				}
			}
			if all == nil {
				return nil
			}
			return all
		}
	}
	return v
}

func stillAll(path []step) bool {
	for _, s := range path {
		if s.kind == stepAll {
			return true
		}
	}
	return false
}

func pathText(root string, path []step) string {
	var b strings.Builder
	b.WriteString(root)
	for _, s := range path {
		b.WriteString(s.String())
	}
	return b.String()
}

// shown is a value for people, at most 60 bytes.
func shown(v any) string {
	const most = 60
	if v == nil {
		return "nothing"
	}
	text := string(jsonOf(v))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
