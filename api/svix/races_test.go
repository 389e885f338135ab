package svix

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/memstore"
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

// places are where two clients may be at once: at one process, on a disk or in memory, and at
// two nodes of one database.
func places(t *testing.T, test func(t *testing.T, at []*site)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, []*site{open(t)}) })
	t.Run("memory", func(t *testing.T) {
		s := &site{t: t, net: &receiver{}, memory: memstore.New()}
		s.start()
		t.Cleanup(s.end)
		s.admin = s.key(bellhop.RoleAdmin)
		test(t, []*site{s})
	})
	t.Run("two nodes", func(t *testing.T) {
		a, b := pair(t)
		test(t, []*site{a, b})
	})
}

// asked is a request, and how it was answered.
type asked struct {
	method, path, body string
	reply
}

func (a *asked) String() string {
	return a.method + " " + a.path + " " + a.body + ": " + a.reply.String()
}

// atOnce makes requests at once, in turn at each of the sites.
func atOnce(at []*site, requests []asked) {
	var wg sync.WaitGroup
	for i := range requests {
		r, s := &requests[i], at[i%len(at)]
		wg.Go(func() { r.reply = s.ask(s.admin, r.method, r.path, r.body) })
	}
	wg.Wait()
}

// TestNoChangeIsLost: of changes of one object that are made at once and acknowledged, each is
// there afterwards.
func TestNoChangeIsLost(t *testing.T) {
	const many = 16
	places(t, func(t *testing.T, at []*site) {
		s, last := at[0], at[len(at)-1]
		// everywhere waits until what was made is known at each node.
		everywhere := func(path string) {
			t.Helper()
			last.eventually(path+" is known", func() bool { return last.ask(last.admin, "GET", path, "").status == 200 })
		}
		// acknowledged makes requests that all are taken.
		acknowledged := func(list []asked) {
			t.Helper()
			atOnce(at, list)
			for i := range list {
				if list[i].status/100 != 2 {
					t.Error(&list[i])
				}
			}
		}
		changes := func(method, path string, bodies ...string) {
			t.Helper()
			var list []asked
			for _, body := range bodies {
				list = append(list, asked{method: method, path: path, body: body})
			}
			acknowledged(list)
		}
		// shows holds what an object shows, at each node, against values by their paths.
		shows := func(path string, want map[string]any) {
			t.Helper()
			for _, s := range at {
				s.eventually(fmt.Sprintf("%s shows %v", path, want), func() bool {
					r := s.do(200, "GET", path, "")
					for at, value := range want {
						if !reflect.DeepEqual(r.has(at), value) {
							return false
						}
					}
					return true
				})
			}
		}
		app := s.app("")
		id := s.endpoint(app, `,"headers":{"Authorization":"Bearer x"}`)
		door := "/app/" + app + "/endpoint/" + id
		everywhere(door)
		bodies, want := []string{`{"headers":{"authorization":null}}`}, map[string]any{"sensitive": []any{}}
		for i := range many {
			bodies = append(bodies, fmt.Sprintf(`{"headers":{"R%d":"%d"}}`, i, i))
			want[fmt.Sprintf("headers.R%d", i)] = strconv.Itoa(i)
		}
		changes("PATCH", door+"/headers", bodies...)
		shows(door+"/headers", want)

		bodies, want = nil, map[string]any{"sensitive": []any{}}
		for i := range many {
			bodies = append(bodies, fmt.Sprintf(`{"headers":{"N%d":"%d"},"deleteHeaders":["r%d"]}`, i, i, i))
			want[fmt.Sprintf("headers.N%d", i)], want[fmt.Sprintf("headers.R%d", i)] = strconv.Itoa(i), nil
		}
		changes("PATCH", door+"/headers", bodies...)
		shows(door+"/headers", want)

		for i := range many {
			on := i%2 == 0
			s.do(204, "PATCH", door+"/transformation", fmt.Sprintf(`{"code":"function handler(w) { return w } // old %d","enabled":%v}`, i, !on))
			code := fmt.Sprintf("function handler(w) { return w } // %d", i)
			changes("PATCH", door+"/transformation", `{"code":"`+code+`"}`, fmt.Sprintf(`{"enabled":%v}`, on))
			shows(door+"/transformation", map[string]any{"code": code, "enabled": on})
		}

		changes("PATCH", door, `{"url":"https://example.com/new"}`, `{"description":"new"}`, `{"uid":"new"}`, `{"disabled":true}`, `{"channels":["c"]}`,
			`{"rateLimit":7}`, `{"metadata":{"a":"b"}}`)
		shows(door, map[string]any{
			"url": "https://example.com/new", "description": "new", "uid": "new", "disabled": true, "channels": []any{"c"}, "rateLimit": 7.0, "metadata.a": "b",
		})

		// What another node has not seen yet is no reason to leave a change out.
		for range many {
			for i, s := range at {
				s.do(200, "PATCH", door, fmt.Sprintf(`{"disabled":%v}`, i%2 == 0))
			}
			want := len(at)%2 == 1
			if r := last.do(200, "GET", door, ""); r.has("disabled") != want {
				t.Fatalf("%s, want disabled %v", r, want)
			}
		}

		bodies = nil
		for i := range 9 {
			bodies = append(bodies, fmt.Sprintf(`{"key":"%s"}`, secretNumber(i)))
		}
		changes("POST", door+"/secret/rotate", bodies...)
		e, err := s.desk.PlainEndpoint(t.Context(), bellhop.Owner(), app, id)
		if err != nil {
			t.Fatal(err)
		}
		s.eventually("all secrets are there", func() bool {
			values, err := s.desk.Secrets(t.Context(), bellhop.Owner(), e.ID)
			return err == nil && len(values) == 1+len(bodies)
		})

		changes("PATCH", "/app/"+app, `{"name":"new"}`, `{"uid":"of-new"}`, `{"rateLimit":9}`, `{"metadata":{"c":"d"}}`)
		shows("/app/"+app, map[string]any{"name": "new", "uid": "of-new", "rateLimit": 9.0, "metadata.c": "d"})

		for i := range many {
			kind := fmt.Sprintf("/event-type/t.n%d", i)
			s.do(201, "POST", "/event-type", fmt.Sprintf(`{"name":"t.n%d","description":"old"}`, i))
			everywhere(kind)
			list := []asked{
				{method: "PATCH", path: kind, body: `{"description":"new"}`},
				{method: "PATCH", path: kind, body: `{"deprecated":true}`},
				{method: "PATCH", path: kind, body: `{"groupName":"g"}`},
				{method: "PATCH", path: kind, body: `{"featureFlags":["f"]}`},
				{method: "PATCH", path: kind, body: `{"schemas":{"2":{"type":"object"}}}`},
				{method: "PATCH", path: kind, body: `{"archived":true}`},
			}
			if i%2 == 0 {
				list[5] = asked{method: "DELETE", path: kind}
			}
			acknowledged(list)
			shows(kind, map[string]any{
				"description": "new", "deprecated": true, "groupName": "g", "featureFlags": []any{"f"}, "archived": true, "schemas.2.type": "object",
			})
		}
	})
}

// secretNumber is one of many secrets.
func secretNumber(i int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(i + 1)}, 24))
}

// TestUpsertBesideDelete: who puts an object finds it or makes it, whoever deletes it meanwhile.
func TestUpsertBesideDelete(t *testing.T) {
	places(t, func(t *testing.T, at []*site) {
		s := at[0]
		home := s.app("")
		for _, x := range []struct {
			method, path, body string
			object             string
		}{
			{"PUT", "/app/" + home + "/endpoint/mine", `{"url":"https://example.com/"}`, "/app/" + home + "/endpoint/mine"},
			{"PUT", "/app/mine", `{"name":"mine"}`, "/app/mine"},
			{"POST", "/app?get_if_exists=true", `{"name":"gotten","uid":"gotten"}`, "/app/gotten"},
			{"PUT", "/event-type/mine", `{"description":"mine"}`, "/event-type/mine?expunge=true"},
		} {
			there := 0
			for range 6 {
				var list []asked
				for i := range 16 {
					if i%5 == 2 {
						list = append(list, asked{method: "DELETE", path: x.object})
					} else {
						list = append(list, asked{method: x.method, path: x.path, body: x.body})
					}
				}
				atOnce(at, list)
				for i := range list {
					switch r := &list[i]; {
					case r.status == 201:
						there++
					case r.method == "DELETE" && r.status == 204:
						there--
					case r.method == "DELETE" && r.status == 404:
					case r.status != 200:
						t.Error(r)
					}
				}
				// Each that was made is there, unless it was deleted.
				if there != 0 && there != 1 {
					for i := range list {
						t.Log(&list[i])
					}
					t.Fatalf("%s %s: %d are there", x.method, x.path, there)
				}
				for _, s := range at {
					s.eventually("the node has seen it", func() bool {
						r := s.ask(s.admin, "GET", strings.TrimSuffix(x.object, "?expunge=true"), "")
						return r.status == map[int]int{0: 404, 1: 200}[there]
					})
				}
			}
		}
	})
}
