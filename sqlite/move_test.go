package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/move"
)

// notMoved are the tables and columns that a move leaves out, and why.
var notMoved = map[string]string{
	"history":         "it is of the file",
	"pending.owner":   "the nodes of the source are over",
	"listing":         "what is moved is listed at once",
	"events.listed":   "what is moved is listed at once",
	"attempts.listed": "what is moved is listed at once",
	"buckets":         "the nodes of the source are over",
	"nodes.name":      "the nodes of the source are over",
	"nodes.version":   "the nodes of the source are over",
	"nodes.started":   "the nodes of the source are over",
	"nodes.joined":    "the nodes of the source are over",
	"nodes.status":    "the nodes of the source are over",
	"nodes.held":      "the nodes of the source are over",
	"nodes.mark":      "the nodes of the source are over",
	"events.fresh":    "they have rows in pending since the source was opened",
	"reorders.after":  "it begins anew",
	"owed.count":      "it tells whether more came up in this file meanwhile",
}

// A table or column that somebody adds must be moved, or be left out on purpose.
func TestEverythingIsMoved(t *testing.T) {
	s := openTemp(t)
	moved := map[string]bool{}
	for i := range move.Tables {
		for _, c := range move.Tables[i].Columns {
			moved[move.Tables[i].Name+"."+c.Name] = true
		}
	}
	columns := 0
	err := s.read(t.Context(), "look", func(c *sqlite.Conn) error {
		return each(c, func(st *sqlite.Stmt) {
			columns++
			table, name := st.ColumnText(0), st.ColumnText(0)+"."+st.ColumnText(1)
			if !moved[name] && notMoved[name] == "" && notMoved[table] == "" {
				t.Errorf("%s is not moved: add it to move.Tables, or say in notMoved why not", name)
			}
		}, "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'")
	})
	if err != nil {
		t.Fatal(err)
	}
	if columns < 200 {
		t.Errorf("only %d columns were looked at", columns)
	}
}

// openTemp opens a new store, which is closed when the test ends.
func openTemp(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "b.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// sinkOf opens a file as what a move fills.
func sinkOf(t *testing.T, path string) *Sink {
	t.Helper()
	m, err := OpenSink(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fillAny puts rows into every table that have something, or NULL where that may be, in
// every column.
func fillAny(t *testing.T, m *Sink) {
	t.Helper()
	if _, err := m.Begin(t.Context(), "nowhere", ""); err != nil {
		t.Fatal(err)
	}
	for i := range move.Tables {
		tb := &move.Tables[i]
		required := map[string]bool{}
		err := m.store.read(t.Context(), "look", func(c *sqlite.Conn) error {
			return each(c, func(st *sqlite.Stmt) { required[st.ColumnText(0)] = st.ColumnBool(1) }, "SELECT name, \"notnull\" FROM pragma_table_info(?)", tb.Name)
		})
		if err != nil {
			t.Fatal(err)
		}
		n := 3
		if tb.Name == "clock" || tb.Name == "hold" {
			n = 1
		}
		var rows []move.Row
		for k := 1; k <= n; k++ {
			row := move.Row{}
			for j, c := range tb.Columns {
				var v any
				switch {
				case k == 2 && j >= tb.Key && !required[c.Name] && c.Name != "latency":
				case c.Kind == move.Text:
					v = fmt.Sprintf("%s é %d", c.Name, k)
				case c.Kind == move.Bytes && k == 3:
					v = []byte{}
				case c.Kind == move.Bytes:
					v = []byte{0, byte(k), 255}
				case c.Kind == move.Bool:
					v = int64(k % 2)
				default:
					v = int64(k)
				}
				row = append(row, v)
			}
			if tb.Name == "owed" {
				row[1] = ""
			}
			if tb.Name == "fanout_lists" {
				row[1] = fmt.Sprintf("app é %d", k) // that of the fanout
			}
			rows = append(rows, row)
		}
		if err := m.Put(t.Context(), tb, rows, move.Mark{Table: tb.Name}, move.Mark{Table: tb.Name, Rows: int64(n), Done: true}); err != nil {
			t.Fatalf("%s: %v", tb.Name, err)
		}
	}
	if err := m.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestMove(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from.db"), filepath.Join(t.TempDir(), "to.db")
	m := sinkOf(t, from)
	fillAny(t, m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), from, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	src, err := s.Source()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst := sinkOf(t, to)
	defer func() { _ = dst.Close() }()
	if _, err := dst.Begin(t.Context(), "elsewhere", ""); err != nil {
		t.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), to, Options{}); !errors.Is(err, ErrMoving) || !strings.Contains(err.Error(), "bellhop migrate") {
		t.Errorf("a file that is half full was opened: %v", err)
	}
	dst = sinkOf(t, to)
	if _, err := move.Run(t.Context(), src, dst, move.Options{From: from}); !errors.Is(err, move.ErrOther) {
		t.Errorf("filled by another: %v", err)
	}
	if err := dst.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := move.Run(t.Context(), src, dst, move.Options{From: from})
	if err != nil {
		t.Fatal(err)
	}
	for _, tb := range got.Tables {
		if want := 3; tb.Rows != int64(want) && tb.Table != "clock" && tb.Table != "hold" && tb.Table != "versions" {
			t.Errorf("%+v", tb)
		}
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), to, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	dst = sinkOf(t, to)
	if _, err := move.Run(t.Context(), src, dst, move.Options{From: from}); !errors.Is(err, move.ErrNotEmpty) {
		t.Errorf("into what is full: %v", err)
	}
}

func TestMovedStateTellsWhetherItWasServed(t *testing.T) {
	s := openTemp(t)
	state := func() string {
		src, err := s.Source()
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		state, err := src.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	seen := []string{state()}
	if again := state(); again != seen[0] {
		t.Errorf("%q, then %q", seen[0], again)
	}
	for range 2 {
		if _, err := s.Join(t.Context(), bellhop.NodeAbout{}, 1, time.Unix(1700000000, 0)); err != nil {
			t.Fatal(err)
		}
		now := state()
		if slices.Contains(seen, now) {
			t.Errorf("%q again", now)
		}
		seen = append(seen, now)
	}
}
