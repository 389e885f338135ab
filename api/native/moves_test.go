package native

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestNoListMissesARow follows every list that has pages, by two, while what is in it
// changes between two pages: what was there before and after is listed, and once.
func TestNoListMissesARow(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme").ID.String()
	for i := range 7 {
		s.publish("acme")
		s.endpoint("acme")
		for path, body := range map[string]string{
			"PUT /v1/apps/app-%d": `{}`, "PUT /v1/event-types/type.t%d": `{}`,
			"POST /v1/keys": `{"role":"viewer","name":"k"}`, "POST /v1/portal-links": `{"app":"acme","role":"viewer"}`,
		} {
			method, path, _ := strings.Cut(path, " ")
			if strings.Contains(path, "%d") {
				path = fmt.Sprintf(path, 2*i)
			}
			if r := s.do(s.admin, method, path, body); r.status/100 != 2 {
				t.Fatalf("%s %s: %s", method, path, r.body)
			}
		}
	}
	event := s.publish("acme").Event.String()
	n := 0
	moves := map[string]string{
		"PATCH /v1/endpoints/" + e:             `{"name":"renamed %d"}`,
		"POST /v1/endpoints/" + e + "/pause":   ``,
		"POST /v1/endpoints/" + e + "/resume":  ``,
		"POST /v1/events/" + event + "/resend": `{"endpoint":"` + e + `"}`,
		"PATCH /v1/endpoints/" + e + "?":       `{"ordering":"subject"}`,
		"PUT /v1/apps/app-%d":                  `{"name":"renamed %d"}`,
		"PUT /v1/event-types/type.t%d":         `{"description":"changed %d"}`,
		"POST /v1/keys":                        `{"role":"viewer","name":"new %d"}`,
		"POST /v1/portal-links":                `{"app":"acme","role":"viewer"}`,
		"POST /v1/endpoints":                   `{"apps":["acme"],"url":"https://new.example/%d"}`,
		"POST /v1/events":                      `{"app":"acme","type":"a.b","data":%d}`,
	}
	names := slices.Sorted(maps.Keys(moves))
	move := func() {
		n++
		at := names[n%len(names)]
		method, path, _ := strings.Cut(at, " ")
		body := moves[at]
		if strings.Contains(path, "%d") {
			path = fmt.Sprintf(path, n%13)
		}
		if strings.Contains(body, "%d") {
			body = fmt.Sprintf(body, n)
		}
		if r := s.do(s.admin, method, strings.TrimSuffix(path, "?"), body); r.status/100 != 2 {
			t.Fatalf("%s: %s", at, r.body)
		}
	}
	list := func(path, cursor string, limit int) (keys []string, next string) {
		var page struct {
			Data []map[string]any `json:"data"`
			Next string           `json:"next_cursor"`
		}
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		s.do(s.admin, "GET", fmt.Sprintf("%s%slimit=%d&cursor=%s", path, sep, limit, cursor), "").into(t, &page)
		for _, row := range page.Data {
			key := row["id"]
			for _, name := range []string{"name", "endpoint"} {
				if key == nil {
					key = row[name]
				}
			}
			b, _ := json.Marshal(key)
			keys = append(keys, string(b))
		}
		return keys, page.Next
	}
	for _, path := range []string{
		"/v1/events", "/v1/events?app=acme", "/v1/events?type=invoice.*", "/v1/deliveries", "/v1/deliveries?app=acme", "/v1/deliveries?endpoint=" + e,
		"/v1/attempts", "/v1/attempts?endpoint=" + e, "/v1/apps", "/v1/event-types", "/v1/endpoints", "/v1/endpoints?app=acme",
		"/v1/keys", "/v1/keys?kind=portal", "/v1/audit", "/v1/audit?app=acme", "/v1/events/" + event + "/explain", "/v1/events/" + event + "/deliveries",
	} {
		before, _ := list(path, "", 250)
		var got []string
		for cursor := ""; ; {
			page, next := list(path, cursor, 2)
			got = append(got, page...)
			if cursor = next; cursor == "" || len(got) > 500 {
				break
			}
			move()
		}
		after, _ := list(path, "", 250)
		for _, row := range before {
			if slices.Contains(after, row) && !slices.Contains(got, row) {
				t.Errorf("%s misses %s", path, row)
			}
		}
		if once := slices.Compact(slices.Sorted(slices.Values(got))); len(once) != len(got) {
			t.Errorf("%s lists rows twice: %d of %d", path, len(got)-len(once), len(got))
		}
		if len(before) < 3 && !strings.Contains(path, "/deliveries") {
			t.Errorf("%s has %d rows: too few to go through in pages", path, len(before))
		}
	}
}
