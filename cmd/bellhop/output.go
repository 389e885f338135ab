package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/bellhop/bellhop"
)

// style colours text for a terminal.
type style struct{ on bool }

func (s style) paint(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// The styles, by their codes.
const (
	plain  = ""
	good   = "32" // green
	bad    = "31" // red
	wait   = "33" // yellow
	faint  = "2"
	strong = "1"
)

// cell is one field of a table.
type cell struct {
	text  string
	style string
	right bool
	// short, if not "", stands for text where there is little room.
	short string
}

func text(s string) cell  { return cell{text: s} }
func dim(s string) cell   { return cell{text: s, style: faint} }
func number(n int64) cell { return cell{text: fmt.Sprint(n), right: true} }
func list(of []string, none string) cell {
	if len(of) == 0 {
		return dim(none)
	}
	return text(strings.Join(of, " "))
}

// status is a word that says how well something goes.
func status[S ~string](word S) cell {
	c := text(string(word))
	switch string(word) {
	case "succeeded", "delivered", "active", "closed":
		c.style = good
	case "failed", "disabled", "open":
		c.style = bad
	case "pending", "waiting", "held", "paused", "retrying", "half_open":
		c.style = wait
	case "canceled", "not_sent":
		c.style = faint
	}
	return c
}

// columns is how wide a text is on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0 // drawn onto its neighbour, or not at all
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens a text to at most so many columns.
func cut(s string, most int) string {
	if columns(s) <= most {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > most-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// clean makes a text of strangers harmless to a terminal: control characters,
// which could repaint the screen, and those that change the direction of writing
// are shown as symbols. It keeps one line one line.
func clean(s string) string {
	if !strings.ContainsFunc(s, dangerous) && utf8.ValidString(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20:
			return '\u2400' + r
		case r == 0x7f:
			return '\u2421'
		case dangerous(r):
			return utf8.RuneError
		}
		return r
	}, s)
}

// cleanText is clean for texts of several lines.
func cleanText(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = clean(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

func dangerous(r rune) bool {
	return unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f'
}

// print writes to standard output.
func (p *program) print(format string, args ...any) { _, _ = fmt.Fprintf(p.out, format+"\n", args...) }

// note tells the person something that is not the result.
func (p *program) note(format string, args ...any) { _, _ = fmt.Fprintf(p.err, format+"\n", args...) }

// progress repaints a line on a terminal, and does nothing elsewhere.
func (p *program) progress(format string, args ...any) {
	if p.errTerminal {
		_, _ = fmt.Fprintf(p.err, "\r\x1b[K"+format, args...)
	}
}

// progressEnd removes the line.
func (p *program) progressEnd() {
	if p.errTerminal {
		_, _ = fmt.Fprint(p.err, "\r\x1b[K")
	}
}

// mark begins a sentence that says whether something went well.
func (p *program) mark(ok bool) string {
	if ok {
		return p.style.paint(good, "✓")
	}
	return p.style.paint(bad, "✗")
}

// when shows a time shortly: today's without the date, all in local time.
func (p *program) when(t time.Time) cell {
	if t.IsZero() {
		return dim("–")
	}
	t, now := t.In(time.Local), p.now().In(time.Local)
	switch y, m, d := t.Date(); {
	case y == now.Year() && m == now.Month() && d == now.Day():
		return cell{text: t.Format("15:04:05 MST"), short: t.Format(time.TimeOnly)}
	case y == now.Year():
		return cell{text: t.Format("2006-01-02 15:04:05 MST"), short: t.Format("01-02 15:04")}
	}
	return cell{text: t.Format("2006-01-02 15:04:05 MST"), short: t.Format("2006-01-02")}
}

// took shows the length of an exchange.
func took(ms int64) cell {
	c := cell{text: fmt.Sprintf("%dms", ms), right: true}
	if ms >= 10_000 {
		c.text = fmt.Sprintf("%.1fs", float64(ms)/1000)
	}
	return c
}

// exact is an object of the API that encodes itself, because encoding/json would
// compact the published data in it.
type exact interface{ EncodeJSON() ([]byte, error) }

// printJSON writes what the API said, on one line.
func (p *program) printJSON(v any) error {
	b, err := encodeJSON(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	_, err = p.out.Write(append(bytes.TrimRight(b, "\n"), '\n'))
	return err
}

func encodeJSON(v any) ([]byte, error) {
	if e, ok := v.(exact); ok {
		return e.EncodeJSON()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// show writes an object of the API: as JSON, or as fields for people.
func (p *program) show(v any, human func()) error {
	if p.json {
		return p.printJSON(v)
	}
	human()
	return nil
}

// rawJSON shows JSON as it is, or indented if it is long.
func rawJSON(j bellhop.JSON) string {
	var b bytes.Buffer
	if len(j) > 100 && json.Indent(&b, j, "", "  ") == nil {
		return b.String()
	}
	return string(j)
}
