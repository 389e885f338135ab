package testpostgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a PostgreSQL server of this process.
type Cluster struct {
	dir, bin string
	port     string
	server   *exec.Cmd
	stdin    *os.File
}

// NewCluster starts a server for one test, to be stopped, killed and restarted. settings
// are lines of postgresql.conf.
func NewCluster(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := start("", settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.server != nil {
			_ = c.Stop("immediate")
		}
		_ = os.RemoveAll(c.dir)
	})
	return c
}

// socketPort is part of the socket's name: nothing listens on a port, unless settings say so
// with "listen_addresses = …" and "port = …".
const socketPort = "5432"

// URL is that of a database of the cluster.
func (c *Cluster) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database}
	u.RawQuery = url.Values{"host": {c.dir}, "port": {c.port}}.Encode()
	return u.String()
}

// Socket is the path of the socket that the server listens at.
func (c *Cluster) Socket() string { return filepath.Join(c.dir, ".s.PGSQL."+c.port) }

// Dir is where the server's files are: its data in "data", its log in "log".
func (c *Cluster) Dir() string { return c.dir }

// start makes a cluster in a folder, "" is that of temporary files, and starts it.
func start(in string, settings ...string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, port: socketPort}
	for _, line := range settings {
		if port, ok := strings.CutPrefix(line, "port = "); ok {
			c.port = port
		}
	}
	if c.dir, err = os.MkdirTemp(in, "bellhop-postgres-"); err != nil {
		return nil, err
	}
	if err := own(c.dir); err != nil {
		return nil, err
	}
	// What initdb writes need not be safe: a test begins anew.
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+c.data(), "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.Dir = c.dir
	unprivileged(initdb)
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	conf, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conf, "\nlisten_addresses = ''\nunix_socket_directories = '%s'\nport = %s\nmax_connections = 300\nfsync = on\n%s\n",
		c.dir, c.port, strings.Join(settings, "\n"))
	if err = errors.Join(err, conf.Close()); err != nil {
		return nil, err
	}
	return c, c.Start()
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// The shell is told how to end the server by its third descriptor. Where that ends without
// a word, this process has ended, however it did: then what the server has is of no use.
const watch = `"$1" -D "$2" </dev/null 3<&- & server=$!
{
	if read -r how; then kill -"$how" $server; exit; fi
	kill -QUIT $server 2>/dev/null
	while kill -0 $server 2>/dev/null; do sleep 0.05; done
	rm -rf "$3"
} <&3 &
wait $server`

// Start starts the server again, and waits until it answers.
func (c *Cluster) Start() error {
	end, stdin, err := os.Pipe()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	c.server = exec.Command("/bin/sh", "-c", watch, "sh", filepath.Join(c.bin, "postgres"), c.data(), c.dir)
	c.server.Dir, c.server.Stdout, c.server.Stderr = c.dir, log, log
	c.server.ExtraFiles = []*os.File{end}
	c.stdin = stdin
	unprivileged(c.server)
	err = c.server.Start()
	_ = log.Close()
	_ = end.Close()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		conn, err := pgx.Connect(ctx, c.URL("postgres"))
		if err == nil {
			err = conn.Close(ctx)
		}
		cancel()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			return fmt.Errorf("PostgreSQL did not start: %w\n%s", err, said)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop ends the server: "smart", "fast" or, without any of what an end needs as on a loss
// of power, "immediate".
func (c *Cluster) Stop(mode string) error {
	signal := map[string]string{"smart": "TERM", "fast": "INT", "immediate": "QUIT"}[mode]
	if _, err := c.stdin.WriteString(signal + "\n"); err != nil {
		return err
	}
	err := c.server.Wait()
	c.server = nil
	_ = c.stdin.Close()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) && mode == "immediate" {
		err = nil
	}
	return err
}

// programs finds the folder with the server's programs.
func programs() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Reverse(dirs)
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			dirs = append([]string{filepath.Dir(real)}, dirs...)
		}
	}
	if named := os.Getenv("BELLHOP_TEST_POSTGRES_BIN"); named != "" {
		dirs = []string{named}
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("the tests need PostgreSQL 14 or newer: install it (on Debian: apt-get install postgresql), " +
		"or name the folder of its programs with BELLHOP_TEST_POSTGRES_BIN, or a server with BELLHOP_TEST_POSTGRES=postgres://…")
}
