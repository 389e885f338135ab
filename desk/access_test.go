package desk_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

// roleTable says again, independently of the code, what each role may do: the
// initials of the roles, and A for admins who are not limited to apps.
func roleTable() map[string]string {
	return map[string]string{
		"publishEvent": "Aap", "publishBatch": "Aap", "publishStream": "Aap",
		"listEvents": "Aapev", "getEvent": "Aapev", "listEventDeliveries": "Aapev",
		"explainEvent": "Aaev", "resendEvent": "Aae", "eraseEvent": "Aa", "eraseSubject": "Aa",
		"listDeliveries": "Aapev", "getDelivery": "Aapev",
		"listAttempts": "Aapev", "getAttempt": "Aapev", "streamAttempts": "Aapev",
		"listApps": "Aapev", "getApp": "Aapev", "createApp": "A", "putApp": "Aa", "patchApp": "Aa", "deleteApp": "A",
		"listEventTypes": "Aapev", "getEventType": "Aapev", "putEventType": "A", "deleteEventType": "A",
		"listEndpoints": "Aaev", "getEndpoint": "Aaev", "getEndpointStats": "Aaev",
		"createEndpoint": "Aae", "updateEndpoint": "Aae", "deleteEndpoint": "Aae", "pauseEndpoint": "Aae", "resumeEndpoint": "Aae",
		"listenEndpoint": "Aae", "answerListened": "Aae", "testEndpoint": "Aae", "checkEndpoint": "Aae", "checkRequest": "Aaev", "replayEndpoint": "Aae", "getSecrets": "Aae", "rotateSecret": "Aae", "previewEndpoint": "Aae", "testTransformation": "Aae",
		"matchEndpoint": "Aae", "listEventFields": "Aaev", "exportEvents": "Aapev", "exportDeliveries": "Aapev", "exportAttempts": "Aapev",
		"tryEndpoint": "Aae", "tryDelivery": "Aae", "listFailures": "Aaev",
		"createInbox": "Aae", "listInboxes": "Aaev", "getInbox": "Aaev", "updateInbox": "Aae", "deleteInbox": "Aae",
		"getStats": "Aaev", "getBacklog": "A", "compareEndpoints": "Aaev", "listTroubledEndpoints": "Aaev",
		"listDialects": "Aapev", "getDialect": "Aapev", "getVerificationCode": "Aapev",
		"listRecipes": "Aapev", "getRecipe": "Aapev",
		"createKey": "Aa", "listKeys": "Aa", "deleteKey": "Aa", "createPortalLink": "Aa", "listAudit": "Aa",
		"getSession": "Aapev", "endSession": "Aapev", "getSettings": "A", "getHold": "Aapev", "listNodes": "A", "listRefused": "A", "getRefused": "A", "retryRefused": "A", "deleteRefused": "A", "clearRefused": "A", "holdSending": "A", "releaseSending": "A",
		"getNotices": "A", "putNotices": "A", "testNotices": "A",
		"getAppNotices": "Aae", "putAppNotices": "Aae", "testAppNotices": "Aae",
	}
}

func TestPermits(t *testing.T) {
	table := roleTable()
	for _, op := range desk.Operations() {
		if table[op] == "" {
			t.Errorf("%s is not in the test's table", op)
		}
	}
	who := map[string]bellhop.Principal{
		"A": owner, "a": as(bellhop.RoleAdmin, "acme"), "p": as(bellhop.RolePublisher, "acme"),
		"e": as(bellhop.RoleEditor, "acme"), "v": as(bellhop.RoleViewer, "acme"),
		"nobody": {}, "no role": {Scope: bellhop.Everything()}, "another role": {Role: "root", Scope: bellhop.Everything()},
	}
	for op, permitted := range table {
		for name, p := range who {
			err := desk.Permits(p, op)
			if ok := err == nil; ok != strings.Contains(permitted, name) {
				t.Errorf("%s as %s: %v", op, name, err)
			}
			if err != nil {
				code(t, op, err, bellhop.CodeForbidden)
			}
		}
		for initial, name := range map[string]string{"p": "publisher", "e": "editor", "v": "viewer", "a": "admin"} {
			if strings.Contains(desk.Roles(op), name) != strings.Contains(permitted, initial) && initial != "a" {
				t.Errorf("%s: %s", op, desk.Roles(op))
			}
		}
	}
	// What nobody thought of is refused.
	if err := desk.Permits(owner, "formatDisk"); err == nil || bellhop.CodeOf(err) != "" {
		t.Errorf("an unknown operation: %v", err)
	}
}

// withoutPrincipal are the methods that nobody's right is decided for, and why.
var withoutPrincipal = map[string]string{
	"Authenticate":   "says who asks",
	"Missed":         "says nothing but whether",
	"AllHeld":        "says nothing but whether, as everybody may read the hold",
	"Ready":          "a probe: says nothing but whether",
	"InboxesEnabled": "says nothing but whether",
	"MayTransform":   "says nothing but whether",
	"DefaultDialect": "a setting that every session is told",
	"History":        "a setting that the answers of every list show",
	"Receive":        "whoever has the token may send",
	"Subscription":   "whoever has the token was sent it",
	"Unsubscribe":    "whoever has the token was sent it",
	"ClaimReply":     "the hash of the request is made of who asked it",
	"ForgetReply":    "the hash of the request is made of who asked it",
	"Labelled":       "leaves out of what a watcher was given",
	"StartSession":   "whoever has the key may",
	"EndSession":     "whoever has the session may",
}

// TestNobodyGetsAnything asks every method, whichever there are, as the zero
// Principal and as somebody with a role that does not exist: each says that it is
// forbidden, and nothing else.
func TestNobodyGetsAnything(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		h.endpoint("a.example")
		h.publish(`{}`)
		wait(time.Second)
		audited := h.audited()
		d := reflect.ValueOf(h.Desk)
		asked := 0
		for i := range d.NumMethod() {
			name, m := d.Type().Method(i).Name, d.Method(i)
			if m.Type().NumIn() < 2 || m.Type().In(1) != reflect.TypeFor[bellhop.Principal]() {
				if withoutPrincipal[name] == "" {
					t.Errorf("%s takes no Principal: say why it need not", name)
				}
				continue
			}
			if m.Type().In(0) != reflect.TypeFor[context.Context]() {
				t.Errorf("%s does not begin with a context", name)
			}
			asked++
			for _, p := range []bellhop.Principal{{}, {Role: "root", Scope: bellhop.Everything(), Actor: "x"}, {Scope: bellhop.Only("acme")}} {
				args := []reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(p)}
				for n := 2; n < m.Type().NumIn(); n++ {
					args = append(args, reflect.Zero(m.Type().In(n)))
				}
				results := m.Call(args)
				last := len(results) - 1
				if err, _ := results[last].Interface().(error); bellhop.CodeOf(err) != bellhop.CodeForbidden {
					t.Errorf("%s as %+v: %v", name, p, err)
				}
				for _, r := range results[:last] {
					if !r.IsZero() {
						t.Errorf("%s as %+v gives %v", name, p, r)
					}
				}
			}
		}
		if asked < 40 {
			t.Errorf("only %d methods were asked", asked)
		}
		if n := h.audited(); n != audited {
			t.Errorf("what was forbidden left %d lines in the audit log", n-audited)
		}
	})
}

// audited counts the lines of the audit log.
func (h *house) audited() int {
	h.t.Helper()
	list, err := h.Audit(h.t.Context(), owner, "", bellhop.AuditFilter{Limit: 10_000})
	if err != nil {
		h.t.Fatal(err)
	}
	return len(list)
}

// TestAppIsolation looks at everything of one app as somebody of another: it is
// answered exactly as what does not exist.
func TestAppIsolation(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		h.app("globex")
		h.net.on("a.example", status(500))
		in := h.inbox("acme", 0)
		e := h.endpoint("a.example")
		event := h.publish(`{"secret":"of acme"}`, func(p *engine.Publication) { p.Subject = "person:1" })
		wait(time.Second)
		attempt := h.attempts(bellhop.AttemptFilter{Event: event})[0]
		key, _ := h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"acme"}})

		type objects struct {
			app      string
			endpoint bellhop.EndpointID
			event    bellhop.EventID
			delivery bellhop.DeliveryID
			attempt  bellhop.AttemptID
			key      bellhop.KeyID
			inbox    string
		}
		theirs := objects{"acme", e.ID, event, attempt.Delivery, attempt.ID, key.ID, in.Token}
		nobodys := objects{"nobody", 1, 1, 1, 1, 1, "aaaaaaaaaaaaaaaaaaaaaaaaaa"}
		since := desk.Replay{Since: time.Unix(1, 0), Status: bellhop.ReplayAll}
		change := bellhop.EndpointChange{Name: bellhop.Of("mine")}
		ctx := t.Context()
		calls := map[string]func(p bellhop.Principal, o objects) error{
			"Publish": func(p bellhop.Principal, o objects) error {
				_, err := h.Publish(ctx, p, engine.Publication{App: o.app, Type: "a", Data: bellhop.JSON(`1`)})
				return err
			},
			"PublishBatch": func(p bellhop.Principal, o objects) error {
				good := engine.Publication{App: "globex", Type: "a", Data: bellhop.JSON(`1`)}
				bad := good
				bad.App = o.app
				_, err := h.PublishBatch(ctx, p, []engine.Publication{good, bad})
				return err
			},
			"Event": func(p bellhop.Principal, o objects) error { _, err := h.Event(ctx, p, o.event); return err },
			"Events": func(p bellhop.Principal, o objects) error {
				_, err := h.Events(ctx, p, o.app, desk.EventQuery{})
				return err
			},
			"EventDeliveries": func(p bellhop.Principal, o objects) error {
				_, err := h.EventDeliveries(ctx, p, o.event, bellhop.DeliveryFilter{})
				return err
			},
			"Explain":    func(p bellhop.Principal, o objects) error { _, err := h.Explain(ctx, p, o.event, 0, 10); return err },
			"Resend":     func(p bellhop.Principal, o objects) error { _, err := h.Resend(ctx, p, o.event, 0); return err },
			"EraseEvent": func(p bellhop.Principal, o objects) error { return h.EraseEvent(ctx, p, o.event) },
			"EraseSubject": func(p bellhop.Principal, o objects) error {
				_, err := h.EraseSubject(ctx, p, o.app, "person:1")
				return err
			},
			"Delivery": func(p bellhop.Principal, o objects) error { _, err := h.Delivery(ctx, p, o.delivery); return err },
			"Deliveries": func(p bellhop.Principal, o objects) error {
				_, err := h.Deliveries(ctx, p, o.app, bellhop.DeliveryFilter{})
				return err
			},
			"Attempt": func(p bellhop.Principal, o objects) error { _, err := h.Attempt(ctx, p, o.attempt); return err },
			"Attempts": func(p bellhop.Principal, o objects) error {
				_, err := h.Attempts(ctx, p, o.app, bellhop.AttemptFilter{})
				return err
			},
			"Watch": func(p bellhop.Principal, o objects) error {
				_, err := h.Watch(ctx, p, o.app, bellhop.AttemptFilter{}, bellhop.LabelFilter{})
				return err
			},
			"Audit": func(p bellhop.Principal, o objects) error {
				_, err := h.Audit(ctx, p, o.app, bellhop.AuditFilter{})
				return err
			},
			"App": func(p bellhop.Principal, o objects) error { _, err := h.App(ctx, p, o.app); return err },
			"PutApp": func(p bellhop.Principal, o objects) error {
				_, _, err := h.PutApp(ctx, p, o.app, desk.AppChange{})
				return err
			},
			"PatchApp": func(p bellhop.Principal, o objects) error {
				_, err := h.PatchApp(ctx, p, o.app, desk.AppChange{})
				return err
			},
			"Endpoint": func(p bellhop.Principal, o objects) error { _, err := h.Endpoint(ctx, p, o.endpoint); return err },
			"Endpoints": func(p bellhop.Principal, o objects) error {
				_, err := h.Endpoints(ctx, p, o.app, bellhop.EndpointFilter{})
				return err
			},
			"CreateEndpoint": func(p bellhop.Principal, o objects) error {
				_, _, err := h.CreateEndpoint(ctx, p, hook("b.example", of("globex", o.app)))
				return err
			},
			"CreateEndpoint at an inbox": func(p bellhop.Principal, o objects) error {
				_, _, err := h.CreateEndpoint(ctx, p, hook("", of("globex"), at(inboxURL+o.inbox)))
				return err
			},
			"UpdateEndpoint": func(p bellhop.Principal, o objects) error {
				_, err := h.UpdateEndpoint(ctx, p, o.endpoint, change)
				return err
			},
			"PauseEndpoint":  func(p bellhop.Principal, o objects) error { _, err := h.PauseEndpoint(ctx, p, o.endpoint); return err },
			"ResumeEndpoint": func(p bellhop.Principal, o objects) error { _, err := h.ResumeEndpoint(ctx, p, o.endpoint); return err },
			"DeleteEndpoint": func(p bellhop.Principal, o objects) error { return h.DeleteEndpoint(ctx, p, o.endpoint) },
			"TestEndpoint": func(p bellhop.Principal, o objects) error {
				_, err := h.TestEndpoint(ctx, p, o.endpoint, "", nil)
				return err
			},
			"Replay":  func(p bellhop.Principal, o objects) error { _, err := h.Replay(ctx, p, o.endpoint, since); return err },
			"Secrets": func(p bellhop.Principal, o objects) error { _, err := h.Secrets(ctx, p, o.endpoint); return err },
			"RotateSecret": func(p bellhop.Principal, o objects) error {
				_, _, err := h.RotateSecret(ctx, p, o.endpoint, nil, "")
				return err
			},
			"Preview": func(p bellhop.Principal, o objects) error {
				_, err := h.Preview(ctx, p, desk.PreviewRequest{Endpoint: hook("b.example", of(o.app))})
				return err
			},
			"Preview of an app": func(p bellhop.Principal, o objects) error {
				_, err := h.Preview(ctx, p, desk.PreviewRequest{App: o.app})
				return err
			},
			"Stats": func(p bellhop.Principal, o objects) error {
				_, err := h.Stats(ctx, p, desk.StatsQuery{App: o.app})
				return err
			},
			"EndpointStats": func(p bellhop.Principal, o objects) error {
				_, err := h.EndpointStats(ctx, p, o.endpoint, desk.StatsRange{})
				return err
			},
			"CompareEndpoints": func(p bellhop.Principal, o objects) error {
				_, err := h.CompareEndpoints(ctx, p, []bellhop.EndpointID{o.endpoint}, desk.StatsRange{})
				return err
			},
			"Troubled": func(p bellhop.Principal, o objects) error { _, err := h.Troubled(ctx, p, o.app, 0); return err },
			"CreateKey": func(p bellhop.Principal, o objects) error {
				_, _, err := h.CreateKey(ctx, p, bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"globex", o.app}})
				return err
			},
			"a portal link": func(p bellhop.Principal, o objects) error {
				_, _, err := h.CreateKey(ctx, p, bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{o.app}, Portal: true})
				return err
			},
			"DeleteKey": func(p bellhop.Principal, o objects) error { return h.DeleteKey(ctx, p, o.key) },
			"CreateInbox": func(p bellhop.Principal, o objects) error {
				_, err := h.CreateInbox(ctx, p, o.app, 0)
				return err
			},
			"Inboxes": func(p bellhop.Principal, o objects) error { _, err := h.Inboxes(ctx, p, o.app); return err },
			"Inbox":   func(p bellhop.Principal, o objects) error { _, _, err := h.Inbox(ctx, p, o.inbox, 0); return err },
			"AnswerInbox": func(p bellhop.Principal, o objects) error {
				_, err := h.AnswerInbox(ctx, p, o.inbox, desk.AnswerChange{Status: bellhop.Of(500)})
				return err
			},
			"Listen": func(p bellhop.Principal, o objects) error {
				_, err := h.Listen(ctx, p, o.endpoint, "f3a1c0d29be84b6a")
				return err
			},
			"AnswerListened": func(p bellhop.Principal, o objects) error {
				return h.AnswerListened(ctx, p, o.endpoint, "f3a1c0d29be84b6a", "x", desk.ListenAnswer{Status: 200})
			},
			"DeleteInbox": func(p bellhop.Principal, o objects) error { return h.DeleteInbox(ctx, p, o.inbox) },
		}
		words := func(o objects, err error) string {
			if err == nil {
				return ""
			}
			return strings.NewReplacer(`"`+o.app+`"`, "APP", " "+o.app, " APP", o.endpoint.String(), "ENDPOINT", o.event.String(), "EVENT",
				o.delivery.String(), "DELIVERY", o.attempt.String(), "ATTEMPT", o.key.String(), "KEY", o.inbox, "INBOX").Replace(err.Error())
		}
		for name, call := range calls {
			for _, role := range []bellhop.Role{bellhop.RoleAdmin, bellhop.RoleEditor, bellhop.RoleViewer, bellhop.RolePublisher} {
				p := as(role, "globex")
				x, y := words(theirs, call(p, theirs)), words(nobodys, call(p, nobodys))
				if x == "" || x != y {
					t.Errorf("%s as %s:\nanother app's: %s\nnobody's:      %s", name, role, x, y)
				}
			}
		}

		// Lists of everything have nothing of it.
		admin := as(bellhop.RoleAdmin, "globex")
		everything := func(p bellhop.Principal) []string {
			events, err1 := h.Events(ctx, p, "", desk.EventQuery{EventFilter: bellhop.EventFilter{Limit: 10}})
			deliveries, err2 := h.Deliveries(ctx, p, "", bellhop.DeliveryFilter{Limit: 10})
			attempts, err3 := h.Attempts(ctx, p, "", bellhop.AttemptFilter{Limit: 10})
			endpoints, err4 := h.Endpoints(ctx, p, "", bellhop.EndpointFilter{})
			keys, err5 := h.Keys(ctx, p, desk.KeyFilter{})
			inboxes, err6 := h.Inboxes(ctx, p, "")
			stats, err7 := h.Stats(ctx, p, desk.StatsQuery{StatsRange: desk.StatsRange{Until: time.Now().Add(time.Hour)}})
			for _, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
				if err != nil {
					t.Error(err)
				}
			}
			var found []string
			for what, n := range map[string]int{
				"events": len(events.Events), "deliveries": len(deliveries), "attempts": len(attempts), "endpoints": len(endpoints),
				"keys": len(keys), "inboxes": len(inboxes), "stats": int(stats.Total.Failed),
			} {
				if n > 0 {
					found = append(found, what)
				}
			}
			slices.Sort(found)
			return found
		}
		if got := everything(admin); len(got) != 0 {
			t.Errorf("an admin of globex sees acme's %v", got)
		}
		if got := everything(bellhop.Principal{Role: bellhop.RoleAdmin}); len(got) != 0 {
			t.Errorf("an admin of nothing sees %v", got)
		}
		if got := everything(as(bellhop.RoleAdmin, "acme")); len(got) != 7 {
			t.Errorf("an admin of acme sees its %v alone", got)
		}
		apps, err := h.Apps(ctx, admin, "", 0)
		if err != nil || len(apps) != 1 || apps[0].ID != "globex" {
			t.Errorf("apps: %+v, %v", apps, err)
		}
		entries, err := h.Audit(ctx, admin, "", bellhop.AuditFilter{Limit: 100})
		if err != nil {
			t.Error(err)
		}
		for _, x := range entries {
			if !slices.Equal(x.Apps, []string{"globex"}) {
				t.Errorf("an entry of %v: %+v", x.Apps, x)
			}
		}
	})
}

// TestSharedEndpoint: who reaches one of an endpoint's apps may look at it, and
// change nothing.
func TestSharedEndpoint(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		e := h.endpoint("a.example", of("acme", "globex"))
		editor, both := as(bellhop.RoleEditor, "acme"), as(bellhop.RoleEditor, "acme", "globex")
		ctx := t.Context()
		seen, err := h.Endpoint(ctx, editor, e.ID)
		if err != nil || !slices.Equal(seen.Apps, []string{"acme"}) {
			t.Errorf("an editor of acme sees the apps %v, %v", seen.Apps, err)
		}
		for name, call := range map[string]func(p bellhop.Principal) error{
			"update": func(p bellhop.Principal) error {
				_, err := h.UpdateEndpoint(ctx, p, e.ID, bellhop.EndpointChange{Name: bellhop.Of("x")})
				return err
			},
			"take it over": func(p bellhop.Principal) error {
				_, err := h.UpdateEndpoint(ctx, p, e.ID, bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"})})
				return err
			},
			"pause":  func(p bellhop.Principal) error { _, err := h.PauseEndpoint(ctx, p, e.ID); return err },
			"resume": func(p bellhop.Principal) error { _, err := h.ResumeEndpoint(ctx, p, e.ID); return err },
			"test":   func(p bellhop.Principal) error { _, err := h.TestEndpoint(ctx, p, e.ID, "", nil); return err },
			"replay": func(p bellhop.Principal) error {
				_, err := h.Replay(ctx, p, e.ID, desk.Replay{Since: time.Unix(1, 0), Status: bellhop.ReplayAll})
				return err
			},
			"secrets": func(p bellhop.Principal) error { _, err := h.Secrets(ctx, p, e.ID); return err },
			"rotate":  func(p bellhop.Principal) error { _, _, err := h.RotateSecret(ctx, p, e.ID, nil, ""); return err },
			"delete":  func(p bellhop.Principal) error { return h.DeleteEndpoint(ctx, p, e.ID) },
		} {
			err := call(editor)
			code(t, name, err, bellhop.CodeForbidden)
			if err != nil && strings.Contains(err.Error(), "globex") {
				t.Errorf("%s names the other app: %v", name, err)
			}
		}
		if _, err := h.UpdateEndpoint(ctx, both, e.ID, bellhop.EndpointChange{Name: bellhop.Of("ours")}); err != nil {
			t.Error(err)
		}
		_, _, err = h.CreateEndpoint(ctx, editor, hook("b.example", of("acme", "globex")))
		code(t, "an endpoint for another app, too", err, bellhop.CodeUnknownApp, "apps[1]")
		_, err = h.UpdateEndpoint(ctx, both, e.ID, bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme", "globex", "nobody"})})
		code(t, "an app that does not exist", err, bellhop.CodeUnknownApp, "apps[2]")
	})
}

// TestRightsAreDecidedAgain: between the look and the save the endpoint may have
// become one of others, too.
func TestRightsAreDecidedAgain(t *testing.T) {
	simulate(t, func(t *testing.T) {
		var meanwhile func()
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if f := meanwhile; f != nil && strings.HasPrefix(step, "SaveEndpoint") {
				meanwhile = nil
				f()
			}
			return nil
		}), desk.Options{})
		h.app("globex")
		e := h.endpoint("a.example")
		meanwhile = func() { h.set(e.ID, bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme", "globex"})}) }
		_, err := h.UpdateEndpoint(t.Context(), as(bellhop.RoleEditor, "acme"), e.ID, bellhop.EndpointChange{URL: bellhop.Of("https://evil.example/")})
		code(t, "an update that came late", err, bellhop.CodeForbidden)
		if got := h.all()[0]; got.URL != e.URL || len(got.Apps) != 2 {
			t.Errorf("%+v", got)
		}
	})
}
