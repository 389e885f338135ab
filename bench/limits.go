package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop/dialect"
)

// Limits are what Bellhop's figures are to be seen beside: what the same machine does, in
// the same minute, where nothing is accepted, stored, queued or logged.

// loop is what a loop of requests came to.
type loop struct {
	Rate float64
	// Sender and Receiver are their processor time for each request.
	Sender, Receiver time.Duration
}

// loops runs n workers for a while, each of which does one thing after the other.
func (l *lab) loops(ctx context.Context, length time.Duration, n int, begin func() (do func() (int, error), end func(), err error)) (found loop, err error) {
	var done atomic.Int64
	own, theirs := cpuOf(os.Getpid()), cpuOf(l.rcv.cmd.Process.Pid)
	began := time.Now()
	until := began.Add(length)
	err = parallel(n, func(int) error {
		do, end, err := begin()
		if err != nil {
			return err
		}
		defer end()
		for time.Now().Before(until) && ctx.Err() == nil {
			n, err := do()
			if err != nil {
				return err
			}
			done.Add(int64(n))
		}
		return ctx.Err()
	})
	took, count := time.Since(began), max(done.Load(), 1)
	found = loop{
		Rate:     float64(count) / took.Seconds(),
		Sender:   (cpuOf(os.Getpid()) - own) / time.Duration(count),
		Receiver: (cpuOf(l.rcv.cmd.Process.Pid) - theirs) / time.Duration(count),
	}
	return found, err
}

// delivery is a request as Bellhop makes them, rendered once.
func delivery(size int) (dialect.Request, *dialect.Signer, string, error) {
	d, err := dialect.Lookup("standard")
	if err != nil {
		return dialect.Request{}, nil, "", err
	}
	secret, err := d.NewSecret()
	if err != nil {
		return dialect.Request{}, nil, "", err
	}
	signer, err := d.NewSigner([]string{secret})
	if err != nil {
		return dialect.Request{}, nil, "", err
	}
	now := time.Now()
	r, err := signer.Render(message(now, eventData(size)))
	return r, signer, secret, err
}

func message(now time.Time, data []byte) dialect.Message {
	return dialect.Message{ID: "evt_0000000000000", App: "bench", Type: eventType(0), Time: now, Timestamp: now, Data: data}
}

// bareClient is the fastest client that we have: one connection, one request at a time,
// made once; what changes is patched in, and signed.
type bareClient struct {
	conn      net.Conn
	frames    *framer
	request   []byte
	body      []byte // the request's
	event     slot
	signature []byte // where it stands in the request
	signed    []byte // what is signed before the body
	mac       interface {
		io.Writer
		Reset()
		Sum([]byte) []byte
	}
	sum []byte
}

func newBareClient(addr string, secure *tls.Config, size int) (*bareClient, error) {
	r, _, secret, err := delivery(size)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(secret[len("whsec_"):])
	if err != nil {
		return nil, fmt.Errorf("a secret that is no base64: %w", err)
	}
	request := "POST /a/0 HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: bench\r\n"
	var id, timestamp string
	for _, h := range r.Headers {
		request += h.Name + ": " + h.Value + "\r\n"
		switch h.Name {
		case "webhook-id":
			id = h.Value
		case "webhook-timestamp":
			timestamp = h.Value
		}
	}
	request += "Content-Length: " + strconv.Itoa(len(r.Body)) + "\r\n\r\n" + string(r.Body)
	b := &bareClient{request: []byte(request), mac: hmac.New(sha256.New, key), signed: []byte(id + "." + timestamp + ".")}
	b.body = b.request[len(b.request)-len(r.Body):]
	slots := slotsOf(b.body)
	i := bytes.Index(b.request, []byte("v1,"))
	if len(slots) != 1 || i < 0 || id == "" || timestamp == "" {
		return nil, errors.New("the standard dialect is not as the bare loop expects it")
	}
	b.event = slots[0]
	b.signature = b.request[i+len("v1,"):][:base64.StdEncoding.EncodedLen(sha256.Size)]
	if b.conn, err = net.Dial("tcp", addr); err != nil {
		return nil, err
	}
	if secure != nil {
		secure = secure.Clone()
		secure.ServerName = "127.0.0.1"
		b.conn = tls.Client(b.conn, secure)
	}
	b.frames = newFramer(b.conn, 4<<10)
	return b, nil
}

// post signs and sends, and waits for the answer.
func (b *bareClient) post(at time.Time) error {
	b.event.set(0, unwatched, at.UnixNano())
	b.mac.Reset()
	b.mac.Write(b.signed)
	b.mac.Write(b.body)
	b.sum = b.mac.Sum(b.sum[:0])
	base64.StdEncoding.Encode(b.signature, b.sum)
	if _, err := b.conn.Write(b.request); err != nil {
		return err
	}
	head, _, err := b.frames.next()
	if err == nil && !bytes.HasPrefix(head, []byte("HTTP/1.1 204 ")) {
		err = fmt.Errorf("the receiver answered %.40q", head)
	}
	return err
}

// bare is the loop that is hand-written, over TLS where secure is set.
func (l *lab) bare(ctx context.Context, length time.Duration, secure bool) (loop, error) {
	addr, config := l.rcv.Plain, (*tls.Config)(nil)
	if secure {
		addr, config = l.rcv.TLS, l.cert.client()
	}
	return l.loops(ctx, length, l.o.inFlight, func() (func() (int, error), func(), error) {
		b, err := newBareClient(addr, config, l.size)
		if err != nil {
			return nil, nil, err
		}
		return func() (int, error) { return 1, b.post(time.Now()) }, func() { _ = b.conn.Close() }, nil
	})
}

// bareHTTP is the loop with net/http.
func (l *lab) bareHTTP(ctx context.Context, length time.Duration) (loop, error) {
	_, signer, _, err := delivery(l.size)
	if err != nil {
		return loop{}, err
	}
	transport := &http.Transport{MaxIdleConns: l.o.inFlight, MaxIdleConnsPerHost: l.o.inFlight, DisableCompression: true}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: 15 * time.Second}
	data := eventData(l.size)
	post := func() (int, error) {
		now := time.Now()
		r, err := signer.Render(message(now, data))
		if err != nil {
			return 0, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.rcv.url(false, "a", 0), bytes.NewReader(r.Body))
		if err != nil {
			return 0, err
		}
		for _, h := range r.Headers {
			req.Header.Set(h.Name, h.Value)
		}
		res, err := c.Do(req)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return 1, errors.Join(err, res.Body.Close())
	}
	return l.loops(ctx, length, l.o.inFlight, func() (func() (int, error), func(), error) {
		return post, func() {}, nil
	})
}

// ceiling is what the receiver takes of a client that costs nearly nothing: the same
// requests, not signed anew, many with one write.
func (l *lab) ceiling(ctx context.Context, length time.Duration) (loop, error) {
	const together = 64
	return l.loops(ctx, length, 4, func() (func() (int, error), func(), error) {
		b, err := newBareClient(l.rcv.Plain, nil, l.size)
		if err != nil {
			return nil, nil, err
		}
		b.event.set(0, unwatched, time.Now().UnixNano())
		requests := bytes.Repeat(b.request, together)
		answers := make([]byte, together*len(response))
		return func() (int, error) {
			if _, err := b.conn.Write(requests); err != nil {
				return 0, err
			}
			_, err := io.ReadFull(b.conn, answers)
			return together, err
		}, func() { _ = b.conn.Close() }, nil
	})
}

// syncing is how long it takes to have 8 KiB on the disk, at the end of a file beside the
// database, and (posted) with a request of the bare loop after it: one at a time, on a
// machine that does nothing else.
func (l *lab) syncing(ctx context.Context, length time.Duration) (synced, posted latency, err error) {
	path := filepath.Join(l.dir, "sync")
	f, err := os.Create(path)
	if err != nil {
		return synced, posted, err
	}
	defer os.Remove(path)
	defer f.Close()
	b, err := newBareClient(l.rcv.Plain, nil, l.size)
	if err != nil {
		return synced, posted, err
	}
	defer b.conn.Close()
	block := make([]byte, 8<<10)
	var alone, together histogram
	for began := time.Now(); time.Since(began) < length && ctx.Err() == nil; {
		at := time.Now()
		if _, err = f.Write(block); err == nil {
			err = dataSync(f)
		}
		if err != nil {
			return synced, posted, err
		}
		alone.add(time.Since(at))
		if err := b.post(at); err != nil {
			return synced, posted, err
		}
		together.add(time.Since(at))
	}
	return alone.latency(), together.latency(), ctx.Err()
}
