package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// streamBlock is how many lines are stored together at most: others wait for as long as that
// takes.
const streamBlock = 250

// publishStream accepts events, one a line, for as long as the publisher likes, and
// answers each once it is durable, in the order of the lines.
//
// What has come is stored together, one block after the other: while one is being stored
// the next arrives and is gathered. So events of a stream are accepted in their order,
// however they are retried within.
func (n *native) publishStream(c *api.Call) error {
	lines, err := c.Lines(streamBlock)
	if err != nil {
		return err
	}
	defer lines.Close()
	answers := c.Answers()
	defer n.watchStream(c, lines)()
	s := stream{n: n, c: c}
	for {
		block, err := lines.Next()
		if err == nil {
			err = s.publish(block)
		}
		if err != nil {
			answers.Send(s.end(err)) // or nobody reads it any more
			return nil
		}
		if !answers.Send(s.answer(block)) {
			return nil
		}
		s.events, s.results = nil, nil // the next block may be long in coming
	}
}

// errDraining ends streams, whose clients go on elsewhere.
var errDraining = &bellhop.Error{
	Code: bellhop.CodeUnavailable, RetryAfter: time.Second,
	Detail: "The server is shutting down: send what is not answered again, to another node or in a moment",
}

// watchStream ends a stream whose server stops, or whose key has ended while nothing
// comes. The caller calls done.
func (n *native) watchStream(c *api.Call, lines *api.Lines) (done func()) {
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		for {
			select {
			case <-n.o.Stop:
				lines.Stop(errDraining)
				return
			case <-beat.C:
				if !c.Welcome() {
					lines.Stop(api.ErrUnknownKey())
					return
				}
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-watched
	}
}

// stream is the way of a stream's lines.
type stream struct {
	n *native
	c *api.Call
	// lines is how many are answered.
	lines int64

	// events are those of a block, and results what became of each of its lines.
	events  []engine.Publication
	results []streamed
}

// streamed is what became of a line.
type streamed struct {
	blank bool
	id    string
	engine.Published
}

// publish accepts the events of a block. An error ends the stream: then nothing of the
// block is answered.
func (s *stream) publish(block []api.Line) error {
	if err := s.patiently(s.c.Again); err != nil {
		return err
	}
	size := 0
	for _, line := range block {
		size += len(line.Text)
	}
	if err := s.patiently(func() error {
		return s.c.DecodingOf(size, func() error { s.read(block); return nil })
	}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.c.Context(), publishPatience)
	defer cancel()
	done, err := s.n.desk.PublishEach(ctx, s.c.Principal(), s.events)
	if err != nil {
		return tooLate(s.c, err)
	}
	for i := range s.results {
		if r := &s.results[i]; !r.blank && r.Err == nil {
			r.Published, done = done[0], done[1:]
		}
	}
	return nil
}

// patiently tries again what was refused since the key asks too often, or too many do: who
// has to wait here sends less by itself.
func (s *stream) patiently(try func() error) error {
	for {
		err := try()
		e, ok := errors.AsType[*bellhop.Error](err)
		if !ok || e.Code != bellhop.CodeTooMany && e.Code != api.CodeBusy {
			return err
		}
		wait := time.NewTimer(max(e.RetryAfter, time.Millisecond))
		select {
		case <-wait.C:
		case <-s.n.o.Stop:
			wait.Stop()
			return errDraining
		case <-s.c.Context().Done():
			wait.Stop()
			return s.c.Context().Err()
		}
	}
}

// read takes the lines of a block apart.
func (s *stream) read(block []api.Line) {
	s.events, s.results = make([]engine.Publication, 0, len(block)), make([]streamed, 0, len(block))
	before := &engine.Publication{}
	for _, line := range block {
		text := line.Text
		var r streamed
		var p engine.Publication
		switch {
		case line.Err != nil:
			r.Err = line.Err
		case len(bytes.Trim(text, " \t\r")) == 0:
			r.blank = true
		default:
			p, r.Err = readLine(text, before)
			r.id = p.ExternalID
		}
		s.results = append(s.results, r)
		if !r.blank && r.Err == nil {
			s.events = append(s.events, p)
			before = &s.events[len(s.events)-1]
		}
	}
}

// readLine reads the event of a line. Before is the event before it, with which it may
// share strings.
func readLine(text []byte, before *engine.Publication) (p engine.Publication, err error) {
	r := strictjson.NewReader(text)
	if envelope(&r, &p, before) && r.End() {
		return p, nil
	}
	var wrong api.Faults
	p, err = publication("", text, &wrong)
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		return p, malformedLine(e)
	}
	return p, wrong.Err()
}

// malformedLine is api.Malformed for a line of a body, in which there are columns only.
func malformedLine(e *strictjson.Error) error {
	if e.Code == strictjson.CodeWrongType {
		return api.Invalid(bellhop.FieldError{Field: "line", Code: "type", Detail: "is no event: " + e.Detail})
	}
	p := &bellhop.Error{Code: bellhop.Code(e.Code), Detail: fmt.Sprintf("Column %d: %s", e.Column, e.Detail)}
	if e.Key != "" {
		p.Fields = []bellhop.FieldError{{Field: bellhop.Clip(e.Key), Code: e.Code, Detail: "is there twice: send it once"}}
	}
	return p
}

// answer gives the lines that answer a block.
func (s *stream) answer(block []api.Line) []byte {
	out := make([]byte, 0, 128*len(block))
	for i := range s.results {
		s.lines++
		r := &s.results[i]
		if r.blank {
			continue
		}
		line := wire.Streamed{Line: s.lines, ID: r.id}
		if r.Err != nil {
			p, again := s.c.Problem(r.Err)
			line.Error, line.RetryAfter = &p, again
		} else {
			line.Event, line.Duplicate, line.Deliveries = r.Receipt.Event, r.Receipt.Duplicate, r.Receipt.Deliveries
		}
		out = append(line.AppendJSON(out), '\n')
	}
	return out
}

// end gives the last line.
func (s *stream) end(why error) []byte {
	end := wire.StreamEnd{Lines: s.lines}
	switch {
	case errors.Is(why, context.Canceled) && s.c.Context().Err() != nil:
		return nil // the client is gone
	case errors.Is(why, io.EOF):
	case errors.Is(why, api.ErrIdle):
		why = api.Problem(api.CodeIdle, "No line came for long. Send the next ones on another connection, or a blank line now and then")
		fallthrough
	default:
		p, again := s.c.Problem(why)
		end.Error, end.RetryAfter = &p, again
	}
	line := wire.Streamed{End: &end}
	return append(line.AppendJSON(nil), '\n')
}
