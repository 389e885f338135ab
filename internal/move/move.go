// Package move carries everything that one store holds into another: table by table,
// each in the order of its key, in pieces that are transactions of the target. How far
// it has come is written in those transactions, so that a move which was interrupted, at
// whatever moment, goes on where it was. At the end both sides are read again and
// compared, row by row.
//
// A store need not know the other one: it reads and writes the tables of this package
// (tables.go), whose rows are made of integers, texts and bytes.
package move

import (
	"bytes"
	"context"
	"iter"
)

// Kind is what a column holds, and as what a Row has it.
type Kind uint8

// The kinds. Each may be NULL besides, which a Row has as nil.
const (
	Int   Kind = iota // int64; times are microseconds since 1970
	Bool              // int64, 0 or 1
	Text              // string
	Bytes             // []byte
)

// Column is a column of a Table.
type Column struct {
	Name string
	Kind Kind
}

// Table is what both stores know under one name.
type Table struct {
	Name    string
	Columns []Column
	// Key is how many columns, from the first on, no two rows have alike. Rows come in
	// their order; texts in that of their bytes.
	Key int
}

// Row has a value for each of a table's columns: an int64, string, []byte or nil.
type Row []any

// Source reads one state of a store, whatever is written to it meanwhile.
type Source interface {
	// State names the state that is read: a store that was served or changed since has
	// another one.
	State(ctx context.Context) (string, error)
	// Present names the state that the store has now: that of State, unless somebody uses
	// it meanwhile.
	Present(ctx context.Context) (string, error)
	// Count is how many rows a table has.
	Count(ctx context.Context, t *Table) (int64, error)
	// Rows gives the rows behind the one that after is the key of (nil: all) in the order
	// of their keys. It holds no more than a few of them in memory. The rows are the
	// caller's. After an error there is nothing more.
	Rows(ctx context.Context, t *Table, after Row) iter.Seq2[Row, error]
}

// Sink is an empty store, or one that a move has begun to fill. It refuses to be opened
// for anything else until the move is finished.
type Sink interface {
	// Begin notes what is moved, and answers how far each table has come; tables that
	// were not begun may be left out. It fails with a Refusal if the store holds something
	// that is not of this move: NotEmpty, or Other where from or state are others than
	// those of the move that was begun.
	Begin(ctx context.Context, from, state string) ([]Mark, error)
	// Put adds rows, and notes how far the table has come, in one transaction. It fails
	// with Overtaken, having done nothing, if the table is not where was says.
	Put(ctx context.Context, t *Table, rows []Row, was, is Mark) error
	// Text is how the store keeps a text: one that cannot hold some characters has others
	// in their place. To keep what was kept changes nothing.
	Text(s string) string
	// Rows are those of a Source, of what was put.
	Rows(ctx context.Context, t *Table, after Row) iter.Seq2[Row, error]
	// Finish makes what follows from the tables, and opens the store for use.
	Finish(ctx context.Context) error
}

// Mark is how far a table has come.
type Mark struct {
	Table string
	// After is the key of the last row that was put (encodeKey); nil: none was.
	After []byte
	// Rows is how many were put.
	Rows int64
	// Done says that there are no more.
	Done bool
}

// Equal compares marks.
func (m Mark) Equal(n Mark) bool {
	return m.Table == n.Table && bytes.Equal(m.After, n.After) && m.Rows == n.Rows && m.Done == n.Done
}
