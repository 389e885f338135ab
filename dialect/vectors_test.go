package dialect

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// vector is one entry of testdata/signature-vectors.json, which was computed
// independently of this package.
type vector struct {
	Scheme      string
	Secret      string
	Secrets     []string
	Private     string
	Public      string
	ID          string
	Timestamp   int64
	TimestampMS int64 `json:"timestamp_ms"`
	Body        string
	SignedText  string `json:"signed_text"`
	Headers     map[string]string
}

func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Scheme, func(t *testing.T) {
			name, _, _ := strings.Cut(strings.Fields(v.Scheme)[0], ",")
			d := lookup(t, name)

			secrets := v.Secrets
			switch {
			case v.Secret != "":
				secrets = []string{v.Secret}
			case v.Private != "":
				secrets = []string{v.Private}
			}
			if v.SignedText != "" { // showpass signs the body's id and nothing else
				v.Body = `{"data":{"id":"another"},"id":"` + v.SignedText + `"}`
			}
			at := time.Unix(v.Timestamp, 0)
			if v.TimestampMS != 0 {
				at = time.UnixMilli(v.TimestampMS)
			}

			signer, err := d.NewSigner(secrets)
			if err != nil {
				t.Fatal(err)
			}
			got, err := signer.sign(&scope{message: Message{ID: v.ID, Timestamp: at}, body: []byte(v.Body)})
			if err != nil {
				t.Fatal(err)
			}
			if want := v.Headers[d.rules.header]; got != want {
				t.Errorf("%s is %q, want %q", d.rules.header, got, want)
			}

			header := make(http.Header)
			for name, value := range v.Headers {
				header.Set(name, value)
			}
			req := Received{Header: header, Body: []byte(v.Body)}
			at = at.Add(time.Second) // it has been on its way
			if v.Public != "" {
				secrets = append(secrets, v.Public)
				if public, ok := PublicKey(v.Private); !ok || public != v.Public {
					t.Errorf("PublicKey = %q, %v; want %q", public, ok, v.Public)
				}
			}
			for _, secret := range secrets {
				if err := d.Verify(req, []string{secret}, at, 0); err != nil {
					t.Errorf("Verify: %v", err)
				}
				req.Body = append(req.Body[:len(req.Body):len(req.Body)], ' ', 'x')
				if name == "showpass" {
					req.Body = []byte(strings.Replace(v.Body, "c4-", "c5-", 1))
				}
				if err := d.Verify(req, []string{secret}, at, 0); err == nil {
					t.Error("Verify accepts a changed body")
				}
				req.Body = []byte(v.Body)
			}
		})
	}
}

func lookup(tb testing.TB, name string) *Dialect {
	tb.Helper()
	d, err := Lookup(name)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}
