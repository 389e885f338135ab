package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop/client"
)

// liveScreen is a screen on the terminal: it draws it, reads keys, and does what they
// ask for.
type liveScreen struct {
	p    *program
	c    *client.Client
	ctx  context.Context //nolint:containedctx // of what keys ask for: it ends with the screen
	quit func()
	// restore gives the terminal back as it was.
	restore func()

	mu    sync.Mutex
	model *screen
	over  bool
	dirty chan struct{}
	drawn sync.WaitGroup
}

// What begins and ends a screen: the terminal's other buffer, without a cursor.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	// redraw is how often a screen is drawn at most, resize how often its size is asked
	// for.
	redraw = 40 * time.Millisecond
	resize = 500 * time.Millisecond
)

// onScreen tells whether there is a terminal for a screen, and nothing else was asked
// for.
func (p *program) onScreen(plain bool) bool {
	return p.raw != nil && p.inTerminal && p.outTerminal && !plain && !p.json && p.variable("TERM") != "dumb"
}

// startScreen takes the terminal over. Quit is called when the person asks to end.
func (p *program) startScreen(ctx context.Context, c *client.Client, title []string, narrowed string, quit func()) (*liveScreen, error) {
	restore, err := p.raw()
	if err != nil {
		return nil, fmt.Errorf("take the terminal over: %w; --plain does without", err)
	}
	s := &liveScreen{
		p: p, c: c, ctx: ctx, quit: quit, restore: restore,
		model: newScreen(p.style, title, narrowed), dirty: make(chan struct{}, 1),
	}
	s.model.width, s.model.height = p.size()
	_, _ = fmt.Fprint(p.out, enterScreen)
	s.drawn.Go(s.draw)
	go s.keys()
	s.change(func(*screen) {})
	return s, nil
}

// change changes what is shown.
func (s *liveScreen) change(f func(*screen)) {
	s.mu.Lock()
	f(s.model)
	s.mu.Unlock()
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// say shows what came of a key.
func (s *liveScreen) say(format string, args ...any) {
	s.change(func(m *screen) { m.message = fmt.Sprintf(format, args...) })
}

func (s *liveScreen) draw() {
	sizes := time.NewTicker(resize)
	defer sizes.Stop()
	for {
		select {
		case <-s.dirty:
		case <-sizes.C:
			w, h := s.p.size()
			s.mu.Lock()
			same := s.model.width == w && s.model.height == h
			s.model.width, s.model.height = w, h
			s.mu.Unlock()
			if same {
				continue
			}
		case <-s.ctx.Done():
			return
		}
		s.mu.Lock()
		lines := s.model.view()
		s.mu.Unlock()
		_, _ = fmt.Fprint(s.p.out, "\x1b[H"+strings.Join(lines, "\x1b[K\r\n")+"\x1b[K\x1b[J")
		pause(s.ctx, redraw)
	}
}

// end gives the terminal back.
func (s *liveScreen) end() error {
	s.mu.Lock()
	over := s.over
	s.over = true
	s.mu.Unlock()
	if over {
		return nil
	}
	s.quit()
	s.drawn.Wait()
	_, _ = fmt.Fprint(s.p.out, leaveScreen)
	s.restore()
	return nil
}

// keys reads what is pressed, until there is nothing more to read: that ends with the
// program.
func (s *liveScreen) keys() {
	buf := make([]byte, 64)
	for {
		n, err := s.p.in.Read(buf)
		for _, key := range keysOf(buf[:n]) {
			s.press(key)
		}
		if err != nil {
			s.quit()
			return
		}
	}
}

func (s *liveScreen) press(key string) {
	var act action
	var chosen *entry
	s.change(func(m *screen) { act, chosen = m.press(key), m.chosen() })
	switch act {
	case actQuit:
		s.quit()
	case actRetry:
		go s.retry(chosen)
	case actDetail:
		go s.look(chosen)
	case actOpen:
		if err := browse(chosen.link); err != nil {
			s.say("%s", chosen.link)
		} else {
			s.say("Opened %s", chosen.link)
		}
	}
}

func (s *liveScreen) retry(e *entry) {
	made, err := s.c.Resend(s.ctx, e.event, e.endpoint)
	switch {
	case err != nil:
		s.say("Not sent again: %s", err)
	case len(made) == 0:
		s.say("Not sent again: no endpoint got the event or would get it now.")
	default:
		s.say("%s is sent again.", e.event)
	}
}

func (s *liveScreen) look(e *entry) {
	lines, err := e.full()
	if err != nil {
		s.say("It cannot be shown: %s", err)
		return
	}
	s.change(func(m *screen) { m.show(lines) })
}

// browse opens a page in the person's browser.
func browse(link string) error {
	name, args := "xdg-open", []string{link}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", link}
	}
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // it may stay open for long
	return nil
}

// sequences are what terminals send for keys without a character.
var sequences = map[string]string{
	"[A": "up", "[B": "down", "[C": "right", "[D": "left", "OA": "up", "OB": "down", "OC": "right", "OD": "left",
	"[H": "home", "[F": "end", "[1~": "home", "[4~": "end", "[5~": "pgup", "[6~": "pgdn",
}

// keysOf names the keys in what a terminal has sent.
func keysOf(b []byte) (keys []string) {
	for len(b) > 0 {
		n, key := 1, ""
		switch c := b[0]; {
		case c == 0x1b:
			key = "esc"
			for sequence, name := range sequences {
				if bytes.HasPrefix(b[1:], []byte(sequence)) {
					n, key = 1+len(sequence), name
				}
			}
			if key == "esc" && len(b) > 1 { // of a key that nobody asked for
				n, key = len(b), ""
			}
		case c == 0x03, c == 0x04:
			key = "ctrl-c"
		case c == '\r', c == '\n':
			key = "enter"
		case c == ' ':
			key = "space"
		case c > ' ' && c < 0x7f:
			key = string(rune(c))
		case c >= utf8.RuneSelf:
			_, n = utf8.DecodeRune(b)
		}
		if key != "" {
			keys = append(keys, key)
		}
		b = b[n:]
	}
	return keys
}

// indented is JSON as people read it, and anything else as it is.
func indented(body []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") == nil {
		return b.String()
	}
	return string(body)
}

// screenView shows what is forwarded on a screen.
type screenView struct {
	s *liveScreen
	p *program
	l *listening
}

func (v screenView) connected(bool) {
	present := v.l.present(v.s.ctx)
	v.s.change(func(m *screen) { m.state = present })
}

func (v screenView) retitled(title []string) { v.s.change(func(m *screen) { m.title = title }) }

func (v screenView) lost(err error, in time.Duration) {
	v.s.change(func(m *screen) {
		m.state = v.p.style.paint(bad, fmt.Sprintf("✗ no connection to the server: %s; again in %s", cleanText(err.Error()), in.Round(100*time.Millisecond)))
	})
}

func (v screenView) repeated(x *forwarded) {
	v.s.say("The server asked again for %s: answered from memory.", x.request.ID)
}

func (v screenView) unheard(x *forwarded, err error) {
	v.s.say("The answer to %s did not reach the server, which makes the request again: %s", x.request.ID, cleanText(err.Error()))
}

func (v screenView) entry(x *forwarded) *entry {
	r := x.request
	e := &entry{key: r.ID, at: x.at, event: r.Event, endpoint: v.l.endpoint.ID}
	if r.Event != 0 {
		e.link = v.p.eventLink(r.Event)
	}
	return e
}

func (v screenView) began(x *forwarded) {
	e := v.entry(x)
	e.pending = true
	e.cells = []cell{{text: "…", style: wait}, text(""), text(""), text(x.request.Type), text(x.request.Event.String())}
	v.s.change(func(m *screen) { m.put(e) })
}

func (v screenView) ended(x *forwarded) {
	e := v.entry(x)
	e.cells = forwardedCells(x)
	e.full = func() ([]string, error) { return v.p.forwardedDetail(x), nil }
	state := v.p.mark(true) + " something listens on " + v.l.forward.to.Host
	if x.answer.Reason == "connect" {
		state = v.p.mark(false) + " " + x.answer.Detail
	}
	v.s.change(func(m *screen) {
		m.put(e)
		m.state = state
	})
}
