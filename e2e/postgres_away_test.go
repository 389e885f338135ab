package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// gate stands between a server and its PostgreSQL, over TCP.
type gate struct {
	address, socket string

	mu    sync.Mutex
	open  chan struct{} // closed while it is open
	conns map[net.Conn]bool
	cut   bool
	mark  []byte // what cuts everything, once it is sent
}

func newGate(t testing.TB, socket string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{address: l.Addr().String(), socket: socket, open: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(g.open)
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		g.reopen() // whoever waits for that goes on
		g.sever()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { g.carry(c) })
		}
	})
	return g
}

func (g *gate) carry(c net.Conn) {
	defer c.Close()
	if !g.take(c) {
		return
	}
	<-g.opened()
	up, err := net.Dial("unix", g.socket)
	if err != nil || !g.take(up) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { g.pass(up, c) })
	g.pass(c, up)
	back.Wait()
}

// take counts a connection in, unless all are cut.
func (g *gate) take(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conns[c] = true; g.cut {
		_ = c.Close()
	}
	return !g.cut
}

func (g *gate) pass(from, to net.Conn) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.conns, from)
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		<-g.opened()
		if g.marked(b[:n]) {
			g.sever()
			return
		}
		if _, failed := to.Write(b[:n]); err != nil || failed != nil {
			return
		}
	}
}

func (g *gate) opened() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func (g *gate) marked(b []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mark == nil || !bytes.Contains(b, g.mark) {
		return false
	}
	g.mark = nil
	return true
}

// severFrom has it sever once a mark is sent through it, which does not arrive any more.
func (g *gate) severFrom(mark string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mark = []byte(mark)
}

// shut passes nothing on and says nothing, as a server that is stopped, or a cable that is
// pulled: connections stay, and new ones are taken.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

// sever ends all connections, and new ones, as a server that was killed.
func (g *gate) sever() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = true
	for c := range g.conns {
		_ = c.Close()
	}
}

// reopen ends what shut or sever began.
func (g *gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = false
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

// away is a way in which a PostgreSQL can be of no use. It is told the cluster, whose
// database "hooks" belongs to the role "app", and the gate before it.
type away struct {
	begin func(t *testing.T, c *testpostgres.Cluster, g *gate) (end func())
	// readable: what is read is still answered.
	readable bool
}

var aways = map[string]away{
	"stopped": {begin: func(t *testing.T, c *testpostgres.Cluster, _ *gate) func() {
		if err := c.Stop("fast"); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
		}
	}},
	"out of connections": {begin: func(t *testing.T, c *testpostgres.Cluster, _ *gate) func() {
		set := func(sql string) { testpostgres.Exec(t, c.URL("postgres"), sql) }
		set("ALTER ROLE app CONNECTION LIMIT 0")
		set("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
		return func() { set("ALTER ROLE app CONNECTION LIMIT -1") }
	}},
	"read-only": {readable: true, begin: func(t *testing.T, c *testpostgres.Cluster, _ *gate) func() {
		set := func(sql string) { testpostgres.Exec(t, c.URL("postgres"), sql) }
		set("ALTER ROLE app SET default_transaction_read_only = on")
		set("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
		return func() { set("ALTER ROLE app RESET default_transaction_read_only") }
	}},
	"silent": {begin: func(_ *testing.T, _ *testpostgres.Cluster, g *gate) func() {
		g.shut()
		return g.reopen
	}},
}

// operation is one of the OpenAPI document, with what a request of it takes.
type operation struct {
	method, path, id string
	body             []byte
}

// operations are all of the API, each with the examples of its document as a body.
func (s *server) operations() []operation {
	s.t.Helper()
	_, _, document := s.post(s.t.Context(), s.key, http.MethodGet, "/openapi.json", nil)
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			RequestBody struct {
				Content map[string]struct{ Example json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		s.t.Fatal(err)
	}
	var all []operation
	for path, of := range doc.Paths {
		for method, o := range of {
			if o.OperationID == "publishStream" {
				continue // it says how it went in its last line: api/native's TestAStreamEndsWithAReason
			}
			all = append(all, operation{strings.ToUpper(method), path, o.OperationID, o.RequestBody.Content["application/json"].Example})
		}
	}
	if len(all) < 80 {
		s.t.Fatalf("the API has %d operations", len(all))
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return all
}

// TestNoAnswerIsWrongWhilePostgresIsAway: whatever is asked for while the database is of no
// use is answered soon: with what is in memory, or 503, Retry-After and why. Nothing is said
// not to be there, nobody's key to be wrong. A route that is added is asked, too.
func TestNoAnswerIsWrongWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	for what, how := range aways {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c, g, db := hooks(t)
			s := newNode(t, db)
			s.direct = c.URL("hooks")
			s.start()
			names := s.furnish()
			all := s.operations()
			from := s.output.len()
			end := how.begin(t, c, g)
			began := time.Now()
			eventually(t, "/readyz fails", func() bool { return s.probe("/readyz") == http.StatusServiceUnavailable })
			t.Logf("/readyz fails after %s", time.Since(began))
			s.askedWhileAway(all, names, how.readable)
			end()
			eventually(t, "/readyz is well again", func() bool { return s.probe("/readyz") == http.StatusOK })
			s.publish("acme", "invoice.paid", `{}`)
			s.saysOutageOnce(from)
		})
	}
}

// soon is how long an answer may take on a busy machine while the database is away.
const soon = 12 * time.Second

// writesNothing are the operations other than GET that can be done without the store: the
// last of them with a key, which is no session.
var writesNothing = map[string]bool{
	"previewEndpoint": true, "checkRequest": true, "testTransformation": true, "endSession": true,
}

// findsNothing are those that need not write, or refuse what is asked for, where the store
// can be read.
var findsNothing = map[string]bool{
	"matchEndpoint": true, "retryRefused": true, "testAppNotices": true, "testNotices": true, "tryDelivery": true,
	"tryEndpoint": true, "resumeEndpoint": true, "replayEndpoint": true, "answerListened": true,
}

func (s *server) askedWhileAway(all []operation, names map[string]string, readable bool) {
	var asking sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, 8)
	counted := map[int]int{}
	ask := func(what, key, method, path string, body []byte, fine func(status int, p wire.Problem) bool) {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			began := time.Now()
			status, again, answer := s.answered(key, method, path, body)
			took := time.Since(began)
			var p wire.Problem
			_ = json.Unmarshal(answer, &p)
			mu.Lock()
			defer mu.Unlock()
			counted[status]++
			switch {
			case took > soon && !(raceDetector && took < 3*soon):
				s.t.Errorf("%s: %s %s took %s: %d %s", what, method, path, took, status, answer)
			case status == http.StatusServiceUnavailable:
				seconds, err := strconv.Atoi(again)
				if err != nil || seconds < 1 || p.Code != bellhop.CodeUnavailable || p.Detail == "" {
					s.t.Errorf("%s: %s %s: Retry-After %q, %s", what, method, path, again, answer)
				}
			case !fine(status, p):
				s.t.Errorf("%s: %s %s after %s: %d %.300s", what, method, path, took, status, answer)
			}
		})
	}
	for _, o := range all {
		path, body := o.request(s.t, names)
		ask(o.id, s.key, o.method, path, body, func(status int, _ wire.Problem) bool {
			switch {
			case o.id == "readyz":
				return false
			case readable && findsNothing[o.id]:
				return status < 500
			}
			return status < 300 && (o.method == http.MethodGet || writesNothing[o.id])
		})
	}
	// Another node may have made them just now, which can be looked up if the store is read.
	unknown := func(status int, _ wire.Problem) bool { return readable && status < 500 }
	ask("an unknown key", "bh_"+strings.Repeat("x", 43), http.MethodGet, "/v1/endpoints", nil, unknown)
	ask("an unknown app", s.key, http.MethodPost, "/v1/events", []byte(`{"app":"unheard-of","type":"invoice.paid","data":{}}`), unknown)
	ask("an unknown endpoint", s.key, http.MethodGet, "/v1/endpoints/"+names["unknown endpoint"], nil, unknown)
	ask("a sign-in with an unknown key", "", http.MethodPost, "/v1/session", []byte(`{"key":"bh_`+strings.Repeat("y", 43)+`"}`), unknown)
	asking.Wait()
	s.t.Logf("answers by status: %v", counted)
}

// answered gives what a request is answered, at most the beginning of a stream.
func (s *server) answered(key, method, path string, body []byte) (status int, again string, answer []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Errorf("%s %s: %v", method, path, err)
		return
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp.StatusCode, "", nil
	}
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		s.t.Errorf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, resp.Header.Get("Retry-After"), answer
}

// bodies are what operations take whose examples are not of what the test has made.
var bodies = map[string]string{
	"createApp":          `{"id":"globex"}`,
	"createEndpoint":     `{"apps":["acme"],"url":"http://127.0.0.1:9/hook"}`,
	"updateEndpoint":     `{"name":"Books"}`,
	"previewEndpoint":    `{"endpoint":{"apps":["acme"],"url":"http://127.0.0.1:9/hook"}}`,
	"matchEndpoint":      `{"apps":["acme"]}`,
	"publishEvent":       `{"app":"acme","type":"invoice.paid","data":{}}`,
	"publishBatch":       `{"events":[{"app":"acme","type":"invoice.paid","data":{}}]}`,
	"resendEvent":        `{}`,
	"createKey":          `{"name":"till","role":"publisher"}`,
	"answerListened":     `{"id":"dlv_01HZX3K2Q9F7A.1","session":"0123456789abcdef","status":200}`,
	"testTransformation": `{"code":"function transform(event) { return event }"}`,
}

// request is an operation's path and body, with the names of what there is.
func (o *operation) request(t testing.TB, names map[string]string) (path string, body []byte) {
	t.Helper()
	path = regexp.MustCompile(`^/v1/(?:outbox/)?([a-z-]+)/\{\w+\}`).ReplaceAllStringFunc(o.path, func(begin string) string {
		what := begin[:strings.LastIndex(begin, "/")]
		name := names[strings.TrimPrefix(what, "/v1/")]
		if own := names[o.id]; own != "" {
			name = own
		}
		return what + "/" + name
	})
	if strings.Contains(path, "{") || strings.HasSuffix(path, "/") {
		t.Fatalf("%s %s: which one? Make one, and name it", o.method, o.path)
	}
	switch o.id {
	case "compareEndpoints":
		path += "?endpoints=" + names["endpoints"]
	case "listenEndpoint":
		path += "?session=0123456789abcdef"
	case "startSession":
		return path, []byte(`{"key":"` + names["key"] + `"}`)
	}
	if b, ok := bodies[o.id]; ok {
		return path, []byte(b)
	}
	return path, o.body
}

// furnish makes one of everything, and gives their names by their kinds.
func (s *server) furnish() map[string]string {
	s.t.Helper()
	ctx := s.t.Context()
	r := newReceiver(s.t, answers(http.StatusOK))
	e := s.endpoint(s.app("acme"), r.URL, nil)
	listened := s.endpoint("acme", "listen+http://localhost:1/", nil)
	event := s.publish("acme", "invoice.paid", `{"total":"123.90"}`).ID
	attempt := s.attempts(event, e.ID, 1)[0]
	names := map[string]string{
		"apps": "acme", "endpoints": e.ID.String(), "events": event.String(), "attempts": attempt.ID.String(),
		"deliveries": attempt.Delivery.String(), "dialects": "standard", "recipes": "slack", "event-types": "invoice.paid",
		"key": s.key, "unknown endpoint": bellhop.EndpointID(e.ID - 1<<30).String(),
		"listenEndpoint": listened.ID.String(), "answerListened": listened.ID.String(),
	}
	for _, made := range []struct{ kind, method, path, body, name string }{
		{"event-types", http.MethodPut, "/v1/event-types/invoice.paid", `{"example":{"total":"123.90"}}`, "name"},
		{"inboxes", http.MethodPost, "/v1/inboxes", `{"app":"acme"}`, "token"},
		{"keys", http.MethodPost, "/v1/keys", `{"name":"old","role":"viewer"}`, "id"},
	} {
		status, _, answer := s.post(ctx, s.key, made.method, made.path, []byte(made.body))
		var fields map[string]any
		if err := json.Unmarshal(answer, &fields); err != nil || status >= 300 {
			s.t.Fatalf("%s %s: %d %s", made.method, made.path, status, answer)
		}
		names[made.kind], _ = fields[made.name].(string)
	}
	testpostgres.Exec(s.t, s.direct, `SELECT bellhop.publish('nobody', 'invoice.paid', '{}')`)
	eventually(s.t, "what was published for nobody is refused", func() bool {
		_, _, answer := s.post(ctx, s.key, http.MethodGet, "/v1/outbox/refused", nil)
		var list struct {
			Items, Data []struct{ ID json.RawMessage }
		}
		_ = json.Unmarshal(answer, &list)
		for _, r := range append(list.Items, list.Data...) {
			names["outbox/refused"] = strings.Trim(string(r.ID), `"`)
		}
		return names["outbox/refused"] != ""
	})
	return names
}

// TestPostgresGoesAwayDuringTheStart: at whatever step of it, the start is tried again, for
// as long as --wait says, and ends with what was wrong last.
func TestPostgresGoesAwayDuringTheStart(t *testing.T) {
	t.Parallel()
	c := testpostgres.NewCluster(t)
	for i, mark := range []string{
		"bellhop.starting FOR UPDATE", "bellhop.clock_mark", "INSERT INTO bellhop.nodes", "FROM bellhop.event_types", "INSERT INTO bellhop.keys",
	} {
		t.Run(mark, func(t *testing.T) {
			name := fmt.Sprint("hooks", i)
			testpostgres.Exec(t, c.URL("postgres"), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'")
			g := newGate(t, c.Socket())
			s := newNode(t, "postgres://postgres@"+g.address+"/"+name+"?sslmode=disable", "--wait", "50s")
			g.severFrom(mark)
			s.launch()
			eventually(t, "it says that it waits", func() bool {
				select {
				case <-s.exited:
					t.Fatalf("the start has ended:\n%s", s.output.tail())
				default:
				}
				return strings.Contains(s.output.String(), "waiting for it")
			})
			g.reopen()
			s.waitReady()
			if n := strings.Count(s.output.String(), "waiting for it"); n != 1 {
				t.Errorf("it says %d times that it waits", n)
			}
			eventually(t, "the first start shows the admin key", func() bool { return adminKey.FindString(s.output.String()) != "" })
		})
	}
	g := newGate(t, c.Socket())
	testpostgres.Exec(t, c.URL("postgres"), "CREATE DATABASE never TEMPLATE template0 ENCODING 'UTF8'")
	s := newNode(t, "postgres://postgres@"+g.address+"/never?sslmode=disable", "--wait", "3s")
	g.severFrom("bellhop.clock_mark")
	s.launch()
	if code := s.exit(); code == 0 || !strings.Contains(s.output.String(), "cannot be reached") || !strings.Contains(s.output.String(), "waited for for 3s: see --wait") {
		t.Errorf("exit code %d", code)
	}
}

// lines are those of the log that have a text.
func (o *output) lines(from int, text string) (n int) {
	for line := range strings.Lines(o.from(from)) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

const (
	outageBegins = "the store is away, or does not take writes"
	outageEnds   = "the store takes writes again"
)

// TestAnOutageIsSaidOnce also where one thing goes wrong after the other: when it begins, and
// when it is over, with how long it was.
func TestAnOutageIsSaidOnce(t *testing.T) {
	t.Parallel()
	c, g, db := hooks(t)
	p := publishing(t, 20, newNode(t, db))
	from := p.nodes[0].output.len()
	for _, name := range slices.Sorted(maps.Keys(aways)) {
		end := aways[name].begin(t, c, g)
		p.refused()
		end()
	}
	p.flows()
	p.nodes[0].saysOutageOnce(from)
	p.allArrive()
}

// saysOutageOnce waits until the log says that an outage is over. It says nothing twice.
func (s *server) saysOutageOnce(from int) {
	s.t.Helper()
	eventually(s.t, "the log says that it is over", func() bool { return s.output.lines(from, outageEnds) > 0 })
	seen := map[string]bool{}
	for line := range strings.Lines(s.output.from(from)) {
		if _, said, ok := strings.Cut(line, " msg="); ok {
			said, _, _ = strings.Cut(strings.TrimPrefix(said, `"`), `"`)
			if !strings.Contains(line, "level=INFO") && seen[said] {
				s.t.Errorf("the log says again: %s", line)
			}
			seen[said] = true
		}
	}
	if begun, over := s.output.lines(from, outageBegins), s.output.lines(from, outageEnds); begun != 1 || over != 1 || s.output.lines(from, "lasted=") == 0 {
		s.t.Errorf("it is said %d times to begin, %d times to be over:\n%s", begun, over, s.output.from(from))
	}
}

// TestFewerConnectionsThanPools: a node that gets fewer connections than it takes works with
// those, says once what to raise, and takes the others when they are to be had.
func TestFewerConnectionsThanPools(t *testing.T) {
	t.Parallel()
	c, _, db := hooks(t)
	admin := c.URL("postgres")
	testpostgres.Exec(t, admin, "ALTER ROLE app CONNECTION LIMIT 6")
	p := publishing(t, 50, newNode(t, db))
	s := p.nodes[0]
	const short, enough = "gives this node no more connections", "the connections that it takes again"
	for range 3 {
		p.flows()
		var reading sync.WaitGroup
		for range 8 {
			reading.Go(func() {
				if status, _, answer := s.answered(s.key, http.MethodGet, "/v1/events?app=acme", nil); status != http.StatusOK {
					t.Errorf("a list is answered %d: %s", status, answer)
				}
			})
		}
		reading.Wait()
	}
	eventually(t, "the log says what to raise", func() bool { return s.output.lines(0, short) > 0 })
	testpostgres.Exec(t, admin, "ALTER ROLE app CONNECTION LIMIT -1")
	eventually(t, "the log says that there are enough", func() bool { return s.output.lines(0, enough) > 0 })
	p.allArrive()
	if begun, over := s.output.lines(0, short), s.output.lines(0, enough); begun != 1 || over != 1 || s.output.lines(0, "CONNECTION LIMIT") != 1 {
		t.Errorf("the log says %d times that there are too few, %d times that there are enough:\n%s", begun, over, s.output.String())
	}
}

// hooks starts a server with a database "hooks" of a role "app", and gives its address by way
// of a gate.
func hooks(t *testing.T) (c *testpostgres.Cluster, g *gate, database string) {
	t.Helper()
	c = testpostgres.NewCluster(t)
	g = newGate(t, c.Socket())
	testpostgres.Exec(t, c.URL("postgres"), "CREATE ROLE app LOGIN")
	testpostgres.Exec(t, c.URL("postgres"), "CREATE DATABASE hooks OWNER app TEMPLATE template0 ENCODING 'UTF8'")
	return c, g, "postgres://app@" + g.address + "/hooks?sslmode=disable"
}
