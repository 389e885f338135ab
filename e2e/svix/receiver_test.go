package svix

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	svix "github.com/svix/svix-webhooks/go"
)

// receiver is somebody's endpoint: it keeps what it gets, and answers what it is told to.
type receiver struct {
	*httptest.Server
	status atomic.Int32
	// got are the requests that nobody has looked at yet.
	got chan received
}

type received struct {
	method string
	header http.Header
	path   string
	body   []byte
}

// receive starts a receiver that answers with a status, and some bytes if they are given.
func receive(t *testing.T, status int, body ...byte) *receiver {
	t.Helper()
	r := &receiver{got: make(chan received, 1000)}
	r.status.Store(int32(status))
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.got <- received{req.Method, req.Header.Clone(), req.URL.Path, text}
		if s := int(r.status.Load()); s/100 == 3 {
			w.Header().Set("Location", r.URL+"/elsewhere")
			w.WriteHeader(s)
		} else {
			w.WriteHeader(s)
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// next waits for a request.
func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case q := <-r.got:
		return q
	case <-time.After(patience):
		t.Fatalf("no request has come within %s", patience)
		return received{}
	}
}

// verified fails unless every library's verifier takes the request with the secret, and
// none does with its body, its time or its secret changed.
func verified(t *testing.T, q received, secret string) {
	t.Helper()
	verifiers := map[string]func(secret string, header http.Header, body []byte) error{
		"svix of Go": func(secret string, header http.Header, body []byte) error {
			w, err := svix.NewWebhook(secret)
			if err != nil {
				return err
			}
			return w.Verify(body, header)
		},
		"standardwebhooks of Go": func(secret string, header http.Header, body []byte) error {
			w, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				return err
			}
			return w.Verify(body, header)
		},
		"svix of npm": func(secret string, header http.Header, body []byte) error {
			return js.verify(t.Context(), "svix", secret, header, body)
		},
		"standardwebhooks of npm": func(secret string, header http.Header, body []byte) error {
			return js.verify(t.Context(), "standardwebhooks", secret, header, body)
		},
	}
	for name, verify := range verifiers {
		header := q.header
		if name[:4] == "stan" { // these know the standard's names alone
			header = standardNames(header)
		}
		if err := verify(secret, header, q.body); err != nil {
			t.Errorf("%s refuses what was sent: %v\n%v\n%.300s", name, err, q.header, q.body)
			continue
		}
		if verify(secret, header, append([]byte(" "), q.body...)) == nil {
			t.Errorf("%s takes a changed body", name)
		}
		if verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", header, q.body) == nil {
			t.Errorf("%s takes a foreign secret", name)
		}
		later := header.Clone()
		for _, h := range []string{"Svix-Timestamp", "Webhook-Timestamp"} {
			if later.Get(h) != "" {
				later.Set(h, "1700000000")
			}
		}
		if verify(secret, later, q.body) == nil {
			t.Errorf("%s takes a changed time", name)
		}
	}
}

// standardNames gives headers whose svix- names are the standard's, which sign the same.
func standardNames(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{"Id", "Timestamp", "Signature"} {
		if v := h.Get("Svix-" + name); v != "" {
			h.Set("Webhook-"+name, v)
		}
	}
	return h
}
