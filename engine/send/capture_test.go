package send

import (
	"maps"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

func TestCapture(t *testing.T) {
	long := strings.Repeat("x", MaxCaptured)
	for _, tc := range []struct {
		name    string
		body    string
		pointer map[string]string
		want    map[string]string
		detail  string // a part of it; "": there is none
	}{
		{"a string as it is", `{"access":{"pin":"1234\n\"ä"}}`, of("pin", "/access/pin"), of("pin", "1234\n\"ä"), ""},
		{
			"others as JSON", ` {"n": 1.50e3, "l": [1, {"a" : null}], "t": true, "z": null}`,
			map[string]string{"n": "/n", "l": "/l", "t": "/t", "z": "/z"},
			map[string]string{"n": "1.50e3", "l": `[1,{"a":null}]`, "t": "true", "z": "null"},
			"",
		},
		{"the whole", ` "ok" `, of("all", ""), of("all", "ok"), ""},
		{"an element", `{"tickets":[{"id":7},{"id":8}]}`, of("second", "/tickets/1/id"), of("second", "8"), ""},
		{"escapes", `{"a/b":{"c~d":"x","c~1d":"y"}}`, map[string]string{"x": "/a~1b/c~0d", "y": "/a~1b/c~01d"}, map[string]string{"x": "x", "y": "y"}, ""},
		{"an empty name", `{"":"x"}`, of("x", "/"), of("x", "x"), ""},
		{"some are missing", `{"a":"x"}`, map[string]string{"a": "/a", "b": "/b", "c": "/a/d"}, of("a", "x"), "b was not captured: the answer has nothing at /b; c was not captured"},
		{"no element", `{"l":[1]}`, map[string]string{"a": "/l/1", "b": "/l/-", "c": "/l/00", "d": "/l/-1"}, nil, "a was not captured"},
		{"as long as may be", `{"a":"` + long + `"}`, of("a", "/a"), of("a", long), ""},
		{"too long", `{"a":"x` + long + `"}`, of("a", "/a"), nil, "longer than 1024 bytes"},
		{"not JSON", "<html>", of("a", "/a"), nil, "the answer is not JSON"},
		{"two documents", "1 2", of("a", ""), nil, "the answer is not JSON"},
		{"nothing", "", of("a", "/a"), nil, "the answer has no body"},
	} {
		r := &routes.Route{Endpoint: bellhop.Endpoint{Making: bellhop.Making{Capture: tc.pointer}}}
		o := bellhop.Outcome{Class: bellhop.ClassTaken, Exchange: bellhop.Exchange{ResponseStatus: 200, ResponseBody: []byte(tc.body)}}
		capture(r, "ticket.made", &o)
		if !maps.Equal(o.Captured, tc.want) || o.Class != bellhop.ClassTaken || (o.Detail == "") != (tc.detail == "") || !strings.Contains(o.Detail, tc.detail) {
			t.Errorf("%s: captured %q, detail %q", tc.name, o.Captured, o.Detail)
		}
	}
}

func of(name, pointer string) map[string]string { return map[string]string{name: pointer} }

func TestCaptureOnlyOfWhatWasTakenAndIsNotBellhopsOwn(t *testing.T) {
	r := &routes.Route{Endpoint: bellhop.Endpoint{Making: bellhop.Making{Capture: of("a", "/a")}}}
	answer := func(class bellhop.Class, truncated bool) *bellhop.Outcome {
		return &bellhop.Outcome{Class: class, Exchange: bellhop.Exchange{ResponseStatus: 200, ResponseBody: []byte(`{"a":"x"}`), ResponseTruncated: truncated}}
	}
	for name, o := range map[string]*bellhop.Outcome{"refused": answer(bellhop.ClassRefused, false), "cut off": answer(bellhop.ClassTaken, true)} {
		capture(r, "ticket.made", o)
		if o.Captured != nil || (name == "cut off") != strings.Contains(o.Detail, "only the first 9 bytes") {
			t.Errorf("%s: %q, %q", name, o.Captured, o.Detail)
		}
	}
	o := answer(bellhop.ClassTaken, false)
	o.Captured = of("code", "by a recipe")
	if capture(r, "ticket.made", o); !maps.Equal(o.Captured, map[string]string{"a": "x", "code": "by a recipe"}) {
		t.Errorf("beside what a recipe captured: %q", o.Captured)
	}
	capture(r, routes.OwnTypes+"delivery.captured", o)
	if o.Captured != nil || o.Detail != "" {
		t.Errorf("of Bellhop's own event: %q, %q", o.Captured, o.Detail)
	}
}

func TestCaptureAddsToWhatIsOddAboutAnAnswer(t *testing.T) {
	r := &routes.Route{Endpoint: bellhop.Endpoint{Making: bellhop.Making{Capture: of("a", "/a")}}}
	o := bellhop.Outcome{Class: bellhop.ClassTaken, Detail: "It was late.", Exchange: bellhop.Exchange{ResponseStatus: 200}}
	if capture(r, "a", &o); o.Detail != "It was late. And nothing was captured: the answer has no body." {
		t.Error(o.Detail)
	}
}
