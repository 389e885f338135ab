package smtp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/engine/send/smtp"
	"github.com/bellhop/bellhop/internal/mail"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/testsmtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user     = "anna@venue.example"
	password = "pass-9f3c/=é"
)

var at = time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)

func message() *mail.Message {
	return &mail.Message{
		From: "Bühne 7 <box@venue.example>", To: []string{"Ayşe <ayse@example.com>, ben@bücher.example"}, ReplyTo: "help@venue.example",
		Subject: "Grüße\r\nBcc: evil@example.com", Text: "Hallo Ayşe,\n.ein Punkt am Anfang\n" + strings.Repeat("lang ", 300), HTML: "<p>Hallo <b>Ayşe</b></p>",
	}
}

// office is a client beside a mail server.
type office struct {
	t      *testing.T
	client *safehttp.Client
	server *testsmtp.Server
	trust  *safehttp.Identity
}

// open starts a server with a certificate that the client trusts by the endpoint's own
// authority.
func open(t *testing.T, o testsmtp.Options) *office {
	t.Helper()
	cert, pem, err := testsmtp.SelfSigned("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if o.Certificate == nil {
		o.Certificate = cert
	}
	s, err := testsmtp.Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := safehttp.New(safehttp.Options{Policy: safehttp.Policy{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}})
	t.Cleanup(c.Close)
	trust, err := c.NewIdentity(nil, []byte(pem))
	if err != nil {
		t.Fatal(err)
	}
	return &office{t, c, s, trust}
}

func (f *office) letter(change ...func(*send.Letter)) send.Letter {
	f.t.Helper()
	l := send.Letter{URL: f.server.URL(), Message: message(), Identity: f.trust, Timeout: 20 * time.Second}
	for _, c := range change {
		c(&l)
	}
	var err error
	if l.Data, err = (smtp.Mailer{}).Compose(l.Message, "evt_1.ep_2", at); err != nil {
		f.t.Fatal(err)
	}
	return l
}

func (f *office) send(l send.Letter) safehttp.Response {
	return smtp.Mailer{}.Send(context.Background(), f.client, l)
}

func login(l *send.Letter) { l.Username, l.Password = user, password }

func users() map[string]string { return map[string]string{user: password} }

func TestMailArrives(t *testing.T) {
	for name, o := range map[string]testsmtp.Options{
		"STARTTLS, PLAIN":   {Users: users(), Mechanisms: []string{"PLAIN"}},
		"codes alone":       {Users: users(), Terse: true},
		"TLS, LOGIN":        {Users: users(), Mechanisms: []string{"XOAUTH2", "LOGIN"}, Implicit: true},
		"STARTTLS, XOAUTH2": {Users: users(), Mechanisms: []string{"XOAUTH2"}},
		"nobody":            {},
	} {
		f := open(t, o)
		l := f.letter()
		if o.Users != nil {
			login(&l)
			if slices.Equal(o.Mechanisms, []string{"XOAUTH2"}) {
				l.Password, l.Token = "", l.Password
			}
		}
		for range 2 { // the delivery, and a repeat
			if res := f.send(l); res.Status != 250 || res.Reason != "" || string(res.Body) != "2.0.0 Taken" && !o.Terse || res.Duration <= 0 {
				t.Fatalf("%s: %+v", name, res)
			}
		}
		got := f.server.Messages()
		if len(got) != 2 || !bytes.Equal(got[0].Data, got[1].Data) || !bytes.Equal(got[0].Data, l.Data) {
			t.Fatalf("%s: %d messages, or not the same", name, len(got))
		}
		m := got[0]
		if m.From != "box@venue.example" || strings.Join(m.To, " ") != "ayse@example.com ben@xn--bcher-kva.example" || !m.TLS {
			t.Errorf("%s: envelope %+v", name, m)
		}
		if o.Users != nil && m.User != user {
			t.Errorf("%s: from %q", name, m.User)
		}
		c, err := m.Parse()
		if err != nil {
			t.Fatal(err)
		}
		if c.Subject != "Grüße Bcc: evil@example.com" || c.MessageID != "evt_1.ep_2@venue.example" || !c.Date.Equal(at) {
			t.Errorf("%s: %+v", name, c)
		}
		want := message()
		if c.From != "Bühne 7 <box@venue.example>" || !strings.Contains(c.To, "Ayşe") || c.Text != want.Text || c.HTML != want.HTML {
			t.Errorf("%s: from %q to %q: %q, %q", name, c.From, c.To, c.Text, c.HTML)
		}
		if c.Header.Get("Bcc") != "" || c.Header.Get("Auto-Submitted") != "auto-generated" || c.Header.Get("Reply-To") == "" {
			t.Errorf("%s: header %v", name, c.Header)
		}
		for _, line := range bytes.Split(m.Data, []byte("\r\n")) {
			if len(line) > 998 || bytes.ContainsAny(line, "\r\n") || bytes.ContainsFunc(line, func(r rune) bool { return r >= 0x80 }) {
				t.Errorf("%s: line %q", name, line)
			}
		}
	}
}

// TestServersThatMisbehave: each has a name and a remedy, and nothing is taken for sent.
func TestServersThatMisbehave(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	at := func(verb string, r testsmtp.Reply) func(testsmtp.Step) testsmtp.Reply {
		return func(s testsmtp.Step) testsmtp.Reply {
			if s.Verb == verb {
				return r
			}
			return testsmtp.Reply{}
		}
	}
	hurry := func(l *send.Letter) { l.Timeout = 100 * time.Millisecond }
	for name, c := range map[string]struct {
		behave func(testsmtp.Step) testsmtp.Reply
		change func(*send.Letter)
		status int
		reason string
		want   string
	}{
		"greets slowly":     {at("CONNECT", testsmtp.Reply{After: never}), hurry, 0, "timeout", "which did not greet"},
		"greets with 554":   {at("CONNECT", testsmtp.Reply{Code: 554, Text: "5.7.1 Go away"}), nil, 554, "", "answered 554 to its greeting: 5.7.1 Go away"},
		"is closing":        {at("CONNECT", testsmtp.Reply{Code: 421, Text: "4.3.2 Later"}), nil, 421, "", "answered 421"},
		"speaks HTTP":       {at("CONNECT", testsmtp.Reply{Raw: "HTTP/1.1 400 Bad Request\r\n\r\n"}), nil, 0, "protocol", "when it was to greet is not usable"},
		"no STARTTLS":       {at("EHLO", testsmtp.Reply{Code: 250, Text: "plain"}), nil, 0, "tls", "does not offer STARTTLS, and mail is not sent unencrypted"},
		"STARTTLS not now":  {at("STARTTLS", testsmtp.Reply{Code: 454, Text: "4.7.0 TLS not available"}), nil, 454, "", "answered 454 to STARTTLS"},
		"STARTTLS stripped": {at("STARTTLS", testsmtp.Reply{Raw: "220 go\r\n250 injected\r\n"}), hurry, 0, "", ""},
		"unknown authority": {nil, func(l *send.Letter) { l.Identity = nil }, 0, "tls", "certificate"},
		"wrong token":       {nil, func(l *send.Letter) { l.Username, l.Token = user, "wrong-token" }, 535, "", "answered 535 to the name and token: 5.7.8 Username or password is wrong; check auth.username, and"},
		"wrong password":    {nil, func(l *send.Letter) { l.Username, l.Password = user, "wrong-password" }, 535, "", "answered 535 to the name and password: 5.7.8 Username or password is wrong; check auth.username"},
		"no password":       {nil, func(l *send.Letter) { l.Username = "" }, 530, "", "answered 530 to the sender box@venue.example"},
		"sender refused":    {at("MAIL", testsmtp.Reply{Code: 550, Text: "5.7.1 Not yours"}), nil, 550, "", "to the sender box@venue.example: 5.7.1 Not yours"},
		"one is full":       {at("RCPT", testsmtp.Reply{Code: 452, Text: "4.2.2 Full"}), nil, 452, "", "does not take ayse@example.com (452 4.2.2 Full), ben@"},
		"one is unknown": {func(s testsmtp.Step) testsmtp.Reply {
			if s.Verb == "RCPT" && strings.HasPrefix(s.Arg, "ben@") {
				return testsmtp.Reply{Code: 550, Text: "5.1.1 Unknown\r\x1b[31m"}
			}
			return testsmtp.Reply{}
		}, nil, 550, "", "none of the 2 recipients got the mail"},
		"DATA not now":       {at("DATA", testsmtp.Reply{Code: 451, Text: "4.3.0 Try later"}), nil, 451, "", "answered 451 to DATA"},
		"message refused":    {at("END", testsmtp.Reply{Code: 554, Text: "5.6.0 Spam"}), nil, 554, "", "answered 554 to the message: 5.6.0 Spam"},
		"dropped after DATA": {at("END", testsmtp.Reply{Drop: true}), nil, 0, "reset", "it may have it: a repeat has the same Message-ID"},
		"silent after DATA":  {at("END", testsmtp.Reply{After: never}), func(l *send.Letter) { l.Timeout = 400 * time.Millisecond }, 0, "timeout", "did not say whether it took the message"},
		"talks for ever":     {at("EHLO", testsmtp.Reply{Raw: strings.Repeat("250-more\r\n", 60_000)}), nil, 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, testsmtp.Options{Users: users(), Mechanisms: []string{"LOGIN", "PLAIN", "XOAUTH2"}, Behave: c.behave})
			change := []func(*send.Letter){login}
			if c.change != nil {
				change = append(change, c.change)
			}
			res := f.send(f.letter(change...))
			if res.Status != c.status || c.reason != "" && string(res.Reason) != c.reason || res.Status == 0 && res.Reason == "" {
				t.Errorf("status %d, reason %q: %s", res.Status, res.Reason, res.Detail)
			}
			if !strings.Contains(res.Detail, c.want) || strings.ContainsAny(res.Detail, "\r\n\x1b") || strings.Contains(res.Detail, "9f3c") {
				t.Errorf("the detail is %q, want one with %q", res.Detail, c.want)
			}
			if n := len(f.server.Messages()); n != 0 {
				t.Errorf("%d messages arrived", n)
			}
		})
	}
}

// TestOneDeadline: a server that trickles holds nobody longer than the timeout.
func TestOneDeadline(t *testing.T) {
	f := open(t, testsmtp.Options{Behave: func(s testsmtp.Step) testsmtp.Reply {
		if s.Verb == "EHLO" && s.TLS {
			return testsmtp.Reply{Raw: "250-and so on\r\n"} // and no end
		}
		return testsmtp.Reply{}
	}})
	start := time.Now()
	res := f.send(f.letter(func(l *send.Letter) { l.Timeout = 300 * time.Millisecond }))
	if res.Reason != safehttp.ReasonTimeout || time.Since(start) > 10*time.Second {
		t.Errorf("after %s: %+v", time.Since(start), res)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if res := (smtp.Mailer{}).Send(ctx, f.client, f.letter()); res.Reason != safehttp.ReasonCanceled {
		t.Errorf("canceled: %+v", res)
	}
}

// TestGuard: a mail server inside is none, be it by address or by name.
func TestGuard(t *testing.T) {
	f := open(t, testsmtp.Options{})
	guarded := safehttp.New(safehttp.Options{})
	defer guarded.Close()
	for url, reason := range map[string]safehttp.Reason{
		f.server.URL(): safehttp.ReasonAddress, "smtps://[::1]:465": safehttp.ReasonAddress, "smtp+plain://mail.example.com": safehttp.ReasonURL,
	} {
		res := smtp.Mailer{}.Send(context.Background(), guarded, f.letter(func(l *send.Letter) { l.URL = url }))
		if res.Reason != reason || res.Status != 0 {
			t.Errorf("%s: %+v", url, res)
		}
	}
	if f.server.Connections() != 0 {
		t.Error("it was connected to")
	}
}

func TestCompose(t *testing.T) {
	m := message()
	m.HTML = ""
	b, err := smtp.Mailer{}.Compose(m, "evt_1.ep_2", at)
	if err != nil || !strings.Contains(string(b), "Content-Type: text/plain; charset=UTF-8") || strings.Contains(string(b), "multipart") {
		t.Errorf("%s, %v", b, err)
	}
	m.From = ""
	if _, err := (smtp.Mailer{}).Compose(m, "evt_1.ep_2", at); err == nil || !strings.Contains(err.Error(), "from is empty") {
		t.Error(err)
	}
	m.From = "a@exa mple.com"
	if _, err := (smtp.Mailer{}).Compose(m, "x", at); err == nil || errors.Unwrap(err) != nil {
		t.Error(err)
	}
}

// TestPythonReadsIt: a reader that is nobody's friend finds in a message what was put in,
// and no defect.
func TestPythonReadsIt(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("this test needs Python 3: make tools installs it where it can")
	}
	data, err := smtp.Mailer{}.Compose(message(), "evt_1.ep_2", at)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", `
import email, email.policy, json, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.SMTP)
parts = {p.get_content_type(): p.get_content() for p in m.walk() if not p.is_multipart()}
defects = [str(d) for p in m.walk() for d in p.defects + [x for h in p.values() for x in h.defects]]
json.dump({"subject": m["subject"], "to": [a.addr_spec for a in m["to"].addresses], "name": m["from"].addresses[0].display_name,
  "id": m["message-id"], "date": m["date"].datetime.isoformat(), "parts": parts, "defects": defects}, sys.stdout)`)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Subject, Name, ID, Date string
		To, Defects             []string
		Parts                   map[string]string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	want := message()
	if len(got.Defects) > 0 || got.Subject != "Grüße Bcc: evil@example.com" || got.Name != "Bühne 7" || got.ID != "<evt_1.ep_2@venue.example>" ||
		got.Date != "2026-11-29T10:00:00+00:00" || strings.Join(got.To, " ") != "ayse@example.com ben@xn--bcher-kva.example" {
		t.Errorf("%+v", got)
	}
	for kind, text := range map[string]string{"text/plain": want.Text, "text/html": want.HTML} {
		if got := strings.TrimSuffix(strings.ReplaceAll(got.Parts[kind], "\r\n", "\n"), "\n"); got != strings.TrimSuffix(text, "\n") {
			t.Errorf("%s: %q", kind, got)
		}
	}
}
