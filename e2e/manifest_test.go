package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// TestConfigurationMoves: what an installation is set up to do becomes a folder of files, and
// the same at another one; receivers and programs go on with the secrets and keys that they have.
func TestConfigurationMoves(t *testing.T) {
	t.Parallel()
	from, to := serve(t), serve(t)
	r := newReceiver(t, answers(204))
	from.app("acme")
	if _, err := from.api.PutEventType(t.Context(), "invoice.paid", client.EventTypePut{Description: "Paid.", Example: bellhop.JSON(`{"n":1.0}`)}); err != nil {
		t.Fatal(err)
	}
	e := from.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
		c.UID, c.Name, c.Events = bellhop.Of("books"), bellhop.Of("Bookkeeping"), bellhop.Of([]string{"invoice.*"})
	})
	key, err := from.api.CreateKey(t.Context(), client.KeyInput{Name: "checkout", Role: bellhop.RolePublisher, Apps: []string{"acme"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "config") + "/"
	from.cli("export", "-o", dir, "--secrets", "--keys")

	plan := to.run("", "apply", "-f", dir, "--plan")
	for _, want := range []string{"+ event type invoice.paid", "+ app acme", "+ endpoint " + e.ID.String() + " (books)", "+ key checkout"} {
		if !strings.Contains(plan.stdout, want) {
			t.Errorf("the plan does not say %q:\n%s%s", want, plan.stdout, plan.stderr)
		}
	}
	if plan.code != 4 || strings.Contains(plan.stdout+plan.stderr, e.Secret) {
		t.Errorf("a plan with differences: exit code %d\n%s%s", plan.code, plan.stdout, plan.stderr)
	}
	to.cli("import", dir)
	if same := to.run("", "apply", "-f", dir, "--plan"); same.code != 0 || same.stdout != "" {
		t.Errorf("a plan without differences: exit code %d\n%s%s", same.code, same.stdout, same.stderr)
	}
	program := client.New(to.url, key.Token, to.http)
	if _, err := program.Publish(t.Context(), client.Publication{App: "acme", Type: "invoice.paid", Data: bellhop.JSON(`{"n":2.0}`)}); err != nil {
		t.Errorf("the program's key: %v", err)
	}
	r.wait(t, 1)[0].verify(t, "standard", e.Secret)

	// In a file, and what is wrong with one.
	one := to.file("one.yaml", "endpoints:\n- uid: crm\n  apps: [acme]\n  url: "+r.URL+"/crm\n")
	to.cli("apply", "-f", one)
	if r := to.run("", "apply", "-f", one, "--prune"); r.code != 2 || !strings.Contains(r.stderr, "Delete 1 objects") {
		t.Errorf("a deletion that nobody confirmed: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if out := to.cli("apply", "-f", one, "--prune", "--yes"); !strings.Contains(out, "- endpoint ") || !strings.Contains(out, "(books)") {
		t.Errorf("%s", out)
	}
	if out := to.cli("endpoints", "list", "--json"); strings.Count(out, "\n") != 1 || !strings.Contains(out, `"crm"`) {
		t.Errorf("%s", out)
	}
	for text, want := range map[string]string{
		"endpoints:\n- uid: x\n  ulr: y\n": `line 3: an endpoint has no field "ulr": did you mean url?`,
		"apps: {}\n":                       "line 1: apps must be a list",
	} {
		if r := to.run("", "apply", "-f", to.file("bad.yaml", text)); r.code != 2 || !strings.Contains(r.stderr, want) {
			t.Errorf("%d\n%s", r.code, r.stderr)
		}
	}
	bad := to.file("bad.yaml", "endpoints:\n- {uid: y, apps: [nowhere], url: \""+r.URL+"\"}\n- {uid: z, apps: [acme], url: \""+r.URL+"\"}\n")
	if r := to.run("", "apply", "-f", bad); r.code != 1 || !strings.Contains(r.stderr, "bad.yaml line 2") || !strings.Contains(r.stdout, "+ endpoint z") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
