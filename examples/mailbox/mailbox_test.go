package mailbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/url"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/examples/mailbox"
	"github.com/bellhop/bellhop/examples/page"
)

// TestMailIsShownOnce: mail comes by SMTP over TLS, with the account's password; the same
// Message-ID is the same mail, and what it holds does nothing on the page.
func TestMailIsShownOnce(t *testing.T) {
	b, err := mailbox.Open("s3cr3t")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	host, _, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(b.CA))
	send := func(password, id string) error {
		c, err := smtp.Dial(u.Host)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.StartTLS(&tls.Config{ServerName: host, RootCAs: pool}); err != nil {
			return err
		}
		if err := c.Auth(smtp.PlainAuth("", b.User, password, host)); err != nil {
			return err
		}
		if err := c.Mail("a@example.com"); err != nil {
			return err
		}
		if err := c.Rcpt("zoe@example.com"); err != nil {
			return err
		}
		w, err := c.Data()
		if err != nil {
			return err
		}
		_, _ = w.Write([]byte("From: a@example.com\r\nTo: zoe@example.com\r\nSubject: Tickets\r\nDate: Sun, 29 Nov 2026 10:00:00 +0000\r\nMessage-ID: <" + id + "@x>\r\nContent-Type: text/html\r\n\r\n<b>hi</b><script>alert(1)</script>\r\n"))
		if err := w.Close(); err != nil {
			return err
		}
		return c.Quit()
	}
	if err := send("guess", "1"); err == nil {
		t.Error("a wrong password is taken")
	}
	for _, id := range []string{"1", "1", "2"} {
		if err := send("s3cr3t", id); err != nil {
			t.Fatal(err)
		}
	}
	mails := b.Mails()
	if len(mails) != 2 || b.Arrived() != 3 || mails[0].MessageID != "2@x" || mails[0].Subject != "Tickets" || mails[0].To != "zoe@example.com" || !mails[0].Secure {
		t.Fatalf("%d arrived: %+v", b.Arrived(), mails)
	}
	h := b.Handler(func() page.Nav { return page.Nav{} })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/mail/1", nil))
	if w.Code == http.StatusNotFound {
		w = httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/mail/2", nil))
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(w.Body.String(), "<b>hi</b>") {
		t.Errorf("%d %s %s", w.Code, csp, w.Body)
	}
}
