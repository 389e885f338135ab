package dialect

import (
	"fmt"
	"slices"
	"strings"
)

// value is something that a template can insert.
type value uint8

const (
	valueID value = iota
	valueUUID
	valueApp
	valueType
	valueSubject
	valueTime
	valueTimeS
	valueTimeMS
	valueTS
	valueMS
	valueOption
	valueData
	valueBody
	valueSignature
	valueSignatures
	valueCount // not a value: how many there are
)

func (v value) String() string {
	return [valueCount]string{
		"id", "uuid", "app", "type", "subject", "time", "time_s", "time_ms", "ts", "ms",
		"option", "data", "body", "signature", "signatures",
	}[v]
}

// source is a value, or with a path a member of one.
type source struct {
	value value
	path  []string
}

func (s source) String() string {
	return strings.Join(append([]string{s.value.String()}, s.path...), ".")
}

// segment is one step of rendering a template: literal text if it has no
// sources, else the first source that is not empty, through the filters. A
// section writes nothing; if its sources are empty, or are not where it is for the
// lack of them, skip segments are passed over.
type segment struct {
	literal string
	sources []source
	filters []filter
	section bool
	lacking bool // of a section: it is written where its sources are empty
	skip    int
}

// plain reports whether the segment inserts just a value, whole and unaltered.
func (s *segment) plain() bool {
	return len(s.sources) == 1 && s.sources[0].path == nil && !s.section && len(s.filters) == 0
}

func (s *segment) text(sc *scope) string {
	for _, src := range s.sources {
		if text := sc.text(src); text != "" {
			return text
		}
	}
	return ""
}

// template is compiled template text.
type template []segment

// maxTemplate bounds the length of a template's text, in bytes.
const maxTemplate = 64 << 10

// parseTemplate compiles text. Which values may stand where is not its matter.
func parseTemplate(text string) (template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("is %d bytes long; shorten it to %d", len(text), maxTemplate)
	}
	var t template
	var open []int // sections not closed yet
	for text != "" {
		literal, rest, found := strings.Cut(text, "${")
		if found && strings.HasSuffix(literal, "$") {
			t = t.withLiteral(literal[:len(literal)-1] + "${")
			text = rest
			continue
		}
		t = t.withLiteral(literal)
		if !found {
			break
		}
		inside, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("has ${ without }; close it, or write $${ for the characters themselves")
		}
		text = after

		inside = strings.TrimSpace(inside)
		if inside == "/" {
			if len(open) == 0 {
				return nil, fmt.Errorf("has ${/} without a section; open one with ${?name} or ${!name}, or remove it")
			}
			start := open[len(open)-1]
			open = open[:len(open)-1]
			t[start].skip = len(t) - 1 - start
			continue
		}
		expression, section := strings.CutPrefix(inside, "?")
		lacking := false
		if !section {
			expression, lacking = strings.CutPrefix(inside, "!")
		}
		seg, err := parseExpression(expression)
		if err != nil {
			return nil, fmt.Errorf("has ${%s}: %w", inside, err)
		}
		if section || lacking {
			if len(seg.filters) > 0 {
				return nil, fmt.Errorf("has ${%s}: a section takes no filter; remove it", inside)
			}
			seg.section, seg.lacking = true, lacking
			open = append(open, len(t))
		}
		t = append(t, seg)
	}
	if len(open) > 0 {
		sign := "?"
		if t[open[0]].lacking {
			sign = "!"
		}
		return nil, fmt.Errorf("has ${%s%s} without an end; close it with ${/}", sign, t[open[0]].sources[0])
	}
	return t, nil
}

func (t template) withLiteral(text string) template {
	if text == "" {
		return t
	}
	return append(t, segment{literal: text})
}

// parseExpression reads what stands inside ${}: value ?? value | filter.
func parseExpression(text string) (segment, error) {
	values, filters, filtered := strings.Cut(text, "|")
	var seg segment
	for name := range strings.SplitSeq(values, "??") {
		src, err := parseSource(strings.TrimSpace(name))
		if err != nil {
			return segment{}, err
		}
		seg.sources = append(seg.sources, src)
	}
	if filtered {
		for name := range strings.SplitSeq(filters, "|") {
			f, err := parseFilter(strings.TrimSpace(name))
			if err != nil {
				return segment{}, err
			}
			seg.filters = append(seg.filters, f)
		}
	}
	return seg, nil
}

func parseSource(text string) (source, error) {
	parts := strings.Split(text, ".")
	for v := range valueCount {
		if v.String() != parts[0] {
			continue
		}
		path := parts[1:]
		if v == valueOption && len(path) != 1 {
			return source{}, fmt.Errorf("an option has a name; write ${option.name}")
		}
		if len(path) == 0 {
			return source{value: v}, nil
		}
		if v != valueData && v != valueBody && v != valueOption {
			return source{}, fmt.Errorf("%s has no members; write ${%s}", v, v)
		}
		if slices.Contains(path, "") {
			return source{}, fmt.Errorf("a member's name is empty; write ${%s.name}", v)
		}
		return source{value: v, path: path}, nil
	}
	return source{}, fmt.Errorf("there is no value %q; see the list of values in the documentation of dialects", text)
}

// append renders the template onto dst.
func (t template) append(dst []byte, sc *scope) []byte {
	for i := 0; i < len(t); i++ {
		seg := &t[i]
		switch {
		case seg.sources == nil:
			dst = append(dst, seg.literal...)
		case seg.section:
			if (seg.text(sc) == "") != seg.lacking {
				i += seg.skip
			}
		case seg.plain() && seg.sources[0].value >= valueData:
			dst = append(dst, sc.bytes(seg.sources[0].value)...)
		case seg.plain() && seg.sources[0].value == valueTime && sc.received == nil:
			dst = appendTime(dst, sc.message.Time)
		default:
			text := seg.text(sc)
			for _, f := range seg.filters[:max(len(seg.filters)-1, 0)] {
				text = string(f.append(nil, text))
			}
			if len(seg.filters) == 0 {
				dst = append(dst, text...)
			} else {
				dst = seg.filters[len(seg.filters)-1].append(dst, text)
			}
		}
	}
	return dst
}

// text renders a template to a string, without copying a lone clean value.
func (t template) text(sc *scope) string {
	if len(t) == 1 && len(t[0].sources) > 0 && slices.Equal(t[0].filters, []filter{filterHeader}) {
		if text := t[0].text(sc); isHeaderSafe(text) {
			return text
		}
	}
	if len(t) == 1 && t[0].sources == nil {
		return t[0].literal
	}
	var buf [256]byte
	return string(t.append(buf[:0], sc))
}

// match takes rendered text apart again: it returns the values that stood
// between the literals. It works for templates of literals and plain values
// that never stand side by side.
func (t template) match(text string) (map[value]string, bool) {
	values := make(map[value]string, len(t))
	for i := range t {
		seg := &t[i]
		if seg.sources == nil {
			rest, ok := strings.CutPrefix(text, seg.literal)
			if !ok {
				return nil, false
			}
			text = rest
			continue
		}
		end := len(text)
		switch {
		case i+2 == len(t): // the literal after it is the end of the text
			end -= len(t[i+1].literal)
		case i+1 < len(t):
			end = strings.Index(text, t[i+1].literal)
		}
		if end < 0 {
			return nil, false
		}
		values[seg.sources[0].value] = text[:end]
		text = text[end:]
	}
	return values, text == ""
}
