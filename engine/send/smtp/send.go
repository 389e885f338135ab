package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/internal/safehttp"
)

const (
	// maxTalk bounds what a server says in a conversation, in bytes.
	maxTalk = 256 << 10
	// maxText bounds what is kept of an answer.
	maxText = 2000
	// goodbye is how long a server may take to say it.
	goodbye = 300 * time.Millisecond
	// namedRefusals bounds how many refused recipients a sentence names.
	namedRefusals = 5
)

// Send hands a message to the server of its URL. The status of the Response is that of
// SMTP: 250 where the server took it, 4xx where it shall come again, 5xx where it does
// not want it. Then Detail says what was answered to what.
func (Mailer) Send(ctx context.Context, c *safehttp.Client, l send.Letter) safehttp.Response {
	target, err := c.CheckMailURL(l.URL)
	if err != nil {
		reason := safehttp.ReasonURL
		if ue, ok := errors.AsType[*safehttp.URLError](err); ok && ue.Code == safehttp.CodeAddress {
			reason = safehttp.ReasonAddress
		}
		return safehttp.Response{Reason: reason, Detail: err.Error()}
	}
	e, err := envelopeOf(l.Message)
	if err != nil {
		return safehttp.Response{Reason: safehttp.ReasonRequest, Detail: err.Error()}
	}
	link, failed := c.Dial(ctx, safehttp.Dialing{Addr: target.Addr, Secure: target.Secure, Identity: l.Identity, Timeout: l.Timeout, MaxRead: maxTalk})
	if link == nil {
		return failed
	}
	defer link.Close()
	t := &talk{link: link, target: target, letter: l, envelope: e}
	return t.hold()
}

// talk is one conversation with a server.
type talk struct {
	link     *safehttp.Link
	client   *gosmtp.Client
	target   safehttp.MailTarget
	letter   send.Letter
	envelope envelope
}

// hold goes through the conversation to its end, or to where it broke.
func (t *talk) hold() safehttp.Response {
	var err error
	if t.client, err = gosmtp.NewClient(t.link.Wire(), t.target.Host); err != nil {
		return t.ended(err, "greet", "its greeting")
	}
	// Who says hello is the sender's domain: the machine's own name is nobody's business.
	if err := t.client.Hello(domainOf(t.envelope.from)); err != nil {
		return t.ended(err, "answer EHLO", "EHLO")
	}
	t.tolerate()
	for _, step := range []func() *safehttp.Response{t.encrypt, t.authenticate, t.address} {
		if res := step(); res != nil {
			return *res
		}
	}
	res := t.deliver()
	t.link.Hurry(goodbye)
	_ = t.client.Quit() // it has the mail, or has not: no more can come of it
	return res
}

// encrypt puts TLS over the connection. Nothing that matters is said without.
func (t *talk) encrypt() *safehttp.Response {
	if t.target.Secure || t.target.Plain {
		return nil
	}
	if ok, _ := t.client.Extension("STARTTLS"); !ok {
		res := t.link.Took()
		res.Reason = safehttp.ReasonTLS
		res.Detail = t.target.Addr + " does not offer STARTTLS, and mail is not sent unencrypted: use the port that does, or smtps:// for one with TLS from the start"
		return &res
	}
	t.link.Securing(true)
	err := t.client.StartTLS(t.link.TLSConfig())
	if err == nil {
		t.link.Securing(false)
		t.tolerate() // the conversation has begun anew
		return nil
	}
	if answered(err) != nil {
		t.link.Securing(false)
	}
	res := t.ended(err, "begin TLS", "STARTTLS")
	return &res
}

// authenticate says who we are, in a way that the server offers.
func (t *talk) authenticate() *safehttp.Response {
	l := &t.letter
	if l.Username == "" {
		return nil
	}
	_, offered := t.client.Extension("AUTH")
	ways := strings.Fields(strings.ToUpper(offered))
	var auth gosmtp.Auth
	switch {
	case l.Token != "" && slices.Contains(ways, "XOAUTH2"):
		auth = gosmtp.XOAuth2Auth(l.Username, l.Token)
	case l.Token != "":
		res := t.link.Took()
		res.Reason = bellhop.ReasonAuth
		res.Detail = t.target.Addr + " does not take OAuth2 tokens (XOAUTH2): use a password, or another server"
		return &res
	case slices.Contains(ways, "PLAIN"):
		auth = gosmtp.PlainAuth("", l.Username, l.Password, t.target.Host, false)
	case slices.Contains(ways, "LOGIN"):
		auth = gosmtp.LoginAuth(l.Username, l.Password, t.target.Host, false)
	default:
		res := t.link.Took()
		res.Reason = bellhop.ReasonAuth
		res.Detail = t.target.Addr + " offers no way to authenticate by a name and password"
		if len(ways) > 0 {
			res.Detail += " (it offers " + tidy(strings.Join(ways, ", ")) + ")"
		}
		res.Detail += ": take auth off the endpoint, or use a server or port that does"
		return &res
	}
	if err := t.client.Auth(auth); err != nil {
		res := t.ended(err, "answer AUTH", "the name and password")
		remedy := "check auth.username and auth.password, which with many providers is a password for applications"
		if l.Token != "" {
			res = t.ended(err, "answer AUTH", "the name and token")
			remedy = "check auth.username, and that the token's client may send its mail (auth.scopes)"
		}
		if res.Status == 535 || res.Status == 534 || res.Status == 530 {
			res.Detail += "; " + remedy
		}
		return &res
	}
	return nil
}

// address says who the mail is from and for. One recipient that is refused is enough for
// nobody to get it.
func (t *talk) address() *safehttp.Response {
	utf8 := strings.ContainsFunc(t.envelope.from+strings.Join(t.envelope.to, ""), func(r rune) bool { return r >= 0x80 })
	t.client.SkipSMTPUTF8(!utf8)
	if utf8 {
		if ok, _ := t.client.Extension("SMTPUTF8"); !ok {
			res := t.link.Took()
			res.Status, res.Detail = 553, "The mail server does not take addresses with characters beyond ASCII (SMTPUTF8): use others, or another server"
			return &res
		}
	}
	if err := t.client.Mail("<" + t.envelope.from + ">"); err != nil {
		res := t.ended(err, "answer MAIL FROM", "the sender "+t.envelope.from)
		return &res
	}
	var refused []string
	var worst *textproto.Error
	for _, to := range t.envelope.to {
		err := t.client.Rcpt("<" + to + ">")
		if err == nil {
			continue
		}
		a := answered(err)
		if a == nil {
			res := t.ended(err, "answer RCPT TO", "")
			return &res
		}
		refused = append(refused, fmt.Sprintf("%s (%d %s)", to, a.Code, tidy(t.hide(a.Msg))))
		if worst == nil || a.Code/100 > worst.Code/100 {
			worst = a
		}
	}
	if worst == nil {
		return nil
	}
	res := t.said(worst.Code, worst.Msg)
	named := strings.Join(refused[:min(len(refused), namedRefusals)], ", ")
	if more := len(refused) - namedRefusals; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	res.Detail = "The mail server does not take " + named
	if len(refused) < len(t.envelope.to) {
		res.Detail += fmt.Sprintf("; so none of the %d recipients got the mail: correct the addresses, or give each an endpoint of its own", len(t.envelope.to))
	}
	return &res
}

// deliver hands over the message.
func (t *talk) deliver() safehttp.Response {
	w, err := t.client.Data()
	if err != nil {
		return t.ended(err, "answer DATA", "DATA")
	}
	if _, err := w.Write(t.letter.Data); err != nil {
		return t.ended(err, "take the message", "the message")
	}
	if err := w.Close(); err != nil {
		res := t.ended(err, "say whether it took the message", "the message")
		if res.Status == 0 {
			res.Detail += "; it may have it: a repeat has the same Message-ID"
		}
		return res
	}
	text := ""
	if d, ok := w.(*gosmtp.DataCloser); ok {
		text = d.ServerResponse()
	}
	return t.said(250, text)
}

// answered is the answer that an error is, or nil where the conversation broke.
func answered(err error) *textproto.Error {
	a, ok := errors.AsType[*textproto.Error](err)
	if !ok || a.Code < 200 || a.Code > 599 {
		return nil
	}
	return a
}

// ended is the Response to an error: what the server answered to something or, where it
// did not, what it did not do.
func (t *talk) ended(err error, doing, to string) safehttp.Response {
	a := answered(err)
	if a == nil {
		return t.link.Fail(err, doing)
	}
	res := t.said(a.Code, a.Msg)
	res.Detail = "The mail server answered " + strconv.Itoa(a.Code) + " to " + to
	if text := tidy(t.hide(a.Msg)); text != "" {
		res.Detail += ": " + text
	}
	return res
}

// hide takes the name and password out of what the server said.
func (t *talk) hide(text string) string {
	if t.letter.Hide == nil {
		return text
	}
	return t.letter.Hide(text)
}

// said is a Response that holds what the server said.
func (t *talk) said(code int, text string) safehttp.Response {
	res := t.link.Took()
	res.Status = code
	kept := strings.ToValidUTF8(t.hide(text), "")
	limit := maxText
	if t.letter.MaxBody > 0 {
		limit = int(min(t.letter.MaxBody, maxText))
	}
	res.Truncated = len(kept) > limit
	res.Body = []byte(kept[:min(len(kept), limit)])
	return res
}

// tidy makes what a server said fit for a sentence.
func tidy(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))), " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return strings.TrimRight(s, ".")
}

// Secrets are the forms in which a name and password go over the wire, for whoever must
// not log them.
func (Mailer) Secrets(username, password string) []string {
	return []string{
		password, base64.StdEncoding.EncodeToString([]byte(password)),
		base64.StdEncoding.EncodeToString([]byte("\x00" + username + "\x00" + password)),
	}
}
