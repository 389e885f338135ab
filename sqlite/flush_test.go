//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// apps are those that the store shows.
func apps(t *testing.T, s *Store) (list []string) {
	t.Helper()
	r, err := s.Routes(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Apps {
		list = append(list, a.ID)
	}
	return list
}

// TestAFlushThatFailsIsFinal: the system says of the next one that all is well, and nothing is
// acknowledged all the same, nor copied from the log, until the restart.
func TestAFlushThatFailsIsFinal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bellhop.db")
	var broken atomic.Bool
	s, err := Open(t.Context(), path, Options{
		vfs: gathering, checkpointAfter: checkpointAfter, maxLog: maxLog,
		flush: func(f *os.File) error {
			if broken.CompareAndSwap(true, false) { // it is told once
				return syscall.EIO
			}
			return flushFile(f)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	save := func(app string) error { return s.SaveApp(t.Context(), bellhop.App{ID: app}, nil) }
	if err := save("before"); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Final():
		t.Error("it is final before anything has failed")
	default:
	}
	broken.Store(true)
	if err := save("unknown"); !errors.Is(err, bellhop.ErrUnknown) || !errors.Is(err, syscall.EIO) {
		t.Errorf("what the flush was for was answered %v, want ErrUnknown", err)
	}
	for range 3 {
		if err := save("after"); !errors.Is(err, bellhop.ErrUnavailable) || errors.Is(err, bellhop.ErrUnknown) {
			t.Errorf("a step after it was answered %v, want ErrUnavailable", err)
		}
	}
	if _, more := <-s.Final(); more || !errors.Is(s.Unkept(), syscall.EIO) {
		t.Errorf("those who run it are told %v", s.Unkept())
	}
	if err := s.wipeLog(t.Context()); err == nil {
		t.Error("the log was copied and emptied")
	}
	if got := apps(t, s); len(got) == 0 {
		t.Error("nothing can be read any more")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != string(before) {
		t.Error("the database was written by the end of the store")
	}
	s, err = Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := apps(t, s); len(got) == 0 || got[0] != "before" {
		t.Errorf("after the restart there are the apps %v", got)
	}
	if err := save("again"); err != nil {
		t.Error(err)
	}
}

// failing is a file whose writes fail at times.
type failing struct {
	*systemFile
	full *atomic.Bool
}

func (f failing) write(tls *libc.TLS, p []byte, at int64) int32 {
	if f.full.Load() {
		_ = f.systemFile.write(tls, p[:len(p)/2], at) // as much as there was room for
		return lib.SQLITE_FULL
	}
	return f.systemFile.write(tls, p, at)
}

// TestAGatheredWriteThatFails takes the transaction back, and the store is well when there is
// room again.
func TestAGatheredWriteThatFails(t *testing.T) {
	t.Parallel()
	var full atomic.Bool
	err := registerVFS("failing", func(_ string, flags int32, f *systemFile) vfsFile {
		if flags&lib.SQLITE_OPEN_WAL == 0 {
			return nil
		}
		return &gatherer{vfsFile: failing{f, &full}}
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s, err := Open(t.Context(), path, Options{vfs: "failing", checkpointAfter: checkpointAfter, maxLog: maxLog, flush: flushFile})
	if err != nil {
		t.Fatal(err)
	}
	save := func(app string) error { return s.SaveApp(t.Context(), bellhop.App{ID: app}, nil) }
	for i, app := range []string{"a", "b", "c", "d"} {
		full.Store(i%2 == 1)
		if err := save(app); i%2 == 0 && err != nil || i%2 == 1 && !errors.Is(err, bellhop.ErrUnavailable) {
			t.Errorf("app %s was answered %v", app, err)
		}
	}
	full.Store(false)
	if err := save("e"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if got := apps(t, s); len(got) != 3 || got[0] != "a" || got[1] != "c" || got[2] != "e" {
			t.Errorf("there are the apps %v, want a, c and e", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(t.Context(), path, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestRoomIsMadeBesideAnotherWriter: the log's file is lengthened while Bellhop and another
// connection, as that of a program with tables of its own in the file, write to the log.
func TestRoomIsMadeBesideAnotherWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s, err := Open(t.Context(), path, Options{vfs: gathering, checkpointAfter: 8 << 20, maxLog: 16 << 20, flush: flushFile})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	other, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := execAll(other, "PRAGMA synchronous = off", "PRAGMA wal_autocheckpoint = 0", "CREATE TABLE shop (n INTEGER PRIMARY KEY, padding BLOB)"); err != nil {
		t.Fatal(err)
	}
	const rows = 400
	var both sync.WaitGroup
	both.Go(func() {
		for n := range rows {
			if err := exec(other, "INSERT INTO shop VALUES (?, zeroblob(20000))", n); err != nil {
				t.Error(err)
			}
		}
	})
	both.Go(func() {
		for n := range 60 {
			if err := s.SaveApp(t.Context(), bellhop.App{ID: fmt.Sprint("app-", n)}, nil); err != nil {
				t.Error(err)
			}
		}
	})
	both.Wait()
	verdict, count := "", 0
	err = errors.Join(
		each(other, func(st *sqlite.Stmt) { count = st.ColumnInt(0) }, "SELECT count(*) FROM shop"),
		each(other, func(st *sqlite.Stmt) { verdict += st.ColumnText(0) }, "PRAGMA integrity_check"),
	)
	if err != nil || verdict != "ok" || count != rows {
		t.Errorf("%d rows, integrity_check: %s, %v", count, verdict, err)
	}
	if got := apps(t, s); len(got) != 60 {
		t.Errorf("%d apps", len(got))
	}
}

// TestAnyName: what means something in a URI is a part of the file's name here.
func TestAnyName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?vfs=none&#%41.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
