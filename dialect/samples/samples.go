// Package samples writes the code with which receivers verify requests of a
// dialect: in their own language, from the dialect's own rules, so that it fits
// operators' dialects as well as the built-in ones.
//
// What a sample accepts is what [dialect.Dialect.Verify] accepts of an honest
// sender. It is stricter with hex in upper case, which no sender writes, and
// more lenient with a header that comes twice, which each platform's HTTP
// library joins or picks from in its own way.
package samples

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"

	"github.com/bellhop/bellhop/dialect"
)

// Sample is a receiver in one language: a function that verifies a request and
// the smallest server that calls it. The server takes the endpoint's secret
// (of an Ed25519 endpoint the public key) from WEBHOOK_SECRET and its port from
// PORT, and answers 204, or what the dialect's receivers answer, or else 401. Where
// a dialect's tests are unsigned, they are answered as well: so a receiver passes the
// check that creating its endpoint makes.
type Sample struct {
	Language string // node, python, go, php, ruby, java or csharp
	Title    string // the language's name
	Filename string // what to save it as
	Code     string
}

// Code returns a sample in every language, always in the same order.
func Code(d *dialect.Dialect) ([]Sample, error) {
	recipe := d.Recipe()
	out := make([]Sample, 0, len(languages()))
	for _, l := range languages() {
		code, err := l.write(d.Name(), recipe)
		if err != nil {
			return nil, fmt.Errorf("write a receiver of %s in %s: %w", d.Name(), l.title, err)
		}
		out = append(out, Sample{l.id, l.title, l.filename, code})
	}
	return out, nil
}

//go:embed templates/*.tmpl
var templates embed.FS

// actionLine is a line of a template that holds nothing but control flow: its
// line break is no part of the code.
var actionLine = regexp.MustCompile(`(?m)^\s*(\{\{(?:if|else|end|range|with)\b[^{}]*\}\})\n`)

func (l language) write(name string, recipe dialect.Recipe) (string, error) {
	file := "templates/" + l.id + ".tmpl"
	text, err := templates.ReadFile(file)
	if err != nil {
		return "", err
	}
	t, err := template.New(file).Funcs(template.FuncMap{
		"str": l.str, "re": l.pattern, "num": l.number,
		"lower": strings.ToLower, "upper": strings.ToUpper, "join": strings.Join,
		"quotemeta": regexp.QuoteMeta,
		"inc":       func(i int) int { return i + 1 },
	}).Parse(actionLine.ReplaceAllString(string(text), "$1"))
	if err != nil {
		return "", err
	}
	var code strings.Builder
	if err := t.Execute(&code, l.view(name, recipe)); err != nil {
		return "", err
	}
	return code.String(), nil
}
