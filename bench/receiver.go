package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// receiver takes webhooks as cheaply as can be: it reads a request, notes that and when
// it came, and answers 204. It is a process of its own, as receivers are: within the
// sender's process it would cost a fraction.
//
// What it does depends on the path, /WAY/ENDPOINT: "a" and "b" are answered at once and
// have a histogram each, "slow" is answered after a while, and "hang" never.
type receiver struct {
	ledger  atomic.Pointer[ledger]
	a, b    histogram
	count   atomic.Int64 // requests that were answered
	hanging atomic.Int64
	delay   atomic.Int64 // of slow, in nanoseconds

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// receive is the receiver's process. It prints its addresses, and then answers each
// command on its standard input with a line of JSON, until that ends: when the bench wants
// it to, or when the bench is no more. Then it removes the bench's folder, since somebody
// who was killed cannot.
func receive() error {
	debug.SetGCPercent(400)
	// A terminal interrupts, or hangs up on, both; and it is the bench that says what is next.
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	if folder := os.Getenv(folderVariable); folder != "" {
		defer removeAll(folder)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listeners := receiverAddresses{Plain: plain.Addr().String()}
	r := &receiver{conns: map[net.Conn]struct{}{}}
	r.ledger.Store(&ledger{fan: 1})
	go r.accept(plain)
	if certificate := os.Getenv(certificateVariable); certificate != "" {
		cert, err := tls.X509KeyPair([]byte(certificate), []byte(certificate))
		if err != nil {
			return err
		}
		secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
		if err != nil {
			return err
		}
		listeners.TLS = secure.Addr().String()
		go r.accept(secure)
	}
	answers := json.NewEncoder(os.Stdout)
	if err := answers.Encode(listeners); err != nil {
		return err
	}
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		answer, err := r.do(strings.Fields(commands.Text()))
		if err != nil {
			return err
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return commands.Err()
}

// removeAll removes a folder, for a while: a server that is being killed may still write.
func removeAll(folder string) {
	for range 20 {
		if os.RemoveAll(folder) == nil {
			if _, err := os.Stat(folder); err != nil {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// What the receiver is told by its environment.
const (
	certificateVariable = "BENCH_RECEIVER_CERTIFICATE"
	folderVariable      = "BENCH_RECEIVER_FOLDER" // that it removes at its end
)

type receiverAddresses struct{ Plain, TLS string }

// do carries out a command.
func (r *receiver) do(words []string) (answer any, err error) {
	number := func() int64 {
		if len(words) < 2 {
			return 0
		}
		n, _ := strconv.ParseInt(words[1], 10, 64)
		return n
	}
	l := r.ledger.Load()
	switch words[0] {
	case "begin": // a new ledger, of so many endpoints an event
		r.ledger.Store(&ledger{fan: max(number(), 1)})
		r.a.reset()
		r.b.reset()
		return true, nil
	case "reset": // the histograms
		r.a.reset()
		r.b.reset()
		return true, nil
	case "count":
		return r.count.Load(), nil
	case "arrived":
		return l.arrived.Load(), nil
	case "first":
		return l.first.Load(), nil
	case "hanging":
		return r.hanging.Load(), nil
	case "account": // of so many events
		return l.account(number()), nil
	case "times":
		if len(words) > 1 && words[1] == "b" {
			return r.b.latency(), nil
		}
		return r.a.latency(), nil
	case "delay": // of slow, in milliseconds
		r.delay.Store(number() * int64(time.Millisecond))
		return true, nil
	case "drop": // all connections, hanging ones above all
		r.mu.Lock()
		defer r.mu.Unlock()
		for c := range r.conns {
			_ = c.Close()
		}
		return true, nil
	}
	return nil, fmt.Errorf("unknown command %q", words)
}

func (r *receiver) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: receiver:", err)
			return
		}
		r.mu.Lock()
		r.conns[c] = struct{}{}
		r.mu.Unlock()
		go func() {
			r.serve(c)
			_ = c.Close()
			r.mu.Lock()
			delete(r.conns, c)
			r.mu.Unlock()
		}()
	}
}

var response = []byte("HTTP/1.1 204 No Content\r\n\r\n")

func (r *receiver) serve(c net.Conn) {
	f := newFramer(c, 4<<10)
	for {
		head, body, err := f.next()
		if err != nil {
			return
		}
		way, endpoint := target(head)
		switch way {
		case 'h':
			r.hang(c, f)
			return
		case 's':
			time.Sleep(time.Duration(r.delay.Load()))
		}
		r.note(way, endpoint, body)
		if _, err := c.Write(response); err != nil {
			return
		}
	}
}

// hang waits until the other side gives up, with as little memory as it can.
func (r *receiver) hang(c net.Conn, f *framer) {
	f.buf = nil
	r.hanging.Add(1)
	defer r.hanging.Add(-1)
	var one [1]byte
	_, _ = c.Read(one[:])
}

// target reads the way and the endpoint from "POST /a/12 HTTP/1.1".
func target(head []byte) (way byte, endpoint int64) {
	i := bytes.IndexByte(head, '/')
	if i < 0 || i+1 >= len(head) {
		return 0, 0
	}
	way = head[i+1]
	rest := head[i+1:]
	if i = bytes.IndexByte(rest, '/'); i >= 0 {
		n, _ := digits(rest[i+1:])
		endpoint = int64(n)
	}
	return way, endpoint
}

func (r *receiver) note(way byte, endpoint int64, body []byte) {
	r.count.Add(1)
	number, sent, ok := readEvent(body)
	if !ok || number == unwatched {
		return
	}
	now := time.Now().UnixNano()
	r.ledger.Load().note(number, endpoint, now)
	if way == 'b' {
		r.b.add(time.Duration(now - sent))
	} else {
		r.a.add(time.Duration(now - sent))
	}
}

// remote is the receiver as the rest of the bench sees it.
type remote struct {
	receiverAddresses
	cmd *exec.Cmd
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
}

func startReceiver(ctx context.Context, cert *certificate, folder string) (*remote, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &remote{cmd: exec.CommandContext(ctx, self, "-receiver")}
	r.cmd.Stderr = os.Stderr
	r.cmd.Env = append(os.Environ(), certificateVariable+"="+cert.pem, folderVariable+"="+folder)
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewReader(out)
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	return r, r.answer(&r.receiverAddresses)
}

func (r *remote) answer(to any) error {
	line, err := r.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the receiver has ended: %w", err)
	}
	return json.Unmarshal(line, to)
}

func (r *remote) ask(to any, words ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := fmt.Fprintln(r.in, words...); err != nil {
		return fmt.Errorf("the receiver has ended: %w", err)
	}
	return r.answer(to)
}

func (r *remote) tell(words ...any) error {
	var done bool
	return r.ask(&done, words...)
}

func (r *remote) number(words ...any) (n int64, err error) { return n, r.ask(&n, words...) }

// times gives the times from publish to arrival by a way, "a" or "b".
func (r *remote) times(way string) (l latency, err error) {
	if err = r.ask(&l, "times", way); err == nil && l.Count == 0 {
		err = errors.New("nothing arrived whose time could be taken")
	}
	return l, err
}

// url is where an endpoint sends to.
func (r *remote) url(secure bool, way string, endpoint int) string {
	if secure {
		return "https://" + r.TLS + "/" + way + "/" + strconv.Itoa(endpoint)
	}
	return "http://" + r.Plain + "/" + way + "/" + strconv.Itoa(endpoint)
}

func (r *remote) close() {
	_ = r.in.Close()
	_ = r.cmd.Wait()
}
