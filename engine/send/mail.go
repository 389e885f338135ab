package send

import (
	"context"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/mail"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// Mailer is how mail leaves: package engine/send/smtp has one, which brings a library
// along that others need not have.
type Mailer interface {
	// Compose gives a message as it is sent. It is a pure function: a repeat is the same.
	Compose(m *mail.Message, id string, at time.Time) ([]byte, error)
	// Send hands it to its server, past the client's guard. The status of the Response is
	// that of SMTP, and Detail says more of any but a 2xx.
	Send(ctx context.Context, c *safehttp.Client, l Letter) safehttp.Response
	// Secrets are the forms in which a name and password go over the wire.
	Secrets(username, password string) []string
}

// Letter is a mail ready to leave.
type Letter struct {
	URL      string // of the server
	Message  *mail.Message
	Data     []byte // the message, composed
	Identity *safehttp.Identity
	Timeout  time.Duration // for all of it
	MaxBody  int64         // bytes kept of the answer
	// Username and Password authenticate, if there are some.
	Username, Password string
	// Token does so in place of a password.
	Token string
	// Hide, if not nil, takes them out of what the server says, before it is cut.
	Hide func(string) string
}

// postDoor leads to a mail server.
type postDoor struct{ s *Sender }

func (d postDoor) Exchange(ctx context.Context, p Parcel) safehttp.Response {
	switch {
	case d.s.o.Mailer == nil:
		return safehttp.Response{Reason: safehttp.ReasonURL, Detail: noMail}
	case p.Mail == nil:
		return safehttp.Response{Reason: safehttp.ReasonRequest, Detail: "the endpoint's URL is that of a mail server, but nothing makes a mail of its events: give it a recipe that does, such as email"}
	}
	l := Letter{
		URL: p.Request.URL, Message: p.Mail, Data: p.Request.Body, Identity: p.Request.Identity,
		Timeout: p.Request.Timeout, MaxBody: p.Request.MaxBody,
	}
	if c := p.credentials; c != nil {
		l.Username, l.Password, l.Token, l.Hide = c.username, c.password, c.token, c.hidden
	}
	return d.s.o.Mailer.Send(ctx, d.s.o.HTTP, l)
}

// methodMail stands where requests have their method.
const methodMail = "MAIL"

// noMail is what is wrong with mail where nothing sends any.
const noMail = "This server sends no mail: use an endpoint over https"

// compose puts the mail of a request into its body.
func (s *Sender) compose(r *routes.Route, made *Made, m dialect.Message) *bellhop.Outcome {
	if s.o.Mailer == nil {
		return held(r, noMail+".")
	}
	data, err := s.o.Mailer.Compose(made.Mail, m.ID+"."+r.ID.String(), m.Time)
	if err != nil {
		return held(r, "No mail can be made of this event: "+err.Error()+".")
	}
	made.Request.Body, made.Request.Method = data, methodMail
	made.Request.Header, made.ShownHeader = nil, nil // those are of HTTP
	return nil
}

// classifyMail says what the answer of a mail server means (RFC 5321 §4.2.1): 4xx is for
// now, 5xx for good, but for a name or password that can be put right.
func classifyMail(o *bellhop.Outcome, res safehttp.Response) {
	if res.Reason != "" {
		return
	}
	switch {
	case res.Status >= 200 && res.Status <= 299:
		o.Class, o.Reason, o.Detail = bellhop.ClassTaken, "", ""
		return
	case res.Status >= 400 && res.Status <= 499, res.Status == 530, res.Status == 534, res.Status == 535, res.Status == 538:
		o.Class = bellhop.ClassAgain
	default:
		o.Class = bellhop.ClassRefused
	}
	o.After = 0
	o.Reason, o.Detail = bellhop.ReasonStatus, strings.TrimRight(res.Detail, ".")+"."
}
