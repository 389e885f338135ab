package svix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is one Bellhop with an SQLite file of its own.
type server struct {
	dir    string
	direct string // its URL
	url    string // its URL past the recorder, which is what clients get
	key    string // the admin key that it has printed

	cmd    *exec.Cmd
	output string // a file
	proxy  *httptest.Server
}

// printed is what a first start says of how to use it.
var printed = regexp.MustCompile(`(?s)BELLHOP_KEY=(\S+).*BELLHOP_SERVER=(\S+)`)

// startServer starts one in a folder that is made for it.
func startServer(dir string, flags ...string) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &server{dir: dir, output: filepath.Join(dir, "output")}
	file, err := os.Create(s.output)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s.cmd = exec.Command(*binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--database", filepath.Join(dir, "bellhop.db")}, flags...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, file, file
	s.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "BELLHOP_") })
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if m := printed.FindStringSubmatch(s.said()); m != nil {
			s.key, s.direct = m[1], m[2]
			if resp, err := http.Get(s.direct + "/readyz"); err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					break
				}
			}
		}
		if time.Now().After(end) {
			_ = s.cmd.Process.Kill()
			return nil, fmt.Errorf("the server does not start: %v\n%s", s.cmd.Wait(), s.said())
		}
	}
	s.proxy = record.before(strings.TrimPrefix(s.direct, "http://"))
	s.url = s.proxy.URL
	return s, nil
}

func (s *server) said() string {
	text, _ := os.ReadFile(s.output)
	return string(text)
}

// stop ends the server, which must end well and not have panicked.
func (s *server) stop() error {
	s.proxy.Close()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := s.cmd.Wait()
	if err != nil || strings.Contains(s.said(), "panic") {
		return fmt.Errorf("the server has not ended well: %v\n%s", err, s.said())
	}
	return nil
}

// serve starts a server for one test.
func serve(t *testing.T, flags ...string) *server {
	t.Helper()
	s, err := startServer(filepath.Join(t.TempDir(), "server"), flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// native calls Bellhop's own API as an admin.
func (s *server) native(t *testing.T, method, path string, in any) object {
	t.Helper()
	status, body := ask(t, s.direct, s.key, method, path, in, nil)
	if status > 299 {
		t.Fatalf("%s %s is answered %d: %v", method, path, status, body)
	}
	out, _ := body.(object)
	return out
}

// ask sends a request and gives the answer's status and body. What is sent is JSON, or text
// as it is.
func ask(t *testing.T, server, token, method, path string, in any, header http.Header) (status int, body any) {
	t.Helper()
	status, text, _ := exchange(t, server, token, method, path, in, header)
	return status, decode(text)
}

func exchange(t *testing.T, server, token, method, path string, in any, header http.Header) (int, []byte, http.Header) {
	t.Helper()
	var sent []byte
	switch in := in.(type) {
	case nil:
	case string:
		sent = []byte(in)
	default:
		var err error
		if sent, err = json.Marshal(in); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), method, server+path, bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := goHTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text, resp.Header
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(3 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %s it is still not so that %s", patience, what)
		}
	}
}
