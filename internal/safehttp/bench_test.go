package safehttp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// beReceiver, set in the environment, turns the test binary into a raw receiver.
// It is a process of its own so that its work does not count as the sender's.
const (
	beReceiver = "SAFEHTTP_RECEIVER"
	plainly    = "http"
	overTLS    = "https"
)

// receive prints its address and answers requests until its input ends.
func receive() {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	if os.Getenv(beReceiver) == overTLS {
		s := httptest.NewUnstartedServer(nil) // its certificate is one and the same in all processes
		s.StartTLS()
		l = tls.NewListener(l, &tls.Config{Certificates: s.TLS.Certificates})
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func answer(c net.Conn) {
	defer c.Close()
	br := bufio.NewReader(c)
	for {
		length := 0
		for {
			line, err := br.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
			if name, value, _ := bytes.Cut(line, []byte(": ")); string(name) == "Content-Length" {
				fmt.Sscan(string(value), &length)
			}
		}
		if _, err := br.Discard(length); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	}
}

func benchReceiver(b *testing.B, scheme string) (url string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), beReceiver+"="+scheme)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return scheme + "://" + strings.TrimSpace(addr) + "/hooks"
}

// cpu is what this process has used, in user space and in the kernel.
func cpu() (user, system time.Duration) {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())
}

func bench(b *testing.B, do func() error) {
	b.ReportAllocs()
	b.SetParallelism(32)
	user, system := cpu()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	u, s := cpu()
	b.ReportMetric(float64((u-user).Microseconds())/float64(b.N), "user-µs/op")
	b.ReportMetric(float64((s-system).Microseconds())/float64(b.N), "sys-µs/op")
}

var benchHeader = http.Header{
	"content-type": {"application/json"}, "webhook-id": {"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"},
	"webhook-timestamp": {"1674087231"}, "webhook-signature": {"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
}

func BenchmarkDo(b *testing.B) {
	ts := httptest.NewTLSServer(nil)
	defer ts.Close()
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	body := make([]byte, 1024)
	run := func(scheme string) func(*testing.B) {
		return func(b *testing.B) {
			url := benchReceiver(b, scheme)
			c := New(Options{Policy: dev, RootCAs: roots})
			defer c.Close()
			bench(b, func() error {
				if res := c.Do(ctx, Request{URL: url, Header: benchHeader, Body: body, Timeout: 20 * time.Second}); res.Reason != "" {
					return fmt.Errorf("%s", res.Detail)
				}
				return nil
			})
		}
	}
	b.Run("plain", run(plainly))
	b.Run("tls", run(overTLS))
}

// BenchmarkNetHTTP is what BenchmarkDo is measured against: the same exchange by
// net/http alone, with no guarantee but the timeout.
func BenchmarkNetHTTP(b *testing.B) {
	url := benchReceiver(b, plainly)
	t := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	defer t.CloseIdleConnections()
	body := make([]byte, 1024)
	bench(b, func() error {
		ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header = benchHeader
		res, err := t.RoundTrip(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.ReadAll(res.Body)
		return err
	})
}
