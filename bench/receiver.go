package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// receiver takes webhooks as cheaply as can be: it reads a request, notes when it
// came, and answers 204. Requests to a path below /hang/ are never answered. It is
// a process of its own, as receivers are: within the sender's process it would
// cost a fraction.
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

// receive is the receiver's process. It prints its address, and then answers each
// command on its standard input with a line, until that ends.
func receive() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r := &receiver{listener: l, done: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	go r.accept()
	fmt.Println(l.Addr())
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		switch commands.Text() {
		case "count":
			fmt.Println(r.count.Load())
		case "sample":
			r.startSampling()
			fmt.Println()
		case "times":
			b, err := json.Marshal(r.stopSampling())
			if err != nil {
				return err
			}
			fmt.Println(string(b))
		case "drop":
			r.dropConns()
			fmt.Println()
		}
	}
	close(r.done)
	return errors.Join(commands.Err(), l.Close())
}

// remote is the receiver as the rest of the bench sees it.
type remote struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	in   io.WriteCloser
	out  *bufio.Reader
	addr string
}

func startReceiver(ctx context.Context) (*remote, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &remote{cmd: exec.CommandContext(ctx, self, "-receiver")}
	r.cmd.Stderr = os.Stderr
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
	line, err := r.out.ReadString('\n')
	r.addr = strings.TrimSpace(line)
	return r, err
}

func (r *remote) ask(command string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := io.WriteString(r.in, command+"\n"); err != nil {
		return "", err
	}
	line, err := r.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (r *remote) url(path string) string { return "http://" + r.addr + path }

// count is how many requests were answered.
func (r *remote) count() (int64, error) {
	line, err := r.ask("count")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(line, 10, 64)
}

// times gives the latencies since sampling was asked for, and ends it.
func (r *remote) times() (l latency, err error) {
	line, err := r.ask("times")
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal([]byte(line), &l)
}

func (r *remote) cpu() time.Duration { return cpuOf(r.cmd.Process.Pid) }

func (r *remote) close() {
	r.in.Close()
	_ = r.cmd.Wait()
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

const hangPath = " /hang/"

var (
	response  = []byte("HTTP/1.1 204 No Content\r\n\r\n")
	stamp     = []byte(`"published_ns":`)
	lengthKey = []byte("content-length:")
)

func (r *receiver) serve(c net.Conn) {
	br := bufio.NewReaderSize(c, 16<<10)
	var body []byte
	for {
		request, length, err := readHead(br)
		if err != nil {
			return
		}
		body = slices.Grow(body[:0], length)[:length]
		if _, err := io.ReadFull(br, body); err != nil {
			return
		}
		if strings.Contains(request, hangPath) {
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

// readHead reads the first line and the headers of a request or a response.
func readHead(br *bufio.Reader) (first string, length int, err error) {
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return "", 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first == "":
			first = string(line)
		case len(line) == 0:
			return first, length, nil
		case len(line) > len(lengthKey) && bytes.EqualFold(line[:len(lengthKey)], lengthKey):
			if length, err = strconv.Atoi(string(textproto.TrimBytes(line[len(lengthKey):]))); err != nil {
				return "", 0, fmt.Errorf("content-length: %w", err)
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
