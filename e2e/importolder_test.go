package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// forgets takes away all that imports have noted: so earlier ones left what they took over.
func (s *server) forgets() {
	s.t.Helper()
	for app, err := range s.api.Apps(s.t.Context()) {
		if err == nil {
			_, err = s.api.PatchApp(s.t.Context(), app.ID, client.AppPatch{Imported: bellhop.Of(""), Metadata: bellhop.Of(map[string]string{})})
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	for _, e := range s.byFormer() {
		s.change(e, bellhop.EndpointChange{Imported: bellhop.Of("")})
	}
}

// change changes an endpoint.
func (s *server) change(e bellhop.Endpoint, change bellhop.EndpointChange) {
	s.t.Helper()
	if _, err := s.api.UpdateEndpoint(s.t.Context(), e.ID, change); err != nil {
		s.t.Fatal(err)
	}
}

// silent expects that a run did not say something.
func (r result) silent(t *testing.T, unwanted ...string) {
	t.Helper()
	for _, text := range unwanted {
		if strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("it says %q:\n%s%s", text, r.stdout, r.stderr)
		}
	}
}

// TestConvoyAfterAnEarlierImport: what was taken over before imports noted it is known again, whatever was
// deleted in Convoy before they did; and what is left out stays as it is.
func TestConvoyAfterAnEarlierImport(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s, f, with := besideConvoy(t, "P1", "P2")
	for _, e := range [][3]string{{"P1", "E1", "acme"}, {"P1", "E2", "acme"}, {"P1", "E3", ""}, {"P2", "E4", "solo"}} {
		f.convoyEndpoint(e[0], e[1], e[2], "http://127.0.0.1:9/"+e[1], convoySecret, true, "*")
	}
	s.imports(0, with)
	s.forgets()
	f.exec(`UPDATE convoy.endpoints SET deleted_at = now() WHERE id = 'E2'`)
	r := s.imports(0, with, "(E2): it is gone in Convoy, and here it is active still", "~ app acme")
	r.silent(t, "left out", "it is disabled")
	s.at("E1", "acme active")
	s.idle(with)
	if app, err := s.api.App(t.Context(), "acme"); err != nil || app.Metadata["convoy.P1"] != "owner acme" {
		t.Errorf("%+v, %v", app, err)
	}
	s.forgets()
	s.imports(0, append(slices.Clone(with), "--disable-deleted"), "(E2): it is disabled, since it is gone in Convoy")
	s.at("E1", "acme active")
	s.at("E2", "acme disabled")

	// An app that an import made is its owner's also when it has no endpoints, and nobody knows of what.
	f.exec(`UPDATE convoy.endpoints SET deleted_at = now() WHERE id = 'E4'`)
	for e, err := range s.api.Endpoints(t.Context(), client.EndpointFilter{App: "solo"}) {
		if err == nil {
			err = s.api.DeleteEndpoint(t.Context(), e.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.api.PatchApp(t.Context(), "solo", client.AppPatch{Metadata: bellhop.Of(map[string]string{})}); err != nil {
		t.Fatal(err)
	}
	f.convoyEndpoint("P2", "E5", "solo", "http://127.0.0.1:9/E5", convoySecret, true, "*")
	s.imports(0, with, "~ app solo", "+ endpoint E5")
	s.at("E5", "solo active")

	// An owner that is left out: what was taken over of it is left alone, where it may be its own.
	s.forgets()
	if _, err := s.api.CreateApp(t.Context(), client.AppInput{ID: "initech"}); err != nil {
		t.Fatal(err)
	}
	f.exec(`UPDATE convoy.endpoints SET owner_id = 'initech' WHERE id = 'E5'`)
	s.imports(1, append(slices.Clone(with), "--disable-deleted"), "owner initech: it is left out").silent(t, "(E5)")
	s.at("E5", "solo active")
}

// TestConvoyTakesPausesAndSecretsAlong: an endpoint that is another owner's now is paused still, and signs as
// its receiver knows.
func TestConvoyTakesPausesAndSecretsAlong(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s, f, with := besideConvoy(t, "PROJECT")
	for _, id := range []string{"E1", "E2"} {
		f.convoyEndpoint("PROJECT", id, "owner-1", "http://127.0.0.1:9/"+id, convoySecret, true, "*")
	}
	s.imports(0, with)
	all := s.byFormer()
	s.change(all["E1"], bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
	s.change(all["E2"], bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
	grace := bellhop.Duration(24 * time.Hour)
	if _, err := s.api.RotateSecret(t.Context(), all["E1"].ID, &grace, "rotated here"); err != nil {
		t.Fatal(err)
	}
	none := bellhop.Duration(0)
	if _, err := s.api.RotateSecret(t.Context(), all["E2"].ID, &none, "only here"); err != nil {
		t.Fatal(err)
	}
	s.imports(0, with, "(E1): it was changed here (secrets)", "(E2): it was changed here (secrets)", "(E2): it was changed here (status)")
	s.imports(0, append(slices.Clone(with), "--overwrite", "--dry-run"), "(E1): it was changed here (secrets), and its newest secret stays")

	signs := func(app string) {
		t.Helper()
		for e, err := range s.api.Endpoints(t.Context(), client.EndpointFilter{App: app}) {
			if err != nil {
				t.Fatal(err)
			}
			secrets, err := s.api.Secrets(t.Context(), e.ID)
			var all []string
			for _, s := range secrets {
				all = append(all, s.Secret)
			}
			want := map[string][]string{"E1": {"rotated here", "a secret"}, "E2": {"only here"}}[e.FormerID]
			if err != nil || !slices.Equal(all, want) {
				t.Errorf("%s in %s: %q, %v", e.FormerID, app, all, err)
			}
		}
	}
	for _, owner := range []string{"owner-2", "owner-1", "owner-3"} { // back, too
		f.exec(`UPDATE convoy.endpoints SET owner_id = $1`, owner)
		s.imports(0, with)
		paused, disabled := []string{owner + " paused"}, []string{owner + " disabled"}
		for _, other := range []string{"owner-1", "owner-2"} {
			if other != owner && (other == "owner-1" || owner != "owner-2") {
				paused, disabled = append(paused, other+" disabled"), append(disabled, other+" disabled")
			}
		}
		slices.Sort(paused)
		slices.Sort(disabled)
		s.at("E1", paused...)
		s.at("E2", disabled...)
		signs(owner)
		s.imports(0, with, "(status)", "(secrets)")
		s.at("E1", paused...)
		s.at("E2", disabled...)
	}
	// Also after it was nobody's who has an app.
	if _, err := s.api.CreateApp(t.Context(), client.AppInput{ID: "initech"}); err != nil {
		t.Fatal(err)
	}
	f.exec(`UPDATE convoy.endpoints SET owner_id = 'initech'`)
	s.imports(1, with, "owner initech: it is left out")
	s.at("E1", "owner-1 disabled", "owner-2 disabled", "owner-3 disabled")
	s.imports(0, append(slices.Clone(with), "--app", "initech=other"))
	s.at("E2", "other disabled", "owner-1 disabled", "owner-2 disabled", "owner-3 disabled")
	s.at("E1", "other paused", "owner-1 disabled", "owner-2 disabled", "owner-3 disabled")
	signs("other")
}

// TestSvixAfterAnEarlierImport: what was deleted there before imports noted what they took over is named, and
// disabled on demand; what another Svix has, or another Bellhop had, is not.
func TestSvixAfterAnEarlierImport(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	f, other := newForeign(t, svixTables), newForeign(t, svixTables)
	key, _ := keyOf(1, 24)
	f.svixApp("app_1", "one", "One")
	for _, id := range []string{"ep_kept", "ep_gone", "ep_paused"} {
		f.svixEndpoint(id, "app_1", "http://127.0.0.1:9/"+id, key)
	}
	other.svixApp("app_2", "two", "Two") // its organization is the same: it is Svix's default
	other.svixEndpoint("ep_other", "app_2", "http://127.0.0.1:9/other", key)
	with := []string{"import", "svix", "--from", f.url}
	s.imports(0, with)
	s.imports(0, []string{"import", "svix", "--from", other.url})
	s.forgets()
	const native = "ep_01HZX3K2Q9F7A"
	if _, err := s.api.CreateEndpoint(t.Context(), bellhop.EndpointChange{Apps: bellhop.Of([]string{"app_1"}), URL: bellhop.Of("http://127.0.0.1:9/native"), FormerID: bellhop.Of(native)}); err != nil {
		t.Fatal(err)
	}
	f.exec(`UPDATE endpoint SET deleted = true WHERE id = 'ep_gone'`)
	s.imports(0, with, "(ep_gone): it is gone in Svix, and here it is active still").silent(t, "ep_other", native)
	s.imports(0, []string{"import", "svix", "--from", other.url}).silent(t, "gone in Svix", "uid")
	s.change(s.byFormer()["ep_paused"], bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
	f.exec(`UPDATE endpoint SET deleted = true WHERE id = 'ep_paused'`)
	s.imports(0, append(slices.Clone(with), "--disable-deleted")).silent(t, "ep_other", native)
	s.at("ep_gone", "app_1 disabled")
	s.at("ep_paused", "app_1 disabled")
	s.at("ep_other", "app_2 active")
	s.at(native, "app_1 active")
	// A pause is people's, also of what was gone for a while.
	f.exec(`UPDATE endpoint SET deleted = false`)
	s.imports(0, with, "disabled → active", "disabled → paused")
	s.at("ep_gone", "app_1 active")
	s.at("ep_paused", "app_1 paused")
	s.idle(with)
}

// TestConvoyLeavesNames: an app that was here keeps its name whatever its project is called, and an owner who is
// called as another app is told of in every run.
func TestConvoyLeavesNames(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s, f, with := besideConvoy(t, "P1", "P2")
	for _, project := range []string{"P1", "P2"} {
		f.convoyEndpoint(project, "E"+project, "", "http://127.0.0.1:9/", convoySecret, true, "*")
	}
	f.convoyEndpoint("P1", "E3", "P2", "http://127.0.0.1:9/", convoySecret, true, "*")
	if _, err := s.api.CreateApp(t.Context(), client.AppInput{ID: "P1", Name: "Mine"}); err != nil {
		t.Fatal(err)
	}
	const same = "the owner's name as the app's id, which is P1.P2, and as its uid, since another app is called so"
	s.imports(0, append(slices.Clone(with), "--into-existing-apps"), same)
	for range 2 {
		if r := s.imports(0, with, same); r.stdout != "" {
			t.Errorf("it has something to do:\n%s%s", r.stdout, r.stderr)
		}
	}
	if app, err := s.api.App(t.Context(), "P1"); err != nil || app.Name != "Mine" {
		t.Errorf("%+v, %v", app, err)
	}
	f.exec(`UPDATE convoy.projects SET name = 'Other'`)
	s.imports(0, with, "~ app P2").silent(t, "~ app P1")
}
