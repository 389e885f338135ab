package door

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// framing follows the requests on a connection as far as their lengths go, and breaks a
// header that has both a Content-Length and a Transfer-Encoding, or a Transfer-Encoding
// in HTTP/1.0: by putting a space where the second one has its colon, so that net/http
// answers 400 and closes the connection. By itself net/http drops the Content-Length
// without a word, and nothing of it is left when a handler is called.
//
// It reads as net/http does (package textproto for lines, internal.NewChunkedReader for
// chunks). What net/http refuses ends the connection, so from there on it looks no more.
type framing struct {
	part part
	// line is the beginning of the current line, as far as it is needed and without
	// its end; a request line's end, which has the version.
	line []byte
	// begun says that the current header line has begun, and named that its name is
	// complete.
	begun, named bool
	// field is which header it is: one of the two that give a length, or another. A
	// line that begins with a space goes on with the one before (RFC 9112, section 5.2).
	field field
	// rest is what is left of a body or a chunk.
	rest int64
	// old says that the request is of HTTP/1.0.
	old bool
	// length is the Content-Length, -1 if there is none.
	length  int64
	encoded bool
	// broken says that a header was broken, and blind that nothing is looked at any
	// more.
	broken, blind bool
}

// part is where in a request one is.
type part uint8

const (
	startLine part = iota
	header
	body
	chunkSize
	chunk
	chunkEnd
	trailer
)

type field uint8

const (
	other field = iota
	contentLength
	transferEncoding
)

var fields = [...]struct {
	name  string
	field field
}{{"Content-Length", contentLength}, {"Transfer-Encoding", transferEncoding}}

// maxLine is how much of a line is kept: more than of any that matters is needed.
const maxLine = 64

// see looks at bytes that were read, and may change one of them.
func (f *framing) see(b []byte) {
	for len(b) > 0 && !f.blind {
		switch f.part {
		case body, chunk:
			n := min(f.rest, int64(len(b)))
			b, f.rest = b[n:], f.rest-n
			if f.rest == 0 && f.part == body {
				f.begin()
			} else if f.rest == 0 {
				f.part = chunkEnd
			}
		default:
			line, rest, ended := bytes.Cut(b, []byte("\n"))
			f.seePart(line)
			if ended {
				f.endLine()
			}
			b = rest
		}
	}
}

// seePart looks at a part of a line.
func (f *framing) seePart(line []byte) {
	switch f.part {
	case startLine:
		f.line = append(f.line, line[max(0, len(line)-maxLine):]...)
		f.line = f.line[max(0, len(f.line)-maxLine):]
	case header:
		f.seeHeader(line)
	default:
		f.line = append(f.line, line[:min(len(line), maxLine-len(f.line))]...)
	}
}

// seeHeader looks at a part of a header line, and breaks it if it must not be there.
func (f *framing) seeHeader(line []byte) {
	if !f.begun && len(line) > 0 {
		f.begun = true
		f.named = line[0] == ' ' || line[0] == '\t'
	}
	if !f.named {
		at := bytes.IndexByte(line, ':')
		if at < 0 {
			f.line = append(f.line, line[:min(len(line), maxLine-len(f.line))]...)
			return
		}
		f.named, f.field = true, fieldOf(f.line, line[:at])
		switch {
		case f.field == contentLength && f.encoded, f.field == transferEncoding && (f.length >= 0 || f.old):
			line[at] = ' '
			f.broken, f.blind = true, true
			return
		case f.field == contentLength:
			f.length = 0 // if it is there twice, it must be the same
		case f.field == transferEncoding:
			f.encoded = true
		}
		line = line[at+1:]
	}
	if f.field != contentLength {
		return
	}
	for _, c := range line {
		switch {
		case c == ' ' || c == '\t' || c == '\r':
		case c < '0' || c > '9' || f.length > math.MaxInt64/10-1:
			f.blind = true
			return
		default:
			f.length = 10*f.length + int64(c-'0')
		}
	}
}

// fieldOf is the field whose name is made of these two parts.
func fieldOf(begin, end []byte) field {
	n := len(begin)
	for _, f := range fields {
		if n+len(end) == len(f.name) && strings.EqualFold(string(begin), f.name[:n]) && strings.EqualFold(string(end), f.name[n:]) {
			return f.field
		}
	}
	return other
}

func (f *framing) endLine() {
	line := bytes.TrimSuffix(f.line, []byte("\r"))
	switch f.part {
	case startLine:
		if len(line) > 0 { // net/http lets empty lines pass, or refuses them
			f.part, f.length = header, -1
			f.old = bytes.HasSuffix(line, []byte("HTTP/1.0"))
		}
	case header:
		if !f.named && len(line) == 0 {
			f.endHeader()
		}
	case chunkSize:
		f.endChunkSize(line)
	case chunkEnd:
		f.part = chunkSize
	case trailer:
		if len(line) == 0 {
			f.begin()
		}
	}
	f.line, f.begun, f.named = f.line[:0], false, false
}

func (f *framing) endHeader() {
	switch {
	case f.encoded:
		f.part = chunkSize
	case f.length > 0:
		f.part, f.rest = body, f.length
	default:
		f.begin()
	}
}

func (f *framing) endChunkSize(line []byte) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	size, err := strconv.ParseInt(string(bytes.TrimRight(digits, " \t")), 16, 64)
	switch {
	case err != nil || size < 0:
		f.blind = true
	case size == 0:
		f.part = trailer
	default:
		f.part, f.rest = chunk, size
	}
}

// inBody tells whether some of a body is still to come.
func (f *framing) inBody() bool { return f.part >= body && !f.blind }

// begin waits for the next request.
func (f *framing) begin() { *f = framing{line: f.line[:0]} }

// problem is an answer as a whole, for those who get no handler to see.
func problem(status int, reason, headers, code, title, detail string) []byte {
	body := fmt.Sprintf(`{"type":"urn:bellhop:problem:%s","title":%q,"status":%d,"code":%q,"detail":%q}`+"\n", code, title, status, code, detail)
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\nCache-Control: no-store\r\n%sConnection: close\r\n\r\n%s",
		status, reason, len(body), headers, body)
}

var (
	busy = problem(503, "Service Unavailable", "Retry-After: 1\r\n", "busy", "Bellhop has as much to do as it can",
		"There are as many connections as Bellhop takes, each with a request under way. Try again in a moment.")
	twoLengths = problem(400, "Bad Request", "", "invalid_framing", "The request says its length in two ways",
		"Send either Content-Length or Transfer-Encoding, and the latter in HTTP/1.1 alone.")
	largeHeader = problem(431, "Request Header Fields Too Large", "", "header_too_large", "The request's first line and headers are too large",
		"Send a shorter URL, or fewer and shorter headers.")
	badRequest = problem(400, "Bad Request", "", "invalid_request", "The request cannot be read",
		"It is no HTTP, or is not as HTTP asks for: look at its first line and its headers.")
	badHost = problem(400, "Bad Request", "", "invalid_host", "The request's Host cannot be read",
		"Send one header Host, with a name or an address and, if need be, a port.")
)

// ownAnswers are what net/http answers by itself, and what is answered instead.
var ownAnswers = []struct{ own, instead []byte }{
	{plainAnswer("431 Request Header Fields Too Large"), largeHeader},
	{unreadable, badRequest},
	{plainAnswer("400 Bad Request: missing required Host header"), badHost},
	{plainAnswer("400 Bad Request: malformed Host header"), badHost},
	{plainAnswer("400 Bad Request: invalid header name"), badRequest},
	{plainAnswer("400 Bad Request: invalid header value"), badRequest},
}

// unreadable is net/http's answer to a header that it cannot take apart.
var unreadable = plainAnswer("400 Bad Request")

// plainAnswer is an answer of net/http's own. No handler writes a part of this form.
func plainAnswer(status string) []byte {
	return []byte("HTTP/1.1 " + status + "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" + status)
}

// insteadOf is what is answered in place of an answer of net/http's own, nil where a part of
// an answer is none; misframed says that a header was broken here.
func insteadOf(part []byte, misframed bool) []byte {
	if !bytes.HasPrefix(part, []byte("HTTP/1.1 4")) {
		return nil
	}
	if misframed && bytes.Equal(part, unreadable) {
		return twoLengths
	}
	for _, x := range ownAnswers {
		if bytes.Equal(part, x.own) {
			return x.instead
		}
	}
	return nil
}
