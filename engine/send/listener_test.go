package send

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send/listen"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// TestListenerDoor: each request of an attempt has a name of its own, the same after a
// crash, and only an endpoint that is listened at leads to a listener.
func TestListenerDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := listen.NewHub(time.Now, func(bellhop.EndpointID) {})
		h := open(t, answering(200, nil, ""), func(o *Options) { o.Listeners = hub })
		r := h.endpoint("listen+http://localhost:3000/hook")
		w := work(`{"n":1}`)
		w.Delivery.ID, w.Delivery.Attempts = 5, 2
		ask := func(method, url string) string {
			p := Parcel{App: "acme", Work: w, Route: r, Request: safehttp.Request{Method: method, URL: url, Header: http.Header{"x-token": {"s"}}, Timeout: time.Second}}
			st, err := hub.Attach(r.ID, r.Apps, "a session of mine")
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			done := make(chan safehttp.Response, 1)
			go func() { done <- h.door(p.Request.URL, r).Exchange(t.Context(), p) }()
			<-st.News()
			given := slices.Collect(st.Take())[0]
			if given.URL != strings.TrimPrefix(url, "listen+") || given.Number != 3 || given.Delivery != 5 {
				t.Errorf("%+v", given)
			}
			for _, f := range given.Header {
				if f.Name == "Host" || f.Name == "Content-Length" {
					t.Errorf("it is handed %s", f.Name)
				}
			}
			if _, err := hub.Answer(r.ID, "a session of mine", given.ID, listen.Answer{Status: 200, Body: []byte("long")}); err != nil {
				t.Error(err)
			}
			if res := <-done; res.Status != 200 {
				t.Errorf("%+v", res)
			}
			return given.ID
		}
		post, question := ask("POST", r.URL), ask("GET", r.URL+"/search")
		if post != w.Delivery.ID.String()+".3" || question == post || ask("GET", r.URL+"/search") != question || ask("POST", r.URL) != post {
			t.Errorf("names %s and %s", post, question)
		}

		time.Sleep(time.Minute)
		if o, sent := h.Send(t.Context(), r, w); !sent || o.Class != bellhop.ClassOurs || o.Reason != bellhop.ReasonNoListener || !strings.Contains(o.Detail, "--forward http://localhost:3000/hook") {
			t.Errorf("while nobody listens: %+v, %v", o, sent)
		}
		other := Parcel{Route: h.endpoint("https://example.com/"), Request: safehttp.Request{URL: r.URL}}
		if res := h.door(r.URL, other.Route).Exchange(t.Context(), other); res.Reason != safehttp.ReasonURL {
			t.Errorf("what a script made of another endpoint's URL: %+v", res)
		}
	})
}
