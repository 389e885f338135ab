package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
)

// TestFeatureFlagsHideTypes from holders of portal links, wherever they could choose one.
func TestFeatureFlagsHideTypes(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx := t.Context()
		put := func(name string, flags ...string) {
			t.Helper()
			if _, _, err := h.PutEventType(ctx, owner, bellhop.EventType{
				Name: name, Schema: bellhop.JSON(`{"type":"object","properties":{"of_` + name + `":{"type":"string"}}}`), FeatureFlags: flags,
			}); err != nil {
				t.Fatal(err)
			}
		}
		e := h.endpoint("a.example")
		put("a_plain")
		put("b_beta", "beta", "early")
		put("c_gamma", "gamma")
		link := func(flags ...string) bellhop.Principal {
			t.Helper()
			k, _, err := h.CreateKey(ctx, owner, bellhop.KeyRequest{Portal: true, Apps: []string{"acme"}, Role: bellhop.RoleEditor, FeatureFlags: flags})
			if err != nil {
				t.Fatal(err)
			}
			stored, ok := h.e.Routes().Access().Key(k.ID, h.e.Now())
			if !ok {
				t.Fatal("no key")
			}
			return stored.Principal()
		}
		all := []string{"a_plain", "b_beta", "c_gamma"}
		for _, c := range []struct {
			name string
			who  bellhop.Principal
			sees []string
		}{
			{"an admin", owner, all},
			{"an editor's key", as(bellhop.RoleEditor, "acme"), all},
			{"a link without flags", link(), all[:1]},
			{"a link with one", link("early"), all[:2]},
			{"a link with both", link("gamma", "other", "beta"), all},
		} {
			var listed, got, fields []string
			list, err := h.EventTypes(ctx, c.who, "", 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, et := range list {
				listed = append(listed, et.Name)
			}
			for _, name := range all {
				if _, err := h.EventType(ctx, c.who, name); err == nil {
					got = append(got, name)
				} else if !bellhop.IsNotFound(err) {
					t.Error(err)
				}
			}
			known, err := h.Fields(ctx, c.who, "acme", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range known {
				fields = append(fields, strings.TrimPrefix(f.Path, "of_"))
			}
			// No sample tells of it either.
			var shown, sent []string
			for _, name := range all {
				v, err := h.Preview(ctx, c.who, desk.PreviewRequest{Type: name, Endpoint: bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://b.example/hooks")}})
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(v.Body), "of_"+name) {
					shown = append(shown, name)
				}
				before := len(h.net.at("a.example"))
				if _, err := h.TestEndpoint(ctx, c.who, e.ID, name, nil); err != nil {
					t.Fatal(err)
				}
				if got := h.net.at("a.example")[before:]; len(got) == 1 && strings.Contains(got[0].body, "of_"+name) {
					sent = append(sent, name)
				}
			}
			if !slices.Equal(shown, c.sees) || !slices.Equal(sent, c.sees) {
				t.Errorf("%s is shown samples of %v, and tests with those of %v; want %v", c.name, shown, sent, c.sees)
			}
			n, err := h.CountEventTypes(ctx, c.who)
			if !slices.Equal(listed, c.sees) || !slices.Equal(got, c.sees) || !slices.Equal(fields, c.sees) || n != len(c.sees) || err != nil {
				t.Errorf("%s is listed %v of %d, gets %v, and is offered fields of %v; want %v", c.name, listed, n, got, fields, c.sees)
			}
			// A page is as long as it is asked to be.
			if page, err := h.EventTypes(ctx, c.who, "a_plain", 1); err != nil || len(page) != min(1, len(c.sees)-1) {
				t.Errorf("%s: a page of %d, %v", c.name, len(page), err)
			}
		}
	})
}

// TestVersionsOfSchemas are kept for readers, bounded and of schemas alone.
func TestVersionsOfSchemas(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		good := bellhop.EventType{
			Name: "a.b", Schema: bellhop.JSON(`{ "type": "object" }`), SchemaVersion: "3",
			EarlierSchemas: map[string]bellhop.JSON{"1": bellhop.JSON(`{ "type" : "array" }`), "2.1-x_y": bellhop.JSON("true")},
			Deprecated:     true, Group: "Invoices", FeatureFlags: []string{"a:b.c-d_E"},
		}
		if _, created, err := h.PutEventType(t.Context(), owner, good); err != nil || !created {
			t.Fatal(err)
		}
		got, err := h.EventType(t.Context(), owner, "a.b")
		if err != nil || string(got.EarlierSchemas["1"]) != `{ "type" : "array" }` || got.SchemaVersion != "3" || !got.Deprecated || got.Group != "Invoices" {
			t.Errorf("%+v, %v", got, err)
		}
		if b, err := got.EncodeJSON(); err != nil || !strings.Contains(string(b), `"earlier_schemas":{"1":{ "type" : "array" },"2.1-x_y":true}`) {
			t.Errorf("%s, %v", b, err)
		}
		many := map[string]bellhop.JSON{}
		for i := range 51 {
			many[fmt.Sprint(i)] = bellhop.JSON("true")
		}
		large := bellhop.JSON(`{"description":"` + strings.Repeat("x", 1<<20) + `"}`)
		for name, c := range map[string]struct {
			change func(*bellhop.EventType)
			field  string
		}{
			"no schema":       {func(e *bellhop.EventType) { e.Schema, e.EarlierSchemas = nil, nil }, "schema_version"},
			"no version":      {func(e *bellhop.EventType) { e.SchemaVersion = "" }, "schema_version"},
			"a bad version":   {func(e *bellhop.EventType) { e.SchemaVersion = "a b" }, "schema_version"},
			"a long version":  {func(e *bellhop.EventType) { e.SchemaVersion = strings.Repeat("1", 33) }, "schema_version"},
			"its own version": {func(e *bellhop.EventType) { e.SchemaVersion = "1" }, "earlier_schemas.1"},
			"a bad name":      {func(e *bellhop.EventType) { e.EarlierSchemas = map[string]bellhop.JSON{"é": bellhop.JSON("true")} }, "earlier_schemas.é"},
			"an empty name":   {func(e *bellhop.EventType) { e.EarlierSchemas = map[string]bellhop.JSON{"": bellhop.JSON("true")} }, "earlier_schemas."},
			"no schema at all": {func(e *bellhop.EventType) {
				e.EarlierSchemas = map[string]bellhop.JSON{"1": bellhop.JSON(`{"type":7}`)}
			}, "earlier_schemas.1"},
			"a number":      {func(e *bellhop.EventType) { e.EarlierSchemas = map[string]bellhop.JSON{"1": bellhop.JSON(`7`)} }, "earlier_schemas.1"},
			"too many":      {func(e *bellhop.EventType) { e.EarlierSchemas = many }, "earlier_schemas"},
			"too large":     {func(e *bellhop.EventType) { e.EarlierSchemas = map[string]bellhop.JSON{"1": large} }, "earlier_schemas"},
			"a bad flag":    {func(e *bellhop.EventType) { e.FeatureFlags = []string{"ok", "a b"} }, "feature_flags[1]"},
			"an empty flag": {func(e *bellhop.EventType) { e.FeatureFlags = []string{""} }, "feature_flags[0]"},
			"many flags":    {func(e *bellhop.EventType) { e.FeatureFlags = slices.Repeat([]string{"x"}, 51) }, "feature_flags"},
			"a long group":  {func(e *bellhop.EventType) { e.Group = strings.Repeat("x", 257) }, "group"},
		} {
			bad := good
			c.change(&bad)
			_, _, err := h.PutEventType(t.Context(), owner, bad)
			code(t, name, err, bellhop.CodeInvalid, c.field)
		}
	})
}
