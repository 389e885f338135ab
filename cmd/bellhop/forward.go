package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// forwarder makes requests to a program on this machine, and remembers what came of
// each: one that comes again, since its answer was lost on the way, is answered from
// memory.
type forwarder struct {
	to   *url.URL
	http *http.Client
	now  func() time.Time

	mu   sync.Mutex
	of   map[string]*forwarded
	ids  []string // oldest first
	busy sync.WaitGroup
}

// forwarded is a request and, once ready is closed, what came of it.
type forwarded struct {
	request client.ListenRequest
	at      time.Time
	ready   chan struct{}
	answer  client.ListenAnswer
	body    []byte // of the answer
}

const (
	// remembered is how many requests are: only those whose answer has not been
	// recorded come again, and of them there are few.
	remembered = 1000
	// keptAnswer is how much of an answer's body is read.
	keptAnswer = 16 << 10
	// keptHeader is how much of an answer's header is passed on, in bytes.
	keptHeader = 32 << 10
)

// newForwarder gives a forwarder to a URL, which does not check certificates if
// insecure.
func newForwarder(to *url.URL, insecure bool, now func() time.Time) *forwarder {
	return &forwarder{
		to: to, now: now, of: map[string]*forwarded{},
		http: &http.Client{
			// A program that is restarted leaves connections behind that look alive: a
			// request on one may be lost or made twice.
			Transport: &http.Transport{
				DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 256 << 10,
				TLSClientConfig: &tls.Config{InsecureSkipVerify: insecure}, //nolint:gosec // asked for by a flag
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// take begins to forward a request; first is false if that has been done.
func (f *forwarder) take(ctx context.Context, r client.ListenRequest) (x *forwarded, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x := f.of[r.ID]; x != nil {
		return x, false
	}
	x = &forwarded{request: r, at: f.now(), ready: make(chan struct{})}
	f.of[r.ID] = x
	f.ids = append(f.ids, r.ID)
	for len(f.ids) > remembered {
		delete(f.of, f.ids[0])
		f.ids = f.ids[1:]
	}
	f.busy.Go(func() {
		x.answer, x.body = f.forward(ctx, r)
		close(x.ready)
	})
	return x, true
}

// forward makes a request, byte for byte as it was handed over.
func (f *forwarder) forward(ctx context.Context, r client.ListenRequest) (client.ListenAnswer, []byte) {
	began := time.Now()
	timeout := time.Duration(r.TimeoutMS) * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer := client.ListenAnswer{ID: r.ID}
	resp, err := f.send(ctx, r)
	if err == nil && resp.StatusCode < 100 {
		_ = resp.Body.Close()
		err = fmt.Errorf("the status %q is none", resp.Status)
	}
	if err != nil {
		answer.Reason, answer.Detail = explainForward(err, f.to, timeout)
		answer.DurationMS = int(time.Since(began).Milliseconds())
		return answer, nil
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	body, err := io.ReadAll(io.LimitReader(resp.Body, keptAnswer+1))
	answer.Status, answer.Headers = resp.StatusCode, fitHeader(resp.Header)
	if answer.Truncated = len(body) > keptAnswer || err != nil; len(body) > keptAnswer {
		body = body[:keptAnswer]
	}
	answer.Body = base64.StdEncoding.EncodeToString(body)
	answer.DurationMS = int(time.Since(began).Milliseconds())
	return answer, body
}

func (f *forwarder) send(ctx context.Context, r client.ListenRequest) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, f.target(r), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for _, h := range r.Headers {
		req.Header[h.Name] = append(req.Header[h.Name], h.Value) // in the case in which it is sent
	}
	return f.http.Do(req)
}

// target is where a request goes: to the program, and nowhere else, whatever the
// endpoint's URL was made; what a recipe asks for besides has paths of its own.
func (f *forwarder) target(r client.ListenRequest) string {
	if u, err := url.Parse(r.URL); err == nil && u.Scheme == f.to.Scheme && u.Host == f.to.Host && u.User == nil {
		return r.URL
	}
	return f.to.String()
}

// fitHeader is the header of an answer as far as it can be passed on.
func fitHeader(h http.Header) http.Header {
	out, size := http.Header{}, 0
	for _, name := range sortedKeys(h) {
		for _, v := range h[name] {
			v = strings.ToValidUTF8(v, "\uFFFD")
			if size += len(name) + len(v); size <= keptHeader {
				out[name] = append(out[name], v)
			}
		}
	}
	return out
}

// explainForward says why no answer came, in the words of the log and with the remedy.
func explainForward(err error, to *url.URL, timeout time.Duration) (reason, detail string) {
	var (
		dns  *net.DNSError
		op   *net.OpError
		cert *tls.CertificateVerificationError
		rec  tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", fmt.Sprintf("the program at %s did not answer within %s", to.Host, bellhop.Duration(timeout))
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connect", fmt.Sprintf("nothing listens on %s: start your program", to.Host)
	case errors.As(err, &dns):
		return "dns", fmt.Sprintf("the name %s is not known on the machine of 'bellhop listen': check --forward", to.Hostname())
	case errors.As(err, &cert):
		return "tls", fmt.Sprintf("the certificate of %s is not trusted: forward to http, or use --insecure", to.Host)
	case errors.As(err, &rec), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "tls", fmt.Sprintf("%s does not speak TLS: forward to http://%s", to.Host, to.Host)
	case errors.As(err, &op) && op.Op == "dial":
		return "connect", fmt.Sprintf("no connection to %s: %s", to.Host, op.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		strings.Contains(err.Error(), "server closed idle connection"): // net/http has no value for what was closed at once
		return "reset", fmt.Sprintf("the program at %s closed the connection before it answered: look for a crash in its output", to.Host)
	}
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	return "protocol", fmt.Sprintf("the answer of %s is not usable: %s", to.Host, err)
}

// forwardURL reads where to forward to: a URL, host:port/path, or a port/path.
func forwardURL(text string) (*url.URL, error) {
	full := text
	port, _, _ := strings.Cut(text, "/")
	switch {
	case port != "" && strings.Trim(port, "0123456789") == "":
		full = "http://localhost:" + text
	case !strings.Contains(text, "://"):
		full = "http://" + text
	}
	u, err := url.Parse(full)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, usage("%q is not where a program can be reached: write a URL such as http://localhost:3000/hook, or a port", text)
	case u.Port() != "" && !isPort(u.Port()):
		return nil, usage("%q has a port that there is not: ports are 1 to 65535", text)
	case u.User != nil:
		return nil, usage("the URL to forward to must not hold credentials: endpoints show their URL")
	case u.Fragment != "":
		return nil, usage("the URL to forward to must not have a fragment (#…)")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// answers tells whether something accepts connections where requests are forwarded to.
func (f *forwarder) answers(ctx context.Context) bool {
	address := f.to.Host
	if f.to.Port() == "" {
		address = net.JoinHostPort(f.to.Hostname(), map[string]string{"http": "80", "https": "443"}[f.to.Scheme])
	}
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close() // it was only to see whether somebody is there
	return true
}
