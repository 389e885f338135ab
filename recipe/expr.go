package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// token is a piece of what stands inside ${}.
type token struct {
	kind tokenKind
	text string // of a word or text, or the sign itself
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenText   // "text"
	tokenNumber // 12 or -0.5
	tokenSign
)

// signs are looked for from the longest.
var signs = []string{"??", "==", "!=", "|", ",", ":", "?", "!", "~", "(", ")", "[", "]", ".", "*", "/"}

var errOpen = errors.New("has ${ without }; close it, or write $${ for the characters themselves")

// scan takes text that follows ${ apart, up to the } that ends it.
func scan(text string) (tokens []token, rest string, err error) {
	for at := 0; at < len(text); {
		c := text[at]
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			at++
		case c == '}':
			return tokens, text[at+1:], nil
		case c == '"':
			end := at + 1
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(text) {
				return nil, "", errors.New(`has a text without its closing "; add it`)
			}
			var s string
			if err := json.Unmarshal([]byte(text[at:end+1]), &s); err != nil {
				return nil, "", fmt.Errorf("has the text %s, which JSON cannot read; write it as JSON would", text[at:end+1])
			}
			tokens = append(tokens, token{tokenText, s})
			at = end + 1
		case c >= '0' && c <= '9' || c == '-' && at+1 < len(text) && text[at+1] >= '0' && text[at+1] <= '9':
			end := at + 1
			for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.' && end+1 < len(text) && text[end+1] >= '0' && text[end+1] <= '9') {
				end++
			}
			// A member's name may begin with a digit: then it is a word.
			if end < len(text) && wordByte(text[end]) || len(tokens) > 0 && tokens[len(tokens)-1] == (token{tokenSign, "."}) {
				for end < len(text) && wordByte(text[end]) {
					end++
				}
				tokens = append(tokens, token{tokenWord, text[at:end]})
			} else {
				tokens = append(tokens, token{tokenNumber, text[at:end]})
			}
			at = end
		case wordByte(c):
			end := at
			for end < len(text) && wordByte(text[end]) {
				end++
			}
			tokens = append(tokens, token{tokenWord, text[at:end]})
			at = end
		default:
			i := slices.IndexFunc(signs, func(s string) bool { return strings.HasPrefix(text[at:], s) })
			if i < 0 {
				return nil, "", fmt.Errorf("has %q inside ${}, which means nothing there; remove it", c)
			}
			tokens = append(tokens, token{tokenSign, signs[i]})
			at += len(signs[i])
		}
	}
	return nil, "", errOpen
}

func wordByte(c byte) bool {
	return c == '_' || c == '-' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// source is a value of a template: a path from a root, or a constant.
type source struct {
	root     string
	path     []step
	constant any // if root is empty
}

func (s *source) String() string {
	if s.root == "" {
		return string(jsonOf(s.constant))
	}
	return pathText(s.root, s.path)
}

// expression is what stands in ${}: the first source that is there, through filters.
type expression struct {
	sources []source
	filters []filterCall
}

func (e *expression) String() string { return e.sources[0].String() }

// optional tells whether the expression may be empty: its last source is a constant.
func (e *expression) optional() bool { return e.sources[len(e.sources)-1].root == "" }

// condition is what a section depends on: alternatives, each of which is a list of
// comparisons that must all hold.
type condition struct {
	any  [][]comparison
	text string
}

type comparison struct {
	left  source
	op    string // "", "!", "==", "!=" or "~"
	right source
}

// parser reads tokens. vars are the names that loops around it have given.
type parser struct {
	tokens []token
	vars   []string
}

func (p *parser) peek() token {
	if len(p.tokens) == 0 {
		return token{}
	}
	return p.tokens[0]
}

func (p *parser) next() token {
	t := p.peek()
	if len(p.tokens) > 0 {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) sign(s string) bool {
	if t := p.peek(); t.kind == tokenSign && t.text == s {
		p.next()
		return true
	}
	return false
}

func (p *parser) word(s string) bool {
	if t := p.peek(); t.kind == tokenWord && t.text == s {
		p.next()
		return true
	}
	return false
}

func (p *parser) end() error {
	if t := p.peek(); t.kind != tokenEnd {
		return fmt.Errorf("%q is too much there; remove it", t.text)
	}
	return nil
}

// roots are the values that every template has.
var roots = []string{"id", "uuid", "app", "type", "subject", "time", "data", "field", "url"}

func (p *parser) source() (source, error) {
	t := p.next()
	switch t.kind {
	case tokenText:
		return source{constant: t.text}, nil
	case tokenNumber:
		return source{constant: json.Number(t.text)}, nil
	case tokenWord:
	default:
		return source{}, errors.New("a value is missing there; write one such as data.id")
	}
	switch t.text {
	case "null":
		return source{}, nil
	case "true", "false":
		return source{constant: t.text == "true"}, nil
	}
	if !slices.Contains(roots, t.text) && !slices.Contains(p.vars, t.text) {
		return source{}, fmt.Errorf("there is no value %q; use one of %s, or a name that a loop around it gives", t.text, strings.Join(roots, ", "))
	}
	s := source{root: t.text}
	for {
		switch {
		case p.sign("."):
			n := p.next()
			if n.kind != tokenWord && n.kind != tokenNumber {
				return source{}, fmt.Errorf("a member's name is missing behind %s.; write %s.name", s.String(), s.String())
			}
			s.path = append(s.path, step{name: n.text})
		case p.sign("["):
			n := p.next()
			switch {
			case n.kind == tokenText:
				s.path = append(s.path, step{name: n.text})
			case n.kind == tokenNumber:
				i, err := strconv.Atoi(n.text)
				if err != nil {
					return source{}, fmt.Errorf("%s is no index; use a whole number", n.text)
				}
				s.path = append(s.path, step{kind: stepIndex, index: i})
			case n.kind == tokenSign && n.text == "*":
				s.path = append(s.path, step{kind: stepAll})
			default:
				return source{}, errors.New(`inside [] there must be an index, a "name" or *`)
			}
			if !p.sign("]") {
				return source{}, errors.New("has [ without ]; close it")
			}
		default:
			return s, p.checkRoot(&s)
		}
	}
}

func (p *parser) checkRoot(s *source) error {
	switch {
	case slices.Contains(p.vars, s.root), s.root == "data":
	case s.root == "field":
		if len(s.path) != 1 || s.path[0].kind != stepName {
			return errors.New("a field has a name; write field.name")
		}
	case len(s.path) > 0:
		return fmt.Errorf("%s has no members; write %s alone", s.root, s.root)
	}
	return nil
}

func (p *parser) expression() (expression, error) {
	var e expression
	for {
		s, err := p.source()
		if err != nil {
			return e, err
		}
		e.sources = append(e.sources, s)
		if !p.sign("??") {
			break
		}
	}
	for p.sign("|") {
		name := p.next()
		if name.kind != tokenWord {
			return e, errors.New("a filter's name is missing behind |")
		}
		var args []source
		if p.sign(":") {
			for {
				s, err := p.source()
				if err != nil {
					return e, err
				}
				args = append(args, s)
				if !p.sign(",") {
					break
				}
			}
		}
		call, err := newFilterCall(name.text, args)
		if err != nil {
			return e, err
		}
		if e.filters = append(e.filters, call); len(e.filters) > maxFilters {
			return e, fmt.Errorf("has more than %d filters; do with less", maxFilters)
		}
	}
	return e, nil
}

func (p *parser) condition() (condition, error) {
	var c condition
	for {
		var all []comparison
		for {
			one, err := p.comparison()
			if err != nil {
				return c, err
			}
			all = append(all, one)
			if !p.word("and") {
				break
			}
		}
		c.any = append(c.any, all)
		if !p.word("or") {
			return c, nil
		}
	}
}

func (p *parser) comparison() (comparison, error) {
	var c comparison
	if p.sign("!") {
		c.op = "!"
	}
	var err error
	if c.left, err = p.source(); err != nil || c.op != "" {
		return c, err
	}
	for _, op := range []string{"==", "!=", "~"} {
		if p.sign(op) {
			c.op = op
			c.right, err = p.source()
			if op == "~" && err == nil {
				if _, ok := c.right.constant.(string); !ok {
					err = errors.New(`behind ~ there must be a pattern in quotes, such as "invoice.*"`)
				}
			}
			return c, err
		}
	}
	return c, nil
}

// parseCondition reads a condition that stands alone.
func parseCondition(text string) (condition, error) {
	tokens, rest, err := scan(text + "}")
	switch {
	case err != nil:
		return condition{}, err
	case rest != "":
		return condition{}, errors.New("has a }; remove it")
	}
	p := parser{tokens: tokens}
	c, err := p.condition()
	if err == nil {
		err = p.end()
	}
	c.text = text
	return c, err
}

func (c *condition) holds(sc *scope) (bool, error) {
	for _, all := range c.any {
		met := true
		for i := range all {
			ok, err := all[i].holds(sc)
			if err != nil {
				return false, err
			}
			if met = ok; !met {
				break
			}
		}
		if met {
			return true, nil
		}
	}
	return false, nil
}

func (c *comparison) holds(sc *scope) (bool, error) {
	left, err := sc.value(&c.left)
	if err != nil {
		return false, err
	}
	switch c.op {
	case "":
		return truth(left), nil
	case "!":
		return !truth(left), nil
	}
	right, err := sc.value(&c.right)
	if err == nil {
		err = sc.spend(left)
	}
	if err == nil {
		err = sc.spend(right)
	}
	if err != nil {
		return false, err
	}
	switch c.op {
	case "~":
		return fits(textOf(right), textOf(left)), nil
	case "!=":
		return !equal(left, right), nil
	}
	return equal(left, right), nil
}

// equal compares as people read: 5 and "5" are equal, and so are nothing and "".
func equal(a, b any) bool { return textOf(a) == textOf(b) }

// fits tells whether text is the pattern, or begins as a pattern with a * at its end.
func fits(pattern, text string) bool {
	if prefix, wild := strings.CutSuffix(pattern, "*"); wild {
		return strings.HasPrefix(text, prefix)
	}
	return pattern == text
}
