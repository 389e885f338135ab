package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

// connections listens on a port and does with each connection as it likes.
func connections(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close() //nolint:errcheck // a test
				serve(c)
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/hook"
}

// answeringRaw reads a request's head and writes a text.
func answeringRaw(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, text)
	}
}

func forwardNow(t *testing.T, f *forwarder, r client.ListenRequest) *forwarded {
	t.Helper()
	if r.TimeoutMS == 0 {
		r.TimeoutMS = 10_000
	}
	if r.Method == "" {
		r.Method = "POST"
	}
	x, _ := f.take(t.Context(), r)
	<-x.ready
	return x
}

func testForwarder(t *testing.T, to string) *forwarder {
	t.Helper()
	u, err := forwardURL(to)
	if err != nil {
		t.Fatal(err)
	}
	return newForwarder(u, false, time.Now)
}

// TestForwardIsExact: not a byte of what was handed over is changed.
func TestForwardIsExact(t *testing.T) {
	heads := make(chan string, 1)
	f := testForwarder(t, connections(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		head := ""
		for {
			line, err := r.ReadString('\n')
			if head += line; line == "\r\n" || err != nil {
				break
			}
		}
		body := make([]byte, 13)
		_, _ = io.ReadFull(r, body)
		heads <- head + string(body)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi")
	}))
	x := forwardNow(t, f, client.ListenRequest{
		ID: "a", Method: "PUT", Body: []byte("{ \"a\" : 1.0}\n"),
		Headers: []wire.HeaderField{{Name: "webhook-id", Value: "evt_1"}, {Name: "X-ODD", Value: "a"}, {Name: "X-ODD", Value: "b"}, {Name: "User-Agent", Value: "Bellhop"}},
	})
	got := <-heads
	for _, want := range []string{"PUT /hook HTTP/1.1\r\n", "\r\nwebhook-id: evt_1\r\n", "\r\nX-ODD: a\r\nX-ODD: b\r\n", "\r\nUser-Agent: Bellhop\r\n", "\r\nContent-Length: 13\r\n", "\r\n\r\n{ \"a\" : 1.0}\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the program got\n%s\nwhich lacks %q", got, want)
		}
	}
	if strings.Contains(got, "Accept-Encoding") {
		t.Errorf("a header was added: %s", got)
	}
	if x.answer.Status != 200 || string(x.body) != "hi" || x.answer.Body != base64.StdEncoding.EncodeToString([]byte("hi")) || x.answer.Headers.Get("Content-Encoding") != "gzip" {
		t.Errorf("%+v", x.answer)
	}
}

// TestProgramsThatMisbehave: what went wrong has a name and a remedy.
func TestProgramsThatMisbehave(t *testing.T) {
	closed := connections(t, func(net.Conn) {})
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	nobody := "http://" + l.Addr().String()
	_ = l.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, tt := range map[string]struct {
		to, reason, detail string
		timeout            int64
	}{
		"down":         {nobody, "connect", ": start your program", 0},
		"hangs up":     {closed, "reset", "look for a crash", 0},
		"babbles":      {connections(t, answeringRaw("hello there\r\n\r\n")), "protocol", "is not usable", 0},
		"no status":    {connections(t, answeringRaw("HTTP/1.1 000 No\r\n\r\n")), "protocol", "is not usable", 0},
		"long headers": {connections(t, answeringRaw("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 300<<10)+"\r\n\r\n")), "protocol", "is not usable", 0},
		"hangs":        {connections(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), "timeout", "did not answer within 50ms", 50},
		"no TLS":       {strings.Replace(connections(t, answeringRaw("HTTP/1.1 400 Bad\r\n\r\n")), "http://", "https://", 1), "tls", "forward to http://", 0},
		"untrusted":    {secure.URL, "tls", "--insecure", 0},
	} {
		x := forwardNow(t, testForwarder(t, tt.to), client.ListenRequest{ID: "a", TimeoutMS: tt.timeout})
		if x.answer.Status != 0 || x.answer.Reason != tt.reason || !strings.Contains(x.answer.Detail, tt.detail) {
			t.Errorf("%s: %+v", name, x.answer)
		}
	}
	to, _ := forwardURL("http://no-such-name:1/")
	if reason, detail := explainForward(fmt.Errorf("dial: %w", &net.DNSError{IsNotFound: true}), to, time.Second); reason != "dns" || !strings.Contains(detail, "check --forward") {
		t.Errorf("an unknown name: %s, %s", reason, detail)
	}
	if reason, _ := explainForward(errors.New("http: server closed idle connection"), to, time.Second); reason != "reset" {
		t.Errorf("closed before the request was written: %s", reason)
	}
	for name, text := range map[string]string{
		"an endless body": "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 100<<10),
		"a broken body":   "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nxx",
		"a redirect":      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 9\r\n\r\nelsewhere",
	} {
		x := forwardNow(t, testForwarder(t, connections(t, answeringRaw(text))), client.ListenRequest{ID: "a"})
		if a := x.answer; a.Reason != "" || a.Truncated != (name != "a redirect") || len(x.body) > keptAnswer || name == "a redirect" && a.Status != 302 {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestForwardedOnce: what comes again is answered from memory, also while the program is
// at it, and so are the newest of very many.
func TestForwardedOnce(t *testing.T) {
	var count atomic.Int64
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1) == 1 {
			<-release
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer s.Close()
	f := testForwarder(t, s.URL)
	request := func(id string) client.ListenRequest {
		return client.ListenRequest{ID: id, Method: "POST", TimeoutMS: 60_000, URL: s.URL + "/"}
	}
	x, first := f.take(t.Context(), request("a"))
	y, second := f.take(t.Context(), request("a"))
	close(release)
	<-x.ready
	z, third := f.take(t.Context(), request("a"))
	if !first || second || third || x != y || y != z || x.answer.Status != http.StatusTeapot || count.Load() != 1 {
		t.Errorf("%v %v %v, %d requests", first, second, third, count.Load())
	}
	for i := range remembered {
		f.mu.Lock()
		f.of[fmt.Sprint(i)] = x
		f.ids = append(f.ids, fmt.Sprint(i))
		f.mu.Unlock()
	}
	f.take(t.Context(), request("new"))
	if len(f.of) != remembered || len(f.ids) != remembered || f.of["a"] != nil || f.of["new"] == nil {
		t.Errorf("%d are remembered", len(f.of))
	}
	f.busy.Wait()
}

// TestForwardsToTheProgramAlone, whatever URL the endpoint was given meanwhile.
func TestForwardsToTheProgramAlone(t *testing.T) {
	f := testForwarder(t, "http://localhost:3000/hook?a=b")
	for url, want := range map[string]string{
		"":                                "http://localhost:3000/hook?a=b",
		"http://localhost:3000/hook?a=b":  "http://localhost:3000/hook?a=b",
		"http://localhost:3000/other":     "http://localhost:3000/other",
		"https://localhost:3000/hook":     "http://localhost:3000/hook?a=b",
		"http://localhost:22/":            "http://localhost:3000/hook?a=b",
		"http://169.254.169.254/":         "http://localhost:3000/hook?a=b",
		"http://me@localhost:3000/":       "http://localhost:3000/hook?a=b",
		"http://localhost:3000.evil.com/": "http://localhost:3000/hook?a=b",
		"::":                              "http://localhost:3000/hook?a=b",
	} {
		if got := f.target(client.ListenRequest{URL: url}); got != want {
			t.Errorf("%s leads to %s", url, got)
		}
	}
	for text, want := range map[string]string{
		"3000": "http://localhost:3000/", "3000/a": "http://localhost:3000/a", "localhost:3000": "http://localhost:3000/",
		"myapp.test/hook": "http://myapp.test/hook", "https://localhost": "https://localhost/", "http://[::1]:3000": "http://[::1]:3000/",
	} {
		if u, err := forwardURL(text); err != nil || u.String() != want {
			t.Errorf("%s leads to %v, %v", text, u, err)
		}
	}
	for _, text := range []string{"", "/hook", "ftp://x", "http://", "http://a:b@x/", "http://x/#y", "http://%zz", "70000", "0", "localhost:65536/hook", "http://x:0/"} {
		if u, err := forwardURL(text); err == nil {
			t.Errorf("%s leads to %s", text, u)
		}
	}
}
