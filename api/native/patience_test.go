package native

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// patience is how long anything that must happen may take on a slow machine.
const patience = 20 * time.Second

// dial opens a connection and sends the beginning of a request.
func (s *site) dial(begin string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, begin); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// publishing is the header of a publish.
func publishing(token string, length int) string {
	return fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", token, length)
}

// TestNobodysBodyIsWaitedFor: whatever the path and the answer, one who announces a body
// and does not send it is answered, and his connection closed.
func TestNobodysBodyIsWaitedFor(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("page "), 4000)) })
	s := open(t, withInboxes, setup{options: func(o *Options) { o.Web, o.ReadTimeout = page, time.Second }})
	key := "Authorization: Bearer " + s.admin + "\r\n"
	const isJSON = "Content-Type: application/json\r\n"
	var waiting []net.Conn
	requests := map[string]int{
		"GET /healthz":                  200,
		"GET /readyz":                   200,
		"GET /metrics":                  200,
		"GET /openapi.json":             200,
		"GET /docs":                     200,
		"GET /docs/redoc.standalone.js": 200,
		"GET /":                         200,
		"HEAD /assets/x":                200,
		"POST /":                        404,
		"GET /v1/nothing":               404,
		"GET /v1//events":               307,
		"PUT /v1/events":                405,
		"POST /v1/events":               401,
		"GET /v1/events":                401,
		"POST /v1/events ":              415,
		"POST /v1/events  ":             400, // it began, and stopped
		"DELETE /v1/apps/nothing ":      404,
		"POST /v1/session  ":            400,
		"POST /in/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": 410,
	}
	var names []string
	for request := range requests {
		for _, length := range []string{"Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"} {
			header := length
			name := strings.TrimRight(request, " ")
			switch len(request) - len(name) {
			case 1:
				header += key
			case 2:
				header += key + isJSON
			}
			waiting = append(waiting, s.dial(name+" HTTP/1.1\r\nHost: x\r\n"+header+"\r\n"))
			names = append(names, request)
		}
	}
	for i, c := range waiting {
		in := bufio.NewReader(c)
		method, _, _ := strings.Cut(names[i], " ")
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			t.Errorf("%q: %v", names[i], err)
			continue
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != requests[names[i]] {
			t.Errorf("%q: %s, %v", names[i], resp.Status, err)
		}
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("%q: the connection stays open: %v", names[i], err)
		}
	}
}

// TestAHandlerMayTakeLong: the deadline of a body ends with it. A caller who waits for
// an answer is not taken for one who is gone.
func TestAHandlerMayTakeLong(t *testing.T) {
	slow := make(chan struct{})
	s := open(t, setup{
		options: func(o *Options) { o.ReadTimeout = 300 * time.Millisecond },
		store:   func(st bellhop.Store) bellhop.Store { return &slowToSave{Store: st, until: slow} },
	})
	c := s.dial("PUT /v1/event-types/a.b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.admin + "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	go func() {
		time.Sleep(time.Second) // longer than the body might take
		close(slow)
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 201 {
		t.Fatalf("%v %+v", err, resp)
	}
}

// TestAnnouncedIsNotReceived: connections that announce the longest bodies and send
// nothing take little memory, and keep zero from publishing.
func TestAnnouncedIsNotReceived(t *testing.T) {
	s := open(t)
	const visitors, announced = 400, 16 << 20
	before := heap()
	begin := strings.Replace(publishing(s.admin, announced), "/v1/events ", "/v1/events/batch ", 1)
	for range visitors {
		s.dial(begin + "{")
	}
	s.publishAs(s.key(bellhop.RolePublisher, "acme"), 202)
	s.publishAs(s.admin, 202)
	if after := heap(); after > before+visitors*(200<<10) {
		t.Errorf("%d announced bodies take %d MiB", visitors, (after-before)>>20)
	}
}

// heap is how much memory is alive.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (s *site) publishAs(token string, status int) {
	s.t.Helper()
	if r := s.do(token, "POST", "/v1/events", `{"app":"acme","type":"invoice.purchase","data":`+strings.Repeat(" ", 500)+`1}`); r.status != status {
		s.t.Errorf("%d %s", r.status, r.body)
	}
}

// TestBodiesShareOneBound: a key whose bodies take what one may have is told to come
// again, and others find room; so do all when the bodies are gone.
func TestBodiesShareOneBound(t *testing.T) {
	s := open(t, setup{options: func(o *Options) { o.MaxMemory = 4 << 20 }})
	greedy, other := s.key(bellhop.RolePublisher, "acme"), s.key(bellhop.RolePublisher, "globex")
	const length = 1 << 20
	body := `{"app":"acme","type":"invoice.purchase","data":"` + strings.Repeat("x", length) // cut below
	var stuck []net.Conn
	full := false
	for until := time.Now().Add(patience); !full && time.Now().Before(until); {
		c := s.dial(publishing(greedy, length))
		_, _ = io.WriteString(c, body[:length-1])
		stuck = append(stuck, c)
		// A body is refused at once when it has no room for what it announces.
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if full = err == nil; full && (resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !resp.Close) {
			t.Errorf("%+v", resp)
		}
	}
	if !full || len(stuck) > 8 {
		t.Fatalf("%d bodies of 1 MiB are under way within 4 MiB; refused: %v", len(stuck), full)
	}
	var p wire.Problem
	r := s.do(greedy, "POST", "/v1/events", body[:length-2]+`"}`)
	if p = r.problem(t); p.Code != "busy" || r.status != 503 {
		t.Errorf("%+v", p)
	}
	if r := s.do(other, "POST", "/v1/events", `{"app":"globex","type":"invoice.purchase","data":"`+strings.Repeat("x", 100_000)+`"}`); r.status != 202 {
		t.Errorf("another app's publish: %d %s", r.status, r.body)
	}
	for _, c := range stuck {
		_ = c.Close()
	}
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if r := s.do(greedy, "POST", "/v1/events", `{"app":"acme","type":"invoice.purchase","data":"`+strings.Repeat("x", 100_000)+`"}`); r.status == 202 {
			break
		} else if time.Now().After(until) {
			t.Fatalf("after the bodies are gone: %d %s", r.status, r.body)
		}
	}
}

// TestAnAnswerStopsAfterHundredErrors, whatever has them: the fields of a body, at any
// depth; a query; the events of a batch; what the desk finds.
func TestAnAnswerStopsAfterHundredErrors(t *testing.T) {
	s := open(t)
	const many, long = 900, 9000
	list := func(n int, item func(i int) string) string {
		var items []string
		for i := range n {
			items = append(items, item(i))
		}
		return strings.Join(items, ",")
	}
	unknown := func(i int) string { return fmt.Sprintf(`"unknown%d":0`, i) }
	zero := func(int) string { return "0" }
	for name, c := range map[string]struct {
		method, path, body string
		more               int
	}{
		"event":      {"POST", "/v1/events", `{"app":"acme","type":"a.b","data":1,` + list(many, unknown) + `}`, many - 100},
		"envelope":   {"POST", "/v1/events/batch", `{"events":[],` + list(many, unknown) + `}`, many - 100},
		"batch":      {"POST", "/v1/events/batch", `{"events":[` + list(1000, func(i int) string { return `{"app":1,"type":2}` }) + `]}`, 2900},
		"endpoint":   {"POST", "/v1/endpoints", `{"url":"https://example.com","apps":["acme"],` + list(many, unknown) + `}`, many - 100},
		"nested":     {"POST", "/v1/endpoints", `{"url":"https://example.com","apps":["acme"],"rate_limit":{"per_second":1,` + list(many, unknown) + `}}`, many - 100},
		"list":       {"POST", "/v1/endpoints", `{"url":"https://example.com","apps":["acme"],"events":[` + list(long, zero) + `]}`, long - 100},
		"map":        {"POST", "/v1/endpoints", `{"url":"https://example.com","apps":["acme"],"metadata":{` + list(many, unknown) + `}}`, many - 100},
		"query":      {"GET", "/v1/events?" + strings.ReplaceAll(list(2000, func(i int) string { return fmt.Sprintf("unknown%d=1", i) }), ",", "&"), "", 1900},
		"the desk's": {"POST", "/v1/endpoints", `{"url":"https://example.com","apps":["acme"],"events":[` + list(300, func(i int) string { return fmt.Sprintf(`"no type %d"`, i) }) + `]}`, -1},
	} {
		r := s.do(s.admin, c.method, c.path, c.body)
		p := r.problem(t)
		if r.status != 422 || len(p.Errors) > 101 || len(r.body) > 64<<10 {
			t.Errorf("%s: %d with %d errors in %d bytes", name, r.status, len(p.Errors), len(r.body))
			continue
		}
		if last := p.Errors[len(p.Errors)-1]; c.more > 0 && (last.Code != "more" || !strings.HasPrefix(last.Detail, fmt.Sprint(c.more)+" more")) {
			t.Errorf("%s ends with %+v", name, last)
		}
	}
}

// TestBatchOfTooMany: a batch is counted without being kept.
func TestBatchOfTooMany(t *testing.T) {
	s := open(t)
	r := s.do(s.admin, "POST", "/v1/events/batch", `{"events":[`+strings.Repeat("1,", 1_000_000)+`1]}`)
	if p := r.problem(t); r.status != 422 || !strings.Contains(p.Errors[0].Detail, "holds more than 1000 events") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestConfigurationHasFewParts: a body of a hundred thousand keys or elements is refused
// before any of them is kept, for one reason.
func TestConfigurationHasFewParts(t *testing.T) {
	s := open(t)
	var headers strings.Builder
	for i := range 80_000 {
		fmt.Fprintf(&headers, `"h%x":"0",`, i)
	}
	endpoint := func(rest string) string { return `{"url":"https://example.com","apps":["acme"],` + rest + `}` }
	for name, c := range map[string]struct {
		body, detail string
		status       int
	}{
		"headers": {endpoint(`"headers":{` + headers.String() + `"h":"0"}`), "more than 1000 keys", 400},
		"apps":    {`{"url":"https://example.com","apps":[` + strings.Repeat(`"a",`, 200_000) + `"a"]}`, "more than 10000 elements", 422},
		"events":  {endpoint(`"events":[` + strings.Repeat(`0,`, 200_000) + `0]`), "more than 10000 elements", 422},
	} {
		r := s.do(s.admin, "POST", "/v1/endpoints", c.body)
		if p := r.problem(t); r.status != c.status || len(p.Errors) > 1 || !strings.Contains(string(r.body), c.detail) {
			t.Errorf("%s: %d %.300s", name, r.status, r.body)
		}
	}
}

// slowToSave is a store that takes its time to save event types.
type slowToSave struct {
	bellhop.Store
	until chan struct{}
}

func (s *slowToSave) SaveEventType(ctx context.Context, t bellhop.EventType, entry *bellhop.AuditEntry) error {
	select {
	case <-s.until:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.Store.SaveEventType(ctx, t, entry)
}
