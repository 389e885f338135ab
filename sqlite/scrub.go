package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// SQLite overwrites what it deletes (secure_delete), but when it moves rows to
// another page to balance a tree, it leaves their old bytes in the unused middle of
// the page that they came from. What is to be erased may have been moved before, so
// erasing looks through all pages and zeroes what no row uses.

const (
	// scrubChunk is how many pages are looked at in one read, and so at most
	// written in one transaction.
	scrubChunk = 512
	// tableLeaf is the first byte of a page that holds rows (file format §1.6).
	// On a page that continues a long row it is the top byte of a page number,
	// which cannot be that high below this many pages.
	tableLeaf   = 0x0d
	scrubbable  = tableLeaf << 24
	headerBytes = 8
)

// scrub zeroes the unused parts of all pages that hold rows.
func (s *Store) scrub(ctx context.Context) error {
	for first := 2; ; first += scrubChunk { // page 1 is the schema's
		var dirty []int
		seen := 0
		err := s.readFor(ctx, forUpkeep, "look for remains", func(c *sqlite.Conn) error {
			dirty, seen = nil, 0
			return each(c, func(st *sqlite.Stmt) {
				seen++
				page := make([]byte, st.ColumnLen(1))
				st.ColumnBytes(1, page)
				if zeroUnused(page) {
					dirty = append(dirty, st.ColumnInt(0))
				}
			}, "SELECT pgno, data FROM sqlite_dbpage WHERE pgno BETWEEN ? AND ?", first, first+scrubChunk-1)
		})
		if err != nil {
			return err
		}
		if seen == 0 {
			return nil
		}
		if first > scrubbable {
			return fmt.Errorf("the database is too large to be looked through for remains: %d pages", first)
		}
		if len(dirty) > 0 {
			if err := s.tidy(ctx, "scrub", maxBatch, func(w *writer) error { return w.scrub(dirty) }); err != nil {
				return err
			}
		}
	}
}

// scrub reads the pages again, since they may have changed, and writes back those
// in which there is something to zero.
func (w *writer) scrub(pages []int) error {
	for _, n := range pages {
		var page []byte
		if _, err := one(w.conn, func(st *sqlite.Stmt) {
			page = make([]byte, st.ColumnLen(0))
			st.ColumnBytes(0, page)
		}, "SELECT data FROM sqlite_dbpage WHERE pgno = ?", n); err != nil {
			return err
		}
		if !zeroUnused(page) {
			continue
		}
		if err := exec(w.conn, "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", page, n); err != nil {
			return err
		}
	}
	return nil
}

// zeroUnused zeroes what no row uses on a page that holds rows: the gap between the
// cell pointers and the cells, and the insides of free blocks. It tells whether
// there was anything. A page that is not what it seems is left alone.
func zeroUnused(page []byte) (changed bool) {
	if len(page) < 512 || page[0] != tableLeaf {
		return false
	}
	free := int(binary.BigEndian.Uint16(page[1:]))
	pointers := headerBytes + 2*int(binary.BigEndian.Uint16(page[3:]))
	cells := int(binary.BigEndian.Uint16(page[5:]))
	if cells == 0 {
		cells = 1 << 16
	}
	if pointers > cells || cells > len(page) {
		return false
	}
	changed = zero(page[pointers:cells])
	for range len(page) / 4 { // a chain cannot be longer
		if free < cells || free+4 > len(page) {
			break
		}
		next, size := int(binary.BigEndian.Uint16(page[free:])), int(binary.BigEndian.Uint16(page[free+2:]))
		if size < 4 || free+size > len(page) {
			break
		}
		changed = zero(page[free+4:free+size]) || changed
		free = next
	}
	return changed
}

func zero(b []byte) (changed bool) {
	for i := range b {
		if b[i] != 0 {
			b[i], changed = 0, true
		}
	}
	return changed
}
