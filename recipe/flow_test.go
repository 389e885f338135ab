package recipe_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
)

// verifies tells whether a request is signed in the standard dialect.
func verifies(t *testing.T, r *http.Request, body []byte) bool {
	x, err := dialect.Lookup("standard")
	if err != nil {
		t.Error(err)
		return false
	}
	return x.Verify(dialect.Received{Header: r.Header, Body: body}, []string{signingSecret}, now(), 0) == nil
}

func TestZapier(t *testing.T) {
	h := open(t)
	busy := false
	s := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		var flat map[string]any
		err := json.Unmarshal(body, &flat)
		for name, v := range flat {
			if _, nested := v.(map[string]any); nested {
				err = fmt.Errorf("%s is nested", name)
			}
		}
		switch {
		case busy:
			answer(w, 429, `{"status":"error"}`)
		case err != nil || !verifies(t, r, body):
			answer(w, 400, fmt.Sprintf(`{"status":"error","detail":%q}`, fmt.Sprint(err)))
		default:
			answer(w, 200, `{"attempt":"0197","id":"0197","request_id":"0197","status":"success"}`)
		}
	})
	r := h.endpoint("zapier", s.URL+"/hooks/catch/123456/abcdef/", nil)
	h.sends(r, h.event("zapier", 1), bellhop.ClassTaken, "")
	golden(t, "zapier", s.last())
	h.sends(r, h.event("slack", 2), bellhop.ClassTaken, "")
	h.sends(r, h.event("zapier", 3, func(e *bellhop.Event) { e.Data = bellhop.JSON(`[1]`) }), bellhop.ClassHeld, "only an object has members")
	busy = true
	h.sends(r, h.event("zapier", 4), bellhop.ClassOverloaded, "429")
}

// TestMake: a scenario's queue that is full, and one that is switched off.
func TestMake(t *testing.T) {
	h := open(t)
	status, text := 200, "Accepted"
	s := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if !verifies(t, r, body) {
			answer(w, 400, "not signed")
			return
		}
		answer(w, status, text)
	})
	r := h.endpoint("make", s.URL+"/abcdef", nil)
	h.sends(r, h.event("make", 1), bellhop.ClassTaken, "")
	golden(t, "make", s.last())
	status, text = 400, "Queue is full."
	h.sends(r, h.event("make", 2), bellhop.ClassOverloaded, "when there is room")
	status, text = 410, "There is no scenario listening for this webhook."
	h.sends(r, h.event("make", 3), bellhop.ClassAgain, "switch it on")
	status, text = 429, "Too many requests"
	h.sends(r, h.event("make", 4), bellhop.ClassOverloaded, "429")
}

func TestN8n(t *testing.T) {
	h := open(t)
	active := true
	s := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		switch {
		case !active:
			answer(w, 404, `{"code":404,"message":"The requested webhook \"POST x\" is not registered."}`)
		case r.Header.Get("X-Webhook-Token") != "n8n-token":
			answer(w, 403, "Authorization data is wrong!")
		case !verifies(t, r, body):
			answer(w, 400, "not signed")
		default:
			answer(w, 200, `{"message":"Workflow was started"}`)
		}
	})
	r := h.endpoint("n8n", s.URL+"/webhook/x", map[string]string{"auth.value": "n8n-token"})
	h.sends(r, h.event("n8n", 1), bellhop.ClassTaken, "")
	golden(t, "n8n", s.last())
	h.sends(h.endpoint("n8n", s.URL+"/webhook/x", nil), h.event("n8n", 2), bellhop.ClassAgain, "403")
	active = false
	h.sends(r, h.event("n8n", 3), bellhop.ClassAgain, "activate the workflow")
}

// sheet is a spreadsheet with the script of the recipe's page, as Google serves it: a
// POST is answered by a redirect to a page that holds what the script gave, and a script
// that is not public by a page to sign in, with the status 200.
type sheet struct {
	*target
	rows    []map[string]any
	answers map[string]string
	private bool
	broken  bool
}

func newSheet(t *testing.T) *sheet {
	s := &sheet{answers: map[string]string{}}
	s.target = serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if r.Method == "GET" {
			if r.URL.Path != "/macros/echo" || r.Header.Get("Authorization") != "" || r.Header.Get("X-Mine") != "" {
				answer(w, 400, "wrong request for the answer")
				return
			}
			answer(w, 200, s.answers[r.URL.Query().Get("user_content_key")])
			return
		}
		if s.private {
			answer(w, 200, "<!DOCTYPE html><title>Sign in</title>")
			return
		}
		key := fmt.Sprint(len(s.answers))
		s.answers[key] = s.doPost(body)
		http.Redirect(w, r, s.URL+"/macros/echo?user_content_key="+key, http.StatusFound)
	})
	return s
}

func (s *sheet) doPost(body []byte) string {
	var in struct {
		ID, Sheet string
		Row       map[string]any
	}
	if s.broken || decoded(body, &in) != nil || in.ID == "" || in.Sheet == "" {
		return `{"ok":false,"error":"Exception: no such sheet"}`
	}
	for _, row := range s.rows {
		if row["event"] == in.ID {
			return `{"ok":true,"duplicate":true}`
		}
	}
	s.rows = append(s.rows, in.Row)
	return `{"ok":true}`
}

func TestGoogleSheets(t *testing.T) {
	h, s := open(t), newSheet(t)
	r := h.endpoint("google-sheets", s.URL+"/macros/s/AKfycb/exec", nil, func(e *bellhop.Endpoint) {
		e.Headers = map[string]string{"X-Mine": "secret"}
	})
	plain := h.endpoint("google-sheets", s.URL+"/macros/s/AKfycb/exec", nil)
	h.sends(plain, h.event("google-sheets", 1), bellhop.ClassTaken, "")
	golden(t, "google-sheets", s.at(0))
	if len(s.rows) != 1 || s.rows[0]["unit.address"] != "Seestrasse 12, 8002 Zürich" || s.rows[0]["code"] != "4F7K-QX2M" {
		t.Fatalf("rows %v", s.rows)
	}
	// A retry: the answer to the first POST, or to the GET, may have been lost.
	h.sends(r, h.event("google-sheets", 1), bellhop.ClassTaken, "")
	s.lose = 2 // a connection that was kept is tried again at once
	h.sends(r, h.event("google-sheets", 2), bellhop.ClassAgain, "")
	h.sends(r, h.event("google-sheets", 2), bellhop.ClassTaken, "")
	if len(s.rows) != 2 {
		t.Errorf("%d rows of two events", len(s.rows))
	}
	// The data's own members of the same names do not take the place of the event's: by
	// its id a repeat is known.
	for range 2 {
		h.sends(plain, h.event("google-sheets", 6, func(e *bellhop.Event) { e.Data = bellhop.JSON(`{"event":"own","type":"t","data.type":1,"time":"x"}`) }), bellhop.ClassTaken, "")
	}
	if row := s.rows[len(s.rows)-1]; len(s.rows) != 3 || row["data.event"] != "own" || row["data.type_"] != "t" || row["type"] != "registration-code.created" {
		t.Errorf("rows %v", s.rows)
	}
	s.broken = true
	if o := h.sends(r, h.event("google-sheets", 3), bellhop.ClassAgain, "Executions in Apps Script"); o.Reason != bellhop.ReasonAnswer || o.Exchange.ResponseStatus != 200 {
		t.Errorf("%+v", o)
	}
	s.broken, s.private = false, true
	h.sends(r, h.event("google-sheets", 4), bellhop.ClassAgain, "that anyone can access")
}

func TestARedirectElsewhereIsNotFollowed(t *testing.T) {
	h := open(t)
	other := serve(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) { answer(w, 200, `{"ok":true}`) })
	for _, to := range []string{
		other.URL + "/x", "https://script.googleusercontent.com.evil.example/", "https://evil.example/?script.googleusercontent.com",
		"http://script.googleusercontent.com/", "https://script.googleusercontent.com:8443/", "https://a:b@script.googleusercontent.com/", "", "//evil.example/", "javascript:alert(1)",
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Location", to)
			answer(w, 302, "")
		})
		h.sends(h.endpoint("google-sheets", s.URL, nil), h.event("google-sheets", 1), bellhop.ClassAgain, "such as one to sign in")
	}
	// Once is enough, and others have none.
	loop := serve(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		http.Redirect(w, r, "/again", http.StatusFound)
	})
	h.sends(h.endpoint("google-sheets", loop.URL, nil), h.event("google-sheets", 1), bellhop.ClassAgain, "such as one to sign in")
	if loop.count() != 2 {
		t.Errorf("%d requests", loop.count())
	}
	h.sends(h.endpoint("slack", loop.URL, nil), h.event("slack", 1), bellhop.ClassAgain, "redirects are not followed")
	if loop.count() != 3 || other.count() != 0 {
		t.Errorf("%d and %d requests", loop.count(), other.count())
	}
}

func TestNothingIsSentThatCannotBeMade(t *testing.T) {
	h := open(t)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) { answer(w, 200, "ok") })
	for name, want := range map[string]string{
		"hubspot-contact": "auth.token", "mailchimp-member": "auth.password", "kisi-group-link": "auth.value",
		"nuki-keypad-code": "auth.token", "quickbooks-sales-receipt": "auth.client_secret", "quickbooks-refund-receipt": "auth.client_secret",
	} {
		o := h.sends(h.endpoint(name, s.URL, nil), h.event(name, 1), bellhop.ClassHeld, want+", which the endpoint does not have")
		if o.Reason != bellhop.ReasonRecipe {
			t.Errorf("%s: reason %s", name, o.Reason)
		}
		r := h.endpoint(name, s.URL, credentialsOf(name))
		for _, data := range []string{`{}`, `[]`, `null`, `{"subscribe_to_venue":true}`} {
			e := h.event(name, 2, func(e *bellhop.Event) { e.Data = bellhop.JSON(data) })
			if o := h.send(r, e); o.Class != bellhop.ClassHeld && o.Class != bellhop.ClassSkipped {
				t.Errorf("%s of %s: class %d %s", name, data, o.Class, o.Detail)
			} else if o.Class == bellhop.ClassHeld && !strings.Contains(o.Detail, "needs ") && !strings.Contains(o.Detail, "data.") {
				t.Errorf("%s of %s: %s", name, data, o.Detail)
			}
		}
	}
	if s.count() != 0 {
		t.Errorf("%d requests", s.count())
	}
	huge := h.event("make", 3, func(e *bellhop.Event) { e.Data = bellhop.JSON(`"` + strings.Repeat("x", 2<<20) + `"`) })
	h.sends(h.endpoint("make", s.URL, nil), huge, bellhop.ClassHeld, "more than 1 MiB")
}
