package send

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/engine/send/inbox"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/memstore"
)

func TestMain(m *testing.M) {
	if os.Getenv(beReceiver) != "" {
		receive()
		return
	}
	goleak.VerifyTestMain(m)
}

// network answers requests in memory.
type network func(*http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

// answering gives a network that always answers the same.
func answering(status int, header http.Header, body string) network {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
	}
}

// house is what sending needs around it.
type house struct {
	*Sender
	sealer bellhop.Sealer
	table  *routes.Table
	log    *bytes.Buffer // the operator's
}

func open(t testing.TB, n network, with ...func(*Options)) *house {
	t.Helper()
	sealer, err := bellhop.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	standard, err := dialect.Lookup("standard")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{sealer: sealer, log: new(bytes.Buffer)}
	h.table = routes.New(routes.Options{Sealer: sealer, Dialects: []*dialect.Dialect{standard}})
	client := safehttp.Options{Policy: safehttp.Policy{Dev: true}}
	if n != nil {
		client.Transport = n
	}
	o := Options{
		HTTP:   safehttp.New(client),
		Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range with {
		f(&o)
	}
	t.Cleanup(o.HTTP.Close)
	h.Sender = New(o)
	t.Cleanup(h.Close)
	return h
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// endpoint makes one at a URL.
func (h *house) endpoint(url string, with ...func(*bellhop.Endpoint)) *routes.Route {
	e := bellhop.Endpoint{
		ID: 7, Apps: []string{"acme"}, URL: url, Dialect: "standard", Status: bellhop.EndpointActive,
		Headers: map[string]string{"x-token": "s"}, Timeout: bellhop.Duration(15 * time.Second),
	}
	e.Secrets = []bellhop.Secret{{Sealed: h.sealer.Seal([]byte(secret), e.ID.String())}}
	for _, f := range with {
		f(&e)
	}
	return h.table.Compile(e)
}

func work(data string) *bellhop.Work {
	id := bellhop.EventID(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli() << 20)
	return &bellhop.Work{Event: &bellhop.Event{ID: id, App: "acme", Type: "invoice.paid", Subject: "invoice:1", Data: bellhop.JSON(data)}}
}

// holding is a store that has an event.
func holding(t *testing.T, e *bellhop.Event) *memstore.Store {
	t.Helper()
	s, now := memstore.New(), e.ID.Time()
	n, err := s.Join(t.Context(), bellhop.NodeAbout{}, time.Hour, now)
	if err == nil {
		_, err = s.Enqueue(t.Context(), n.Lease, 0, []bellhop.NewEvent{{Event: *e}}, now)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSend(t *testing.T) {
	var got *http.Request
	var body []byte
	h := open(t, func(r *http.Request) (*http.Response, error) {
		got = r
		body, _ = io.ReadAll(r.Body)
		return answering(202, http.Header{"X-Answer": {"42"}}, "thank you")(r)
	}, func(o *Options) { o.MaxBody = 5 })
	r, w := h.endpoint("https://example.com/hooks?key=k"), work(`{"n": 1}`)
	o, sent := h.Send(t.Context(), r, w)
	if !sent || got == nil {
		t.Fatal("nothing was sent")
	}
	if got.Method != "POST" || got.URL.String() != r.URL || !strings.Contains(string(body), `{"n": 1}`) {
		t.Errorf("%s %s: %s", got.Method, got.URL, body)
	}
	for name, want := range map[string]string{
		"x-token": "s", "webhook-id": w.Event.ID.String(), "User-Agent": "Bellhop", "Content-Type": "application/json",
	} {
		if v := got.Header[name]; len(v) != 1 || v[0] != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	header := http.Header{}
	for name, v := range got.Header {
		header[http.CanonicalHeaderKey(name)] = v
	}
	if err := r.Speaks().Verify(dialect.Received{Header: header, Body: body}, []string{secret}, time.Now(), 0); err != nil {
		t.Error(err)
	}
	if v := map[string][]string(o.Exchange.RequestHeader)["x-token"]; len(v) != 1 || v[0] != "s" || o.Exchange.Duration <= 0 {
		t.Errorf("%+v", o.Exchange)
	}
	if x := &o.Exchange; !x.Proof.Proves(body) || time.Since(x.Proof.Time).Abs() > time.Minute {
		t.Errorf("%+v proves another body than %s", x.Proof, body)
	}
	o.Exchange.RequestHeader, o.Exchange.Duration, o.Exchange.Proof = nil, 0, bellhop.BodyProof{}
	want := bellhop.Outcome{Class: bellhop.ClassTaken, Exchange: bellhop.Exchange{
		URL: r.URL, Dialect: "standard", ResponseStatus: 202, ResponseHeader: http.Header{"X-Answer": {"42"}},
		ResponseBody: []byte("thank"), ResponseTruncated: true,
	}}
	if d := cmp.Diff(want, o); d != "" {
		t.Error(d)
	}
	if h.log.Len() > 0 {
		t.Errorf("log of a success: %s", h.log)
	}
}

// Each header has a value of its own, though all values lie side by side.
func TestRenderedHeadersAreApart(t *testing.T) {
	h := open(t, answering(200, nil, ""))
	r := h.endpoint("https://example.com/", func(e *bellhop.Endpoint) {
		e.Headers = map[string]string{"a": "1", "b": "2", "c": "3"}
	})
	signer, err := r.Signer(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	made, unmade := h.Make(t.Context(), r, signer, dialect.Message{ID: "evt_1", App: "acme", Type: "t", Data: []byte("{}"), Timestamp: time.Now()})
	if unmade != nil {
		t.Fatal(unmade.Detail)
	}
	request := made.Request
	before := len(request.Header)
	for name := range request.Header {
		request.Header[name] = append(request.Header[name], "more")
	}
	for name, want := range map[string]string{"a": "1", "b": "2", "c": "3", "webhook-id": "evt_1"} {
		if v := request.Header[name]; len(v) != 2 || v[0] != want {
			t.Errorf("%s: %q", name, v)
		}
	}
	if len(request.Header) != before || request.MaxBody != 16<<10 || request.Timeout != 15*time.Second {
		t.Errorf("%+v", request)
	}
	fields, err := h.Fields(request)
	if err != nil || len(fields) < 8 || fields[0] != (safehttp.Field{Name: "Host", Value: "example.com"}) {
		t.Errorf("%v, %v", fields, err)
	}
	if h.CheckURL("ftp://example.com/") == nil || h.CheckURL(r.URL) != nil {
		t.Error("URLs are not checked")
	}
}

// What cannot be made is Bellhop's own failure, and nothing leaves.
func TestRenderFails(t *testing.T) {
	h := open(t, func(*http.Request) (*http.Response, error) { t.Error("a request was made"); return nil, io.EOF })
	signless := h.endpoint("https://example.com/", func(e *bellhop.Endpoint) { e.Secrets[0].Sealed = []byte("x") })
	o, sent := h.Send(t.Context(), signless, work("{}"))
	if !sent || o.Class != bellhop.ClassOurs || o.Reason != bellhop.ReasonRender || !strings.HasPrefix(o.Detail, "The request could not be signed: ") || o.Exchange.URL != signless.URL {
		t.Errorf("%+v, %v", o, sent)
	}
	r := h.endpoint("https://example.com/")
	signer, err := r.Signer(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	o, sent = h.Call(t.Context(), r, signer, dialect.Message{})
	if !sent || o.Class != bellhop.ClassOurs || o.Reason != bellhop.ReasonRender || !strings.HasPrefix(o.Detail, "The dialect standard cannot express this event: ") {
		t.Errorf("%+v, %v", o, sent)
	}
}

// trickle is a body that breaks off, or never ends.
type trickle struct {
	ctx  context.Context
	text string
	err  error // nil: it never ends
}

func (b *trickle) Read(p []byte) (int, error) {
	if n := copy(p, b.text); n > 0 {
		b.text = b.text[n:]
		return n, nil
	}
	if b.err != nil {
		return 0, b.err
	}
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

func (b *trickle) Close() error { return nil }

// TestConnectionsAreOnesOwn: requests of different apps do not share a connection,
// nor do those of endpoints with different headers, which may be tokens.
func TestConnectionsAreOnesOwn(t *testing.T) {
	var mu sync.Mutex
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		connections[r.RemoteAddr] = true
	}))
	defer server.Close()
	h := open(t, nil)
	headers := func(m map[string]string) func(*bellhop.Endpoint) {
		return func(e *bellhop.Endpoint) { e.Headers = m }
	}
	endpoints := []*routes.Route{
		h.endpoint(server.URL, headers(nil)),
		h.endpoint(server.URL+"/same", headers(map[string]string{})),
		h.endpoint(server.URL, headers(map[string]string{"X-Token": "a"})),
		h.endpoint(server.URL, headers(map[string]string{"X-Token": "b"})),
		h.endpoint(server.URL, headers(map[string]string{"X-Toke": "nb"})),
		h.endpoint(server.URL+"/same", headers(map[string]string{"X-Token": "b"})),
	}
	for range 3 {
		for _, app := range []string{"acme", "globex"} {
			for _, r := range endpoints {
				w := work("{}")
				w.Event.App = app
				if o, sent := h.Send(t.Context(), r, w); !sent || o.Class != bellhop.ClassTaken {
					t.Fatalf("%+v", o)
				}
			}
		}
	}
	if n := len(connections); n != 2*4 {
		t.Errorf("%d connections for two apps and four sets of headers", n)
	}
}

// TestBodyThatDoesNotEnd: the receiver said 2xx, and took the event thereby; the log
// shows what it said, and that it was not all.
func TestBodyThatDoesNotEnd(t *testing.T) {
	for name, broke := range map[string]error{"timeout": nil, "reset": io.ErrUnexpectedEOF} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, func(r *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Header: http.Header{"Retry-After": {"60"}}, Body: &trickle{r.Context(), "half", broke}, ContentLength: 8}, nil
				})
				o, sent := h.Send(context.Background(), h.endpoint("https://example.com/"), work("{}"))
				if !sent || o.Class != bellhop.ClassTaken || o.Reason != "" || !strings.Contains(o.Detail, "answered 200 OK, so the event was taken; but its body ") || o.After != 0 {
					t.Errorf("%+v, %v", o, sent)
				}
				if x := o.Exchange; x.ResponseStatus != 200 || string(x.ResponseBody) != "half" || !x.ResponseTruncated || broke == nil && x.Duration != 15*time.Second {
					t.Errorf("%+v", x)
				}
			})
		})
	}
}

// TestCutShort: what the caller ends says nothing of the receiver.
func TestCutShort(t *testing.T) {
	hang := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
	for name, tt := range map[string]struct {
		limit func(context.Context) (context.Context, context.CancelFunc)
		sent  bool
	}{
		"canceled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, false},
		"shorter": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, false},
		"longer": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Minute)
		}, true},
		"without a limit": {context.WithCancel, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var inFlight, most atomic.Int64
				h := open(t, hang, func(o *Options) {
					o.InFlight = func(delta int) { most.Store(max(most.Load(), inFlight.Add(int64(delta)))) }
				})
				ctx, cancel := tt.limit(context.Background())
				defer cancel()
				o, sent := h.Send(ctx, h.endpoint("https://example.com/"), work("{}"))
				if sent != tt.sent || sent && (o.Class != bellhop.ClassAgain || o.Reason != "timeout") || !sent && (o.Reason != "" || h.log.Len() > 0) {
					t.Errorf("%+v, %v; log: %s", o, sent, h.log)
				}
				if inFlight.Load() != 0 || most.Load() != 1 {
					t.Errorf("%d in flight, at most %d", inFlight.Load(), most.Load())
				}
			})
		})
	}
}

// Whoever recovers from a panic finds the count of requests in flight as it was.
func TestPanicLeavesNothingInFlight(t *testing.T) {
	inFlight := 0
	h := open(t, func(*http.Request) (*http.Response, error) {
		if inFlight != 1 {
			t.Errorf("%d in flight meanwhile", inFlight)
		}
		panic("broke")
	}, func(o *Options) {
		o.InFlight = func(delta int) { inFlight += delta }
	})
	defer func() {
		if recover() == nil || inFlight != 0 {
			t.Errorf("%d in flight", inFlight)
		}
	}()
	h.Send(t.Context(), h.endpoint("https://example.com/"), work("{}"))
}

// TestRefusedAddress: the operator learns the addresses and what to do, the
// endpoint's owner neither.
func TestRefusedAddress(t *testing.T) {
	h := open(t, nil)
	r := h.endpoint("https://10.1.2.3/hooks?key=k")
	o, sent := h.Send(t.Context(), r, work("{}"))
	if !sent || o.Class != bellhop.ClassAgain || o.Reason != "address_refused" || o.Exchange.ResponseStatus != 0 {
		t.Errorf("%+v, %v", o, sent)
	}
	if text := h.log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, r.ID.String()) || !strings.Contains(text, "10.1.2.3") || !strings.Contains(text, "--allow-cidr") || strings.Contains(text, "key=k") {
		t.Error(text)
	}

	inner := []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fd00::1")}
	for level, res := range map[string]safehttp.Response{
		"WARN": {Reason: safehttp.ReasonDNS, Detail: "refused", Refused: inner},
		"INFO": {Status: 200, RemoteAddr: "192.0.2.1:443", Refused: inner},
	} {
		h.log.Reset()
		p := Parcel{Route: h.endpoint("https://inner.example.com/hooks?key=k")}
		p.Request.URL = p.Route.URL
		h.tell(&p, &res)
		lines := 0
		for line := range strings.Lines(h.log.String()) {
			if !strings.Contains(line, "level=DEBUG") {
				lines++
				if !strings.Contains(line, "level="+level) || !strings.Contains(line, "10.1.2.3 fd00::1") || !strings.Contains(line, "inner.example.com") || !strings.Contains(line, p.Route.ID.String()) || strings.Contains(line, "key=k") {
					t.Error(line)
				}
			}
		}
		if o := classify(res, time.Now); lines != 1 || strings.Contains(o.Detail, "10.1.2.3") {
			t.Errorf("%d lines; %+v", lines, o)
		}
	}
}

// A request to an inbox never leaves the process, and looks as if it had.
func TestInside(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Millisecond); return now } // it goes on whenever asked
	var boxes *inbox.Registry
	store := holding(t, work(`{"n":1}`).Event)
	h := open(t, func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s left the process", r.URL)
		return nil, io.EOF
	}, func(o *Options) {
		o.HTTP = safehttp.New(safehttp.Options{Policy: safehttp.Policy{}, UserAgent: "Bellhop/1", Transport: network(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%s left the process", r.URL)
			return nil, io.EOF
		})})
		sealer, err := bellhop.NewSealer(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		if boxes, err = inbox.New("http://127.0.0.1:8420/in/", inbox.Options{Store: store, Sealer: sealer, Now: clock}); err != nil {
			t.Fatal(err)
		}
		o.Inboxes, o.Now = boxes, clock
	})
	in, err := boxes.Add(t.Context(), "acme", 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w := h.endpoint(in.URL+"/shop?x=1"), work(`{"n":1}`)
	o, sent := h.Send(t.Context(), r, w)
	if !sent || o.Class != bellhop.ClassTaken || o.Exchange.ResponseStatus != 200 || o.Exchange.URL != r.URL || string(o.Exchange.ResponseBody) != "Request 1 of this inbox.\n" ||
		len(map[string][]string(o.Exchange.RequestHeader)["x-token"]) != 1 || o.Exchange.Duration < time.Millisecond || o.Exchange.Duration > time.Second {
		t.Errorf("%+v, %v", o, sent)
	}
	_, got, err := boxes.Look(t.Context(), in.Token, 0)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d requests, %v", len(got), err)
	}
	if g := got[0]; g.Method != "POST" || g.App != "acme" || g.Path != "/in/"+in.Token+"/shop?x=1" || g.Answered != 200 || !strings.Contains(string(g.Body), `{"n":1}`) {
		t.Errorf("%+v", g)
	}
	for name, want := range map[string]string{"Host": "127.0.0.1:8420", "User-Agent": "Bellhop/1", "X-Token": "s", "Webhook-Id": w.Event.ID.String(), "Content-Type": "application/json", "Content-Length": strconv.Itoa(len(got[0].Body))} {
		if v := got[0].Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if s := got[0].Signature; s == nil || !s.Verified || s.Endpoint != r.ID || s.Dialect != "standard" {
		t.Errorf("signature %+v", s)
	}

	if _, err := store.Erase(t.Context(), bellhop.EraseSelector{Event: w.Event.ID}, nil, now); err != nil {
		t.Fatal(err)
	}
	if o, sent := h.Send(t.Context(), r, w); !sent || o.Class != bellhop.ClassTaken {
		t.Errorf("an erased event: %+v", o)
	}
	if _, got, err := boxes.Look(t.Context(), in.Token, 0); err != nil || len(got) != 0 {
		t.Errorf("%d requests with an erased event, %v", len(got), err)
	}
	for status, want := range map[int]bellhop.Class{204: bellhop.ClassTaken, 400: bellhop.ClassRefused, 503: bellhop.ClassOverloaded} {
		if _, err := boxes.Answer(t.Context(), in.Token, inbox.AnswerChange{Status: bellhop.Of(status)}); err != nil {
			t.Fatal(err)
		}
		if o, sent := h.Send(t.Context(), r, work("{}")); !sent || o.Class != want || o.Exchange.ResponseStatus != status {
			t.Errorf("%d: %+v, %v", status, o, sent)
		}
	}
	if err := boxes.Delete(t.Context(), in.Token); err != nil {
		t.Fatal(err)
	}
	if o, sent := h.Send(t.Context(), r, work("{}")); !sent || o.Class != bellhop.ClassGone || !strings.Contains(string(o.Exchange.ResponseBody), "There is no such inbox") {
		t.Errorf("%+v, %v", o, sent)
	}
	// What only looks like an inbox's goes past the guard.
	if o, sent := h.Send(t.Context(), h.endpoint("http://127.0.0.1:8420/in/../v1/keys"), work("{}")); !sent || o.Class != bellhop.ClassAgain || o.Exchange.ResponseStatus != 0 {
		t.Errorf("%+v, %v", o, sent)
	}
}

// BenchmarkSend is what sending costs without a network: rendering, signing and
// classing, and what the stand-in for the network takes.
func BenchmarkSend(b *testing.B) {
	h := open(b, bare)
	r, w := h.endpoint("https://example.com/hooks"), work(`{"total":`+strings.Repeat("1", 1000)+`}`)
	b.ReportAllocs()
	for b.Loop() {
		if o, sent := h.Send(b.Context(), r, w); !sent || o.Class != bellhop.ClassTaken {
			b.Fatalf("%+v", o)
		}
	}
}

// BenchmarkBareExchange is the part of BenchmarkSend that is not the sender's.
func BenchmarkBareExchange(b *testing.B) {
	h := open(b, bare)
	r := h.endpoint("https://example.com/hooks")
	signer, err := r.Signer(time.Now())
	if err != nil {
		b.Fatal(err)
	}
	made, unmade := h.Make(b.Context(), r, signer, dialect.Message{ID: "evt_1", App: "acme", Type: "t", Data: []byte("{}"), Timestamp: time.Now()})
	if unmade != nil {
		b.Fatal(unmade.Detail)
	}
	request := made.Request
	b.ReportAllocs()
	for b.Loop() {
		if res := h.o.HTTP.Do(b.Context(), request); res.Reason != "" {
			b.Fatal(res.Detail)
		}
	}
}

// bare is as little of a network as can be.
func bare(*http.Request) (*http.Response, error) { return taking, nil }

var taking = &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
