package native

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// TestLogsByLabel: deliveries and attempts are found, exported and followed by the channel
// and the tag of their events.
func TestLogsByLabel(t *testing.T) {
	s := open(t)
	s.endpoint("acme")
	viewer := s.key(bellhop.RoleViewer, "acme")
	ctx := t.Context()
	resp, lines := s.follow(ctx, viewer, "?channel=red&tag=vip")
	defer resp.Body.Close() //nolint:errcheck // a test
	var red []string
	for i := range 12 {
		r := s.do(s.admin, "POST", "/v1/events", fmt.Sprintf(`{"app":"acme","type":"a.b","channels":[%q],"tags":[%q],"data":{}}`,
			[]string{"red", "blue", "red.dark"}[i%3], []string{"vip", "other"}[i%2]))
		var made struct {
			Event bellhop.EventID `json:"id"`
		}
		if err := json.Unmarshal(r.body, &made); err != nil {
			t.Fatal(err)
		}
		s.firstAttempt(made.Event)
		if i%3 == 0 {
			red = append([]string{made.Event.String()}, red...)
		}
	}
	for path, want := range map[string][]string{
		"/v1/deliveries?channel=red":                            red,
		"/v1/attempts?channel=red":                              red,
		"/v1/attempts?channel=red&tag=vip&status=succeeded":     {red[1], red[3]},
		"/v1/deliveries?tag=other&channel=red":                  {red[0], red[2]},
		"/v1/deliveries?channel=reD":                            nil,
		"/v1/attempts?tag=red":                                  nil,
		"/v1/deliveries?channel=red&type=no.*":                  nil,
		"/v1/attempts?channel=red&since=2999-01-01T00:00:00Z":   nil,
		"/v1/deliveries?channel=red&until=2999-01-01T00:00:00Z": red,
	} {
		for _, limit := range []int{1, 2, 50} {
			var got []string
			cursor := ""
			for steps := 0; steps < 20; steps++ {
				r := s.do(viewer, "GET", path+fmt.Sprintf("&limit=%d", limit)+cursor, "")
				var page wire.Page[struct {
					Event string `json:"event"`
				}]
				if err := json.Unmarshal(r.body, &page); err != nil || r.status != 200 || (page.NextCursor == "") != (page.SearchedUntil == nil) {
					t.Fatalf("%s: %d %s", path, r.status, r.body)
				}
				for _, row := range page.Data {
					got = append(got, row.Event)
				}
				if cursor = "&cursor=" + page.NextCursor; page.NextCursor == "" {
					break
				}
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%s, %d a page: %v, want %v", path, limit, got, want)
			}
		}
	}
	for _, of := range []string{"deliveries", "attempts"} {
		r := s.do(viewer, "GET", "/v1/"+of+"/export?format=jsonl&channel=red&tag=vip", "")
		if n := strings.Count(string(r.body), "\n"); r.status != 200 || n != 2 || !strings.Contains(string(r.body), red[1]) {
			t.Errorf("%s exported: %d %s", of, r.status, r.body)
		}
	}
	var seen []string
	for len(seen) < 2 && lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var at wire.Attempt
			if err := json.Unmarshal([]byte(data), &at); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, at.Event.String())
		}
	}
	if strings.Join(seen, " ") != red[3]+" "+red[1] {
		t.Errorf("followed %v", seen)
	}
}
