package dialect

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

// A body that somebody else made is sent as it is, and signed by the dialect's rules;
// where those need a member that it lacks, there is no request.
func TestRenderBodyOfOthers(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, definition := range Builtin() {
		d, err := Compile(definition)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := d.NewSecret()
		if err != nil {
			t.Fatal(err)
		}
		signer, err := d.NewSigner([]string{secret})
		if err != nil {
			t.Fatal(err)
		}
		m := Message{ID: "evt_1", App: "a", Type: "t", Time: now, Timestamp: now, Data: []byte(`{"n":1}`)}
		ms := "1796299200000"
		if d.Name() == "allthings" {
			ms = "1796299199000" // the time that it signs is in the body, and its own
		}
		m.Body = []byte(`{"id":"x","timestamp":` + ms + `,"made":true}`)
		m.Timestamp = time.UnixMilli(1796299200000)
		r, err := signer.Render(m)
		if err != nil || string(r.Body) != string(m.Body) {
			t.Errorf("%s: %q, %v", d.Name(), r.Body, err)
			continue
		}
		header := http.Header{}
		for _, h := range r.Headers {
			header.Set(h.Name, h.Value)
		}
		if err := d.Verify(Received{Header: header, Body: r.Body}, []string{secret}, m.Timestamp, 0); err != nil {
			t.Errorf("%s: %v", d.Name(), err)
		}
		m.Body = []byte(`{}`)
		if _, err := signer.Render(m); d.Name() == "showpass" && !errors.Is(err, errNothingToSign) {
			t.Errorf("showpass signs the body's id, which is not there: %v", err)
		}
	}
}
