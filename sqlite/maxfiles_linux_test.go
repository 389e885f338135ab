package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"zombiezen.com/go/sqlite"
)

// TestMaxFiles: with all readers at work, and a checkpoint beside them, a Store has no more
// files open than it says, and hardly fewer.
func TestMaxFiles(t *testing.T) {
	const readers = 3
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s, err := Open(t.Context(), path, Options{Readers: readers})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var begun, done sync.WaitGroup
	enough := make(chan struct{})
	for kind, n := range map[reading]int{forPeople: readers, forFlow: flowReaders, forUpkeep: upkeepReaders} {
		for range n {
			begun.Add(1)
			done.Go(func() {
				begins := sync.OnceFunc(begun.Done)
				defer begins()
				err := s.readFor(t.Context(), kind, "wait", func(c *sqlite.Conn) error {
					defer func() { <-enough }()
					defer begins()
					return each(c, func(*sqlite.Stmt) {}, "SELECT count(*) FROM sqlite_schema")
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	begun.Wait()
	if _, _, err := s.check.copyAside(); err != nil {
		t.Error(err)
	}
	open := 0
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, path) {
			open++
		}
	}
	close(enough)
	done.Wait()
	if most := MaxFiles(readers); open > most || open < most-2 {
		t.Errorf("%d files are open, and MaxFiles says %d", open, most)
	}
}
