// Package testsmtp is a small mail server (RFC 5321) that keeps what it takes in memory:
// the mailbox of 'bellhop demo', and the receiver of tests, which can have it misbehave.
// It relays nothing.
package testsmtp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Options of a Server. Zero values take every mail over plain text.
type Options struct {
	// Certificate, if set, has STARTTLS offered or, with Implicit, TLS spoken from the
	// first byte.
	Certificate *tls.Certificate
	Implicit    bool
	// Users are names with their passwords, or with XOAUTH2 their tokens. With some, mail is taken from them alone.
	Users map[string]string
	// Mechanisms are the ways to authenticate that are offered; none means PLAIN and LOGIN.
	// They are offered over TLS only, unless PlainAuth says otherwise.
	Mechanisms []string
	PlainAuth  bool
	// Terse answers with codes alone, after the greetings.
	Terse bool
	// MaxSize bounds a message, in bytes (0: 10 MiB); MaxKept how many are kept, of which
	// the oldest go first (0: 200).
	MaxSize int
	MaxKept int
	// Idle is how long a client may say nothing (0: a minute).
	Idle time.Duration
	// Behave, if set, is asked at each step and can have the server misbehave.
	Behave func(Step) Reply
	// Arrived, if set, is told of each message that was taken.
	Arrived func(Message)
}

// Step is where a conversation is.
type Step struct {
	// Verb is the command: EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, RSET, NOOP, VRFY or
	// QUIT; CONNECT before the greeting, and END after a message's last line.
	Verb string
	Arg  string
	TLS  bool
}

// Reply is what a server does out of turn. The zero Reply is that it behaves.
type Reply struct {
	// After is waited for first, or until the server is closed.
	After <-chan struct{}
	// Code and Text are answered in place of what was right; Code 0 leaves that.
	Code int
	Text string
	// Raw is sent as it is, in place of an answer.
	Raw string
	// Drop ends the connection without an answer; Take, at END, keeps the message all the
	// same.
	Drop, Take bool
}

// Server is a running mail server.
type Server struct {
	o        Options
	listener net.Listener
	running  sync.WaitGroup
	done     chan struct{}

	mu       sync.Mutex
	closed   bool
	conns    map[net.Conn]struct{}
	seen     int
	messages []Message
}

// Listen starts a server at an address such as "127.0.0.1:0".
func Listen(address string, o Options) (*Server, error) {
	if o.Implicit && o.Certificate == nil {
		return nil, errors.New("testsmtp: implicit TLS needs a certificate")
	}
	if len(o.Mechanisms) == 0 {
		o.Mechanisms = []string{"PLAIN", "LOGIN"}
	}
	if o.MaxSize == 0 {
		o.MaxSize = 10 << 20
	}
	if o.MaxKept == 0 {
		o.MaxKept = 200
	}
	if o.Idle == 0 {
		o.Idle = time.Minute
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("testsmtp: %w", err)
	}
	s := &Server{o: o, listener: l, done: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	s.running.Go(s.accept)
	return s, nil
}

// Addr is the host:port that it listens at.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is the address as an endpoint has it.
func (s *Server) URL() string {
	switch {
	case s.o.Implicit:
		return "smtps://" + s.Addr()
	case s.o.Certificate == nil:
		return "smtp+plain://" + s.Addr()
	}
	return "smtp://" + s.Addr()
}

// Messages are those that are kept, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Connections is how many there have been.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// Close ends the server and all of its connections, and waits for that.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
		s.listener.Close()
		for c := range s.conns {
			c.Close()
		}
	}
	s.mu.Unlock()
	s.running.Wait()
}

// maxConns bounds how many clients are served at once.
const maxConns = 100

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed || len(s.conns) >= maxConns {
			s.mu.Unlock()
			c.Close()
			continue
		}
		s.conns[c] = struct{}{}
		s.seen++
		s.mu.Unlock()
		s.running.Go(func() {
			defer func() {
				c.Close()
				s.mu.Lock()
				delete(s.conns, c)
				s.mu.Unlock()
			}()
			s.serve(c)
		})
	}
}

// take keeps a message.
func (s *Server) take(m Message) {
	s.mu.Lock()
	m.ID = s.nextID()
	s.messages = append(s.messages, m)
	if over := len(s.messages) - s.o.MaxKept; over > 0 {
		s.messages = slices.Delete(s.messages, 0, over)
	}
	s.mu.Unlock()
	if s.o.Arrived != nil {
		s.o.Arrived(m)
	}
}

// nextID counts on from the newest message, none of which is kept for less time than
// those before it.
func (s *Server) nextID() int {
	if n := len(s.messages); n > 0 {
		return s.messages[n-1].ID + 1
	}
	return 1
}
