package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop/internal/seal"
	"github.com/bellhop/bellhop/postgres"
)

// TestTheDatabasesPasswordIsShownNowhere: neither in the settings nor in what is said of
// them, however it is written.
func TestTheDatabasesPasswordIsShownNowhere(t *testing.T) {
	for _, database := range []string{
		"postgres://me:hunter2@127.0.0.1:1/hooks", "postgresql://me:hunter2@127.0.0.1:1/hooks?connect_timeout=1",
		"postgres://me@127.0.0.1:1/hooks?password=hunter2", "host=127.0.0.1 port=1 user=me password=hunter2 dbname=hooks",
		"postgres://me:hunter2%zz@127.0.0.1:1/hooks", "postgres://me:hunter2#x@127.0.0.1:1/hooks",
	} {
		dir := t.TempDir()
		environ := []string{"BELLHOP_DATABASE=" + database, "BELLHOP_DATABASE_DIRECT=" + database, "BELLHOP_WAIT=0s", "BELLHOP_MASTER_KEY_FILE=" + filepath.Join(dir, "key"), "BELLHOP_LISTEN=127.0.0.1:0"}
		for _, args := range [][]string{{"serve", "--print-config"}, {"serve"}, {"doctor"}, {"backup", filepath.Join(dir, "copy")}, {"keys", "recover"}} {
			r := (&run{args: args, environ: environ}).do(t)
			if strings.Contains(r.out+r.errors, "hunter2") {
				t.Errorf("%v says the password:\n%s%s", args, r.out, r.errors)
			}
			if r.code == exitOK && args[len(args)-1] != "--print-config" {
				t.Errorf("%v worked:\n%s%s", args, r.out, r.errors)
			}
		}
	}
	(&run{args: []string{"serve", "--print-config"}, environ: []string{"BELLHOP_DATABASE=postgres://me:hunter2@db.example/hooks"}}).do(t).
		want(t, exitOK, "database: postgres://me@db.example/hooks # BELLHOP_DATABASE", "master_key_file: bellhop.key # default", "wait: 1m # default", "database_direct: \"\" # default")
}

// TestAMisspeltAddressIsNoFile: nothing is made that is called like it, and its password is
// not said.
func TestAMisspeltAddressIsNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, database := range []string{
		"postgre://me:hunter2@127.0.0.1/hooks", "mysql://me:hunter2@127.0.0.1/hooks", "psql:/me:hunter2@127.0.0.1/hooks", "postgres//me:hunter2@127.0.0.1/hooks",
		"me:hunter2@127.0.0.1/hooks", " postgres://me:hunter2@127.0.0.1/hooks", `"postgres://me:hunter2@127.0.0.1/hooks"`,
		"hots=127.0.0.1 port=1 password=hunter2 dbname=hooks", "HOST=127.0.0.1 PASSWORD=hunter2", "pasword=hunter2", "127.0.0.1 password=hunter2", "'host=127.0.0.1 password=hunter2'",
		"postgres://me:x@hunter2@127.0.0.1:1/hooks", "postgres://me:12/hunter2@127.0.0.1:1/hooks", "postgres://me:12?hunter2=@127.0.0.1:1/hooks",
	} {
		for _, args := range [][]string{
			{"serve", "--listen", "127.0.0.1:0", "--wait", "0s", "--database", database}, {"doctor", "--database", database}, {"migrate", "--from", "bellhop.db", "--to", database}, {"migrate", "--from", database, "--to", "new.db"},
		} {
			r := (&run{args: args}).do(t)
			if r.code == exitOK || strings.Contains(r.out+r.errors, "hunter2") {
				t.Errorf("%q: %d\n%s%s", args, r.code, r.out, r.errors)
			}
			if args[0] == "serve" && (r.code != exitUsage || !strings.Contains(r.errors, "postgres://user@host")) {
				t.Errorf("%q: no remedy: %s", args, r.errors)
			}
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("there are %v now, %v", left, err)
	}
	for _, file := range []string{"bellhop.db", "./a=b.db", "data/acme@home.db", "/var/lib/bellhop/hooks.db"} {
		if err := checkName("database", file); err != nil || onPostgreSQL(file) {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, database := range []string{"POSTGRES://me:hunter2@db/hooks", "PostgreSQL://me:hunter2@db/hooks", "password=hunter2 user=me host=db dbname=hooks"} {
		(&run{args: []string{"serve", "--print-config", "--database", database}}).do(t).want(t, exitOK, "database: postgres://me@db/hooks")
	}
}

func TestWhatIsWrongNamesItsFieldOnce(t *testing.T) {
	for _, tc := range [][3]string{
		{"subject", "subject has 5000 bytes", "subject has 5000 bytes"}, {"app", "there is no app \"x\"", "app: there is no app \"x\""}, {"id", "belongs to another event", "id: belongs to another event"},
	} {
		if got := faultOf(tc[0], tc[1]); got != tc[2] {
			t.Errorf("%q, want %q", got, tc[2])
		}
	}
}

func TestSettingsOfTheDatabase(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--database-direct", "postgres://db/hooks"}, "database-direct is for a --database of PostgreSQL"},
		{[]string{"--database", "postgres://db/hooks", "--database-direct", "bellhop.db"}, "database-direct: write it like --database"},
		{[]string{"--wait", "-1s"}, "-1s"},
		{[]string{"--wait", "soon"}, "soon"},
	} {
		(&run{args: append([]string{"serve", "--print-config"}, tc.args...)}).do(t).want(t, exitUsage, tc.want)
	}
	host, _ := os.Hostname()
	(&run{args: []string{"serve", "--print-config", "--wait", "0s"}}).do(t).want(t, exitOK, "wait: 0s # flag", "node_name: "+host+" # default")
	(&run{args: []string{"serve", "--database", "postgres://me@127.0.0.1/hooks?sslmode=certainly", "--listen", "127.0.0.1:0"}}).do(t).want(t, exitUsage, "not the address of a PostgreSQL database")
	(&run{args: []string{"backup", "--database", "postgres://me@127.0.0.1/hooks", "copy"}}).do(t).want(t, exitFailed, "pg_dump")
}

// TestWaitForADatabase: the start waits for one that is away, says so once, and gives up
// in time; what waiting does not help is said at once.
func TestWaitForADatabase(t *testing.T) {
	away := &postgres.OpenError{Database: "db", Kind: postgres.ErrAway, Sentence: "db cannot be reached"}
	wait := func(limit time.Duration, open func(tries int) error) (said string, took time.Duration, err error) {
		synctest.Test(t, func(t *testing.T) {
			var log lockedBuffer
			began, tries := time.Now(), 0
			_, err = waitFor(t.Context(), limit, slog.New(slog.NewTextHandler(&log, nil)), "db", func() (int, error) {
				tries++
				return tries, open(tries)
			})
			said, took = log.String(), time.Since(began)
		})
		return said, took, err
	}
	said, took, err := wait(time.Minute, func(tries int) error {
		if tries < 20 {
			return away
		}
		return nil
	})
	if err != nil || strings.Count(said, "waiting for it") != 1 || strings.Count(said, "the database answers") != 1 || took < 10*time.Second {
		t.Errorf("%v after %s: %v", said, took, err)
	}
	said, took, err = wait(time.Minute, func(int) error { return away })
	if !errors.Is(err, postgres.ErrAway) || !strings.Contains(err.Error(), "--wait") || strings.Count(said, "waiting for it") != 1 || took != time.Minute {
		t.Errorf("%v after %s: %v", said, took, err)
	}
	if _, took, err = wait(time.Minute, func(int) error { return &postgres.OpenError{Kind: postgres.ErrReadOnly} }); !errors.Is(err, postgres.ErrReadOnly) || took != time.Minute {
		t.Errorf("a replica that may become the primary was waited for for %s: %v", took, err)
	}
	for limit, failure := range map[time.Duration]error{0: away, time.Minute: &postgres.OpenError{Kind: postgres.ErrPassword}} {
		if said, took, err = wait(limit, func(int) error { return failure }); !errors.Is(err, failure) || said != "" || took != 0 {
			t.Errorf("%v after %s: %v", said, took, err)
		}
	}
}

// checks are kept in memory, and may be lost on the way.
type checks struct {
	mu     sync.Mutex
	sealed []byte
	failed error
}

func (c *checks) KeyCheck(context.Context) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sealed, nil
}

func (c *checks) NoteKeyCheck(_ context.Context, sealed []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.sealed = sealed
	}
	return c.failed
}

func TestNodesShareOneMasterKey(t *testing.T) {
	dir, kept := t.TempDir(), &checks{failed: errors.New("no room")}
	quiet := slog.New(slog.DiscardHandler)
	open := func(file string) (*seal.Ring, error) {
		ring, _, err := sharedMasterKey(t.Context(), kept, filepath.Join(dir, file), "db", nil, quiet)
		return ring, err
	}
	want := func(file, says string) {
		t.Helper()
		if _, err := open(file); err == nil && says != "" || err != nil && (says == "" || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", file, err, says)
		}
	}
	want("one", "no room")
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("a key file was left that nothing is sealed with: %v", left)
	}
	kept.failed = nil
	want("one", "")
	want("one", "")
	want("two", "two is missing, but db was set up with one: copy the file of the other nodes")
	if _, _, err := seal.LoadOrCreate(filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	want("other", "is not the one of db: the other nodes use another key")

	// Rotation: another key before the old one, on every node; then the old one may go.
	read := func(file string) string {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for file, text := range map[string]string{"both": read("other") + read("one"), "late": read("one") + read("other")} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want("late", "")
	want("both", "")
	want("other", "") // the check is sealed with the new key by now
	want("one", fmt.Sprintf("%s is not the one of db", filepath.Join(dir, "one")))
}
