package desk_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/send/smtp"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/recipe"
)

// follows makes the settings of an endpoint that follows a recipe.
func follows(name, url string, fields map[string]string, auth *bellhop.AuthChange) bellhop.EndpointChange {
	c := bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), Recipe: bellhop.Of(name)}
	if url != "" {
		c.URL = bellhop.Of(url)
	}
	if fields != nil {
		c.RecipeFields = bellhop.Of(fields)
	}
	if auth != nil {
		c.Auth = bellhop.Of(auth)
	}
	return c
}

var mailchimpFields = map[string]string{"server": "us21", "list": "a1b2c3d4e5"}

func TestRecipesAreChecked(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		basic := &bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBasic, Username: "u"}, Password: "p"}
		bearer := &bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBearer}, Token: "t"}
		ofHeader := &bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthHeader, Name: "X-Key"}, Value: "v"}
		key := func() *bellhop.AuthChange { return &bellhop.AuthChange{Password: "key-us21"} }
		for _, c := range []struct {
			change bellhop.EndpointChange
			want   []string // field, code and a part of the detail
		}{
			{follows("slak", "https://hooks.slack.com/x", nil, nil), []string{"recipe unknown_recipe did you mean \"slack\"?"}},
			{follows("slack", "", nil, nil), []string{"url required"}},
			{follows("slack", "https://evil.example/x", nil, nil), []string{"url recipe_host hooks.slack.com"}},
			{follows("slack", "https://hooks.slack.com.evil.example/x", nil, nil), []string{"url recipe_host hooks.slack.com"}},
			{follows("slack", "https://hooks.slack.com/x", map[string]string{"channel": "#a"}, nil), []string{"recipe_fields.channel unknown has the fields text"}},
			{follows("slack", "https://hooks.slack.com/x", map[string]string{"text": "${data.x"}, nil), []string{"recipe_fields.text value without }"}},
			{follows("teams", "https://x.logic.azure.com/x", map[string]string{"timezone": "Nowhere"}, nil), []string{"recipe_fields.timezone value no time zone"}},
			{follows("mailchimp-member", "", map[string]string{"list": "a1b2c3d4e5"}, key()), []string{"recipe_fields.server required behind the hyphen", "url required"}},
			{follows("mailchimp-member", "", map[string]string{"server": "us21.evil.example/", "list": "a1b2c3d4e5"}, key()), []string{"recipe_fields.server value not of the form", "url required"}},
			{follows("mailchimp-member", "", mailchimpFields, nil), []string{"auth.password required API keys"}},
			{follows("mailchimp-member", "https://us21.api.mailchimp.com/3.0?x=1", mailchimpFields, key()), []string{"url recipe_url has a query"}},
			{follows("hubspot-contact", "", nil, &bellhop.AuthChange{}), []string{"auth.token required Private Apps"}},
			{follows("hubspot-contact", "", nil, basic), []string{"auth.type recipe \"bearer\""}},
			{follows("mailchimp-member", "", mailchimpFields, bearer), []string{"auth.type recipe \"basic\""}},
			{follows("kisi-group-link", "", map[string]string{"group": "1"}, ofHeader), []string{"auth.name recipe \"Authorization\""}},
			{follows("email", "https://mail.example.com", map[string]string{"from": "a@example.com"}, nil), []string{"url recipe_url mail server"}},
			{follows("email", "smtp://mail.example.com", map[string]string{"from": "a@example.com, b@example.com"}, nil), []string{"recipe_fields.from value one address"}},
			{follows("email", "smtp://mail.example.com", map[string]string{"from": "a@example.com", "html": `<a onclick="${id}">`}, nil), []string{"recipe_fields.html value no value is safe"}},
			{follows("", "https://a.example", map[string]string{"x": "y"}, nil), []string{"recipe_fields without give recipe as well"}},
		} {
			_, _, err := h.CreateEndpoint(t.Context(), owner, c.change)
			var got []string
			if e, ok := errors.AsType[*bellhop.Error](err); ok {
				for _, f := range e.Fields {
					got = append(got, f.Field+" "+f.Code+" "+f.Detail)
				}
			}
			if len(got) < len(c.want) {
				t.Errorf("%s %v: %v, want %v", c.change.Recipe.Value, c.change.RecipeFields.Value, err, c.want)
				continue
			}
			for _, want := range c.want {
				parts := strings.SplitN(want, " ", 3)
				if !slices.ContainsFunc(got, func(g string) bool {
					return strings.HasPrefix(g, parts[0]+" "+parts[1]+" ") && (len(parts) < 3 || strings.Contains(g, parts[2]))
				}) {
					t.Errorf("%s: got %q, want %q", c.change.Recipe.Value, got, want)
				}
			}
		}
	})
}

func TestARecipeKnowsTheRest(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e, _, err := h.CreateEndpoint(t.Context(), owner, follows("mailchimp-member", "", mailchimpFields, &bellhop.AuthChange{Password: "key-us21"}))
		if err != nil {
			t.Fatal(err)
		}
		if e.URL != "https://us21.api.mailchimp.com/3.0" || e.Auth.Type != bellhop.AuthBasic || e.Auth.Username != "bellhop" ||
			e.RateLimit == nil || e.RateLimit.PerSecond != 10 || e.Concurrency != 8 {
			t.Errorf("%+v, auth %+v, limit %+v", e, e.Auth, e.RateLimit)
		}
		// Another server prefix is another address; a chosen address stays.
		again := bellhop.Of(&bellhop.AuthChange{Password: "key-us21"}) // a key is not sent elsewhere unasked
		e = h.set(e.ID, bellhop.EndpointChange{RecipeFields: bellhop.Of(map[string]string{"server": "us7", "list": "a1b2c3d4e5"}), Auth: again})
		if e.URL != "https://us7.api.mailchimp.com/3.0" {
			t.Errorf("url %s", e.URL)
		}
		e = h.set(e.ID, bellhop.EndpointChange{URL: bellhop.Of("https://us8.api.mailchimp.com/3.0"), Concurrency: bellhop.Of(2), Auth: again})
		e = h.set(e.ID, bellhop.EndpointChange{RecipeFields: bellhop.Of(mailchimpFields)})
		if e.URL != "https://us8.api.mailchimp.com/3.0" || e.Concurrency != 2 {
			t.Errorf("url %s, concurrency %d", e.URL, e.Concurrency)
		}
		// What was chosen is not the recipe's to change, and what is skipped is settled.
		h.publish(`{"customer_email":"zoe@example.com","subscribe_to_venue":false}`, ofType("invoice.purchase"))
		h.publish(`{"customer_email":"zoe@example.com","subscribe_to_venue":true}`, ofType("invoice.purchase"))
		wait(time.Second)
		if got := h.net.at("us8.api.mailchimp.com"); len(got) != 1 || got[0].header.Get("Authorization") == "" {
			t.Errorf("sent %+v", got)
		}
		// Without a recipe it is an endpoint like others.
		e = h.set(e.ID, bellhop.EndpointChange{Recipe: bellhop.Of(""), Auth: bellhop.Of[*bellhop.AuthChange](nil)})
		if e.Recipe != "" || len(e.RecipeFields) != 0 || e.URL == "" {
			t.Errorf("%+v", e)
		}
	})
}

// TestTheEventsThatARecipeFits are those of its endpoints, unless others are chosen.
func TestTheEventsThatARecipeFits(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		key := &bellhop.AuthChange{Password: "key-us21"}
		create := func(events bellhop.Field[[]string]) bellhop.Endpoint {
			t.Helper()
			c := follows("mailchimp-member", "", mailchimpFields, key)
			c.Events = events
			e, _, err := h.CreateEndpoint(t.Context(), owner, c)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		is := func(what string, e bellhop.Endpoint, want ...string) {
			t.Helper()
			if !slices.Equal(e.Events, want) {
				t.Errorf("%s: events %q, want %q", what, e.Events, want)
			}
		}
		usual := create(bellhop.Field[[]string]{})
		is("not given", usual, "invoice.purchase")
		is("null", create(bellhop.Of[[]string](nil)), "invoice.purchase")
		is("all", create(bellhop.Of([]string{})))
		own := create(bellhop.Of([]string{"sale.made"}))
		is("given", own, "sale.made")

		to := func(e bellhop.Endpoint, name string) bellhop.Endpoint {
			c := bellhop.EndpointChange{Recipe: bellhop.Of(name), Auth: bellhop.Of[*bellhop.AuthChange](nil)}
			if name == "hubspot-contact" {
				c.Auth, c.URL = bellhop.Of(&bellhop.AuthChange{Token: "t"}), bellhop.Of("https://api.hubapi.com")
			}
			return h.set(e.ID, c)
		}
		is("another recipe", to(usual, "hubspot-contact"), "invoice.*", "ticket.created")
		is("another recipe where others were chosen", to(own, "hubspot-contact"), "sale.made")
		is("no recipe", to(usual, ""), "invoice.*", "ticket.created")
		is("a recipe where none were chosen", to(h.endpoint("plain.example"), "hubspot-contact"), "invoice.*", "ticket.created")

		v, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: follows("quickbooks-refund-receipt", "", map[string]string{"company": "12345", "item": "1", "account": "2"}, nil)})
		if err != nil || !strings.Contains(string(v.Body), "(invoice.refund, ") {
			t.Errorf("the preview of a refund: %s, %v", v.Body, err)
		}
	})
}

// TestMailAndHTTPAreNotMixed, whichever is there first.
func TestMailAndHTTPAreNotMixed(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.Mailer = smtp.Mailer{} })
		mail := func(change ...func(*bellhop.EndpointChange)) bellhop.EndpointChange {
			c := follows("email", "smtps://mail.example.com", map[string]string{"from": "a@example.com"}, nil)
			for _, f := range change {
				f(&c)
			}
			return c
		}
		posts := h.endpoint("posts.example")
		mails, _, err := h.CreateEndpoint(t.Context(), owner, mail())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			of     *bellhop.Endpoint // nil to make one
			change bellhop.EndpointChange
			field  string
		}{
			{nil, mail(func(c *bellhop.EndpointChange) {
				c.Recipe, c.RecipeFields = bellhop.Field[string]{}, bellhop.Field[map[string]string]{}
			}), "recipe"},
			{nil, mail(func(c *bellhop.EndpointChange) { c.URL = bellhop.Of("https://mail.example.com") }), "url"},
			{nil, mail(func(c *bellhop.EndpointChange) { c.Capture = bellhop.Of(map[string]string{"id": "/id"}) }), "capture"},
			{nil, mail(func(c *bellhop.EndpointChange) { c.Headers = bellhop.Of(map[string]string{"X-A": "b"}) }), "headers"},
			{nil, mail(func(c *bellhop.EndpointChange) {
				c.Auth = bellhop.Of(&bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBearer}, Token: "t"})
			}), "auth.type"},
			{nil, hook("a.example", func(c *bellhop.EndpointChange) {
				c.URL, c.TLS = bellhop.Of("http://a.example"), bellhop.Of(&bellhop.ClientTLSChange{ClientTLS: bellhop.ClientTLS{CA: "x"}})
			}), "tls"},
			{&posts, bellhop.EndpointChange{Recipe: bellhop.Of("email"), RecipeFields: bellhop.Of(map[string]string{"from": "a@example.com"})}, "url"},
			{&posts, bellhop.EndpointChange{Recipe: bellhop.Of("slack")}, "url"},
			{&posts, bellhop.EndpointChange{URL: bellhop.Of("smtps://mail.example.com")}, "recipe"},
			{&mails, bellhop.EndpointChange{Recipe: bellhop.Of("slack")}, "url"},
			{&mails, bellhop.EndpointChange{Recipe: bellhop.Of("")}, "recipe"},
			{&mails, bellhop.EndpointChange{Capture: bellhop.Of(map[string]string{"id": "/id"})}, "capture"},
			{&mails, bellhop.EndpointChange{Recipe: bellhop.Of(""), Transform: bellhop.Of(&bellhop.Transform{Code: "function transform(event) { return {} }"})}, "transform"},
		} {
			var err error
			if c.of == nil {
				_, _, err = h.CreateEndpoint(t.Context(), owner, c.change)
			} else {
				_, err = h.UpdateEndpoint(t.Context(), owner, c.of.ID, c.change)
			}
			e, ok := errors.AsType[*bellhop.Error](err)
			if !ok || !slices.ContainsFunc(e.Fields, func(f bellhop.FieldError) bool { return f.Field == c.field }) {
				t.Errorf("%+v: %v, want an error of %s", c.change, err, c.field)
			}
		}
	})
}

// TestAnEventThatARecipeCannotExpressIsHeld until the recipe's fields are changed.
func TestAnEventThatARecipeCannotExpressIsHeld(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		h.net.on("hooks.slack.com", func(received) answer { return answer{status: 200, body: "ok"} })
		e, _, err := h.CreateEndpoint(t.Context(), owner, follows("slack", "https://hooks.slack.com/x", map[string]string{"text": "Hello ${data.name}"}, nil))
		if err != nil {
			t.Fatal(err)
		}
		h.publish(`{"title":"x"}`)
		wait(8 * 24 * time.Hour)
		if got := h.net.at("hooks.slack.com"); len(got) != 0 {
			t.Fatalf("sent %+v", got)
		}
		a := h.attempts(bellhop.AttemptFilter{Endpoint: e.ID})
		if len(a) != 1 || a[0].Reason != bellhop.ReasonRecipe || !strings.Contains(a[0].Detail, "data.name, which is not there") {
			t.Fatalf("attempts %+v", a)
		}
		h.set(e.ID, bellhop.EndpointChange{RecipeFields: bellhop.Of(map[string]string{"text": "Hello ${data.title}"})})
		wait(time.Minute)
		if got := h.net.at("hooks.slack.com"); len(got) != 1 || got[0].body != `{"text":"Hello x"}` {
			t.Errorf("sent %+v", got)
		}
	})
}

func TestARecipeIsPreviewed(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		for _, def := range recipe.Builtin() {
			if def.Name == "email" {
				continue // it is previewed as a mail
			}
			fields := def.Sample.Fields
			v, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: follows(def.Name, "", fields, nil)})
			if err != nil {
				t.Errorf("%s: %v", def.Name, err)
				continue
			}
			shown := http.Header{}
			for _, f := range v.Header {
				shown.Add(f.Name, f.Value)
			}
			if len(v.Body) == 0 || v.URL == "" || shown.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %+v", def.Name, v)
			}
			if def.Auth != nil && !def.Auth.Optional && shown.Get("Authorization") != bellhop.Hidden {
				t.Errorf("%s: it does not show where the credentials go: %v", def.Name, shown)
			}
			if signed := shown.Get("webhook-signature") != ""; signed != def.Signed {
				t.Errorf("%s: signed %v", def.Name, signed)
			}
		}
		_, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: follows("mailchimp-member", "", map[string]string{"server": "us21"}, nil)})
		code(t, "a preview without a field", err, bellhop.CodeInvalid)
		_, err = h.Preview(t.Context(), owner, desk.PreviewRequest{
			Endpoint: follows("mailchimp-member", "", mailchimpFields, nil), Data: bellhop.JSON(`{"subscribe_to_venue":true}`),
		})
		code(t, "a preview of what cannot be made", err, bellhop.CodeInvalid, "data")
	})
}

// TestARecipeThatIsGone holds what it should have made.
func TestARecipeThatIsGone(t *testing.T) {
	simulate(t, func(t *testing.T) {
		own := recipe.Definition{
			Name: "mine", Title: "Mine", Body: `{"id":${id}}`, Sample: recipe.Sample{Type: "a.b", Data: `{}`},
		}
		h := open(t, func(c *engine.Config) { c.Recipes = []recipe.Definition{own} })
		e, _, err := h.CreateEndpoint(t.Context(), owner, follows("mine", "https://mine.example/", nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		h.stop()
		h.config.Recipes = nil
		h.start()
		h.publish(`{}`)
		wait(time.Hour)
		if why := h.e.Routes().Routes().Endpoint(e.ID).Broken(); !strings.Contains(why, `recipe "mine" is not configured`) {
			t.Errorf("broken: %s", why)
		}
		if got := h.net.at("mine.example"); len(got) != 0 {
			t.Errorf("sent %+v", got)
		}
		h.stop()
		h.config.Recipes = []recipe.Definition{own}
		h.start()
		wait(time.Minute)
		if got := h.net.at("mine.example"); len(got) != 1 {
			t.Errorf("sent %+v", got)
		}
	})
}

// TestRecipesAreTestedWithTheirSample, and their URL is not called uninvited.
func TestRecipesAreTestedWithTheirSample(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("hooks.slack.com", func(received) answer { return answer{status: 200, body: "ok"} })
		c := follows("slack", "https://hooks.slack.com/x", nil, nil)
		c.Dialect = bellhop.Of("allthings") // which calls an endpoint's URL before it is saved
		e, _, err := h.CreateEndpoint(t.Context(), owner, c)
		if err != nil || len(h.net.at("hooks.slack.com")) != 0 {
			t.Fatalf("%v, %d requests", err, len(h.net.at("hooks.slack.com")))
		}
		a, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil)
		if a.Type != "ticket.created" {
			t.Errorf("the test's type is %s", a.Type)
		}
		got := h.net.at("hooks.slack.com")
		if err != nil || a.Status != bellhop.AttemptSucceeded || len(got) != 1 || !strings.Contains(got[0].body, "Seit gestern Abend") {
			t.Errorf("%+v, %v: %+v", a, err, got)
		}
	})
}

// TestAnOwnersTemplateIsBounded: whoever may edit an endpoint may write templates, and
// must not be able to use up the server with one.
func TestAnOwnersTemplateIsBounded(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		data := bellhop.JSON(`{"r":[` + strings.Repeat("1,", 5000) + `1],"s":"` + strings.Repeat("a", 200_000) + `","q":"` + strings.Repeat(`\"`, 500) + `"}`)
		for text, want := range map[string]string{
			"${data" + strings.Repeat(" | json", 24) + " | sha256}":            "16 filters",
			"${data" + strings.Repeat(" | json", 15) + " | sha256}":            "more than 1 MiB",
			"${each data.r as x}${data.s | upper | cut:1}${/}":                 "too many values",
			"${each data.r as x}${data | json | sha256 | cut:1}${/}":           "too many values",
			"${each data.r as x}${each data.r as y}${/}${/}":                   "too many values",
			`${each data.r as x join "` + strings.Repeat("z", 9000) + `"}${/}`: "more than 1 MiB",
		} {
			_, err := h.Preview(t.Context(), owner, desk.PreviewRequest{
				Endpoint: follows("slack", "", map[string]string{"text": text}, nil), Data: data,
			})
			if e, ok := errors.AsType[*bellhop.Error](err); !ok || len(e.Fields) != 1 || !strings.Contains(e.Fields[0].Detail, want) {
				t.Errorf("%.60s: %v", text, err)
			}
		}
	})
}
