package desk_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/dialect"
)

// A preview is the request that a delivery makes, but for id, times and signature.
func TestPreviewIsWhatIsSent(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		in := h.inbox("acme", 0)
		for _, d := range h.e.Routes().Dialects() {
			name := d.Name()
			c := bellhop.EndpointChange{
				Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(in.URL), Dialect: bellhop.Of(name),
				Headers: bellhop.Of(map[string]string{"x-mine": " padded ", "User-Agent": "Mine"}), Verify: bellhop.Of(false),
			}
			v, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: c, Type: "invoice.purchase", Data: bellhop.JSON(`{"n":1}`)})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			c.Secret = bellhop.Of(v.Secret)
			if err := d.CheckSecret(v.Secret); err != nil {
				t.Errorf("%s: sample secret: %v", name, err)
			}
			e, _, err := h.CreateEndpoint(t.Context(), owner, c)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			h.publish(`{"n":1}`)
			wait(time.Second)
			sent := h.arrived(in.Token)[0]
			if err := h.DeleteEndpoint(t.Context(), owner, e.ID); err != nil {
				t.Fatal(err)
			}
			shown := http.Header{}
			for _, f := range v.Header {
				shown.Add(f.Name, f.Value)
			}
			if err := d.Verify(dialect.Received{Header: shown, Body: v.Body}, []string{v.Secret}, time.Now(), 0); err != nil {
				t.Errorf("%s: the preview's signature: %v", name, err)
			}
			if len(shown) != len(sent.Header) || len(v.Body) != len(sent.Body) || v.Method != sent.Method || v.URL != in.URL {
				t.Errorf("%s: shown %v %s\nsent %v %s", name, shown, v.Body, sent.Header, sent.Body)
			}
			for name := range shown {
				if sent.Header.Get(name) == "" {
					t.Errorf("%s is shown and not sent", name)
				}
			}
			if v.Header[0] != (desk.HeaderField{Name: "Host", Value: "127.0.0.1:8420"}) || v.Header[1] != (desk.HeaderField{Name: "User-Agent", Value: "Mine"}) || v.Header[2].Name != "Content-Length" {
				t.Errorf("%s: order %v", name, v.Header)
			}
			if !slices.Contains(v.Header, desk.HeaderField{Name: "x-mine", Value: "padded"}) {
				t.Errorf("%s: own header: %v", name, v.Header)
			}
		}
	})
}

func TestPreviewOfAnUnfinishedForm(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		if _, _, err := h.PutEventType(t.Context(), owner, bellhop.EventType{Name: "ticket.sold", Example: bellhop.JSON(`{"seat":7}`)}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.PutEventType(t.Context(), owner, bellhop.EventType{Name: "strict", Schema: bellhop.JSON(`{"required":["total"]}`), Validate: true}); err != nil {
			t.Fatal(err)
		}
		v, err := h.Preview(t.Context(), owner, desk.PreviewRequest{})
		if err != nil || v.URL != "https://example.com/hooks" || v.Secret == "" || !strings.Contains(string(v.Body), `"ticket.sold"`) {
			t.Errorf("nothing given: %+v, %v", v, err)
		}
		events := bellhop.Of([]string{"a.*", "ticket.sold"})
		v, err = h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: bellhop.EndpointChange{Events: events, Apps: bellhop.Of([]string{}), URL: bellhop.Of("")}})
		if err != nil || !strings.Contains(string(v.Body), `"ticket.sold"`) || !strings.Contains(string(v.Body), `{"seat":7}`) {
			t.Errorf("type and example: %s, %v", v.Body, err)
		}
		v, err = h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: bellhop.EndpointChange{Secret: bellhop.Of("my own"), Dialect: bellhop.Of("github")}, Type: "strict", Subject: "a:1"})
		if err != nil || v.Secret != "" {
			t.Errorf("own secret: %+v, %v", v, err)
		}
		for _, tt := range []struct {
			ask   desk.PreviewRequest
			field string
		}{
			{desk.PreviewRequest{Endpoint: bellhop.EndpointChange{URL: bellhop.Of("http://example.com")}}, "endpoint.url"},
			{desk.PreviewRequest{Endpoint: bellhop.EndpointChange{URL: bellhop.Of("https://10.0.0.1/")}}, "endpoint.url"},
			{desk.PreviewRequest{Endpoint: bellhop.EndpointChange{Dialect: bellhop.Of("none")}}, "endpoint.dialect"},
			{desk.PreviewRequest{Endpoint: bellhop.EndpointChange{Apps: bellhop.Of([]string{"nobody"})}}, "endpoint.apps[0]"},
			{desk.PreviewRequest{Endpoint: bellhop.EndpointChange{Secret: bellhop.Of("short")}}, "endpoint.secret"},
			{desk.PreviewRequest{Endpoint: bellhop.EndpointChange{Headers: bellhop.Of(map[string]string{"Host": "x"})}}, "endpoint.headers.Host"},
			{desk.PreviewRequest{Type: "no type"}, "type"},
			{desk.PreviewRequest{Type: "strict", Data: bellhop.JSON(`{}`)}, "data"},
			{desk.PreviewRequest{Data: bellhop.JSON(`{`)}, "data"},
		} {
			_, err := h.Preview(t.Context(), owner, tt.ask)
			if err == nil || !strings.Contains(err.Error(), tt.field+": ") {
				t.Errorf("%s: %v", tt.field, err)
			}
		}
		if n := len(h.net.log) + len(h.all()); n != 0 {
			t.Error("a preview left something behind")
		}
	})
}

// TestPreviewIsOfOnesOwnApp where none is named.
func TestPreviewIsOfOnesOwnApp(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		c := bellhop.EndpointChange{Dialect: bellhop.Of("cloudevents")}
		for want, p := range map[string]bellhop.Principal{
			"acme": owner, "globex": as(bellhop.RoleEditor, "globex", "acme"),
		} {
			v, err := h.Preview(t.Context(), p, desk.PreviewRequest{Endpoint: c})
			if err != nil || !strings.Contains(string(v.Body), want) {
				t.Errorf("%+v: %s, %v", p, v.Body, err)
			}
		}
		v, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: c, App: "globex"})
		if err != nil || !strings.Contains(string(v.Body), "globex") {
			t.Errorf("%s, %v", v.Body, err)
		}
	})
}
