package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/examples/signed"
	"github.com/bellhop/bellhop/examples/webhook"
)

func request(t *testing.T, name, secret string, m dialect.Message) *http.Request {
	t.Helper()
	req, err := signed.Request("/hook", name, secret, m)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func post(h http.Handler, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestReceiver(t *testing.T) {
	for _, name := range []string{"allthings", "showpass"} {
		t.Run(name, func(t *testing.T) {
			var got []webhook.Event
			broken := error(nil)
			r, err := webhook.New(name, "s3cr3t", func(_ context.Context, e webhook.Event) (any, error) {
				if broken != nil {
					return nil, broken
				}
				got = append(got, e)
				return map[string]string{"number": "WO-1"}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			m := dialect.Message{ID: "evt_1", App: "a", Type: "thing.made", Subject: "thing:1", Data: []byte(`{"n":1}`)}

			broken = errors.New("the disk is full")
			if w := post(r, request(t, name, "s3cr3t", m)); w.Code != 500 || !strings.Contains(w.Body.String(), "disk is full") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			broken = webhook.Refuse("no such thing")
			if w := post(r, request(t, name, "s3cr3t", m)); w.Code != 422 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			// What failed is no repeat.
			broken = nil
			if w := post(r, request(t, name, "s3cr3t", m)); w.Code != 200 || !strings.Contains(w.Body.String(), "WO-1") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w := post(r, request(t, name, "s3cr3t", m)); w.Code != 200 || !strings.Contains(w.Body.String(), "WO-1") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if len(got) != 1 || got[0].ID == "" || got[0].Type != "thing.made" || string(got[0].Data) != `{"n":1}` {
				t.Errorf("handled %+v", got)
			}

			if w := post(r, request(t, name, "another", m)); w.Code != 401 {
				t.Errorf("a foreign secret: %d", w.Code)
			}
			m.Type = "webhook.test"
			if w := post(r, request(t, name, "s3cr3t", m)); w.Code != 200 {
				t.Errorf("a test: %d", w.Code)
			}
			unsigned := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(`{}`))
			want := map[string]int{"allthings": 200, "showpass": 401}[name]
			if w := post(r, unsigned); w.Code != want {
				t.Errorf("unsigned: %d, want %d", w.Code, want)
			}
			if c := r.Count(); c.Taken != 1 || c.Repeats != 1 || c.Failed != 2 || c.Tests+c.Forged != 3 {
				t.Errorf("%+v", c)
			}
		})
	}
}
