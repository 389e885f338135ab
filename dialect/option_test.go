package dialect

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	stripe, shopify := lookup(t, "stripe"), lookup(t, "shopify")
	secret, _ := secretsOf(stripe)
	for _, test := range []struct {
		name    string
		d       *Dialect
		options map[string]string
		want    []string // of the body, or of a header's line
	}{
		{"default", stripe, nil, []string{`"api_version":"2025-08-27.basil"`}},
		{"empty is default", stripe, map[string]string{"api_version": ""}, []string{`"api_version":"2025-08-27.basil"`}},
		{"chosen", stripe, map[string]string{"api_version": "2026-01-01.x"}, []string{`"api_version":"2026-01-01.x"`}},
		{"escaped in JSON", stripe, map[string]string{"api_version": `","x":"`}, []string{`"api_version":"\",\"x\":\""`}},
		{"a default made of the event", shopify, nil, []string{"X-Shopify-Shop-Domain: acme.myshopify.com\n", "X-Shopify-API-Version: 2025-10\n"}},
		{"one of two chosen", shopify, map[string]string{"shop_domain": "boots.example"}, []string{"X-Shopify-Shop-Domain: boots.example\n", "X-Shopify-API-Version: 2025-10\n"}},
		{"escaped in a header", shopify, map[string]string{"shop_domain": "a\r\nX: ü"}, []string{"X-Shopify-Shop-Domain: a%0D%0AX: %C3%BC\n"}},
		{"slashes", shopify, nil, []string{"X-Shopify-Topic: invoice/purchase\n"}},
	} {
		m := sample()
		m.Options = test.options
		req := render(t, test.d, m, secret)
		text := string(req.Body)
		for _, h := range req.Headers {
			text += "\n" + h.Name + ": " + h.Value + "\n"
		}
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", test.name, want, text)
			}
		}
		if err := test.d.Verify(req.received(), []string{secret}, at, 0); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestCheckOptions(t *testing.T) {
	shopify, standard := lookup(t, "shopify"), lookup(t, "standard")
	if wrong := shopify.CheckOptions(map[string]string{"shop_domain": "a.example", "api_version": "2026-04"}); wrong != nil {
		t.Errorf("right ones: %v", wrong)
	}
	wrong := shopify.CheckOptions(map[string]string{"shop": "x", "shop_domain": "a\nb", "api_version": strings.Repeat("x", 257)})
	if got := slices.Sorted(maps.Keys(wrong)); !slices.Equal(got, []string{"api_version", "shop", "shop_domain"}) || !strings.Contains(wrong["shop"], "shop_domain, api_version") {
		t.Errorf("wrong ones: %v", wrong)
	}
	if wrong := standard.CheckOptions(map[string]string{"x": "y"}); !strings.Contains(wrong["x"], "standard has no options") {
		t.Errorf("of a dialect without: %v", wrong)
	}
	endpoint, app := map[string]string{"a": "1"}, map[string]string{"a": "2", "b": "3"}
	if got := MergeOptions(endpoint, app); !maps.Equal(got, map[string]string{"a": "1", "b": "3"}) || app["a"] != "2" {
		t.Errorf("merged: %v; the app's: %v", got, app)
	}
}
