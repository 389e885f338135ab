package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

const (
	convoyVersions = `[{"hash": "SHA256", "encoding": "hex"}]`
	convoySecret   = `[{"value": "a secret"}]`
)

// besideConvoy is a server, a Convoy with projects, and the command by which the one takes over
// the other.
func besideConvoy(t *testing.T, projects ...string) (s *server, f *foreign, with []string) {
	t.Helper()
	s, f = serve(t), newForeign(t, convoyTables)
	for _, project := range projects {
		f.convoyProject(project, "X-Convoy-Signature", convoyVersions)
	}
	return s, f, []string{"import", "convoy", "--from", f.url}
}

// former are the endpoints with a former id, as "app status".
func (s *server) former(id string) (all []string) {
	s.t.Helper()
	for e, err := range s.api.Endpoints(s.t.Context(), client.EndpointFilter{Limit: 250}) {
		if err != nil {
			s.t.Fatal(err)
		}
		if e.FormerID == id {
			all = append(all, strings.Join(e.Apps, "+")+" "+string(e.Status))
		}
	}
	slices.Sort(all)
	return all
}

// at expects where endpoints with a former id are.
func (s *server) at(id string, want ...string) {
	s.t.Helper()
	if got := s.former(id); !slices.Equal(got, want) {
		s.t.Errorf("%s is at %q, it was to be at %q", id, got, want)
	}
}

// imports runs an import that is to end so, and to say so.
func (s *server) imports(code int, args []string, want ...string) result {
	s.t.Helper()
	r := s.run("", args...)
	if r.code != code {
		s.t.Errorf("bellhop %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	for _, w := range want {
		if !strings.Contains(r.stdout+r.stderr, w) {
			s.t.Errorf("bellhop %s: it does not say %q:\n%s%s", strings.Join(args, " "), w, r.stdout, r.stderr)
		}
	}
	return r
}

// idle expects that an import has nothing to do.
func (s *server) idle(args []string) {
	s.t.Helper()
	if r := s.imports(0, args); r.stdout != "" {
		s.t.Errorf("it has something to do:\n%s%s", r.stdout, r.stderr)
	}
}

// TestConvoyTakesNoStrangersApp: tenants that never were Convoy's keep their apps, names and events to
// themselves, unless the operator says that they are the same.
func TestConvoyTakesNoStrangersApp(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	for _, app := range []client.AppInput{{ID: "initech", Name: "Initech (native tenant)"}, {ID: "pied", UID: "hooli"}} {
		if _, err := s.api.CreateApp(t.Context(), app); err != nil {
			t.Fatal(err)
		}
	}
	native, err := s.api.CreateEndpoint(t.Context(), bellhop.EndpointChange{Apps: bellhop.Of([]string{"initech"}), URL: bellhop.Of("http://127.0.0.1:9/native"), FormerID: bellhop.Of("ep_of_svix")})
	if err != nil {
		t.Fatal(err)
	}
	f := newForeign(t, convoyTables)
	f.convoyProject("PROJECT", "X-Convoy-Signature", convoyVersions)
	for id, owner := range map[string]string{"E1": "acme", "E2": "initech", "E3": "hooli", "E4": "gone", "E5": "initech"} {
		f.convoyEndpoint("PROJECT", id, owner, "http://127.0.0.1:9/"+id, convoySecret, true, "*")
	}
	f.exec(`UPDATE convoy.endpoints SET deleted_at = now() WHERE id IN ('E4', 'E5')`)
	with := []string{"import", "convoy", "--from", f.url}

	for _, args := range [][]string{append(slices.Clone(with), "--dry-run"), with, append(slices.Clone(with), "--disable-deleted")} {
		s.imports(1, args, "owner initech: it is left out, since the app initech, which is here, did not come from this Convoy",
			"'--app initech=ANOTHER' elsewhere; its 1 endpoints are left out", "owner hooli: it is left out, since the app pied, which is here", "2 rows are left out")
	}
	s.at("E1", "acme active")
	s.at("E2")
	s.at("E3")
	s.at("ep_of_svix", "initech active")

	s.fails("has no owner of endpoints, and no project that sends, that is called \"hoolie\"", append(slices.Clone(with), "--app", "hoolie=x")...)
	s.fails("cannot be the id of an app", append(slices.Clone(with), "--app", "hooli=-x")...)
	s.fails("gives \"hooli\" the app acme, which is that of \"acme\"", append(slices.Clone(with), "--app", "hooli=acme")...)
	s.fails("gives \"initech\" the app x, which is that of \"hooli\"", append(slices.Clone(with), "--app", "hooli=x", "--app", "initech=x")...)
	s.fails("write it like --app OWNER=APP", append(slices.Clone(with), "--app", "hooli")...)

	s.imports(0, append(slices.Clone(with), "--app", "hooli=hooli-convoy", "--into-existing-apps"), "+ app hooli-convoy", "~ app initech")
	s.at("E2", "initech active")
	s.at("E3", "hooli-convoy active")
	s.idle(append(slices.Clone(with), "--disable-deleted"))
	s.at("ep_of_svix", "initech active")
	for id, name := range map[string]string{"initech": "Initech (native tenant)", "pied": ""} {
		if app, err := s.api.App(t.Context(), id); err != nil || app.Name != name {
			t.Errorf("%+v, %v", app, err)
		}
	}
	if e, err := s.api.Endpoint(t.Context(), native.ID); err != nil || e.Status != bellhop.EndpointActive {
		t.Errorf("%+v, %v", e, err)
	}

	// An app that is given later is remembered, too.
	s.imports(0, append(slices.Clone(with), "--app", "hooli=hooli-2"), "whose app is hooli-2", "+ app hooli-2", "~ app hooli-convoy")
	s.at("E3", "hooli-2 active", "hooli-convoy disabled")
	s.idle(with)
	s.imports(0, append(slices.Clone(with), "--app", "hooli=hooli-convoy"))
	s.at("E3", "hooli-2 disabled", "hooli-convoy active")
	s.idle(with)

	// What Convoy has no word of stays; whose an app is, is noted again.
	if _, err := s.api.PatchApp(t.Context(), "acme", client.AppPatch{Name: bellhop.Of("Globex Corp"), Metadata: bellhop.Of(map[string]string{"plan": "gold"})}); err != nil {
		t.Fatal(err)
	}
	s.imports(0, with, "~ app acme")
	s.idle(with)
	if app, err := s.api.App(t.Context(), "acme"); err != nil || app.Name != "Globex Corp" || app.Metadata["plan"] != "gold" || app.Metadata["convoy.PROJECT"] != "owner acme" {
		t.Errorf("%+v, %v", app, err)
	}
	// One that was deleted in Convoy is named still, in whatever app.
	f.exec(`UPDATE convoy.endpoints SET deleted_at = now() WHERE id = 'E2'`)
	f.exec(`DELETE FROM convoy.subscriptions WHERE id = 'SUBE3'; DELETE FROM convoy.endpoints WHERE id = 'E3'`)
	s.imports(0, append(slices.Clone(with), "--disable-deleted"), "(E2): it is disabled, since it is gone in Convoy", "(E3): it is disabled, since it is gone in Convoy")
	s.at("ep_of_svix", "initech active")
}

// TestConvoyOwnersStayWhereTheyAre: an owner that another project has, too, from now on, or whose name
// is no id, keeps the app that it has, and no two have one together.
func TestConvoyOwnersStayWhereTheyAre(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s, f, with := besideConvoy(t, "P1", "P2")
	endpoint := func(project, id, owner string) {
		f.convoyEndpoint(project, id, owner, "http://127.0.0.1:9/"+id, convoySecret, true, "*")
	}
	endpoint("P1", "E1", "acme")
	endpoint("P1", "E2", "a b")
	f.exec(`UPDATE convoy.endpoints SET rate_limit = 5000, rate_limit_duration = 60 WHERE id = 'E1'`)
	f.exec(`INSERT INTO convoy.event_types (id, name, description, project_id, json_schema) VALUES ('T1', 'a.b', '', 'P1', '{"type": "object"}')`)
	s.imports(0, with)
	f.exec(`UPDATE convoy.event_types SET json_schema = NULL`)
	s.imports(0, with, "~ event type a.b")
	if typ, err := s.api.EventType(t.Context(), "a.b"); err != nil || typ.Schema != nil {
		t.Errorf("a schema that was removed there: %+v, %v", typ, err)
	}
	s.idle(with)
	s.at("E1", "acme active")
	s.at("E2", "P1.a_b active")
	if e := s.byFormer()["E1"]; *e.RateLimit != (bellhop.RateLimit{PerSecond: 5000.0 / 60, Burst: 5000}) {
		t.Errorf("%+v", e.RateLimit)
	}

	endpoint("P2", "E3", "acme")
	endpoint("P1", "E4", "a:b")
	endpoint("P1", "E5", "P1.a_b")
	s.imports(0, with, "+ app P2.acme", "+ app P1.a_b-")
	s.at("E1", "acme active")
	s.at("E2", "P1.a_b active")
	s.at("E3", "P2.acme active")
	apps := map[string]bool{}
	for former, e := range s.byFormer() {
		if apps[e.Apps[0]] {
			t.Errorf("%s is in an app that another owner has: %v", former, e.Apps)
		}
		apps[e.Apps[0]] = true
	}
	s.idle(with)

	// Without what was noted of whose they are, they are found by their endpoints.
	for _, app := range []string{"acme", "P2.acme"} {
		if _, err := s.api.PatchApp(t.Context(), app, client.AppPatch{Metadata: bellhop.Of(map[string]string{})}); err != nil {
			t.Fatal(err)
		}
	}
	s.imports(0, with, "~ app acme", "~ app P2.acme")
	s.idle(with)

	// Two projects' owners are one customer if the operator says so.
	s.imports(0, append(slices.Clone(with), "--app", "acme=acme"), "(E3): it is disabled, since in Convoy it is of the owner \"acme\" of the project P2, whose app is acme")
	s.at("E1", "acme active")
	s.at("E3", "P2.acme disabled", "acme active")
	s.idle(with)
}

// TestConvoyEndpointsMoveToAnotherOwner: what is published to the owner of before does not go to the
// one of now.
func TestConvoyEndpointsMoveToAnotherOwner(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s, f, with := besideConvoy(t, "PROJECT")
	f.convoyEndpoint("PROJECT", "E1", "owner-1", "http://127.0.0.1:9/", convoySecret, true, "*")
	s.imports(0, with)

	f.exec(`UPDATE convoy.endpoints SET owner_id = 'owner-2'`)
	r := s.imports(0, with, `(E1): it is disabled, since in Convoy it is of the owner "owner-2" of the project PROJECT, whose app is owner-2: there it goes on, with the same secrets`, "+ app owner-2", "+ endpoint E1")
	if strings.Contains(r.stderr, "gone in Convoy") {
		t.Errorf("it is not gone:\n%s", r.stderr)
	}
	s.at("E1", "owner-1 disabled", "owner-2 active")
	for e, err := range s.api.Endpoints(t.Context(), client.EndpointFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if secrets, err := s.api.Secrets(t.Context(), e.ID); err != nil || len(secrets) != 1 || secrets[0].Secret != "a secret" {
			t.Errorf("%v, %v", secrets, err)
		}
	}
	s.idle(with)

	// Back, to nobody, and to one whose app is not to be had.
	f.exec(`UPDATE convoy.endpoints SET owner_id = 'owner-1'`)
	s.imports(0, with, "active → disabled", "disabled → active")
	s.at("E1", "owner-1 active", "owner-2 disabled")
	f.exec(`UPDATE convoy.endpoints SET owner_id = ''`)
	s.imports(0, with, "in Convoy it is of the project PROJECT, whose app is PROJECT")
	s.at("E1", "PROJECT active", "owner-1 disabled", "owner-2 disabled")
	if _, err := s.api.CreateApp(t.Context(), client.AppInput{ID: "initech"}); err != nil {
		t.Fatal(err)
	}
	f.exec(`UPDATE convoy.endpoints SET owner_id = 'initech'`)
	s.imports(1, with, "owner initech: it is left out", `(E1): it is disabled, since in Convoy it is of the owner "initech" of the project PROJECT`)
	s.at("E1", "PROJECT disabled", "owner-1 disabled", "owner-2 disabled")
}

// TestConvoyImportIsKilled: one that ends when there are apps, and no endpoints yet, knows them again.
func TestConvoyImportIsKilled(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s, f, with := besideConvoy(t, "PROJECT")
	const many = 100
	for i := range many {
		f.convoyEndpoint("PROJECT", fmt.Sprintf("E%03d", i), fmt.Sprintf("owner-%03d", i), "http://127.0.0.1:9/", convoySecret, true, "*")
	}
	for _, lines := range []int{40, 80} {
		killAfter(t, s.command(with...), lines)
		if n := len(s.byFormer()); n == many {
			t.Fatal("it was not killed in the middle")
		}
	}
	s.imports(0, with)
	if n := len(s.byFormer()); n != many {
		t.Errorf("%d endpoints", n)
	}
	s.idle(with)
}

// TestConvoyOfAnotherVersion: what is missing is named, and nothing is changed.
func TestConvoyOfAnotherVersion(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s, f, _ := besideConvoy(t, "PROJECT")
	f.convoyEndpoint("PROJECT", "E1", "acme", "http://127.0.0.1:9/", convoySecret, true, "*")
	for _, change := range [][2]string{
		{"ALTER TABLE convoy.filters DROP body", "the column filters.body is missing. Nothing was changed"},
		{"DROP TABLE convoy.filters; ALTER TABLE convoy.endpoints RENAME owner_id TO owner", "the column endpoints.owner_id is missing"},
		{"ALTER SCHEMA convoy RENAME TO other", "the table endpoints, the table event_types"},
	} {
		f.exec(change[0])
		s.fails(change[1], "import", "convoy", "--from", f.url)
	}
	// An earlier one, without what came later.
	f.exec(`ALTER SCHEMA other RENAME TO convoy; ALTER TABLE convoy.endpoints RENAME owner TO owner_id; ALTER TABLE convoy.event_types DROP json_schema;
		ALTER TABLE convoy.subscriptions DROP filter_config_filter_raw_body, DROP filter_config_filter_query, DROP filter_config_filter_path, DROP function, DROP delivery_mode;
		ALTER TABLE convoy.endpoints DROP is_encrypted, DROP content_type, DROP basic_auth_config, DROP oauth2_config, DROP mtls_client_cert, DROP secrets_cipher`)
	s.imports(0, []string{"import", "convoy", "--from", f.url})
	s.at("E1", "acme active")
}
