package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/internal/testsmtp"
)

// tokenServer gives tokens for a refresh token, which it replaces each time.
type tokenServer struct {
	*httptest.Server
	asked   atomic.Int64
	refresh atomic.Pointer[string]
}

func newTokenServer(t *testing.T, refresh string) *tokenServer {
	s := &tokenServer{}
	s.refresh.Store(&refresh)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.asked.Add(1)
		_, secret, _ := r.BasicAuth()
		if secret != url.QueryEscape(planted["client secret"]) || r.FormValue("refresh_token") != *s.refresh.Load() {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"not %s"}`, r.FormValue("refresh_token"))
			return
		}
		next := fmt.Sprintf("planted-refresh-%d-9f3c", n)
		s.refresh.Store(&next)
		fmt.Fprintf(w, `{"access_token":"planted-access-%d-9f3c","token_type":"Bearer","expires_in":3600,"refresh_token":%q}`, n, next)
	}))
	t.Cleanup(s.Close)
	return s
}

// planted are secrets of every type. None may be found where people look.
var planted = map[string]string{
	"password": "planted-password/+9f3c", "token": "planted-token-9f3c", "value": "planted-value-9f3c", "query": "planted-query-9f3c",
	"client secret": "planted-client+/9f3c", "refresh token": "planted-refresh-0-9f3c", "mail": "planted-mail-9f3c",
}

// TestCredentials: requests of the built binary authenticate in every way, over a restart
// as well, and no secret is in the database, the log, the metrics or any answer of the API,
// even where a receiver sends back what it got.
func TestCredentials(t *testing.T) {
	s := serve(t, "--log-level", "debug")
	s.app("acme")
	echo := func(_ *receiver, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization")+r.Header.Get("X-Key"))
		fmt.Fprint(w, r.Header, r.URL)
	}
	oauth := newTokenServer(t, planted["refresh token"])
	cert, authority, err := testsmtp.SelfSigned("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	post, err := testsmtp.Listen("127.0.0.1:0", testsmtp.Options{Certificate: cert, Users: map[string]string{"anna": planted["mail"]}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(post.Close)
	ca := filepath.Join(s.dir, "ca.pem")
	if err := os.WriteFile(ca, []byte(authority), 0o600); err != nil {
		t.Fatal(err)
	}

	file := filepath.Join(t.TempDir(), "secret")
	var said strings.Builder // whatever people see
	ways := []struct {
		name  string
		flags []string
		url   string
		check func(request) bool
		made  client.NewEndpoint
		at    *receiver
	}{
		{name: "password", flags: []string{"--auth-username", "anna", "--auth-password-file", file}, check: func(q request) bool {
			return q.header.Get("Authorization") == "Basic "+base64.StdEncoding.EncodeToString([]byte("anna:"+planted["password"]))
		}},
		{name: "token", flags: []string{"--auth-token-file", file}, check: func(q request) bool {
			return q.header.Get("Authorization") == "Bearer "+planted["token"]
		}},
		{name: "value", flags: []string{"--auth-header", "X-Key", "--auth-prefix", "Key ", "--auth-value-file", file}, check: func(q request) bool {
			return q.header.Get("X-Key") == "Key "+planted["value"]
		}},
		{name: "query", flags: []string{"--auth-query", "api_key", "--auth-value-file", file}, check: func(q request) bool {
			return strings.HasSuffix(q.path, "?api_key="+planted["query"])
		}},
		{name: "refresh token", flags: []string{
			"--oauth-token-url", oauth.URL + "/token", "--oauth-client-id", "c", "--oauth-client-secret-file", file + "2", "--oauth-refresh-token-file", file,
		}, check: func(q request) bool { return q.header.Get("Authorization") == "Bearer planted-access-1-9f3c" }},
		{name: "mail", url: post.URL(), flags: []string{
			"--auth-username", "anna", "--auth-password-file", file, "--tls-ca", ca,
			"--recipe", "email", "--field", "from=box@venue.example", "--field", "to=${data.to}", "--field", "subject=Nr. ${data.n}",
		}},
	}
	if err := os.WriteFile(file+"2", []byte(planted["client secret"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range ways {
		w := &ways[i]
		if err := os.WriteFile(file, []byte(planted[w.name]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if w.url == "" {
			w.at = newReceiver(t, echo)
			w.url = w.at.URL + "/hook"
		}
		printed := s.cli(append([]string{"endpoints", "create", w.url, "--app", "acme", "--json"}, w.flags...)...)
		w.made = fromJSON[client.NewEndpoint](t, printed)
		said.WriteString(printed)
		said.WriteString(s.cli("endpoints", "get", w.made.ID.String()))
	}
	// A change of something else keeps the secret.
	said.WriteString(s.cli("endpoints", "update", ways[0].made.ID.String(), "--auth-username", "anna", "--name", "renamed"))

	look := func(n int) {
		t.Helper()
		event := s.publish("acme", "sale", fmt.Sprintf(`{"to":"b@example.com","n":%d}`, n)).ID
		for _, w := range ways {
			got := s.attempts(event, w.made.ID, 1)
			if got[0].Status != bellhop.AttemptSucceeded {
				t.Fatalf("%s: %+v", w.name, got[0])
			}
			if w.at != nil && !w.check(w.at.wait(t, n)[n-1]) {
				t.Errorf("%s: it got %+v", w.name, w.at.requests()[n-1])
			}
			if w.at != nil && !strings.Contains(string(got[0].ResponseBody), bellhop.Hidden) {
				t.Errorf("%s: the answer that is kept is %s", w.name, got[0].ResponseBody)
			}
			fmt.Fprintf(&said, "%+v %s %s", got[0], got[0].ResponseBody, got[0].RequestBody)
			said.WriteString(s.cli("events", "get", event.String(), "--json"))
		}
	}
	look(1)
	s.restart()
	look(2)
	if oauth.asked.Load() != 1 {
		t.Errorf("the token server was asked %d times: the token did not survive the restart", oauth.asked.Load())
	}
	mails := post.Messages()
	if len(mails) != 2 || mails[0].User != "anna" || !mails[0].TLS {
		t.Fatalf("%d mails: %+v", len(mails), mails)
	}
	if m, err := mails[1].Parse(); err != nil || m.Subject != "Nr. 2" || !strings.HasPrefix(m.MessageID, "evt_") || !strings.Contains(m.MessageID, "."+ways[5].made.ID.String()+"@venue.example") {
		t.Errorf("%+v, %v", m, err)
	}

	for _, path := range []string{"/v1/endpoints", "/v1/attempts", "/v1/deliveries", "/v1/audit", "/v1/endpoints/troubled", "/metrics"} {
		_, _, body := s.post(t.Context(), s.key, http.MethodGet, path, nil)
		said.Write(body)
	}
	places := map[string][]byte{"the log": []byte(s.output.String()), "what people see": []byte(said.String())}
	s.stop()
	if *storage != onSQLite {
		places["the database "] = testpostgres.Dump(t, s.direct, "bellhop")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if b, err := os.ReadFile(s.db + suffix); err == nil {
			places["the database "+suffix] = b
		}
	}
	if len(places["the database "]) == 0 || !bytes.Contains(places["the database "], []byte("renamed")) {
		t.Error("the database was not looked through")
	}
	if !strings.Contains(said.String(), bellhop.Hidden) || !strings.Contains(said.String(), "auth.refresh_token") {
		t.Error("what people see shows no credential at all")
	}
	for place, text := range places {
		for _, secret := range append([]string{
			"9f3c", base64.StdEncoding.EncodeToString([]byte("anna:" + planted["password"])),
			base64.StdEncoding.EncodeToString([]byte("\x00anna\x00" + planted["mail"])),
		}, planted["client secret"]) {
			if i := bytes.Index(text, []byte(secret)); i >= 0 {
				t.Errorf("%s holds a secret: …%q…", place, text[max(0, i-200):min(len(text), i+60)])
			}
		}
	}
}
