package recipe

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of templates and of what they make.
const (
	maxTemplate = 64 << 10 // bytes of text
	maxNested   = 8        // sections and loops within one another
	maxOutput   = 1 << 20  // bytes of a body
	maxRounds   = 10_000   // of all loops of one rendering together
	maxSteps    = 200_000  // that one rendering takes: values that it looks at, and texts by their length
	maxFilters  = 16       // of one value
)

// node is a part of a template: one of literal, value, section and loop.
type node struct {
	literal string
	value   *expression
	slot    slot // where value stands
	section *section
	loop    *loop
}

// section is what is written of several branches: the first whose condition holds. An
// empty condition always does.
type section struct {
	branches []branch
}

type branch struct {
	when  condition
	nodes []node
}

// loop repeats its nodes for each element of a list.
type loop struct {
	over  expression
	name  string
	join  string // between rounds
	most  int    // rounds; 0 means all
	nodes []node
}

// template is compiled template text.
type template []node

// parse reads template text; where its values stand is not its matter, see place.
func parse(text string) (template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("is %d bytes long; shorten it to %d", len(text), maxTemplate)
	}
	p := templateParser{rest: text}
	nodes, end, err := p.nodes(0)
	if err != nil {
		return nil, err
	}
	if end != endText {
		return nil, errors.New("has ${/} or ${:} without a section; open one with ${?value} or remove it")
	}
	return nodes, nil
}

type templateParser struct {
	rest string
	vars []string
	// after are the tokens of the ${:…} that ended the nodes just read.
	after []token
}

type ending uint8

const (
	endText ending = iota
	endClose
	endElse
)

// nodes reads up to the end of the text, of a section or of a branch.
func (p *templateParser) nodes(depth int) (nodes []node, end ending, err error) {
	if depth > maxNested {
		return nil, 0, fmt.Errorf("has sections more than %d deep; nest them less", maxNested)
	}
	for p.rest != "" {
		literal, rest, found := strings.Cut(p.rest, "${")
		if found && strings.HasSuffix(literal, "$") {
			nodes = append(nodes, node{literal: literal[:len(literal)-1] + "${"})
			p.rest = rest
			continue
		}
		if literal != "" {
			nodes = append(nodes, node{literal: literal})
		}
		p.rest = rest
		if !found {
			return nodes, endText, nil
		}
		tokens, after, err := scan(rest)
		if err != nil {
			return nil, 0, err
		}
		inside := strings.TrimSpace(rest[:len(rest)-len(after)-1])
		p.rest = after
		n, end, err := p.part(tokens, depth)
		if err != nil {
			return nil, 0, fmt.Errorf("has ${%s}: %w", clip(inside), err)
		}
		if end != endText {
			return nodes, end, nil
		}
		nodes = append(nodes, n)
	}
	return nodes, endText, nil
}

// part reads what stands in one ${}, and all of a section or a loop that it begins.
func (p *templateParser) part(tokens []token, depth int) (node, ending, error) {
	e := parser{tokens: tokens, vars: p.vars}
	switch {
	case e.sign("/"):
		return node{}, endClose, e.end()
	case e.sign(":"):
		p.after = e.tokens
		return node{}, endElse, nil
	case e.sign("?"):
		n, err := p.section(&e, depth)
		return n, endText, err
	case e.sign("!"):
		e.tokens = slices.Insert(e.tokens, 0, token{tokenSign, "!"})
		n, err := p.section(&e, depth)
		return n, endText, err
	case len(tokens) > 1 && tokens[0] == (token{tokenWord, "each"}):
		e.next()
		n, err := p.loop(&e, depth)
		return n, endText, err
	}
	x, err := e.expression()
	if err == nil {
		err = e.end()
	}
	return node{value: &x}, endText, err
}

func (p *templateParser) section(e *parser, depth int) (node, error) {
	s := &section{}
	for {
		var when condition
		if e.peek().kind != tokenEnd { // else: it is ${:}
			var err error
			if when, err = e.condition(); err != nil {
				return node{}, err
			}
		}
		if err := e.end(); err != nil {
			return node{}, err
		}
		nodes, end, err := p.nodes(depth + 1)
		if err != nil {
			return node{}, err
		}
		s.branches = append(s.branches, branch{when, nodes})
		switch {
		case end == endText:
			return node{}, errors.New("has no end; close it with ${/}")
		case end == endClose:
			return node{section: s}, nil
		case when.any == nil:
			return node{}, errors.New("has something behind ${:}; put the condition before it")
		}
		*e = parser{tokens: p.after, vars: p.vars}
		if e.peek().kind != tokenEnd && !e.sign("?") {
			return node{}, errors.New("write ${:} or ${:?condition}")
		}
	}
}

func (p *templateParser) loop(e *parser, depth int) (node, error) {
	over, err := e.expression()
	if err != nil {
		return node{}, err
	}
	l := &loop{over: over}
	if !e.word("as") || e.peek().kind != tokenWord {
		return node{}, errors.New("write ${each data.items as item}")
	}
	if l.name = e.next().text; slices.Contains(roots, l.name) || slices.Contains(p.vars, l.name) {
		return node{}, fmt.Errorf("the name %s is taken; choose another", l.name)
	}
	for e.peek().kind != tokenEnd {
		switch {
		case e.word("join") && e.peek().kind == tokenText:
			l.join = e.next().text
		case e.word("max") && e.peek().kind == tokenNumber:
			if l.most, err = strconv.Atoi(e.next().text); err != nil || l.most < 1 {
				return node{}, errors.New("max takes a whole number from 1")
			}
		default:
			return node{}, errors.New(`behind the name there may be join "text" and max 10`)
		}
	}
	p.vars = append(p.vars, l.name)
	nodes, end, err := p.nodes(depth + 1)
	p.vars = p.vars[:len(p.vars)-1]
	switch {
	case err != nil:
		return node{}, err
	case end != endClose:
		return node{}, errors.New("has no end; close it with ${/}")
	}
	l.nodes = nodes
	return node{loop: l}, nil
}

// clip shortens a piece of a template for a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// each calls f for every expression and condition's source of the template.
func (t template) each(f func(s *source)) {
	expr := func(e *expression) {
		for i := range e.sources {
			f(&e.sources[i])
		}
		for _, c := range e.filters {
			for i := range c.args {
				f(&c.args[i])
			}
		}
	}
	for i := range t {
		n := &t[i]
		switch {
		case n.value != nil:
			expr(n.value)
		case n.section != nil:
			for _, b := range n.section.branches {
				for _, all := range b.when.any {
					for j := range all {
						f(&all[j].left)
						f(&all[j].right)
					}
				}
				template(b.nodes).each(f)
			}
		case n.loop != nil:
			expr(&n.loop.over)
			template(n.loop.nodes).each(f)
		}
	}
}
