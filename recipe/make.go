package recipe

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Settings are what an endpoint says of its recipe.
type Settings struct {
	URL    string
	Fields map[string]string
}

// Bound is a recipe with an endpoint's settings, safe for concurrent use.
type Bound struct {
	recipe *Recipe
	set    Settings
	fields map[string]any
}

// Mails tells whether the recipe makes mails.
func (r *Recipe) Mails() bool { return r.mail != nil }

// Bind gives the recipe the settings of an endpoint, or says what is wrong with them.
func (r *Recipe) Bind(s Settings) (*Bound, []Wrong) {
	fields, wrong := r.readFields(s.Fields)
	if len(wrong) > 0 {
		return nil, wrong
	}
	return &Bound{r, s, fields}, nil
}

// Recipe is what was bound.
func (b *Bound) Recipe() *Recipe { return b.recipe }

// Request is what a recipe makes of an event.
type Request struct {
	Method, URL string
	Headers     []Header // Content-Type first, if there is a body
	Body        []byte
	// Mail, if not nil, is to be sent in place of a request.
	Mail *Message
	// Lookup, if not nil, is a GET to be made first.
	Lookup *Check
	// Captured are values to be kept if the request is taken.
	Captured map[string]string
}

// Message is a mail.
type Message struct {
	From, ReplyTo       string
	To                  []string // each a list of addresses with commas between; some may be empty
	Subject, Text, HTML string
}

// Check is a GET whose answer may say that the event was done before.
type Check struct {
	URL         string
	in          []step
	where, same []known
	otherwise   string
}

// known is what an element must have at a path.
type known struct {
	path []step
	text string
}

// Finding is what an answer to a Check says.
type Finding struct {
	// Element is what was made of the event before, as JSON; nil if nothing was.
	Element []byte
	// Differs, if not empty, says in a sentence what is to be done, since the element is
	// not what the event asks for.
	Differs string
}

// Find looks through an answer that is complete and has a status of 2xx.
func (c *Check) Find(body []byte) (f Finding) {
	v, err := decode(body)
	if err != nil {
		return f
	}
	for _, element := range listOf(follow(v, c.in)) {
		if !has(element, c.where) {
			continue
		}
		if has(element, c.same) {
			return Finding{Element: jsonOf(element)}
		}
		f = Finding{Element: jsonOf(element), Differs: c.otherwise}
	}
	return f
}

func has(element any, parts []known) bool {
	for _, p := range parts {
		if !alike(textOf(follow(element, p.path)), p.text) {
			return false
		}
	}
	return true
}

// alike compares texts, and dates by the moment.
func alike(a, b string) bool {
	if a == b {
		return true
	}
	x, ok1 := readDate(a, time.UTC)
	y, ok2 := readDate(b, time.UTC)
	return ok1 && ok2 && x.Equal(y)
}

// Skipped says that an event needs nothing done, and why.
type Skipped struct{ Reason string }

func (s *Skipped) Error() string { return s.Reason }

// Make makes the request of an event. An error that is a *Skipped means that there is
// nothing to do; any other, such as a *Problem, that the request cannot be made from
// this event with these settings. It says so in a sentence.
func (b *Bound) Make(e Event) (Request, error) {
	r := b.recipe
	sc := &scope{event: &e, fields: b.fields, url: b.set.URL, key: e.Key, what: r.Name()}
	for _, s := range r.skip {
		met, err := s.when.holds(sc)
		if err != nil {
			return Request{}, r.placed("skip", err)
		}
		if met {
			return Request{}, &Skipped{s.reason}
		}
	}
	var q Request
	var err error
	if r.mail != nil {
		q.Mail, err = r.message(sc)
	} else {
		q, err = r.request(sc)
	}
	for _, t := range r.captured {
		if err != nil {
			break
		}
		var text string
		if text, err = r.text("capture."+t.name, t.value, sc); text != "" {
			if q.Captured == nil {
				q.Captured = map[string]string{}
			}
			q.Captured[t.name] = text
		}
	}
	if err != nil {
		return Request{}, err
	}
	return q, nil
}

func (r *Recipe) request(sc *scope) (Request, error) {
	q := Request{Method: r.method}
	var err error
	if q.URL, err = r.text("url", r.url, sc); err != nil {
		return q, err
	}
	if r.body != nil {
		sc.escape = r.escape
		q.Body, err = r.body.append(make([]byte, 0, 512), sc)
		sc.escape = nil
		if err == nil && r.json {
			q.Body, err = tidyJSON(q.Body)
		}
		if err != nil {
			return q, r.placed("body", err)
		}
		q.Headers = append(q.Headers, Header{"Content-Type", r.contentType()})
	}
	for _, h := range r.headers {
		text, err := r.text("header "+h.name, h.value, sc)
		if err != nil {
			return q, err
		}
		if text != "" {
			q.Headers = append(q.Headers, Header{h.name, text})
		}
	}
	if r.lookup != nil {
		q.Lookup = &Check{in: r.lookup.in, otherwise: r.lookup.otherwise}
		if q.Lookup.URL, err = r.text("lookup.url", r.lookup.url, sc); err != nil {
			return q, err
		}
		if q.Lookup.where, err = r.knownBy(r.lookup.where, sc); err != nil {
			return q, err
		}
		if q.Lookup.same, err = r.knownBy(r.lookup.same, sc); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (r *Recipe) knownBy(parts []lookupPart, sc *scope) (list []known, err error) {
	for _, p := range parts {
		text, err := r.text(p.place, p.value, sc)
		if err == nil && text == "" {
			err = r.placed(p.place, errors.New("is empty: everything would be taken for done"))
		}
		if err != nil {
			return nil, err
		}
		list = append(list, known{p.path, text})
	}
	return list, nil
}

func (r *Recipe) message(sc *scope) (*Message, error) {
	m := &Message{}
	for _, part := range []struct {
		name string
		t    template
		to   *string
	}{
		{"mail.from", r.mail.from, &m.From},
		{"mail.reply_to", r.mail.replyTo, &m.ReplyTo},
		{"mail.subject", r.mail.subject, &m.Subject},
		{"mail.text", r.mail.text, &m.Text},
		{"mail.html", r.mail.html, &m.HTML},
	} {
		var err error
		if *part.to, err = r.text(part.name, part.t, sc); err != nil {
			return nil, err
		}
	}
	for i, t := range r.mail.to {
		text, err := r.text(fmt.Sprintf("mail.to[%d]", i), t, sc)
		if err != nil {
			return nil, err
		}
		if strings.Trim(text, ", ") != "" {
			m.To = append(m.To, text)
		}
	}
	return m, nil
}

func (r *Recipe) text(place string, t template, sc *scope) (string, error) {
	b, err := t.append(nil, sc)
	if err != nil {
		return "", r.placed(place, err)
	}
	return string(b), nil
}

// placed says which part of the recipe could not be made, unless a value is at fault.
func (r *Recipe) placed(place string, err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return err
	}
	return &Problem{Value: place, Detail: fmt.Sprintf("the %s of recipe %s %s", place, r.Name(), err)}
}
