package move

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// A piece ends with whichever it reaches first, so that neither many small rows nor a few
// large ones take much memory, or a long transaction.
const (
	pieceRows  = 5000
	pieceBytes = 4 << 20
)

// Options say what Run moves.
type Options struct {
	// From names the source, for an interrupted move to find it again.
	From string
	// Report, if not nil, is told how far it is, after each piece.
	Report func(Progress)
}

// Progress is how far a move is.
type Progress struct {
	Table string
	// Checking says that the table is being compared, which comes last.
	Checking bool
	// Rows of the table are done, of about Of.
	Rows, Of int64
	// Done rows of all tables are, of about All: each counts when it is moved, and again
	// when it is checked.
	Done, All int64
}

// Result is what a move has come to.
type Result struct {
	Tables []Moved
	// Continued says that it went on with one that had been interrupted.
	Continued bool
	// Replaced is how many texts held something that the target cannot hold.
	Replaced int64
}

// Moved is a table that both sides have alike.
type Moved struct {
	Table string
	Rows  int64
	// Sum is the SHA-256 of its rows, in hexadecimal.
	Sum string
}

// run is one run of a move.
type run struct {
	src     Source
	dst     Sink
	report  func(Progress)
	at      Progress
	counts  map[string]int64
	checked Result
}

// Run moves everything from src to dst, from where an earlier Run has come to.
func Run(ctx context.Context, src Source, dst Sink, o Options) (Result, error) {
	r := &run{src: src, dst: dst, report: o.Report, counts: map[string]int64{}}
	state, err := src.State(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("look at the source: %w", err)
	}
	marks, err := dst.Begin(ctx, o.From, state)
	if err != nil {
		return Result{}, err
	}
	for i := range Tables {
		t := &Tables[i]
		if r.counts[t.Name], err = src.Count(ctx, t); err != nil {
			return Result{}, fmt.Errorf("count the rows of %s: %w", t.Name, err)
		}
		r.at.All += 2 * r.counts[t.Name]
	}
	r.checked.Continued = len(marks) > 0
	for i := range Tables {
		t := &Tables[i]
		mark := Mark{Table: t.Name}
		if j := slices.IndexFunc(marks, func(m Mark) bool { return m.Table == t.Name }); j >= 0 {
			mark = marks[j]
		}
		if err := r.move(ctx, t, mark); err != nil {
			return Result{}, fmt.Errorf("move %s: %w", t.Name, err)
		}
	}
	for i := range Tables {
		if err := r.check(ctx, &Tables[i]); err != nil {
			return Result{}, fmt.Errorf("check %s: %w", Tables[i].Name, err)
		}
	}
	present, err := src.Present(ctx)
	if err == nil && present != state {
		err = refuse(ErrChanged, "%s was served or changed while it was moved: stop its server, and begin anew with an empty target", o.From)
	}
	if err != nil {
		return Result{}, err
	}
	if err := dst.Finish(ctx); err != nil {
		return Result{}, fmt.Errorf("finish: %w", err)
	}
	return r.checked, nil
}

// tell reports rows of a table that were done since.
func (r *run) tell(t *Table, checking bool, done, more int64) {
	r.at.Table, r.at.Checking, r.at.Rows, r.at.Of = t.Name, checking, done, r.counts[t.Name]
	r.at.Done += more
	if r.report != nil {
		r.report(r.at)
	}
}

// move puts what is left of a table.
func (r *run) move(ctx context.Context, t *Table, mark Mark) error {
	r.tell(t, false, mark.Rows, mark.Rows)
	if mark.Done {
		return nil
	}
	after, err := decodeRow(mark.After)
	if err != nil {
		return err
	}
	var piece []Row
	bytes := 0
	put := func(done bool) error {
		is := Mark{Table: t.Name, After: mark.After, Rows: mark.Rows + int64(len(piece)), Done: done}
		if len(piece) > 0 {
			is.After = appendRow(nil, piece[len(piece)-1][:t.Key])
		}
		if err := r.dst.Put(ctx, t, piece, mark, is); err != nil {
			return err
		}
		r.tell(t, false, is.Rows, int64(len(piece)))
		mark, piece, bytes = is, nil, 0
		return nil
	}
	for row, err := range r.src.Rows(ctx, t, after) {
		if err != nil {
			return err
		}
		r.keep(t, row)
		piece = append(piece, row)
		if bytes += size(row); len(piece) == pieceRows || bytes >= pieceBytes {
			if err := put(false); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil { // a source may stop without a word
		return err
	}
	return put(true)
}

// keep has a row's texts be as the target keeps them, and answers how many are others.
func (r *run) keep(t *Table, row Row) (replaced int64) {
	for i, v := range row {
		if s, ok := v.(string); ok && t.Columns[i].Kind == Text {
			if kept := r.dst.Text(s); kept != s {
				row[i] = kept
				replaced++
			}
		}
	}
	return replaced
}

// check compares a table on both sides.
func (r *run) check(ctx context.Context, t *Table) error {
	next, stop := iter.Pull2(r.dst.Rows(ctx, t, nil))
	defer stop()
	sum := sha256.New()
	n, told := int64(0), int64(0)
	var want, got []byte
	for row, err := range r.src.Rows(ctx, t, nil) {
		if err != nil {
			return err
		}
		r.checked.Replaced += r.keep(t, row)
		copied, err, ok := next()
		if err != nil {
			return err
		}
		if !ok {
			return differs("it has %d rows, and not %s", n, keyOf(t, row))
		}
		want, got = appendRow(want[:0], row), appendRow(got[:0], copied)
		if string(want) != string(got) {
			return differs("%s", difference(t, row, copied))
		}
		sum.Write(want)
		if n++; n-told == pieceRows {
			r.tell(t, true, n, n-told)
			told = n
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	row, err, more := next()
	if err != nil {
		return err
	}
	if more {
		return differs("it has %s, which the source has not", keyOf(t, row))
	}
	r.tell(t, true, n, n-told)
	r.checked.Tables = append(r.checked.Tables, Moved{Table: t.Name, Rows: n, Sum: hex.EncodeToString(sum.Sum(nil))})
	return nil
}

func differs(format string, args ...any) error {
	return refuse(ErrDiffers, "the copy differs from the source: "+format+": begin anew with an empty target", args...)
}

// keyOf names a row, without what it says besides: that may be a secret.
func keyOf(t *Table, row Row) string {
	var words []string
	for i := range t.Key {
		words = append(words, fmt.Sprintf("%s %v", t.Columns[i].Name, row[i]))
	}
	return "the row of " + strings.Join(words, ", ")
}

func difference(t *Table, row, copied Row) string {
	var names []string
	for i := range row {
		if string(appendRow(nil, row[i:i+1])) == string(appendRow(nil, copied[i:i+1])) {
			continue
		}
		if i < t.Key {
			return fmt.Sprintf("where it should have %s, it has %s", keyOf(t, row), keyOf(t, copied))
		}
		names = append(names, t.Columns[i].Name)
	}
	return keyOf(t, row) + " has another " + strings.Join(names, ", ")
}
