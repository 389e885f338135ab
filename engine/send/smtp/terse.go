package smtp

import (
	"bufio"
	"errors"
	"io"
)

// tolerate has answers understood that are a code alone, "354" and the end of the line,
// which RFC 5321 §4.2 allows and net/textproto does not.
func (t *talk) tolerate() {
	text := &t.client.Text.Reader
	text.R = bufio.NewReader(&terse{in: text.R, start: true})
}

// terse gives lines that are a code alone the space that would stand before their text.
type terse struct {
	in    *bufio.Reader
	rest  []byte
	start bool // of a line
}

func (r *terse) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		line, err := r.in.ReadSlice('\n')
		if len(line) == 0 {
			return 0, err
		}
		ends := err == nil
		if r.start && ends && isCode(line) {
			line = append(append([]byte(nil), line[:3]...), " \r\n"...)
		}
		// What is in the buffer of in is there until it is read from again.
		r.rest, r.start = line, ends
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && err != io.EOF {
			n := copy(p, r.rest)
			r.rest = r.rest[n:]
			return n, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// isCode tells whether a line is three digits and its end.
func isCode(line []byte) bool {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	if len(line) != 3 {
		return false
	}
	for _, c := range line {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
