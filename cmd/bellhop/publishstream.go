package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// streamedLine is what --json shows of a line.
type streamedLine struct {
	Line       int             `json:"line"`
	ID         string          `json:"id,omitempty"`
	Event      bellhop.EventID `json:"event,omitzero"`
	Duplicate  bool            `json:"duplicate"`
	Deliveries int             `json:"deliveries"`
	Error      string          `json:"error,omitempty"`
}

// streaming is the publishing of a file's lines, each by itself.
type streaming struct {
	p *program

	mu sync.Mutex
	// numbers are those of the lines that are not acknowledged.
	numbers                        []int
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
	s := &streaming{p: p}
	stream := c.PublishStream(ctx, s.acknowledged)
	sent := make(chan error, 1)
	go func() { sent <- s.send(stream, in, path) }()
	select {
	case err = <-sent:
	case <-ctx.Done(): // while no line comes
	}
	ended := stream.Close()
	p.progressEnd()
	s.mu.Lock()
	defer s.mu.Unlock()
	if ended != nil {
		err = fmt.Errorf("%s of %s not acknowledged (%d were published): %w", count(len(s.numbers), "line"), path, s.published, ended)
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

func (s *streaming) send(stream *client.PublishStream, in io.Reader, path string) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), longestLine)
	for line := 1; lines.Scan(); line++ {
		text := bytes.TrimSpace(lines.Bytes())
		if line == 1 {
			if err := unmarked(path, text); err != nil {
				return err
			}
		}
		if len(text) == 0 {
			continue
		}
		publication, err := readPublication(text)
		if err != nil {
			s.refuse(streamedLine{Line: line, Error: err.Error()})
			continue
		}
		s.mu.Lock()
		s.numbers = append(s.numbers, line)
		s.mu.Unlock()
		if err := stream.Publish(publication); err != nil {
			return fmt.Errorf("line %d of %s: %w", line, path, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// acknowledged takes the acknowledgement of the oldest line.
func (s *streaming) acknowledged(a client.Acknowledgement) {
	s.mu.Lock()
	line := streamedLine{Line: s.numbers[0], ID: a.ID, Event: a.Receipt.ID, Duplicate: a.Receipt.Duplicate, Deliveries: a.Receipt.Deliveries}
	s.numbers = s.numbers[1:]
	s.mu.Unlock()
	if a.Err != nil {
		line.Error = a.Err.Error()
		s.refuse(line)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published++
	if a.Receipt.Duplicate {
		s.duplicates++
	}
	if s.p.json {
		s.show(line)
	} else if s.published%1000 == 0 {
		s.p.progress("%d events published", s.published)
	}
}

// refuse tells of a line that was refused, here or there.
func (s *streaming) refuse(line streamedLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused++
	if s.p.json {
		s.show(line)
		return
	}
	s.p.progressEnd()
	s.p.note("line %d: %s", line.Line, line.Error)
}

// show prints a line as JSON; mu is held.
func (s *streaming) show(line streamedLine) {
	if err := s.p.printJSON(line); err != nil && s.failed == nil {
		s.failed = err
	}
}
