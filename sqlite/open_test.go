package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop/sqlite"
)

// script runs SQL on a file, as another program would.
func script(t *testing.T, path, sql string) {
	t.Helper()
	c, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite, zombiezen.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := sqlitex.ExecuteScript(c, sql, nil); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, path string)
		kind    error
		says    string
	}{
		"garbage": {
			func(t *testing.T, path string) { write(t, path, bytes.Repeat([]byte("no database"), 1000)) },
			sqlite.ErrCorrupt, "restore a backup",
		},
		"cut short": {
			func(t *testing.T, path string) {
				closed(t, path)
				if err := os.Truncate(path, 3*4096); err != nil {
					t.Fatal(err)
				}
			},
			sqlite.ErrCorrupt, "restore a backup",
		},
		"another application's": {
			func(t *testing.T, path string) { script(t, path, "CREATE TABLE t (x); PRAGMA application_id = 7") },
			sqlite.ErrForeign, "another application",
		},
		"nobody's": {
			func(t *testing.T, path string) { script(t, path, "CREATE TABLE t (x)") },
			sqlite.ErrForeign, "another application",
		},
		"newer": {
			func(t *testing.T, path string) {
				closed(t, path)
				script(t, path, "PRAGMA user_version = 999; INSERT INTO history VALUES (999, 'v9.9.9')")
			},
			sqlite.ErrNewer, "v9.9.9",
		},
		"a folder": {
			func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) },
			sqlite.ErrNoDirectory, "is a folder",
		},
		"in use": {
			func(t *testing.T, path string) { openAt(t, path, sqlite.Options{}) },
			sqlite.ErrLocked, fmt.Sprintf("process %d", os.Getpid()),
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bellhop.db")
			tc.prepare(t, path)
			before, _ := os.ReadFile(path)
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if _, ok := errors.AsType[*sqlite.OpenError](err); !ok || !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Open = %v, want %v and %q", err, tc.kind, tc.says)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOpenWithoutItsFolder(t *testing.T) {
	_, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "no", "bellhop.db"), sqlite.Options{})
	if !errors.Is(err, sqlite.ErrNoDirectory) {
		t.Errorf("Open = %v", err)
	}
}

func TestOpenWithoutPermission(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may do everything")
	}
	path := filepath.Join(t.TempDir(), "bellhop.db")
	closed(t, path)
	must(t, os.Chmod(path, 0o400))
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); !errors.Is(err, sqlite.ErrPermission) {
		t.Errorf("Open = %v", err)
	}
}

func TestALinkIsTheSameFile(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "bellhop.db"), filepath.Join(dir, "link.db")
	openAt(t, path, sqlite.Options{})
	must(t, os.Symlink(path, link))
	if _, err := sqlite.Open(t.Context(), link, sqlite.Options{}); !errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("Open = %v, want ErrLocked", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	must(t, os.WriteFile(path, b, 0o600))
}

// closed makes a database and closes it.
func closed(t *testing.T, path string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Program: "v1.0.0"})
	must(t, err)
	must(t, s.Close())
}
