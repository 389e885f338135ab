package native

import (
	"slices"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

func TestPreview(t *testing.T) {
	s := open(t)
	editor := s.key(bellhop.RoleEditor, "globex")
	var v wire.Preview
	s.do(editor, "POST", "/v1/endpoints/preview", `{"endpoint":{"dialect":"cloudevents"},"type":"a.b","data":{"n":1.10}}`).into(t, &v)
	if v.Method != "POST" || v.URL != "https://example.com/hooks" || v.Secret == "" || !strings.Contains(v.Body, `{"n":1.10}`) || !strings.Contains(v.Body, "globex") {
		t.Errorf("%+v", v)
	}
	if v.Headers[0] != (wire.Header{Name: "Host", Value: "example.com"}) || !slices.ContainsFunc(v.Headers, func(h wire.Header) bool { return h.Name == "User-Agent" && h.Value == "Bellhop" }) {
		t.Errorf("%+v", v.Headers)
	}
	for body, field := range map[string]string{
		`{}`:                                    "endpoint",
		`{"endpoint":{"url":"http://x.com"}}`:   "endpoint.url",
		`{"endpoint":{"timeout":"soon"}}`:       "endpoint.timeout",
		`{"endpoint":{"concurrency":-1}}`:       "endpoint.concurrency",
		`{"endpoint":{"apps":["acme"]}}`:        "endpoint.apps[0]",
		`{"endpoint":{"secret":"whsec_short"}}`: "endpoint.secret",
		`{"endpoint":{},"type":"no type"}`:      "type",
	} {
		if p := s.do(editor, "POST", "/v1/endpoints/preview", body).problem(t); p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v", body, p)
		}
	}
}
