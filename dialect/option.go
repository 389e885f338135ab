package dialect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Option is a value that a platform chooses for an app, or an endpoint's owner for
// the endpoint, because it is neither of the event nor of the dialect: the version
// of an API whose form the data has, for example. Templates have it as
// ${option.NAME}.
type Option struct {
	// Name is of lower-case letters, digits and underscores, at most 63.
	Name        string `yaml:"name" json:"name"`
	Description string `yaml:"description" json:"description,omitempty"`
	// Default is a template of what it is where nobody has chosen, made of id,
	// uuid, app, type, subject, and the times; empty means that it is empty.
	Default string `yaml:"default" json:"default,omitempty"`
}

// Bounds of options. The length of a value is in bytes.
const (
	maxOptions     = 16
	maxOptionValue = 256
)

// option is a compiled Option.
type option struct {
	name     string
	fallback template
}

func (c *compiler) options(list []Option) {
	if len(list) > maxOptions {
		c.problem("options", "are %d; keep at most %d", len(list), maxOptions)
		return
	}
	for i, o := range list {
		field := fmt.Sprintf("options[%d]", i)
		if o.Name == "" || len(o.Name) > 63 || strings.Trim(o.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			c.problem(field+".name", "%.63q is not a name; use 1 to 63 lower-case letters, digits and underscores", o.Name)
		}
		if c.d.option(o.Name) != nil {
			c.problem(field+".name", "%.63q occurs twice; remove one", o.Name)
		}
		t := c.template(field+".default", o.Default, "")
		for _, seg := range t {
			for _, src := range seg.sources {
				if src.value >= valueOption {
					c.problem(field+".default", "has ${%s}; use values of the event other than its data", src)
				}
			}
		}
		c.d.options = append(c.d.options, option{o.Name, t})
	}
}

// declared reports a problem for each option of a template that there is not.
func (c *compiler) declared(field string, t template) {
	for _, seg := range t {
		for _, src := range seg.sources {
			if src.value == valueOption && c.d.option(src.path[0]) == nil {
				c.problem(field, "has ${%s}, which options do not have; add it there", src)
			}
		}
	}
}

func (d *Dialect) option(name string) *option {
	for i := range d.options {
		if d.options[i].name == name {
			return &d.options[i]
		}
	}
	return nil
}

// HasOptions reports whether requests depend on options.
func (d *Dialect) HasOptions() bool { return len(d.options) > 0 }

// CheckOptions says what is wrong with options that were chosen, by name; nil if
// nothing is.
func (d *Dialect) CheckOptions(chosen map[string]string) map[string]string {
	wrong := map[string]string{}
	for name, value := range chosen {
		switch {
		case d.option(name) == nil:
			wrong[name] = d.unknownOption()
		case len(value) > maxOptionValue || !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r == 0x7f }):
			wrong[name] = fmt.Sprintf("has a value that is not allowed: at most %d bytes of text, no control characters", maxOptionValue)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return wrong
}

func (d *Dialect) unknownOption() string {
	if len(d.options) == 0 {
		return "is unknown: dialect " + d.Name() + " has no options; leave it out"
	}
	var names []string
	for _, o := range d.options {
		names = append(names, o.name)
	}
	return "is unknown: dialect " + d.Name() + " has the options " + strings.Join(names, ", ")
}

// MergeOptions gives what is chosen for an endpoint or, where that chooses nothing,
// for the app.
func MergeOptions(endpoint, app map[string]string) map[string]string {
	switch {
	case len(endpoint) == 0:
		return app
	case len(app) == 0:
		return endpoint
	}
	merged := maps.Clone(app)
	maps.Copy(merged, endpoint)
	return merged
}

// optionText is the value of an option in a message.
func (s *scope) optionText(name string) string {
	if text := s.message.Options[name]; text != "" {
		return text
	}
	i := slices.IndexFunc(s.options, func(o option) bool { return o.name == name })
	if i < 0 {
		return ""
	}
	return string(s.options[i].fallback.append(nil, s))
}
