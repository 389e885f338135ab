package native

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// TestSearchEvents: by what is in their data and by how they stand, page by page, of
// one's own apps alone; a condition that cannot be read says where it is wrong.
func TestSearchEvents(t *testing.T) {
	s := open(t)
	for i := range 20 {
		app := []string{"acme", "globex"}[i%2]
		s.do(s.admin, "POST", "/v1/events", fmt.Sprintf(`{"app":%q,"type":"a.b","data":{"n":%d,"total":"%d.00","customer":{"id":%d}}}`, app, i, i, i%4))
	}
	viewer := s.key(bellhop.RoleViewer, "acme")
	ask := func(query string) wire.Page[wire.Event] {
		t.Helper()
		r := s.do(viewer, "GET", "/v1/events?"+query, "")
		var page wire.Page[wire.Event]
		if err := json.Unmarshal(r.body, &page); err != nil || r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return page
	}
	where := func(conditions ...string) string { return url.Values{"where": conditions}.Encode() }
	if page := ask(where("data.customer.id = 2")); len(page.Data) != 5 || page.NextCursor != "" || page.Data[0].Outcome.State != bellhop.EventNone {
		t.Errorf("%+v", page)
	}
	if page := ask(where("data.total >= 10", "data.customer.id = 0")); len(page.Data) != 2 {
		t.Errorf("%+v", page)
	}
	if page := ask(where("data.n = 3")); len(page.Data) != 0 { // it is another app's
		t.Errorf("%+v", page)
	}
	page := ask("limit=3&outcome=none&" + where("data.customer.id = 2"))
	if len(page.Data) != 3 || page.NextCursor == "" || page.SearchedUntil == nil || page.SearchedUntil.After(page.Data[2].CreatedAt) {
		t.Errorf("%+v", page)
	}
	if page = ask("limit=3&outcome=none&cursor=" + page.NextCursor + "&" + where("data.customer.id = 2")); len(page.Data) != 2 || page.NextCursor != "" {
		t.Errorf("%+v", page)
	}
	p := s.do(viewer, "GET", "/v1/events?"+where("data.n = 1", "n = 1"), "").problem(t)
	if p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Field != "where[1]" || !strings.Contains(p.Errors[0].Detail, "at character 1: a path begins with data: write data.n") {
		t.Errorf("%+v", p)
	}
	if p = s.do(viewer, "GET", "/v1/attempts?response_status=50x", "").problem(t); len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Detail, "such as 5xx") {
		t.Errorf("%+v", p)
	}
}
