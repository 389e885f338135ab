// Package mail has the mail that a recipe makes of an event, before it is put on the
// wire: package engine/send/smtp does that.
package mail

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTo bounds the recipients of one message. Servers take a hundred at least (RFC 5321
// §4.5.3.1.8), and whoever wants more wants a mailing list.
const MaxTo = 50

// maxSubject is how much of a subject is kept, in bytes.
const maxSubject = 500

// Message is a mail in plain words. Nothing in it is encoded or escaped, apart from what
// HTML needs inside.
type Message struct {
	From    string   // an address, or "Name <address>"
	To      []string // at least one; each a list of addresses with commas between, so that templates can fill it
	ReplyTo string   // "" for none
	Subject string
	// Unsubscribe, if not "", is where one can say that one wants no more of these (RFC 2369),
	// over https with one request (RFC 8058).
	Unsubscribe string
	Text        string // one of Text and HTML at least
	HTML        string
}

// Addresses are those of a message, read.
type Addresses struct {
	From    *mail.Address
	To      []*mail.Address // each once
	ReplyTo *mail.Address   // or nil
}

// Parse reads the addresses of a message and tells what is wrong with it, naming the
// field and the remedy.
func (m *Message) Parse() (Addresses, error) {
	var a Addresses
	var err error
	if strings.TrimSpace(m.From) == "" {
		return a, errors.New("from is empty: say which address the mail is from")
	}
	if a.From, err = one("from", m.From); err != nil {
		return a, err
	}
	if strings.TrimSpace(m.ReplyTo) != "" {
		if a.ReplyTo, err = one("reply_to", m.ReplyTo); err != nil {
			return a, err
		}
	}
	seen := map[string]bool{}
	for _, text := range m.To {
		if strings.Trim(text, ", \t") == "" {
			continue // an optional field that the event does not have
		}
		list, err := many("to", text)
		if err != nil {
			return a, err
		}
		for _, to := range list {
			if !seen[to.Address] {
				seen[to.Address], a.To = true, append(a.To, to)
			}
		}
	}
	switch {
	case len(a.To) == 0:
		return a, errors.New("to is empty: say whom the mail is for, or have the recipe skip events without an address")
	case len(a.To) > MaxTo:
		return a, fmt.Errorf("to has %d addresses: a mail has at most %d, so use a mailing list", len(a.To), MaxTo)
	case strings.TrimSpace(m.Text) == "" && strings.TrimSpace(m.HTML) == "":
		return a, errors.New("text and html are both empty: give one of them at least")
	case !utf8.ValidString(m.Text) || !utf8.ValidString(m.HTML) || !utf8.ValidString(m.Subject):
		return a, errors.New("the subject, text or html is not valid UTF-8: correct what makes it")
	}
	return a, nil
}

// OneLine is the subject as a header can carry it: in one line, without what cannot be
// seen, and not endless.
func OneLine(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > maxSubject {
		s = strings.ToValidUTF8(s[:maxSubject], "") + "…"
	}
	return s
}

func one(field, text string) (*mail.Address, error) {
	list, err := many(field, text)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%s has %d addresses: give one", field, len(list))
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func many(field, text string) ([]*mail.Address, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, fmt.Errorf("%s has a line break or another control character: write addresses with commas between them", field)
	}
	list, err := mail.ParseAddressList(strings.Trim(text, ", "))
	if err != nil {
		return nil, fmt.Errorf("%s is not an address: write name@example.com or Name <name@example.com>", field)
	}
	for _, a := range list {
		_, domain, _ := strings.Cut(a.Address[strings.LastIndex(a.Address, "@"):], "@")
		if len(a.Address) > 254 || domain == "" || strings.ContainsAny(a.Address, " <>\"\\") {
			return nil, fmt.Errorf("%s has an address that mail servers do not take: write it as name@example.com", field)
		}
	}
	return list, nil
}
