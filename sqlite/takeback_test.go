//go:build unix

package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/internal/testmemory"
)

// fault is what is wrong with the disk of a log: an operation fails, and of those after it none,
// the writes, as where there is no room, or all.
type fault struct {
	at   int
	next string
	// done is how many halves of it are done all the same.
	done int
}

const none, writes, all = "none", "the writes", "all"

func (f fault) String() string {
	return fmt.Sprintf("operation %d fails, and %s after it, with %d halves of it done", f.at, f.next, f.done)
}

// faulty is a log on a disk that can fail.
type faulty struct {
	*noted
	disk *faultyDisk
}

type faultyDisk struct {
	disk
	pages int    // of the commit that meets the fault
	fault *fault // nil: all is well
	begun int    // operations since it was set
}

// fails tells of the next operation whether it fails.
func (d *faultyDisk) fails(write bool) bool {
	if d.fault == nil {
		return false
	}
	d.begun++
	at := d.begun - 1
	return at == d.fault.at || at > d.fault.at && (d.fault.next == all || d.fault.next == writes && write)
}

func (f *faulty) write(tls *libc.TLS, p []byte, at int64) int32 {
	if !f.disk.fails(true) {
		return f.noted.write(tls, p, at)
	}
	if part := p[:len(p)*f.disk.fault.done/2]; len(part) > 0 {
		_ = f.noted.write(tls, part, at)
	}
	return lib.SQLITE_IOERR
}

func (f *faulty) sync(tls *libc.TLS, flags int32) int32 {
	if !f.disk.fails(false) {
		return f.noted.sync(tls, flags)
	}
	return lib.SQLITE_IOERR_FSYNC
}

// spoilBy has the store's own writing and flushing of the log go by the disk.
func (d *faultyDisk) spoilBy(l *writeAheadLog) {
	write := l.write
	l.write = func(p []byte, at int64) error {
		if !d.fails(true) {
			d.add(diskOp{kind: 'w', file: 1, at: at, data: bytes.Clone(p)})
			return write(p, at)
		}
		if part := p[:len(p)*d.fault.done/2]; len(part) > 0 {
			d.add(diskOp{kind: 'w', file: 1, at: at, data: bytes.Clone(part)})
			_ = write(part, at)
		}
		return syscall.EIO
	}
}

func (d *faultyDisk) flush(*os.File) error {
	if d.fails(false) {
		return syscall.EIO
	}
	return d.flushed(1, func() error { return nil })
}

// TestWhatFailedIsNotThere fails each operation on the log of a commit in turn: what was
// refused is not there after a kill, or a power cut, and the store goes on when the disk is well.
// With -power-loss 1, each fails in every way.
func TestWhatFailedIsNotThere(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	var d *faultyDisk
	err := registerVFS("faulty", func(_ string, flags int32, f *systemFile) vfsFile {
		switch {
		case flags&lib.SQLITE_OPEN_MAIN_DB != 0:
			return &noted{f, &d.disk, 0}
		case flags&lib.SQLITE_OPEN_WAL != 0:
			return &gatherer{vfsFile: &faulty{&noted{f, &d.disk, 1}, d}}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(save(s, "old", 1), s.Close()); err != nil {
		t.Fatal(err)
	}
	began, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]int{}
	before := func(s *Store) error { return save(s, "before", 1) }
	for when, c := range map[string]struct {
		prepare func(*Store) error
		pages   int
	}{
		"the log is empty":       {func(*Store) error { return nil }, 20},
		"the log has frames":     {before, 20},
		"the log begins anew":    {beginAnew, 20},
		"the log has begun anew": {func(s *Store) error { return errors.Join(beginAnew(s), before(s)) }, 20},
		"a commit of two writes": {before, gatherMost/pageSize + 20},
	} {
		for i := range 9 {
			for at, reached := 0, true; reached; at++ {
				if *cuts > 1 && (at+i)%3 != 0 {
					continue // by another way to fail
				}
				d = &faultyDisk{pages: c.pages}
				d.began[0] = began
				f := fault{at: at, next: []string{none, writes, all}[i%3], done: i / 3}
				answer := ""
				if answer, reached, err = d.play(t, c.prepare, f); err != nil {
					t.Fatalf("%s, %v: %s: %v", when, f, answer, err)
				}
				answers[answer]++
			}
		}
	}
	t.Log(answers)
	for _, answer := range []string{"done", "refused", "unknown", "unknown, and final"} {
		if answers[answer] == 0 {
			t.Errorf("nothing was ever answered %q: %v", answer, answers)
		}
	}
}

// save saves an app of about so many pages.
func save(s *Store, app string, pages int) error {
	filler := strings.Repeat("x", (pages-1)*pageSize)
	return s.SaveApp(context.Background(), bellhop.App{ID: app, Metadata: map[string]string{"filler": filler}}, nil)
}

// beginAnew leaves a long round of the log behind.
func beginAnew(s *Store) error {
	return errors.Join(save(s, "round", 60), save(s, "round-two", 1), s.check.held("RESTART"))
}

// play saves an app while the disk has a fault. It gives what was answered, and whether the
// fault was met.
func (d *faultyDisk) play(t *testing.T, prepare func(*Store) error, f fault) (answer string, reached bool, err error) {
	dir, err := os.MkdirTemp(testmemory.Dir(), "bellhop-takeback-*")
	if err != nil {
		return "", false, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bellhop.db")
	if err := os.WriteFile(path, d.began[0], 0o600); err != nil {
		return "", false, err
	}
	s, err := Open(t.Context(), path, Options{vfs: "faulty", checkpointAfter: checkpointAfter, maxLog: maxLog, flush: d.flush, Readers: 1})
	if err != nil {
		return "", false, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	d.spoilBy(s.files.wal)
	if err := prepare(s); err != nil {
		return "", false, err
	}
	had := apps(t, s)

	d.fault = &f
	told := save(s, "new", d.pages)
	reached = d.begun > f.at
	switch {
	case told == nil:
		answer = "done"
	case errors.Is(told, bellhop.ErrUnknown):
		answer = "unknown"
	case errors.Is(told, bellhop.ErrUnavailable):
		answer = "refused"
	default:
		return "", reached, told
	}
	if s.Unkept() != nil {
		answer += ", and final"
	}
	sure := map[string]bool{"new": told == nil}
	if answer == "unknown" || answer == "unknown, and final" {
		delete(sure, "new")
	}
	if err := d.check(t, path, had, sure); err != nil {
		return answer, reached, err
	}
	if f.next != none && told != nil {
		switch err := save(s, "next", 1); {
		case errors.Is(err, bellhop.ErrUnknown):
		case errors.Is(err, bellhop.ErrUnavailable):
			sure["next"] = false
		default:
			return answer, reached, fmt.Errorf("the next was answered %w", err)
		}
		if err := d.check(t, path, had, sure); err != nil {
			return answer, reached, err
		}
	}

	d.fault = nil
	err = save(s, "last", 1)
	if s.Unkept() != nil {
		if !errors.Is(err, bellhop.ErrUnavailable) {
			err = fmt.Errorf("after a flush that failed a step was answered %w", err)
		} else {
			err = nil
		}
		return answer, reached, err
	}
	if err != nil {
		return answer, reached, fmt.Errorf("when the disk was well again: %w", err)
	}
	// What the store shows now is what there is.
	for _, app := range []string{"new", "next", "last"} {
		sure[app] = slices.Contains(apps(t, s), app)
	}
	if sure["new"] != (told == nil) || !sure["last"] {
		return answer, reached, fmt.Errorf("the store has %v", apps(t, s))
	}
	return answer, reached, d.check(t, path, had, sure)
}

// check fails if a kill or a power cut now leaves another state than what is sure.
func (d *faultyDisk) check(t *testing.T, path string, had []string, sure map[string]bool) error {
	var killed [2][]byte
	for i, suffix := range []string{"", "-wal"} {
		var err error
		if killed[i], err = os.ReadFile(path + suffix); err != nil {
			return err
		}
	}
	if err := checkApps(t, killed, had, sure); err != nil {
		return fmt.Errorf("after a kill: %w", err)
	}
	random := rand.New(rand.NewPCG(uint64(len(d.ops)), 1))
	asked, last := 0, 0
	for _, c := range []struct {
		what string
		keep func() bool
	}{
		{"nothing", func() bool { last++; return false }}, // and counts
		{"half", func() bool { return random.IntN(2) == 0 }},
		{"most", func() bool { return random.IntN(50) != 0 }},
		{"all but the last sector", func() bool { return asked != last }},
		{"all but the last two sectors", func() bool { return asked < last-1 }},
	} {
		asked = 0
		cut := d.cut(len(d.ops), func() bool { asked++; return c.keep() })
		if err := checkApps(t, cut, had, sure); err != nil {
			return fmt.Errorf("after a power cut that keeps %s: %w", c.what, err)
		}
	}
	return nil
}

func checkApps(t *testing.T, files [2][]byte, had []string, sure map[string]bool) (wrong error) {
	dir, err := os.MkdirTemp(testmemory.Dir(), "bellhop-takeback-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bellhop.db")
	for i, suffix := range []string{"", "-wal"} {
		if err := os.WriteFile(path+suffix, files[i], 0o600); err != nil {
			return err
		}
	}
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { wrong = errors.Join(wrong, c.Close()) }()
	verdict := ""
	var got []string
	err = errors.Join(
		each(c, func(st *sqlite.Stmt) { verdict += st.ColumnText(0) }, "PRAGMA integrity_check"),
		each(c, func(st *sqlite.Stmt) { got = append(got, st.ColumnText(0)) }, "SELECT id FROM apps"),
	)
	if err != nil || verdict != "ok" {
		return fmt.Errorf("integrity_check: %s, %w", verdict, err)
	}
	for _, app := range had {
		if !slices.Contains(got, app) {
			return fmt.Errorf("app %s is lost, there are %v", app, got)
		}
	}
	for app, there := range sure {
		if slices.Contains(got, app) != there {
			return fmt.Errorf("app %s is there: %t, want %t", app, !there, there)
		}
	}
	return nil
}
