package convoy

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/foreign"
	"github.com/bellhop/bellhop/manifest"
)

func TestFiltersAreTranslatedOrRefused(t *testing.T) {
	for _, c := range []struct{ filter, want, err string }{
		{`{"a": 1}`, `{"a":[1]}`, ""},
		{`{"a": {"b": "x"}, "c": true, "d": null}`, `{"a":{"b":["x"]},"c":[true],"d":[null]}`, ""},
		{`{"a.b": "x", "a.c": {"$neq": 2.0}}`, `{"a":{"b":["x"],"c":[{"anything-but":2.0}]}}`, ""},
		{`{"a": {"$gte": 10, "$lt": 20.5}}`, `{"a":[{"numeric":[">=",10,"<",20.5]}]}`, ""},
		{`{"a": {"$in": ["x", "y"]}}`, `{"a":["x","y"]}`, ""},
		{`{"a": {"$nin": ["x", "y"]}}`, `{"a":[{"anything-but":["x","y"]}]}`, ""},
		{`{"a": {"$exist": false}}`, `{"a":[{"exists":false}]}`, ""},
		{`{"$or": [{"a": 1}, {"b": {"$eq": 2}}]}`, `{"$or":[{"a":[1]},{"b":[2]}]}`, ""},
		{``, ``, ""},
		{`{"a": {"$regex": "^x"}}`, "", "uses $regex"},
		{`{"$and": [{"a": 1}]}`, "", "uses $and"},
		{`{"a": [1, 2]}`, "", "compares with a list"},
		{`{"a.$.b": 1}`, "", "looks into lists"},
		{`{"a": {"$gt": "x"}}`, "", "compares what is no number"},
		{`{"a": {"$gt": 1, "$neq": 5}}`, "", "several comparisons"},
		{`{"a": {"$neq": 1, "$exist": true}}`, "", "several comparisons"},
		{`{"a": {"$eq": 1, "b": 2}}`, "", "mixes comparisons and fields"},
		{`{"a": 1, "a.b": 2}`, "", "names a field"},
		{`{"a": {}}`, "", "compares with an empty object"},
		{`{"$or": []}`, "", "has an $or without a choice"},
		{`[1]`, "", "is no object"},
	} {
		got, err := translate(bellhop.JSON(c.filter))
		if c.err == "" && (err != nil || string(got) != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %s, %v; wanted %s%s", c.filter, got, err, c.want, c.err)
		}
	}
}

func TestSecretsAreTheNewestFirst(t *testing.T) {
	soon, past := time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "2024-01-01T00:00:00Z"
	lost := 0
	without := func(error) { lost++ }
	list, err := secretsOf(`[{"value":"odd","expires_at":"soon"},{"value":"oldest","expires_at":"`+soon+`"},{"value":"over","expires_at":"`+past+`"},
		{"value":"deleted","expires_at":"`+soon+`","deleted_at":"`+past+`"},{"value":"older","expires_at":"`+soon+`"},{"value":"newest","expires_at":null}]`, without)
	if err != nil || lost != 1 || len(list) != 3 || list[0].Secret != "newest" || list[1].Secret != "older" || list[2].Secret != "oldest" || !list[0].ExpiresAt.IsZero() {
		t.Errorf("%v, %v", list, err)
	}
	for _, text := range []string{`[]`, `{}`, `[{"value":"x","expires_at":"` + past + `"}]`, `[{"value":5},{"value":"x"}]`, `[{"value":"x"},{"value":""}]`} {
		if list, err := secretsOf(text, without); err == nil {
			t.Errorf("%s: %v", text, list)
		}
	}
}

// TestWishes: subscriptions without a filter are one endpoint, every other filter is one apart.
func TestWishes(t *testing.T) {
	total, country := bellhop.JSON(`{"total":1}`), bellhop.JSON(`{"country":"CH"}`)
	r := &reader{projects: map[string]*project{"P": {id: "P"}}, subscriptions: map[string][]subscription{
		"E": {
			{id: "S1", events: []string{"b"}},
			{id: "S2", events: []string{"a", "b"}},
			{id: "S3", events: []string{"c", "d", "e"}, body: total, filters: map[string]bellhop.JSON{"d": country, "e": total}},
		},
		"F": {{id: "S4", events: []string{"*"}}, {id: "S5", events: []string{"x"}}},
		"G": {{id: "S6", events: []string{"*"}, filters: map[string]bellhop.JSON{"*": nil, "x": total}}},
	}}
	r.out = foreign.NewImport("Convoy")
	got := r.wishes(&endpointRow{id: "E", project: "P"})
	if len(got) != 3 || got[0].formerID != "E" || strings.Join(got[0].events, " ") != "a b" || got[1].formerID != "S3" || strings.Join(got[1].events, " ") != "c e" ||
		got[2].formerID != "S3.d" || string(got[2].filter) != `{"country":["CH"]}` {
		t.Errorf("%+v", got)
	}
	if got := r.wishes(&endpointRow{id: "F", project: "P"}); len(got) != 1 || len(got[0].events) > 0 {
		t.Errorf("%+v", got)
	}
	if got := r.wishes(&endpointRow{id: "G", project: "P"}); len(got) > 0 || len(r.out.Lost) != 1 {
		t.Errorf("%+v, %v", got, r.out.Lost)
	}
}

// TestSecretsThatEndSoonerAreReported: nobody finds out by failing signatures; nor of those that
// are more than can be valid.
func TestSecretsThatEndSoonerAreReported(t *testing.T) {
	in := foreign.NewImport("Convoy")
	in.Secrets("EP1", []manifest.Secret{{Secret: "a"}, {Secret: "b", ExpiresAt: time.Now().AddDate(10, 0, 0)}, {Secret: "c", ExpiresAt: time.Now().AddDate(0, 0, 29)}}, nil)
	if len(in.Lost) != 1 || !strings.HasPrefix(in.Lost[0], "endpoint EP1: that an older secret is valid until ") || strings.Contains(in.Lost[0], `"b"`) {
		t.Errorf("%q", in.Lost)
	}
	many := []manifest.Secret{{Secret: "newest"}}
	for i := range 12 {
		many = append(many, manifest.Secret{Secret: string(rune('a' + i)), ExpiresAt: time.Now().Add(time.Duration(i+1) * time.Hour)})
	}
	kept := in.Secrets("EP2", many, nil)
	if len(kept) != 11 || kept[0].Secret != "newest" || kept[1].Secret != "l" || kept[10].Secret != "c" || len(in.Odd) != 2 {
		t.Errorf("%v, %v", kept, in.Odd)
	}
}
