package main

import (
	"bytes"
	"fmt"
	"io"
)

// framer reads HTTP/1.1 messages off a connection, without making garbage.
type framer struct {
	conn       io.Reader
	buf        []byte
	start, end int
}

func newFramer(conn io.Reader, size int) *framer { return &framer{conn: conn, buf: make([]byte, size)} }

var (
	endOfHead = []byte("\r\n\r\n")
	lastChunk = []byte("\r\n0\r\n\r\n")
	lengthKey = []byte("Content-Length: ")
)

// maxMessage bounds what is read, should the other side be broken.
const maxMessage = 16 << 20

// next reads one message. What it gives is valid until it is called again. A body that comes
// in chunks is given as it came, with what frames them.
func (f *framer) next() (head, body []byte, err error) {
	for {
		i := bytes.Index(f.buf[f.start:f.end], endOfHead)
		if i < 0 {
			if err := f.fill(f.end - f.start + 1); err != nil {
				return nil, nil, err
			}
			continue
		}
		length, chunked, err := bodyLength(f.buf[f.start : f.start+i+2])
		if err != nil {
			return nil, nil, err
		}
		for from := i + 2; chunked; { // which begins with the end of a line
			if end := bytes.Index(f.buf[f.start+from:f.end], lastChunk); end >= 0 {
				length = from + end + len(lastChunk) - (i + len(endOfHead))
				break
			}
			from = max(f.end-f.start-len(lastChunk)+1, from)
			if err := f.fill(f.end - f.start + 1); err != nil {
				return nil, nil, err
			}
		}
		size := i + len(endOfHead) + length
		for f.end-f.start < size {
			if err := f.fill(size); err != nil {
				return nil, nil, err
			}
		}
		message := f.buf[f.start : f.start+size]
		f.start += size
		return message[:i+2], message[i+len(endOfHead):], nil
	}
}

// fill reads on, with room for a message of the size.
func (f *framer) fill(size int) error {
	if size > maxMessage {
		return fmt.Errorf("a message of %d bytes", size)
	}
	if f.start > 0 && (f.start == f.end || f.start+size > len(f.buf)) {
		f.end = copy(f.buf, f.buf[f.start:f.end])
		f.start = 0
	}
	if size > len(f.buf) {
		grown := make([]byte, max(size, 2*len(f.buf)))
		copy(grown, f.buf[:f.end])
		f.buf = grown
	}
	n, err := f.conn.Read(f.buf[f.end:])
	f.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// bodyLength finds the length of the body in the lines of a head: 0 if none is said.
func bodyLength(head []byte) (n int, chunked bool, err error) {
	if i := bytes.Index(head, lengthKey); i >= 0 {
		n, err = digits(head[i+len(lengthKey):])
		return n, false, err
	}
	for line := range bytes.Lines(head) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			n, err = digits(value)
			return n, false, err
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			return 0, bytes.EqualFold(value, []byte("chunked")), nil
		}
	}
	return 0, false, nil
}

// digits is the number that the text begins with.
func digits(text []byte) (int, error) {
	n, i := 0, 0
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9' && i < 18; i++ {
		n = n*10 + int(text[i]-'0')
	}
	if i == 0 {
		return 0, fmt.Errorf("no number: %.20q", text)
	}
	return n, nil
}
