package desk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
)

// TestMatches: how a filter would have done, with one that fits, one that does not, and
// why; of one's own apps and the types that are listened to.
func TestMatches(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		for i := range 130 {
			h.publish(fmt.Sprintf(`{"total":"%d.50","currency":"CHF"}`, i))
		}
		change := func(filter string, events ...string) bellhop.EndpointChange {
			return bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), Events: bellhop.Of(events), Filter: bellhop.Of(bellhop.JSON(filter))}
		}
		m, err := h.Matches(t.Context(), owner, change(`{"total":[{"decimal":[">",119.5]}]}`, "invoice.*"))
		if err != nil || m.LookedAt != 100 || m.Fit != 10 || !strings.Contains(string(m.Fitting.Data), `"129.50"`) ||
			!strings.Contains(string(m.Other.Data), `"119.50"`) || m.OtherWhy != `/total: wanted a number or a decimal in text > 119.5, found "119.50"` {
			t.Errorf("%+v, %v", m, err)
		}
		if m, err = h.Matches(t.Context(), owner, change(`{}`, "no.*")); err != nil || m.LookedAt != 0 || m.Fitting != nil {
			t.Errorf("of a type that there is not: %+v, %v", m, err)
		}
		_, err = h.Matches(t.Context(), owner, change(`{"total":[{"decimal":[">","x"]}]}`))
		code(t, "a wrong filter", err, bellhop.CodeInvalid, "filter/total/0/decimal")
		_, err = h.Matches(t.Context(), as(bellhop.RoleEditor, "globex"), change(`{}`))
		code(t, "of another's app", err, bellhop.CodeUnknownApp, "apps[0]")
	})
}

// TestFields: by schema, which leads, and by what came.
func TestFields(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		put := func(et bellhop.EventType) {
			t.Helper()
			if _, _, err := h.PutEventType(t.Context(), owner, et); err != nil {
				t.Fatal(err)
			}
		}
		put(bellhop.EventType{Name: "invoice.purchase", Schema: bellhop.JSON(`{"$defs":{"guest":{"type":"object","properties":{"name":{"type":"string"},"again":{"$ref":"#/$defs/guest"}}}},
			"properties":{"total":{"type":["string","null"],"examples":["118.00"]},"guest":{"$ref":"#/$defs/guest"},"lines":{"type":"array","items":{"properties":{"n":{"type":"integer"}}}}}}`)})
		put(bellhop.EventType{Name: "ticket.sold", Example: bellhop.JSON(`{"seat":7}`)})
		h.publish(`{"total":"9.00","paid":true,"a.b":1,"lines":[{"n":1,"sku":"x"}]}`)
		list, err := h.Fields(t.Context(), owner, "acme", []string{"invoice.*"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range list {
			if strings.Count(f.Path, "again") == 0 {
				got = append(got, fmt.Sprintf("%s %v %s %s", f.Path, f.Types, f.Example, f.Source))
			}
		}
		want := `guest.name [string]  schema
lines.n [number] 1 schema
lines.sku [string] "x" recent
paid [boolean] true recent
total [null string] "118.00" schema`
		if strings.Join(got, "\n") != want {
			t.Errorf("%s", strings.Join(got, "\n"))
		}
		if list, err = h.Fields(t.Context(), as(bellhop.RoleViewer, "nobody"), "", []string{"invoice.*"}); err != nil || len(list) == 0 || strings.Contains(fmt.Sprint(list), "paid") {
			t.Errorf("who does not see the events: %v, %v", list, err)
		}
	})
}

// TestThePreviewShowsAnEventThatFits: a recent one, an example, or what a schema says; and
// never webhook.test where patterns were chosen.
func TestThePreviewShowsAnEventThatFits(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		preview := func(filter string, events ...string) string {
			t.Helper()
			v, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: bellhop.EndpointChange{
				Apps: bellhop.Of([]string{"acme"}), Events: bellhop.Of(events), Filter: bellhop.Of(bellhop.JSON(filter)),
			}})
			if err != nil {
				t.Fatal(err)
			}
			return string(v.Body)
		}
		check := func(when, body string, want ...string) {
			t.Helper()
			for _, w := range want {
				if !strings.Contains(body, w) {
					t.Errorf("%s: %s, want %s", when, body, w)
				}
			}
		}
		check("nothing is known", preview(`{}`, "order.*"), `"type":"order.example"`)
		for _, et := range []bellhop.EventType{
			{Name: "order.paid", Schema: bellhop.JSON(`{"type":"object","properties":{"total":{"type":"number","minimum":5},"at":{"type":"string","format":"date"}}}`)},
			{Name: "order.sent", Example: bellhop.JSON(`{"parcel":"P-1"}`)},
		} {
			if _, _, err := h.PutEventType(t.Context(), owner, et); err != nil {
				t.Fatal(err)
			}
		}
		check("a schema", preview(`{}`, "order.*"), `"type":"order.paid"`, `"data":{"at":"2027-06-11","total":5}`)
		check("an example that passes the filter", preview(`{"parcel":[{"exists":true}]}`, "order.*"), `"type":"order.sent"`, `{"parcel":"P-1"}`)
		h.publish(`{"total":"118.00"}`)
		h.publish(`{"total":"7.00"}`)
		check("a recent one", preview(`{"total":[{"decimal":[">",100]}]}`, "invoice.*"), `"type":"invoice.purchase"`, `{"total":"118.00"}`)
	})
}
