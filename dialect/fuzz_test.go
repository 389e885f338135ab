package dialect

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"
)

// FuzzCompile feeds hostile definitions to Compile. Those that compile must
// render and verify whatever event comes.
func FuzzCompile(f *testing.F) {
	for _, def := range append(Builtin(), custom()) {
		text, err := json.Marshal(def)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "ticket.created", "a:b", `{"id":"x","transaction_id":7}`)
	}
	f.Add([]byte(`{"body":"${?a}${/}${/}$${${data.. ?? | }"}`), "", "", "")
	f.Fuzz(func(t *testing.T, text []byte, kind, subject, data string) {
		var def Definition
		if json.Unmarshal(text, &def) != nil {
			return
		}
		d, err := Compile(def)
		if err != nil {
			return
		}
		roundTrip(t, d, kind, subject, data)
	})
}

// FuzzRender renders hostile events in each built-in dialect and verifies them.
func FuzzRender(f *testing.F) {
	f.Add("invoice.purchase", "ticket:42", `{"transaction_id":"c4"}`)
	f.Add("x\r\nX-Evil: 1", "\"\\\x00\xff ", "[1e9999]")
	var dialects []*Dialect
	for _, def := range Builtin() {
		d, err := Compile(def)
		if err != nil {
			f.Fatal(err)
		}
		dialects = append(dialects, d)
	}
	f.Fuzz(func(t *testing.T, kind, subject, data string) {
		for _, d := range dialects {
			roundTrip(t, d, kind, subject, data)
		}
	})
}

func roundTrip(t *testing.T, d *Dialect, kind, subject, data string) {
	newest, old := secretsOf(d)
	signer, err := d.NewSigner([]string{newest, old})
	if err != nil {
		t.Fatal(err)
	}
	m := sample()
	m.App, m.Type, m.Subject, m.Data = kind, kind, subject, []byte(data)
	req, err := signer.Render(m)
	if errors.Is(err, errNothingToSign) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if d.json && json.Valid(m.Data) && !json.Valid(req.Body) {
		t.Errorf("body is not JSON: %q", req.Body)
	}
	for _, h := range req.Headers {
		if !isPrintable(h.Value) || !isPrintable(h.Name) {
			t.Errorf("header %q: %q", h.Name, h.Value)
		}
	}
	if !json.Valid(m.Data) {
		return // not published, and what is signed in it could not be found
	}
	secrets := []string{newest}
	if d.ManySignatures() {
		secrets = append(secrets, old)
	}
	for _, secret := range secrets {
		if err := d.Verify(req.received(), []string{secret}, at, 0); err != nil {
			t.Errorf("%s: %v", d.Name(), err)
		}
	}
	foreign := d.secretFrom([32]byte{9})
	if err := d.Verify(req.received(), []string{foreign}, at, 0); err == nil {
		t.Errorf("%s: a foreign secret is accepted", d.Name())
	}
}

// FuzzVerify feeds hostile requests to the receivers of all built-in dialects.
func FuzzVerify(f *testing.F) {
	var dialects []*Dialect
	for _, def := range Builtin() {
		d, err := Compile(def)
		if err != nil {
			f.Fatal(err)
		}
		dialects = append(dialects, d)
		f.Add("t=1,v1=00 v1,AAAA", "1700000000", []byte(`{"id":"\ud83c\u00e9\/","timestamp":1700000000}`), d.secretFrom([32]byte{}))
	}
	f.Add("v1a,", "-1", []byte("\ufeff{\r\n}\r\n"), "whpk_")
	f.Fuzz(func(t *testing.T, signature, clock string, body []byte, secret string) {
		for _, d := range dialects {
			header := http.Header{d.rules.header: {signature}, "Content-Length": {clock}}
			for v, name := range d.rules.received {
				if header[name] = []string{clock}; v == valueID {
					header[name] = []string{"evt_1"}
				}
			}
			err := d.Verify(Received{Header: header, Body: body}, []string{secret}, time.Unix(1700000000, 0), 0)
			var refused *VerifyError
			if err == nil || !errors.As(err, &refused) {
				t.Fatalf("%s: got %v", d.Name(), err)
			}
			if refused.Code == "" || refused.Detail == "" || refused.Remedy == "" {
				t.Errorf("%s: incomplete: %+v", d.Name(), refused)
			}
		}
	})
}
