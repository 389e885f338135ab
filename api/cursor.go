package api

import (
	"encoding/base64"
	"encoding/binary"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// A cursor says where a list goes on. It is opaque to callers, so that what it
// holds can change: a version, the kind of list it belongs to, and a position in
// that list.
type cursorKind byte

const (
	cursorVersion = 1

	cursorEvents     cursorKind = 'e'
	cursorEndpoints  cursorKind = 'p'
	cursorDeliveries cursorKind = 'd'
	cursorAttempts   cursorKind = 'a'
	cursorKeys       cursorKind = 'k'
	cursorAudit      cursorKind = 'u'
	cursorReplay     cursorKind = 'r'
	cursorApps       cursorKind = 'A'
	cursorEventTypes cursorKind = 'T'
)

func encodeCursor(k cursorKind, position []byte) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorVersion, byte(k)}, position...))
}

// decodeCursor gives the position in a cursor that encodeCursor made for the same
// kind of list, and false for anything else.
func decodeCursor(k cursorKind, cursor string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < 3 || b[0] != cursorVersion || b[1] != byte(k) || encodeCursor(k, b[2:]) != cursor {
		return nil, false
	}
	return b[2:], true
}

func encodeNumber(k cursorKind, n int64) string {
	return encodeCursor(k, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// number reads the position of a list that is ordered by numbers; "" is 0, the
// beginning.
func (k cursorKind) number(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	b, ok := decodeCursor(k, cursor)
	if !ok || len(b) != 8 {
		return 0, errCursor()
	}
	n := int64(binary.BigEndian.Uint64(b))
	if n <= 0 {
		return 0, errCursor()
	}
	return n, nil
}

// text reads the position of a list that is ordered by names; "" is the beginning.
func (k cursorKind) text(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	b, ok := decodeCursor(k, cursor)
	if !ok || len(b) > 256 || !utf8.Valid(b) {
		return "", errCursor()
	}
	return string(b), nil
}

func errCursor() error {
	return invalid(bellhop.FieldError{
		Field: "cursor", Code: "cursor",
		Detail: "is not a cursor of this list: pass next_cursor of the page before as it stands, or leave it out to begin anew",
	})
}

// paging is the part of a list's query that all lists share.
type paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"250" default:"50" doc:"How many to answer."`
	Cursor string `query:"cursor" doc:"next_cursor of the page before; without it, the list begins."`
}

// more is how many rows to ask the engine for: one more than wanted tells whether
// there is a next page.
func (p paging) more() int { return p.Limit + 1 }

// page makes a page of rows, of which there may be one too many. position gives a
// row's place as a cursor.
func page[Row, Object any](p paging, rows []Row, position func(Row) string, show func(Row) Object) wire.Page[Object] {
	out := wire.Page[Object]{Data: make([]Object, 0, min(len(rows), p.Limit))}
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		out.NextCursor = position(rows[p.Limit-1])
	}
	for _, row := range rows {
		out.Data = append(out.Data, show(row))
	}
	return out
}
