package native

import (
	"time"

	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

// The kinds of lists that go on at a cursor.
const (
	cursorEvents     api.CursorKind = 'e'
	cursorEndpoints  api.CursorKind = 'p'
	cursorDeliveries api.CursorKind = 'd'
	cursorAttempts   api.CursorKind = 'a'
	cursorKeys       api.CursorKind = 'k'
	cursorAudit      api.CursorKind = 'u'
	cursorReplay     api.CursorKind = 'r'
	cursorExplain    api.CursorKind = 'x'
	cursorApps       api.CursorKind = 'A'
	cursorEventTypes api.CursorKind = 'T'
	cursorRefused    api.CursorKind = 'o'
)

// page makes a page of rows, of which there may be one too many. position gives a
// row's place as a cursor.
func page[Row, Object any](p api.Paging, rows []Row, position func(Row) string, show func(Row) Object) wire.Page[Object] {
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

// searched answers a page of a search that goes on behind a row, whose id has the time at; 0
// if nothing is left.
func searched[Row, Object any](rows []Row, show func(Row) Object, c api.CursorKind, next int64, at time.Time) wire.Page[Object] {
	out := wire.Page[Object]{Data: whole(rows, show).Data}
	if next != 0 {
		out.NextCursor, out.SearchedUntil = c.AtNumber(next), &at
	}
	return out
}

// counted gives the first page of a list how many objects there are in all.
func counted[Object any](p api.Paging, out wire.Page[Object], count func() (int, error)) (wire.Page[Object], error) {
	if p.Cursor != "" {
		return out, nil
	}
	n, err := count()
	out.Total = &n
	return out, err
}

// same shows an object as it is.
func same[T any](v T) T { return v }

// whole is a list that is not paged; it is never null.
func whole[Row, Object any](rows []Row, show func(Row) Object) wire.List[Object] {
	out := wire.List[Object]{Data: make([]Object, len(rows))}
	for i, row := range rows {
		out.Data[i] = show(row)
	}
	return out
}
