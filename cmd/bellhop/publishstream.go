package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// streamedLine is what --json shows of a line, once it is settled.
type streamedLine struct {
	Line       int             `json:"line"`
	ID         string          `json:"id,omitempty"`
	Event      bellhop.EventID `json:"event,omitzero"`
	Duplicate  bool            `json:"duplicate"`
	Deliveries int             `json:"deliveries"`
	// Error is why it was refused, and Code the kind of that. With RetryAfter, it was
	// refused for what passes, and may be sent again after so many seconds.
	Error      string       `json:"error,omitempty"`
	Code       bellhop.Code `json:"code,omitempty"`
	RetryAfter int          `json:"retry_after,omitempty"`
}

// lineRead is a line of the file: an event, or why it is none.
type lineRead struct {
	number int
	event  client.Publication
	err    error
	// refusal is why the line was refused the last time, for what passes.
	refusal *client.Problem
}

// streaming is the publishing of a file's lines, each by itself.
type streaming struct {
	p      *program
	path   string
	stream *client.PublishStream
	// full says that there is something in later.
	full chan struct{}

	mu sync.Mutex
	// unanswered are the lines that are not acknowledged, the oldest first.
	unanswered []lineRead
	// later are those that were refused for what passes. They go before new ones, so there
	// are about as many at most as a stream sends ahead.
	later                          []lineRead
	published, duplicates, refused int
	failed                         error // that nothing can be printed any more
}

// publishStream publishes the lines of a file as they come.
func (p *program) publishStream(ctx context.Context, c *client.Client, path string) error {
	in, end, err := p.linesOf(path)
	if err != nil {
		return err
	}
	defer end()
	defer p.progressEnd()
	s := &streaming{p: p, path: path, full: make(chan struct{}, 1)}
	s.stream = c.PublishStream(ctx, s.acknowledged)
	lines, stop := make(chan lineRead), make(chan struct{})
	defer close(stop)
	read := make(chan error, 1)
	go func() {
		read <- readLines(in, path, lines, stop)
		close(lines)
	}()
	err = s.send(ctx, lines, read)
	ended := s.stream.Close()
	p.progressEnd()
	for _, line := range s.later {
		s.refuse(line, line.refusal)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ended != nil {
		left := len(s.unanswered) + len(s.later)
		err = fmt.Errorf("%s of %s not acknowledged (%d were published): %w", count(left, "line"), path, s.published, ended)
	}
	switch {
	case err != nil:
		return err
	case s.failed != nil:
		return s.failed
	case s.refused > 0:
		return fmt.Errorf("%s of %s refused; the other %d are published", count(s.refused, "line"), path, s.published)
	case !p.json:
		repeated := ""
		if s.duplicates > 0 {
			repeated = fmt.Sprintf(", %d of them published before", s.duplicates)
		}
		p.print("%s %s published%s", p.mark(true), count(s.published, "event"), repeated)
	}
	return nil
}

// readLines reads lines until the file ends, or nobody wants them any more.
func readLines(in io.Reader, path string, to chan<- lineRead, stop <-chan struct{}) error {
	lines := newLineReader(in)
	for text, err := range lines.all() {
		line := lineRead{number: lines.number}
		switch {
		case bellhop.CodeOf(err) != "":
			line.err = err
		case err != nil:
			return fmt.Errorf("read %s after line %d: %w", path, lines.number, err)
		default:
			text = bytes.TrimSpace(text)
			if lines.number == 1 {
				if err := unmarked(path, text); err != nil {
					return err
				}
			}
			if len(text) == 0 {
				continue
			}
			line.event, line.err = readPublication(text)
		}
		select {
		case to <- line:
		case <-stop:
			return nil
		}
	}
	return nil
}

// send publishes lines as they come, until all are settled.
func (s *streaming) send(ctx context.Context, lines <-chan lineRead, read <-chan error) error {
	for {
		select {
		case line, more := <-lines:
			switch {
			case !more:
				if err := s.stream.Flush(); err != nil {
					return err
				}
				if err := s.sendAgain(ctx); err != nil {
					return err
				}
				return <-read
			case line.err != nil:
				s.refuse(line, line.err)
			default:
				if err := s.publish(line); err != nil {
					return err
				}
			}
		case <-s.full:
			if err := s.sendAgain(ctx); err != nil {
				return err
			}
		case <-ctx.Done(): // while no line comes
			return ctx.Err()
		}
	}
}

func (s *streaming) publish(line lineRead) error {
	s.mu.Lock()
	s.unanswered = append(s.unanswered, line)
	s.mu.Unlock()
	if err := s.stream.Publish(line.event); err != nil {
		return fmt.Errorf("line %d of %s: %w", line.number, s.path, err)
	}
	return nil
}

// againFirst is after how long what was refused for what passes is sent again at first.
const againFirst = 100 * time.Millisecond

// againAfter is how long to wait once left of so many lines were refused again: little while
// most of them find room, since what is full is worked off quickly then, and else longer
// each time, up to what the server said.
func againAfter(wait, most time.Duration, sent, left int) time.Duration {
	if left <= sent/2 {
		return min(againFirst, most)
	}
	return min(2*wait, most)
}

// sendAgain sends what was refused for what passes until it is settled. It waits for as
// long as that takes, as the stream does for a server that is away.
func (s *streaming) sendAgain(ctx context.Context) error {
	wait, sent, told := againFirst, 0, false
	for {
		// What is under way may be refused for the same.
		if err := s.stream.Flush(); err != nil {
			return err
		}
		s.mu.Lock()
		again := s.later
		s.mu.Unlock()
		if len(again) == 0 {
			return nil
		}
		most := time.Duration(0)
		for _, line := range again {
			most = max(most, line.refusal.RetryAfter)
		}
		if sent > 0 {
			wait = againAfter(wait, most, sent, len(again))
		}
		if sent = len(again); wait == most && !told {
			told = true
			s.p.progressEnd()
			s.p.note("%s from line %d on, to be sent again every %s: %s", waits(sent), again[0].number, wait, cleanText(again[0].refusal.Error()))
		}
		if !s.p.sleep(ctx, wait) {
			return ctx.Err()
		}
		s.mu.Lock()
		s.later = nil
		s.mu.Unlock()
		for i, line := range again {
			if err := s.publish(line); err != nil {
				s.mu.Lock()
				s.later = append(again[i+1:], s.later...)
				s.mu.Unlock()
				return err
			}
		}
	}
}

func waits(lines int) string {
	if lines == 1 {
		return "1 line waits,"
	}
	return count(lines, "line") + " wait,"
}

// acknowledged takes the acknowledgement of the oldest line.
func (s *streaming) acknowledged(a client.Acknowledgement) {
	s.mu.Lock()
	line := s.unanswered[0]
	s.unanswered[0] = lineRead{}
	s.unanswered = s.unanswered[1:]
	if a.Err != nil && a.Err.RetryAfter > 0 {
		line.refusal = a.Err
		s.later = append(s.later, line)
		s.mu.Unlock()
		select {
		case s.full <- struct{}{}:
		default:
		}
		return
	}
	s.mu.Unlock()
	if a.Err != nil {
		s.refuse(line, a.Err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published++
	if a.Receipt.Duplicate {
		s.duplicates++
	}
	if s.p.json {
		s.show(streamedLine{Line: line.number, ID: a.ID, Event: a.Receipt.ID, Duplicate: a.Receipt.Duplicate, Deliveries: a.Receipt.Deliveries})
	} else if s.published%1000 == 0 {
		s.p.progress("%d events published", s.published)
	}
}

// refuse tells of a line that was refused, here or there.
func (s *streaming) refuse(line lineRead, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused++
	if !s.p.json {
		s.p.progressEnd()
		s.p.note("line %d: %s", line.number, cleanText(why.Error()))
		return
	}
	shown := streamedLine{Line: line.number, ID: line.event.ID, Error: why.Error(), Code: bellhop.CodeOf(why)}
	if problem, ok := errors.AsType[*client.Problem](why); ok {
		shown.Code, shown.RetryAfter = problem.Code, int(problem.RetryAfter/time.Second)
	}
	s.show(shown)
}

// show prints a line as JSON; mu is held.
func (s *streaming) show(line streamedLine) {
	if err := s.p.printJSON(line); err != nil && s.failed == nil {
		s.failed = err
	}
}
