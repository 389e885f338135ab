package main

import (
	"bufio"
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

// server is a running bellhop on a new database, with an app and endpoints.
type server struct {
	cmd  *exec.Cmd
	addr string
	key  string
}

// startServer starts bellhop and creates the endpoints at the receiver, the last
// ones at a path that hangs.
func startServer(ctx context.Context, o options, dir, binary string, rcv *remote, hanging int) (*server, error) {
	db, err := os.MkdirTemp(dir, "db-")
	if err != nil {
		return nil, err
	}
	s := &server{}
	args := append([]string{
		"serve", "--dev", "--listen", "127.0.0.1:0", "--database", filepath.Join(db, "bench.db"), "--log-level", "error",
		"--key-rate", "1000000000", "--max-endpoints", "100000", // what is measured is not these bounds
	}, strings.Fields(o.args)...)
	s.cmd = exec.CommandContext(ctx, binary, args...)
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 30 * time.Second
	out, w := io.Pipe()
	s.cmd.Stdout, s.cmd.Stderr = w, w
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	started := make(chan [2]string, 1)
	go s.read(out, started)
	select {
	case told := <-started:
		s.addr, s.key = told[0], told[1]
	case <-time.After(20 * time.Second):
		s.stop()
		return nil, errors.New("bellhop printed no admin key within 20 seconds")
	}
	if err := s.setUp(ctx, o, rcv, hanging); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

var tokenPattern = regexp.MustCompile(`bh_[0-9a-z]{20,}`)

// read finds the address and the admin key in what bellhop prints, in this order, and
// passes on what follows.
func (s *server) read(out io.Reader, started chan<- [2]string) {
	addr := ""
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		if words := strings.Fields(scanner.Text()); len(words) == 2 && words[0] == "Listening" {
			addr = words[1]
		}
		if token := tokenPattern.FindString(scanner.Text()); token != "" {
			select {
			case started <- [2]string{addr, token}:
			default:
			}
			continue
		}
		if strings.Contains(scanner.Text(), "ERROR") || strings.Contains(scanner.Text(), "panic") {
			fmt.Fprintln(os.Stderr, "bellhop:", scanner.Text())
		}
	}
}

func (s *server) setUp(ctx context.Context, o options, rcv *remote, hanging int) error {
	c := client.New("http://"+s.addr, s.key, nil)
	if err := waitFor(ctx, 10*time.Second, func() bool { return c.Ready(ctx) == nil }); err != nil {
		return fmt.Errorf("bellhop did not become ready: %w", err)
	}
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
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	// Hanging requests need not be waited for.
	timer := time.AfterFunc(2*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	_ = s.cmd.Wait()
}

// memoryMB is the resident memory of the process.
func (s *server) memoryMB() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
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

func (s *server) cpu() time.Duration { return cpuOf(s.cmd.Process.Pid) }

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
