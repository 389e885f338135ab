package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop/dialect"
)

// data makes an event's data of about the given size, stamped with the time.
func data(size int) []byte {
	head := fmt.Sprintf(`{%s%d,"fill":"`, stamp, time.Now().UnixNano())
	return []byte(head + strings.Repeat("x", max(size-len(head)-2, 0)) + `"}`)
}

// bareLoop signs and POSTs with net/http as fast as it can: what delivering would
// cost if nothing were stored, queued or logged.
func bareLoop(ctx context.Context, o options, rcv *remote) (perSecond, cpuMicros float64, err error) {
	d, err := dialect.Lookup("standard")
	if err != nil {
		return 0, 0, err
	}
	secret, err := d.NewSecret()
	if err != nil {
		return 0, 0, err
	}
	signer, err := d.NewSigner([]string{secret})
	if err != nil {
		return 0, 0, err
	}
	transport := &http.Transport{MaxIdleConns: o.connections, MaxIdleConnsPerHost: o.connections, DisableCompression: true}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: 15 * time.Second}
	post := func() error {
		now := time.Now()
		r, err := signer.Render(dialect.Message{ID: "evt_0", App: "bench", Type: "bench", Time: now, Timestamp: now, Data: data(o.size)})
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, rcv.url("/"), bytes.NewReader(r.Body))
		if err != nil {
			return err
		}
		for _, h := range r.Headers {
			req.Header.Set(h.Name, h.Value)
		}
		res, err := c.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return errors.Join(err, res.Body.Close())
	}
	var sent atomic.Int64
	cpu := cpuOf(os.Getpid()) + rcv.cpu()
	began := time.Now()
	until := began.Add(time.Duration(o.seconds) * time.Second)
	if err := parallel(o.connections, func(int) error {
		for time.Now().Before(until) {
			if err := post(); err != nil {
				return err
			}
			sent.Add(1)
		}
		return nil
	}); err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	cpu = cpuOf(os.Getpid()) + rcv.cpu() - cpu
	return float64(sent.Load()) / took.Seconds(), float64(cpu.Microseconds()) / float64(sent.Load()), nil
}

// parallel runs n workers and gives their errors.
func parallel(n int, work func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = work(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// publisher is one connection to bellhop that publishes single events, with as
// little cost of its own as possible.
type publisher struct {
	conn net.Conn
	br   *bufio.Reader
	head string
	buf  []byte
}

// newPublisher connects the i-th publisher: to each process as many.
func newPublisher(s *server, i int) (*publisher, error) {
	addr := s.nodes[i%len(s.nodes)].addr
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &publisher{
		conn: c, br: bufio.NewReader(c),
		head: "POST /v1/events HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: Bearer " + s.key + "\r\nContent-Type: application/json\r\nContent-Length: ",
	}, nil
}

// publish sends one event of the type and waits for its acknowledgement.
func (p *publisher) publish(eventType string, size int) error {
	body := data(size)
	prefix := `{"app":"bench","type":"` + eventType + `","data":`
	p.buf = append(p.buf[:0], p.head...)
	p.buf = strconv.AppendInt(p.buf, int64(len(prefix)+len(body)+1), 10)
	p.buf = append(p.buf, "\r\n\r\n"...)
	p.buf = append(p.buf, prefix...)
	p.buf = append(p.buf, body...)
	p.buf = append(p.buf, '}')
	if _, err := p.conn.Write(p.buf); err != nil {
		return err
	}
	status, length, err := readHead(p.br)
	if err != nil {
		return err
	}
	p.buf = slices.Grow(p.buf[:0], length)[:length]
	if _, err := io.ReadFull(p.br, p.buf); err != nil {
		return err
	}
	if !strings.Contains(status, " 202 ") {
		return fmt.Errorf("publish: %s: %s", status, p.buf)
	}
	return nil
}

// load is what a server made of many single events.
type load struct {
	events            int64
	rate, acceptRate  float64 // events a second
	ownCPU, cpu       float64 // microseconds an event, of the server and of all
	idleMemory, after float64 // MB
}

// throughput publishes single events over many connections and waits for the last
// one to arrive.
func throughput(ctx context.Context, o options, dir, binary string, rcv *remote) (l load, err error) {
	s, err := startServer(ctx, o, dir, binary, rcv, 0)
	if err != nil {
		return l, err
	}
	defer s.stop()
	return s.flood(ctx, o, rcv)
}

// flood is throughput of a server that runs.
func (s *server) flood(ctx context.Context, o options, rcv *remote) (l load, err error) {
	if l.idleMemory, err = s.memoryMB(); err != nil {
		return l, err
	}
	own, all := s.cpu(), s.cpu()+cpuOf(os.Getpid())+rcv.cpu()
	before, err := rcv.count()
	if err != nil {
		return l, err
	}
	began := time.Now()
	until := began.Add(time.Duration(o.seconds) * time.Second)
	var accepted atomic.Int64
	err = parallel(o.connections, func(i int) error {
		p, err := newPublisher(s, i)
		if err != nil {
			return err
		}
		defer p.conn.Close()
		for n := i; time.Now().Before(until) && ctx.Err() == nil; n++ {
			if err := p.publish(eventType(n%o.endpoints), o.size); err != nil {
				return err
			}
			accepted.Add(1)
		}
		return nil
	})
	if err != nil {
		return l, err
	}
	l.acceptRate = float64(accepted.Load()) / time.Since(began).Seconds()
	var arrived int64
	if err := waitFor(ctx, time.Minute, func() bool {
		n, err := rcv.count()
		arrived = n - before
		return err != nil || arrived >= accepted.Load()
	}); err != nil {
		return l, fmt.Errorf("%d of %d events arrived", arrived, accepted.Load())
	}
	l.events = accepted.Load()
	l.rate = float64(l.events) / time.Since(began).Seconds()
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(accepted.Load()) }
	l.ownCPU = each(s.cpu() - own)
	l.cpu = each(s.cpu() + cpuOf(os.Getpid()) + rcv.cpu() - all)
	l.after, err = s.memoryMB()
	return l, err
}

// paced publishes at a fixed rate for each endpoint, of which some hang, and
// samples how long events take to healthy ones.
func paced(ctx context.Context, o options, dir, binary string, rcv *remote, hanging int) (latency, error) {
	s, err := startServer(ctx, o, dir, binary, rcv, hanging)
	if err != nil {
		return latency{}, err
	}
	defer s.stop()
	defer rcv.ask("drop")
	// Hanging requests take a while to pile up: let them, before sampling.
	settle := time.Duration(o.seconds) * time.Second / 2
	began := time.Now()
	until := began.Add(settle + time.Duration(o.seconds)*time.Second)
	timer := time.AfterFunc(settle, func() {
		if _, err := rcv.ask("sample"); err != nil {
			fmt.Fprintln(os.Stderr, "bench: receiver:", err)
		}
	})
	defer timer.Stop()
	err = parallel(o.endpoints, func(i int) error {
		p, err := newPublisher(s, i)
		if err != nil {
			return err
		}
		defer p.conn.Close()
		every := time.Second / time.Duration(o.rate)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for time.Now().Before(until) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
			if err := p.publish(eventType(i), o.size); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return latency{}, err
	}
	return rcv.times()
}

func eventType(i int) string { return "bench." + strconv.Itoa(i) }

// waitFor polls until the condition holds.
func waitFor(ctx context.Context, limit time.Duration, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
