package safehttp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const (
	// maxHead bounds the bytes of a response that are not its body: the status line
	// and the headers, those of all informational (1xx) responses before it, and
	// the trailers after a chunked body.
	maxHead = 1 << 20

	// keptHead is how much of the headers is kept. What is beyond it is read, since
	// the response may be taken for all that, and thrown away.
	keptHead = 16 << 10
)

var errHeadTooLong = fmt.Errorf("its headers exceeded %d bytes", maxHead)

// responseReader reads one response (RFC 9112), and is the reader of its body.
//
// It is lenient, since what the status line says is the receiver's word, however odd
// the rest: what cannot be read is left out. And it is strict about what comes next:
// wherever the same bytes could be read in two ways, the connection is not used again,
// since what a hostile or broken receiver leaves behind would be taken for the answer
// to somebody else's event.
type responseReader struct {
	br    *bufio.Reader
	lines []byte // of the head, each with a final \n, unfolded
	room  int    // bytes that may still come before or after the body

	reusable bool   // the response allows another one on its connection
	cut      bool   // headers beyond keptHead were thrown away
	garbled  bool   // a line of the headers that is no field was left out
	unframed string // why it cannot be told where the body ends
	ended    bool   // the body has been read to its end
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
		if empty, err := r.readLine(); err != nil {
			return 0, nil, err
		} else if empty { // left over from what came before, by a careless receiver
			r.reusable = false
			continue
		}
		// At once: what does not speak HTTP may never come to an empty line.
		minor, status, ok := parseStatusLine(string(r.lines[:len(r.lines)-1]))
		if !ok {
			if minor, status, ok = guessStatusLine(string(r.lines)); !ok {
				return 0, nil, fmt.Errorf("malformed status line %.60q", r.lines[:len(r.lines)-1])
			}
			r.reusable = false
		}
		r.cut, r.garbled = false, false
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
		r.frame(method, minor, status, header)
		return status, header, nil
	}
}

// readFields reads header lines up to the empty one.
func (r *responseReader) readFields() (http.Header, error) {
	r.lines = r.lines[:0]
	dropped := false // the line before was
	for {
		start := len(r.lines)
		empty, err := r.readLine()
		if err != nil {
			return nil, err
		}
		if empty {
			return r.parseFields(string(r.lines)), nil
		}
		line := r.lines[start:]
		folded := line[0] == ' ' || line[0] == '\t'
		if folded {
			// It continues the line before (obs-fold, RFC 9112, 5.2), and is nothing
			// at all where there is none (2.2).
			r.reusable = false
			if start == 0 || dropped {
				r.lines = r.lines[:start]
				continue
			}
			r.lines[start-1], line[0] = ' ', ' '
		}
		if dropped = len(r.lines) > keptHead && !folded && !framing(line); dropped || len(r.lines) > keptHead+slackHead {
			r.lines = r.lines[:start]
			if folded {
				r.lines[start-1] = '\n'
			}
			r.cut, dropped = true, true
		}
	}
}

// slackHead is what the headers that frame the body may take beyond keptHead.
const slackHead = 1 << 10

// framing tells whether a line is of a header that says where the body ends, or
// whether the connection does.
func framing(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte(":"))
	switch string(bytes.ToLower(bytes.TrimRight(name, " \t"))) {
	case "content-length", "transfer-encoding", "connection":
		return true
	}
	return false
}

// readLine adds a line to the lines, unless it is empty. It adds no more than can be
// of use.
func (r *responseReader) readLine() (empty bool, err error) {
	start := len(r.lines)
	ending := byte(0) // what is before the \n
	for {
		part, err := r.br.ReadSlice('\n')
		if r.room -= len(part); r.room < 0 {
			return false, errHeadTooLong
		}
		if n := len(part); err == nil && n > 1 {
			ending = part[n-2]
		} else if err != nil && n > 0 {
			ending = part[n-1]
		}
		if len(r.lines) <= keptHead+slackHead {
			r.lines = append(r.lines, part...)
		}
		if err == nil {
			break
		}
		if err != bufio.ErrBufferFull { // else the line goes on
			return false, noEOF(err)
		}
	}
	if ending != '\r' {
		// A lone \n may be taken for the end of a line (RFC 9112, 2.2), but
		// somebody between us and the receiver may see it otherwise.
		r.reusable = false
	}
	end := len(r.lines)
	if end > start && r.lines[end-1] == '\n' {
		end--
	}
	if end > start && r.lines[end-1] == '\r' {
		end--
	}
	r.lines = r.lines[:end]
	if end == start {
		return true, nil
	}
	r.lines = append(r.lines, '\n')
	return false, nil
}

// parseStatusLine returns the minor version and the status code of a line as the
// RFC has it.
func parseStatusLine(line string) (minor, status int, ok bool) {
	version, rest, _ := strings.Cut(line, " ")
	code, phrase, _ := strings.Cut(rest, " ") // some forget the space before an empty phrase
	if len(version) != len("HTTP/1.1") || version[:7] != "HTTP/1." || !isDigits(version[7:]) ||
		!httpguts.ValidHeaderFieldValue(phrase) {
		return 0, 0, false
	}
	status, ok = parseStatus(code)
	return int(version[7] - '0'), status, ok
}

// guessStatusLine reads what means a status line: parted by any white space (RFC
// 9112, 4), with any phrase, in any case, of any version.
func guessStatusLine(line string) (minor, status int, ok bool) {
	words := strings.Fields(line)
	if len(words) < 2 {
		return 0, 0, false
	}
	version, ok := strings.CutPrefix(strings.ToUpper(words[0]), "HTTP/")
	major, after, _ := strings.Cut(version, ".")
	if !ok || !isDigits(major) || after != "" && !isDigits(after) {
		return 0, 0, false
	}
	status, ok = parseStatus(words[1])
	return 0, status, ok // whatever it speaks, the next response is not to be relied on
}

func parseStatus(code string) (status int, ok bool) {
	if len(code) != 3 || !isDigits(code) || code[0] == '0' {
		return 0, false
	}
	status, err := strconv.Atoi(code)
	return status, err == nil
}

// parseFields reads lines that each end with \n. All the values are cut out of
// one string.
func (r *responseReader) parseFields(lines string) http.Header {
	n := strings.Count(lines, "\n")
	header := make(http.Header, n)
	values := make([]string, n)
	for line := range strings.Lines(lines) {
		name, value, ok := strings.Cut(line[:len(line)-1], ":")
		if ok && !httpguts.ValidHeaderFieldName(name) {
			name = strings.TrimRight(name, " \t") // some would know it and some not (RFC 9112, 5.1)
			r.reusable = false
			ok = httpguts.ValidHeaderFieldName(name)
		}
		if !ok {
			r.reusable, r.garbled = false, true
			continue
		}
		value = trimBlanks(value)
		if !httpguts.ValidHeaderFieldValue(value) {
			r.reusable = false
			value = strings.Trim(strings.Map(blankControl, value), " \t") // RFC 9110, 5.5
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if earlier, ok := header[name]; ok {
			header[name] = append(earlier, value)
			continue
		}
		values[0] = value
		header[name], values = values[:1:1], values[1:]
	}
	return header
}

// frame finds out how long the body is (RFC 9112, 6.3).
func (r *responseReader) frame(method string, minor, status int, header http.Header) {
	codings, lengths := header["Transfer-Encoding"], header["Content-Length"]
	r.length = -1
	switch {
	case method == http.MethodHead, status < 200, status == http.StatusNotModified:
		r.length = 0
	case status == http.StatusNoContent:
		r.length = 0
		// Who announces a body may send one.
		if len(codings) > 0 || len(lengths) > 0 && lengths[0] != "0" {
			r.reusable = false
		}
	case len(codings) > 0:
		r.frameCoded(codings, lengths, minor)
	default:
		r.frameByLength(lengths)
	}
	if r.length < 0 && r.chunks == nil {
		r.reusable = false // the body ends with the connection
	}
	r.left = r.length
	r.ended = r.length == 0
}

// frameCoded is frame for a body with a Transfer-Encoding. That goes before any
// Content-Length.
func (r *responseReader) frameCoded(codings, lengths []string, minor int) {
	if len(codings) > 1 || !strings.EqualFold(codings[0], "chunked") || len(lengths) > 0 || minor == 0 {
		r.reusable = false
	}
	codings = slices.DeleteFunc(listed(codings), func(coding string) bool {
		return strings.EqualFold(coding, "identity") // which is none, in the words of RFC 2616
	})
	switch {
	case len(codings) == 0:
		r.frameByLength(lengths)
	case strings.EqualFold(codings[len(codings)-1], "chunked"):
		r.chunks = httputil.NewChunkedReader(r.br)
	}
}

// frameByLength is frame for a body without a Transfer-Encoding.
func (r *responseReader) frameByLength(lengths []string) {
	if len(lengths) == 0 {
		return
	}
	if len(lengths) == 1 && isDigits(lengths[0]) {
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil {
			n = math.MaxInt64 // more than anybody reads
		}
		r.length = int64(n)
		return
	}
	for _, v := range lengths {
		if !isDigits(v) {
			r.reusable = false // a list of one and the same length, at best (RFC 9110, 8.6)
		}
	}
	all := listed(lengths)
	for _, v := range all {
		n, err := strconv.ParseUint(v, 10, 63)
		switch {
		case errors.Is(err, strconv.ErrRange):
			n = math.MaxInt64 // more than anybody reads
		case err != nil:
			r.unframed = fmt.Sprintf("its Content-Length, %.60q, cannot be read", strings.Join(lengths, ", "))
		case r.length >= 0 && r.length != int64(n):
			r.unframed = fmt.Sprintf("it has several values of Content-Length, %.60q", strings.Join(lengths, ", "))
		}
		r.length = int64(n)
	}
	if len(all) == 0 {
		r.unframed = "its Content-Length is empty"
	}
	if r.unframed != "" {
		r.unframed += ", so that its body was not read"
		r.reusable = false
	}
}

// listed are the members of a header whose values are lists.
func listed(values []string) (members []string) {
	for _, v := range values {
		for m := range strings.SplitSeq(v, ",") {
			if m = strings.Trim(m, " \t"); m != "" {
				members = append(members, m)
			}
		}
	}
	return members
}

// remarks are what was odd about the head, for the log.
func (r *responseReader) remarks() string {
	switch {
	case r.unframed != "":
		return r.unframed
	case r.cut:
		return fmt.Sprintf("its headers are long: only %d KiB of them were kept", keptHead>>10)
	case r.garbled:
		return "its headers have a line that is none, which was left out"
	}
	return ""
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

// blankControl makes control characters blanks.
func blankControl(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// trimBlanks is a text without the spaces and tabs around it.
func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
