package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
)

// longestLine is how many bytes a line of a file may have: as many as a batch, and more than
// an event, unless the server was told to take more.
const longestLine = 16 << 20

// lineReader reads the lines of a file. One that is too long is passed over, and does not
// keep those behind it.
type lineReader struct {
	in *bufio.Reader
	// number is that of the line that was read last, from 1.
	number int
	kept   []byte // of a line that is longer than the buffer
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10)}
}

// all gives the lines, each good until the next one is asked for, or why one cannot be read:
// a *bellhop.Error is about that line alone, any other error is the last.
func (l *lineReader) all() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			text, err := l.next()
			if errors.Is(err, io.EOF) || !yield(text, err) || err != nil && bellhop.CodeOf(err) == "" {
				return
			}
		}
	}
}

func (l *lineReader) next() ([]byte, error) {
	l.kept = l.kept[:0]
	size := 0
	for {
		part, err := l.in.ReadSlice('\n')
		if size == 0 && len(part) == 0 && err != nil {
			return nil, err
		}
		if size == 0 {
			l.number++
		}
		size += len(part)
		switch more := errors.Is(err, bufio.ErrBufferFull); {
		case err != nil && !more && !errors.Is(err, io.EOF):
			return nil, err
		case !more && size > longestLine:
			return nil, &bellhop.Error{Code: bellhop.CodeTooLarge, Detail: fmt.Sprintf("too large: longer than %s, which is the most that is read of a line", api.ByteSize(longestLine))}
		case !more && len(l.kept) == 0:
			return part, nil
		case size <= longestLine:
			l.kept = append(l.kept, part...)
		default:
			l.kept = nil // the memory is of no more use
		}
		if err == nil || errors.Is(err, io.EOF) {
			return l.kept, nil
		}
	}
}
