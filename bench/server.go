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
	"runtime"
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
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// server is a running bellhop: one process, or several that share a database.
type server struct {
	nodes  []*node
	key    string
	source source
	// began is when the first process was started.
	began time.Time
}

type node struct {
	cmd   *exec.Cmd
	addr  string
	ended chan struct{}
}

func (n *node) hasEnded() bool {
	select {
	case <-n.ended:
		return true
	default:
		return false
	}
}

// start starts bellhop in a home, as so many processes, and begins a new ledger for events
// that are bound for fan endpoints each. It leaves the home as it is when it fails.
func (l *lab) start(ctx context.Context, h *home, nodes, fan int, args ...string) (*server, error) {
	if err := l.rcv.tell("begin", fan); err != nil {
		return nil, err
	}
	all := append([]string{
		"serve", "--dev", "--listen", "127.0.0.1:0", "--database", h.database, "--master-key-file", filepath.Join(h.dir, keyFile), "--log-level", "error",
		"--key-rate", "1000000000", "--max-endpoints", "100000", // what is measured is not these bounds
	}, args...)
	all = append(all, strings.Fields(l.o.args)...)
	s := &server{key: h.adminKey, began: time.Now()}
	for range nodes {
		if err := s.startNode(ctx, l.binary, all, "SSL_CERT_FILE="+l.cert.file, "SSL_CERT_DIR="+l.dir); err != nil {
			s.stop()
			return nil, err
		}
	}
	h.adminKey = s.key
	for _, n := range s.nodes {
		c := client.New("http://"+n.addr, s.key, nil)
		ready := false
		err := waitFor(ctx, 60*time.Second, func() bool {
			ready = c.Ready(ctx) == nil
			return ready || n.hasEnded()
		})
		if err == nil && !ready {
			err = errors.New("it has ended")
		}
		if err != nil {
			s.stop()
			return nil, fmt.Errorf("bellhop did not become ready: %w", err)
		}
	}
	return s, nil
}

// startNode starts one process. The first one in a home tells the admin key.
func (s *server) startNode(ctx context.Context, binary string, args []string, env ...string) error {
	n := &node{cmd: exec.CommandContext(ctx, binary, args...), ended: make(chan struct{})}
	n.cmd.Env = append(os.Environ(), env...)
	n.cmd.Cancel = func() error { return n.cmd.Process.Signal(syscall.SIGTERM) }
	n.cmd.WaitDelay = 30 * time.Second
	out, w := io.Pipe()
	n.cmd.Stdout, n.cmd.Stderr = w, w
	endWithParent(n.cmd)
	begun := make(chan error)
	go func() {
		// To the system, the parent is the thread: it is kept until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := n.cmd.Start()
		begun <- err
		if err == nil {
			_ = n.cmd.Wait()
			_ = w.Close()
			close(n.ended)
		}
	}()
	if err := <-begun; err != nil {
		return err
	}
	s.nodes = append(s.nodes, n)
	addr, key, said := make(chan string, 1), make(chan string, 1), make(chan string, 1)
	go read(out, addr, key, said)
	late := time.After(60 * time.Second)
	wait := func(from <-chan string, what string) (string, error) {
		select {
		case text := <-from:
			return text, nil
		case text := <-said:
			return "", fmt.Errorf("bellhop has ended: %s", text)
		case <-late:
			return "", fmt.Errorf("bellhop told no %s within a minute", what)
		}
	}
	var err error
	if n.addr, err = wait(addr, "address"); err == nil && s.key == "" {
		s.key, err = wait(key, "admin key")
	}
	return err
}

var tokenPattern = regexp.MustCompile(`bh_[0-9a-z]{20,}`)

// read finds the address and the admin key in what bellhop prints, and passes on what
// went wrong; and at its end why it has ended: the first error, else the last line that is
// more than where to read on.
func read(out io.Reader, addr, key, said chan<- string) {
	last, failure := "", ""
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		line := scanner.Text()
		if words := strings.Fields(line); len(words) == 2 && words[0] == "Listening" {
			offer(addr, words[1])
		}
		if token := tokenPattern.FindString(line); token != "" {
			offer(key, token)
			continue
		}
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "Run '") {
			last = line
		}
		if strings.Contains(line, "ERROR") || strings.Contains(line, "panic") {
			failure = cmp.Or(failure, line)
			fmt.Fprintln(os.Stderr, "bellhop:", line)
		}
	}
	said <- cmp.Or(failure, last)
	_, _ = io.Copy(io.Discard, out) // behind a line that is too long: else whoever prints waits
}

func offer(to chan<- string, s string) {
	select {
	case to <- s:
	default:
	}
}

// stop ends all processes, soon: hanging requests need not be waited for.
func (s *server) stop() { s.end(2 * time.Second) }

// end ends all processes, and kills those that take longer.
func (s *server) end(patience time.Duration) {
	for _, n := range s.nodes {
		_ = n.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, n := range s.nodes {
		timer := time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() })
		<-n.ended
		timer.Stop()
	}
	s.nodes = nil
}

func (s *server) client() *client.Client { return client.New("http://"+s.nodes[0].addr, s.key, nil) }

// memory is the resident memory of the first process in megabytes.
func (s *server) memory() float64 { return memoryOf(s.nodes[0].cmd.Process.Pid) }

// endpoints are to be created, all of them for the app of the bench.
type endpoints struct {
	n int
	// together says that each gets every event of the type of the first; else each has a
	// type of its own.
	together bool
	// ways are those of the receiver, the last one for all that follow; nil: "a".
	ways        []string
	secure      bool
	transform   string
	concurrency int
	timeout     time.Duration
}

// add creates the endpoints; the first has the number, and the type, of from.
func (s *server) add(ctx context.Context, rcv *remote, e endpoints) error {
	c := s.client()
	if _, err := c.CreateApp(ctx, wire.AppInput{ID: "bench"}); err != nil {
		return err
	}
	const workers = 8
	return parallel(workers, func(w int) error {
		for i := w; i < e.n; i += workers {
			way, kind := "a", i
			if len(e.ways) > 0 {
				way = e.ways[min(i, len(e.ways)-1)]
			}
			if e.together {
				kind = 0
			}
			timeout := 5 * time.Second
			if e.timeout > 0 {
				timeout = e.timeout
			}
			change := bellhop.EndpointChange{
				Apps: bellhop.Of([]string{"bench"}), URL: bellhop.Of(rcv.url(e.secure, way, i)), Events: bellhop.Of([]string{eventType(kind)}),
				Timeout: bellhop.Of(bellhop.Duration(timeout)),
			}
			if e.transform != "" {
				change.Transform = bellhop.Of(&bellhop.Transform{Code: e.transform})
			}
			if e.concurrency > 0 {
				change.Concurrency = bellhop.Of(e.concurrency)
			}
			if _, err := c.CreateEndpoint(ctx, change); err != nil {
				return fmt.Errorf("create endpoint %d of %d: %w", i+1, e.n, err)
			}
		}
		return nil
	})
}
