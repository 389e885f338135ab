package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// print writes the results as a table for a terminal of 110 columns.
func (r *results) print(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s", r.about())
	p.line("")
	p.line("%-42s %9s %-6s %15s  %9s %6s %5s %5s %s", "", "median", "", "from … to", "limit", "ratio", "must", "aim", "")
	for _, f := range r.inOrder() {
		row := f.row()
		p.line("%-42s %9s %-6s %15s  %9s %6s %5s %5s %s", fitted(f.Title, 42), row.median, f.Unit, row.spread, row.limit, row.ratio, row.must, row.aim, row.met)
	}
	p.spending(r)
	for _, note := range r.Notes {
		p.line("%s", note)
	}
	if p.err == nil && r.Checked > 0 {
		p.line("%d deliveries were acknowledged and looked for; each arrived once, but where it is said otherwise above.", r.Checked)
	}
	return p.err
}

// about says what was measured, and on what.
func (r *results) about() string {
	text := fmt.Sprintf("Bellhop %s on %s, %s\n%s; %d-byte events; medians of %d rounds of %g s;\nratios are medians of those of the rounds, each to its limit measured beside it",
		r.Commit, r.Machine, r.Go, r.Time.Format("2006-01-02 15:04 MST"), r.Size, r.Rounds, r.Seconds)
	var other []string
	for _, name := range slices.Sorted(maps.Keys(r.Sizes)) {
		if n := r.Sizes[name]; n != usualSizes[name] {
			other = append(other, fmt.Sprintf("%s %d", name, n))
		}
	}
	if r.Steady > 0 && r.Steady != time.Minute.Seconds() {
		other = append(other, fmt.Sprintf("steady %g s", r.Steady))
	}
	if len(other) > 0 {
		text += "\nsizes other than the usual: " + strings.Join(other, ", ")
	}
	return text
}

// placeholder is where a title says a size.
var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// titled writes the sizes that were measured into a title, and tells whether it knows them.
func (r *results) titled(title string) (_ string, ok bool) {
	ok = true
	title = placeholder.ReplaceAllStringFunc(title, func(name string) string {
		name = strings.Trim(name, "{}")
		n, known := r.Sizes[name]
		switch {
		case known:
			return counted(n)
		case name == "steady" && r.Steady == time.Minute.Seconds():
			return "a minute"
		case name == "steady" && r.Steady > 0:
			return fmt.Sprintf("%g s", r.Steady)
		}
		ok = false
		return "?"
	})
	return title, ok
}

// counted writes a number as a title has it: a million, 5 million, 10 000, 5000.
func counted(n int) string {
	switch {
	case n == 1_000_000:
		return "a million"
	case n > 0 && n%1_000_000 == 0:
		return counted(n/1_000_000) + " million"
	case n < 10_000:
		return strconv.Itoa(n)
	}
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// usualSizes are those that are measured unless others are given.
var usualSizes = map[string]int{"pending": 1_000_000, "history": 5_000_000, "many": 10_000, "hang": 5000, "flood": 100_000}

// inOrder are the figures in that of the catalogue.
func (r *results) inOrder() []*figure {
	place := func(f *figure) int {
		i := slices.IndexFunc(catalogue, func(c figure) bool { return c.Key == f.Key })
		if i < 0 {
			return len(catalogue)
		}
		return i
	}
	list := slices.DeleteFunc(slices.Clone(r.Figures), func(f *figure) bool { return len(f.Values) == 0 })
	slices.SortStableFunc(list, func(a, b *figure) int { return place(a) - place(b) })
	return list
}

type row struct{ median, spread, limit, ratio, must, aim, met string }

func (f *figure) row() row {
	row := row{median: short(median(f.Values))}
	if len(f.Values) > 1 {
		row.spread = short(slices.Min(f.Values)) + "…" + short(slices.Max(f.Values))
	}
	if len(f.Limits) > 0 {
		row.limit, row.ratio = short(median(f.Limits)), short(median(f.ratios()))
	}
	bound := func(b float64) string {
		if b == 0 {
			return ""
		}
		return fmt.Sprintf("%g", b)
	}
	row.must, row.aim = bound(f.Must), bound(f.Aim)
	switch {
	case f.Must == 0:
	case f.meets(f.Aim):
		row.met = "aim met"
	case f.meets(f.Must):
		row.met = "met"
	default:
		row.met = "MISSED"
	}
	return row
}

// short prints a number with three digits or more.
func short(v float64) string {
	switch a := math.Abs(v); {
	case v == 0:
		return "0"
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// fitted cuts a text to a width.
func fitted(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return text
}

// columns are those of the table of what a delivery costs. The ratio is what the other
// tables' would be if the processors had nothing else to do at any time: it does not depend
// on what else the machine does.
var columns = []struct{ name, head, long, unit string }{
	{"own", "own", "CPU of Bellhop", "µs"},
	{"publisher", "publ.", "CPU of the publisher", "µs"},
	{"receiver", "recv.", "CPU of the receiver", "µs"},
	{"share", "ratio", "ratio to the bare loop by CPU", "ratio"},
	{"allocations", "allocs", "allocations", "objects"},
	{"written", "bytes", "written to disk", "bytes"},
	{"stage.accept", "accept", "CPU to accept", "µs"},
	{"stage.parse", "parse", "CPU to parse", "µs"},
	{"stage.commit", "commit", "CPU to commit", "µs"},
	{"stage.flush", "flush", "CPU to flush", "µs"},
	{"stage.send", "send", "CPU to send", "µs"},
	{"stage.record", "record", "CPU to record", "µs"},
}

// printer remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(fmt.Sprintf(format, a...), " "))
	}
}

func (p *printer) spending(r *results) {
	if len(r.Spending) == 0 {
		return
	}
	p.line("")
	p.line("%-34s %s", "a delivery costs", "µs of CPU of all; ratio:    objects,  and by stage")
	p.line("%-34s %s", "", "the bare loop's over it     to disk")
	head := fmt.Sprintf("%-34s", "")
	for _, c := range columns {
		head += fmt.Sprintf(" %6s", c.head)
	}
	p.line("%s", head)
	for _, s := range r.Spending {
		text := fmt.Sprintf("%-34s", fitted(s.Title, 34))
		for _, c := range columns {
			text += fmt.Sprintf(" %6s", s.value(c.name))
		}
		p.line("%s", text)
	}
	p.line("")
}

// value is the median of what is spent; "" where it was not measured.
func (s *spending) value(name string) string {
	v := median(s.Values[name])
	if v == 0 {
		return ""
	}
	return short(v)
}

// markdown writes the results as tables of docs/performance.md.
func (r *results) markdown(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s.", strings.NewReplacer(";\n", "; ", "\n", "; ").Replace(r.about()))
	p.line("")
	p.line("| figure | median | from … to | limit | ratio | must | aim | |")
	p.line("|---|---:|---:|---:|---:|---:|---:|---|")
	for _, f := range r.inOrder() {
		row := f.row()
		title, met := strings.TrimSpace(f.Title), row.met
		if title != f.Title {
			title = "&emsp;" + title
		}
		if met == "MISSED" {
			met = "**missed**"
		}
		limit := row.limit
		if limit != "" && f.Limit != "" {
			limit += " (" + f.Limit + ")"
		}
		p.line("| %s | %s | %s | %s | %s | %s | %s | %s |", title, strings.TrimSpace(row.median+" "+f.Unit), row.spread, limit, row.ratio, row.must, row.aim, met)
	}
	if len(r.Spending) > 0 {
		p.line("")
		head, rule := "| what a delivery costs", "|---"
		for _, c := range columns {
			head, rule = head+" | "+c.head, rule+"|---:"
		}
		p.line("%s |", head)
		p.line("%s|", rule)
		for _, s := range r.Spending {
			text := "| " + strings.TrimSpace(s.Title)
			for _, c := range columns {
				text += " | " + s.value(c.name)
			}
			p.line("%s |", text)
		}
	}
	for _, note := range r.Notes {
		p.line("")
		p.line("%s.", strings.TrimRight(note, "."))
	}
	return p.err
}
