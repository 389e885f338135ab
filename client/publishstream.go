package client

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/bellhop/bellhop/api/wire"
)

// Acknowledgement is what became of one event of a [PublishStream].
type Acknowledgement struct {
	// Number counts the events of the stream in the order of their publishing, from 1.
	Number int64
	// ID is the event's own id, or the one that the stream gave it.
	ID string
	// Receipt is that of an event that was accepted; it, and its deliveries, are durable.
	Receipt Receipt
	// Err is why the event was refused. With RetryAfter, it was refused for what passes,
	// such as a backlog that is full.
	Err *Problem
}

// PublishStream publishes any number of events over one connection, each by itself: what
// is wrong with one does not keep the others. It connects anew whenever the connection
// breaks or the server goes, and sends again what was not acknowledged. Nothing is doubled
// by that, since events have ids: one without gets one of its own (as a Publication's ID).
//
// It is safe for concurrent use.
type PublishStream struct {
	c            *Client
	acknowledged func(Acknowledgement)
	prefix       string
	cancel       context.CancelFunc
	done         chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	// waiting are the events that are not acknowledged, the oldest first, and sent how
	// many of them, and which part of the next one, are sent on the present connection.
	waiting []streamed
	sent    int
	part    int
	bytes   int   // of waiting
	number  int64 // of the last event that was published
	settled int64 // of the last one whose acknowledgement was told
	// flushing is how many wait for that.
	flushing int
	closed   bool
	err      error
	// reached says that a server has answered once: what fails before that is told.
	reached bool
}

// streamed is an event that is not acknowledged, as a line.
type streamed struct {
	number int64
	id     string
	line   []byte
}

// What a stream keeps at most that is not acknowledged.
const (
	streamEvents = 8192
	streamBytes  = 8 << 20
)

// PublishStream begins a stream of events. Acknowledged is called for each of them, in
// their order, by one goroutine; it should not take long. The stream ends with ctx, or
// with Close.
func (c *Client) PublishStream(ctx context.Context, acknowledged func(Acknowledgement)) *PublishStream {
	ctx, cancel := context.WithCancel(ctx)
	s := &PublishStream{c: c, acknowledged: acknowledged, prefix: "stream-" + rand.Text() + "-", cancel: cancel, done: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	go s.run(ctx)
	return s
}

// Publish hands an event to the stream, and waits while much is not acknowledged. It says
// nothing of whether the event is accepted. Line breaks between the values of its data
// become spaces. An error says that the event cannot be sent, or that the stream has ended.
func (s *PublishStream) Publish(p Publication) error {
	if err := checkText("", reflect.ValueOf(p)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && !s.closed && (len(s.waiting) >= streamEvents || s.bytes >= streamBytes) {
		s.changed.Wait()
	}
	switch {
	case s.err != nil:
		return s.err
	case s.closed:
		return errors.New("publish: the stream is closed")
	}
	if p.ID == "" {
		p.ID = s.prefix + strconv.FormatInt(s.number+1, 10)
	}
	line, err := p.AppendJSON(nil)
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	for i, c := range line {
		if c == '\n' || c == '\r' { // a string has none as it is
			line[i] = ' '
		}
	}
	line = append(line, '\n')
	s.number++
	s.waiting = append(s.waiting, streamed{s.number, p.ID, line})
	s.bytes += len(line)
	s.changed.Broadcast()
	return nil
}

// Flush waits until all events that were published before are acknowledged, and the last
// call that tells of one has returned; so it must not be called by one. The stream goes on.
// Its error is why it does not.
func (s *PublishStream) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing++
	defer func() { s.flushing-- }()
	for last := s.number; s.err == nil && s.settled < last; {
		s.changed.Wait()
	}
	return s.err
}

// Close waits until all events are acknowledged, and ends the stream. Its error is why
// that was not possible: then those without an acknowledgement may be accepted or not.
func (s *PublishStream) Close() error {
	s.mu.Lock()
	s.closed = true
	s.changed.Broadcast()
	s.mu.Unlock()
	<-s.done
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// run connects whenever there is something to send.
func (s *PublishStream) run(ctx context.Context) {
	defer close(s.done)
	stop := context.AfterFunc(ctx, func() { s.fail(ctx.Err()) })
	defer stop()
	pause := firstPause
	for s.any() {
		before := s.oldest()
		err := s.connect(ctx)
		wait := time.Duration(0)
		if p, ok := errors.AsType[*Problem](err); ok {
			if p.Status < 500 && p.Status != http.StatusTooManyRequests && p.Status != http.StatusRequestTimeout {
				s.fail(err)
				return
			}
			wait = p.RetryAfter
		} else if err != nil && !s.reached {
			s.fail(err) // there is nothing to resume
			return
		}
		switch {
		case err == nil || s.oldest() != before: // it got somewhere
			pause = firstPause
		default:
			pause = min(2*pause, longestPause)
		}
		if err == nil {
			continue
		}
		timer := time.NewTimer(max(wait, pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// any waits until there is something to send, and answers false at the end.
func (s *PublishStream) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && !s.closed && len(s.waiting) == 0 {
		s.changed.Wait()
	}
	return s.err == nil && len(s.waiting) > 0
}

func (s *PublishStream) oldest() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return 0
	}
	return s.waiting[0].number
}

func (s *PublishStream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.changed.Broadcast()
}

// connect sends what is not acknowledged, and what comes, until the connection ends.
func (s *PublishStream) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.sent, s.part = 0, 0
	s.mu.Unlock()
	body := &streamBody{s: s}
	defer body.end()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.c.base+"/v1/events/stream", body)
	if err != nil {
		return fmt.Errorf("call Bellhop: %w", err)
	}
	if s.c.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.c.token)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	// A dead peer sends no FIN: only its silence tells.
	watchdog := time.AfterFunc(silence, cancel)
	defer watchdog.Stop()
	resp, err := s.c.http.Do(req)
	if err != nil {
		return fmt.Errorf("call Bellhop: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		return readProblem(resp)
	}
	s.reached = true
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	for expected := int64(1); lines.Scan(); expected++ {
		watchdog.Reset(silence)
		var line wire.Streamed
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("read Bellhop's answer: %w", err)
		}
		if line.End != nil {
			if line.End.Error == nil {
				return nil
			}
			return &Problem{Problem: *line.End.Error, RetryAfter: time.Duration(line.End.RetryAfter) * time.Second}
		}
		if line.Line != expected {
			return fmt.Errorf("read Bellhop's answer: line %d is answered where line %d was expected", line.Line, expected)
		}
		if err := s.answered(&line); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read Bellhop's answer: %w", err)
	}
	return fmt.Errorf("read Bellhop's answer: %w", io.ErrUnexpectedEOF)
}

// answered takes the answer to the oldest event.
func (s *PublishStream) answered(line *wire.Streamed) error {
	s.mu.Lock()
	if s.sent == 0 {
		s.mu.Unlock()
		return errors.New("read Bellhop's answer: a line is answered that was not sent")
	}
	event := s.waiting[0]
	s.waiting[0] = streamed{}
	s.waiting, s.bytes = s.waiting[1:], s.bytes-len(event.line)
	s.sent--
	s.changed.Broadcast()
	s.mu.Unlock()
	a := Acknowledgement{Number: event.number, ID: event.id}
	if line.Error != nil {
		a.Err = &Problem{Problem: *line.Error, RetryAfter: time.Duration(line.RetryAfter) * time.Second}
	} else {
		a.Receipt = Receipt{ID: line.Event, CreatedAt: line.Event.Time(), Deliveries: line.Deliveries, Duplicate: line.Duplicate}
	}
	if s.acknowledged != nil {
		s.acknowledged(a)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled = event.number; s.flushing > 0 {
		s.changed.Broadcast()
	}
	return nil
}

// streamBody is the body of one connection's request.
type streamBody struct {
	s     *PublishStream
	ended bool // the stream's mutex guards it
}

// Read gives what is to be sent, as soon as there is something.
func (b *streamBody) Read(to []byte) (n int, err error) {
	s := b.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for n < len(to) && s.sent < len(s.waiting) && !b.ended {
			line := s.waiting[s.sent].line
			k := copy(to[n:], line[s.part:])
			n, s.part = n+k, s.part+k
			if s.part == len(line) {
				s.sent, s.part = s.sent+1, 0
			}
		}
		switch {
		case b.ended:
			return 0, io.ErrClosedPipe
		case n > 0:
			return n, nil
		case s.err != nil:
			return 0, s.err
		case s.closed && s.sent == len(s.waiting):
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

// Close is for package http.
func (b *streamBody) Close() error {
	b.end()
	return nil
}

func (b *streamBody) end() {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.ended = true
	b.s.changed.Broadcast()
}
