package sqlite

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// lines are what was logged.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.all.String(), text)
}

// TestAReadThatHoldsTheLogIsTold: the log grows for as long as somebody reads from where it
// was, and the operator is told, once in a while; without such a read, never.
func TestAReadThatHoldsTheLogIsTold(t *testing.T) {
	t.Parallel()
	const says = "reading the database for long"
	// Much more than a commit, as they usually are: what the writer is about to write is not taken
	// for what a read holds.
	const after, most = 1 << 20, 2 << 20
	path, log := filepath.Join(t.TempDir(), "bellhop.db"), &lines{}
	s, err := Open(t.Context(), path, Options{
		vfs: gathering, checkpointAfter: after, maxLog: most, flush: flushFile, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	// write commits until something is so.
	write := func(what string, until func() bool) {
		for n := 0; !until(); n++ {
			if n == 20_000 {
				t.Fatalf("%s: 20 000 commits later the log has %d bytes, and says %q", what, s.check.logged.Load(), log.all.String())
			}
			if err := s.SaveApp(t.Context(), bellhop.App{ID: fmt.Sprint(what, n), Metadata: map[string]string{"filler": strings.Repeat("x", 8<<10)}}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	written := 0
	write("nobody", func() bool { written++; return written > 1000 })
	if log.count(says) != 0 {
		t.Errorf("told without a read: %s", log.all.String())
	}

	long, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close()
	if err := execAll(long, "BEGIN", "SELECT count(*) FROM apps"); err != nil {
		t.Fatal(err)
	}
	write("held", func() bool { return log.count(says) > 0 })
	if size := s.check.logged.Load(); size < 4*most {
		t.Errorf("told at %d bytes already", size)
	}
	tried := s.check.logged.Load()
	write("on", func() bool { return s.check.logged.Load() > tried+4*most })
	if n := log.count(says); n != 1 {
		t.Errorf("told %d times within a moment", n)
	}

	if err := execAll(long, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	write("again", func() bool { return s.check.logged.Load() < most })
}
