package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/door"
)

const (
	// blockBytes is about how much of a body of lines is taken at once: enough to share
	// the cost of a transaction, and little enough for others not to wait for it.
	blockBytes = 256 << 10
	// readBytes is how much of it is read at once.
	readBytes = 32 << 10
)

// Line is one line of a body, without its end.
type Line struct {
	Text []byte
	// Err is why its text is not all there: it is longer than the route allows, or than
	// there is memory for now.
	Err error
}

// Lines reads a body of lines while its answer is being written. What has come is taken
// in blocks: while one is worked on, the next is gathered, up to blockBytes or a line that
// is longer. Beyond that nothing is read, so that whoever sends must wait.
type Lines struct {
	c       *Call
	control *http.ResponseController
	limit   int // of a line, in bytes
	most    int // lines that are taken at once

	mu      sync.Mutex
	changed *sync.Cond
	// text is what came and was not taken yet: the lines that end there, and the
	// beginning of another one.
	text []byte
	ends []lineEnd
	// refused is why the rest of the line that is coming is not kept.
	refused error
	of      share
	held    int64 // memory that counts for of
	long    bool  // memory for long lines is part of it
	err     error // why nothing more comes
	// closing says that there is a last deadline, and closed that it has passed.
	closing, closed bool
	ended           chan struct{} // closed once nobody reads any more
}

type lineEnd struct {
	at  int
	err error
}

// ErrIdle ends a body of lines of which nothing came for Options.StreamIdle.
var ErrIdle = errors.New("nothing came for long")

// Lines begins to read the body, of which most lines are taken at once. Close ends it.
func (c *Call) Lines(most int) (*Lines, error) {
	l := &Lines{c: c, control: http.NewResponseController(&c.w), limit: int(c.bodyLimit()), most: most, of: c.share(), ended: make(chan struct{})}
	l.changed = sync.NewCond(&l.mu)
	if !l.hold(readBytes + 2*(blockBytes+readBytes)) {
		return nil, errNoMemory()
	}
	_ = l.control.EnableFullDuplex() // HTTP/2 always is, a recorder in a test never
	go l.read()
	return l, nil
}

func (l *Lines) hold(bytes int64) bool {
	if !l.c.kit.memory.take(l.of, bytes) {
		return false
	}
	l.held += bytes
	return true
}

func (l *Lines) read() {
	defer close(l.ended)
	piece := make([]byte, readBytes)
	for more := true; more && l.waits(l.c.kit.o.StreamIdle); {
		n, err := l.c.r.Body.Read(piece)
		door.Moved(l.c.Context())
		more = l.add(piece[:n], err)
	}
}

// waits bounds the next read, unless that was done for the last time.
func (l *Lines) waits(patience time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed && !l.closing {
		_ = l.control.SetReadDeadline(time.Now().Add(patience))
	}
	return !l.closed
}

// add adds what came, and waits until it is time to read more, if it ever is.
func (l *Lines) add(piece []byte, err error) (more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(piece) > 0 && l.err == nil {
		line, rest, ended := bytes.Cut(piece, []byte("\n"))
		l.addToLine(line)
		if ended {
			l.endLine()
		}
		piece = rest
	}
	if err != nil && l.err == nil {
		l.err = endOfBody(err)
		if l.err == io.EOF && (len(l.text) > l.whole() || l.refused != nil) { // the last line has no end
			l.endLine()
		}
	}
	l.changed.Broadcast()
	for l.err == nil && (l.whole() >= blockBytes || len(l.ends) >= l.most) {
		l.changed.Wait()
	}
	return err == nil && !l.closed
}

// whole is where the last line ends that is all there.
func (l *Lines) whole() int {
	if len(l.ends) == 0 {
		return 0
	}
	return l.ends[len(l.ends)-1].at
}

func (l *Lines) addToLine(part []byte) {
	size := len(l.text) - l.whole() + len(part)
	switch {
	case l.refused != nil:
		return
	case size > l.limit+1: // there may be a carriage return
		l.refused = tooLargeLine(int64(l.limit))
	case size > blockBytes && !l.long:
		if l.long = l.hold(2 * int64(l.limit)); !l.long {
			l.refused = errNoMemory()
		}
	}
	if l.refused != nil {
		l.text = l.text[:l.whole()]
		return
	}
	l.text = append(l.text, part...)
}

func (l *Lines) endLine() {
	l.ends = append(l.ends, lineEnd{len(l.text), l.refused})
	l.refused = nil
}

func endOfBody(err error) error {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case ok && timeout.Timeout():
		return ErrIdle
	}
	return Problem(CodeIncomplete, "The body ended, or stopped arriving, before it was complete")
}

// Next waits for lines, and gives those that have come. Their text is theirs for ever.
// After the last of them, the error says why there are no more: io.EOF after a whole
// body, ErrIdle, that of Stop, or a problem.
func (l *Lines) Next() ([]Line, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.ends) == 0 && l.err == nil {
		l.changed.Wait()
	}
	if len(l.ends) == 0 {
		return nil, l.err
	}
	lines := make([]Line, min(len(l.ends), l.most))
	begin := 0
	for i, end := range l.ends[:len(lines)] {
		text := bytes.TrimSuffix(l.text[begin:end.at:end.at], []byte("\r"))
		if end.err == nil && len(text) > l.limit {
			end.err = tooLargeLine(int64(l.limit))
		}
		lines[i] = Line{text, end.err}
		begin = end.at
	}
	rest := l.text[begin:]
	l.text = append(make([]byte, 0, max(len(rest), min(begin, blockBytes))), rest...)
	l.ends = slices.Delete(l.ends, 0, len(lines))
	for i := range l.ends {
		l.ends[i].at -= begin
	}
	l.changed.Broadcast()
	return lines, nil
}

// Stop has Next give what has come, and then this error. The rest is read and forgotten.
func (l *Lines) Stop(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = why
	}
	l.changed.Broadcast()
}

// Close ends the reading. Whoever still sends gets a moment to read why, and to hang up:
// were the connection closed on what is under way, the answer could be lost with it (RFC
// 9112, section 9.6).
func (l *Lines) Close() {
	l.Stop(io.EOF)
	l.mu.Lock()
	l.closing = true
	_ = l.control.SetReadDeadline(time.Now().Add(unreadPatience))
	l.mu.Unlock()
	patience := time.NewTimer(unreadPatience)
	defer patience.Stop()
	select {
	case <-l.ended:
	case <-patience.C:
	}
	l.mu.Lock()
	l.closed = true
	_ = l.control.SetReadDeadline(time.Now())
	l.mu.Unlock()
	<-l.ended
	l.c.kit.memory.give(l.of, l.held)
}

// tooLargeLine is tooLarge for one line of a body.
func tooLargeLine(limit int64) error {
	return Problem(bellhop.CodeTooLarge, "The line is longer than the "+ByteSize(limit)+" allowed here")
}

// linesTypes are those that a body of lines may have. The first is the usual one.
var linesTypes = []string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}

func checkLinesType(h http.Header) error {
	if h.Get("Content-Encoding") != "" {
		return Problem(CodeMediaType, "Send the body without Content-Encoding")
	}
	t, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || !slices.Contains(linesTypes, t) {
		return Problem(CodeMediaType, `Send the header "Content-Type: `+linesTypes[0]+`", and one JSON object a line`)
	}
	return checkCharset(params)
}
