package native

import (
	"testing"

	"github.com/bellhop/bellhop"
)

// Filters that are empty, or that nothing can meet, are refused: they never stand for none.
func TestFiltersAreNeverEmpty(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme")
	viewer := s.key(bellhop.RoleViewer, "acme")
	refused := func(key, request, body, field string) {
		t.Helper()
		if p := s.do(key, "GET", request, body).problem(t); p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v, want it to name %s", request, p, field)
		}
	}
	for _, list := range []string{"events", "deliveries", "attempts", "events/export", "deliveries/export", "attempts/export", "stream"} {
		for _, field := range []string{"channel", "tag", "type"} {
			refused(viewer, "/v1/"+list+"?"+field+"=", "", field)
			refused(viewer, "/v1/"+list+"?"+field+"=p+7", "", field)
		}
	}
	refused(viewer, "/v1/stats?type=", "", "type")
	refused(viewer, "/v1/stats?type=p+7", "", "type")
	refused(viewer, "/v1/events?where=", "", "where")
	for body, field := range map[string]string{
		`"channel":""`: "channel", `"channel":"p 7"`: "channel", `"tag":""`: "tag", `"tag":"p 7"`: "tag",
		`"types":[]`: "types", `"types":[""]`: "types[0]", `"types":["a.b","p 7"]`: "types[1]",
	} {
		r := s.do(s.admin, "POST", "/v1/endpoints/"+e.ID.String()+"/replay", `{"since":"2020-01-01T00:00:00Z","status":"all",`+body+`}`)
		if p := r.problem(t); p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("replay of %s: %+v, want it to name %s", body, p, field)
		}
	}
}
