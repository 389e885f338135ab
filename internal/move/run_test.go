package move

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
)

// shelf is a store in memory, as both sides of a move see one.
type shelf struct {
	rows  map[string][]Row
	marks map[string]Mark
	from  string
	// present is the state of the source, which is read as "state".
	present string
	open    bool
	// dies is called before and after each Put has taken effect: what it returns ends the
	// move there.
	dies func() error
	// held is how many rows a Put had at most, and puts how many there were.
	held, puts int
}

func newShelf() *shelf {
	return &shelf{rows: map[string][]Row{}, marks: map[string]Mark{}, present: "state", dies: func() error { return nil }}
}

func (s *shelf) State(context.Context) (string, error)   { return "state", nil }
func (s *shelf) Present(context.Context) (string, error) { return s.present, nil }
func (s *shelf) Count(_ context.Context, t *Table) (int64, error) {
	return int64(len(s.rows[t.Name])), nil
}

func (s *shelf) Text(text string) string      { return strings.ReplaceAll(text, "\x00", "�") }
func (s *shelf) Finish(context.Context) error { s.open = true; return nil }
func (s *shelf) Rows(_ context.Context, t *Table, after Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, row := range s.rows[t.Name] {
			if after != nil && row[0].(int64) <= after[0].(int64) {
				continue
			}
			if !yield(slices.Clone(row), nil) {
				return
			}
		}
	}
}

func (s *shelf) Begin(_ context.Context, from, state string) ([]Mark, error) {
	if s.from != "" && s.from != from+state {
		return nil, Other("the shelf", from, s.from, "")
	}
	s.from = from + state
	var marks []Mark
	for _, m := range s.marks {
		marks = append(marks, m)
	}
	return marks, nil
}

func (s *shelf) Put(_ context.Context, t *Table, rows []Row, was, is Mark) error {
	if err := s.dies(); err != nil {
		return err
	}
	if before, ok := s.marks[t.Name]; ok && !before.Equal(was) || !ok && !was.Equal(Mark{Table: t.Name}) {
		return Overtaken("the shelf")
	}
	s.rows[t.Name] = append(s.rows[t.Name], rows...)
	s.marks[t.Name] = is
	s.held = max(s.held, len(rows))
	s.puts++
	return s.dies()
}

// fill has rows in tables of one integer key, some of which are large.
func fill(s *shelf, n int) {
	for _, name := range []string{"endpoints", "events", "pending"} {
		t := table(name)
		for i := range n {
			row := make(Row, len(t.Columns))
			for j, c := range t.Columns {
				switch {
				case j == 0:
					row[j] = int64(i + 1)
				case c.Kind == Text:
					row[j] = fmt.Sprint(name, " ", c.Name, i)
				case c.Kind == Bytes && i%3 > 0:
					row[j] = []byte(strings.Repeat("x", i%3*40))
				case c.Kind == Bytes:
					row[j] = []byte{}
				case i%2 == 0:
					row[j] = int64(j)
				}
			}
			s.rows[name] = append(s.rows[name], row)
		}
	}
}

func table(name string) *Table {
	return &Tables[slices.IndexFunc(Tables, func(t Table) bool { return t.Name == name })]
}

func TestMove(t *testing.T) {
	src, dst := newShelf(), newShelf()
	fill(src, 2*pieceRows+7)
	src.rows["events"][3][2] = "a\x00b"
	var last Progress
	got, err := Run(t.Context(), src, dst, Options{From: "a", Report: func(p Progress) {
		if p.Done < last.Done || p.Done > p.All || p.Rows > p.Of {
			t.Errorf("progress %+v after %+v", p, last)
		}
		last = p
	}})
	if err != nil {
		t.Fatal(err)
	}
	if last.Done != last.All || last.All != 6*(2*pieceRows+7) {
		t.Errorf("at the end: %+v", last)
	}
	if !dst.open || got.Continued || got.Replaced != 1 || len(got.Tables) != len(Tables) {
		t.Errorf("result %+v", got)
	}
	if dst.held > pieceRows {
		t.Errorf("%d rows at once", dst.held)
	}
	for _, m := range got.Tables {
		if int(m.Rows) != len(src.rows[m.Table]) || int(m.Rows) != len(dst.rows[m.Table]) || len(m.Sum) != 64 {
			t.Errorf("%+v", m)
		}
	}
}

// However often it dies, and wherever, it comes to the same.
func TestMoveGoesOnWhereItDied(t *testing.T) {
	src := newShelf()
	fill(src, pieceRows+9)
	whole := newShelf()
	want, err := Run(t.Context(), src, whole, Options{From: "a"})
	if err != nil {
		t.Fatal(err)
	}
	killed := errors.New("killed")
	dst := newShelf()
	for at := 0; ; at++ {
		dies := 0
		dst.dies = func() error {
			if dies++; dies == 1+at%3 {
				return killed
			}
			return nil
		}
		got, err := Run(t.Context(), src, dst, Options{From: "a"})
		if errors.Is(err, killed) && !dst.open && at < 1000 {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if at < len(Tables) || !got.Continued {
			t.Errorf("it died only %d times", at)
		}
		got.Continued = false
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		return
	}
}

func TestMoveRefusesAnother(t *testing.T) {
	src, dst := newShelf(), newShelf()
	dst.from = "bstate"
	if _, err := Run(t.Context(), src, dst, Options{From: "a"}); !errors.Is(err, ErrOther) {
		t.Errorf("%v", err)
	}
}

func TestMoveRefusesASourceThatIsServed(t *testing.T) {
	src, dst := newShelf(), newShelf()
	src.present = "other"
	if _, err := Run(t.Context(), src, dst, Options{From: "a"}); !errors.Is(err, ErrChanged) || dst.open {
		t.Errorf("%v", err)
	}
}

func TestCheckFindsWhatDiffers(t *testing.T) {
	for name, spoil := range map[string]func(*shelf){
		"events: the copy differs from the source: the row of id 3 has another app, data": func(s *shelf) {
			s.rows["events"][2][1], s.rows["events"][2][10] = "other", nil
		},
		"pending: the copy differs from the source: it has 8 rows, and not the row of id 9":           func(s *shelf) { s.rows["pending"] = s.rows["pending"][:8] },
		"where it should have the row of id 4, it has the row of id 5":                                func(s *shelf) { s.rows["events"] = slices.Delete(s.rows["events"], 3, 4) },
		"backlog: the copy differs from the source: it has the row of at 7, which the source has not": func(s *shelf) { s.rows["backlog"] = []Row{{int64(7), nil, nil}} },
		"the row of id 1 has another data":                                                            func(s *shelf) { s.rows["events"][0][10] = nil }, // and not empty
	} {
		src, dst := newShelf(), newShelf()
		fill(src, 9)
		fill(dst, 9)
		spoil(dst)
		for i := range Tables {
			dst.marks[Tables[i].Name] = Mark{Table: Tables[i].Name, Done: true}
		}
		_, err := Run(t.Context(), src, dst, Options{From: "a"})
		if !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), name) || dst.open {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

func TestKeysComeBack(t *testing.T) {
	for _, key := range []Row{{int64(-1)}, {"a\x00", "", int64(1 << 62)}, {nil, []byte{}, []byte{0, 255}}} {
		b := appendRow(nil, key)
		got, err := decodeRow(b)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(key) {
			t.Errorf("%v came back as %v: %v", key, got, err)
		}
		for i := 1; i < len(b); i++ {
			if got, err := decodeRow(b[:i]); err == nil && fmt.Sprint(got) == fmt.Sprint(key) {
				t.Errorf("%v was read from a part of it", key)
			}
		}
	}
}

func TestTables(t *testing.T) {
	names := map[string]bool{}
	for i := range Tables {
		tb := &Tables[i]
		if names[tb.Name] || tb.Key < 1 || tb.Key > len(tb.Columns) {
			t.Errorf("%+v", tb)
		}
		names[tb.Name] = true
	}
}
