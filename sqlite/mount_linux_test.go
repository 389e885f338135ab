package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/sqlite"
)

// mount puts a disk of 2 MB under dir; it takes root.
func mount(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skip("cannot mount a small disk: ", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir)
	ballast := filepath.Join(dir, "ballast")
	write(t, ballast, make([]byte, 500_000))
	s := openAt(t, filepath.Join(dir, "bellhop.db"), sqlite.Options{})
	src := newSource()
	for {
		n := src.event(50_000, 1, 0)
		_, err := s.Enqueue(t.Context(), lease(t, s), 0, []bellhop.NewEvent{n}, now)
		if err == nil {
			continue
		}
		if !errors.Is(err, bellhop.ErrUnavailable) {
			t.Fatalf("Enqueue = %v, want ErrUnavailable", err)
		}
		if _, err := s.Event(t.Context(), n.Event.ID); !bellhop.IsNotFound(err) {
			t.Errorf("Event = %v, want not found", err)
		}
		break
	}
	must(t, os.Remove(ballast))
	enqueue(t, s, src.event(50_000, 1, 0))
}

func TestOpenOnAReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir)
	path := filepath.Join(dir, "bellhop.db")
	closed(t, path)
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); !errors.Is(err, sqlite.ErrReadOnly) {
		t.Errorf("Open = %v, want ErrReadOnly", err)
	}
}

// TestOpenOnAFullDisk: whichever of its files does not fit, a new database or an old one says
// that the disk is full.
func TestOpenOnAFullDisk(t *testing.T) {
	testlong.Only(t)
	dir := t.TempDir()
	mount(t, dir)
	path, ballast := filepath.Join(dir, "bellhop.db"), filepath.Join(dir, "ballast")
	for _, old := range []bool{false, true} {
		refused := 0
		for free := int64(0); free < 200_000; free += 4096 {
			remove := func(ends ...string) {
				for _, end := range ends {
					if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
				}
			}
			remove("", "-wal", "-shm", ".lock")
			if old {
				closed(t, path)
				remove("-shm", ".lock") // as after the computer was restarted, or of a copy
			}
			var disk syscall.Statfs_t
			must(t, syscall.Statfs(dir, &disk))
			write(t, ballast, make([]byte, max(int64(disk.Bavail)*disk.Bsize-free, 0)))
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			must(t, os.Remove(ballast))
			switch {
			case err == nil:
				must(t, s.Close())
			case !errors.Is(err, sqlite.ErrFull):
				t.Errorf("with %d bytes left, of an old one %t: %v", free, old, err)
			default:
				refused++
			}
		}
		if refused == 0 {
			t.Errorf("none was refused, of old ones %t", old)
		}
	}
}
