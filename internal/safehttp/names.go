package safehttp

import (
	"context"
	"net"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// maxNames bounds the answers of DNS servers that are remembered.
	maxNames = 4096

	// longestName bounds for how long an answer is believed, whatever its time to live
	// says: a name that moves is followed no later than a connection to it (maxConnAge).
	longestName = maxConnAge

	// missingName bounds for how long it is believed that a name does not exist, or has
	// no address of a kind: somebody may be about to make it.
	missingName = 5 * time.Second
)

// names remember what DNS servers answered, for as long as the answers say: a connection
// to a receiver that closes each, or a burst of new ones, asks once. They stand between the
// resolver of package net and its servers, so that all else is that resolver's: the hosts
// file, search domains, which server is asked, what is asked again, and the check that an
// answer is one to the question.
//
// Nothing depends on a remembered answer being right: the guard looks at every address
// that is dialed.
type names struct {
	now func() time.Time

	mu sync.Mutex
	of map[dnsmessage.Question]name
}

// name is a remembered answer.
type name struct {
	answer []byte // as it came; its first two bytes are the number of the question
	until  time.Time
}

// remember keeps an answer, if it may be kept.
func (n *names) remember(q dnsmessage.Question, answer []byte) {
	now := n.now()
	ttl := lifetime(q, answer)
	if ttl <= 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.of) >= maxNames {
		for old, kept := range n.of {
			if !now.Before(kept.until) {
				delete(n.of, old)
			}
		}
		if len(n.of) >= maxNames {
			clear(n.of)
		}
	}
	n.of[q] = name{answer, now.Add(ttl)}
}

// recall gives an answer that is remembered, with the number of a new question.
func (n *names) recall(q dnsmessage.Question, number [2]byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	kept, ok := n.of[q]
	if !ok || !n.now().Before(kept.until) {
		return nil
	}
	return append(number[:], kept.answer[2:]...)
}

// question is the one that a message of DNS asks.
func question(message []byte) (q dnsmessage.Question, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || h.Response {
		return q, false
	}
	q, err = p.Question()
	return q, err == nil
}

// lifetime is for how long an answer to a question may be believed; 0 for not at all.
func lifetime(q dnsmessage.Question, answer []byte) time.Duration {
	var p dnsmessage.Parser
	h, err := p.Start(answer)
	if err != nil || !h.Response || h.Truncated || h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError {
		return 0
	}
	asked, err := p.Question()
	if err != nil || asked.Type != q.Type || asked.Class != q.Class || !sameName(asked.Name, q.Name) {
		return 0
	}
	if p.SkipAllQuestions() != nil {
		return 0
	}
	// Of a chain of names that leads to the addresses, the shortest counts.
	least, found := longestName, false
	for {
		r, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil || p.SkipAnswer() != nil {
			return 0
		}
		least = min(least, time.Duration(r.TTL)*time.Second)
		found = found || r.Type == q.Type
	}
	if !found || h.RCode == dnsmessage.RCodeNameError {
		least = min(least, missingName)
	}
	return least
}

// sameName compares names as DNS does (RFC 1035, 2.3.3).
func sameName(a, b dnsmessage.Name) bool {
	if a.Length != b.Length {
		return false
	}
	for i := range a.Length {
		if lower(a.Data[i]) != lower(b.Data[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// asking is a connection to a DNS server over UDP, that is made when there is something
// to ask.
type asking struct {
	names *names
	dial  func() (net.Conn, error)

	mu       sync.Mutex
	server   net.Conn // nil as long as nothing was asked
	deadline time.Time
	closed   bool

	question dnsmessage.Question
	number   [2]byte
	answer   []byte // that is remembered
}

// Write asks a question.
func (a *asking) Write(message []byte) (int, error) {
	q, ok := question(message)
	if ok {
		a.question, a.number = q, [2]byte(message)
		if a.answer = a.names.recall(q, a.number); a.answer != nil {
			return len(message), nil
		}
	}
	server, err := a.connected()
	if err != nil {
		return 0, err
	}
	return server.Write(message)
}

// connected is the connection to the server.
func (a *asking) connected() (net.Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, net.ErrClosed
	}
	if a.server == nil {
		server, err := a.dial()
		if err != nil {
			return nil, err
		}
		if err := server.SetDeadline(a.deadline); err != nil {
			server.Close()
			return nil, err
		}
		a.server = server
	}
	return a.server, nil
}

// Read gives an answer.
func (a *asking) Read(p []byte) (int, error) {
	if a.answer != nil {
		n := copy(p, a.answer)
		a.answer = nil
		return n, nil
	}
	server, err := a.connected()
	if err != nil {
		return 0, err
	}
	n, err := server.Read(p)
	if err == nil && n > 2 && n < len(p) && [2]byte(p) == a.number {
		a.names.remember(a.question, append([]byte(nil), p[:n]...))
	}
	return n, err
}

// SetDeadline is that of the server's connection.
func (a *asking) SetDeadline(t time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.deadline = t; a.server != nil {
		return a.server.SetDeadline(t)
	}
	return nil
}

// Close ends the server's connection, if there is one.
func (a *asking) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed = true; a.server != nil {
		return a.server.Close()
	}
	return nil
}

// What else a net.Conn and a net.PacketConn have. The resolver knows by the latter that it
// speaks over UDP.

func (a *asking) LocalAddr() net.Addr                { return &net.UDPAddr{} }
func (a *asking) RemoteAddr() net.Addr               { return &net.UDPAddr{} }
func (a *asking) SetReadDeadline(t time.Time) error  { return a.SetDeadline(t) }
func (a *asking) SetWriteDeadline(t time.Time) error { return a.SetDeadline(t) }

func (a *asking) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := a.Read(p)
	return n, a.RemoteAddr(), err
}

func (a *asking) WriteTo(p []byte, _ net.Addr) (int, error) { return a.Write(p) }

// resolver asks the given DNS server or, with "", the system's, and remembers what they
// answer.
func resolver(server string, n *names) *net.Resolver {
	return &net.Resolver{
		PreferGo: server != "", // the C library's resolver would not ask Dial
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if server != "" {
				address = server
			}
			dial := func() (net.Conn, error) {
				k, err := new(net.Dialer).DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				// The resolver waits for an answer for five seconds and asks again,
				// even when nobody wants to know any more.
				context.AfterFunc(ctx, func() { k.SetDeadline(longAgo) })
				return k, nil
			}
			if network != "udp" && network != "udp4" && network != "udp6" {
				return dial() // what is too long for UDP is not remembered
			}
			return &asking{names: n, dial: dial}, nil
		},
	}
}
