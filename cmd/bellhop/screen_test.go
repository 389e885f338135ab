package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// shown is a screen without its colours.
func (s *screen) shown() string { return colours.ReplaceAllString(strings.Join(s.view(), "\n"), "") }

func testScreen(entries int) *screen {
	s := newScreen(style{on: true}, []string{"acme → http://localhost:3000/"}, "")
	s.width, s.height = 80, 9 // five rows of entries
	for i := range entries {
		s.put(testEntry(i))
	}
	return s
}

func testEntry(i int) *entry {
	return &entry{
		key: fmt.Sprint(i), at: time.Unix(0, 0), event: bellhop.EventID(i + 1), link: fmt.Sprintf("http://localhost/%d", i),
		cells: []cell{mark(bellhop.AttemptSucceeded), {text: "200", style: good}, took(3), text("invoice.paid"), text(fmt.Sprintf("event-%d", i))},
	}
}

// pointed is the event that the screen points at, and all that are in sight.
func pointed(s *screen) (at string, sight []string) {
	for line := range strings.Lines(s.shown()) {
		_, event, ok := strings.Cut(strings.TrimSpace(line), "event-")
		if !ok {
			continue
		}
		if sight = append(sight, event); strings.HasPrefix(line, "›") {
			at = event
		}
	}
	return at, sight
}

func TestScreenMoves(t *testing.T) {
	for _, tt := range []struct {
		keys, at, sight string
	}{
		{"", "9", "5 6 7 8 9"},
		{"k", "8", "5 6 7 8 9"},
		{"up up up up up up", "3", "3 4 5 6 7"},
		{"g", "0", "0 1 2 3 4"},
		{"g k", "0", "0 1 2 3 4"},
		{"g j down", "2", "0 1 2 3 4"},
		{"g pgdn", "5", "1 2 3 4 5"},
		{"home space space space", "9", "5 6 7 8 9"},
		{"pgup", "4", "4 5 6 7 8"},
		{"g G", "9", "5 6 7 8 9"},
		{"j", "9", "5 6 7 8 9"},
		{"x é", "9", "5 6 7 8 9"},
	} {
		s := testScreen(10)
		s.view()
		for key := range strings.FieldsSeq(tt.keys) {
			if act := s.press(key); act != actNone {
				t.Errorf("%s: asks for %d", tt.keys, act)
			}
			s.view()
		}
		if at, sight := pointed(s); at != tt.at || strings.Join(sight, " ") != tt.sight {
			t.Errorf("%q: at %s of %s, want %s of %s", tt.keys, at, sight, tt.at, tt.sight)
		}
	}
}

// TestScreenFollows the newest as long as nobody has gone elsewhere.
func TestScreenFollows(t *testing.T) {
	s := testScreen(3)
	s.put(testEntry(3))
	if at, _ := pointed(s); at != "3" {
		t.Errorf("at %s", at)
	}
	s.press("k")
	s.put(testEntry(4))
	if at, sight := pointed(s); at != "2" || len(sight) != 5 || !strings.Contains(s.shown(), "G newest") {
		t.Errorf("at %s of %s", at, sight)
	}
	s.press("G")
	s.put(testEntry(5))
	if at, _ := pointed(s); at != "5" {
		t.Errorf("at %s", at)
	}
	// An answer takes the place of what was under way.
	answered := testEntry(4)
	answered.cells[4] = text("event-4 answered")
	s.put(answered)
	if at, sight := pointed(s); at != "5" || !slices.Contains(sight, "4 answered") || len(s.entries) != 6 {
		t.Errorf("at %s of %s", at, sight)
	}
	for i := range 2 * maxEntries {
		s.put(testEntry(100 + i))
	}
	if at, _ := pointed(s); len(s.entries) != maxEntries || at != fmt.Sprint(100+2*maxEntries-1) {
		t.Errorf("%d entries, at %s", len(s.entries), at)
	}
}

func TestScreenAsks(t *testing.T) {
	pending := testEntry(0)
	pending.pending = true
	odd := testEntry(0)
	odd.event, odd.link = 0, ""
	for _, tt := range []struct {
		name    string
		entry   *entry
		key     string
		act     action
		message string
	}{
		{"nothing yet", nil, "r", actNone, "no event yet"},
		{"retry", testEntry(0), "r", actRetry, "Sending"},
		{"no event", odd, "r", actNone, "cannot be sent again"},
		{"open", testEntry(0), "o", actOpen, ""},
		{"nothing to open", odd, "o", actNone, "nothing to open"},
		{"detail", testEntry(0), "d", actDetail, ""},
		{"by enter", testEntry(0), "enter", actDetail, ""},
		{"under way", pending, "d", actNone, "no answer yet"},
		{"end", testEntry(0), "q", actQuit, ""},
		{"interrupt", nil, "ctrl-c", actQuit, ""},
		{"another key", testEntry(0), "z", actNone, ""},
	} {
		s := testScreen(0)
		if tt.entry != nil {
			s.put(tt.entry)
		}
		if act := s.press(tt.key); act != tt.act || !strings.Contains(s.message, tt.message) || tt.message != "" && !strings.Contains(s.shown(), tt.message) {
			t.Errorf("%s: %d, %q", tt.name, act, s.message)
		}
		s.press("x")
		if s.message != "" {
			t.Errorf("%s: the message stays", tt.name)
		}
	}
}

func TestScreenDetail(t *testing.T) {
	s := testScreen(3)
	var lines []string
	for i := range 12 {
		lines = append(lines, fmt.Sprintf("line %d.", i))
	}
	s.show(lines)
	for _, tt := range []struct{ key, first string }{
		{"j", "line 1."}, {"k", "line 0."}, {"k", "line 0."}, {"pgdn", "line 5."}, {"G", "line 7."}, {"j", "line 7."}, {"g", "line 0."},
	} {
		s.press(tt.key)
		if got := s.view()[3]; got != tt.first {
			t.Errorf("after %s: %q", tt.key, got)
		}
	}
	if act := s.press("r"); act != actRetry || s.detail == nil {
		t.Errorf("again from the detail: %d", act)
	}
	if act := s.press("q"); act != actNone || s.detail != nil {
		t.Error("q does not lead back")
	}
	s.show(nil)
	if s.press("d"); s.detail != nil {
		t.Error("d does not lead back")
	}
}

// TestScreenFits whatever size the terminal has, and whatever strangers write.
func TestScreenFits(t *testing.T) {
	s := testScreen(3)
	s.narrowed, s.state = "events invoice.*", style{on: true}.paint(bad, "✗ no connection")
	evil := testEntry(5)
	evil.cells[4] = text("\x1b[2J\r\n界界界" + strings.Repeat("x", 300))
	s.put(evil)
	if shown := s.shown(); !strings.Contains(shown, "! only events invoice.*") || strings.Contains(strings.Join(s.view(), ""), "\x1b[2J") {
		t.Errorf("%s", shown)
	}
	for _, size := range [][2]int{{80, 24}, {20, 6}, {5, 3}, {1, 1}, {0, 0}, {300, 100}} {
		s.width, s.height = size[0], size[1]
		view := s.view()
		if len(view) != max(size[1], 1) {
			t.Errorf("%v: %d lines", size, len(view))
		}
		for _, line := range view {
			if n := columns(colours.ReplaceAllString(line, "")); n > size[0] {
				t.Errorf("%v: a line of %d columns: %q", size, n, line)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "",
		"jk":                  "j k",
		"\x1b[A\x1b[B":        "up down",
		"\x1bOA":              "up",
		"\x1b[5~\x1b[6~":      "pgup pgdn",
		"\x1b[H\x1b[F\x1b[1~": "home end home",
		"\x1b":                "esc",
		"\x1b[200~pasted":     "",
		"\x03":                "ctrl-c",
		"\r d":                "enter space d",
		"ä\xffq":              "q",
		"\x1b[1;5C":           "",
	} {
		if got := strings.Join(keysOf([]byte(text)), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
