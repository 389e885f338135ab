package recipe

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// field is a compiled Field.
type field struct {
	Field
	pattern *regexp.Regexp
}

// fieldTemplate is what an endpoint's owner has put into a field that is a template.
type fieldTemplate struct {
	template template
	kind     string
}

// Bounds of the values of fields, in bytes.
const (
	maxValue    = 1024
	maxOwnText  = 16 << 10 // of templates
	maxPatterns = 256
)

func (c *compiler) fields() {
	list := c.r.definition.Fields
	if len(list) > maxFields {
		c.problem("fields", "are %d; keep at most %d", len(list), maxFields)
		return
	}
	for i, f := range list {
		place := fmt.Sprintf("fields[%d]", i)
		if !isLabel(f.Name, "_") {
			c.problem(place+".name", "%.70q is not a name; use 1 to %d lower-case letters, digits and underscores", f.Name, maxName)
		}
		if slices.ContainsFunc(c.r.fields, func(o field) bool { return o.Name == f.Name }) {
			c.problem(place+".name", "%.70q occurs twice; remove one", f.Name)
		}
		if f.Kind == "" {
			f.Kind = KindText
		}
		if !slices.Contains([]string{KindText, KindEmail, KindNumber, KindTimezone, KindTemplate, KindHTML, KindRecipients}, f.Kind) {
			c.problem(place+".kind", "%.70q is unknown; use text, email, number, timezone, template, html or recipients", f.Kind)
		}
		compiled := field{Field: f}
		if f.Pattern != "" {
			var err error
			if len(f.Pattern) > maxPatterns {
				c.problem(place+".pattern", "is %d bytes long; shorten it to %d", len(f.Pattern), maxPatterns)
			} else if compiled.pattern, err = regexp.Compile(`^(?:` + f.Pattern + `)$`); err != nil {
				c.problem(place+".pattern", "is no regular expression: %s", err)
			}
		}
		c.r.fields = append(c.r.fields, compiled)
		if f.Default != "" && compiled.pattern != nil == (f.Pattern != "") {
			if _, wrong := compiled.read(f.Default); wrong != "" {
				c.problem(place+".default", "%s", wrong)
			}
		}
	}
}

// Wrong is what is wrong with a field of an endpoint.
type Wrong struct {
	Field  string // its name
	Code   string // unknown, required, or value
	Detail string // with the remedy
}

// CheckFields says what is wrong with the fields that were given for an endpoint; nil
// if nothing is.
func (r *Recipe) CheckFields(given map[string]string) []Wrong {
	_, wrong := r.readFields(given)
	return wrong
}

func (r *Recipe) readFields(given map[string]string) (values map[string]any, wrong []Wrong) {
	values = make(map[string]any, len(r.fields))
	for i := range r.fields {
		f := &r.fields[i]
		text := strings.TrimSpace(given[f.Name])
		if text == "" {
			text = f.Default
		}
		if text == "" {
			if f.Required {
				wrong = append(wrong, Wrong{f.Name, "required", "is missing: give " + or(f.Title, f.Name) + f.hint()})
			}
			continue
		}
		v, what := f.read(text)
		if what != "" {
			wrong = append(wrong, Wrong{f.Name, "value", what})
		}
		values[f.Name] = v
	}
	for _, name := range sortedNames(given) {
		if !slices.ContainsFunc(r.fields, func(f field) bool { return f.Name == name }) {
			wrong = append(wrong, Wrong{name, "unknown", "is unknown: " + r.known()})
		}
	}
	return values, wrong
}

func (r *Recipe) known() string {
	if len(r.fields) == 0 {
		return "recipe " + r.Name() + " has no fields; leave it out"
	}
	var names []string
	for _, f := range r.fields {
		names = append(names, f.Name)
	}
	return "recipe " + r.Name() + " has the fields " + strings.Join(names, ", ")
}

func (f *field) hint() string {
	if f.Help == "" {
		return ""
	}
	return ". " + f.Help
}

// read gives the value of a field's text, or says what is wrong with it.
func (f *field) read(text string) (v any, wrong string) {
	most, lines := maxValue, false
	if f.made() {
		most, lines = maxOwnText, f.Kind != KindRecipients
	}
	switch {
	case len(text) > most:
		return nil, fmt.Sprintf("is %d bytes long: shorten it to %d", len(text), most)
	case !utf8.ValidString(text) || !lines && strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return nil, "has control characters or is no UTF-8: give one line of text"
	case len(f.Choices) > 0 && !slices.Contains(f.Choices, text):
		return nil, fmt.Sprintf("is %q: choose one of %s", clip(text), strings.Join(f.Choices, ", "))
	case f.pattern != nil && !f.pattern.MatchString(text):
		return nil, fmt.Sprintf("is %q, which is not of the form %s%s", clip(text), f.Pattern, f.hint())
	}
	switch f.Kind {
	case KindEmail:
		if checkAddress(text) != nil {
			return nil, fmt.Sprintf("is %q: give one address such as ada@example.com", clip(text))
		}
	case KindNumber:
		if _, err := (&call{of: f.Name}).rational(text); err != nil {
			return nil, fmt.Sprintf("is %q: give a number such as 12 or 0.5", clip(text))
		}
		return json.Number(text), ""
	case KindTimezone:
		if _, err := loadZone(text); err != nil {
			return nil, fmt.Sprintf("is %q, which is no time zone: give one such as Europe/Zurich", clip(text))
		}
	case KindTemplate, KindHTML, KindRecipients:
		return f.readTemplate(text)
	}
	return text, ""
}

// made tells whether the field is a template itself.
func (f *field) made() bool {
	return f.Kind == KindTemplate || f.Kind == KindHTML || f.Kind == KindRecipients
}

func (f *field) readTemplate(text string) (v any, wrong string) {
	t, err := parse(text)
	if err == nil {
		var l, end lexer = plain{slotText}, nil
		switch f.Kind {
		case KindHTML:
			l = htmlText{}
		case KindRecipients:
			l = addressText{}
		}
		if end, err = t.place(l); err == nil && end != l {
			return nil, "ends within a tag or within quotes: close them"
		}
	}
	if err != nil {
		return nil, err.Error()
	}
	t.each(func(s *source) {
		if s.root == "field" || s.root == "url" {
			wrong = "has ${" + s.String() + "}: use values of the event, such as ${data.id}"
		}
	})
	return &fieldTemplate{t, f.Kind}, wrong
}

// DefaultURL is the address of an endpoint that names none; "" if it must.
func (r *Recipe) DefaultURL(given map[string]string) (string, error) {
	if r.address == nil {
		return "", nil
	}
	values, wrong := r.readFields(given)
	if len(wrong) > 0 {
		return "", &Problem{Value: "field." + wrong[0].Field, Detail: "recipe_fields." + wrong[0].Field + " " + wrong[0].Detail}
	}
	b, err := r.address.append(nil, &scope{event: &Event{}, fields: values, what: r.Name()})
	return string(b), err
}

// CheckURL says what is wrong with an address, beyond what is wrong with it as a URL;
// "" if nothing is.
func (r *Recipe) CheckURL(raw string) (wrong string) {
	u, err := url.Parse(raw)
	hosts := r.definition.Address.Hosts
	switch {
	case err != nil:
		return "" // whoever checks URLs says so
	case len(hosts) > 0 && !HostIn(u.Hostname(), hosts):
		return fmt.Sprintf("is at %q, but the recipe %s is for %s: give the address that the target shows", clip(u.Hostname()), r.Name(), strings.Join(hosts, ", "))
	}
	return ""
}

// CheckBase says what is wrong with an address that the recipe puts a path behind; ""
// if nothing is.
func (r *Recipe) CheckBase(raw string) (wrong string) {
	if r.mail != nil {
		return ""
	}
	u, err := url.Parse(raw)
	if err == nil && (u.RawQuery != "" || u.Fragment != "") && (len(r.url) > 1 || r.lookup != nil && len(r.lookup.url) > 1) {
		return "has a query: the recipe " + r.Name() + " puts a path behind the address, so give it without"
	}
	return ""
}

// HostIn tells whether a host is among those listed, or below one listed with "*.".
func HostIn(host string, list []string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.ContainsFunc(list, func(h string) bool {
		below, wild := strings.CutPrefix(h, "*")
		if wild {
			return strings.HasSuffix(host, below) && len(host) > len(below)
		}
		return host == h
	})
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
