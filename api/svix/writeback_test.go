package svix

import (
	"testing"

	"github.com/bellhop/bellhop"
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
