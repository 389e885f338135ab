package sqlite

import (
	"strings"

	"zombiezen.com/go/sqlite"
)

// inserter inserts rows into a table, several at once: a statement opens and closes all indexes
// of its table, and they are so many that this took half of the time of a single row.
//
// The rows of a step are bound one after the other. They are inserted when there are insertMost,
// and at the end of the step; what reads them sooner calls insertGathered first. How many are
// bound is part of the writer's state, so that a rollback forgets them.
type inserter struct {
	st      *sqlite.Stmt
	columns int
}

// insertMost is how many rows are inserted at once: half of it gains nearly as much.
const insertMost = 20

// newInserter prepares the insertion into a table with a list of columns.
func newInserter(c *sqlite.Conn, into string) (i inserter, err error) {
	i.columns = strings.Count(into, ",") + 1
	row := "(?" + strings.Repeat(", ?", i.columns-1) + ")"
	// OR FAIL as where rows are listed: the transaction fails with the statement.
	i.st, err = c.Prepare("INSERT OR FAIL INTO " + into +
		" SELECT * FROM (VALUES " + row + strings.Repeat(", "+row, insertMost-1) + ") LIMIT ? + 0")
	return i, err
}

// next is to bind the row after those that are gathered.
func (i *inserter) next(gathered int) binder { return binder{st: i.st, at: gathered * i.columns} }

// bound says that it did.
func (i *inserter) bound(gathered *int) error {
	if *gathered++; *gathered < insertMost {
		return nil
	}
	return i.run(gathered)
}

// run inserts what is gathered.
func (i *inserter) run(gathered *int) error {
	if *gathered == 0 {
		return nil
	}
	b, rows := binder{st: i.st, at: insertMost * i.columns}, *gathered
	b.int(int64(rows))
	*gathered = 0
	err := b.run()
	if rows > 1 && err == nil {
		err = i.st.ClearBindings() // SQLite would keep them, and rows may be large
	}
	return err
}

// insertGathered inserts the rows that steps have gathered.
func (w *writer) insertGathered() error {
	if err := w.events.run(&w.state.gathered.events); err != nil {
		return err
	}
	return w.attempts.run(&w.state.gathered.attempts)
}
