package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

func TestBadEndpointsAreRefusedByField(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		good := h.endpoint("a.example")
		type change = func(*bellhop.EndpointChange)
		url := func(u string) change { return func(c *bellhop.EndpointChange) { c.URL = bellhop.Of(u) } }
		retry := func(d ...bellhop.Duration) change {
			return func(c *bellhop.EndpointChange) { c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: d}) }
		}
		headers := func(k, v string) change {
			return func(c *bellhop.EndpointChange) { c.Headers = bellhop.Of(map[string]string{k: v}) }
		}
		for name, c := range map[string]struct {
			change change
			field  string
			code   string
		}{
			"no url":             {url(""), "url", "url_invalid"},
			"relative":           {url("/hook"), "url", "url_invalid"},
			"plain http":         {url("http://a.example/"), "url", "url_scheme"},
			"credentials":        {url("https://me:secret@a.example/"), "url", "url_credentials"},
			"fragment":           {url("https://a.example/#x"), "url", "url_fragment"},
			"loopback":           {url("https://127.0.0.1/"), "url", "url_address"},
			"private":            {url("https://10.1.2.3/"), "url", "url_address"},
			"metadata":           {url("https://[::ffff:169.254.169.254]/"), "url", "url_address"},
			"localhost.":         {url("https://localhost./"), "url", "url_address"},
			"stray % in a path":  {url("https://a.example/%zz"), "url", "url_invalid"},
			"stray % in a query": {url("https://a.example/?x=%zz"), "url", "url_invalid"},
			"header value":       {headers("X-A", "café"), "headers.X-A", "header"},
			"no apps":            {func(c *bellhop.EndpointChange) { c.Apps = bellhop.Of([]string{}) }, "apps", "length"},
			"bad pattern":        {func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"a", "*.b"}) }, "events[1]", "pattern"},
			"bad subject":        {func(c *bellhop.EndpointChange) { c.Subjects = bellhop.Of([]string{"a\nb"}) }, "subjects[0]", "pattern"},
			"bad filter":         {func(c *bellhop.EndpointChange) { c.Filter = bellhop.Of(bellhop.JSON(`{"a":{"b":[{"prefx":"x"}]}}`)) }, "filter/a/b/0/prefx", "filter"},
			"unknown dialect":    {func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("klingon") }, "dialect", "unknown_dialect"},
			"bad status":         {func(c *bellhop.EndpointChange) { c.Status = bellhop.Of(bellhop.EndpointStatus("off")) }, "status", "enum"},
			"bad ordering":       {func(c *bellhop.EndpointChange) { c.Ordering = bellhop.Of(bellhop.Ordering("lifo")) }, "ordering", "enum"},
			"timeout too long":   {func(c *bellhop.EndpointChange) { c.Timeout = bellhop.Of(bellhop.Duration(time.Hour)) }, "timeout", "range"},
			"concurrency":        {func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(-1) }, "concurrency", "range"},
			"rate":               {func(c *bellhop.EndpointChange) { c.RateLimit = bellhop.Of(&bellhop.RateLimit{PerSecond: -1}) }, "rate_limit.per_second", "range"},
			"retry too short":    {retry(bellhop.Duration(time.Millisecond)), "retry[0]", "retry"},
			"reserved header":    {headers("content-length", "5"), "headers.content-length", "header"},
			"dialect's header":   {headers("Webhook-Signature", "v1,x"), "headers.Webhook-Signature", "header"},
			"another's header":   {headers("x-github-event", "push"), "headers.x-github-event", "header"},
			"header injection":   {headers("X-A", "b\r\nX-C: d"), "headers.X-A", "header"},
			"header name":        {headers("X A", "b"), "headers.X A", "header"},
			"secret of the form": {func(c *bellhop.EndpointChange) { c.Secret = bellhop.Of("hunter2hunter2") }, "secret", "secret"},
		} {
			ch := bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://a.example/")}
			c.change(&ch)
			_, _, err := h.CreateEndpoint(t.Context(), owner, ch)
			e, ok := errors.AsType[*bellhop.Error](err)
			if !ok || len(e.Fields) != 1 || e.Fields[0].Field != c.field || e.Fields[0].Code != c.code {
				t.Errorf("%s: %+v, want field %s with code %s", name, err, c.field, c.code)
				continue
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "me:secret") {
				t.Errorf("%s: the error echoes a secret: %v", name, err)
			}
			if name != "no apps" && name != "secret of the form" {
				ch.Apps.Set = false
				if _, err := h.UpdateEndpoint(t.Context(), owner, good.ID, ch); bellhop.CodeOf(err) != bellhop.CodeInvalid {
					t.Errorf("%s, as an update: %v", name, err)
				}
			}
		}
		if n := len(h.all()); n != 1 {
			t.Errorf("%d endpoints after refusals alone", n)
		}
		if _, _, err := h.CreateEndpoint(t.Context(), owner, bellhop.EndpointChange{Apps: bellhop.Of([]string{"nobody"}), URL: bellhop.Of("https://a.example/")}); bellhop.CodeOf(err) != bellhop.CodeUnknownApp {
			t.Errorf("unknown app: %v", err)
		}
	})
}

func TestCatalogue(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.EnforceEventTypes = true })
		save := func(et bellhop.EventType) {
			t.Helper()
			if _, _, err := h.PutEventType(t.Context(), owner, et); err != nil {
				t.Fatal(err)
			}
		}
		save(bellhop.EventType{Name: "invoice.purchase", Validate: true, Schema: bellhop.JSON(`{
			"type":"object","required":["total"],"properties":{"total":{"type":"number","minimum":0},"items":{"type":"array","items":{"type":"object","properties":{"price":{"type":"number"}}}}}}`)})
		save(bellhop.EventType{Name: "invoice.old", Archived: true})
		try := func(eventType, data string) *bellhop.Error {
			_, err := h.Publish(t.Context(), owner, engine.Publication{App: "acme", Type: eventType, Data: bellhop.JSON(data)})
			e, _ := errors.AsType[*bellhop.Error](err)
			return e
		}
		if e := try("invoice.purchase", `{"total":5}`); e != nil {
			t.Errorf("good data: %v", e)
		}
		e := try("invoice.purchase", `{"total":-5,"items":[{"price":"x"},{"price":1},{"price":[]}]}`)
		if e == nil || e.Code != bellhop.CodeInvalidData || len(e.Fields) != 3 {
			t.Fatalf("bad data: %v", e)
		}
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, f.Field)
		}
		for _, want := range []string{"data/total", "data/items/0/price", "data/items/2/price"} {
			if !strings.Contains(strings.Join(fields, " "), want) {
				t.Errorf("%s is not named among %v", want, fields)
			}
		}
		if e := try("ticket.created", `{}`); e == nil || e.Code != bellhop.CodeUnknownType {
			t.Errorf("unknown type: %v", e)
		}
		if e := try("invoice.old", `{}`); e == nil || e.Code != bellhop.CodeArchivedType {
			t.Errorf("archived type: %v", e)
		}
		for name, et := range map[string]bellhop.EventType{
			"remote reference":    {Name: "a", Schema: bellhop.JSON(`{"$ref":"http://169.254.169.254/latest"}`)},
			"file reference":      {Name: "a", Schema: bellhop.JSON(`{"$ref":"file:///etc/passwd"}`)},
			"not a schema":        {Name: "a", Schema: bellhop.JSON(`{"type":"nonsense"}`)},
			"example breaks it":   {Name: "a", Schema: bellhop.JSON(`{"type":"object"}`), Example: bellhop.JSON(`[]`)},
			"validate without it": {Name: "a", Validate: true},
			"reserved":            {Name: "bellhop.mine"},
			"bad name":            {Name: "a..b"},
		} {
			if _, _, err := h.PutEventType(t.Context(), owner, et); bellhop.CodeOf(err) != bellhop.CodeInvalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestEveryBreachOfASchemaIsRefused(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		for i, schema := range []string{
			`false`, `{"allOf":[false]}`, `{"properties":{"a":false}}`, `{"not":{}}`, `{"anyOf":[{"type":"string"}]}`,
			`{"oneOf":[{},{}]}`, `{"if":{},"then":false}`, `{"dependentSchemas":{"a":false}}`, `{"propertyNames":{"maxLength":0}}`,
			`{"unevaluatedProperties":false}`, `{"additionalProperties":false}`, `{"allOf":[{"type":"string"}]}`,
			`{"$ref":"#/$defs/x","$defs":{"x":false}}`, `{"$ref":"#/$defs/x","$defs":{"x":{"type":"string"}}}`,
			`{"properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}}}`,
			`{"properties":{"a":{"$ref":"#/$defs/x"}},"required":["b"],"$defs":{"x":{"type":"string"}}}`,
		} {
			name := fmt.Sprintf("t%d", i)
			if _, _, err := h.PutEventType(t.Context(), owner, bellhop.EventType{Name: name, Schema: bellhop.JSON(schema), Validate: true}); err != nil {
				t.Errorf("%s: %v", schema, err)
				continue
			}
			_, err := h.Publish(t.Context(), owner, engine.Publication{App: "acme", Type: name, Data: bellhop.JSON(`{"a":1}`)})
			if e, ok := errors.AsType[*bellhop.Error](err); !ok || e.Code != bellhop.CodeInvalidData || len(e.Fields) == 0 {
				t.Errorf("%s: %v", schema, err)
			}
		}
	})
}

func TestBadPublicationsAreRefusedByField(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.MaxData = 1000 })
		for name, c := range map[string]struct {
			p     engine.Publication
			code  bellhop.Code
			field string
		}{
			"no app":        {engine.Publication{Type: "a", Data: bellhop.JSON(`1`)}, bellhop.CodeUnknownApp, "app"},
			"no type":       {engine.Publication{App: "acme", Data: bellhop.JSON(`1`)}, bellhop.CodeInvalid, "type"},
			"bad type":      {engine.Publication{App: "acme", Type: "a b", Data: bellhop.JSON(`1`)}, bellhop.CodeInvalid, "type"},
			"reserved type": {engine.Publication{App: "acme", Type: "bellhop.x", Data: bellhop.JSON(`1`)}, bellhop.CodeInvalid, "type"},
			"no data":       {engine.Publication{App: "acme", Type: "a"}, bellhop.CodeInvalid, "data"},
			"not JSON":      {engine.Publication{App: "acme", Type: "a", Data: bellhop.JSON(`{`)}, bellhop.CodeInvalid, "data"},
			"not UTF-8":     {engine.Publication{App: "acme", Type: "a", Data: bellhop.JSON("\"\xff\"")}, bellhop.CodeInvalid, "data"},
			"too large":     {engine.Publication{App: "acme", Type: "a", Data: bellhop.JSON(`"` + strings.Repeat("x", 1000) + `"`)}, bellhop.CodeTooLarge, "data"},
			"bad subject":   {engine.Publication{App: "acme", Type: "a", Subject: "x\x00", Data: bellhop.JSON(`1`)}, bellhop.CodeInvalid, "subject"},
			"long id":       {engine.Publication{App: "acme", Type: "a", ExternalID: strings.Repeat("x", 300), Data: bellhop.JSON(`1`)}, bellhop.CodeInvalid, "id"},
			"far future":    {engine.Publication{App: "acme", Type: "a", DeliverAt: time.Now().Add(9000 * time.Hour), Data: bellhop.JSON(`1`)}, bellhop.CodeInvalid, "deliver_at"},
		} {
			_, err := h.Publish(t.Context(), owner, c.p)
			e, ok := errors.AsType[*bellhop.Error](err)
			if !ok || e.Code != c.code || len(e.Fields) != 1 || e.Fields[0].Field != c.field {
				t.Errorf("%s: %+v", name, err)
			}
		}
	})
}

func TestVerificationBeforeSaving(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("no.example", status(404))
		h.net.on("created.example", status(201))
		create := func(host, dialect string, verify bellhop.Field[bool]) error {
			_, _, err := h.CreateEndpoint(t.Context(), owner, bellhop.EndpointChange{
				Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://" + host + "/"), Dialect: bellhop.Of(dialect), Verify: verify,
			})
			return err
		}
		yes, no, unset := bellhop.Of(true), bellhop.Of(false), bellhop.Field[bool]{}
		for _, c := range []struct {
			host, dialect string
			verify        bellhop.Field[bool]
			ok            bool
		}{
			{"no.example", "standard", yes, false},
			{"no.example", "standard", unset, true},
			{"created.example", "standard", yes, true},
			{"no.example", "allthings", unset, false},
			{"created.example", "allthings", unset, false}, // only 200 will do
			{"no.example", "allthings", no, true},
		} {
			before := len(h.all())
			err := create(c.host, c.dialect, c.verify)
			if (err == nil) != c.ok || err != nil && bellhop.CodeOf(err) != bellhop.CodeVerification {
				t.Errorf("%+v: %v", c, err)
			}
			if saved := len(h.all()) - before; (saved == 1) != c.ok {
				t.Errorf("%+v: %d endpoints were saved", c, saved)
			}
		}
		for _, r := range h.net.at("created.example") {
			signed := r.header.Get("webhook-signature") != "" || r.header.Get("x-allthings-signature") != ""
			if isStandard := r.header.Get("webhook-id") != ""; signed != isStandard {
				t.Errorf("signed: %v; the allthings dialect calls unsigned, the others signed", signed)
			}
		}
	})
}

// TestTestsAreSignedAsTheDialectSays: the documented receiver of allthings takes
// whatever is unsigned as a test, and refuses signed events of types it does not know.
func TestTestsAreSignedAsTheDialectSays(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		for dialect, header := range map[string]string{"standard": "webhook-signature", "allthings": "x-allthings-signature"} {
			h.net.on(dialect+".example", status(200))
			e := h.endpoint(dialect+".example", func(e *bellhop.EndpointChange) { e.Dialect = bellhop.Of(dialect) })
			before := len(h.net.at(dialect + ".example"))
			a, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil)
			if err != nil || a.Status != bellhop.AttemptSucceeded {
				t.Fatalf("%s: %+v, %v", dialect, a, err)
			}
			h.publish(`{}`)
			wait(time.Second)
			sent := h.net.at(dialect + ".example")[before:]
			if len(sent) != 2 {
				t.Fatalf("%s: %d requests", dialect, len(sent))
			}
			if signed := sent[0].header.Get(header) != ""; signed != (dialect == "standard") {
				t.Errorf("%s: the test is signed: %v", dialect, signed)
			}
			if sent[1].header.Get(header) == "" {
				t.Errorf("%s: the event is not signed", dialect)
			}
		}
	})
}

func TestTestEventIsAnsweredAtOnceAndNotRetried(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(500))
		e := h.endpoint("a.example")
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		a, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil)
		if err != nil || a.Status != bellhop.AttemptFailed || !a.Final || a.ResponseStatus != 500 || a.Type != desk.TypeTest {
			t.Errorf("test of a paused endpoint: %+v, %v", a, err)
		}
		wait(24 * time.Hour)
		if n := len(h.net.at("a.example")); n != 1 {
			t.Errorf("%d requests", n)
		}
		if list := h.attempts(bellhop.AttemptFilter{Endpoint: e.ID}); len(list) != 1 || list[0].Trigger != bellhop.TriggerTest {
			t.Errorf("log: %+v", list)
		}
	})
}

// TestTheOperatorsRetrySchedule is that of endpoints that name none, and of no others.
func TestTheOperatorsRetrySchedule(t *testing.T) {
	simulate(t, func(t *testing.T) {
		mine := bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Minute)}}
		own := bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Hour), bellhop.Duration(time.Hour)}}
		h := openOn(t, memstore.New(), desk.Options{DefaultRetry: mine})
		h.net.on("down.example", status(500))
		down := h.endpoint("down.example")
		chosen := h.endpoint("chosen.example", func(c *bellhop.EndpointChange) { c.Retry = bellhop.Of(own) })
		h.publish(`{}`)
		wait(time.Hour)
		if n := len(h.net.at("down.example")); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
		named := h.set(chosen.ID, bellhop.EndpointChange{Name: bellhop.Of("x")})
		reset := h.set(chosen.ID, bellhop.EndpointChange{Retry: bellhop.Field[bellhop.RetryPolicy]{Set: true}})
		if !slices.Equal(named.Retry.Delays, own.Delays) || !slices.Equal(reset.Retry.Delays, mine.Delays) || !slices.Equal(down.Retry.Delays, mine.Delays) {
			t.Errorf("%v, %v, %v", named.Retry, reset.Retry, down.Retry)
		}
	})
}

// An endpoint is found by its id, its uid or its former id, in each of its apps, by those who
// reach them.
func TestEndpointNamed(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		first := h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.UID, c.FormerID = bellhop.Of("books"), bellhop.Of("ep_2Xyz")
		})
		second := h.endpoint("b.example")
		for name, want := range map[string]bellhop.EndpointID{
			"books": first.ID, "ep_2Xyz": first.ID, first.ID.String(): first.ID, second.ID.String(): second.ID, "nobody": 0, "": 0,
		} {
			e, err := h.EndpointNamed(t.Context(), owner, "acme", name)
			plain, plainErr := h.PlainEndpoint(t.Context(), owner, "acme", name)
			if e.ID != want || plain.ID != want || (want == 0) != bellhop.IsNotFound(err) || (want == 0) != bellhop.IsNotFound(plainErr) {
				t.Errorf("%q: %v, %v; %v, %v", name, e.ID, err, plain.ID, plainErr)
			}
		}
		_, err := h.EndpointNamed(t.Context(), as(bellhop.RoleEditor, "globex"), "acme", "books")
		code(t, "of an app beyond the scope", err, bellhop.CodeUnknownApp, "app")
		_, err = h.EndpointNamed(t.Context(), as(bellhop.RolePublisher, "acme"), "acme", "books")
		code(t, "by a publisher", err, bellhop.CodeForbidden)
	})
}

// No endpoint passes for another one: former ids are for admins to give, and neither they nor
// uids can be the id of an endpoint.
func TestNamesOfOthers(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		first := h.endpoint("a.example")
		named := func(uid, former string) func(*bellhop.EndpointChange) {
			return func(c *bellhop.EndpointChange) {
				c.UID, c.FormerID = bellhop.Of(uid), bellhop.Of(former)
			}
		}
		create := func(p bellhop.Principal, uid, former string) (bellhop.Endpoint, error) {
			e, _, err := h.CreateEndpoint(t.Context(), p, hook("b.example", named(uid, former)))
			return e, err
		}
		editor, admin := as(bellhop.RoleEditor, "acme"), as(bellhop.RoleAdmin, "acme")
		elsewhere := bellhop.EndpointID(42).String() // of another installation
		for _, former := range []string{first.ID.String(), elsewhere, "old"} {
			_, err := create(editor, "", former)
			code(t, "by an editor: "+former, err, bellhop.CodeForbidden, "former_id")
		}
		for _, p := range []bellhop.Principal{admin, owner} {
			for _, mine := range []string{first.ID.String(), strings.ToLower(first.ID.String())} {
				_, err := create(p, "", mine)
				code(t, "another's id as former id", err, bellhop.CodeInvalid, "former_id")
			}
			for _, mine := range []string{first.ID.String(), elsewhere} {
				_, err := create(p, mine, "")
				code(t, "an id as uid", err, bellhop.CodeInvalid, "uid")
				_, err = h.UpdateEndpoint(t.Context(), p, first.ID, bellhop.EndpointChange{UID: bellhop.Of(mine)})
				code(t, "an id as uid, later", err, bellhop.CodeInvalid, "uid")
			}
			for _, dots := range []string{".", ".."} {
				_, err := create(p, dots, "")
				code(t, "a uid of dots", err, bellhop.CodeInvalid, "uid")
			}
		}
		for i, former := range []string{elsewhere, "ep_2Xyz"} {
			e, err := create(admin, fmt.Sprint("moved", i), former)
			if err != nil {
				t.Fatal(err)
			}
			if found, err := h.PlainEndpoint(t.Context(), editor, "acme", former); err != nil || found.ID != e.ID {
				t.Errorf("%s: %v, %v", former, found.ID, err)
			}
			// Who leaves it as it is may say so.
			if _, err := h.UpdateEndpoint(t.Context(), editor, e.ID, bellhop.EndpointChange{FormerID: bellhop.Of(former)}); err != nil {
				t.Error(err)
			}
			// What an import noted is for admins, too.
			noted := bellhop.EndpointChange{Imported: bellhop.Of("Svix 1f")}
			_, err = h.UpdateEndpoint(t.Context(), editor, e.ID, noted)
			code(t, "noted by an editor", err, bellhop.CodeForbidden, "imported")
			if e, err := h.UpdateEndpoint(t.Context(), admin, e.ID, noted); err != nil || e.Imported != "Svix 1f" {
				t.Errorf("%q, %v", e.Imported, err)
			}
		}
		if _, err := create(editor, "mine", ""); err != nil {
			t.Errorf("an editor's, without a former id: %v", err)
		}
	})
}
