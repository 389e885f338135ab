package testpostgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Standby starts a replica of the cluster that streams from it, for which the cluster is
// restarted. It has the cluster's settings, and its own after those.
func (c *Cluster) Standby(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	s := &Cluster{bin: c.bin, port: c.port}
	for _, line := range settings {
		if port, ok := strings.CutPrefix(line, "port = "); ok {
			s.port = port
		}
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "bellhop-standby-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.server != nil {
			_ = s.Stop("immediate")
		}
		_ = os.RemoveAll(s.dir)
	})
	if err := own(s.dir); err != nil {
		t.Fatal(err)
	}
	// A copy of a server that was stopped is whole, and needs no pg_basebackup, which not
	// all packages of PostgreSQL have.
	if err := c.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	copying := exec.Command("cp", "-R", c.data(), s.data())
	copying.Dir = s.dir
	unprivileged(copying)
	if out, err := copying.CombinedOutput(); err != nil {
		t.Fatalf("copy the data: %v\n%s", err, out)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	conf, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conf, "\nunix_socket_directories = '%s'\nprimary_conninfo = 'host=%s port=%s user=postgres'\n%s\n", s.dir, c.dir, c.port, strings.Join(settings, "\n"))
	if closed := conf.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(s.data(), "standby.signal"), nil, 0o644)
	}
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.streams(t, true)
	return s
}

// Follows waits until a standby has all that its primary has now.
func (c *Cluster) Follows(t testing.TB, primary *Cluster) {
	t.Helper()
	const zero = "::pg_lsn - '0/0'::pg_lsn"
	has := Number(t, primary.URL("postgres"), "SELECT (pg_current_wal_flush_lsn()"+zero+")::bigint")
	for deadline := time.Now().Add(patience); Number(t, c.URL("postgres"), "SELECT (pg_last_wal_replay_lsn()"+zero+")::bigint") < has; {
		if time.Now().After(deadline) {
			t.Fatal("the standby does not follow")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Detach has a standby receive nothing more, as when the network between the servers fails.
func (c *Cluster) Detach(t testing.TB) {
	t.Helper()
	Exec(t, c.URL("postgres"), "ALTER SYSTEM SET primary_conninfo = ''")
	Exec(t, c.URL("postgres"), "SELECT pg_reload_conf()")
	c.streams(t, false)
}

// Promote makes a primary of a standby.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	Exec(t, c.URL("postgres"), "SELECT pg_promote()")
}

// streams waits until a standby streams, or does not.
func (c *Cluster) streams(t testing.TB, want bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for {
		var is bool
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')").Scan(&is); err != nil {
			said, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			t.Fatalf("the standby does not stream: %v\n%s", err, said)
		}
		if is == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
