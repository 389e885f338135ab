package svix

import (
	"net/http"
	"testing"

	"github.com/bellhop/bellhop/dialect"
)

// TestWhitelabel: with the dialect raw, receivers get what Svix's server sends them with
// whitelabel_headers: other names of headers, the same body, and signatures of it by the
// same secret, with its prefix or without.
func TestWhitelabel(t *testing.T) {
	const key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	s := open(t, setup{options: func(o *Options) { o.Dialect = whitelabelDialect }})
	app := s.app("")
	s.endpoint(app, `,"secret":"`+key+`"`)
	s.message(app, "")
	s.eventually("it is delivered", func() bool { return len(s.net.requests()) == 1 })
	got := s.net.requests()[0]
	if string(got.body) != `{"total":1}` || got.says("webhook-id") == "" || got.says("svix-id") != "" {
		t.Errorf("body %s, headers %v", got.body, got.header)
	}
	header := http.Header{}
	for name, values := range got.header {
		header.Set(name, values[0])
	}
	if err := dialect.Verify("raw", header, got.body, "whsec_"+key); err != nil {
		t.Error(err)
	}
}
