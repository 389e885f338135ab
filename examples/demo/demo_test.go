package demo

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/native"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/send/smtp"
	"github.com/bellhop/bellhop/internal/seal"
	"github.com/bellhop/bellhop/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open puts a demo around a Bellhop in memory.
func open(t *testing.T) *Demo {
	t.Helper()
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	e, err := engine.New(t.Context(), memstore.New(), engine.Config{Sealer: ring, Logger: quiet, Dev: true, Mailer: smtp.Mailer{}})
	if err != nil {
		t.Fatal(err)
	}
	k := desk.New(e, desk.Options{Logger: quiet})
	_, key, err := k.CreateKey(t.Context(), bellhop.Owner(), bellhop.KeyRequest{Role: bellhop.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(native.Handler(k, native.Options{Options: api.Options{Logger: quiet}}))
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		server.Close()
	})
	d, err := New(t.Context(), Config{Bellhop: server.URL, Key: key, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// TestCheckNoticesABrokenReceiver: one whose secret is not the endpoint's any more takes
// nothing, and the check says so.
func TestCheckNoticesABrokenReceiver(t *testing.T) {
	d := open(t)
	if _, err := d.api.RotateSecret(t.Context(), d.endpoints["office"], nil, "another secret of it"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s := &story{Demo: d, ctx: t.Context(), out: &out, patience: 100 * time.Millisecond, until: time.Now().Add(2 * time.Second)}
	if s.tell() {
		t.Error("all states are right, it says")
	}
	if !strings.Contains(out.String(), "WRONG  back office: the ledger nets") || !strings.Contains(out.String(), "right  the link leads") {
		t.Errorf("it says:\n%s", &out)
	}
}

func TestExpectWaits(t *testing.T) {
	var out strings.Builder
	s := &story{ctx: t.Context(), out: &out, patience: 50 * time.Millisecond, until: time.Now().Add(time.Minute)}
	looks := 0
	s.expect("soon", func() error {
		if looks++; looks < 2 {
			return errors.New("not yet")
		}
		return nil
	})
	s.expect("never", func() error { return same("cents", 1, 2) })
	if got := out.String(); got != "  right  soon\n  WRONG  never: cents: 1, not 2\n" || s.right != 1 || s.wrong != 1 {
		t.Errorf("%q, %d, %d", got, s.right, s.wrong)
	}
}

// TestPagesAreForTheLinkOnly: neither a stranger nor another site's page does anything,
// and what programs call is not behind the link.
func TestPagesAreForTheLinkOnly(t *testing.T) {
	d := open(t)
	jarless := func(method, path string, header ...string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, d.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := d.http.Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	cookie := cookieName + "=" + d.token
	for _, c := range []struct {
		want         int
		method, path string
		header       []string
	}{
		{403, "GET", "/", nil},
		{403, "POST", "/boxoffice/sell", nil},
		{403, "GET", "/open/guess", nil},
		{303, "GET", "/open/" + d.token, nil},
		{200, "GET", "/", []string{"Cookie", cookie}},
		{403, "GET", "/", []string{"Cookie", cookieName + "=guess"}},
		{303, "POST", "/traffic", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-origin"}},
		{403, "POST", "/traffic", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-site"}},
		{401, "POST", "/back-office/hook", nil},
		{401, "PATCH", "/residence/api/tickets/1", nil},
		{404, "POST", "/chat/services/T0/B0/guess", nil},
	} {
		if got := jarless(c.method, c.path, c.header...); got != c.want {
			t.Errorf("%s %s %v: %d, want %d", c.method, c.path, c.header, got, c.want)
		}
	}
}
