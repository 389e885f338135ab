package desk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

// inDialect asks for a dialect.
func inDialect(name string) func(*bellhop.EndpointChange) {
	return func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of(name) }
}

// fieldOf gives the one field that an error is about, and its detail.
func fieldOf(err error) (field, code, detail string) {
	if e, ok := errors.AsType[*bellhop.Error](err); ok && len(e.Fields) == 1 {
		return e.Fields[0].Field, e.Fields[0].Code, e.Fields[0].Detail
	}
	return "", "", ""
}

func TestAppsOfferDialects(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		h.app("free")
		offer := func(app string, dialects ...string) {
			t.Helper()
			if _, err := h.PatchApp(t.Context(), owner, app, desk.AppChange{Dialects: bellhop.Of(dialects)}); err != nil {
				t.Fatal(err)
			}
		}
		before := h.endpoint("before.example", inDialect("github"))
		offer("acme", "shopify", "stripe", "svix")
		offer("globex", "stripe", "shopify")

		editor := bellhop.Principal{Role: bellhop.RoleEditor, Scope: bellhop.Only("acme", "globex", "free"), Actor: "editor"}
		create := func(p bellhop.Principal, change ...func(*bellhop.EndpointChange)) (bellhop.Endpoint, error) {
			e, _, err := h.CreateEndpoint(t.Context(), p, hook("a.example", change...))
			return e, err
		}
		for _, c := range []struct {
			who     bellhop.Principal
			apps    []string
			dialect string // asked for; "" for none
			want    string // "" if refused
		}{
			{editor, []string{"acme"}, "", "shopify"},
			{editor, []string{"acme"}, "svix", "svix"},
			{editor, []string{"acme"}, "standard", ""},
			{editor, []string{"free"}, "", "standard"},
			{editor, []string{"free"}, "slack", "slack"},
			{editor, []string{"free", "globex"}, "", "stripe"},
			{editor, []string{"acme", "globex"}, "", "shopify"}, // the first of acme that globex has, too
			{editor, []string{"acme", "globex"}, "svix", ""},
			{owner, []string{"acme"}, "", "shopify"},
			{owner, []string{"acme"}, "standard", "standard"},
		} {
			change := []func(*bellhop.EndpointChange){of(c.apps...)}
			if c.dialect != "" {
				change = append(change, inDialect(c.dialect))
			}
			e, err := create(c.who, change...)
			field, code, detail := fieldOf(err)
			switch {
			case c.want != "" && (err != nil || e.Dialect != c.want):
				t.Errorf("%s asks for %q in %v: %q, %v", c.who.Role, c.dialect, c.apps, e.Dialect, err)
			case c.want == "" && (field != "dialect" || code != "dialect_not_offered" || !strings.Contains(detail, "choose one of")):
				t.Errorf("%s asks for %q in %v: %v", c.who.Role, c.dialect, c.apps, err)
			}
		}

		update := func(p bellhop.Principal, change func(*bellhop.EndpointChange)) error {
			c := bellhop.EndpointChange{}
			change(&c)
			_, err := h.UpdateEndpoint(t.Context(), p, before.ID, c)
			return err
		}
		// What the endpoint has already, it keeps.
		if err := update(editor, func(c *bellhop.EndpointChange) { c.Name, c.Dialect = bellhop.Of("x"), bellhop.Of("github") }); err != nil {
			t.Errorf("a change of the name: %v", err)
		}
		if field, _, _ := fieldOf(update(editor, inDialect("slack"))); field != "dialect" {
			t.Error("an editor takes a dialect that is not offered")
		}
		if field, _, detail := fieldOf(update(editor, of("acme", "globex"))); field != "dialect" || !strings.Contains(detail, "globex") {
			t.Error("an editor adds an app that does not offer the endpoint's dialect")
		}
		if err := update(editor, func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Field[string]{Set: true} }); err != nil {
			t.Errorf("null is the app's default: %v", err)
		}
		if err := update(owner, inDialect("github")); err != nil {
			t.Errorf("an admin takes any: %v", err)
		}

		// Two apps with nothing in common: nobody is sent from the one to the other, and
		// none gets the other's dialect unasked.
		offer("free", "github")
		for _, who := range []bellhop.Principal{editor, owner} {
			for _, asked := range []string{"", "svix", "github"} {
				change := []func(*bellhop.EndpointChange){of("acme", "free")}
				if asked != "" {
					change = append(change, inDialect(asked))
				}
				_, err := create(who, change...)
				field, code, detail := fieldOf(err)
				switch {
				case who.Role == bellhop.RoleAdmin && asked != "":
					if err != nil {
						t.Errorf("an admin names %s: %v", asked, err)
					}
				case field != "dialect" || code != "none_in_common" || !strings.Contains(detail, "acme (shopify, stripe, svix), free (github): make an endpoint for each"):
					t.Errorf("%s asks for %q: %v", who.Role, asked, err)
				}
			}
		}
		if _, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: hook("a.example", of("acme", "free"))}); err == nil {
			t.Error("the preview shows the dialect of one of two apps that have none in common")
		}

		for field, c := range map[string]desk.AppChange{
			"dialects[1]":                  {Dialects: bellhop.Of([]string{"stripe", "none"})},
			"dialects[2]":                  {Dialects: bellhop.Of([]string{"stripe", "svix", "stripe"})},
			"dialects":                     {Dialects: bellhop.Of(make([]string, 51))},
			"dialect_options.none":         {DialectOptions: bellhop.Of(map[string]map[string]string{"none": {}})},
			"dialect_options.stripe.other": {DialectOptions: bellhop.Of(map[string]map[string]string{"stripe": {"other": "x"}})},
		} {
			if got, _, _ := fieldOf(second(h.PatchApp(t.Context(), owner, "acme", c))); got != field {
				t.Errorf("%s: the error is about %q", field, got)
			}
		}
		if _, err := h.PatchApp(t.Context(), editor, "acme", desk.AppChange{Dialects: bellhop.Of([]string{"raw"})}); bellhop.CodeOf(err) != bellhop.CodeForbidden {
			t.Errorf("an editor changes what the app offers: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestDialectOptionsReachTheWire(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		h.net.on("shop.example", status(200))
		both := h.endpoint("shop.example", inDialect("shopify"), of("acme", "globex"))
		set := func(options map[string]map[string]string) {
			t.Helper()
			if _, err := h.PatchApp(t.Context(), owner, "globex", desk.AppChange{DialectOptions: bellhop.Of(options)}); err != nil {
				t.Fatal(err)
			}
		}
		sent := func(app string) (shop, version, topic string) {
			t.Helper()
			before := len(h.net.at("shop.example"))
			h.publish(`{}`, ofType("orders.create"), func(p *engine.Publication) { p.App = app })
			wait(time.Second)
			list := h.net.at("shop.example")[before:]
			if len(list) != 1 {
				t.Fatalf("%d requests", len(list))
			}
			header := list[0].header
			return header.Get("X-Shopify-Shop-Domain"), header.Get("X-Shopify-API-Version"), header.Get("X-Shopify-Topic")
		}
		expect := func(app, shop, version string) {
			t.Helper()
			if s, v, topic := sent(app); s != shop || v != version || topic != "orders/create" {
				t.Errorf("%s: shop %s, version %s, topic %s", app, s, v, topic)
			}
		}
		expect("acme", "acme.myshopify.com", "2025-10")
		set(map[string]map[string]string{"shopify": {"shop_domain": "boots.example"}, "stripe": {"api_version": "x"}})
		expect("globex", "boots.example", "2025-10") // at once, though the endpoint is as it was
		expect("acme", "acme.myshopify.com", "2025-10")
		h.set(both.ID, bellhop.EndpointChange{DialectOptions: bellhop.Of(map[string]string{"api_version": "2026-04"})})
		expect("globex", "boots.example", "2026-04")

		change := func(c bellhop.EndpointChange) (field, detail string) {
			_, err := h.UpdateEndpoint(t.Context(), owner, both.ID, c)
			field, _, detail = fieldOf(err)
			return field, detail
		}
		if field, detail := change(bellhop.EndpointChange{DialectOptions: bellhop.Of(map[string]string{"shop": "x"})}); field != "dialect_options.shop" || !strings.Contains(detail, "shop_domain") {
			t.Errorf("an unknown option: %s %s", field, detail)
		}
		// api_version is another thing in stripe.
		if field, detail := change(bellhop.EndpointChange{Dialect: bellhop.Of("stripe")}); field != "dialect_options" || !strings.Contains(detail, "shopify") {
			t.Errorf("another dialect with the options of the old one: %s %s", field, detail)
		}
		if field, detail := change(bellhop.EndpointChange{Dialect: bellhop.Of("stripe"), DialectOptions: bellhop.Field[map[string]string]{Set: true}}); field+detail != "" {
			t.Errorf("another dialect with its defaults: %s %s", field, detail)
		}
	})
}
