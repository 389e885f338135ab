package svix

import (
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
)

// TestEndpointIsWrittenBack: what an endpoint shows of itself can be written back, also
// where its event types are in the catalogue no more, or never were.
func TestEndpointIsWrittenBack(t *testing.T) {
	s := open(t)
	app := s.app("")
	for _, name := range []string{"kept", "archived", "removed"} {
		s.do(201, "POST", "/event-type", `{"name":"`+name+`","description":"x"}`)
	}
	door := s.endpoint(app, `,"filterTypes":["kept","archived","removed"]`)
	s.do(204, "DELETE", "/event-type/archived", "")
	s.do(204, "DELETE", "/event-type/removed?expunge=true", "")
	imported, _, err := s.desk.CreateEndpoint(t.Context(), bellhop.Owner(), bellhop.EndpointChange{
		Apps: bellhop.Of([]string{app}), URL: bellhop.Of("https://example.com/in"), FormerID: bellhop.Of("ep_2cPqWdgvR3bX9tQm"), Events: bellhop.Of([]string{"never.there"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, types := range map[string]string{door: `["archived","kept","removed"]`, imported.FormerID: `["never.there"]`} {
		path := "/app/" + app + "/endpoint/" + id
		for method, body := range map[string]string{
			"PUT": `{"url":"https://example.com/in","filterTypes":` + types + `}`, "PATCH": `{"eventTypes":` + types + `}`,
		} {
			if r := s.do(200, method, path, body); string(mustJSON(r.has("filterTypes"))) != types {
				t.Errorf("%s: %s", method, r)
			}
		}
		// No other name that there is not, and none again once it is gone.
		s.do(422, "PATCH", path, `{"filterTypes":["nonsense"]}`)
		s.do(200, "PATCH", path, `{"filterTypes":["kept"]}`)
		s.do(422, "PATCH", path, `{"filterTypes":["never.there","removed"]}`)
	}
}

// A limit that is written back as it is shown stays as it is, also where that is rounded.
func TestLimitIsWrittenBack(t *testing.T) {
	s := open(t)
	for limit, shown := range map[bellhop.RateLimit]string{
		{PerSecond: 0.0167, Burst: 1}: "1", {PerSecond: 83.33, Burst: 5000}: "83", {PerSecond: 90_000, Burst: 7}: "65535", {PerSecond: 5, Burst: 50}: "5",
	} {
		app, err := s.desk.CreateApp(t.Context(), bellhop.Owner(), "", desk.AppChange{Name: bellhop.Of("x"), RateLimit: bellhop.Of(&limit)})
		if err != nil {
			t.Fatal(err)
		}
		e, _, err := s.desk.CreateEndpoint(t.Context(), bellhop.Owner(), bellhop.EndpointChange{
			Apps: bellhop.Of([]string{app.ID}), URL: bellhop.Of("https://example.com/in"), Dialect: bellhop.Of(DefaultDialect), RateLimit: bellhop.Of(&limit),
		})
		if err != nil {
			t.Fatal(err)
		}
		for path, rest := range map[string]string{"/app/" + app.ID: `"name":"y",`, "/app/" + app.ID + "/endpoint/" + e.ID.String(): `"url":"https://example.com/other",`} {
			now := func() bellhop.RateLimit {
				if strings.Contains(path, "/endpoint/") {
					e, err = s.desk.Endpoint(t.Context(), bellhop.Owner(), e.ID)
					return *e.RateLimit
				}
				app, err = s.desk.AppNamed(t.Context(), bellhop.Owner(), app.ID)
				return *app.RateLimit
			}
			for _, method := range []string{"PUT", "PATCH"} {
				for _, field := range []string{"throttleRate", "rateLimit"} {
					if r := s.do(200, method, path, "{"+rest+`"`+field+`":`+shown+"}"); string(mustJSON(r.has(field))) != shown || now() != limit || err != nil {
						t.Errorf("%s %s of %s: %s, and it is %v, %v", method, path, shown, r, now(), err)
					}
				}
			}
			if s.do(200, "PUT", path, "{"+rest+`"throttleRate":77}`); now() != (bellhop.RateLimit{PerSecond: 77, Burst: 77}) {
				t.Errorf("changed: %v", now())
			}
		}
	}
}

// A replacement without a uid takes it away, but from what was found by it.
func TestReplacementWithoutUID(t *testing.T) {
	s := open(t)
	app := s.app(`,"uid":"acme"`)
	door := s.endpoint(app, `,"uid":"door"`)
	for _, x := range []struct{ of, id, uid, body string }{
		{"/app/" + app + "/endpoint/", door, "door", `"url":"https://example.com/in"`},
		{"/app/", app, "acme", `"name":"x"`},
	} {
		for range 2 { // and again
			if r := s.do(200, "PUT", x.of+x.uid, "{"+x.body+"}"); r.text("id") != x.id || r.text("uid") != x.uid {
				t.Errorf("by its uid: %s", r)
			}
		}
		if r := s.do(200, "PUT", x.of+x.id, "{"+x.body+"}"); r.has("uid") != nil {
			t.Errorf("by its id: %s", r)
		}
		s.do(200, "PUT", x.of+x.id, "{"+x.body+`,"uid":"`+x.uid+`"}`)
		if r := s.do(200, "PUT", x.of+x.uid, "{"+x.body+`,"uid":null}`); r.has("uid") != nil {
			t.Errorf("null by its uid: %s", r)
		}
	}
}
