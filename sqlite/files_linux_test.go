package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/sqlite"
)

// TestNothingIsAcknowledgedThatWouldBeLost: whatever somebody does to the files of an
// open store, the very next write is refused, with what to do, and has done nothing.
// Where the files come back, so does the store; the rest is there after a restart.
func TestNothingIsAcknowledgedThatWouldBeLost(t *testing.T) {
	away := func(name string) func(t *testing.T, path string) func() {
		return func(t *testing.T, path string) func() {
			must(t, os.Rename(path+name, path+name+".away"))
			return func() { must(t, os.Rename(path+name+".away", path+name)) }
		}
	}
	for name, tc := range map[string]struct {
		// spoil does something to the files; what it returns, if anything, undoes it.
		spoil func(t *testing.T, path string) (mend func())
		says  []string
		// whole: a new process finds everything.
		whole bool
	}{
		"database moved": {away(""), []string{"removed or moved", "put it back"}, true},
		"log moved":      {away("-wal"), []string{"write-ahead log", "saved to the database", "Restart"}, true},
		"folder moved": {func(t *testing.T, path string) func() {
			dir := filepath.Dir(path)
			must(t, os.Rename(dir, dir+"2"))
			return func() { must(t, os.Rename(dir+"2", dir)) }
		}, []string{"removed or moved"}, true},
		"database replaced": {func(t *testing.T, path string) func() {
			other := filepath.Join(t.TempDir(), "other.db")
			closed(t, other)
			must(t, os.Rename(path, path+".away"))
			must(t, os.Rename(other, path))
			return func() { must(t, os.Rename(path+".away", path)) }
		}, []string{"another file", "put it back"}, true},
		"log removed": {func(t *testing.T, path string) func() {
			must(t, os.Remove(path+"-wal"))
			return nil
		}, []string{"write-ahead log", "removed", "Restart"}, true},
		"log replaced": {func(t *testing.T, path string) func() {
			must(t, os.Remove(path+"-wal"))
			write(t, path+"-wal", nil)
			return nil
		}, []string{"write-ahead log", "replaced"}, true},
		"database removed": {func(t *testing.T, path string) func() {
			must(t, os.Remove(path))
			return nil
		}, []string{"removed or moved", "restore a backup"}, false},
		"database cut short": {func(t *testing.T, path string) func() {
			must(t, os.Truncate(path, 100))
			return nil
		}, []string{"cut short", "restore a backup"}, false},
		"log cut to half": {func(t *testing.T, path string) func() {
			whole, err := os.ReadFile(path + "-wal")
			must(t, err)
			must(t, os.Truncate(path+"-wal", int64(len(whole)/2)))
			return func() { write(t, path+"-wal", whole) }
		}, []string{"write-ahead log", "cut short", "restore a backup"}, true},
		"log emptied": {func(t *testing.T, path string) func() {
			must(t, os.Truncate(path+"-wal", 0))
			return nil
		}, []string{"write-ahead log", "cut short", "restore a backup"}, false},
		"log's beginning overwritten": {func(t *testing.T, path string) func() {
			whole, err := os.ReadFile(path + "-wal")
			must(t, err)
			spoiled := bytes.Clone(whole)
			copy(spoiled[16:24], "otherway")
			write(t, path+"-wal", spoiled)
			return func() { write(t, path+"-wal", whole) }
		}, []string{"write-ahead log", "overwritten", "restore a backup"}, true},
		"log's end overwritten": {func(t *testing.T, path string) func() {
			whole, err := os.ReadFile(path + "-wal")
			must(t, err)
			write(t, path+"-wal", append(bytes.Clone(whole[:len(whole)-9000]), make([]byte, 9000)...))
			return func() { write(t, path+"-wal", whole) }
		}, []string{"write-ahead log", "overwritten", "restore a backup"}, true},
		"database behind a link": {func(t *testing.T, path string) func() {
			must(t, os.Rename(path, path+".away"))
			must(t, os.Symlink(path+".away", path))
			return func() { must(t, os.Remove(path)); must(t, os.Rename(path+".away", path)) }
		}, []string{"is a link now", "put it back"}, true},
		"log overwritten": {func(t *testing.T, path string) func() {
			info, err := os.Stat(path + "-wal")
			must(t, err)
			write(t, path+"-wal", make([]byte, info.Size()))
			return nil
		}, []string{"write-ahead log", "overwritten", "restore a backup"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			must(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "bellhop.db")
			closed(t, path) // so that the database has a size
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			must(t, err)
			defer func() { _ = s.Close() }()
			must(t, s.SaveApp(t.Context(), bellhop.App{ID: "before"}, nil))
			mend := tc.spoil(t, path)
			for range 2 {
				err := s.SaveApp(t.Context(), bellhop.App{ID: "meanwhile"}, nil)
				if !errors.Is(err, bellhop.ErrUnavailable) || bellhop.CodeOf(err) != bellhop.CodeUnavailable {
					t.Fatalf("a write was answered %v", err)
				}
				for _, part := range tc.says {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q does not say %q", err, part)
					}
				}
			}
			want := []string{"before"}
			if mend != nil {
				mend()
				must(t, s.SaveApp(t.Context(), bellhop.App{ID: "after"}, nil))
				want = []string{"after", "before"}
			}
			if !tc.whole {
				return
			}
			// What a kill -9 leaves is the files as they are now.
			crashed := filepath.Join(t.TempDir(), "bellhop.db")
			for _, suffix := range []string{"", "-wal"} {
				if b, err := os.ReadFile(path + suffix); err == nil {
					write(t, crashed+suffix, b)
				}
			}
			must(t, s.Close())
			for what, at := range map[string]string{"crash": crashed, "restart": path} {
				again := openAt(t, at, sqlite.Options{})
				r, err := again.Routes(t.Context(), 0)
				must(t, err)
				var got []string
				for _, a := range r.Apps {
					got = append(got, a.ID)
				}
				if strings.Join(got, " ") != strings.Join(want, " ") {
					t.Errorf("after a %s there are the apps %v, want %v", what, got, want)
				}
			}
		})
	}
}

// TestALostDatabaseIsNotBegunAnew: SQLite would throw the log away that was left.
func TestALostDatabaseIsNotBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	write(t, path+"-wal", make([]byte, 5000))
	if s, err := sqlite.Open(t.Context(), path, sqlite.Options{}); !errors.Is(err, sqlite.ErrMissing) {
		t.Errorf("Open = %v, %v", s, err)
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() != 5000 {
		t.Errorf("the log is %v, %v", info, err)
	}
}

// TestAHardLinkIsTheSameFile: it has a log and a lock of its own, so two stores would
// ruin it.
func TestAHardLinkIsTheSameFile(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "bellhop.db"), filepath.Join(t.TempDir(), "link.db")
	s := openAt(t, path, sqlite.Options{})
	must(t, os.Link(path, link))
	for range 2 {
		if _, err := sqlite.Open(t.Context(), link, sqlite.Options{}); !errors.Is(err, sqlite.ErrLocked) || !strings.Contains(err.Error(), "another name") {
			t.Errorf("Open = %v, want ErrLocked", err)
		}
	}
	must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
	must(t, s.Close())
	must(t, openAt(t, link, sqlite.Options{}).Close())
}

// TestADamagedLogIsNotCopied: after the log was cut, neither a checkpoint nor the end
// writes what is left of it into the database.
func TestADamagedLogIsNotCopied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	closed(t, path)
	before, err := os.ReadFile(path)
	must(t, err)
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	must(t, err)
	must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
	info, err := os.Stat(path + "-wal")
	must(t, err)
	must(t, os.Truncate(path+"-wal", info.Size()/2))
	must(t, s.Close())
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the database was written: %v", err)
	}
	if left, err := os.Stat(path + "-wal"); err != nil || left.Size() != info.Size()/2 {
		t.Errorf("the log is %v, %v", left, err)
	}
	must(t, openAt(t, path, sqlite.Options{}).Close())
}

// TestALinkToAFileThatIsNotThere: the database is made where the link leads.
func TestALinkToAFileThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	link := filepath.Join(dir, "bellhop.db")
	must(t, os.Symlink("real/data.db", link))
	s := openAt(t, link, sqlite.Options{})
	must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
	if _, err := os.Stat(filepath.Join(dir, "real", "data.db-wal")); err != nil {
		t.Error(err)
	}
	must(t, os.Remove(link))
	must(t, os.Symlink("real/other.db", link))
	if err := s.SaveApp(t.Context(), bellhop.App{ID: "late"}, nil); !errors.Is(err, bellhop.ErrUnavailable) {
		t.Errorf("a write through a link that leads elsewhere was answered %v", err)
	}
}

// TestABackupByAnotherName: the log lies beside the name that the server goes by.
func TestABackupByAnotherName(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	path, link := filepath.Join(dir, "bellhop.db"), filepath.Join(other, "link.db")
	s := openAt(t, path, sqlite.Options{})
	must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
	must(t, os.Link(path, link))
	if err := sqlite.Backup(t.Context(), link, filepath.Join(other, "copy.db"), nil); !errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("Backup = %v, want ErrLocked", err)
	}
	if left, err := os.ReadDir(other); err != nil || len(left) != 1 {
		t.Errorf("beside the link there is %v, %v", left, err)
	}
	must(t, sqlite.Backup(t.Context(), path, filepath.Join(other, "copy.db"), nil))
}
