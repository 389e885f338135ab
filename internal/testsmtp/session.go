package testsmtp

import (
	"bufio"
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	maxLine  = 2048
	maxTo    = 100
	hostname = "mail.bellhop.test"
)

// session is one conversation.
type session struct {
	s    *Server
	conn net.Conn
	in   *bufio.Reader
	tls  bool

	greeted bool
	user    string
	from    string
	to      []string
	begun   bool // MAIL was taken
}

var errOver = errors.New("the conversation is over")

// serve holds a conversation until it ends.
func (s *Server) serve(c net.Conn) {
	x := &session{s: s, conn: c}
	if s.o.Implicit && x.secure() != nil {
		return
	}
	x.in = bufio.NewReaderSize(x.conn, maxLine)
	if x.say("CONNECT", "", 220, hostname+" ESMTP ready") != nil {
		return
	}
	for {
		line, err := x.line()
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(line, " ")
		if x.command(strings.ToUpper(verb), strings.TrimSpace(arg)) != nil {
			return
		}
	}
}

// secure puts TLS over the connection.
func (x *session) secure() error {
	x.conn.SetDeadline(time.Now().Add(x.s.o.Idle))
	t := tls.Server(x.conn, &tls.Config{Certificates: []tls.Certificate{*x.s.o.Certificate}})
	if err := t.Handshake(); err != nil {
		return err
	}
	x.conn, x.tls = t, true
	return nil
}

// line reads a line without its end.
func (x *session) line() (string, error) {
	x.conn.SetDeadline(time.Now().Add(x.s.o.Idle))
	line, err := x.in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// say answers a step, if it is to be taken.
func (x *session) say(verb, arg string, code int, lines ...string) error {
	if _, err := x.step(verb, arg); err != nil {
		return err
	}
	return x.write(code, lines...)
}

// step has the server misbehave, if it is to: then the error says that the step is not
// to be taken, and errOver that the conversation is over.
func (x *session) step(verb, arg string) (Reply, error) {
	if x.s.o.Behave == nil {
		return Reply{}, nil
	}
	r := x.s.o.Behave(Step{Verb: verb, Arg: arg, TLS: x.tls})
	if r.After != nil {
		select {
		case <-r.After:
		case <-x.s.done:
		}
	}
	switch {
	case r.Drop:
		return r, errOver
	case r.Raw != "":
		if _, err := io.WriteString(x.conn, r.Raw); err != nil {
			return r, errOver
		}
		return r, errDeclined
	case r.Code != 0:
		if x.write(r.Code, r.Text) != nil || r.Code == 421 {
			return r, errOver
		}
		return r, errDeclined
	}
	return r, nil
}

var errDeclined = errors.New("the step was declined")

func (x *session) write(code int, lines ...string) error {
	var b strings.Builder
	for i, line := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		if x.s.o.Terse && x.greeted && len(lines) == 1 && code != 334 {
			sep, line = "", ""
		}
		fmt.Fprintf(&b, "%d%s%s\r\n", code, sep, line)
	}
	x.conn.SetDeadline(time.Now().Add(x.s.o.Idle))
	if _, err := io.WriteString(x.conn, b.String()); err != nil {
		return errOver
	}
	return nil
}

// command takes one; an error ends the conversation.
func (x *session) command(verb, arg string) error {
	err := x.obey(verb, arg)
	if errors.Is(err, errDeclined) {
		return nil
	}
	return err
}

func (x *session) obey(verb, arg string) error {
	switch verb {
	case "EHLO", "HELO":
		return x.hello(verb, arg)
	case "STARTTLS":
		return x.startTLS()
	case "AUTH":
		return x.auth(arg)
	case "MAIL":
		return x.mail(arg)
	case "RCPT":
		return x.rcpt(arg)
	case "DATA":
		return x.data()
	case "RSET":
		x.reset()
		return x.say(verb, arg, 250, "2.0.0 Forgotten")
	case "NOOP":
		return x.say(verb, arg, 250, "2.0.0 OK")
	case "VRFY":
		return x.say(verb, arg, 252, "2.1.5 Send it and see")
	case "QUIT":
		if err := x.say(verb, arg, 221, "2.0.0 Bye"); err != nil {
			return err
		}
		return errOver
	}
	return x.write(500, "5.5.2 Unknown command")
}

func (x *session) hello(verb, arg string) error {
	x.reset()
	if arg == "" {
		return x.write(501, "5.5.4 Say who you are")
	}
	if verb == "HELO" {
		err := x.say(verb, arg, 250, hostname)
		x.greeted = err == nil
		return err
	}
	lines := []string{hostname, "8BITMIME", "ENHANCEDSTATUSCODES", fmt.Sprintf("SIZE %d", x.s.o.MaxSize)}
	if x.s.o.Certificate != nil && !x.tls {
		lines = append(lines, "STARTTLS")
	}
	if x.offersAuth() {
		lines = append(lines, "AUTH "+strings.Join(x.s.o.Mechanisms, " "))
	}
	err := x.say(verb, arg, 250, lines...)
	x.greeted = err == nil
	return err
}

func (x *session) offersAuth() bool {
	return len(x.s.o.Users) > 0 && (x.tls || x.s.o.PlainAuth)
}

func (x *session) startTLS() error {
	if x.s.o.Certificate == nil || x.tls {
		return x.write(503, "5.5.1 Not now")
	}
	if err := x.say("STARTTLS", "", 220, "2.0.0 Go ahead"); err != nil {
		return err
	}
	if x.in.Buffered() > 0 { // said before it was secure: whoever said it
		return errOver
	}
	if err := x.secure(); err != nil {
		return errOver
	}
	x.in = bufio.NewReaderSize(x.conn, maxLine)
	x.greeted = false
	x.reset()
	return nil
}

func (x *session) auth(arg string) error {
	mechanism, first, _ := strings.Cut(arg, " ")
	mechanism = strings.ToUpper(mechanism)
	switch {
	case !x.offersAuth():
		return x.write(538, "5.7.11 Encryption is required")
	case !x.greeted || x.user != "":
		return x.write(503, "5.5.1 Not now")
	case !slices.Contains(x.s.o.Mechanisms, mechanism):
		return x.write(504, "5.5.4 Unknown mechanism")
	}
	var user, password string
	switch mechanism {
	case "PLAIN":
		if first == "" {
			var err error
			if first, err = x.ask(""); err != nil {
				return err
			}
		}
		raw, err := base64.StdEncoding.DecodeString(first)
		parts := strings.Split(string(raw), "\x00")
		if err != nil || len(parts) != 3 {
			return x.write(501, "5.5.2 That cannot be read")
		}
		user, password = parts[1], parts[2]
	case "LOGIN":
		answers := [2]string{}
		for i, question := range []string{"Username:", "Password:"} {
			text := first
			if i > 0 || first == "" {
				var err error
				if text, err = x.ask(question); err != nil {
					return err
				}
			}
			raw, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return x.write(501, "5.5.2 That cannot be read")
			}
			answers[i] = string(raw)
		}
		user, password = answers[0], answers[1]
	case "XOAUTH2":
		raw, err := base64.StdEncoding.DecodeString(first)
		parts := strings.Split(string(raw), "\x01")
		if err != nil || len(parts) != 4 {
			return x.write(501, "5.5.2 That cannot be read")
		}
		user, password = strings.TrimPrefix(parts[0], "user="), strings.TrimPrefix(parts[1], "auth=Bearer ")
	default:
		return x.write(504, "5.5.4 Mechanism is not made here")
	}
	known, ok := x.s.o.Users[user]
	if !ok || subtle.ConstantTimeCompare([]byte(known), []byte(password)) != 1 {
		return x.say("AUTH", mechanism, 535, "5.7.8 Username or password is wrong")
	}
	err := x.say("AUTH", mechanism, 235, "2.7.0 Welcome")
	if err == nil {
		x.user = user
	}
	return err
}

// ask puts a question of an authentication.
func (x *session) ask(question string) (string, error) {
	if err := x.write(334, base64.StdEncoding.EncodeToString([]byte(question))); err != nil {
		return "", err
	}
	return x.line()
}

func (x *session) mail(arg string) error {
	from, ok := path(arg, "FROM:")
	switch {
	case !x.greeted:
		return x.write(503, "5.5.1 Say EHLO first")
	case len(x.s.o.Users) > 0 && x.user == "":
		return x.write(530, "5.7.0 Authentication is required")
	case !ok || x.begun:
		return x.write(501, "5.5.4 That cannot be read, or not now")
	}
	err := x.say("MAIL", from, 250, "2.1.0 OK")
	if err == nil {
		x.begun, x.from = true, from
	}
	return err
}

func (x *session) rcpt(arg string) error {
	to, ok := path(arg, "TO:")
	switch {
	case !x.begun:
		return x.write(503, "5.5.1 Say MAIL first")
	case !ok || to == "":
		return x.write(501, "5.1.3 That is no address")
	case len(x.to) >= maxTo:
		return x.write(452, "4.5.3 Too many recipients")
	}
	err := x.say("RCPT", to, 250, "2.1.5 OK")
	if err == nil {
		x.to = append(x.to, to)
	}
	return err
}

// path takes the address out of FROM:<address> and what may follow.
func path(arg, before string) (string, bool) {
	if len(arg) < len(before) || !strings.EqualFold(arg[:len(before)], before) {
		return "", false
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(arg[len(before):]), "<")
	if !ok {
		return "", false
	}
	address, _, ok := strings.Cut(rest, ">")
	return address, ok
}

func (x *session) data() error {
	if len(x.to) == 0 {
		return x.write(503, "5.5.1 Say RCPT first")
	}
	if err := x.say("DATA", "", 354, "End with a line that is a dot"); err != nil {
		return err
	}
	text, err := x.text()
	switch {
	case errors.Is(err, errTooLarge):
		x.reset()
		return x.write(552, "5.3.4 The message is too large")
	case err != nil:
		return errOver
	}
	m := Message{From: x.from, To: x.to, Data: text, At: time.Now(), User: x.user, TLS: x.tls}
	x.reset()
	r, err := x.step("END", "")
	if err == nil || r.Take {
		x.s.take(m) // before the answer, so that whoever has that finds it
	}
	if err != nil {
		return err
	}
	return x.write(250, "2.0.0 Taken")
}

var errTooLarge = errors.New("too large")

// text reads a message up to its last line, and takes the dots off that were put before
// lines which begin with one.
func (x *session) text() ([]byte, error) {
	var b bytes.Buffer
	large := false
	start := true
	for {
		x.conn.SetDeadline(time.Now().Add(x.s.o.Idle))
		line, err := x.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if start {
			if string(line) == ".\r\n" {
				break
			}
			line = bytes.TrimPrefix(line, []byte("."))
		}
		start = err == nil
		if large = large || b.Len()+len(line) > x.s.o.MaxSize; !large {
			b.Write(line)
		}
	}
	if large {
		return nil, errTooLarge
	}
	return b.Bytes(), nil
}

func (x *session) reset() { x.begun, x.from, x.to = false, "", nil }
