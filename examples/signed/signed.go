// Package signed makes requests as Bellhop makes them, for the tests of receivers: your
// own can be tried out in the same way, without a server.
package signed

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bellhop/bellhop/dialect"
)

// Request is an event in a dialect, signed with secret and addressed to path.
func Request(path, name, secret string, m dialect.Message) (*http.Request, error) {
	d, err := dialect.Lookup(name)
	if err != nil {
		return nil, err
	}
	signer, err := d.NewSigner([]string{secret})
	if err != nil {
		return nil, err
	}
	if m.Timestamp.IsZero() {
		m.Timestamp = time.Now()
	}
	r, err := signer.Render(m)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, path, strings.NewReader(string(r.Body)))
	if err != nil {
		return nil, err
	}
	for _, h := range r.Headers {
		req.Header.Set(h.Name, h.Value)
	}
	return req, nil
}

// Send hands an event to a receiver, and gives what it answers.
func Send(receiver http.Handler, name, secret, id, eventType, subject, data string) (status int, body string, err error) {
	req, err := Request("/hook", name, secret, dialect.Message{ID: id, App: "app", Type: eventType, Subject: subject, Time: time.Now(), Data: []byte(data)})
	if err != nil {
		return 0, "", fmt.Errorf("sign an event: %w", err)
	}
	w := answer{header: http.Header{}, status: http.StatusOK}
	receiver.ServeHTTP(&w, req)
	return w.status, strings.TrimSpace(w.String()), nil
}

// answer keeps what a receiver answers.
type answer struct {
	strings.Builder
	header http.Header
	status int
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }
