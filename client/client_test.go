package client_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/native"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/seal"
	"github.com/bellhop/bellhop/memstore"
	"github.com/bellhop/bellhop/notice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// encoding/json would send two different ids as one, and the second event would be
// taken for a repetition of the first.
func TestTextThatIsNotUTF8IsNotSent(t *testing.T) {
	c, _ := open(t)
	const bad = "caf\xe9"
	event := client.Publication{App: "acme", Type: "a.b", Data: bellhop.JSON(`1`)}
	withID := event
	withID.ID = bad
	_, one := c.Publish(t.Context(), withID)
	_, batch := c.PublishBatch(t.Context(), []client.Publication{event, withID})
	_, app := c.CreateApp(t.Context(), wire.AppInput{ID: "cafe", Metadata: map[string]string{"a": bad}})
	_, name := c.CreateApp(t.Context(), wire.AppInput{ID: "cafe", Metadata: map[string]string{bad: "a"}})
	_, endpoint := c.CreateEndpoint(t.Context(), bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), Events: bellhop.Of([]string{"a", bad})})
	for want, err := range map[string]error{" id is": one, "events[1].id": batch, "metadata.a": app, "metadata": name, "events[1]": endpoint} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "not UTF-8") {
			t.Errorf("%v, want one that names %s", err, want)
		}
	}
	withID.ID = "caf\u00e9 \ufffd"
	if _, err := c.Publish(t.Context(), withID); err != nil && !strings.Contains(err.Error(), "app") {
		t.Error(err)
	}
}

// TestSavedBytesComeBack: what was saved as JSON is answered byte for byte, alone and in
// lists, after a change of something else, and from Go there and back.
func TestSavedBytesComeBack(t *testing.T) {
	c, _ := open(t)
	ctx := t.Context()
	const (
		schema  = `{ "type":"object", "properties" : {"b":{"maximum":99999999999999.99},"a":{"const":1.0}},"title":"<&>  é\u00e9" }`
		example = `{"b" : 99999999999999.98, "a":1.0,"big":1e400, "dup":1,"dup":2, "html":"<&>"}`
		filter  = `{ "b":[99999999999999.99,  1e400], "a":[ {"prefix":"<&>"} ] }`
	)
	typeHolds := func(what string, et bellhop.EventType, err error) {
		t.Helper()
		if err != nil || string(et.Schema) != schema || string(et.Example) != example {
			t.Errorf("%s: %s %s, %v", what, et.Schema, et.Example, err)
		}
	}
	endpointHolds := func(what string, e bellhop.Endpoint, err error) {
		t.Helper()
		if err != nil || string(e.Filter) != filter || len(e.Terms) != 1 || string(e.Terms[0].Filter) != filter {
			t.Errorf("%s: %s %+v, %v", what, e.Filter, e.Terms, err)
		}
	}
	if _, err := c.PutApp(ctx, "acme", client.AppPut{}); err != nil {
		t.Fatal(err)
	}
	et, err := c.PutEventType(ctx, "a.b", client.EventTypePut{Schema: bellhop.JSON(schema), Example: bellhop.JSON(example)})
	typeHolds("PUT", et, err)
	et, err = c.EventType(ctx, "a.b")
	typeHolds("GET", et, err)
	for et, err := range c.EventTypes(ctx) {
		typeHolds("listed", et, err)
	}
	et, err = c.PutEventType(ctx, "a.b", client.EventTypePut{Schema: et.Schema, Example: et.Example, Description: "Changed", Archived: true})
	typeHolds("there and back", et, err)

	made, err := c.CreateEndpoint(ctx, bellhop.EndpointChange{
		Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://example.com"), Filter: bellhop.Of(bellhop.JSON(filter)),
		Terms: bellhop.Of([]bellhop.AppTerms{{App: "acme", Filter: bellhop.JSON(filter)}}),
	})
	endpointHolds("POST", made.Endpoint, err)
	e, err := c.Endpoint(ctx, made.ID)
	endpointHolds("GET", e, err)
	for e, err := range c.Endpoints(ctx, client.EndpointFilter{}) {
		endpointHolds("listed", e, err)
	}
	saved, err := c.UpdateEndpoint(ctx, made.ID, bellhop.EndpointChange{Name: bellhop.Of("other")})
	endpointHolds("PATCH of something else", saved.Endpoint, err)
	saved, err = c.UpdateEndpoint(ctx, made.ID, bellhop.EndpointChange{
		Apps: bellhop.Of(e.Apps), Terms: bellhop.Of(e.Terms), Filter: bellhop.Of(e.Filter),
	})
	endpointHolds("there and back", saved.Endpoint, err)
}

// network takes every request.
type network struct{}

func (network) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 204, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// open runs a Bellhop with its API and gives a client of it with an admin's key.
func open(t *testing.T) (*client.Client, *httptest.Server) {
	t.Helper()
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	store := memstore.New()
	e, err := engine.New(t.Context(), store, engine.Config{Sealer: ring, Transport: network{}, Logger: quiet, InboxURL: "http://127.0.0.1:8420/in/"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	stop := make(chan struct{})
	d := desk.New(e, desk.Options{Logger: quiet, Notices: notice.New(e, notice.Options{Logger: quiet})})
	server := httptest.NewServer(native.Handler(d, native.Options{Options: api.Options{Logger: quiet}, Stop: stop}))
	t.Cleanup(func() {
		close(stop)
		http.DefaultClient.CloseIdleConnections()
		server.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	_, token, err := d.CreateKey(t.Context(), bellhop.Owner(), bellhop.KeyRequest{Role: bellhop.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	return client.New(server.URL+"/", token, nil), server
}

// TestEveryCall makes every call of the client once.
func TestEveryCall(t *testing.T) {
	c, _ := open(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	app, err := c.PutApp(ctx, "acme", client.AppPut{Name: "Acme"})
	must(err)
	app, err = c.PatchApp(ctx, app.ID, client.AppPatch{Metadata: bellhop.Of(map[string]string{"a": "b"})})
	must(err)
	if app.Name != "Acme" || app.Metadata["a"] != "b" {
		t.Errorf("%+v", app)
	}
	other, err := c.CreateApp(ctx, wire.AppInput{Name: "Other"})
	must(err)
	if apps := count(t, c.Apps(ctx)); apps != 2 {
		t.Errorf("%d apps", apps)
	}
	_, err = c.App(ctx, other.ID)
	must(err)
	must(c.DeleteApp(ctx, other.ID))

	told, err := c.PutAppNotices(ctx, "acme", client.AppNoticesPut{Emails: []string{"ann@example.com"}, Digest: new(bellhop.Duration)})
	must(err)
	told, err = c.AppNotices(ctx, "acme")
	must(err)
	if len(told.Emails) != 1 || told.Digest != 0 || told.After != bellhop.Duration(5*time.Minute) || told.MailOn {
		t.Errorf("%+v", told)
	}
	tests, err := c.TestAppNotices(ctx, "acme")
	must(err)
	if len(tests) != 1 || tests[0].OK || tests[0].Detail == "" {
		t.Errorf("%+v", tests)
	}
	_, err = c.PutNotices(ctx, client.NoticesPut{MaxPending: new(5)})
	must(err)
	told, err = c.Notices(ctx)
	must(err)
	if told.MaxPending != 5 || told.Status == nil {
		t.Errorf("%+v", told)
	}
	_, err = c.TestNotices(ctx, "ops@example.com")
	must(err)

	_, err = c.PutEventType(ctx, "invoice.purchase", client.EventTypePut{Description: "Paid.", Example: bellhop.JSON(`{"a":1}`)})
	must(err)
	et, err := c.EventType(ctx, "invoice.purchase")
	must(err)
	if string(et.Example) != `{"a":1}` || count(t, c.EventTypes(ctx)) != 1 {
		t.Errorf("%+v", et)
	}

	in, err := c.CreateInbox(ctx, client.InboxInput{App: "acme"})
	must(err)
	in, err = c.AnswerInbox(ctx, in.Token, client.InboxPatch{Status: bellhop.Of(500)})
	must(err)
	inboxes, err := c.Inboxes(ctx, "acme")
	must(err)
	content, err := c.Inbox(ctx, in.Token, 0)
	must(err)
	if len(inboxes) != 1 || content.AnswerStatus != 500 || content.Requests == nil {
		t.Errorf("%+v %+v", inboxes, content)
	}
	must(c.DeleteInbox(ctx, in.Token))
	preview, err := c.PreviewEndpoint(ctx, client.PreviewInput{Endpoint: wire.EndpointInput{Name: bellhop.Of("unfinished")}})
	must(err)
	if preview.Method != "POST" || preview.Secret == "" {
		t.Errorf("%+v", preview)
	}

	e, err := c.CreateEndpoint(ctx, bellhop.EndpointChange{
		Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://example.com/in"), Verify: bellhop.Of(true),
		Retry: bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Second)}}),
	})
	must(err)
	if e.Secret == "" || len(e.Retry.Delays) != 1 {
		t.Errorf("%+v", e)
	}
	changed, err := c.UpdateEndpoint(ctx, e.ID, bellhop.EndpointChange{Name: bellhop.Of("in"), Retry: bellhop.Field[bellhop.RetryPolicy]{Set: true}})
	must(err)
	if changed.Name != "in" || len(changed.Retry.Schedule()) < 2 || changed.URL != e.URL {
		t.Errorf("%+v", changed)
	}
	paused, err := c.PauseEndpoint(ctx, e.ID)
	must(err)
	resumed, err := c.ResumeEndpoint(ctx, e.ID)
	must(err)
	if paused.Status != bellhop.EndpointPaused || resumed.Status != bellhop.EndpointActive {
		t.Errorf("%s, then %s", paused.Status, resumed.Status)
	}
	_, err = c.Endpoint(ctx, e.ID)
	must(err)
	if count(t, c.Endpoints(ctx, client.EndpointFilter{App: "acme", Status: bellhop.EndpointActive})) != 1 {
		t.Error("the endpoint is not listed")
	}
	secrets, err := c.Secrets(ctx, e.ID)
	must(err)
	grace := bellhop.Duration(time.Hour)
	rotated, err := c.RotateSecret(ctx, e.ID, &grace, "")
	must(err)
	if len(secrets) != 1 || len(rotated.Secrets.Secrets) != 2 || rotated.Secrets.Secrets[1].Secret != secrets[0].Secret {
		t.Errorf("%+v, then %+v", secrets, rotated)
	}
	tested, err := c.TestEndpoint(ctx, e.ID, "", nil)
	must(err)
	if tested.Status != bellhop.AttemptSucceeded {
		t.Errorf("%+v", tested)
	}

	checked, err := c.CheckEndpoint(ctx, e.ID)
	must(err)
	if checked.OK || len(checked.Results) != 8 { // an inbox takes whatever comes
		t.Errorf("%+v", checked)
	}
	verdict, err := c.CheckRequest(ctx, client.CheckRequestInput{Attempt: tested.ID})
	must(err)
	if !verdict.OK || !verdict.Sent || verdict.Endpoint != e.ID {
		t.Errorf("%+v", verdict)
	}
	another := "{}"
	verdict, err = c.CheckRequest(ctx, client.CheckRequestInput{Attempt: tested.ID, Body: &another})
	must(err)
	if verdict.OK || verdict.Dialect != "standard" || len(verdict.Findings) == 0 {
		t.Errorf("%+v", verdict)
	}

	data := "{ \"a\" : \"<&>\", \"n\":1.10 }"
	r, err := c.Publish(ctx, client.Publication{App: "acme", Type: "invoice.purchase", ID: "1", Subject: "guest:1", Data: bellhop.JSON(data)})
	must(err)
	event, err := c.Event(ctx, r.ID)
	must(err)
	if string(event.Data) != data || event.ExternalID != "1" || !event.CreatedAt.Equal(r.CreatedAt) {
		t.Errorf("%+v", event)
	}
	rs, err := c.PublishBatch(ctx, []client.Publication{
		{App: "acme", Type: "a.b", Data: bellhop.JSON(`[1 ]`)},
		{App: "acme", Type: "a.b", Subject: "guest:2", Data: bellhop.JSON(`"x"`)},
	})
	must(err)
	if len(rs) != 2 || count(t, c.Events(ctx, client.EventFilter{Type: "a.*", Limit: 1, Since: time.Now().Add(-time.Hour)})) != 2 {
		t.Errorf("%+v", rs)
	}
	deliveries := first(t, c.EventDeliveries(ctx, r.ID))
	_, err = c.Delivery(ctx, deliveries.ID)
	must(err)
	if count(t, c.Deliveries(ctx, client.DeliveryFilter{Endpoint: e.ID, Event: r.ID})) != 1 {
		t.Error("the delivery is not listed")
	}
	at, err := c.Attempt(ctx, tested.ID)
	must(err)
	if len(at.RequestHeader) == 0 {
		t.Errorf("%+v", at)
	}
	if count(t, c.Attempts(ctx, client.AttemptFilter{Endpoint: e.ID, Delivery: tested.Delivery})) != 1 {
		t.Error("the attempt is not listed")
	}
	matched, err := c.Matches(ctx, client.MatchesInput{Apps: []bellhop.AppTerms{{App: "acme"}}, Events: []string{"a.*"}, Filter: bellhop.JSON(`{"nothing":[1]}`)})
	must(err)
	if matched.LookedAt != 2 || matched.Fit != 0 || matched.Fitting != nil || matched.Other == nil || matched.OtherWhy == "" {
		t.Errorf("%+v", matched)
	}
	_, err = c.EventFields(ctx, "acme", "a.*")
	must(err)
	var exported bytes.Buffer
	must(c.ExportEvents(ctx, &exported, client.JSONLines, client.EventFilter{App: "acme", Limit: 1}))
	must(c.ExportAttempts(ctx, &exported, client.CSV, client.AttemptFilter{Endpoint: e.ID}))
	must(c.ExportDeliveries(ctx, &exported, client.CSV, client.DeliveryFilter{Event: r.ID}))
	if !strings.Contains(exported.String(), r.ID.String()) || !strings.Contains(exported.String(), tested.ID.String()) {
		t.Errorf("%s", exported.String())
	}
	explained := count(t, c.Explain(ctx, r.ID))
	resent, err := c.Resend(ctx, r.ID, 0)
	must(err)
	if explained != 1 || len(resent) != 1 {
		t.Errorf("%d, %+v", explained, resent)
	}
	for d := resent[0]; d.Status == bellhop.DeliveryPending; { // what waits would not be replayed
		d, err = c.Delivery(ctx, d.ID)
		must(err)
	}
	var sum client.ReplayResult
	for step, err := range c.ReplayAll(ctx, e.ID, client.ReplayInput{Since: time.Now().Add(-time.Hour), Status: bellhop.ReplayAll, Limit: 1}) {
		must(err)
		sum = step
	}
	if sum.Matched != 3 || sum.Enqueued != 3 || !sum.Done {
		t.Errorf("%+v", sum)
	}
	must(c.Erase(ctx, r.ID))
	if n, err := c.EraseSubject(ctx, "acme", "guest:2"); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}

	_, err = c.Stats(ctx, client.StatsFilter{App: "acme", Bucket: bellhop.Duration(time.Hour)})
	must(err)
	stats, err := c.EndpointStats(ctx, e.ID, client.StatsFilter{})
	must(err)
	if stats.Lane.Circuit != "closed" {
		t.Errorf("%+v", stats)
	}
	compared, err := c.CompareEndpoints(ctx, []bellhop.EndpointID{e.ID}, client.StatsFilter{Bucket: bellhop.Duration(time.Hour)})
	must(err)
	backlog, err := c.Backlog(ctx, time.Now().Add(-time.Hour), time.Time{})
	must(err)
	failures, err := c.Failures(ctx, client.FailureFilter{App: "acme", Endpoint: e.ID})
	must(err)
	moved, err := c.TryEndpoint(ctx, e.ID, bellhop.Cause{Reason: "timeout"})
	must(err)
	_, err = c.TryDelivery(ctx, 4711)
	if len(failures.Data) != 0 || moved != 0 || err == nil || !strings.Contains(err.Error(), "no delivery") {
		t.Errorf("%+v, %d, %v", failures, moved, err)
	}
	troubled, err := c.TroubledEndpoints(ctx, "acme")
	must(err)
	if len(compared.Data) != 1 || backlog.Until.IsZero() || len(troubled) != 0 {
		t.Errorf("%+v, %+v, %+v", compared, backlog, troubled)
	}
	k, err := c.CreateKey(ctx, client.KeyInput{Role: bellhop.RoleViewer, ExpiresIn: bellhop.Duration(time.Hour)})
	must(err)
	must(c.DeleteKey(ctx, k.ID))
	link, err := c.CreatePortalLink(ctx, client.PortalInput{App: "acme", Role: bellhop.RoleEditor, Theme: "dark"})
	must(err)
	if !strings.Contains(link.URL, "/portal#token="+link.Token+"&theme=dark") {
		t.Errorf("%+v", link)
	}
	if count(t, c.Keys(ctx, client.KeyFilter{})) != 2 || count(t, c.Keys(ctx, client.KeyFilter{Kind: "portal", Limit: 1})) != 1 {
		t.Error("keys")
	}
	me, err := c.Whoami(ctx)
	must(err)
	if me.Role != bellhop.RoleAdmin || me.Portal {
		t.Errorf("%+v", me)
	}
	branding, err := c.Branding(ctx)
	must(err)
	settings, err := c.Settings(ctx)
	must(err)
	if branding.Name == "" || len(settings) != 0 {
		t.Errorf("%+v %+v", branding, settings)
	}
	if entry := first(t, c.Audit(ctx, client.AuditFilter{App: "acme"})); entry.Action != "portal_link.create" || entry.At.IsZero() {
		t.Errorf("%+v", entry)
	}
	dialects, err := c.Dialects(ctx)
	must(err)
	_, err = c.Dialect(ctx, dialects[0].Name)
	must(err)
	codes, err := c.VerificationCode(ctx, dialects[0].Name)
	must(err)
	if len(codes) != 7 || codes[0].Code == "" {
		t.Errorf("%+v", codes)
	}
	must(c.DeleteEndpoint(ctx, e.ID))
	must(c.DeleteEventType(ctx, "invoice.purchase"))
	must(c.Ready(ctx))
}

func count[T any](t *testing.T, list func(func(T, error) bool)) int {
	t.Helper()
	n := 0
	for _, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func first[T any](t *testing.T, list func(func(T, error) bool)) T {
	t.Helper()
	for v, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	t.Fatal("the list is empty")
	panic("not reached")
}

func TestProblems(t *testing.T) {
	c, server := open(t)
	_, err := c.Publish(t.Context(), client.Publication{App: "nobody", Type: "a.b", Data: bellhop.JSON(`1`)})
	p := &client.Problem{}
	if client.CodeOf(err) != bellhop.CodeUnknownApp || !as(err, &p) || len(p.Fields()) != 1 || p.Status != 422 || !strings.Contains(err.Error(), "app: ") {
		t.Errorf("%v", err)
	}
	for _, err := range client.New(server.URL, "bh_wrong", nil).Apps(t.Context()) {
		if client.CodeOf(err) != "unauthorized" {
			t.Errorf("%v", err)
		}
	}
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	_, err = client.New(elsewhere.URL, "", nil).App(t.Context(), "acme")
	if err == nil || !strings.Contains(err.Error(), "is the address right?") {
		t.Errorf("%v", err)
	}
}

func as(err error, target **client.Problem) bool {
	p, ok := err.(*client.Problem) //nolint:errorlint // the client does not wrap
	*target = p
	return ok
}

// TestStreamReconnects breaks the connections of a stream: it goes on.
func TestStreamReconnects(t *testing.T) {
	c, server := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := c.PutApp(ctx, "acme", client.AppPut{}); err != nil {
		t.Fatal(err)
	}
	e, err := c.CreateEndpoint(ctx, bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://example.com/in")})
	if err != nil {
		t.Fatal(err)
	}
	items := make(chan client.StreamItem)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for item, err := range c.Stream(ctx, client.AttemptFilter{App: "acme"}) {
			if err != nil {
				t.Error(err)
			}
			items <- item
		}
	}()
	// Tests are sent until the stream, opened in the background, brings one.
	test := func() client.StreamItem {
		for {
			if _, err := c.TestEndpoint(ctx, e.ID, "", nil); err != nil {
				t.Fatal(err)
			}
			select {
			case item := <-items:
				return item
			default:
			}
		}
	}
	if item := test(); item.Attempt == nil || item.Attempt.Endpoint != e.ID {
		t.Errorf("%+v", item)
	}
	server.CloseClientConnections()
	var item client.StreamItem
	for item = range items {
		if item.Attempt == nil {
			break
		}
	}
	if !item.Reconnected {
		t.Errorf("%+v", item)
	}
	if item := test(); item.Attempt == nil {
		t.Errorf("%+v", item)
	}
	go func() {
		for range items { //nolint:revive // lets the stream end
		}
	}()
	cancel()
	<-ended
	close(items)
}

func TestStreamRefused(t *testing.T) {
	c, _ := open(t)
	var last error
	for _, err := range c.Stream(t.Context(), client.AttemptFilter{App: "nobody"}) {
		last = err
	}
	if client.CodeOf(last) != bellhop.CodeUnknownApp {
		t.Errorf("%v", last)
	}
}
