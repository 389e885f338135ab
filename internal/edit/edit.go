// Package edit changes values within a JSON document, by path, and leaves the rest as it
// is: the order of members, how numbers are written.
package edit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bellhop/bellhop/internal/strictjson"
)

// node is a JSON value: an object, an array, or, raw, anything else.
type node struct {
	kind  byte     // '{', '[' or 0
	names []string // of an object's members
	kids  []*node
	raw   json.RawMessage
}

// Set changes the value at a path such as data.items[0].price, where root names the
// document itself. Members that are missing are added, and so is the element after an
// array's last one. Value is taken for JSON if it is some, and for a string otherwise.
// Errors name the part of the path that cannot be followed.
func Set(document []byte, root, path, value string) ([]byte, error) {
	steps, err := parsePath(root, path)
	if err != nil {
		return nil, err
	}
	top, err := parse(document)
	if err != nil {
		return nil, err
	}
	at := top
	for i, s := range steps {
		if at, err = at.step(s, place(root, steps[:i])); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	changed, err := parse(valueOf(value))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	*at = *changed
	return top.appendTo(nil), nil
}

// valueOf is a value as JSON.
func valueOf(text string) []byte {
	if strictjson.Valid([]byte(text)) == nil {
		return []byte(text)
	}
	b, _ := json.Marshal(text) // a string always can be
	return b
}

// step is one part of a path: a member, or an element.
type step struct {
	member  string
	index   int
	element bool
}

const longestPath = 64

// parsePath takes root.a.b[0]["c.d"] apart.
func parsePath(root, path string) (steps []step, err error) {
	rest, ok := strings.CutPrefix(path, root)
	if !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
		return nil, fmt.Errorf("%q does not begin with %s: write %s.%s", path, root, root, strings.TrimPrefix(path, "."))
	}
	wrong := func(format string, a ...any) error {
		return fmt.Errorf("%q cannot be read at %s: %s", path, place(root, steps), fmt.Sprintf(format, a...))
	}
	for rest != "" {
		var s step
		switch {
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			s.member, rest = rest[1:1+end], rest[1+end:]
			if s.member == "" {
				return nil, wrong("a name is missing after the dot")
			}
		case strings.HasPrefix(rest, `["`):
			d := json.NewDecoder(strings.NewReader(rest[1:]))
			if err := d.Decode(&s.member); err != nil {
				return nil, wrong(`the name in [" has no end`)
			}
			rest = rest[1+d.InputOffset():]
			if rest == "" || rest[0] != ']' {
				return nil, wrong("a ] is missing")
			}
			rest = rest[1:]
		case rest[0] == '[':
			number, after, ok := strings.Cut(rest[1:], "]")
			n, err := strconv.ParseUint(number, 10, 31)
			if !ok || err != nil {
				return nil, wrong("an element is written [0]")
			}
			s.index, s.element, rest = int(n), true, after
		default:
			return nil, wrong("after a ] comes a dot or a [")
		}
		if steps = append(steps, s); len(steps) > longestPath {
			return nil, wrong("it has more than %d parts", longestPath)
		}
	}
	return steps, nil
}

// place is the part of a path that was followed.
func place(root string, steps []step) string {
	for _, s := range steps {
		switch {
		case s.element:
			root += fmt.Sprintf("[%d]", s.index)
		case strings.ContainsAny(s.member, `.["`):
			root += fmt.Sprintf("[%q]", s.member)
		default:
			root += "." + s.member
		}
	}
	return root
}

// step goes to a member or an element, which is made if it is missing.
func (n *node) step(s step, here string) (*node, error) {
	if n.kind == 0 && n.raw == nil { // just made
		n.kind = '{'
		if s.element {
			n.kind = '['
		}
	}
	switch {
	case s.element && n.kind != '[':
		return nil, fmt.Errorf("%s is %s, and only an array has elements", here, n)
	case s.element && s.index > len(n.kids):
		return nil, fmt.Errorf("%s has %d elements: [%d] would add one", here, len(n.kids), len(n.kids))
	case s.element && s.index == len(n.kids):
		n.kids = append(n.kids, &node{})
		return n.kids[s.index], nil
	case s.element:
		return n.kids[s.index], nil
	case n.kind != '{':
		return nil, fmt.Errorf("%s is %s, and only an object has members", here, n)
	}
	if i := slices.Index(n.names, s.member); i >= 0 {
		return n.kids[i], nil
	}
	n.names, n.kids = append(n.names, s.member), append(n.kids, &node{})
	return n.kids[len(n.kids)-1], nil
}

// String says what kind of value it is.
func (n *node) String() string {
	switch {
	case n.kind == '{':
		return "an object"
	case n.kind == '[':
		return "an array"
	}
	switch n.raw[0] {
	case '"':
		return "a string"
	case 't', 'f':
		return string(n.raw)
	case 'n':
		return "null"
	}
	return "a number"
}

// parse takes a document apart.
func parse(document []byte) (*node, error) {
	if err := strictjson.Valid(document); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	return read(d)
}

func read(d *json.Decoder) (*node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		raw, err := marshal(token)
		return &node{raw: raw}, err
	}
	n := &node{kind: byte(delim)}
	for d.More() {
		if n.kind == '{' {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			n.names = append(n.names, name.(string))
		}
		kid, err := read(d)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
	}
	_, err = d.Token() // its end
	return n, err
}

// marshal is JSON with nothing escaped that need not be.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (n *node) appendTo(b []byte) []byte {
	if n.kind == 0 {
		return append(b, n.raw...)
	}
	b = append(b, n.kind)
	for i, kid := range n.kids {
		if i > 0 {
			b = append(b, ',')
		}
		if n.kind == '{' {
			name, _ := marshal(n.names[i]) // a string always can be
			b = append(append(b, name...), ':')
		}
		b = kid.appendTo(b)
	}
	return append(b, n.kind+2) // ] and } are two after [ and {
}
