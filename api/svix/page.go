package svix

import (
	"strings"

	"github.com/bellhop/bellhop/internal/strictjson"
)

// page is a page of a list.
type page[T any] struct {
	Data []T `json:"data"`
	// Iterator goes on behind the page, null if nothing was found; PrevIterator before it.
	Iterator     *string `json:"iterator" example:"evt_38G04Y6NR0400"`
	PrevIterator *string `json:"prevIterator,omitempty"`
	// Done says that nothing is left in the direction of the walk.
	Done bool `json:"done"`
}

// paging is the part of a list's query that all lists share.
type paging struct {
	Limit    int    `query:"limit" minimum:"1" maximum:"250" default:"50" doc:"How many are listed at most."`
	Iterator string `query:"iterator" doc:"Goes on behind a page, with its iterator, or before it, with its prevIterator."`
}

// step says where a list goes on: behind a position, or (back) before it, in the order in
// which it is shown. At "" it begins.
type step struct {
	at    string
	back  bool
	limit int
}

func (p paging) step() step {
	at, back := strings.CutPrefix(p.Iterator, "-")
	if back && at == "" {
		at = p.Iterator + "\x00" // which is no position
	}
	return step{at, back, p.Limit}
}

// errIterator is the error of an iterator that none of this list's pages gave.
func errIterator() error {
	return wrong("iterator", "iterator", "is no iterator of this list: pass iterator or prevIterator of a page as it stands, or leave it out to begin anew")
}

// pageOf makes a page of rows, in the order of the walk, of which there may be one too
// many. position is the iterator of a row.
func pageOf[Row, T any](s step, rows []Row, position func(*Row) string, show func(*Row) (T, error)) (out page[T], err error) {
	out.Data = make([]T, 0, min(len(rows), s.limit))
	if out.Done = len(rows) <= s.limit; !out.Done {
		rows = rows[:s.limit]
	}
	for i := range rows {
		row := &rows[i]
		if s.back {
			row = &rows[len(rows)-1-i]
		}
		shown, err := show(row)
		if err != nil {
			return out, err
		}
		out.Data = append(out.Data, shown)
		at := position(row)
		if i == 0 {
			before := "-" + at
			out.PrevIterator = &before
		}
		out.Iterator = &at
	}
	return out, nil
}

// ordering is the order of lists that can be read from both ends.
type ordering struct {
	Order string `query:"order" enum:"ascending,descending" doc:"From the oldest on (ascending) or from the newest; event types go by their names."`
}

// newest tells whether a walk goes from newer rows to older ones.
func (o ordering) newest(s step, otherwise string) bool {
	order := o.Order
	if order == "" {
		order = otherwise
	}
	return (order == "descending") != s.back
}

// listed are the event types that a list is asked for: given several times, with commas
// between them, or both.
func listed(given []string) (types []string) {
	for _, text := range given {
		for name := range strings.SplitSeq(text, ",") {
			types = append(types, name)
		}
	}
	return types
}

// validText tells whether a text can be a name at all.
func validText(s string) bool { return strictjson.CheckText(s) == nil }
