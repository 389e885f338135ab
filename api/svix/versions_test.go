package svix

import (
	"testing"

	"github.com/bellhop/bellhop"
)

// TestSchemasOfOtherForms: what Svix has taken is taken.
func TestSchemasOfOtherForms(t *testing.T) {
	s := open(t)
	schemas := `{"v10":{"type":"array","items":[{"type":"string"}]},"v9":{"type":"object"}}`
	s.do(201, "POST", "/event-type", `{"name":"a.b","description":"x","schemas":`+schemas+`}`)
	if r := s.do(200, "GET", "/event-type/a.b", ""); string(mustJSON(r.has("schemas"))) != `{"v10":{"items":[{"type":"string"}],"type":"array"},"v9":{"type":"object"}}` {
		t.Errorf("shown: %s", r)
	}
	if ty, err := s.desk.EventType(t.Context(), bellhop.Owner(), "a.b"); err != nil || ty.SchemaVersion != "v10" {
		t.Errorf("the one that counts: %q, %v", ty.SchemaVersion, err)
	}
	app := s.app("")
	door := s.endpoint(app, "")
	s.message(app, "")
	s.eventually("the engine runs", func() bool { return len(s.net.requests()) > 0 })
	s.do(200, "POST", "/app/"+app+"/endpoint/"+door+"/send-example", `{"eventType":"a.b"}`)
	for _, bad := range []string{`{"":{}}`, `{"a b":{}}`, `{"1":{"type":7}}`} {
		s.do(422, "POST", "/event-type", `{"name":"c.d","description":"x","schemas":`+bad+`}`)
	}
}
