package api

import (
	"encoding/base64"
	"encoding/binary"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
)

// CursorKind is a kind of list. A cursor says where a list goes on. It is opaque to
// callers, so that what it holds can change: a version, the kind of list it belongs
// to, and a position in that list.
type CursorKind byte

const cursorVersion = 1

func (k CursorKind) encode(position []byte) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorVersion, byte(k)}, position...))
}

// decode gives the position in a cursor that encode made for the same kind of list,
// and false for anything else.
func (k CursorKind) decode(cursor string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < 3 || b[0] != cursorVersion || b[1] != byte(k) || k.encode(b[2:]) != cursor {
		return nil, false
	}
	return b[2:], true
}

// AtNumber is the cursor of a place in a list that is ordered by numbers.
func (k CursorKind) AtNumber(n int64) string {
	return k.encode(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// AtText is the cursor of a place in a list that is ordered by names.
func (k CursorKind) AtText(s string) string { return k.encode([]byte(s)) }

// Number reads the position of a list that is ordered by numbers; "" is 0, the
// beginning.
func (k CursorKind) Number(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	b, ok := k.decode(cursor)
	if !ok || len(b) != 8 {
		return 0, errCursor()
	}
	n := int64(binary.BigEndian.Uint64(b))
	if n <= 0 {
		return 0, errCursor()
	}
	return n, nil
}

// Text reads the position of a list that is ordered by names; "" is the beginning.
func (k CursorKind) Text(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	b, ok := k.decode(cursor)
	if !ok || len(b) > 256 || !utf8.Valid(b) {
		return "", errCursor()
	}
	return string(b), nil
}

func errCursor() error {
	return Invalid(bellhop.FieldError{
		Field: "cursor", Code: "cursor",
		Detail: "is not a cursor of this list: pass next_cursor of the page before as it stands, or leave it out to begin anew",
	})
}

// Paging is the part of a list's query that all lists share.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"250" default:"50" doc:"How many to answer."`
	Cursor string `query:"cursor" doc:"next_cursor of the page before; without it, the list begins."`
}

// More is how many rows to ask for: one more than wanted tells whether there is a
// next page.
func (p Paging) More() int { return p.Limit + 1 }
