package safehttp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxHead bounds the bytes of a response that are not its body: the status line
// and the headers, those of all informational (1xx) responses before it, and
// the trailers after a chunked body.
const maxHead = 64 << 10

var errHeadTooLong = fmt.Errorf("its headers exceeded %d bytes", maxHead)

// responseReader reads one response (RFC 9112), and is the reader of its body.
// It is strict where two readings of the same bytes are possible, since the end
// of a response must not be a matter of opinion on a connection that is to be used
// again: what a hostile or broken receiver leaves behind would be taken for the
// answer to somebody else's event.
type responseReader struct {
	br    *bufio.Reader
	lines []byte // of the head, each with a final \n
	room  int    // bytes that may still come before or after the body

	reusable bool // the response allows another one on its connection
	ended    bool // the body has been read to its end
	length   int64
	left     int64     // of length
	chunks   io.Reader // nil unless the body is chunked
}

func (r *responseReader) reset(from io.Reader) {
	r.br.Reset(from)
	*r = responseReader{br: r.br, lines: r.lines[:0], room: maxHead, reusable: true}
}

// readHead reads up to the final response's body, which is then what Read reads.
func (r *responseReader) readHead(method string) (status int, header http.Header, err error) {
	for {
		r.lines = r.lines[:0]
		if _, err := r.readLine(); err != nil {
			return 0, nil, err
		}
		// At once: what does not speak HTTP may never come to an empty line.
		minor, status, err := parseStatusLine(string(r.lines))
		if err != nil {
			return 0, nil, err
		}
		header, err := r.readFields()
		if err != nil {
			return 0, nil, err
		}
		if status < 200 && status != http.StatusSwitchingProtocols {
			continue
		}
		if minor == 0 || httpguts.HeaderValuesContainsToken(header["Connection"], "close") {
			r.reusable = false
		}
		if err := r.frame(method, minor, status, header); err != nil {
			return 0, nil, err
		}
		return status, header, nil
	}
}

// readFields reads header lines up to the empty one.
func (r *responseReader) readFields() (http.Header, error) {
	r.lines = r.lines[:0]
	for {
		empty, err := r.readLine()
		if err != nil {
			return nil, err
		}
		if empty {
			return parseFields(string(r.lines))
		}
	}
}

// readLine adds a line to the lines, unless it is empty.
func (r *responseReader) readLine() (empty bool, err error) {
	start := len(r.lines)
	for {
		part, err := r.br.ReadSlice('\n')
		if r.room -= len(part); r.room < 0 {
			return false, errHeadTooLong
		}
		r.lines = append(r.lines, part...)
		if err == nil {
			break
		}
		if err != bufio.ErrBufferFull { // else the line goes on
			return false, noEOF(err)
		}
	}
	end := len(r.lines) - len("\n")
	if end > start && r.lines[end-1] == '\r' {
		end--
	} else {
		// A lone \n may be taken for the end of a line (RFC 9112, 2.2), but
		// somebody between us and the receiver may see it otherwise.
		r.reusable = false
	}
	r.lines = r.lines[:end]
	if end == start {
		return true, nil
	}
	r.lines = append(r.lines, '\n')
	return false, nil
}

// parseStatusLine returns the minor version and the status code.
func parseStatusLine(line string) (minor, status int, err error) {
	line = strings.TrimSuffix(line, "\n")
	version, rest, _ := strings.Cut(line, " ")
	code, phrase, _ := strings.Cut(rest, " ") // some forget the space before an empty phrase
	if len(version) != len("HTTP/1.1") || version[:7] != "HTTP/1." || !isDigits(version[7:]) ||
		len(code) != 3 || !isDigits(code) || code[0] == '0' || !httpguts.ValidHeaderFieldValue(phrase) {
		return 0, 0, fmt.Errorf("malformed status line %.60q", line)
	}
	status, err = strconv.Atoi(code)
	return int(version[7] - '0'), status, err
}

// parseFields reads lines that each end with \n. All the values are cut out of
// one string.
func parseFields(lines string) (http.Header, error) {
	n := strings.Count(lines, "\n")
	header := make(http.Header, n)
	values := make([]string, n)
	for line := range strings.Lines(lines) {
		line = line[:len(line)-1]
		name, value, ok := strings.Cut(line, ":")
		// A name with space before it would continue the line before (obs-fold);
		// with space after it, some would know it and some not.
		if !ok || !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("malformed header line %.60q", line)
		}
		value = strings.Trim(value, " \t")
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("control characters in the header %.60q", name)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if earlier, ok := header[name]; ok {
			header[name] = append(earlier, value)
			continue
		}
		values[0] = value
		header[name], values = values[:1:1], values[1:]
	}
	return header, nil
}

// frame finds out how long the body is (RFC 9112, 6.3).
func (r *responseReader) frame(method string, minor, status int, header http.Header) error {
	codings, lengths := header["Transfer-Encoding"], header["Content-Length"]
	if minor == 0 {
		codings = nil // HTTP/1.0 knows none
	}
	if len(codings) > 0 && len(lengths) > 0 {
		return errors.New("both Content-Length and Transfer-Encoding")
	}
	r.length = -1
	for _, v := range lengths {
		n, err := strconv.ParseUint(v, 10, 63)
		if err != nil {
			return fmt.Errorf("malformed Content-Length %.60q", v)
		}
		if r.length >= 0 && r.length != int64(n) {
			return errors.New("two different values of Content-Length")
		}
		r.length = int64(n)
	}
	chunked := false
	if len(codings) > 0 {
		if len(codings) > 1 || !strings.EqualFold(codings[0], "chunked") {
			return fmt.Errorf("unsupported Transfer-Encoding %.60q", strings.Join(codings, ", "))
		}
		chunked = true
	}

	switch {
	case method == http.MethodHead, status < 200, status == http.StatusNoContent, status == http.StatusNotModified:
		r.length = 0
	case chunked:
		r.chunks = httputil.NewChunkedReader(r.br)
	case r.length < 0:
		r.reusable = false // the body ends with the connection
	}
	r.left = r.length
	r.ended = r.length == 0
	return nil
}

// Read reads the body, and nothing beyond it.
func (r *responseReader) Read(p []byte) (int, error) {
	switch {
	case r.ended:
		return 0, io.EOF
	case r.chunks != nil:
		n, err := r.chunks.Read(p)
		if err != io.EOF {
			return n, err
		}
		if _, err := r.readFields(); err != nil { // the trailers
			return n, err
		}
		r.ended = true
		return n, io.EOF
	case r.length < 0:
		n, err := r.br.Read(p)
		r.ended = err == io.EOF
		return n, err
	}
	n, err := r.br.Read(p[:min(int64(len(p)), r.left)])
	if r.left -= int64(n); r.left == 0 {
		r.ended = true
		return n, io.EOF // even if the connection ended with it
	}
	return n, noEOF(err)
}

// clean reports whether the response is over, allows another, and was followed
// by nothing.
func (r *responseReader) clean() bool {
	return r.ended && r.reusable && r.br.Buffered() == 0
}

// keep reads up to limit bytes of a body. full reports that it stopped at the
// limit, with more perhaps to come: asking for more could wait for a receiver
// that trickles.
func keep(body io.Reader, length, limit int64) (kept []byte, full bool, err error) {
	if length == 0 {
		return nil, false, nil
	}
	size := int64(512)
	if length > 0 {
		size = min(length, limit) + 1 // room to see the end
	}
	kept = make([]byte, 0, min(size, limit))
	for {
		if int64(len(kept)) == limit {
			return kept, true, nil
		}
		if len(kept) == cap(kept) {
			kept = slices.Grow(kept, 1)
		}
		room := kept[len(kept):min(int64(cap(kept)), limit)]
		n, err := body.Read(room)
		kept = kept[:len(kept)+n]
		if err == io.EOF {
			return kept, false, nil
		}
		if err != nil {
			return kept, false, err
		}
	}
}

// noEOF makes an end that comes too early an error.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
