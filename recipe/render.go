package recipe

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

// Event is what a request is made from.
type Event struct {
	ID      string // "evt_…", the same on each attempt
	App     string
	Type    string
	Subject string
	Time    time.Time // when it happened
	Data    []byte    // JSON
	// Key is the endpoint's secret, from which PINs are made.
	Key []byte
}

// timeFormat is that of the value time.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

var (
	errTooLarge = errors.New("makes more than 1 MiB from this event: shorten it with truncate or with max on its loops, or narrow what the endpoint gets with a filter")
	errTooLong  = errors.New("goes through too many values of this event: bound its loops with max, or narrow what the endpoint gets with a filter")
)

// scope is where a rendering finds its values, and how much of it is left.
type scope struct {
	event  *Event
	fields map[string]any // text, a list of texts, or a *fieldTemplate
	url    string
	key    []byte
	// escape takes from an event's text what the target takes for its own; nil where
	// nothing is to be taken.
	escape func(string) string
	what   string // the recipe's name

	data    any
	decoded bool
	vars    map[string]any
	rounds  int
	steps   int
}

// value finds a source's value; nil if it is not there.
func (sc *scope) value(s *source) (any, error) {
	if sc.steps++; sc.steps > maxSteps {
		return nil, errTooLong
	}
	e := sc.event
	switch s.root {
	case "":
		return s.constant, nil
	case "id":
		return e.ID, nil
	case "uuid":
		return eventUUID(e.ID), nil
	case "app":
		return e.App, nil
	case "type":
		return e.Type, nil
	case "subject":
		return e.Subject, nil
	case "time":
		return e.Time.UTC().Format(timeFormat), nil
	case "url":
		return sc.url, nil
	case "field":
		return sc.field(s.path[0].name)
	case "data":
		if len(s.path) == 0 {
			return verbatim(e.Data), nil
		}
		if !sc.decoded {
			var err error
			if sc.data, err = decode(e.Data); err != nil {
				return nil, problem("data", "the event's data is no JSON")
			}
			sc.decoded = true
		}
		return sc.follow(sc.data, s.path), nil
	}
	return sc.follow(sc.vars[s.root], s.path), nil
}

// follow counts what a path looks at, with [*] all elements.
func (sc *scope) follow(v any, path []step) any {
	return walk(v, path, &sc.steps)
}

// perStep is how much of a text is looked through for one step, in bytes; to decode
// JSON takes four times as long.
const perStep = 64

// spend counts what it costs to look through a value.
func (sc *scope) spend(v any) error {
	sc.weigh(v)
	if sc.steps > maxSteps {
		return errTooLong
	}
	return nil
}

// weigh counts a value and all that is in it, as far as that can be afforded.
func (sc *scope) weigh(v any) {
	if sc.steps++; sc.steps > maxSteps {
		return
	}
	switch v := v.(type) {
	case string:
		sc.steps += len(v) / perStep
	case verbatim:
		sc.steps += len(v) / perStep * 4
	case []any:
		for i := 0; i < len(v) && sc.steps <= maxSteps; i++ {
			sc.weigh(v[i])
		}
	case map[string]any:
		for _, one := range v {
			sc.weigh(one)
		}
	}
}

func (sc *scope) field(name string) (any, error) {
	switch v := sc.fields[name].(type) {
	case *fieldTemplate:
		text, err := v.template.append(nil, sc)
		if err == nil {
			err = sc.spend(string(text))
		}
		if err != nil {
			return nil, err
		}
		switch v.kind {
		case KindHTML:
			return markup(text), nil
		case KindRecipients:
			return addresses(text), nil
		}
		return string(text), nil
	default:
		return v, nil
	}
}

// evaluate gives an expression's value. What is missing, required and not optional is a
// Problem.
func (sc *scope) evaluate(x *expression, required bool) (any, error) {
	v, err := sc.first(x)
	switch {
	case err != nil:
		return nil, err
	case missing(v) && required && !x.optional():
		name := x.String()
		return nil, problem(name, "the recipe %s needs %s, which is not there: narrow the endpoint's events or filter to those that have it, or give the recipe another value for it", sc.what, name)
	case missing(v):
		return v, nil
	}
	for i := range x.filters {
		f := &x.filters[i]
		if err = sc.spend(v); err != nil {
			return nil, err
		}
		c := call{in: v, of: x.String(), scope: sc}
		if raw, ok := v.(verbatim); ok {
			if c.in, err = decode(raw); err != nil {
				return nil, problem("data", "the event's data is no JSON")
			}
		}
		for i := range f.args {
			arg, err := sc.value(&f.args[i])
			if err != nil {
				return nil, err
			}
			c.args = append(c.args, arg)
		}
		if v, err = f.run(&c); err != nil {
			return nil, err
		}
		if text, ok := v.(string); ok && len(text) > maxOutput {
			return nil, errTooLarge
		}
	}
	return v, nil
}

// first is the first of an expression's sources that is there.
func (sc *scope) first(x *expression) (v any, err error) {
	for i := range x.sources {
		if v, err = sc.value(&x.sources[i]); err != nil || !missing(v) {
			return v, err
		}
	}
	return v, nil
}

// append renders the template onto dst.
func (t template) append(dst []byte, sc *scope) ([]byte, error) {
	for i := range t {
		n := &t[i]
		var err error
		switch {
		case n.value != nil:
			var v any
			if v, err = sc.evaluate(n.value, true); err == nil {
				dst, err = n.slot.write(dst, sc.escaped(v, n), n.value.String())
			}
		case n.section != nil:
			dst, err = n.section.append(dst, sc)
		case n.loop != nil:
			dst, err = n.loop.append(dst, sc)
		default:
			dst = append(dst, n.literal...)
		}
		if err != nil {
			return nil, err
		}
		if len(dst) > maxOutput {
			return nil, errTooLarge
		}
	}
	return dst, nil
}

// escaped is a value of the event with what the target takes for its own escaped, where
// it stands in a text. What an administrator has put into a field is taken as it is.
func (sc *scope) escaped(v any, n *node) any {
	if sc.escape == nil || missing(v) || n.value.sources[0].root == "field" || n.slot == slotJSON && !isText(v) {
		return v
	}
	if slices.ContainsFunc(n.value.filters, func(f filterCall) bool { return f.name == "raw" }) {
		return v
	}
	return sc.escape(textOf(v))
}

func isText(v any) bool { _, ok := v.(string); return ok }

func (s *section) append(dst []byte, sc *scope) ([]byte, error) {
	for _, b := range s.branches {
		met := b.when.any == nil
		if !met {
			var err error
			if met, err = b.when.holds(sc); err != nil {
				return nil, err
			}
		}
		if met {
			return template(b.nodes).append(dst, sc)
		}
	}
	return dst, nil
}

func (l *loop) append(dst []byte, sc *scope) ([]byte, error) {
	v, err := sc.evaluate(&l.over, false)
	if err != nil {
		return nil, err
	}
	if raw, ok := v.(verbatim); ok {
		v, _ = decode(raw)
	}
	list := listOf(v)
	if l.most > 0 && len(list) > l.most {
		list = list[:l.most]
	}
	if sc.vars == nil {
		sc.vars = map[string]any{}
	}
	defer delete(sc.vars, l.name)
	for i, element := range list {
		if sc.rounds++; sc.rounds > maxRounds {
			return nil, errTooLong
		}
		if i > 0 {
			dst = append(dst, l.join...)
		}
		if len(dst) > maxOutput {
			return nil, errTooLarge
		}
		sc.vars[l.name] = element
		if dst, err = template(l.nodes).append(dst, sc); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// uuidNamespace is that of package dialect, so that an event has one UUID.
const uuidNamespace = "\xe8\xd9\xfa\xe8\xa2\x60\x46\xaf\xad\x31\x99\x23\xbd\x40\xd6\xbd"

// eventUUID is a UUID of version 5 (RFC 9562 section 5.5) made of an event's id.
func eventUUID(id string) string {
	sum := sha1.Sum([]byte(uuidNamespace + id))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	text := hex.EncodeToString(sum[:16])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
