// Package mailbox is a sample receiver: a mail server that keeps what it gets and shows
// it, whoever it is for. Mail reaches it over STARTTLS and with a password, as it would
// the server of a mail provider.
package mailbox

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop/examples/page"
	"github.com/bellhop/bellhop/internal/testsmtp"
)

// Box is a running mail server.
type Box struct {
	server *testsmtp.Server
	// URL is where mail goes, such as smtp://127.0.0.1:2525.
	URL string
	// CA is the certificate to trust, in PEM.
	CA string
	// User and Password are the account's.
	User, Password string
}

// Open starts a mail server on this machine.
func Open(password string) (*Box, error) {
	certificate, pem, err := testsmtp.SelfSigned("127.0.0.1")
	if err != nil {
		return nil, err
	}
	b := &Box{CA: pem, User: "box-office", Password: password}
	b.server, err = testsmtp.Listen("127.0.0.1:0", testsmtp.Options{
		Certificate: certificate, Users: map[string]string{b.User: password}, MaxKept: 200, Idle: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	b.URL = b.server.URL()
	return b, nil
}

// Close stops the server.
func (b *Box) Close() { b.server.Close() }

// Mail is a message in the box.
type Mail struct {
	At                      time.Time
	ID                      int
	To, Subject, Text, HTML string
	MessageID               string
	// Secure says that it came over TLS from who knew the password.
	Secure bool
}

// Mails are the messages, newest first. One that comes again, with the same Message-ID,
// is the same mail.
func (b *Box) Mails() []Mail {
	var list []Mail
	seen := map[string]bool{}
	for _, m := range b.server.Messages() {
		c, err := m.Parse()
		if err != nil || seen[c.MessageID] {
			continue
		}
		seen[c.MessageID] = c.MessageID != ""
		list = append(list, Mail{m.At, m.ID, strings.Join(m.To, ", "), c.Subject, c.Text, c.HTML, c.MessageID, m.TLS && m.User == b.User})
	}
	slices.SortStableFunc(list, func(x, y Mail) int { return y.ID - x.ID })
	return list
}

// Arrived tells how many messages came, those that came again included.
func (b *Box) Arrived() int { return len(b.server.Messages()) }

//go:embed page.html
var body string

// Handler serves the mailbox's page.
func (b *Box) Handler(nav func() page.Nav) http.Handler {
	t := page.Parse(body)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		mails := b.Mails()
		page.Show(w, t, page.View{
			Title: "Mailbox", Kind: "Receiver", Nav: nav(),
			Intro: "Confirmations that customers of the box office get, by SMTP with STARTTLS and a password, from Bellhop's queue: with the same retries and the same log as any webhook.",
			Body:  map[string]any{"Mails": mails[:min(10, len(mails))], "Count": len(mails)},
		})
	})
	mux.HandleFunc("GET /mail/{id}", func(w http.ResponseWriter, r *http.Request) {
		for _, m := range b.Mails() {
			if fmt.Sprint(m.ID) == r.PathValue("id") {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // a mail may hold anything
				_, _ = io.WriteString(w, m.HTML)                                                                    // the browser has gone
				return
			}
		}
		http.NotFound(w, r)
	})
	return mux
}
