package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

// build makes the binary that is measured.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "bellhop")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "github.com/bellhop/bellhop/cmd/bellhop")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// server is a running bellhop on a new database, with an app and endpoints: one process, or
// several that share the database.
type server struct {
	nodes []*node
	key   string
}

type node struct {
	cmd  *exec.Cmd
	addr string
}

// startServer starts bellhop and creates the endpoints at the receiver, the last
// ones at a path that hangs.
func startServer(ctx context.Context, o options, dir, binary string, rcv *remote, hanging int) (*server, error) {
	db, err := os.MkdirTemp(dir, "db-")
	if err != nil {
		return nil, err
	}
	database := cmp.Or(o.database, filepath.Join(db, "bench.db"))
	args := append([]string{
		"serve", "--dev", "--listen", "127.0.0.1:0", "--database", database, "--master-key-file", filepath.Join(db, "bench.key"), "--log-level", "error",
		"--key-rate", "1000000000", "--max-endpoints", "100000", // what is measured is not these bounds
	}, strings.Fields(o.args)...)
	s := &server{}
	for range max(o.nodes, 1) {
		if err := s.start(ctx, binary, args); err != nil {
			s.stop()
			return nil, err
		}
	}
	if err := s.setUp(ctx, o, rcv, hanging); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// start starts one process. The first one tells the admin key.
func (s *server) start(ctx context.Context, binary string, args []string) error {
	n := &node{cmd: exec.CommandContext(ctx, binary, args...)}
	n.cmd.Cancel = func() error { return n.cmd.Process.Signal(syscall.SIGTERM) }
	n.cmd.WaitDelay = 30 * time.Second
	out, w := io.Pipe()
	n.cmd.Stdout, n.cmd.Stderr = w, w
	if err := n.cmd.Start(); err != nil {
		return err
	}
	s.nodes = append(s.nodes, n)
	addr, key := make(chan string, 1), make(chan string, 1)
	go read(out, addr, key)
	late := time.After(20 * time.Second)
	select {
	case n.addr = <-addr:
	case <-late:
		return errors.New("bellhop told no address within 20 seconds")
	}
	if s.key != "" {
		return nil
	}
	select {
	case s.key = <-key:
		return nil
	case <-late:
		return errors.New("bellhop printed no admin key within 20 seconds")
	}
}

var tokenPattern = regexp.MustCompile(`bh_[0-9a-z]{20,}`)

// read finds the address and the admin key in what bellhop prints, and passes on what
// went wrong.
func read(out io.Reader, addr, key chan<- string) {
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		if words := strings.Fields(scanner.Text()); len(words) == 2 && words[0] == "Listening" {
			offer(addr, words[1])
		}
		if token := tokenPattern.FindString(scanner.Text()); token != "" {
			offer(key, token)
			continue
		}
		if strings.Contains(scanner.Text(), "ERROR") || strings.Contains(scanner.Text(), "panic") {
			fmt.Fprintln(os.Stderr, "bellhop:", scanner.Text())
		}
	}
}

func offer(to chan<- string, s string) {
	select {
	case to <- s:
	default:
	}
}

func (s *server) setUp(ctx context.Context, o options, rcv *remote, hanging int) error {
	for _, n := range s.nodes {
		c := client.New("http://"+n.addr, s.key, nil)
		if err := waitFor(ctx, 10*time.Second, func() bool { return c.Ready(ctx) == nil }); err != nil {
			return fmt.Errorf("bellhop did not become ready: %w", err)
		}
	}
	c := s.client()
	if _, err := c.CreateApp(ctx, wire.AppInput{ID: "bench"}); err != nil {
		return err
	}
	for i := range o.endpoints {
		path := "/"
		if i >= o.endpoints-hanging {
			path = "/hang/"
		}
		change := bellhop.EndpointChange{
			Apps: bellhop.Of([]string{"bench"}), URL: bellhop.Of(rcv.url(path)), Events: bellhop.Of([]string{eventType(i)}),
			Timeout: bellhop.Of(bellhop.Duration(5 * time.Second)),
		}
		if o.transform != "" {
			change.Transform = bellhop.Of(&bellhop.Transform{Code: o.transform})
		}
		if _, err := c.CreateEndpoint(ctx, change); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) stop() {
	for _, n := range s.nodes {
		_ = n.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, n := range s.nodes {
		// Hanging requests need not be waited for.
		timer := time.AfterFunc(2*time.Second, func() { _ = n.cmd.Process.Kill() })
		_ = n.cmd.Wait()
		timer.Stop()
	}
}

func (s *server) client() *client.Client { return client.New("http://"+s.nodes[0].addr, s.key, nil) }

// memoryMB is the resident memory of the first process.
func (s *server) memoryMB() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.nodes[0].cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, errors.New("no VmRSS in the process's status")
}

func (s *server) cpu() (sum time.Duration) {
	for _, n := range s.nodes {
		sum += cpuOf(n.cmd.Process.Pid)
	}
	return sum
}

// cpuOf is the processor time that a process has used so far.
func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// Fields 14 and 15, counted after the name in brackets, in ticks of 10 ms.
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}
