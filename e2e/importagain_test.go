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

// TestImportLeavesWhatWasChangedHere: an import that is run again undoes nothing that was done here, and
// follows what has changed in Svix, also schemas that are gone there.
func TestImportLeavesWhatWasChangedHere(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	f := newForeign(t, svixTables)
	key, _ := keyOf(1, 24)
	f.svixApp("app_1", "one", strings.Repeat("é", 200))
	f.svixEndpoint("ep_1", "app_1", "http://127.0.0.1:9/1", key)
	f.svixEndpoint("ep_2", "app_1", "http://127.0.0.1:9/2", key)
	for n, schemas := range []string{`{"1": {"title": "one"}, "2": {"title": "two"}}`, `{"1": {}}`, `{"1": {}}`, `{"1": {}, "2": {}}`} {
		f.exec(`INSERT INTO eventtype (created_at, updated_at, id, org_id, description, deleted, schemas, name) VALUES (now(), now(), $1, $2, '', false, $3, $4)`,
			fmt.Sprint("evtype_", n), svixOrg, schemas, fmt.Sprint("type.", n))
	}
	with := []string{"import", "svix", "--from", f.url}
	r := s.run("", with...)
	if r.code != 0 || !strings.Contains(r.stderr, "app app_1: its name beyond the first 256 bytes") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if a, err := s.api.App(t.Context(), "app_1"); err != nil || a.Name != strings.Repeat("é", 128) || !strings.HasPrefix(a.Imported, "Svix "+svixOrg+" ") {
		t.Errorf("%+v, %v", a, err)
	}
	one := s.byFormer()["ep_1"]
	if _, err := s.api.UpdateEndpoint(t.Context(), one.ID, bellhop.EndpointChange{
		URL: bellhop.Of("http://127.0.0.1:9/mine"), Status: bellhop.Of(bellhop.EndpointPaused), Channels: bellhop.Of([]string{"us"}), Description: bellhop.Of("Ours"),
	}); err != nil {
		t.Fatal(err)
	}
	before := s.everything()
	for _, args := range [][]string{append(slices.Clone(with), "--dry-run"), with} {
		if r := s.run("", args...); r.code != 0 || r.stdout != "" || !strings.Contains(r.stderr, "nothing to do: nothing that is to be taken over has changed in Svix, of 7 objects") ||
			!strings.Contains(r.stderr, "(ep_1): it was changed here (url, description, channels), and is left so, since it has not changed in Svix") {
			t.Errorf("%v: %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	if s.everything() != before {
		t.Error("a second run changed something")
	}

	f.exec(`UPDATE endpoint SET description = 'Theirs' WHERE id = 'ep_1'`)
	for n, schemas := range []string{`'{"1": {"title": "one"}}'`, `NULL`, `'{}'`, `'null'`} {
		f.exec(fmt.Sprintf(`UPDATE eventtype SET schemas = %s WHERE name = 'type.%d'`, schemas, n))
	}
	s.cli(with...)
	if e := s.byFormer()["ep_1"]; e.URL != "http://127.0.0.1:9/1" || e.Status != bellhop.EndpointPaused || len(e.Channels) > 0 || e.Description != "Theirs" {
		t.Errorf("%+v", e)
	}
	for n := range 4 {
		et, err := s.api.EventType(t.Context(), fmt.Sprint("type.", n))
		if err != nil || len(et.EarlierSchemas) > 0 || (len(et.Schema) > 0) != (n == 0) || (et.SchemaVersion == "1") != (n == 0) {
			t.Errorf("%+v, %v", et, err)
		}
	}

	// Where all of it was moved to, nothing that was made here is taken for Svix's.
	if _, err := s.api.CreateEndpoint(t.Context(), bellhop.EndpointChange{Apps: bellhop.Of([]string{"app_1"}), URL: bellhop.Of("http://127.0.0.1:9/native")}); err != nil {
		t.Fatal(err)
	}
	document := s.file("all.yaml", s.everything())
	moved := serve(t)
	moved.cli("import", document)
	f.exec(`UPDATE endpoint SET deleted = true WHERE id = 'ep_2'`)
	r = moved.run("", append(slices.Clone(with), "--disable-deleted")...)
	if r.code != 0 || strings.Count(r.stdout, "~ endpoint ") != 1 || !strings.Contains(r.stderr, "(ep_2): it is disabled, since it is gone in Svix") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for former, e := range moved.byFormer() {
		if (e.Status == bellhop.EndpointDisabled) != (former == "ep_2") {
			t.Errorf("%s is %s", former, e.Status)
		}
	}
}

// TestImportBoundsAreTheSame: what a request cannot have is told beforehand as it is afterwards; what an
// object can be without keeps it from nothing, and thousands of faults of one are not listed one by one.
func TestImportBoundsAreTheSame(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	f := newForeign(t, svixTables)
	key, _ := keyOf(1, 24)
	f.svixApp("app_1", "", "One")
	for _, id := range []string{"ep_metadata", "ep_headers", "ep_names"} {
		f.svixEndpoint(id, "app_1", "http://127.0.0.1:9/"+id, key)
	}
	f.exec(`INSERT INTO endpointmetadata SELECT now(), now(), 'ep_metadata', jsonb_object_agg('k' || n, n) FROM generate_series(1, 2000) n`)
	f.exec(`INSERT INTO endpointmetadata SELECT now(), now(), 'ep_names', jsonb_object_agg('', 'x') || jsonb_object_agg('k' || n, repeat('x', 600)) FROM generate_series(1, 900) n`)
	f.exec(`UPDATE endpoint SET headers = (SELECT jsonb_object_agg('X-' || n, 'x') FROM generate_series(1, 50000) n) WHERE id = 'ep_headers'`)
	for name, schemas := range map[string]string{
		"many":  `SELECT json_object_agg(n, '{}'::json) FROM generate_series(1, 5000) n`,
		"deep":  `SELECT ('{"1": ' || repeat('{"not":', 5000) || '{}' || repeat('}', 5000) || '}')::json`,
		"large": `SELECT json_build_object('2', json_build_object('properties', json_object_agg('p' || n, '{}'::json))) FROM generate_series(1, 2000) n`,
	} {
		f.exec(`INSERT INTO eventtype (created_at, updated_at, id, org_id, description, deleted, schemas, name) SELECT now(), now(), $1, $2, '', false, (`+schemas+`), $1`, name, svixOrg)
	}
	with := []string{"import", "svix", "--from", f.url}
	var said [2]string
	for n, args := range [][]string{append(slices.Clone(with), "--dry-run"), with} {
		r := s.run("", args...)
		var lines []string
		for line := range strings.Lines(r.stdout + r.stderr) {
			if strings.ContainsAny(line[:1], "+!✗ ") && !strings.Contains(line, " steps ") {
				lines = append(lines, line)
			}
		}
		slices.Sort(lines)
		said[n] = strings.Join(lines, "")
		for _, want := range []string{
			"event type many (Svix event type many): it is without earlier_schemas: an object has more than 1000 keys", "event type deep (Svix event type deep): it is without schema: nested deeper than 512",
			"headers: an object", "… and 1988 more parts of the endpoint ep_metadata", "is without metadata: ", "+ endpoint ep_names", "+ endpoint ep_metadata", "+ event type deep", "+ event type many", "+ event type large",
		} {
			if r.code != 1 || !strings.Contains(r.stdout+r.stderr, want) {
				t.Errorf("%v: %d, it does not say %q:\n%.3000s%.3000s", args, r.code, want, r.stdout, r.stderr)
			}
		}
		if len(lines) > 40 {
			t.Errorf("%d lines", len(lines))
		}
	}
	if said[0] != said[1] {
		t.Errorf("a dry run says\n%.3000s\nand the run\n%.3000s", said[0], said[1])
	}
	if all := s.byFormer(); len(all) != 2 {
		t.Errorf("%v", all)
	}
	if et, err := s.api.EventType(t.Context(), "many"); err != nil || et.SchemaVersion != "5000" {
		t.Errorf("%+v, %v", et, err)
	}
}

// TestImportHandsUIDsOver: while the uid of one app becomes another's, it is nobody's for a moment alone.
func TestImportHandsUIDsOver(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	f := newForeign(t, svixTables)
	const many = 200
	for n := range many {
		f.svixApp(fmt.Sprintf("app_%03d", n), fmt.Sprintf("uid-%d", n), "App")
	}
	s.cli("import", "svix", "--from", f.url)
	f.exec(`UPDATE application SET name = 'New'; UPDATE application SET uid = 'other' WHERE id = 'app_000'; UPDATE application SET uid = 'uid-0' WHERE id = 'app_199'`)
	r := s.run("", "import", "svix", "--from", f.url)
	lines := strings.Split(r.stdout, "\n")
	at := slices.Index(lines, "    uid: uid-0 → none")
	if r.code != 0 || at < 1 || lines[at-1] != "~ app app_000" || lines[at+1] != "~ app app_199" {
		t.Errorf("%d\n%.1000s%.1000s", r.code, r.stdout, r.stderr)
	}
	if _, err := s.api.Publish(t.Context(), client.Publication{App: "app_199", Type: "a.b", Data: bellhop.JSON(`1`)}); err != nil {
		t.Error(err)
	}
	if a, err := s.api.App(t.Context(), "app_199"); err != nil || a.UID != "uid-0" {
		t.Errorf("%+v, %v", a, err)
	}
}
