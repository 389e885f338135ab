package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testlong"
)

// TestAFullDiskAndAKill: the log's file has room, and the index of the log does not, so that
// SQLite fails a commit whose frames it has all written. What a kill leaves then does not have it.
func TestAFullDiskAndAKill(t *testing.T) {
	testlong.Only(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=56m"); err != nil {
		t.Skip("cannot mount a small disk: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "bellhop.db")
	s, err := Open(t.Context(), path, Options{vfs: gathering, checkpointAfter: 1 << 40, maxLog: 1, flush: flushFile})
	must(err)
	defer func() { must(s.Close()) }()
	for enough := false; !enough; {
		enough, err = s.check.reserve(40<<20, 1<<20)
		must(err)
	}
	var free syscall.Statfs_t
	must(syscall.Statfs(dir, &free))
	must(os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, int64(free.Bavail)*free.Bsize), 0o600))

	padding := map[string]string{"filler": strings.Repeat("x", 1<<20)}
	for n := 0; ; n++ {
		app := strings.Repeat("a", n+1)
		err := s.SaveApp(t.Context(), bellhop.App{ID: app, Metadata: padding}, nil)
		if err == nil && n < 40 {
			continue
		}
		if sqlite.ErrCode(err) != sqlite.ResultIOErrSHMSize {
			t.Fatalf("the index has grown beside a full disk: %v", err)
		}
		if !errors.Is(err, bellhop.ErrUnavailable) || errors.Is(err, bellhop.ErrUnknown) || !strings.Contains(err.Error(), "is full") {
			t.Errorf("on a full disk SaveApp = %v, want ErrUnavailable that says so", err)
		}
		if got := len(appsAfterKill(t, path)); got != n {
			t.Errorf("after a kill there are %d apps, and %d were saved", got, n)
		}
		break
	}
	must(os.Remove(filepath.Join(dir, "ballast")))
	must(s.SaveApp(t.Context(), bellhop.App{ID: "again"}, nil))
}

// appsAfterKill are those of a store that is opened on what the process would leave now.
func appsAfterKill(t *testing.T, path string) []string {
	t.Helper()
	killed := filepath.Join(t.TempDir(), "bellhop.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), killed, Options{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return apps(t, s)
}
