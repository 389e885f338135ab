package main

import (
	"fmt"
	"slices"
	"strings"
)

// table is aligned by what characters look like, not by how many there are. On a
// terminal it is made to fit: texts become shorter, and columns are left out.
type table struct {
	header []string // none for a list of fields
	rows   [][]cell
	// minimum widths of columns, for rows that are shown one by one.
	minimum []int
	// fields says that it is a list of fields, whose values are folded and not cut: it is
	// where all of a thing is shown.
	fields bool
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

const gap = 2

// narrow says what becomes of a column where there is no room for the whole table.
type narrow struct {
	// rank is the order in which columns get room: what has 0 is never left out.
	rank int
	// floor is how short its texts may become, in columns; 0 means that they stay whole.
	floor int
	// fold breaks its texts over several lines, at spaces, in place of cutting them.
	fold bool
	// whole says that nothing is ever cut off it: it is there to be copied.
	whole bool
}

// narrows knows columns by their headers. What is not here keeps its width and is
// left out after what is.
var narrows = map[string]narrow{
	"":            {},
	"TIME":        {},
	"CREATED":     {rank: 3},
	"STATUS":      {floor: 8},
	"OUTCOME":     {},
	"HEALTH":      {},
	"CAUSE":       {},
	"WAITING":     {},
	"GIVEN UP":    {},
	"ANSWER":      {floor: 7},
	"WHY":         {floor: 24, fold: true},
	"TYPE":        {floor: 10},
	"ACTION":      {floor: 14},
	"SECRET":      {whole: true},
	"ENDPOINT":    {},
	"DELIVERY":    {},
	"ATTEMPT":     {},
	"EVENT":       {rank: 1},
	"URL":         {rank: 1, floor: 16},
	"DESCRIPTION": {rank: 1, floor: 20},
	"OBJECT":      {rank: 1, floor: 16},
	"NAME":        {rank: 2, floor: 8},
	"ACTOR":       {rank: 2, floor: 8},
	"EXPIRES":     {rank: 2},
	"LAST USED":   {rank: 1},
	"DEVICE":      {rank: 2, floor: 8},
	"DUE":         {rank: 2},
	"NEXT":        {rank: 2},
	"APP":         {rank: 3, floor: 6},
	"APPS":        {rank: 3, floor: 6},
	"SUBJECT":     {rank: 3, floor: 10},
	"EVENTS":      {rank: 4, floor: 8},
	"TOOK":        {rank: 4},
	"TRIES":       {rank: 4},
	"TRY":         {rank: 5},
	"FIELDS":      {rank: 5, floor: 8},
	"DETAIL":      {rank: 5, floor: 12},
	"DIALECT":     {rank: 6, floor: 6},
}

// otherColumns are those that narrows does not know.
var otherColumns = narrow{rank: 3}

// narrow says what becomes of a column. The first one says what a row is about.
func (t *table) narrow(column int) narrow {
	switch {
	case t.header == nil:
		return narrow{}
	case column == 0:
		n := narrows[t.header[0]]
		n.rank = 0
		if _, ok := narrows[t.header[0]]; !ok {
			n.floor = 24
		}
		return n
	}
	if n, ok := narrows[t.header[column]]; ok {
		return n
	}
	return otherColumns
}

// layout is which columns are shown, and how wide each is.
type layout struct {
	columns []int
	widths  []int
	short   bool // cells show their short texts
}

// leftOut names the columns that there is no room for.
func (t *table) leftOut(l layout) []string {
	var names []string
	for i, name := range t.header {
		if !slices.Contains(l.columns, i) {
			names = append(names, name)
		}
	}
	return names
}

// layout fits the table into most columns of a terminal; 0 is no bound.
func (t *table) layout(most int) layout {
	l := t.natural(false)
	if most == 0 || l.total() <= most || t.header == nil {
		return l
	}
	if l = t.natural(true); l.total() <= most {
		return l
	}
	natural := l.widths
	order := slices.Clone(l.columns)
	slices.SortStableFunc(order, func(a, b int) int { return t.narrow(a).rank - t.narrow(b).rank })
	widths := make([]int, len(natural))
	used, kept := -gap, []int{}
	for _, i := range order {
		n := t.narrow(i)
		w := natural[i]
		if n.floor > 0 {
			w = min(w, n.floor)
		}
		if n.rank > 0 && used+gap+w > most {
			continue
		}
		widths[i], kept = w, append(kept, i)
		used += gap + w
	}
	for _, i := range kept { // what is left over goes to the most important
		if more := min(natural[i]-widths[i], most-used); more > 0 {
			widths[i] += more
			used += more
		}
	}
	if over := used - most; over > 0 { // not even those fit: the longest give way
		for ; over > 0; over-- {
			longest := slices.MaxFunc(kept, func(a, b int) int { return widths[a] - widths[b] })
			if t.narrow(longest).whole || widths[longest] <= 1 {
				break
			}
			widths[longest]--
		}
	}
	slices.Sort(kept)
	return layout{kept, widths, true}
}

// natural is a layout of everything.
func (t *table) natural(short bool) layout {
	l := layout{widths: slices.Clone(t.minimum), short: short}
	measure := func(i, w int) {
		if i >= len(l.widths) {
			l.widths = append(l.widths, 0)
		}
		l.widths[i] = max(l.widths[i], w)
	}
	for i, h := range t.header {
		measure(i, columns(h))
	}
	for _, row := range t.rows {
		for i, c := range row {
			measure(i, columns(c.shown(short)))
		}
	}
	for i := range l.widths {
		l.columns = append(l.columns, i)
	}
	return l
}

func (l layout) total() int {
	n := -gap
	for _, i := range l.columns {
		n += gap + l.widths[i]
	}
	return n
}

// shown is the text of a cell.
func (c cell) shown(short bool) string {
	if short && c.short != "" {
		return clean(c.short)
	}
	return clean(c.text)
}

// render gives the table as lines that fit into most columns of a terminal, if most is
// not 0.
func (t *table) render(s style, most int) string {
	l := t.layout(most)
	var rows [][]cell
	if t.header != nil {
		head := make([]cell, len(t.header))
		for i, h := range t.header {
			head[i] = cell{text: h, style: strong}
			if len(t.rows) > 0 {
				head[i].right = t.rows[0][i].right
			}
		}
		rows = append(rows, head)
	}
	var b strings.Builder
	for _, row := range append(rows, t.rows...) {
		t.line(&b, s, l, row, most)
	}
	return b.String()
}

// line writes a row: one line, unless a text in it is folded.
func (t *table) line(b *strings.Builder, s style, l layout, row []cell, most int) {
	last := -1
	for _, i := range l.columns {
		if i < len(row) {
			last = i
		}
	}
	var line strings.Builder
	var rest []string // of the folded text in the last column
	at, from := 0, 0
	for _, i := range l.columns {
		if i > last {
			break
		}
		c, room := row[i], l.widths[i]
		content := c.shown(l.short)
		isLast := i == last
		if isLast && most > 0 {
			room = max(most-at, 1)
		}
		switch n := t.narrow(i); {
		case most == 0 || n.whole:
		case isLast && (t.fields || n.fold):
			folded := fold(content, room)
			content, rest, from = folded[0], folded[1:], at
		case t.header != nil || isLast:
			content = cut(content, room)
		}
		pad := strings.Repeat(" ", max(l.widths[i]-columns(content), 0))
		painted := s.paint(c.style, content)
		if c.style == plain {
			painted = content
		}
		switch {
		case c.right:
			line.WriteString(pad + painted)
		case isLast:
			line.WriteString(painted)
		default:
			line.WriteString(painted + pad)
		}
		if !isLast {
			line.WriteString(strings.Repeat(" ", gap))
		}
		at += l.widths[i] + gap
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	for _, text := range rest {
		b.WriteString(strings.Repeat(" ", from) + s.paint(row[last].style, text) + "\n")
	}
}

// fold breaks a text at its spaces into lines of at most so many columns. A word that
// is longer stays whole: it is an address, an id or a secret.
func fold(text string, most int) []string {
	if columns(text) <= most {
		return []string{text}
	}
	var lines []string
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= most:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// sentence prints prose, folded where the terminal is narrower.
func (p *program) sentence(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.width == 0 {
		p.print("%s", text)
		return
	}
	for _, line := range fold(text, p.width) {
		p.print("%s", line)
	}
}

func (p *program) table(t *table) { _, _ = fmt.Fprint(p.out, t.render(p.style, p.width)) }

// list shows a table with a header and says what the terminal has no room for.
func (p *program) list(t *table) {
	p.table(t)
	if out := t.leftOut(t.layout(p.width)); len(out) > 0 {
		p.note("%s", p.style.paint(faint, "No room for "+strings.Join(out, ", ")+": --wide shows everything."))
	}
}

// field adds a line to a list of fields, unless it is empty.
func (t *table) field(name string, value cell) {
	t.fields = true
	if value.text != "" {
		t.add(cell{text: name, style: faint}, value)
	}
}

func (t *table) notes(name string, notes map[string]string) {
	for _, k := range sortedKeys(notes) {
		t.field(name+"."+k, text(notes[k]))
	}
}
