package native

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// An event reaches the endpoints that name one of its channels or none, and the others are
// told why it did not reach them.
func TestChannels(t *testing.T) {
	s := open(t)
	add := func(fields string) bellhop.EndpointID {
		var made wire.NewEndpoint
		if r := s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"https://example.com/in"`+fields+`}`); r.status != 201 {
			t.Fatalf("%d %s", r.status, r.body)
		} else {
			r.into(t, &made)
		}
		return made.ID
	}
	all, seven, both := add(""), add(`,"channels":["project:7","project:7"]`), add(`,"channels":["project:8","project:7"]`)
	var e bellhop.Endpoint
	s.do(s.admin, "GET", "/v1/endpoints/"+both.String(), "").into(t, &e)
	if !slices.Equal(e.Channels, []string{"project:7", "project:8"}) {
		t.Errorf("channels %q", e.Channels)
	}
	event := func(fields string) bellhop.EventID {
		t.Helper()
		var got wire.Receipt
		r := s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"invoice.purchase","data":{}`+fields+`}`)
		if r.into(t, &got); r.status != 202 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return got.ID
	}
	for _, c := range []struct {
		fields string
		to     []bellhop.EndpointID
	}{
		{"", []bellhop.EndpointID{all}},
		{`,"channels":[]`, []bellhop.EndpointID{all}},
		{`,"channels":null`, []bellhop.EndpointID{all}},
		{`,"channels":["project:7"]`, []bellhop.EndpointID{all, seven, both}},
		{`,"channels":["project:8","project:9"]`, []bellhop.EndpointID{all, both}},
		{`,"channels":["project:\u0039"]`, []bellhop.EndpointID{all}},
	} {
		id := event(c.fields)
		var list wire.Page[bellhop.Explanation]
		s.do(s.admin, "GET", "/v1/events/"+id.String()+"/explain", "").into(t, &list)
		for _, x := range list.Data {
			switch sent := slices.Contains(c.to, x.Endpoint); {
			case sent && x.Outcome == bellhop.FateNotSent:
				t.Errorf("%s: not sent to %s: %s", c.fields, x.Endpoint, x.Detail)
			case !sent && (x.Reason != "channels" || !strings.Contains(x.Detail, "project:7")):
				t.Errorf("%s: %s %q %s", c.fields, x.Outcome, x.Reason, x.Detail)
			}
		}
		if len(list.Data) != 3 {
			t.Errorf("%s: %d explanations", c.fields, len(list.Data))
		}
	}
	id := event(`,"channels":["b","a","b"],"tags":["vip"]`)
	var got wire.Event
	s.do(s.admin, "GET", "/v1/events/"+id.String(), "").into(t, &got)
	if !slices.Equal(got.Channels, []string{"a", "b"}) || !slices.Equal(got.Tags, []string{"vip"}) {
		t.Errorf("event %+v", got)
	}
	// Other channels or tags are another event; in another order they are not.
	event(`,"id":"x","channels":["a","b"],"tags":["t"]`)
	event(`,"id":"x","channels":["b","a","b"],"tags":["t"]`)
	for _, other := range []string{`"channels":["a"],"tags":["t"]`, `"channels":["a","b"]`, `"tags":["t"]`, `"channels":["t"],"tags":["a","b"]`} {
		if r := s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"invoice.purchase","data":{},"id":"x",`+other+`}`); r.status != 409 {
			t.Errorf("%s: %d %s", other, r.status, r.body)
		}
	}
	ids := func(query string) (ids []bellhop.EventID) {
		t.Helper()
		var list wire.Page[wire.Event]
		r := s.do(s.admin, "GET", "/v1/events?"+query, "")
		if r.into(t, &list); r.status != 200 {
			t.Fatalf("%s: %d %s", query, r.status, r.body)
		}
		for _, e := range list.Data {
			ids = append(ids, e.ID)
		}
		return ids
	}
	if got := ids("tag=vip"); len(got) != 1 || got[0] != id {
		t.Errorf("by tag: %v", got)
	}
	if got := ids("app=acme&channel=a&type=invoice.*"); len(got) != 2 || got[1] != id {
		t.Errorf("by channel: %v", got)
	}
	if got := ids("channel=a&tag=nobody"); len(got) != 0 {
		t.Errorf("by another tag: %v", got)
	}
	// None from the moment on that they are taken away.
	s.do(s.admin, "PATCH", "/v1/endpoints/"+seven.String(), `{"channels":null}`)
	var match wire.Matches
	s.do(s.admin, "POST", "/v1/endpoints/matches", `{"apps":["acme"],"channels":["project:8"]}`).into(t, &match)
	if match.Fit != 1 || !strings.Contains(match.OtherWhy, "project:8") {
		t.Errorf("matches %+v", match)
	}
	var list wire.Page[bellhop.Explanation]
	s.do(s.admin, "GET", "/v1/events/"+event("").String()+"/explain", "").into(t, &list)
	for _, x := range list.Data {
		if (x.Outcome == bellhop.FateNotSent) != (x.Endpoint == both) {
			t.Errorf("%s: %s %s", x.Endpoint, x.Outcome, x.Detail)
		}
	}
}

func TestUID(t *testing.T) {
	s := open(t)
	create := func(app, fields string) reply {
		return s.do(s.admin, "POST", "/v1/endpoints", fmt.Sprintf(`{"apps":[%q],"url":"https://example.com/in",%s}`, app, fields))
	}
	var first, other wire.NewEndpoint
	create("acme", `"uid":"books","former_id":"ep_2Xyz"`).into(t, &first)
	create("globex", `"uid":"books"`).into(t, &other)
	if first.UID != "books" || first.FormerID != "ep_2Xyz" || other.UID != "books" {
		t.Errorf("%+v, %+v", first.Endpoint, other.Endpoint)
	}
	taken := func(what string, r reply, field string) {
		t.Helper()
		if r.status != 409 || !strings.Contains(string(r.body), `"code":"uid_conflict"`) || !strings.Contains(string(r.body), `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	taken("the same uid", create("acme", `"uid":"books"`), "uid")
	taken("a former id as uid", create("acme", `"uid":"ep_2Xyz"`), "uid")
	taken("the same former id", create("acme", `"former_id":"ep_2Xyz"`), "former_id")
	taken("an app where it is taken", s.do(s.admin, "PATCH", "/v1/endpoints/"+other.ID.String(), `{"apps":["acme","globex"]}`), "uid")
	find := func(query string) []bellhop.Endpoint {
		var list wire.Page[bellhop.Endpoint]
		s.do(s.admin, "GET", "/v1/endpoints?"+query, "").into(t, &list)
		return list.Data
	}
	if got := find("app=acme&uid=books"); len(got) != 1 || got[0].ID != first.ID {
		t.Errorf("found %+v", got)
	}
	if got := find("uid=books"); len(got) != 2 {
		t.Errorf("found %+v", got)
	}
	if got := find("app=acme&uid=ep_2Xyz"); len(got) != 1 || got[0].ID != first.ID {
		t.Errorf("found %+v", got)
	}
	path := "/v1/endpoints/" + first.ID.String()
	var e bellhop.Endpoint
	s.do(s.admin, "PATCH", path, `{"uid":null,"former_id":"ep_2Xyz"}`).into(t, &e)
	if e.UID != "" || e.FormerID != "ep_2Xyz" || len(find("app=acme&uid=books")) != 0 {
		t.Errorf("after it was cleared: %+v", e)
	}
	if r := create("acme", `"uid":"books"`); r.status != 201 {
		t.Errorf("freed: %d %s", r.status, r.body)
	}
	taken("gone to another", s.do(s.admin, "PATCH", path, `{"uid":"books"}`), "uid")
	s.do(s.admin, "DELETE", path, "")
	if r := create("acme", `"former_id":"ep_2Xyz"`); r.status != 201 {
		t.Errorf("freed by deletion: %d %s", r.status, r.body)
	}
}
