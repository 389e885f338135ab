package routes

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// What the data of one event, and of all events of one request, may cost to validate,
// in steps: a step is about what it takes to look at one value through one part of a
// schema, less than a microsecond.
const (
	eventSteps   = 1_000_000
	requestSteps = 4_000_000
)

// The largest numbers that something is computed with: their digits, and the exponent
// in either direction. They are far beyond what floats and decimals of databases hold.
const (
	maxDigits   = 100
	maxExponent = 999
)

// Budget is what the validation of one request may still cost, and for how long
// somebody waits for it.
type Budget struct {
	ctx  context.Context //nolint:containedctx // a Budget lives as long as the request
	left int
}

// NewBudget is the budget of a request.
func NewBudget(ctx context.Context) *Budget { return &Budget{ctx, requestSteps} }

// afford tells whether the budget allows to validate a value, and takes its cost.
func (b *Budget) afford(s Schema, v any) (bool, error) {
	m := meter{ctx: b.ctx, anchors: s.anchors, most: min(eventSteps, b.left)}
	m.apply(s.compiled, v, place{})
	if err := b.ctx.Err(); err != nil {
		return false, err
	}
	if m.over() {
		return false, nil
	}
	b.left -= m.spent
	return true, nil
}

// meter adds up what it costs at most to validate a value: it goes the way of the
// validator, into each part of the schema that could be applied, without finding out
// what is true. It stops when that is too much.
type meter struct {
	ctx     context.Context //nolint:containedctx // see Budget
	anchors []*jsonschema.Schema
	most    int
	spent   int
	walked  int // its own steps: as spent, except where one of several counts
	// choices are what the dearest of some schemas has cost, so that none is looked at
	// anew from each of the others.
	choices map[chosen]int
}

type chosen struct {
	schema *jsonschema.Schema
	value  any // of an object or array, where it is in memory
}

// place is where a schema is applied: how deep in the data, after how many others, and
// after which ones to the same value.
type place struct {
	depth, after int
	same         *applied
}

type applied struct {
	schema *jsonschema.Schema
	before *applied
}

func (m *meter) add(steps int) { m.spent += steps; m.walked += steps }

func (m *meter) over() bool { return m.spent > m.most || m.walked > 2*eventSteps }

// same applies schemas to the value that s is being applied to.
func (m *meter) same(v any, p place, schemas ...*jsonschema.Schema) {
	for _, s := range schemas {
		if s != nil {
			m.apply(s, v, p)
		}
	}
}

func (m *meter) apply(s *jsonschema.Schema, v any, p place) {
	// What is broken is noted with its place: the deeper, the longer.
	m.add(1 + p.depth/16)
	if m.over() || s.Bool != nil {
		return
	}
	if m.walked&^1023 != (m.walked-1)&^1023 && m.ctx.Err() != nil {
		m.spent = m.most + 1
		return
	}
	for a, n := p.same, 1; a != nil; a, n = a.before, n+1 {
		if a.schema == s {
			return // a reference to itself, which the validator refuses
		}
		if n%64 == 0 {
			m.add(1)
		}
	}
	w := s.Extensions[0].(*weight)
	m.add(w.of(v))
	below := place{depth: p.depth + 1, after: p.after + 1}
	switch v := v.(type) {
	case map[string]any:
		m.object(s, v, p, below)
	case []any:
		m.array(s, v, below)
	case string:
		if re, ok := s.Pattern.(*pattern); ok {
			m.add(re.cost(v))
		}
	}
	p.after++
	p.same = &applied{s, p.same}
	m.same(v, p, s.Ref, s.Not)
	m.same(v, p, s.AllOf...)
	m.same(v, p, s.AnyOf...)
	m.same(v, p, s.OneOf...)
	if s.RecursiveRef != nil || s.DynamicRef != nil {
		m.dynamic(s, v, p)
	}
	if s.If != nil {
		m.apply(s.If, v, p)
		m.dearest(s.If, v, p, s.Then, s.Else)
	}
}

// dynamic applies the dearest of what a reference may lead to, as that depends on what
// was applied before.
func (m *meter) dynamic(s *jsonschema.Schema, v any, p place) {
	m.add(p.after / 16)
	var targets []*jsonschema.Schema
	name := ""
	if s.RecursiveRef != nil {
		targets = append(targets, s.RecursiveRef)
	}
	if s.DynamicRef != nil {
		targets, name = append(targets, s.DynamicRef.Ref), s.DynamicRef.Anchor
	}
	for _, a := range m.anchors {
		if a.RecursiveAnchor && s.RecursiveRef != nil || name != "" && a.DynamicAnchor == name {
			targets = append(targets, a)
		}
	}
	m.dearest(s, v, p, targets...)
}

// dearest applies the one of some schemas that costs most: s takes one of them, and it
// is not known which.
func (m *meter) dearest(s *jsonschema.Schema, v any, p place, choice ...*jsonschema.Schema) {
	key := chosen{s, v}
	switch v.(type) {
	case map[string]any, []any:
		key.value = reflect.ValueOf(v).Pointer()
	}
	if cost, known := m.choices[key]; known {
		m.spent += cost
		m.walked++
		return
	}
	before := m.spent
	most := before
	for _, one := range choice {
		m.spent = before
		m.same(v, p, one)
		most = max(most, m.spent)
	}
	m.spent = most
	if m.choices == nil {
		m.choices = map[chosen]int{}
	}
	m.choices[key] = most - before
}

func (m *meter) object(s *jsonschema.Schema, v map[string]any, p, below place) {
	m.add(len(v) * (1 + len(s.PatternProperties)) / 8)
	for name, value := range v {
		if m.over() {
			return
		}
		evaluated := false
		if sub := s.Properties[name]; sub != nil {
			evaluated = true
			m.apply(sub, value, below)
		}
		for re, sub := range s.PatternProperties {
			m.add(re.(*pattern).cost(name))
			if m.over() {
				return
			}
			if re.MatchString(name) {
				evaluated = true
				m.apply(sub, value, below)
			}
		}
		if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && !evaluated {
			m.apply(sub, value, below)
		}
		if s.PropertyNames != nil {
			m.apply(s.PropertyNames, name, below)
		}
		if s.UnevaluatedProperties != nil {
			m.apply(s.UnevaluatedProperties, value, below)
		}
	}
	p.after++
	p.same = &applied{s, p.same}
	for name, sub := range s.DependentSchemas {
		if _, there := v[name]; there {
			m.apply(sub, v, p)
		}
	}
	for name, dep := range s.Dependencies {
		if sub, ok := dep.(*jsonschema.Schema); ok && v[name] != nil {
			m.apply(sub, v, p)
		}
	}
}

func (m *meter) array(s *jsonschema.Schema, v []any, below place) {
	first := s.PrefixItems
	rest := s.Items2020
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		rest = items
	case []*jsonschema.Schema:
		first = items
		rest, _ = s.AdditionalItems.(*jsonschema.Schema)
	}
	for i, value := range v {
		if m.over() {
			return
		}
		switch {
		case i < len(first):
			m.apply(first[i], value, below)
		case rest != nil:
			m.apply(rest, value, below)
		}
		if s.Contains != nil {
			m.apply(s.Contains, value, below)
		}
		if s.UnevaluatedItems != nil {
			m.apply(s.UnevaluatedItems, value, below)
		}
	}
}

// weight is what a part of a schema costs by itself, in steps, and how it tells that
// items are unique. As an extension of the validator's, each part carries its own.
type weight struct {
	every   int // applied to anything
	numbers int // how often a number is computed with
	size    int // of the numbers that others are divided by
	copies  bool
	unique  bool
}

func (w *weight) of(v any) int {
	steps := w.every
	switch v := v.(type) {
	case json.Number:
		digits, exponent := sizeOf(string(v))
		steps += w.numbers * (digits + exponent) / 64
		if w.size > 0 {
			steps += (digits + exponent + w.size) / 4
		}
	case string:
		steps += len(v) / 128
	case map[string]any:
		if w.copies {
			steps += len(v) / 4
		}
	case []any:
		if w.copies {
			steps += len(v) / 4
		}
		if w.unique {
			steps += values(v) / 2
		}
	}
	return steps
}

// Validate says which items are equal. The validator's own way to tell takes quadratic
// time for items that are made for it.
func (w *weight) Validate(ctx *jsonschema.ValidatorContext, v any) {
	list, ok := v.([]any)
	if !ok || !w.unique {
		return
	}
	seen := make(map[string]int, len(list))
	var text []byte
	for i, item := range list {
		text = canonical(text[:0], item)
		if first, there := seen[string(text)]; there {
			ctx.AddError(&kind.UniqueItems{Duplicates: [2]int{first, i}})
			return
		}
		seen[string(text)] = i
	}
}

// canonical writes a value so that equal values, and no others, are written alike.
func canonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 'n')
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return append(append(strconv.AppendInt(append(b, '"'), int64(len(v)), 10), ':'), v...)
	case json.Number:
		n, _ := new(big.Rat).SetString(string(v)) // it is of a size that can be computed with
		return append(append(append(b, '#'), n.RatString()...), ';')
	case []any:
		b = append(b, '[')
		for _, item := range v {
			b = canonical(b, item)
		}
		return append(b, ']')
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		b = append(b, '{')
		for _, name := range names {
			b = canonical(canonical(b, name), v[name])
		}
		return append(b, '}')
	}
	return b
}

// weigh gives every part of a schema its weight, beginning with those given. It answers
// the parts with an anchor that depends on what was applied before.
func weigh(parts []*jsonschema.Schema) (anchors []*jsonschema.Schema) {
	known := map[*jsonschema.Schema]bool{}
	copies := false
	for len(parts) > 0 {
		s := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		if s == nil || known[s] {
			continue
		}
		known[s] = true
		parts = append(parts, partsOf(s)...)
		if s.DynamicAnchor != "" || s.RecursiveAnchor {
			anchors = append(anchors, s)
		}
		copies = copies || s.UnevaluatedItems != nil || s.UnevaluatedProperties != nil
	}
	for s := range known {
		w := &weight{unique: s.UniqueItems, copies: copies}
		s.UniqueItems = false
		s.Extensions = []jsonschema.SchemaExt{w}
		named := len(s.Required) + len(s.DependentSchemas) + len(s.Dependencies)
		for _, names := range s.DependentRequired {
			named += 1 + len(names)
		}
		w.every = named / 4
		for _, limit := range []*big.Rat{s.Minimum, s.Maximum, s.ExclusiveMinimum, s.ExclusiveMaximum} {
			if limit != nil {
				w.numbers++
			}
		}
		if s.MultipleOf != nil {
			w.numbers++
			w.size = 1 + (s.MultipleOf.Num().BitLen()+s.MultipleOf.Denom().BitLen())/3
		}
		if s.Types != nil && slices.Contains(s.Types.ToStrings(), "integer") {
			w.numbers++
		}
		if s.Const != nil {
			w.every += values(*s.Const) / 2
		}
		if s.Enum != nil {
			for _, value := range s.Enum.Values {
				w.every += values(value)
			}
			w.every /= 2
			w.numbers += len(s.Enum.Values)
		}
		if w.unique {
			w.numbers++
		}
	}
	return anchors
}

// values counts the values in a value, long texts as several.
func values(v any) int {
	n := 1
	switch v := v.(type) {
	case string:
		n += len(v) / 64
	case []any:
		for _, item := range v {
			n += values(item)
		}
	case map[string]any:
		for _, item := range v {
			n += 1 + values(item)
		}
	}
	return n
}

// partsOf lists the schemas that a schema applies; some are nil.
func partsOf(s *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{
		s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else, s.PropertyNames, s.UnevaluatedProperties,
		s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema,
	}
	if s.DynamicRef != nil {
		list = append(list, s.DynamicRef.Ref)
	}
	list = slices.Concat(list, s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems)
	for _, subs := range []map[string]*jsonschema.Schema{s.Properties, s.DependentSchemas} {
		for _, sub := range subs {
			list = append(list, sub)
		}
	}
	for _, sub := range s.PatternProperties {
		list = append(list, sub)
	}
	either := []any{s.AdditionalProperties, s.Items, s.AdditionalItems}
	for _, dep := range s.Dependencies {
		either = append(either, dep)
	}
	for _, v := range either {
		switch v := v.(type) {
		case *jsonschema.Schema:
			list = append(list, v)
		case []*jsonschema.Schema:
			list = append(list, v...)
		}
	}
	return list
}

// pattern is a regular expression that knows what it costs.
type pattern struct {
	*regexp.Regexp
	size int // in instructions
}

func compilePattern(text string) (jsonschema.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	p := &pattern{Regexp: re}
	if tree, err := syntax.Parse(text, syntax.Perl); err == nil {
		if prog, err := syntax.Compile(tree.Simplify()); err == nil {
			p.size = len(prog.Inst)
		}
	}
	return p, nil
}

// cost is what it takes to match a text, in steps: at most, each instruction is looked
// at for each byte.
func (p *pattern) cost(s string) int { return (1 + len(s)) * (8 + p.size) / 64 }

// tooLong is said of a number.
var tooLong = fmt.Sprintf("is a number with more than %d digits, or an exponent beyond %d: send it as a string", maxDigits, maxExponent)

// strangeNumbers gives the places of numbers in a value that are too large to compute
// with, as JSON pointers: at most maxViolations of them.
func strangeNumbers(v any) (places []string) {
	add := func(token string, below []string) {
		for _, place := range below {
			places = append(places, "/"+escapes.Replace(token)+place)
		}
	}
	switch v := v.(type) {
	case json.Number:
		if digits, exponent := sizeOf(string(v)); digits > maxDigits || exponent > maxExponent {
			return []string{""}
		}
	case []any:
		for i, item := range v {
			if below := strangeNumbers(item); below != nil {
				if add(strconv.Itoa(i), below); len(places) >= maxViolations {
					break
				}
			}
		}
	case map[string]any:
		for name, item := range v {
			add(name, strangeNumbers(item))
		}
		slices.Sort(places)
	}
	return places[:min(len(places), maxViolations)]
}

// sizeOf counts the digits of a JSON number, and gives its exponent without the sign:
// any beyond maxExponent as the next one.
func sizeOf(number string) (digits, exponent int) {
	mantissa, power := number, ""
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa, power = number[:i], strings.TrimLeft(number[i+1:], "+-0")
	}
	digits = len(strings.TrimPrefix(mantissa, "-")) - strings.Count(mantissa, ".")
	if len(power) > 6 {
		return digits, maxExponent + 1
	}
	exponent, _ = strconv.Atoi(power) // "" is 0
	return digits, min(exponent, maxExponent+1)
}
