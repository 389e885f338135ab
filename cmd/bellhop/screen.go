package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
)

// screen is what a keyboard screen shows and what keys do to it: a list of what
// happened, the newest at the bottom, or one of its entries in full. It draws nothing
// and waits for nothing, so it can be tested as a table.
type screen struct {
	style style
	// title are lines about what is shown, and narrowed says what is left out.
	title    []string
	narrowed string
	// state says how the connection is; message is what a key has led to.
	state, message string

	width, height int
	entries       []*entry
	selected      int
	// following keeps the newest entry selected.
	following bool
	top       int // the first entry in sight
	// detail are the lines of one entry, if it is shown; scroll is the first in sight.
	detail []string
	scroll int
}

// entry is a line of a screen.
type entry struct {
	key      string
	at       time.Time
	cells    []cell
	event    bellhop.EventID
	endpoint bellhop.EndpointID
	link     string
	// pending entries have no answer yet.
	pending bool
	// full gives request and response; it may take a while.
	full func() ([]string, error)
}

// action is what a key asks for beyond the screen.
type action int

const (
	actNone action = iota
	actQuit
	actRetry
	actDetail
	actOpen
)

// maxEntries bounds how many lines are kept.
const maxEntries = 1000

func newScreen(s style, title []string, narrowed string) *screen {
	return &screen{style: s, title: title, narrowed: narrowed, width: 80, height: 24, following: true}
}

// put adds an entry, or replaces the one of its key.
func (s *screen) put(e *entry) {
	for i := len(s.entries) - 1; i >= 0; i-- {
		if s.entries[i].key == e.key {
			s.entries[i] = e
			return
		}
	}
	s.entries = append(s.entries, e)
	if len(s.entries) > maxEntries {
		s.entries = s.entries[1:]
		s.selected, s.top = max(s.selected-1, 0), max(s.top-1, 0)
	}
	if s.following {
		s.selected = len(s.entries) - 1
	}
}

// chosen is the entry that keys act on, or nil.
func (s *screen) chosen() *entry {
	if s.selected < len(s.entries) {
		return s.entries[s.selected]
	}
	return nil
}

// press does what a key does. Keys that ask for more than a look answer it.
func (s *screen) press(key string) action {
	s.message = ""
	if s.detail != nil {
		switch key {
		case "d", "esc", "q", "left", "enter":
			s.detail = nil
			return actNone
		case "up", "k":
			s.scroll--
		case "down", "j":
			s.scroll++
		case "pgup":
			s.scroll -= s.rows()
		case "pgdn", "space":
			s.scroll += s.rows()
		case "home", "g":
			s.scroll = 0
		case "end", "G":
			s.scroll = len(s.detail)
		}
		s.scroll = max(min(s.scroll, len(s.detail)-s.rows()), 0)
	} else {
		switch key {
		case "q":
			return actQuit
		case "up", "k":
			s.move(-1)
		case "down", "j":
			s.move(1)
		case "pgup":
			s.move(-s.rows())
		case "pgdn", "space":
			s.move(s.rows())
		case "home", "g":
			s.move(-len(s.entries))
		case "end", "G":
			s.move(len(s.entries))
		}
	}
	switch key {
	case "ctrl-c":
		return actQuit
	case "r", "d", "enter", "o":
		return s.ask(key)
	}
	return actNone
}

// ask is what a key asks for about the chosen entry.
func (s *screen) ask(key string) action {
	e := s.chosen()
	switch {
	case e == nil:
		s.message = "There is no event yet."
	case key == "r" && e.event == 0:
		s.message = "This was no event: it cannot be sent again."
	case key == "r":
		s.message = "Sending " + e.event.String() + " again …"
		return actRetry
	case key == "o" && e.link == "":
		s.message = "There is nothing to open."
	case key == "o":
		return actOpen
	case e.pending:
		s.message = "It is under way: there is no answer yet."
	default:
		return actDetail
	}
	return actNone
}

func (s *screen) move(by int) {
	s.selected = max(min(s.selected+by, len(s.entries)-1), 0)
	s.following = s.selected == max(len(s.entries)-1, 0)
}

// show shows an entry's lines.
func (s *screen) show(lines []string) { s.detail, s.scroll = append([]string{}, lines...), 0 }

// head are the lines above the list.
func (s *screen) head() []string {
	lines := append([]string{}, s.title...)
	if s.narrowed != "" {
		lines = append(lines, s.style.paint(wait, "! only "+clean(s.narrowed)))
	}
	return append(lines, s.state, "")
}

// rows is how many entries, or lines of one, are in sight.
func (s *screen) rows() int { return max(s.height-len(s.head())-1, 1) }

// view is the screen, line by line, as wide and high as it is.
func (s *screen) view() []string {
	rows, lines := s.rows(), s.head()
	if s.detail != nil {
		lines = append(lines, s.detail[min(s.scroll, len(s.detail)):min(s.scroll+rows, len(s.detail))]...)
	} else {
		lines = append(lines, s.list(rows)...)
	}
	for len(lines) < s.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(s.height-1, 0)], s.foot())
	for i := range lines {
		lines[i] = cutPainted(lines[i], s.width)
	}
	return lines
}

func (s *screen) list(rows int) []string {
	if len(s.entries) == 0 {
		return []string{s.style.paint(faint, "Waiting for the first event …")}
	}
	s.top = max(min(s.top, s.selected), s.selected-rows+1, 0)
	end := min(s.top+rows, len(s.entries))
	t := table{minimum: []int{1, 8, 1, 8, 7, 20}}
	for i := s.top; i < end; i++ {
		e := s.entries[i]
		pointer := text(" ")
		if i == s.selected {
			pointer = cell{text: "›", style: strong}
		}
		t.add(append([]cell{pointer, dim(e.at.Local().Format(time.TimeOnly))}, e.cells...)...)
	}
	return strings.Split(strings.TrimRight(t.render(s.style, s.width), "\n"), "\n")
}

// foot says what keys do, or what one has led to.
func (s *screen) foot() string {
	switch {
	case s.message != "":
		return clean(s.message)
	case s.detail != nil:
		return s.style.paint(faint, fmt.Sprintf("↑↓ scroll  d back  r send again  o open in the browser  ctrl-c end   %d–%d of %d lines", s.scroll+1, min(s.scroll+s.rows(), len(s.detail)), len(s.detail)))
	}
	keys := "↑↓ choose  d request and response  r send again  o open in the browser  q end"
	if !s.following {
		keys = "G newest  " + keys
	}
	return s.style.paint(faint, keys)
}

// cutPainted shortens a line that may hold colours to at most so many columns.
func cutPainted(line string, most int) string {
	n := 0
	for i := 0; i < len(line); {
		if line[i] == '\x1b' {
			if end := strings.IndexByte(line[i:], 'm'); end >= 0 {
				i += end + 1
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(line[i:])
		if n += runeColumns(r); n > most {
			return line[:i] + "\x1b[0m"
		}
		i += size
	}
	return line
}
