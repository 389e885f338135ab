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
	// readBytes is how much of it is read at once where much comes, and waitBytes while
	// nothing does.
	readBytes, waitBytes = 32 << 10, 2 << 10
	// roomPatience is for how long a line waits for memory that others hold, and roomBeat
	// after how long it looks again.
	roomPatience, roomBeat = time.Second, 20 * time.Millisecond
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
// that is longer. Beyond that nothing is read, so that whoever sends must wait.
//
// The memory for that is taken as lines come, and given back once they are answered: many
// streams are idle for most of their time, and what they hold nobody else has.
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
	given   int64 // what of it is that of the lines which Next gave last
	last    int   // how much text these had
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
	if !l.hold(waitBytes) {
		return nil, errNoMemory()
	}
	_ = l.control.EnableFullDuplex() // HTTP/2 always is, a recorder in a test never
	go l.read()
	return l, nil
}

func (l *Lines) hold(bytes int) bool {
	if !l.c.kit.memory.take(l.of, int64(bytes)) {
		return false
	}
	l.held += int64(bytes)
	return true
}

func (l *Lines) letGo(bytes int64) {
	l.c.kit.memory.give(l.of, bytes)
	l.held -= bytes
}

func (l *Lines) read() {
	defer close(l.ended)
	small := make([]byte, waitBytes)
	for more, full := true, false; more && l.ready(l.c.kit.o.StreamIdle); {
		more, full = l.readPiece(small, full)
	}
}

// ready waits until it is time to read more, if it ever is, and bounds the next read, unless
// that was done for the last time.
func (l *Lines) ready(patience time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && (l.whole() >= blockBytes || len(l.ends) >= l.most) {
		l.changed.Wait()
	}
	if !l.closed && !l.closing {
		_ = l.control.SetReadDeadline(time.Now().Add(patience))
	}
	return !l.closed
}

// readPiece reads once, and much if the last read was full: then more may be there already,
// and else the stream may be idle for long.
func (l *Lines) readPiece(small []byte, much bool) (more, full bool) {
	piece := small
	if much && l.holdPiece() {
		large := l.c.kit.pieces.Get().(*[readBytes]byte)
		defer l.letGoPiece(large)
		piece = large[:]
	}
	n, err := l.c.r.Body.Read(piece)
	door.Moved(l.c.Context())
	return l.add(piece[:n], err), n == len(piece)
}

func (l *Lines) holdPiece() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hold(readBytes)
}

func (l *Lines) letGoPiece(piece *[readBytes]byte) {
	l.c.kit.pieces.Put(piece)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.letGo(readBytes)
}

// add adds what came, and tells whether more may come.
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
	if l.refused != nil {
		return
	}
	if l.refused = l.room(len(part)); l.refused == nil {
		l.text = append(l.text, part...)
		return
	}
	if l.text = l.text[:l.whole()]; len(l.text) == 0 {
		l.letGo(int64(cap(l.text)))
		l.text = nil
	}
}

// room makes room for so much more of the line that is coming, or says why that is not kept.
// Where there is no memory, it waits: until the stream's own lines that are complete are
// answered, and then a moment for what others hold.
func (l *Lines) room(part int) error {
	for patience := roomPatience; ; {
		switch {
		case len(l.text)-l.whole()+part > l.limit+1: // there may be a carriage return
			return tooLargeLine(int64(l.limit))
		case l.grow(len(l.text) + part):
			return nil
		case l.err != nil || patience <= 0:
			return errNoMemory()
		case len(l.ends) > 0 || l.given > 0:
			l.changed.Broadcast()
			l.changed.Wait()
		default:
			patience -= roomBeat
			l.mu.Unlock()
			time.Sleep(roomBeat)
			l.mu.Lock()
		}
	}
}

// grow makes room for so much text, if there is memory: as a rule for more, lest each piece
// has it copied.
func (l *Lines) grow(size int) bool {
	now := cap(l.text)
	if size <= now {
		return true
	}
	const most = blockBytes + readBytes
	more := min(2*now, most)
	if size > most {
		more = min(now+now/2, l.whole()+l.limit+1)
	}
	for _, room := range []int{max(size, more, min(l.last, 16*size, most)), size} {
		if l.hold(room) {
			l.text = append(make([]byte, 0, room), l.text...)
			l.letGo(int64(now))
			return true
		}
	}
	return false
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

// Next waits for lines, and gives those that have come. Those that it gave before are
// answered: their text stays theirs, but its memory does not count any more. After the
// last, the error says why there are no more: io.EOF after a whole body, ErrIdle, that of
// Stop, or a problem.
func (l *Lines) Next() ([]Line, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.letGo(l.given)
	l.given = 0
	l.changed.Broadcast()
	for len(l.ends) == 0 && l.err == nil {
		l.changed.Wait()
	}
	if len(l.ends) == 0 {
		return nil, l.err
	}
	lines := make([]Line, min(len(l.ends), l.most))
	text := l.give(l.ends[len(lines)-1].at)
	begin := 0
	for i, end := range l.ends[:len(lines)] {
		line := bytes.TrimSuffix(text[begin:end.at:end.at], []byte("\r"))
		if end.err == nil && len(line) > l.limit {
			end.err = tooLargeLine(int64(l.limit))
		}
		lines[i] = Line{line, end.err}
		begin = end.at
	}
	if l.ends = slices.Delete(l.ends, 0, len(lines)); len(l.ends) == 0 {
		l.ends = nil // there may have been very many blank lines
	}
	for i := range l.ends {
		l.ends[i].at -= begin
	}
	l.changed.Broadcast()
	return lines, nil
}

// give gives away the first bytes of the text. What is less of them and the rest moves, so
// that the memory of both is given back by itself, or stays if there is none to move to.
func (l *Lines) give(n int) []byte {
	text, rest := l.text[:n:n], l.text[n:]
	l.given, l.last = int64(n), n
	switch {
	case len(rest) == 0:
		l.given, l.text = int64(cap(l.text)), nil
	case !l.hold(min(n, len(rest))):
		l.text = rest
	case n < len(rest):
		text = bytes.Clone(text)
		l.text = append(l.text[:0], rest...)
	default:
		l.given, l.text = int64(cap(l.text)), append(make([]byte, 0, len(rest)), rest...)
	}
	return text
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
	l.letGo(l.held)
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
