package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// source numbers the events that are published to one server.
type source struct {
	next    atomic.Int64
	refused atomic.Int64 // how often a publish was answered 429, and repeated
}

// publisher is one connection that publishes events, at as little cost of its own as
// possible: its request is made once, and only the digits in it change.
type publisher struct {
	conn    net.Conn
	frames  *framer
	source  *source
	request []byte
	slots   []slot
}

// newPublisher connects the i-th publisher: to each process as many. A batch of 0 is a
// single publish.
func newPublisher(s *server, i, batch, size int) (*publisher, error) {
	addr := s.nodes[i%len(s.nodes)].addr
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	path, body := "/v1/events", string(publication(size))
	if batch > 0 {
		path = "/v1/events/batch"
		body = `{"events":[` + strings.Repeat(body+",", batch-1) + body + `]}`
	}
	request := []byte("POST " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: Bearer " + s.key +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	return &publisher{conn: c, frames: newFramer(c, 16<<10), source: &s.source, request: request, slots: slotsOf(request)}, nil
}

// publication is an event as it is published.
func publication(size int) []byte {
	return append(append([]byte(`{"app":"bench","type":"`+eventType(0)+`","data":`), eventData(size)...), '}')
}

func (p *publisher) close() { _ = p.conn.Close() }

// publish sends what fills one request, of types from the given one on, one after the
// other and modulo types (0: all of the one), and waits until it is acknowledged. sent is
// when that was due.
func (p *publisher) publish(ctx context.Context, kind, types int, sent time.Time) error {
	first := p.source.next.Add(int64(len(p.slots))) - int64(len(p.slots))
	at := sent.UnixNano()
	for i, s := range p.slots {
		if types > 0 {
			s.set((kind+i)%types, first+int64(i), at)
		} else {
			s.set(kind, first+int64(i), at)
		}
	}
	return p.send(ctx)
}

// publishTo is publish, of one type alone.
func (p *publisher) publishTo(ctx context.Context, kind int, sent time.Time) error {
	return p.publish(ctx, kind, 0, sent)
}

// publishUnwatched publishes one event that nobody waits for.
func (p *publisher) publishUnwatched(ctx context.Context, kind int) error {
	for _, s := range p.slots {
		s.set(kind, unwatched, time.Now().UnixNano())
	}
	return p.send(ctx)
}

var accepted = []byte("HTTP/1.1 202 ")

func (p *publisher) send(ctx context.Context) error {
	for {
		if _, err := p.conn.Write(p.request); err != nil {
			return err
		}
		head, body, err := p.frames.next()
		if err != nil {
			return err
		}
		if bytes.HasPrefix(head, accepted) {
			return nil
		}
		wait, again := refusal(head)
		if !again {
			status, _, _ := bytes.Cut(head, []byte("\r\n"))
			return fmt.Errorf("publish: %s: %.300s", status, body)
		}
		p.source.refused.Add(1)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// refusal tells for how long to wait before what was refused is sent again.
func refusal(head []byte) (wait time.Duration, again bool) {
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 429 ")) {
		return 0, false
	}
	_, after, _ := bytes.Cut(head, []byte("Retry-After: "))
	seconds, _ := digits(after)
	return time.Duration(max(seconds, 1)) * time.Second, true
}

// bulk is one connection that publishes a stream of lines.
type bulk struct {
	conn   net.Conn
	source *source
	chunk  []byte
	slots  []slot

	mu       sync.Mutex
	changed  *sync.Cond
	answered int64
	awaited  int64 // answers that wait waits for
	failed   error
}

// streamLines is how many events a stream sends with one write, and streamWindow how many
// it has under way.
const streamLines, streamWindow = 100, 2000

// newBulk begins a stream. It answers errNoStream where there is none.
func newBulk(s *server, i, size int) (*bulk, error) {
	addr := s.nodes[i%len(s.nodes)].addr
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	lines := strings.Repeat(string(publication(size))+"\n", streamLines)
	b := &bulk{conn: c, source: &s.source, chunk: []byte(strconv.FormatInt(int64(len(lines)), 16) + "\r\n" + lines + "\r\n")}
	b.changed = sync.NewCond(&b.mu)
	b.slots = slotsOf(b.chunk)
	_, err = io.WriteString(c, "POST /v1/events/stream HTTP/1.1\r\nHost: "+addr+"\r\nAuthorization: Bearer "+s.key+
		"\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	go b.listen()
	return b, nil
}

// listen counts acknowledgements: lines of the answer with the id of an event.
func (b *bulk) listen() {
	from := bufio.NewReaderSize(b.conn, 64<<10)
	res, err := http.ReadResponse(from, nil)
	if err != nil {
		b.set(0, err)
		return
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 400))
		b.set(0, fmt.Errorf("stream: %s: %s", res.Status, text))
		return
	}
	for body := bufio.NewReaderSize(res.Body, 64<<10); ; {
		line, err := body.ReadSlice('\n')
		switch {
		case err != nil:
		case bytes.Contains(line, []byte(`"event":"evt_`)):
			b.set(1, nil)
			continue
		case bytes.Contains(line, []byte(`"error"`)):
			err = fmt.Errorf("stream: %.300s", line)
		}
		if err != nil {
			b.set(0, err)
			return
		}
	}
}

func (b *bulk) set(more int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered += more
	if b.failed == nil {
		b.failed = err
	}
	if b.answered >= b.awaited || err != nil {
		b.changed.Broadcast()
	}
}

// wait waits until no more than so many of the events that were sent are unanswered.
func (b *bulk) wait(sent, unanswered int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.awaited = sent - unanswered
	for b.failed == nil && b.answered < b.awaited {
		b.changed.Wait()
	}
	if sent-b.answered <= unanswered {
		return nil
	}
	return b.failed
}

// run publishes until a time, and waits for the last acknowledgement.
func (b *bulk) run(ctx context.Context, types int, until time.Time) (published int64, err error) {
	defer context.AfterFunc(ctx, func() { _ = b.conn.Close() })()
	_ = b.conn.SetDeadline(until.Add(time.Minute))
	for time.Now().Before(until) {
		first := b.source.next.Add(streamLines) - streamLines
		at := time.Now().UnixNano()
		for i, s := range b.slots {
			s.set(int(first+int64(i))%types, first+int64(i), at)
		}
		if _, err := b.conn.Write(b.chunk); err != nil {
			return published, cmp.Or(b.wait(1, 0), err) // what the answer said, rather
		}
		published += streamLines
		if err := b.wait(published, streamWindow); err != nil {
			return published, err
		}
	}
	if _, err := io.WriteString(b.conn, "0\r\n\r\n"); err != nil {
		return published, err
	}
	return published, b.wait(published, 0)
}

func (b *bulk) close() { _ = b.conn.Close() }
