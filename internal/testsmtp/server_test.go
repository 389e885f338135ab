package testsmtp

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/smtp"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

const text = "From: a@x.example\r\nTo: b@x.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n" +
	"Message-ID: <1@x.example>\r\nDate: Sun, 29 Nov 2026 10:00:00 +0000\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n\r\n.hidden dot\r\nlast line\r\n"

// TestStandardClient sends with the standard library's client, which is nobody's friend.
func TestStandardClient(t *testing.T) {
	cert, pem, err := SelfSigned("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	s := listen(t, Options{Certificate: cert, Users: map[string]string{"u": "p"}})
	c, err := smtp.Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if ok, _ := c.Extension("AUTH"); ok {
		t.Error("passwords are asked for before there is TLS")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(pem))
	if err := c.StartTLS(&tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail("a@x.example"); err == nil || !strings.HasPrefix(err.Error(), "530") {
		t.Errorf("mail from nobody: %v", err)
	}
	if err := c.Auth(smtp.PlainAuth("", "u", "p", "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		must(t, c.Mail("a@x.example"))
		must(t, c.Rcpt("b@x.example"))
		w, err := c.Data()
		must(t, err)
		_, err = w.Write([]byte(text))
		must(t, err)
		must(t, w.Close())
	}
	must(t, c.Quit())
	got := s.Messages()
	if len(got) != 2 || got[1].ID != 2 {
		t.Fatalf("%d messages arrived", len(got))
	}
	m, err := got[0].Parse()
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "Grüße" || m.Text != ".hidden dot\nlast line\n" || m.MessageID != "1@x.example" {
		t.Errorf("read %+v", m)
	}
	if !got[0].TLS || got[0].User != "u" || got[0].To[0] != "b@x.example" {
		t.Errorf("taken %+v", got[0])
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWrongPassword(t *testing.T) {
	s := listen(t, Options{Users: map[string]string{"u": "p"}, PlainAuth: true})
	c, err := smtp.Dial(s.Addr())
	must(t, err)
	defer c.Close()
	if err := c.Auth(smtp.PlainAuth("", "u", "q", "127.0.0.1")); err == nil || !strings.HasPrefix(err.Error(), "535") {
		t.Errorf("%v", err)
	}
}

func TestBounds(t *testing.T) {
	s := listen(t, Options{MaxSize: 1000, MaxKept: 2})
	for i := range 3 {
		must(t, smtp.SendMail(s.Addr(), nil, "a@x.example", []string{fmt.Sprintf("b%d@x.example", i)}, []byte(text)))
	}
	err := smtp.SendMail(s.Addr(), nil, "a@x.example", []string{"b@x.example"}, []byte(text+strings.Repeat("x", 3000)))
	if err == nil || !strings.HasPrefix(err.Error(), "552") {
		t.Errorf("a message that is too large: %v", err)
	}
	if got := s.Messages(); len(got) != 2 || got[1].ID != 3 || got[0].To[0] != "b1@x.example" {
		t.Errorf("kept %+v", got)
	}
}

func TestMisbehaves(t *testing.T) {
	release := make(chan struct{})
	s := listen(t, Options{Behave: func(at Step) Reply {
		switch {
		case at.Verb == "RCPT" && at.Arg == "full@x.example":
			return Reply{Code: 452, Text: "4.2.2 Mailbox full"}
		case at.Verb == "RCPT" && at.Arg == "drop@x.example":
			return Reply{Drop: true}
		case at.Verb == "NOOP":
			return Reply{After: release}
		}
		return Reply{}
	}})
	if err := smtp.SendMail(s.Addr(), nil, "a@x.example", []string{"full@x.example"}, []byte(text)); err == nil || !strings.HasPrefix(err.Error(), "452") {
		t.Errorf("%v", err)
	}
	if err := smtp.SendMail(s.Addr(), nil, "a@x.example", []string{"drop@x.example"}, []byte(text)); err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("%v", err)
	}
	c, err := net.Dial("tcp", s.Addr())
	must(t, err)
	defer c.Close()
	fmt.Fprint(c, "NOOP\r\n")
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "220 ") {
		t.Fatalf("%q, %v", line, err)
	}
	close(release)
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "250 ") {
		t.Errorf("%q, %v", line, err)
	}
}
