package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testport"
)

// patience is how long anything that must happen may take on a slow machine.
const patience = time.Minute

// noticed is the least that a neighbour notices in what takes milliseconds when nothing else
// happens: the machine has other tests to run. What they are beside lasts for tens of seconds,
// and who had to wait for it would wait for most of that.
const noticed = 2 * time.Second

// server is one Bellhop: a folder with its database, an address, and the process
// that serves them, which can be stopped, killed and started again.
type server struct {
	t      testing.TB
	dir    string
	db     string
	direct string // the URL of the database without PgBouncer, if it is a PostgreSQL
	listen string
	url    string
	// key is the admin key that the first start printed.
	key   string
	flags []string
	env   []string
	// openFiles, if not 0, is how many files its processes may have open.
	openFiles int
	// output is what all of its processes wrote, to either stream.
	output *output
	http   *http.Client
	api    *client.Client

	cmd    *exec.Cmd
	exited chan struct{}
}

// newServer prepares a server in an empty folder.
func newServer(t testing.TB, flags ...string) *server {
	t.Helper()
	s := newServerWithout(t, flags...)
	s.store()
	return s
}

// newServerWithout prepares a server in an empty folder that has no database yet.
func newServerWithout(t testing.TB, flags ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), listen: testport.Reserve(t), flags: slices.Clone(flags), output: &output{}}
	s.url = "http://" + s.listen
	s.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: patience}
	t.Cleanup(func() {
		s.kill()
		s.http.CloseIdleConnections()
		for _, bad := range []string{"DATA RACE", "panic:", "fatal error:"} {
			if text := s.output.String(); strings.Contains(text, bad) {
				t.Errorf("%s in the server's output:\n%s", bad, text)
			}
		}
		if t.Failed() {
			t.Logf("the server's output:\n%s", s.output.tail())
		}
	})
	return s
}

// serve starts a server for development in an empty folder.
func serve(t testing.TB, flags ...string) *server {
	t.Helper()
	s := newServer(t, append([]string{"--dev"}, flags...)...)
	s.start()
	return s
}

// command is bellhop with arguments, in the server's folder and of its settings.
func (s *server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	if s.openFiles != 0 {
		cmd = exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, s.openFiles)}, cmd.Args...)...)
	}
	cmd.Dir = s.dir
	cmd.Env = append(cleanEnv(), "BELLHOP_SERVER="+s.url, "BELLHOP_KEY="+s.key)
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

// cleanEnv is this process's environment without settings of Bellhop. A program
// with the race detector would sleep for a second before it ends, in case a race
// is still being reported.
func cleanEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "BELLHOP_") })
	return append(env, "GORACE=atexit_sleep_ms=20")
}

var adminKey = regexp.MustCompile(`\bbh_[0-9A-Za-z_-]{16,}`)

// start starts the process and waits until it is ready.
func (s *server) start(flags ...string) {
	s.t.Helper()
	from := s.output.len()
	s.launch(flags...)
	s.waitReady()
	if s.key == "" {
		eventually(s.t, "the first start prints an admin key", func() bool {
			s.key = adminKey.FindString(s.output.from(from))
			return s.key != ""
		})
	}
	s.api = client.New(s.url, s.key, s.http)
}

// launch starts the process.
func (s *server) launch(flags ...string) {
	s.t.Helper()
	args := append([]string{"serve", "--listen", s.listen, "--database", s.db}, s.flags...)
	s.cmd = s.command(append(args, flags...)...)
	s.cmd.Env = append(cleanEnv(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, exited := s.cmd, make(chan struct{})
	s.exited = exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
}

func (s *server) waitReady() {
	s.t.Helper()
	eventually(s.t, "the server is ready", func() bool {
		select {
		case <-s.exited:
			s.t.Fatalf("the server ended: %s\n%s", s.cmd.ProcessState, s.output.tail())
		default:
		}
		return s.probe("/readyz") == http.StatusOK
	})
}

// probe gives the status of a GET, 0 if nobody answers.
func (s *server) probe(path string) int {
	resp, err := s.http.Get(s.url + path)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode
}

// stop asks the process to end, and checks that it ends well.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 0 {
		s.t.Fatalf("exit code %d after SIGTERM:\n%s", code, s.output.tail())
	}
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// exit waits for the process to end and gives its exit code.
func (s *server) exit() int {
	s.t.Helper()
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(2 * patience):
		s.t.Fatalf("the server did not end:\n%s", s.output.tail())
		return -1
	}
}

// kill ends the process, if it is running, as a power failure would.
func (s *server) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// restart stops the process and starts it again.
func (s *server) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

// failsToStart starts the process, which must end at once, with a sentence.
func (s *server) failsToStart(flags ...string) string {
	s.t.Helper()
	args := append([]string{"serve", "--listen", s.listen, "--database", s.db}, s.flags...)
	r := s.run("", append(args, flags...)...)
	if r.code == 0 {
		s.t.Errorf("exit code 0")
	}
	text := strings.TrimSpace(r.stderr)
	if text == "" || strings.Count(text, "\n") > 1 || strings.Contains(text, "goroutine ") || strings.Contains(text, ".go:") {
		s.t.Errorf("wanted one clear sentence on standard error, got:\n%s", r.stderr)
	}
	return text
}

// result is what a run of the program gave.
type result struct {
	code           int
	stdout, stderr string
}

// run runs the program to its end, with stdin as its input.
func (s *server) run(stdin string, args ...string) result {
	s.t.Helper()
	cmd := s.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	timer := time.AfterFunc(2*patience, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !timer.Stop() {
		s.t.Fatalf("bellhop %s did not end:\n%s%s", strings.Join(args, " "), &stdout, &stderr)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if strings.Contains(stderr.String(), "DATA RACE") || strings.Contains(stderr.String(), "panic:") {
		s.t.Errorf("bellhop %s:\n%s", strings.Join(args, " "), &stderr)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// cli runs the program, which must succeed, and gives what it printed.
func (s *server) cli(args ...string) string {
	s.t.Helper()
	r := s.run("", args...)
	if r.code != 0 {
		s.t.Fatalf("bellhop %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// app creates an app.
func (s *server) app(id string) string {
	s.t.Helper()
	if _, err := s.api.CreateApp(s.t.Context(), wire.AppInput{ID: id}); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// endpoint creates an endpoint of app, adjusted by change.
func (s *server) endpoint(app, url string, change func(*bellhop.EndpointChange)) client.NewEndpoint {
	s.t.Helper()
	c := bellhop.EndpointChange{Apps: bellhop.Of([]string{app}), URL: bellhop.Of(url)}
	if change != nil {
		change(&c)
	}
	e, err := s.api.CreateEndpoint(s.t.Context(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// publish publishes an event without further ado.
func (s *server) publish(app, eventType, data string) client.Receipt {
	s.t.Helper()
	return s.publishAs(client.Publication{App: app, Type: eventType, Data: bellhop.JSON(data)})
}

func (s *server) publishAs(p client.Publication) client.Receipt {
	s.t.Helper()
	r, err := s.api.Publish(s.t.Context(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// attempts gives the attempts of an event at an endpoint, oldest first and in
// full, once there are at least n.
func (s *server) attempts(event bellhop.EventID, endpoint bellhop.EndpointID, n int) []client.Attempt {
	s.t.Helper()
	var list []client.Attempt
	eventually(s.t, fmt.Sprintf("%d attempts are logged", n), func() bool {
		list = nil
		for a, err := range s.api.Attempts(s.t.Context(), client.AttemptFilter{Event: event, Endpoint: endpoint}) {
			if err != nil {
				s.t.Fatal(err)
			}
			list = append(list, a)
		}
		return len(list) >= n
	})
	slices.Reverse(list)
	for i, a := range list {
		full, err := s.api.Attempt(s.t.Context(), a.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		list[i] = full
	}
	return list
}

// explain gives the explanation of an event at an endpoint.
func (s *server) explain(event bellhop.EventID, endpoint bellhop.EndpointID) bellhop.Explanation {
	s.t.Helper()
	for x, err := range s.api.Explain(s.t.Context(), event) {
		if err != nil {
			s.t.Fatal(err)
		}
		if x.Endpoint == endpoint {
			return x
		}
	}
	s.t.Fatalf("nothing is explained of %s at %s", event, endpoint)
	return bellhop.Explanation{}
}

// pending gives how many deliveries of an endpoint are unfinished.
func (s *server) pending(endpoint bellhop.EndpointID) int {
	s.t.Helper()
	st, err := s.api.EndpointStats(s.t.Context(), endpoint, client.StatsFilter{})
	if err != nil {
		s.t.Fatal(err)
	}
	return int(st.Pending)
}

// waitDone waits until an endpoint has nothing unfinished.
func (s *server) waitDone(endpoint bellhop.EndpointID) {
	s.t.Helper()
	eventually(s.t, "nothing is pending", func() bool { return s.pending(endpoint) == 0 })
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	within(t, patience, what, ok)
}

func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %s it is still not so that %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// output collects what processes write.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string { return o.from(0) }

func (o *output) from(i int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.b.Bytes()[i:])
}

func (o *output) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Len()
}

// tail is the end, for failures.
func (o *output) tail() string {
	text := o.String()
	if len(text) > 6000 {
		text = "…" + text[len(text)-6000:]
	}
	return text
}

// sample reads one of the sample payloads, without the line break at its end.
func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "dialect", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(string(b), "\n")
}

// delays is a retry schedule.
func delays(list ...time.Duration) bellhop.Field[bellhop.RetryPolicy] {
	p := bellhop.RetryPolicy{Delays: []bellhop.Duration{}}
	for _, d := range list {
		p.Delays = append(p.Delays, bellhop.Duration(d))
	}
	return bellhop.Of(p)
}

// post sends a request as it stands, for tests that send what no client would.
func (s *server) post(ctx context.Context, key, method, path string, body []byte) (int, wire.Problem, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	return readProblem(s.t, resp)
}
