package testpostgres

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop/internal/testport"
)

// Bouncer starts a PgBouncer in front of a database, which gives transactions connections
// in turn, and gives the URL of the database through it. It ends with the test, and with
// the process. settings are lines of its configuration.
func Bouncer(t testing.TB, database string, settings ...string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // which is not in everybody's PATH
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("this test needs PgBouncer: install it (on Debian: apt-get install pgbouncer)")
	}
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "bellhop-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := own(dir); err != nil {
		t.Fatal(err)
	}
	listen := testport.Reserve(t)
	host, port, _ := net.SplitHostPort(listen)
	target := fmt.Sprintf("host=%s port=%d user=%s dbname=%s", config.Host, config.Port, config.User, config.Database)
	if config.Password != "" {
		target += " password=" + config.Password
	}
	ini := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
bouncer_test = %s
[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 20
server_login_retry = 1
%s
`, target, host, port, strings.Join(settings, "\n"))
	if err := os.WriteFile(ini, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	// Its third descriptor ends with this process, however that ends.
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `"$@" </dev/null 3<&- & server=$!; { read -r _ <&3; kill -TERM $server 2>/dev/null; } & wait $server`, "sh", program, ini)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, log, log, []*os.File{theirs}
	unprivileged(cmd)
	err = cmd.Start()
	_ = log.Close()
	_ = theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ours.Close()
		_ = cmd.Wait()
	})
	u := url.URL{Scheme: "postgres", User: url.User(config.User), Host: listen, Path: "/bouncer_test", RawQuery: "sslmode=disable"}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, u.String())
		if err == nil {
			_ = c.Close(ctx)
			return u.String()
		}
		if ctx.Err() != nil {
			said, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("PgBouncer did not start: %v\n%s", err, said)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
