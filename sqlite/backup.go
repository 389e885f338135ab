package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// backupStep is how many pages are copied between two looks at ctx.
const backupStep = 1024

// Backup copies the database at srcPath to dstPath while a server may be writing
// to it: the copy is the state of the moment it begins. It never overwrites a
// file, and leaves none behind when it fails. progress, if not nil, is told the
// bytes done and in all.
func Backup(ctx context.Context, srcPath, dstPath string, progress func(done, total int64)) (err error) {
	if _, err := os.Lstat(dstPath); err == nil {
		return fmt.Errorf("back up: %s exists: a backup never overwrites a file, name another", dstPath)
	}
	part, err := os.CreateTemp(filepath.Dir(dstPath), ".bellhop-backup-*")
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer func() {
		if remove := os.Remove(part.Name()); err == nil && !errors.Is(remove, os.ErrNotExist) {
			err = remove
		}
	}()
	defer part.Close()
	if err := copyDatabase(ctx, srcPath, part.Name(), progress); err != nil {
		return fmt.Errorf("back up %s: %w", srcPath, err)
	}
	if err := verify(part.Name()); err != nil {
		return fmt.Errorf("back up %s: the copy is not sound: %w", srcPath, err)
	}
	if err := part.Sync(); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	// A link, not a rename: it fails if somebody made the file meanwhile.
	err = os.Link(part.Name(), dstPath)
	if err != nil && !errors.Is(err, os.ErrExist) {
		// No hard links here, as on a memory stick: the look above must do.
		err = os.Rename(part.Name(), dstPath)
	}
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return syncDirectory(filepath.Dir(dstPath))
}

// NoteBackup keeps when a backup began, in a file beside the database, for LastBackup:
// who copies a database does not write to it.
func NoteBackup(path string, at time.Time) error {
	to := backupNote(path)
	part, err := os.CreateTemp(filepath.Dir(to), ".bellhop-backup-*")
	if err != nil {
		return fmt.Errorf("note the backup: %w", err)
	}
	_, err = part.WriteString(at.UTC().Format(time.RFC3339) + "\n")
	err = errors.Join(err, part.Chmod(0o644), part.Close()) // the server may be another user
	if err == nil {
		err = os.Rename(part.Name(), to)
	}
	if err != nil {
		_ = os.Remove(part.Name())
		return fmt.Errorf("note the backup: %w", err)
	}
	return nil
}

// LastBackup tells when the last backup began that was noted; zero if none was.
func LastBackup(path string) (time.Time, error) {
	b, err := os.ReadFile(backupNote(path))
	if errors.Is(err, os.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the last backup was: %w", err)
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(b)))
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the last backup was: %s: %w", backupNote(path), err)
	}
	return at, nil
}

func backupNote(path string) string { return resolve(path) + ".backup" }

// Sizes tells how large the database and its write-ahead log are, in bytes.
func (s *Store) Sizes() (database, log int64, err error) {
	for _, f := range []struct {
		path string
		size *int64
	}{{s.path, &database}, {s.path + "-wal", &log}} {
		info, err := os.Stat(f.path)
		if err != nil {
			return 0, 0, fmt.Errorf("measure the database: %w", err)
		}
		*f.size = info.Size()
	}
	return database, log, nil
}

func copyDatabase(ctx context.Context, srcPath, dstPath string, progress func(done, total int64)) (err error) {
	if _, err := os.Stat(srcPath); err != nil {
		return err
	}
	srcPath = resolve(srcPath)
	if err := otherName(srcPath); err != nil {
		return err
	}
	src, err := sqlite.OpenConn(srcPath, sqlite.OpenReadWrite)
	if err != nil {
		return openError(srcPath, err)
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	src.SetInterrupt(ctx.Done())
	if err := identify(src, srcPath); err != nil {
		return openError(srcPath, err)
	}
	// A read transaction holds on to one state. Without it, each commit of the
	// server would make the copy begin anew, and it would never end.
	if err := execAll(src, "PRAGMA query_only = 1", "BEGIN"); err != nil {
		return err
	}
	if err := each(src, func(*sqlite.Stmt) {}, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	dst, err := sqlite.OpenConn(dstPath, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	// The file is thrown away if anything fails, and synced once at the end.
	if err := execAll(dst, "PRAGMA journal_mode = off", "PRAGMA synchronous = off"); err != nil {
		return err
	}
	return copyPages(ctx, dst, src, progress)
}

func copyPages(ctx context.Context, dst, src *sqlite.Conn, progress func(done, total int64)) error {
	b, err := sqlite.NewBackup(dst, "main", src, "main")
	if err != nil {
		return err
	}
	for more := true; more && err == nil; {
		if err = ctx.Err(); err != nil {
			break
		}
		more, err = b.Step(backupStep)
		if progress != nil && err == nil {
			total := int64(b.PageCount())
			progress((total-int64(b.Remaining()))*pageSize, total*pageSize)
		}
	}
	return errors.Join(err, b.Close())
}

// verify reads the copy through, without leaving files beside it.
func verify(path string) error {
	path, err := filepath.Abs(path) // a relative path would be read as the URI's host
	if err != nil {
		return err
	}
	c, err := sqlite.OpenConn((&url.URL{Scheme: "file", Path: path, RawQuery: "immutable=1"}).String(), sqlite.OpenReadOnly, sqlite.OpenURI)
	if err != nil {
		return err
	}
	defer c.Close()
	verdict := ""
	if err := each(c, func(st *sqlite.Stmt) { verdict += st.ColumnText(0) + "; " }, "PRAGMA quick_check(5)"); err != nil {
		return err
	}
	if verdict != "ok; " {
		return errors.New(verdict)
	}
	return nil
}

// syncDirectory makes the new name durable.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems cannot sync a folder: then the name is as durable as
	// they make it.
	_ = d.Sync()
	return nil
}
