package manifest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/native"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/seal"
	"github.com/bellhop/bellhop/manifest"
	"github.com/bellhop/bellhop/memstore"
	"github.com/bellhop/bellhop/notice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve gives a client of a server that sends nothing.
func serve(t *testing.T) *client.Client {
	t.Helper()
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	store := memstore.New()
	e, err := engine.New(t.Context(), store, engine.Config{Sealer: ring, Logger: quiet})
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
	return client.New(server.URL, token, nil)
}

func read(t *testing.T, text string) manifest.Document {
	t.Helper()
	d, err := manifest.Parse("acme.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func plan(t *testing.T, c *client.Client, d manifest.Document, o manifest.PlanOptions) *manifest.Plan {
	t.Helper()
	p, err := manifest.MakePlan(t.Context(), c, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// failure is why no plan is made.
func failure(t *testing.T, c *client.Client, d manifest.Document, o manifest.PlanOptions) error {
	t.Helper()
	p, err := manifest.MakePlan(t.Context(), c, d, o)
	if err == nil {
		t.Errorf("a plan of %d steps was made", len(p.Steps))
	}
	return err
}

// told is a plan in lines.
func told(p *manifest.Plan) (lines []string) {
	for _, s := range p.Steps {
		if s.Nothing() && len(s.Without) == 0 {
			continue // it only notes where the object came from
		}
		line := string(s.Action) + " " + s.Kind + " " + s.Name
		if s.Action == manifest.Change {
			for _, f := range s.Fields {
				line += "; " + f.Field + ": " + f.From + " → " + f.To
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// apply makes the server what a document says, which must work as a whole.
func apply(t *testing.T, c *client.Client, d manifest.Document, o manifest.PlanOptions) []string {
	t.Helper()
	p := plan(t, c, d, o)
	err := p.Apply(t.Context(), c, func(a manifest.Applied) {
		if a.Err != nil {
			t.Errorf("%s %s %s: %v", a.Step.Action, a.Step.Kind, a.Step.Name, a.Err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return told(p)
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  %s\nwanted\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

const acme = `
event_types:
- {name: invoice.paid, description: Paid., schema: {type: object}, example: {n: 1.0}}
- {name: invoice.void}
apps:
- {id: acme, uid: acme-1, name: Acme, metadata: {plan: gold}, dialect_options: {stripe: {api_version: x}}}
- {id: globex}
endpoints:
- uid: books
  apps: [acme, {app: globex, subjects: ["ticket:*"]}]
  url: https://example.com/books
  name: Books
  events: [invoice.void, invoice.paid]
  channels: [eu, us]
  filter: {total: [{numeric: [">", 100]}]}
  headers: {X-Token: abc}
  timeout: 90s
  retry: {initial: 5s, factor: 2, max: 1h, until: 2d}
  rate_limit: {per_second: 5, burst: 5}
  ordering: subject
  metadata: {owner: ann}
  transform: {code: "function transform(event) { return {body: event.data} }"}
  auth: {type: basic, username: ann, password: s3cr3t}
- uid: crm
  apps: [globex]
  url: https://example.com/crm
  dialect: svix
  status: paused
  secrets: [{secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}]
`

func TestAServerBecomesWhatADocumentSays(t *testing.T) {
	c := serve(t)
	d := read(t, acme)
	expect(t, "the first run", apply(t, c, d, manifest.PlanOptions{}),
		"create event type invoice.paid", "create event type invoice.void", "create app acme", "create app globex", "create endpoint books", "create endpoint crm")
	if p := plan(t, c, d, manifest.PlanOptions{Prune: true}); len(p.Steps) > 0 || p.Same != 6 {
		t.Errorf("a second run:\n%s\n%d the same", strings.Join(told(p), "\n"), p.Same)
	}

	// What a document leaves out is none, but for what is the server's own to say.
	changed := strings.NewReplacer("name: Books\n  ", "", "[invoice.void, invoice.paid]", "[invoice.paid]", "  timeout: 90s\n", "", "burst: 5", "burst: 9",
		"X-Token: abc", "X-Token: xyz", ", metadata: {plan: gold}", "", "description: Paid.", "description: It was paid.", "  status: paused\n", "").Replace(acme)
	d = read(t, changed)
	got := told(plan(t, c, d, manifest.PlanOptions{}))
	if len(got) != 3 || strings.Contains(strings.Join(got, " "), "xyz") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	for i, want := range []string{
		`change event type invoice.paid; description: Paid. → It was paid.`,
		`change app acme; metadata: {"plan":"gold"} → `,
		`; name: Books → ; events: ["invoice.void","invoice.paid"] → ["invoice.paid"]; headers: {"X-Token":"(hidden)"} → {"X-Token":"(hidden)"}; rate_limit: {"burst":5,"per_second":5} → {"burst":9,"per_second":5}`,
	} {
		if !strings.HasSuffix(got[i], want) {
			t.Errorf("%s\nwanted %s", got[i], want)
		}
	}
	apply(t, c, d, manifest.PlanOptions{})
	expect(t, "after the change", told(plan(t, c, d, manifest.PlanOptions{})))
	for e, err := range c.Endpoints(t.Context(), client.EndpointFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.UID == "books" && (e.Timeout.String() != "1m30s" || e.Name != "" || e.Headers["X-Token"] != "xyz" || e.Sealed == nil) || e.UID == "crm" && e.Status != bellhop.EndpointPaused {
			t.Errorf("%+v", e)
		}
	}

	// Partial objects leave what they do not give.
	part := manifest.Object{Partial: true}
	part.Put("id", "acme")
	part.Put("name", "Acme Inc")
	var partial manifest.Document
	partial.Add(manifest.Apps, part)
	expect(t, "a partial one", apply(t, c, partial, manifest.PlanOptions{}), "change app acme; name: Acme → Acme Inc")
	if a, err := c.App(t.Context(), "acme"); err != nil || a.UID != "acme-1" {
		t.Errorf("%+v, %v", a, err)
	}

	// Credentials are not compared, but set where that is asked for.
	if got := told(plan(t, c, d, manifest.PlanOptions{Credentials: true})); len(got) != 2 || !strings.Contains(got[1], `auth: {"type":"basic","username":"ann"} → {"password":"(hidden)","type":"basic","username":"ann"}`) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}

	// Only lists that the document has are pruned.
	one := read(t, "endpoints:\n- uid: crm\n  apps: [globex]\n  url: https://example.com/crm\n")
	got = apply(t, c, one, manifest.PlanOptions{Prune: true})
	if len(got) != 1 || !strings.HasPrefix(got[0], "delete endpoint ep_") || !strings.HasSuffix(got[0], "(books)") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	none := read(t, "apps: []\nevent_types: []\nendpoints: []\n")
	empty, ok := errors.AsType[*manifest.EmptyError](failure(t, c, none, manifest.PlanOptions{Prune: true}))
	if !ok || empty.Kind != manifest.EventTypes || empty.Count != 2 {
		t.Errorf("%v", empty)
	}
	if empty, ok := errors.AsType[*manifest.EmptyError](failure(t, c, read(t, "# lost\n"), manifest.PlanOptions{Prune: true, PruneAll: true})); !ok || empty.Kind != "" {
		t.Errorf("%v", empty)
	}
	if _, ok := errors.AsType[*manifest.EmptyError](failure(t, c, read(t, "apps:\n"), manifest.PlanOptions{Prune: true})); !ok {
		t.Error("a list that is named and empty would delete all apps")
	}
	got = apply(t, c, none, manifest.PlanOptions{Prune: true, PruneAll: true})
	if len(got) != 5 || !strings.HasPrefix(got[0], "delete endpoint") || !strings.HasPrefix(got[1], "delete app") || !strings.HasPrefix(got[4], "delete event type") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestAnExportBecomesTheSameElsewhere(t *testing.T) {
	from, to := serve(t), serve(t)
	order := func(d manifest.Document) (uids []string) {
		for _, o := range d.Objects[manifest.Endpoints] {
			uids = append(uids, o.Text("uid"))
		}
		return uids
	}
	apply(t, from, read(t, acme), manifest.PlanOptions{})
	d, notes, err := manifest.Export(t.Context(), from, manifest.ExportOptions{Secrets: true})
	if err != nil || len(notes) != 1 || !strings.HasSuffix(notes[0], "auth.password is not written, since the API gives it to nobody; add it before the file is read elsewhere") {
		t.Fatalf("%v, %v", notes, err)
	}
	text, err := d.YAML()
	if err != nil || bytes.Contains(text, []byte("s3cr3t")) {
		t.Fatalf("%s, %v", text, err)
	}
	if got := told(plan(t, from, read(t, string(text)), manifest.PlanOptions{Prune: true})); len(got) > 0 {
		t.Errorf("read where it was written:\n%s", strings.Join(got, "\n"))
	}
	// They are made in another order than they were in.
	slices.Reverse(d.Objects[manifest.Endpoints])
	if text, err = d.YAML(); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(d.Objects[manifest.Endpoints])
	text = bytes.Replace(text, []byte("username: ann"), []byte("username: ann\n      password: s3cr3t"), 1)
	exported := order(d)
	d = read(t, string(text))
	if got := apply(t, to, d, manifest.PlanOptions{}); len(got) != 6 {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if got := told(plan(t, to, d, manifest.PlanOptions{Prune: true})); len(got) > 0 {
		t.Errorf("read elsewhere for the second time:\n%s", strings.Join(got, "\n"))
	}
	// Apart from the ids of endpoints, it is the same.
	again, _, err := manifest.Export(t.Context(), to, manifest.ExportOptions{Secrets: true})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "the order", order(again), exported...)
	byUID := func(d manifest.Document) map[string]manifest.Object {
		all := map[string]manifest.Object{}
		for _, o := range d.Objects[manifest.Endpoints] {
			all[o.Text("uid")] = o
		}
		return all
	}
	for uid, o := range byUID(d) {
		there := byUID(again)[uid]
		if there.Text("former_id") != o.Text("id") {
			t.Errorf("%s was %s, and has the former id %s", uid, o.Text("id"), there.Text("former_id"))
		}
		for field, value := range o.Fields {
			if field != "id" && field != "auth" && string(there.Fields[field]) != string(value) {
				t.Errorf("%s of %s was %s, and is %s", field, uid, value, there.Fields[field])
			}
		}
	}
}

func TestSecretsAreRotatedAsElsewhere(t *testing.T) {
	c := serve(t)
	const a, b, e = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	with := func(secrets ...manifest.Secret) manifest.Document {
		d := read(t, "apps: [{id: acme}]\nendpoints:\n- {uid: x, apps: [acme], url: https://example.com/, dialect: svix}\n")
		d.Objects[manifest.Endpoints][0].Put("secrets", secrets)
		return d
	}
	hours := func(n int) time.Time { return time.Now().Add(time.Duration(n) * time.Hour).UTC().Truncate(time.Second) }
	valid := func() (list []string) {
		t.Helper()
		for x, err := range c.Endpoints(t.Context(), client.EndpointFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			values, err := c.Secrets(t.Context(), x.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				line := v.Secret
				if !v.ExpiresAt.IsZero() {
					line += " " + time.Until(v.ExpiresAt).Round(time.Hour).String()
				}
				list = append(list, line)
			}
		}
		return list
	}
	apply(t, c, with(manifest.Secret{Secret: a}, manifest.Secret{Secret: "whsec_expired", ExpiresAt: hours(-1)}), manifest.PlanOptions{})
	expect(t, "as created", valid(), a)
	got := apply(t, c, with(manifest.Secret{Secret: e}, manifest.Secret{Secret: b, ExpiresAt: hours(3)}, manifest.Secret{Secret: a, ExpiresAt: hours(2)}), manifest.PlanOptions{})
	if len(got) != 1 || !strings.HasSuffix(got[0], "secrets: (hidden) → (hidden)") {
		t.Error(got)
	}
	expect(t, "rotated twice elsewhere", valid(), e, b+" 3h0m0s", a+" 2h0m0s")
	expect(t, "the same once more", apply(t, c, with(manifest.Secret{Secret: e}), manifest.PlanOptions{}))
	// What was rotated here since is not undone.
	expect(t, "an older one", apply(t, c, with(manifest.Secret{Secret: a}), manifest.PlanOptions{}))
}

// TestWhatIsRefusedIsNamedAndTheRestDone: one object that is wrong does not hold up others.
func TestWhatIsRefusedIsNamedAndTheRestDone(t *testing.T) {
	c := serve(t)
	d := read(t, "apps: [{id: acme}]\nendpoints:\n- {uid: bad, apps: [acme], url: \"http://10.0.0.1/\"}\n- {uid: lost, apps: [nowhere], url: https://example.com/}\n- {uid: good, apps: [acme], url: https://example.com/}\n")
	var refused []string
	p := plan(t, c, d, manifest.PlanOptions{})
	if err := p.Apply(t.Context(), c, func(a manifest.Applied) {
		if a.Err != nil {
			refused = append(refused, a.Step.Source+": "+a.Step.Name)
		}
	}); err != nil {
		t.Fatal(err)
	}
	expect(t, "refused", refused, "acme.yaml line 3: bad", "acme.yaml line 4: lost")
	if got := told(plan(t, c, d, manifest.PlanOptions{})); len(got) != 2 {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	// A key that may not ends it all.
	nobody := client.New("http://127.0.0.1:1", "bh_x", nil)
	if err := p.Apply(t.Context(), nobody, func(manifest.Applied) { t.Error("told of a step that nobody could make") }); err == nil {
		t.Error("a server that is not there took it")
	}
}

// TestPasswordsInHeadersAreSecrets: a document that may be in a repository has none of them,
// whatever the header is called,
// in clear, and what it does not have stays where it is.
func TestPasswordsInHeadersAreSecrets(t *testing.T) {
	from, to := serve(t), serve(t)
	apply(t, from, read(t, "apps: [{id: acme}]\nendpoints:\n- {uid: x, apps: [acme], url: https://example.com/, headers: {authorization: Bearer s3cr3t, X-Acme-Pass: k3y, Accept-Language: abc}}\n"), manifest.PlanOptions{})
	export := func(secrets bool) (string, []string) {
		t.Helper()
		d, notes, err := manifest.Export(t.Context(), from, manifest.ExportOptions{Secrets: secrets})
		if err != nil {
			t.Fatal(err)
		}
		y, err := d.YAML()
		j, e := d.JSON()
		if err != nil || e != nil {
			t.Fatal(err, e)
		}
		if !secrets && (strings.Contains(string(j), "s3cr3t") || strings.Contains(string(j), "k3y")) {
			t.Errorf("%s", j)
		}
		return string(y), notes
	}
	clear, _ := export(true)
	text, notes := export(false)
	if strings.Contains(text, "s3cr3t") || strings.Contains(text, "k3y") || !strings.Contains(text, "Accept-Language: abc") || len(notes) != 2 || !strings.Contains(notes[0]+notes[1], "X-Acme-Pass") {
		t.Errorf("%s\n%q", text, notes)
	}
	headers := func(c *client.Client) map[string]string {
		t.Helper()
		for e, err := range c.Endpoints(t.Context(), client.EndpointFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			return e.Headers
		}
		return nil
	}
	expect(t, "read where it was written", apply(t, from, read(t, text), manifest.PlanOptions{}))
	apply(t, from, read(t, strings.Replace(text, "Accept-Language: abc", "Accept-Language: xyz", 1)), manifest.PlanOptions{})
	if h := headers(from); len(h) != 3 || h["Accept-Language"] != "xyz" || !slices.Contains(slices.Collect(maps.Values(h)), "Bearer s3cr3t") || !slices.Contains(slices.Collect(maps.Values(h)), "k3y") {
		t.Errorf("%v", h)
	}
	var refused []string
	if err := plan(t, to, read(t, text), manifest.PlanOptions{}).Apply(t.Context(), to, func(a manifest.Applied) {
		if a.Err != nil {
			refused = append(refused, a.Err.Error())
		}
	}); err != nil || len(refused) != 1 || !strings.Contains(refused[0], "X-Acme-Pass is not given: write it in place of (hidden)") || headers(to) != nil {
		t.Errorf("%v, %q, %v", err, refused, headers(to))
	}
	apply(t, to, read(t, clear), manifest.PlanOptions{})
	expect(t, "read elsewhere, where it is", apply(t, to, read(t, text), manifest.PlanOptions{}))
}

// imported is a document as importers make them.
func imported(apps [][2]string, endpoints ...[3]string) manifest.Document {
	var d manifest.Document
	for _, a := range apps {
		o := manifest.Object{Partial: true, Source: "application " + a[0]}
		o.Put("id", a[0])
		o.Put("uid", a[1])
		d.Add(manifest.Apps, o)
	}
	for _, e := range endpoints {
		o := manifest.Object{Partial: true, Source: "endpoint " + e[0]}
		o.Put("former_id", e[0])
		o.Put("uid", e[1])
		o.Put("apps", []string{apps[0][0]})
		o.Put("url", "https://example.com/"+e[2])
		o.Put("status", bellhop.EndpointActive)
		d.Add(manifest.Endpoints, o)
	}
	return d
}

// TestUIDsThatOthersHave: what another product has is taken over without a uid that is another
// object's here, or the lasting name of another.
func TestUIDsThatOthersHave(t *testing.T) {
	c := serve(t)
	if _, err := c.CreateApp(t.Context(), client.AppInput{ID: "own", UID: "ours"}); err != nil {
		t.Fatal(err)
	}
	d := imported([][2]string{{"acme", "globex"}, {"globex", "own"}, {"initech", "ours"}, {"umbrella", "umbrella"}, {"hooli", "pied-piper"}},
		[3]string{"ep_1", "ep_2", "1"}, [3]string{"ep_2", "crm", "2"})
	for _, run := range []string{"first", "second"} {
		p := plan(t, c, d, manifest.PlanOptions{Origin: &manifest.Origin{Name: "Svix", Apps: map[string]bool{"acme": true}}})
		if err := p.Check(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		var without []string
		for i := range p.Steps {
			s := &p.Steps[i]
			if s.Refused() != nil || run == "second" && !s.Nothing() {
				t.Errorf("%s run: %s %s: %v", run, s.Action, s.Source, s.Refused())
			}
			for _, lack := range s.Without {
				without = append(without, s.Source+": "+lack.Field)
			}
		}
		expect(t, run, without, "application acme: uid", "application globex: uid", "application initech: uid", "endpoint ep_1: uid")
		if err := p.Apply(t.Context(), c, func(a manifest.Applied) {
			if a.Err != nil {
				t.Error(a.Err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if app, err := c.App(t.Context(), "hooli"); err != nil || app.UID != "pied-piper" {
		t.Errorf("%+v, %v", app, err)
	}
}

// TestUIDsMove: what was deleted elsewhere and made anew with the same uid is another one,
// and uids that are swapped do not swap what they name.
func TestUIDsMove(t *testing.T) {
	c := serve(t)
	have := func() (list []string) {
		t.Helper()
		for e, err := range c.Endpoints(t.Context(), client.EndpointFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, e.FormerID+" "+e.UID+" "+strings.TrimPrefix(e.URL, "https://example.com/"))
		}
		slices.Sort(list)
		return list
	}
	from := manifest.PlanOptions{Origin: &manifest.Origin{Name: "Svix", Apps: map[string]bool{"acme": true, "globex": true, "initech": true}}}
	apply(t, c, imported([][2]string{{"acme", "one"}, {"globex", "two"}}, [3]string{"ep_1", "books", "1"}, [3]string{"ep_2", "crm", "2"}), from)
	apply(t, c, imported([][2]string{{"acme", "two"}, {"globex", "one"}}, [3]string{"ep_1", "crm", "1"}, [3]string{"ep_2", "books", "2"}), from)
	expect(t, "swapped", have(), "ep_1 crm 1", "ep_2 books 2")
	if a, err := c.App(t.Context(), "acme"); err != nil || a.UID != "two" {
		t.Errorf("%+v, %v", a, err)
	}
	// acme and ep_1 are deleted, and made anew with their uids.
	d := imported([][2]string{{"initech", "two"}, {"globex", "one"}})
	next := imported([][2]string{{"acme", "two"}}, [3]string{"ep_2", "books", "2"}, [3]string{"ep_3", "crm", "3"})
	d.Objects[manifest.Endpoints] = next.Objects[manifest.Endpoints]
	if p := plan(t, c, d, manifest.PlanOptions{}); !slices.ContainsFunc(p.Steps, func(s manifest.Step) bool {
		return s.Name == "initech" && s.Refused() == nil && len(s.Without) == 1 && s.Without[0].Field == "uid"
	}) {
		t.Error("an app that did not come from there gave its uid away")
	}
	apply(t, c, d, from)
	expect(t, "made anew", have(), "ep_1  1", "ep_2 books 2", "ep_3 crm 3")
	if a, err := c.App(t.Context(), "initech"); err != nil || a.UID != "two" {
		t.Errorf("%+v, %v", a, err)
	}
	expect(t, "once more", apply(t, c, d, from))

	// A document's own: one that it does not have keeps its uid, unless it is deleted.
	text := "endpoints:\n- {former_id: ep_4, uid: crm, apps: [acme], url: https://example.com/4}\n"
	var refused error
	if err := plan(t, c, read(t, text), manifest.PlanOptions{}).Apply(t.Context(), c, func(a manifest.Applied) { refused = a.Err }); err != nil || refused == nil {
		t.Errorf("%v, %v", err, refused)
	}
	apply(t, c, read(t, text), manifest.PlanOptions{Prune: true})
	expect(t, "pruned", have(), "ep_4 crm 4")
}

// TestWhatIsGoneAtTheOriginIsNamed: an endpoint that was deleted where it came from is not
// active in silence, and one that wants less than can be said here gets nothing.
func TestWhatIsGoneAtTheOriginIsNamed(t *testing.T) {
	c := serve(t)
	apply(t, c, read(t, "apps: [{id: own}]\nendpoints:\n- {uid: mine, apps: [own], url: https://example.com/}\n- {former_id: other, apps: [own], url: https://example.com/}\n"), manifest.PlanOptions{})
	apply(t, c, imported([][2]string{{"acme", ""}, {"globex", ""}}, [3]string{"ep_1", "a", ""}, [3]string{"ep_2", "b", ""}, [3]string{"ep_3", "c", ""}), manifest.PlanOptions{Origin: &manifest.Origin{Name: "Svix"}})
	origin := manifest.Origin{
		Name: "Svix", Apps: map[string]bool{"acme": true, "globex": true}, Deleted: map[string]bool{"globex": true},
		Unfit: map[string]string{"ep_2": "its filter is another's: make it anew"},
	}
	d := imported([][2]string{{"acme", ""}}, [3]string{"ep_1", "a", ""})
	p := plan(t, c, d, manifest.PlanOptions{Origin: &origin})
	notes := strings.Join(p.Notes, "\n")
	for _, want := range []string{"app globex: it was deleted in Svix", "(b): it was taken over from Svix earlier, and no longer can be: it is disabled, since its filter is another's", "(c): it is gone in Svix, and here it is active still: --disable-deleted"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in\n%s", want, notes)
		}
	}
	if got := told(p); len(p.Notes) != 3 || len(got) != 1 || !strings.HasSuffix(got[0], "(b); status: active → disabled") {
		t.Errorf("%s\n%s", notes, strings.Join(got, "\n"))
	}
	// Even if there is nothing left.
	if got := apply(t, c, manifest.Document{}, manifest.PlanOptions{Origin: &origin, DisableDeleted: true}); len(got) != 3 {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	for e, err := range c.Endpoints(t.Context(), client.EndpointFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if (e.Status == bellhop.EndpointDisabled) != slices.Equal(e.Apps, []string{"acme"}) {
			t.Errorf("%s of %v is %s", e.FormerID, e.Apps, e.Status)
		}
	}
	// What is there again is active again.
	if got := apply(t, c, d, manifest.PlanOptions{Origin: &origin}); len(got) != 1 || !strings.HasSuffix(got[0], "status: disabled → active") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// TestAPlanSaysWhatWouldBeRefused: and what it does not name is done.
func TestAPlanSaysWhatWouldBeRefused(t *testing.T) {
	c := serve(t)
	apply(t, c, read(t, "apps: [{id: acme}]\nendpoints:\n- {former_id: ep_1, uid: mine, apps: [acme], url: https://example.com/}\n- {uid: old, apps: [acme], url: https://example.com/}\n"), manifest.PlanOptions{})
	d := read(t, `
event_types:
- {name: good.type, schema: {type: object}}
- {name: bad.type, schema: {type: 5}}
- {name: bad.earlier, schema: {type: object}, schema_version: "2", earlier_schemas: {"1": {type: 5}}}
- {name: bellhop.own}
- {name: bad.flag, feature_flags: ["a b"]}
- {name: bad.example, schema: {type: object}, example: 5}
apps:
- {id: new}
- {id: "bad id"}
- {id: long, name: "`+strings.Repeat("x", 300)+`"}
- {id: rate, rate_limit: {per_second: 1000000}}
- {id: many, max_endpoints: 200000}
- {id: morse, dialects: [morse]}
- {id: options, dialect_options: {svix: {no: x}}}
- {id: other, uid: acme}
- {id: acme, metadata: {a: "`+strings.Repeat("x", 2000)+`"}}
- {id: full, max_endpoints: 2}
keys:
- {name: good, role: publisher, apps: [new], token_sha256: "`+strings.Repeat("a1", 32)+`"}
- {name: bad.role, role: editor, apps: [long], token_sha256: "`+strings.Repeat("a2", 32)+`"}
- {name: bad.end, role: viewer, expires_at: "2099-01-01T00:00:00Z", token_sha256: "`+strings.Repeat("a3", 32)+`"}
- {name: bad.token, role: viewer, token_sha256: "abc"}
endpoints:
- {uid: f1, apps: [full], url: "https://example.com/"}
- {uid: f2, apps: [full, new], url: "https://example.com/"}
- {uid: f3, apps: [full], url: "https://example.com/"}
- {uid: none, apps: [new], url: "https://example.com/", auth: {type: bearer}}
- {uid: older, apps: [new], url: "https://example.com/", dialect: svix, secrets: [{secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}, {secret: x, expires_at: "`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}]}
- {uid: plain, apps: [new], url: "http://example.com/"}
- {uid: inside, apps: [new], url: "https://10.0.0.1/"}
- {uid: nourl, apps: [new], url: "no url"}
- {uid: fragment, apps: [new], url: "https://example.com/#a"}
- {uid: password, apps: [acme], url: "https://ann:pass@example.com/"}
- {uid: host, apps: [acme], url: "https://example.com/", headers: {Host: x}}
- {uid: dialect, apps: [acme], url: "https://example.com/", dialect: morse}
- {uid: secret, apps: [acme], url: "https://example.com/", dialect: svix, secrets: [{secret: x}]}
- {uid: nowhere, apps: [nowhere], url: "https://example.com/"}
- {former_id: ep_2, uid: mine, apps: [acme], url: "https://example.com/"}
- {uid: old, apps: [acme], url: "http://example.com/"}
- {uid: good, apps: [new], url: "https://example.com/", events: [good.type], filter: {a: [1]}, headers: {X-A: b}, secrets: [{secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}]}
`)
	p := plan(t, c, d, manifest.PlanOptions{})
	if err := p.Check(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	var would, were []string
	for i := range p.Steps {
		if err := p.Steps[i].Refused(); err != nil {
			would = append(would, p.Steps[i].Source)
		}
	}
	if err := plan(t, c, d, manifest.PlanOptions{}).Apply(t.Context(), c, func(a manifest.Applied) {
		if a.Err != nil {
			were = append(were, a.Step.Source)
		}
	}); err != nil {
		t.Fatal(err)
	}
	expect(t, "what would be refused", would, were...)
	if len(were) != 30 {
		t.Errorf("%d were refused: %q", len(were), were)
	}
}

// TestWhatIsTooLargeToSend: it is left out, or the step is refused, before it is sent, and a plan
// says the same of it.
func TestWhatIsTooLargeToSend(t *testing.T) {
	c := serve(t)
	huge := strings.Repeat("<", 200<<10) // which encoding/json writes as six bytes each
	schema := `{"title":"` + strings.Repeat("x", 250<<10) + `"}`
	d := read(t, `
event_types:
- {name: large.description, description: "`+huge+`"}
- {name: large.schema, schema: {title: "`+huge+`"}, schema_version: "1"}
- {name: large.earlier, schema: `+schema+`, schema_version: "5", earlier_schemas: {"1": `+schema+`, "2": `+schema+`, "3": `+schema+`, "4": `+schema+`}}
apps:
- {id: acme, name: "`+huge+`", uid: "`+huge+`x"}
- {id: globex, metadata: {a: "`+huge+`"}}
endpoints:
- {former_id: ep_1, uid: "`+huge+`", name: "`+huge+`", description: "`+huge+`", metadata: {a: "`+huge+`"}, apps: [acme], url: "https://example.com/"}
- {former_id: ep_2, apps: [acme], url: "https://example.com/`+huge+`"}
- {former_id: ep_3, apps: [globex], url: "https://example.com/"}
`)
	for _, list := range d.Objects {
		for i := range list {
			list[i].Partial = true
		}
	}
	become := func(s *manifest.Step, err error) string {
		line := fmt.Sprintf("%s %s, refused %v, without", s.Kind, s.Source, err)
		for _, lack := range s.Without {
			line += " " + lack.Field + ": " + lack.Why
		}
		return line
	}
	p := plan(t, c, d, manifest.PlanOptions{})
	if err := p.Check(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	var would, were []string
	refused, without := 0, 0
	for i := range p.Steps {
		would = append(would, become(&p.Steps[i], p.Steps[i].Refused()))
	}
	if err := plan(t, c, d, manifest.PlanOptions{}).Apply(t.Context(), c, func(a manifest.Applied) {
		were = append(were, become(a.Step, a.Err))
		without += len(a.Step.Without)
		if a.Err != nil {
			refused++
		}
	}); err != nil {
		t.Fatal(err)
	}
	expect(t, "what becomes of it", would, were...)
	if refused != 1 || without != 3+2+1+4 {
		t.Errorf("%d were refused and %d parts left out: %q", refused, without, were)
	}
}

// endpointOf is the endpoint of a former id.
func endpointOf(t *testing.T, c *client.Client, former string) bellhop.Endpoint {
	t.Helper()
	for e, err := range c.Endpoints(t.Context(), client.EndpointFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.FormerID == former {
			return e
		}
	}
	t.Fatalf("there is no endpoint %s", former)
	return bellhop.Endpoint{}
}

// TestWhatWasChangedHereStays: what did not change at the origin since it was taken over is left as it is
// here, and said to differ, until it changes there; a pause stays in any case.
func TestWhatWasChangedHereStays(t *testing.T) {
	c := serve(t)
	secret := func(fill string) string { return "whsec_" + strings.Repeat(fill, 32) }
	document := func(name, description, channel, secret string) manifest.Document {
		d := imported([][2]string{{"acme", "one"}}, [3]string{"ep_1", "a", "1"}, [3]string{"ep_2", "b", "2"})
		d.Objects[manifest.Apps][0].Put("name", name)
		d.Objects[manifest.Endpoints][0].Put("channels", []string{channel})
		d.Objects[manifest.Endpoints][0].Put("secrets", []manifest.Secret{{Secret: secret}})
		et := manifest.Object{Partial: true, Source: "event type"}
		et.Put("name", "invoice.paid")
		et.Put("description", description)
		et.Put("schema", bellhop.JSON(`{"type":"object"}`))
		d.Add(manifest.EventTypes, et)
		return d
	}
	first := document("Acme", "Paid.", "eu", secret("A"))
	from := manifest.PlanOptions{Origin: &manifest.Origin{Name: "Svix", Source: "Svix org_1", Apps: map[string]bool{"acme": true}}}
	overwrite := from
	overwrite.Overwrite = true
	apply(t, c, first, from)

	// The tenant's changes, and the operator's.
	one, two := endpointOf(t, c, "ep_1"), endpointOf(t, c, "ep_2")
	change := func(id bellhop.EndpointID, ch bellhop.EndpointChange) {
		t.Helper()
		if _, err := c.UpdateEndpoint(t.Context(), id, ch); err != nil {
			t.Fatal(err)
		}
	}
	change(one.ID, bellhop.EndpointChange{
		URL: bellhop.Of("https://example.com/mine"), Channels: bellhop.Of([]string{"us"}), Status: bellhop.Of(bellhop.EndpointPaused), UID: bellhop.Of("c"),
		Headers: bellhop.Of(map[string]string{"X-A": "b"}), Description: bellhop.Of("Ours"), RateLimit: bellhop.Of(&bellhop.RateLimit{PerSecond: 5}),
	})
	none := bellhop.Duration(0)
	if _, err := c.RotateSecret(t.Context(), one.ID, &none, secret("B")); err != nil {
		t.Fatal(err)
	}
	change(two.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
	if _, err := c.PatchApp(t.Context(), "acme", client.AppPatch{Name: bellhop.Of("Ours")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutEventType(t.Context(), "invoice.paid", client.EventTypePut{Description: "Ours."}); err != nil {
		t.Fatal(err)
	}
	untouched := func(what string, c *client.Client) {
		t.Helper()
		p := plan(t, c, first, from)
		expect(t, what, told(p))
		for _, want := range []string{
			"event type invoice.paid: it was changed here (description, schema), and is left so, since it has not changed in Svix: --overwrite makes it what it is there",
			"app acme: it was changed here (name)", "(c): it was changed here (url, uid, channels)", "(b): it was changed here (status)",
		} {
			if !strings.Contains(strings.Join(p.Notes, "\n"), want) {
				t.Errorf("%s: %q is not in\n%s", what, want, strings.Join(p.Notes, "\n"))
			}
		}
		if len(p.Steps) > 0 || p.Same != 4 {
			t.Errorf("%s: %d steps, %d are as they are to be", what, len(p.Steps), p.Same)
		}
	}
	untouched("nothing has changed there", c)

	// It stays so where it is moved to; and what was made here is not taken for the other product's.
	if _, err := c.CreateEndpoint(t.Context(), bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://example.com/native")}); err != nil {
		t.Fatal(err)
	}
	d, _, err := manifest.Export(t.Context(), c, manifest.ExportOptions{Secrets: true})
	if err != nil {
		t.Fatal(err)
	}
	moved := serve(t)
	apply(t, moved, d, manifest.PlanOptions{})
	untouched("moved", moved)
	gone := from
	gone.DisableDeleted = true
	only := imported([][2]string{{"acme", "one"}}, [3]string{"ep_2", "b", "2"})
	expect(t, "one is gone there", told(plan(t, moved, only, gone)), "change endpoint "+endpointOf(t, moved, "ep_1").ID.String()+" (c); status: paused → disabled")

	// What has changed there is what it is there, but for the pause.
	second := document("Acme Inc", "It was paid.", "asia", secret("A"))
	expect(t, "changed there", apply(t, c, second, from),
		"change event type invoice.paid; description: Ours. → It was paid.; schema:  → {\"type\":\"object\"}", "change app acme; name: Ours → Acme Inc",
		"change endpoint "+one.ID.String()+" (c); url: https://example.com/mine → https://example.com/1; uid: c → a; channels: [\"us\"] → [\"asia\"]; secrets: (hidden) → (hidden)")
	if e := endpointOf(t, c, "ep_1"); e.Status != bellhop.EndpointPaused || e.Description != "Ours" {
		t.Errorf("%s, %q", e.Status, e.Description)
	}
	expect(t, "once more", apply(t, c, second, from))
	expect(t, "overwritten", apply(t, c, second, overwrite), "change endpoint "+two.ID.String()+" (b); status: disabled → active")
	if e := endpointOf(t, c, "ep_1"); e.Status != bellhop.EndpointPaused {
		t.Error(e.Status)
	}
}

// TestWhatWasRefusedIsTriedAgain: an object that was taken over without a part, or not at all, is not
// taken for taken over; the rest of it is left as it is here.
func TestWhatWasRefusedIsTriedAgain(t *testing.T) {
	c := serve(t)
	if _, err := c.CreateApp(t.Context(), client.AppInput{ID: "own", UID: "ours"}); err != nil {
		t.Fatal(err)
	}
	d := imported([][2]string{{"acme", "ours"}}, [3]string{"ep_1", "a", "1"}, [3]string{"ep_2", "b", "2"})
	d.Objects[manifest.Apps][0].Put("name", "Acme")
	d.Objects[manifest.Endpoints][1].Put("headers", map[string]string{"Host": "x"})
	from := manifest.PlanOptions{Origin: &manifest.Origin{Name: "Svix"}}
	run := func() (lines []string) {
		t.Helper()
		p := plan(t, c, d, from)
		if err := p.Apply(t.Context(), c, func(a manifest.Applied) {
			if a.Err != nil {
				lines = append(lines, "refused "+a.Step.Name)
			}
		}); err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Steps {
			for _, lack := range s.Without {
				lines = append(lines, s.Name+" without "+lack.Field)
			}
		}
		return lines
	}
	expect(t, "first", run(), "refused b", "acme without uid")
	if _, err := c.PatchApp(t.Context(), "acme", client.AppPatch{Name: bellhop.Of("Ours")}); err != nil {
		t.Fatal(err)
	}
	expect(t, "second", run(), "refused b", "acme without uid")
	if _, err := c.PatchApp(t.Context(), "own", client.AppPatch{UID: bellhop.Of("")}); err != nil {
		t.Fatal(err)
	}
	expect(t, "third", run(), "refused b")
	if a, err := c.App(t.Context(), "acme"); err != nil || a.UID != "ours" || a.Name != "Ours" {
		t.Errorf("%+v, %v", a, err)
	}
	expect(t, "fourth", run(), "refused b")
}

// TestUIDsAreHandedOver: a uid that moves is taken from the one right before the other gets it,
// wherever both stand in the document, also in a chain and in a ring.
func TestUIDsAreHandedOver(t *testing.T) {
	c := serve(t)
	from := manifest.PlanOptions{Origin: &manifest.Origin{Name: "Svix"}}
	apply(t, c, imported([][2]string{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}, {"e", ""}, {"f", "5"}, {"g", "6"}, {"h", "7"}, {"i", ""}}), from)
	// A chain from a over c to i, whose old and new places are far apart; a ring of f, g and h.
	next := imported([][2]string{{"a", "3"}, {"b", "2"}, {"c", "8"}, {"d", "4"}, {"e", ""}, {"f", "6"}, {"g", "7"}, {"h", "5"}, {"i", "1"}})
	got := apply(t, c, next, from)
	expect(t, "handed over", got,
		"change app a; uid: 1 → ", "change app i; uid:  → 1", "change app c; uid: 3 → ", "change app a; uid: 1 → 3", "change app c; uid: 3 → 8",
		"change app h; uid: 7 → ", "change app g; uid: 6 → 7", "change app f; uid: 5 → ", "change app h; uid: 7 → 5", "change app f; uid: 5 → 6")
	for _, want := range [][2]string{{"a", "3"}, {"c", "8"}, {"f", "6"}, {"g", "7"}, {"h", "5"}, {"i", "1"}} {
		if a, err := c.App(t.Context(), want[0]); err != nil || a.UID != want[1] {
			t.Errorf("%+v, %v", a, err)
		}
	}
}
