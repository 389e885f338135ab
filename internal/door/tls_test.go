package door

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// certificate is one that signs itself.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func configOf(t *testing.T) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2", "http/1.1"}}
}

// openTLS is a house whose door speaks TLS.
func openTLS(t *testing.T, most int) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, address: l.Addr().String(), door: New(l, most)}
	h.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.calls.Add(1)
		if key := r.Header.Get("Authorization"); key != "" && !Known(r.Context(), key) {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.Header().Set("X-TLS", map[bool]string{true: "yes", false: "no"}[r.TLS != nil])
		_, _ = io.Copy(w, r.Body)
	})}
	h.door.Attend(h.server)
	go func() { _ = h.server.Serve(h.door.Secure(configOf(t))) }()
	t.Cleanup(func() { _ = h.server.Close() })
	return h
}

func (h *house) enterTLS(protocols ...string) *guest {
	h.t.Helper()
	g := h.enter()
	over := tls.Client(g.Conn, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
	if err := over.Handshake(); err != nil {
		h.t.Fatal(err)
	}
	return &guest{h.t, over, bufio.NewReader(over)}
}

// TestTLS: with TLS, the door keeps watching: over the bytes of HTTP/1.1 as over the
// places that connections take, in HTTP/2 as well, and before they have agreed.
func TestTLS(t *testing.T) {
	h := openTLS(t, 4)
	old := h.enterTLS("http/1.1")
	old.send("POST / HTTP/1.1\r\nHost: x\r\nAuthorization: k\r\nContent-Length: 5\r\n\r\nhello")
	resp, err := http.ReadResponse(old.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); string(body) != "hello" || resp.Header.Get("X-TLS") != "yes" {
		t.Errorf("%s %q, TLS is seen: %s", resp.Status, body, resp.Header.Get("X-TLS"))
	}

	smuggler := h.enterTLS("http/1.1")
	smuggler.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err = http.ReadResponse(smuggler.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 || !strings.Contains(string(body), `"code":"invalid_framing"`) {
		t.Errorf("%s %s", resp.Status, body)
	}
	if smuggler.status() != 0 || h.calls.Load() != 1 {
		t.Errorf("%d requests were taken", h.calls.Load())
	}

	plain := h.enter()
	plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if status := plain.status(); status != 400 {
		t.Errorf("a request without TLS was answered %d", status)
	}
	h.opened(1)

	// One connection of HTTP/2 carries many requests, and has one place.
	modern := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer modern.CloseIdleConnections()
	for range 3 {
		r, _ := http.NewRequestWithContext(t.Context(), "POST", "https://"+h.address+"/", strings.NewReader("hello"))
		r.Header.Set("Authorization", "h2")
		resp, err := modern.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != "hello" || resp.ProtoMajor != 2 || resp.Header.Get("X-TLS") != "yes" {
			t.Errorf("%s %s %q", resp.Proto, resp.Status, body)
		}
		_ = resp.Body.Close()
	}
	h.opened(2)
	h.door.mu.Lock()
	if h.door.of["h2"] != 1 || h.door.of["k"] != 1 {
		t.Errorf("the places are held by %v", h.door.of)
	}
	h.door.mu.Unlock()

	// Those who agree on nothing make room for who comes, and known ones keep theirs.
	for range 6 {
		h.enter()
	}
	h.opened(4)
	if status := old.ask("/"); status != 200 {
		t.Errorf("the one who was known was answered %d", status)
	}
	if status := h.enterTLS("http/1.1").ask("/"); status != 200 {
		t.Errorf("the next one was answered %d", status)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		t.Errorf("connections that agree on nothing, or are idle, hold up the end: %v", err)
	}
	h.opened(0)
}

// pipes is a listener in memory.
type pipes struct {
	net.Listener
	come chan net.Conn
}

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.come
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestUnreadStream: an answer of HTTP/2 that its client keeps unread, while it keeps the
// connection going, is given up like one of HTTP/1.1.
func TestUnreadStream(t *testing.T) {
	cert := configOf(t)
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		come := make(chan net.Conn, 1)
		come <- here
		gaveUp := make(chan time.Duration, 1)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			_, err := w.Write(make([]byte, 1<<20)) // the window is of 64 KiB
			if err == nil {
				t.Error("it was taken whole")
			}
			gaveUp <- time.Since(began)
		})}
		d := New(pipes{come: come}, 4)
		d.Attend(server)
		go func() {
			_ = server.Serve(d.Secure(&tls.Config{Certificates: cert.Certificates, NextProtos: cert.NextProtos, Time: time.Now}))
		}()

		over := tls.Client(there, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err := over.Handshake(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(over, http2.ClientPreface); err != nil {
			t.Fatal(err)
		}
		framer := http2.NewFramer(over, over)
		reset := make(chan struct{})
		go func() { // it reads all that comes, and says that there is room for no more
			for {
				f, err := framer.ReadFrame()
				if err != nil {
					return
				}
				if _, ok := f.(*http2.RSTStreamFrame); ok {
					close(reset)
				}
			}
		}()
		var head strings.Builder
		e := hpack.NewEncoder(&head)
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "x"}} {
			_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		if err := framer.WriteSettings(); err != nil {
			t.Fatal(err)
		}
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(head.String()), EndHeaders: true, EndStream: true}); err != nil {
			t.Fatal(err)
		}
		if took := <-gaveUp; took != strangerPatience {
			t.Errorf("it was given up after %v", took)
		}
		<-reset
		_ = there.Close()
		close(come)
		_ = server.Close()
		synctest.Wait()
	})
}
