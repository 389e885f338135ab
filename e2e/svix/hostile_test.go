package svix

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// admin is somebody who calls the shared server without an SDK's help.
func admin(t *testing.T) caller {
	return caller{T: t, name: "go", sdk: goSDK{}, server: shared, token: shared.key}
}

// What leads nowhere is answered with JSON, as all else is: clients parse it.
func TestNowhere(t *testing.T) {
	t.Parallel()
	c := admin(t)
	app := c.app()
	for _, r := range []struct {
		method, path string
		status       int
	}{
		{"GET", "", 404},
		{"GET", "/", 404},
		{"GET", "/nothing", 404},
		{"GET", "/app/" + app + "/nothing", 404},
		{"GET", "/app/" + app + "/endpoint/x/y/z", 404},
		{"GET", "/app//endpoint", 404},
		{"GET", "/app/" + app + "%2Fendpoint", 404},
		{"GET", "/app/%00", 404},
		{"GET", "/app/%ff", 404},
		{"GET", "/app/" + strings.Repeat("a", 5000), 404},
		{"POST", "/app/" + app, 405},
		{"DELETE", "/app", 405},
		{"PUT", "/app/" + app + "/msg", 405},
		{"PATCH", "/health", 405},
		{"GET", "/auth/logout", 405},
	} {
		c.raw(r.status, r.method, r.path, nil)
	}
	// A slash at the end changes nothing.
	c.is(c.raw(http.StatusOK, "GET", "/app/"+app+"/", nil), object{"id": app})
	status, _, header := exchange(t, shared.url, "", "GET", "/api/v1/nothing", nil, nil)
	if kind := header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") || status < 400 {
		t.Errorf("without a token: %d, %s", status, kind)
	}
}

// Bodies that are none.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	c := admin(t)
	app := c.app()
	e := text(c.endpoint(app, nowhere), "id")
	paths := map[string]string{
		"/app": "POST", "/app/" + app: "PUT", "/app/" + app + "/endpoint": "POST", "/app/" + app + "/endpoint/" + e: "PATCH", "/app/" + app + "/endpoint/" + e + "/headers": "PUT",
		"/app/" + app + "/msg": "POST", "/event-type": "POST", "/app/" + app + "/endpoint/" + e + "/recover": "POST",
	}
	for path, method := range paths {
		for _, body := range []string{"", "{", "null", "[]", `"text"`, "1", `{"name":"a"} trailing`, "\xff\xfe", `{"name":"\ud800"}`, `{"name":"a","name":`, strings.Repeat("[", 10_000), `{"eventType":"a","payload":{"a":` + strings.Repeat(`{"a":`, 20_000)} {
			status, out := ask(t, shared.url, shared.key, method, "/api/v1"+path, body, nil)
			if status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
				t.Errorf("%s %s with %.40q is answered %d: %v", method, path, body, status, out)
			}
		}
		if status, out := ask(t, shared.url, shared.key, method, "/api/v1"+path, `{"name":"`+strings.Repeat("a", 8<<20)+`"}`, nil); status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s %s with 8 MB is answered %d: %v", method, path, status, out)
		}
	}
}

// Svix's server panics at some of these.
func TestMalformedIterators(t *testing.T) {
	t.Parallel()
	c := admin(t)
	s := c.scene()
	for _, path := range []string{
		"/app", "/event-type", "/app/" + s.app + "/endpoint", "/app/" + s.app + "/msg", "/app/" + s.app + "/attempt/endpoint/" + s.endpoint,
		"/app/" + s.app + "/attempt/msg/" + s.message, "/app/" + s.app + "/endpoint/" + s.endpoint + "/msg", "/app/" + s.app + "/msg/" + s.message + "/endpoint",
	} {
		for _, iterator := range []string{
			"BAD-$$$ITERATOR", "-", "--", "-BAD", "app_", "ep_0000000000000000000000000000", "evt_!", "att_", "msg_2Yp5zYyPkVkVkVkVkVkVkVkVkV\x00", "\xff", strings.Repeat("a", 10_000), "-evt_zzzzzzzzzzzzzzzz", "' OR 1=1 --",
		} {
			status, out := ask(t, shared.url, shared.key, "GET", "/api/v1"+path+"?iterator="+url.QueryEscape(iterator), nil, nil)
			// An iterator of names is any name.
			if named := path == "/event-type" || path == "/app"; status != http.StatusUnprocessableEntity && !(named && status == http.StatusOK && regexp.MustCompile(`^-?[a-zA-Z0-9_.-]+$`).MatchString(iterator)) {
				t.Errorf("%s with iterator %.40q is answered %d: %.200v", path, iterator, status, out)
			}
		}
	}
}

// Pages of every origin may use it, with a token and without cookies.
func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	asks := http.Header{"Origin": {"https://app.acme.com"}, "Access-Control-Request-Method": {"PATCH"}, "Access-Control-Request-Headers": {"authorization,content-type,svix-req-id"}}
	status, _, header := exchange(t, shared.url, "", http.MethodOptions, "/api/v1/app", nil, asks)
	if status > 299 || !strings.Contains(header.Get("Access-Control-Allow-Headers"), "svix-req-id") || !strings.Contains(header.Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Errorf("the question of a browser is answered %d: %v", status, header)
	}
	for _, token := range []string{shared.key, "wrong"} {
		_, _, header = exchange(t, shared.url, token, http.MethodGet, "/api/v1/app", nil, http.Header{"Origin": {"https://app.acme.com"}})
		if o := header.Get("Access-Control-Allow-Origin"); o != "*" && o != "https://app.acme.com" {
			t.Errorf("the origin that is allowed is %q", o)
		}
		if header.Get("Access-Control-Allow-Credentials") != "" {
			t.Error("credentials of the browser are allowed")
		}
	}
}

// The same POST several times within microseconds is done once, whoever comes first.
func TestRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	c := admin(t)
	app := c.app()
	r := receive(t, http.StatusOK)
	e := text(c.endpoint(app, r.URL), "id")
	path := "/app/" + app
	for _, post := range []struct {
		path, body string
		count      func() int
	}{
		{"/app", `{"name":"x"}`, nil},
		{path + "/endpoint", `{"url":"` + nowhere + `","disabled":true}`, func() int { return len(data(c.do("endpoint.list", app))) - 1 }},
		{path + "/msg", `{"eventType":"a","payload":{}}`, func() int { return len(data(c.do("message.list", app))) }},
		{path + "/endpoint/" + e + "/send-example", `{"eventType":"svix.ping"}`, nil},
	} {
		header := http.Header{"Idempotency-Key": {c.unique("auto")}}
		var all [8]struct {
			status int
			body   any
		}
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range all {
			wg.Go(func() {
				<-begin
				all[i].status, all[i].body = ask(t, shared.url, shared.key, http.MethodPost, "/api/v1"+post.path, post.body, header)
			})
		}
		close(begin)
		wg.Wait()
		for _, a := range all {
			c.same("an answer to the same request to "+post.path, a, all[0])
		}
		if all[0].status > 299 {
			t.Errorf("POST %s is answered %d: %v", post.path, all[0].status, all[0].body)
		}
		if post.count != nil {
			c.same("how many "+post.path+" there are", post.count(), 1)
		}
	}

	// A failure is forgotten: what is put right is done.
	key := http.Header{"Idempotency-Key": {c.unique("auto")}}
	ask1 := func(token, path string, body any) (int, object) {
		status, out := ask(t, shared.url, token, http.MethodPost, "/api/v1"+path, body, key)
		o, _ := out.(object)
		return status, o
	}
	if status, out := ask1(shared.key, "/app", object{"name": ""}); status != http.StatusUnprocessableEntity {
		t.Errorf("answered %d: %v", status, out)
	}
	status, first := ask1(shared.key, "/app", object{"name": "Right"})
	c.same("the status of what was put right", status, http.StatusCreated)
	// Another address and another token are another request.
	if status, out := ask1(shared.key, "/app?get_if_exists=true", object{"name": "Other"}); status != http.StatusCreated || out["id"] == first["id"] {
		t.Errorf("at another address it is answered %d: %v", status, out)
	}
	if status, out := ask1("wrong", "/app", object{"name": "Right"}); status != http.StatusUnauthorized {
		t.Errorf("with another token it is answered %d: %v", status, out)
	}
}

// An answer that is lost on the way has the SDKs ask again, with the same key.
func TestLostAnswers(t *testing.T) {
	bySDK(t, func(c caller) {
		app := c.app()
		server, err := url.Parse(c.server.url)
		if err != nil {
			c.Fatal(err)
		}
		var mu sync.Mutex
		lost := map[string]int{}
		proxy := httputil.NewSingleHostReverseProxy(server)
		proxy.ModifyResponse = func(resp *http.Response) error {
			key := resp.Request.Header.Get("Idempotency-Key")
			mu.Lock()
			defer mu.Unlock()
			if lost[key]++; key != "" && lost[key] == 1 {
				return fmt.Errorf("lost")
			}
			return nil
		}
		proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
		front := httptest.NewServer(proxy)
		defer front.Close()
		behind := *c.server
		behind.url = front.URL
		through := c
		through.server = &behind

		m := through.message(app, object{"a": 1})
		c.same("messages", each(data(c.do("message.list", app)), "id"), []any{m["id"]})
		e := through.endpoint(app, nowhere)
		c.same("endpoints", each(data(c.do("endpoint.list", app)), "id"), []any{e["id"]})
		uid := c.unique("lost")
		c.is(through.do("application.create", object{"name": "x", "uid": uid}), object{"uid": uid})
		mu.Lock()
		defer mu.Unlock()
		for key, n := range lost {
			if key != "" && n != 2 {
				c.Errorf("a request was sent %d times, want twice", n)
			}
		}
	})
}

// Of what the SDKs can call, everything that is not built is answered 501, with JSON.
func TestTheRestIsAbsent(t *testing.T) {
	t.Parallel()
	c := admin(t)
	there := map[string]bool{}
	for _, op := range operations() {
		there[shapeOf(op.verb, "/api/v1"+op.path)] = true
	}
	calls := sdkCalls(t)
	if len(calls) < 130 {
		t.Fatalf("only %d calls are found in the SDKs' sources", len(calls))
	}
	for _, call := range calls {
		verb, path, _ := strings.Cut(call, " ")
		if there[shapeOf(verb, path)] {
			continue
		}
		path = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "x")
		var body any
		if verb != http.MethodGet && verb != http.MethodDelete {
			body = object{}
		}
		for token, want := range map[string]int{c.token: http.StatusNotImplemented, "wrong": http.StatusUnauthorized} {
			if status, out := ask(t, shared.url, token, verb, path, body, nil); status != want {
				t.Errorf("%s is answered %d, want %d: %v", call, status, want, out)
			}
		}
	}
}

// shapeOf is a call without the names of what varies in its path.
func shapeOf(verb, path string) string {
	return verb + " " + regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "{}")
}

// sdkCalls are all calls that the sources of the SDKs make.
func sdkCalls(t *testing.T) (calls []string) {
	t.Helper()
	js, err := os.ReadFile("node_modules/svix/dist/index.mjs")
	if err != nil {
		t.Fatal(err)
	}
	sources := string(js)
	files, err := filepath.Glob(filepath.Join(svixSources(t), "go", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources += string(text)
	}
	for _, m := range regexp.MustCompile(`"(GET|POST|PUT|PATCH|DELETE)",\s+"(/[^"]*)"`).FindAllStringSubmatch(sources, -1) {
		calls = append(calls, m[1]+" "+m[2])
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

// svixSources is the folder of the Go SDK's module, which is that of all of Svix's sources.
func svixSources(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/svix/svix-webhooks").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
