package svix

import (
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestWhoComesSecond: of those who make the same at once, one makes it, and the others
// get what that one made.
func TestWhoComesSecond(t *testing.T) {
	s := open(t)
	home := s.app("")
	for _, x := range []struct {
		method, path, body string // # is the round
		first, others      int
	}{
		{"POST", "/app/first-#/msg", `{"eventType":"a.b","payload":{},"application":{"name":"x","uid":"first-#"}}`, 202, 202},
		{"POST", "/auth/app-portal-access/portal-#", `{"application":{"name":"x","uid":"portal-#"}}`, 200, 200},
		{"POST", "/app?get_if_exists=true", `{"name":"x","uid":"gotten-#"}`, 201, 200},
		{"PUT", "/app/put-#", `{"name":"x"}`, 201, 200},
		{"PUT", "/app/named-#", `{"name":"x","uid":"named-#"}`, 201, 200},
		{"PUT", "/app/" + home + "/endpoint/put-#", `{"url":"https://example.com/#"}`, 201, 200},
	} {
		for round := range 5 {
			in := strings.NewReplacer("#", strconv.Itoa(round))
			path, body := in.Replace(x.path), in.Replace(x.body)
			got := make([]reply, 6)
			var wg sync.WaitGroup
			for i := range got {
				wg.Go(func() { got[i] = s.ask(s.admin, x.method, path, body) })
			}
			wg.Wait()
			firsts := 0
			for _, r := range got {
				if r.status == x.first {
					firsts++
				} else if r.status != x.others {
					t.Errorf("%s %s: %s", x.method, path, r)
				}
			}
			if x.first != x.others && firsts != 1 {
				t.Errorf("%s %s: %d have made it", x.method, path, firsts)
			}
		}
	}
	// A uid that is another's is still refused.
	s.do(409, "PUT", "/app/nobody", `{"name":"x","uid":"put-0"}`)
	s.do(409, "PUT", "/app/"+home+"/endpoint/nobody", `{"url":"https://example.com/","uid":"put-0"}`)
	if n := len(s.walkBoth("/app", 50)); n != 1+5*5 {
		t.Errorf("there are %d apps", n)
	}
}
