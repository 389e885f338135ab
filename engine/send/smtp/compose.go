// Package smtp is the way out for mail: it puts a message on the wire (RFC 5322, with
// wneessen/go-mail) and hands it to the mail server that an endpoint's URL names (RFC
// 5321), past the same guard as every other request.
//
// A mail is for all of its recipients or for none: a server that refuses one of them is
// not given the message, since nobody could tell later who has it. A repeat has the same
// Message-ID, Date and bytes, so that servers and people recognise it.
package smtp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	stdmail "net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"github.com/bellhop/bellhop/internal/mail"
)

// Mailer composes and sends mail. Its zero value is ready for use.
type Mailer struct{}

// Compose gives a message as it is sent. The id names it among all that are sent, and is
// that of its Message-ID before the domain of its sender; at is its Date. The same
// arguments give the same bytes.
func (Mailer) Compose(m *mail.Message, id string, at time.Time) ([]byte, error) {
	a, err := m.Parse()
	if err != nil {
		return nil, err
	}
	from, err := asciiAddress(a.From)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(id))
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithCharset(gomail.CharsetUTF8),
		gomail.WithEncoding(gomail.EncodingQP), gomail.WithBoundary("bellhop-"+hex.EncodeToString(sum[:12])))
	if err := msg.FromFormat(mail.OneLine(a.From.Name), from); err != nil {
		return nil, fmt.Errorf("from is not an address that can be sent: write it as name@example.com")
	}
	for _, to := range a.To {
		address, err := asciiAddress(to)
		if err != nil {
			return nil, err
		}
		if err := msg.AddToFormat(mail.OneLine(to.Name), address); err != nil {
			return nil, fmt.Errorf("to has an address that cannot be sent: write it as name@example.com")
		}
	}
	if a.ReplyTo != nil {
		address, err := asciiAddress(a.ReplyTo)
		if err != nil {
			return nil, err
		}
		if err := msg.ReplyToFormat(mail.OneLine(a.ReplyTo.Name), address); err != nil {
			return nil, fmt.Errorf("reply_to is not an address that can be sent: write it as name@example.com")
		}
	}
	msg.Subject(mail.OneLine(m.Subject))
	msg.SetDateWithValue(at.UTC())
	msg.SetMessageIDWithValue(id + "@" + domainOf(from))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no replies by machines
	if m.Unsubscribe != "" {
		if strings.ContainsAny(m.Unsubscribe, "<>\r\n \t") {
			return nil, fmt.Errorf("the address to unsubscribe at is no URL")
		}
		msg.SetGenHeader("List-Unsubscribe", "<"+m.Unsubscribe+">")
		if strings.HasPrefix(m.Unsubscribe, "https://") {
			msg.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
		}
	}
	text, html := body(m.Text), body(m.HTML)
	switch {
	case strings.TrimSpace(html) == "":
		msg.SetBodyString(gomail.TypeTextPlain, text)
	case strings.TrimSpace(text) == "":
		msg.SetBodyString(gomail.TypeTextHTML, html)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, text)
		msg.AddAlternativeString(gomail.TypeTextHTML, html)
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("compose a mail: %w", err)
	}
	return b.Bytes(), nil
}

// body has the line ends that mail has, once.
func body(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// asciiAddress is an address with its domain as DNS has it.
func asciiAddress(a *stdmail.Address) (string, error) {
	at := strings.LastIndex(a.Address, "@")
	domain, err := idna.Lookup.ToASCII(a.Address[at+1:])
	if err != nil {
		return "", fmt.Errorf("the address %s has a domain that is none: correct it", a.Address)
	}
	return a.Address[:at+1] + domain, nil
}

func domainOf(address string) string { return address[strings.LastIndex(address, "@")+1:] }

// envelope is who a message is from and for.
type envelope struct {
	from string
	to   []string
}

func envelopeOf(m *mail.Message) (e envelope, err error) {
	a, err := m.Parse()
	if err != nil {
		return e, err
	}
	if e.from, err = asciiAddress(a.From); err != nil {
		return e, err
	}
	for _, to := range a.To {
		address, err := asciiAddress(to)
		if err != nil {
			return e, err
		}
		e.to = append(e.to, address)
	}
	return e, nil
}
