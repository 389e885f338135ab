package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// receiver takes webhooks as cheaply as can be: it reads a request, notes when it
// came, and answers 204. Requests to a path below /hang/ are never answered.
type receiver struct {
	listener net.Listener
	count    atomic.Int64
	done     chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	// times holds publish-to-arrival times while sampling is on.
	sampling bool
	times    []time.Duration
}

func startReceiver(o options) (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{listener: l, done: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	go r.accept()
	return r, nil
}

func (r *receiver) url(path string) string { return "http://" + r.listener.Addr().String() + path }

func (r *receiver) close() {
	close(r.done)
	r.listener.Close()
	r.dropConns()
}

// dropConns ends all connections, hanging ones above all.
func (r *receiver) dropConns() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
}

func (r *receiver) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.conns[c] = struct{}{}
		r.mu.Unlock()
		go func() {
			r.serve(c)
			c.Close()
			r.mu.Lock()
			delete(r.conns, c)
			r.mu.Unlock()
		}()
	}
}

var (
	response  = []byte("HTTP/1.1 204 No Content\r\n\r\n")
	stamp     = []byte(`"published_ns":`)
	hangPath  = []byte(" /hang/")
	lengthKey = []byte("content-length:")
)

func (r *receiver) serve(c net.Conn) {
	br := bufio.NewReaderSize(c, 16<<10)
	var body []byte
	for {
		hang, length, err := readHead(br)
		if err != nil {
			return
		}
		body = slices.Grow(body[:0], length)[:length]
		if _, err := io.ReadFull(br, body); err != nil {
			return
		}
		if hang {
			<-r.done
			return
		}
		r.count.Add(1)
		r.sample(body)
		if _, err := c.Write(response); err != nil {
			return
		}
	}
}

// readHead reads a request line and headers.
func readHead(br *bufio.Reader) (hang bool, length int, err error) {
	for first := true; ; first = false {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return false, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first:
			hang = bytes.Contains(line, hangPath)
		case len(line) == 0:
			return hang, length, nil
		case len(line) > len(lengthKey) && bytes.EqualFold(line[:len(lengthKey)], lengthKey):
			if length, err = strconv.Atoi(string(textproto.TrimBytes(line[len(lengthKey):]))); err != nil {
				return false, 0, fmt.Errorf("content-length: %w", err)
			}
		}
	}
}

func (r *receiver) sample(body []byte) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sampling {
		return
	}
	_, after, ok := bytes.Cut(body, stamp)
	if !ok {
		return
	}
	digits, _, _ := bytes.Cut(after, []byte(","))
	if ns, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
		r.times = append(r.times, now.Sub(time.Unix(0, ns)))
	}
}

func (r *receiver) startSampling() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sampling, r.times = true, nil
}

func (r *receiver) stopSampling() latency {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sampling = false
	slices.Sort(r.times)
	n := len(r.times)
	if n == 0 {
		return latency{}
	}
	return latency{Count: n, P50: r.times[n/2], P99: r.times[n*99/100], Max: r.times[n-1]}
}
