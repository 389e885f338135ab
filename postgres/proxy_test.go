package postgres_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// proxy stands between a store and the server. It can keep what the store sends, as a
// network does that loses packets for a while: the store's end is closed, and what was kept
// comes to the server later, or never. Or it stands still with it, as a process that is
// stopped: nothing is closed.
type proxy struct {
	t      testing.TB
	server string

	mu    sync.Mutex
	mark  []byte      // what begins the part that is kept
	still bool        // the store's end is not closed
	late  chan bool   // whether what was kept is delivered
	kept  chan []byte // what was kept
}

// throughProxy gives the URL of a database by way of a proxy.
func throughProxy(t testing.TB, database string) (string, *proxy) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	p := &proxy{t: t, server: filepath.Join(q.Get("host"), ".s.PGSQL."+q.Get("port")), late: make(chan bool, 1), kept: make(chan []byte, 1)}
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.pass(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	q.Set("host", dir)
	q.Set("port", "5432")
	u.RawQuery = q.Encode()
	return u.String(), p
}

// keepFrom has the proxy keep the next thing that is sent and has a mark in it.
func (p *proxy) keepFrom(mark string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mark = []byte(mark)
}

// standStillFrom has it stand still instead.
func (p *proxy) standStillFrom(mark string) {
	p.mu.Lock()
	p.still = true
	p.mu.Unlock()
	p.keepFrom(mark)
}

func (p *proxy) marked(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mark == nil || !bytes.Contains(b, p.mark) {
		return false
	}
	p.mark = nil
	return true
}

func (p *proxy) pass(client net.Conn) {
	server, err := net.Dial("unix", p.server)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	defer back.Wait()
	defer client.Close()
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if n > 0 && p.marked(buf[:n]) {
			if !p.still { // which was set before the mark
				_ = client.Close()
			}
			p.kept <- bytes.Clone(buf[:n])
			if <-p.late {
				_, _ = server.Write(buf[:n])
				_ = server.(*net.UnixConn).CloseWrite()
				// The server comes to the end of it before it finds out that nobody listens.
				_ = server.SetDeadline(time.Now().Add(30 * time.Second))
				_, _ = io.Copy(io.Discard, server)
			}
			_ = server.Close()
			return
		}
		if _, e := server.Write(buf[:n]); err != nil || e != nil {
			_ = server.Close()
			return
		}
	}
}
