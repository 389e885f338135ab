package e2e

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// foreign is another product's database, made by a test.
type foreign struct {
	t   *testing.T
	url string
	c   *pgx.Conn
}

func newForeign(t *testing.T, tables string) *foreign {
	t.Helper()
	f := &foreign{t: t, url: testpostgres.Database(t)}
	var err error
	if f.c, err = pgx.Connect(t.Context(), f.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.c.Close(context.Background()) })
	f.exec(tables)
	return f
}

func (f *foreign) exec(sql string, args ...any) {
	f.t.Helper()
	if _, err := f.c.Exec(f.t.Context(), sql, args...); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
}

// file writes a file into the server's folder.
func (s *server) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// everything is what the server has of the kinds that are taken over.
func (s *server) everything() string {
	s.t.Helper()
	return s.cli("export", "--secrets")
}

// byFormer finds endpoints by their former ids.
func (s *server) byFormer() map[string]bellhop.Endpoint {
	s.t.Helper()
	all := map[string]bellhop.Endpoint{}
	for e, err := range s.api.Endpoints(s.t.Context(), client.EndpointFilter{Limit: 250}) {
		if err != nil {
			s.t.Fatal(err)
		}
		if _, twice := all[e.FormerID]; twice {
			s.t.Errorf("two endpoints have the former id %s", e.FormerID)
		}
		all[e.FormerID] = e
	}
	return all
}

// fails runs an import that must fail, and change nothing.
func (s *server) fails(want string, args ...string) {
	s.t.Helper()
	before := s.everything()
	r := s.run("", args...)
	if r.code == 0 || !strings.Contains(r.stderr, want) {
		s.t.Errorf("bellhop %s: exit code %d, %s\nwanted %q", strings.Join(args, " "), r.code, r.stderr, want)
	}
	if after := s.everything(); after != before {
		s.t.Errorf("bellhop %s failed, and changed something:\n%s\nit was\n%s", strings.Join(args, " "), after, before)
	}
}

// The tables of Svix that are read, after its migrations, with the columns that those have
// made of them.
const svixTables = `
CREATE TABLE application (id varchar COLLATE "C" PRIMARY KEY, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
	org_id varchar COLLATE "C" NOT NULL, uid varchar COLLATE "C", name varchar NOT NULL, rate_limit integer, deleted boolean NOT NULL);
CREATE UNIQUE INDEX ON application (org_id, uid) WHERE uid IS NOT NULL;
CREATE TABLE applicationmetadata (created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, id varchar COLLATE "C" PRIMARY KEY, data jsonb NOT NULL);
CREATE TABLE endpoint (id varchar COLLATE "C" PRIMARY KEY, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
	app_id varchar COLLATE "C" NOT NULL REFERENCES application, key bytea NOT NULL, url varchar NOT NULL, description varchar NOT NULL,
	event_types_ids jsonb, version integer NOT NULL, rate_limit integer, deleted boolean NOT NULL, disabled boolean NOT NULL,
	first_failure_at timestamptz, uid varchar COLLATE "C", old_keys jsonb, channels jsonb, headers jsonb);
CREATE UNIQUE INDEX ON endpoint (app_id, uid) WHERE uid IS NOT NULL;
CREATE TABLE endpointmetadata (created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, id varchar COLLATE "C" PRIMARY KEY, data jsonb NOT NULL);
CREATE TABLE eventtype (created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, id varchar COLLATE "C" PRIMARY KEY,
	org_id varchar COLLATE "C" NOT NULL, description varchar NOT NULL, deleted boolean NOT NULL, schemas json, name varchar NOT NULL,
	feature_flag text, deprecated boolean NOT NULL DEFAULT false);
CREATE UNIQUE INDEX ON eventtype (org_id, name);`

const (
	svixOrg    = "org_23rb8YdGqMT0qIzpgGwdXfHirMu"
	mainSecret = "the main secret of a Svix server"
)

// svixKey is a secret as Svix keeps it: a byte that says what it is, and the key, which is
// encrypted if a main secret is given.
func svixKey(t *testing.T, kind byte, key []byte, main string) []byte {
	t.Helper()
	if main == "" {
		return append([]byte{kind}, key...)
	}
	derived := hmac.New(sha256.New, []byte(main))
	derived.Write([]byte("main"))
	aead, err := chacha20poly1305.NewX(derived.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	return append(append([]byte{kind | 0x80}, nonce...), aead.Seal(nil, nonce, key, nil)...)
}

// keyOf is a key of so many bytes, and as receivers have it.
func keyOf(fill byte, length int) (key []byte, secret string) {
	key = make([]byte, length)
	for i := range key {
		key[i] = fill + byte(i)
	}
	return key, "whsec_" + base64.StdEncoding.EncodeToString(key)
}

func (f *foreign) svixApp(id, uid, name string) {
	f.exec(`INSERT INTO application VALUES ($1, now(), now(), $2, nullif($3, ''), $4, NULL, false)`, id, svixOrg, uid, name)
}

func (f *foreign) svixEndpoint(id, app, url string, key []byte) {
	f.exec(`INSERT INTO endpoint (id, created_at, updated_at, app_id, key, url, description, version, deleted, disabled)
		VALUES ($1, now(), now(), $2, $3, $4, '', 1, false, false)`, id, app, key, url)
}

func TestImportSvix(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	f := newForeign(t, svixTables)
	one, two, three := newReceiver(t, answers(204)), newReceiver(t, answers(204)), newReceiver(t, answers(204))

	const acme, globex = "app_2srOrx2ZWZBpBUvZwXKQmoEYga2", "app_2srOrx2ZWZBpBUvZwXKQmoEYga3"
	f.svixApp(acme, "acme-uid", "Acme")
	f.svixApp(globex, "", "Globex")
	f.svixApp("app_gone", "", "Gone")
	f.exec(`UPDATE application SET deleted = true WHERE id = 'app_gone'`)
	f.exec(`UPDATE application SET rate_limit = 50 WHERE id = $1`, globex)
	f.exec(`INSERT INTO applicationmetadata VALUES (now(), now(), $1, '{"plan": "gold"}')`, acme)

	// The secret of the first versions: as long as they all were, and without a mark.
	legacy, legacySecret := keyOf(1, 24)
	f.svixEndpoint("ep_legacy", acme, one.URL, legacy)
	f.exec(`UPDATE endpoint SET uid = 'books', description = 'Bookkeeping', event_types_ids = '["invoice.paid", "invoice.void"]', channels = '["eu"]',
		headers = '{"X-Token": "abc"}', rate_limit = 20 WHERE id = 'ep_legacy'`)
	f.exec(`INSERT INTO endpointmetadata VALUES (now(), now(), 'ep_legacy', '{"owner": "ann"}')`)

	// One that was rotated: the older secrets sign until they expire.
	newest, newestSecret := keyOf(2, 32)
	older, olderSecret := keyOf(3, 75)
	expired, _ := keyOf(4, 24)
	expires := time.Now().Add(2 * time.Hour).Truncate(time.Second).UTC()
	f.svixEndpoint("ep_rotated", acme, two.URL, svixKey(t, 1, newest, mainSecret))
	f.exec(`UPDATE endpoint SET old_keys = $1::jsonb WHERE id = 'ep_rotated'`, fmt.Sprintf(`[{"signingKey": %q, "expiration": "2024-01-01T00:00:00Z"}, {"signingKey": %q, "expiration": %q}]`,
		base64.StdEncoding.EncodeToString(svixKey(t, 1, expired, mainSecret)), base64.StdEncoding.EncodeToString(svixKey(t, 1, older, mainSecret)), expires.Format(time.RFC3339)))

	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f.svixEndpoint("ep_signed", globex, three.URL, svixKey(t, 2, private, mainSecret))
	f.svixEndpoint("ep_off", globex, three.URL+"/off", svixKey(t, 1, newest, ""))
	f.exec(`UPDATE endpoint SET disabled = true, version = 3 WHERE id = 'ep_off'`)
	f.svixEndpoint("ep_deleted", globex, three.URL, svixKey(t, 1, newest, mainSecret))
	f.exec(`UPDATE endpoint SET deleted = true WHERE id = 'ep_deleted'`)
	f.svixEndpoint("ep_of_gone", "app_gone", three.URL, svixKey(t, 1, newest, mainSecret))

	f.exec(`INSERT INTO eventtype (created_at, updated_at, id, org_id, description, deleted, schemas, name, feature_flag, deprecated) VALUES
		(now(), now(), 'evtype_1', $1, 'Paid.', false, '{"1": {"type":"object"}, "10": {"type":"object","title":"ten"}, "2": {"title":"two"}}', 'invoice.paid', 'beta', false),
		(now(), now(), 'evtype_2', $1, 'Void.', true, NULL, 'invoice.void', NULL, true)`, svixOrg)
	f.exec(`INSERT INTO eventtype (created_at, updated_at, id, org_id, description, deleted, name) VALUES (now(), now(), 'evtype_3', 'org_00000000000SvixManagement00', '', false, 'endpoint.created')`)

	from := []string{"import", "svix", "--from", f.url}
	with := append(slices.Clone(from), "--main-secret-file", s.file("main", mainSecret+"\n"))

	s.fails("give the main_secret of the Svix server", from...)
	s.fails("do not open with this main secret", append(slices.Clone(from), "--main-secret-file", s.file("wrong", "another"))...)
	s.fails("has no organization org_other", append(slices.Clone(with), "--org", "org_other")...)
	before := s.everything()
	if r := s.run("", append(slices.Clone(with), "--dry-run")...); r.code != 0 || !strings.Contains(r.stdout, "+ endpoint books") ||
		!strings.Contains(r.stderr, "8 to create") || !strings.Contains(r.stderr, "endpoint ep_off: its version 3") || strings.Contains(r.stdout+r.stderr, "whsec_") {
		t.Errorf("a dry run: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if s.everything() != before {
		t.Error("a dry run changed something")
	}
	s.cli(with...)

	app, err := s.api.App(t.Context(), acme)
	if err != nil || app.UID != "acme-uid" || app.Name != "Acme" || app.Metadata["plan"] != "gold" {
		t.Errorf("%+v, %v", app, err)
	}
	if app, err = s.api.App(t.Context(), globex); err != nil || app.RateLimit == nil || app.RateLimit.PerSecond != 50 || app.UID != "" {
		t.Errorf("%+v, %v", app, err)
	}
	paid, err := s.api.EventType(t.Context(), "invoice.paid")
	if err != nil || !strings.Contains(string(paid.Schema), "ten") || paid.SchemaVersion != "10" || len(paid.EarlierSchemas) != 2 || !slices.Equal(paid.FeatureFlags, []string{"beta"}) || paid.Archived {
		t.Errorf("%+v, %v", paid, err)
	}
	if void, err := s.api.EventType(t.Context(), "invoice.void"); err != nil || !void.Archived || !void.Deprecated {
		t.Errorf("%+v, %v", void, err)
	}
	all := s.byFormer()
	if len(all) != 4 {
		t.Fatalf("%d endpoints: %v", len(all), all)
	}
	e := all["ep_legacy"]
	if e.UID != "books" || e.Description != "Bookkeeping" || !slices.Equal(e.Apps, []string{acme}) || !slices.Equal(e.Events, []string{"invoice.paid", "invoice.void"}) ||
		!slices.Equal(e.Channels, []string{"eu"}) || e.Headers["X-Token"] != "abc" || e.RateLimit == nil || e.RateLimit.PerSecond != 20 || e.Metadata["owner"] != "ann" ||
		e.Status != bellhop.EndpointActive || e.Dialect != "svix" {
		t.Errorf("%+v", e)
	}
	if e := all["ep_off"]; e.Status != bellhop.EndpointDisabled {
		t.Errorf("%+v", e)
	}

	// Receivers notice nothing: they check by the secrets that they have had.
	s.publishAs(client.Publication{App: acme, Type: "invoice.paid", Data: bellhop.JSON(`{"total": 1.0}`), Channels: []string{"eu"}})
	s.publish(globex, "invoice.paid", `{"total": 2.0}`)
	checkAsReceiver(t, "svix", legacySecret, one.wait(t, 1)[0])
	got := two.wait(t, 1)[0]
	checkAsReceiver(t, "svix", newestSecret, got)
	got.verify(t, "svix", olderSecret)
	got.carries(t, `{"total": 1.0}`)
	three.wait(t, 1)[0].verify(t, "svix", "whpk_"+base64.StdEncoding.EncodeToString(public))
	if h := one.requests()[0].header.Get("X-Token"); h != "abc" {
		t.Errorf("X-Token is %q", h)
	}
	secrets, err := s.api.Secrets(t.Context(), all["ep_rotated"].ID)
	if err != nil || len(secrets) != 2 || !secrets[1].ExpiresAt.Equal(expires) {
		t.Errorf("%+v, %v; the older secret was to expire at %s", secrets, err, expires)
	}

	// A second run changes nothing; then what has changed, and nothing else.
	if r := s.run("", with...); r.code != 0 || r.stdout != "" || !strings.Contains(r.stderr, "nothing to do: nothing that is to be taken over has changed in Svix, of 8 objects") {
		t.Errorf("a second run: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	rotated, rotatedSecret := keyOf(9, 24)
	f.exec(`UPDATE endpoint SET key = $1, old_keys = $2::jsonb WHERE id = 'ep_rotated'`, svixKey(t, 1, rotated, mainSecret),
		fmt.Sprintf(`[{"signingKey": %q, "expiration": %q}, {"signingKey": %q, "expiration": %q}]`,
			base64.StdEncoding.EncodeToString(svixKey(t, 1, newest, mainSecret)), time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
			base64.StdEncoding.EncodeToString(svixKey(t, 1, older, mainSecret)), expires.Format(time.RFC3339)))
	f.exec(`UPDATE endpoint SET disabled = false, channels = '["us"]' WHERE id = 'ep_off'`)
	f.exec(`UPDATE application SET name = 'Acme Inc' WHERE id = $1`, acme)
	r := s.run("", with...)
	want := []string{"~ app " + acme, "    name: Acme → Acme Inc", "~ endpoint ", "    secrets: (hidden) → (hidden)", "~ endpoint ", "    channels: none → [\"us\"]", "    status: disabled → active"}
	if lines := strings.Split(strings.TrimSpace(r.stdout), "\n"); r.code != 0 || len(lines) != len(want) {
		t.Errorf("a third run: %d\n%s%s", r.code, r.stdout, r.stderr)
	} else {
		for _, w := range want {
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, w) }) {
				t.Errorf("a third run does not say %q:\n%s", w, r.stdout)
			}
		}
	}
	s.publish(acme, "invoice.paid", `{"total": 3}`)
	got = two.wait(t, 2)[1]
	for _, secret := range []string{rotatedSecret, newestSecret, olderSecret} {
		got.verify(t, "svix", secret)
	}
}

// TestImportFollowsWhatIsGone: what was deleted in Svix, or now has a filter or hears nothing there, is not sent
// to in silence; and one that was made anew with the uid of another is another one.
func TestImportFollowsWhatIsGone(t *testing.T) {
	t.Parallel()
	s := serve(t)
	f := newForeign(t, svixTables+`ALTER TABLE endpoint ADD filter text;`)
	key, _ := keyOf(1, 24)
	f.svixApp("app_1", "one", "One")
	f.svixApp("app_2", "two", "Two")
	for _, id := range []string{"ep_kept", "ep_gone", "ep_filtered", "ep_deaf"} {
		f.svixEndpoint(id, "app_1", "http://127.0.0.1:9/"+id, key)
	}
	f.svixEndpoint("ep_of_app", "app_2", "http://127.0.0.1:9/", key)
	f.exec(`UPDATE endpoint SET uid = 'books' WHERE id = 'ep_gone'`)
	s.cli("import", "svix", "--from", f.url)

	f.exec(`UPDATE endpoint SET filter = 'a == 1' WHERE id = 'ep_filtered'; UPDATE endpoint SET event_types_ids = '[]' WHERE id = 'ep_deaf'; UPDATE endpoint SET deleted = true, uid = NULL WHERE id = 'ep_gone'`)
	f.exec(`UPDATE application SET deleted = true, uid = NULL WHERE id = 'app_2'`)
	f.svixEndpoint("ep_new", "app_1", "http://127.0.0.1:9/ep_new", key)
	f.exec(`UPDATE endpoint SET uid = 'books' WHERE id = 'ep_new'`)
	r := s.run("", "import", "svix", "--from", f.url)
	for _, want := range []string{
		"(books): it is gone in Svix, and here it is active still", "(ep_of_app): it is gone in Svix", "app app_2: it was deleted in Svix", "(ep_filtered): it was taken over from Svix earlier, and no longer can be: it is disabled",
		"(ep_deaf): it was taken over from Svix earlier, and no longer can be: it is disabled, since its event_types_ids are an empty list",
	} {
		if r.code != 0 || !strings.Contains(r.stderr, want) {
			t.Errorf("%d, it does not say %q:\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	expect := func(want map[string]bellhop.EndpointStatus) {
		t.Helper()
		all := s.byFormer()
		for id, status := range want {
			if e := all[id]; e.Status != status || !strings.HasSuffix(e.URL, id) && id != "ep_of_app" || (e.UID == "books") != (id == "ep_new") {
				t.Errorf("%s: %s %s %q", id, e.Status, e.URL, e.UID)
			}
		}
	}
	on, off := bellhop.EndpointActive, bellhop.EndpointDisabled
	expect(map[string]bellhop.EndpointStatus{"ep_kept": on, "ep_new": on, "ep_gone": on, "ep_of_app": on, "ep_filtered": off, "ep_deaf": off})
	s.cli("import", "svix", "--from", f.url, "--disable-deleted")
	expect(map[string]bellhop.EndpointStatus{"ep_kept": on, "ep_new": on, "ep_gone": off, "ep_of_app": off, "ep_filtered": off, "ep_deaf": off})
}

// TestImportIsKilled: an import that ends in the middle goes on when it is run again.
func TestImportIsKilled(t *testing.T) {
	t.Parallel()
	s := serve(t)
	f := newForeign(t, svixTables)
	const many = 120
	f.svixApp("app_1", "", "One")
	key, _ := keyOf(1, 24)
	for i := range many {
		f.svixEndpoint(fmt.Sprintf("ep_%03d", i), "app_1", "http://127.0.0.1:9/"+fmt.Sprint(i), svixKey(t, 1, key, ""))
	}
	killAfter(t, s.command("import", "svix", "--from", f.url), 30)
	n := len(s.byFormer())
	if n == 0 || n == many {
		t.Fatalf("%d endpoints were there when it was killed: it was not in the middle", n)
	}
	s.cli("import", "svix", "--from", f.url)
	if n := len(s.byFormer()); n != many {
		t.Errorf("%d endpoints", n)
	}
	if r := s.run("", "import", "svix", "--from", f.url); r.code != 0 || r.stdout != "" {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestImportOfWhatIsNotKnown(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	f := newForeign(t, svixTables)
	f.svixApp("app_1", "", "One")
	key, _ := keyOf(1, 24)
	f.svixEndpoint("ep_1", "app_1", "http://127.0.0.1:9/", key)

	// A newer one, with a filter that is not known, and retry schedules.
	f.exec(`ALTER TABLE endpoint ADD filter text, ADD retry_schedule jsonb; ALTER TABLE eventtype ADD retry_schedule jsonb`)
	f.svixEndpoint("ep_2", "app_1", "http://127.0.0.1:9/", key)
	f.exec(`UPDATE endpoint SET filter = 'a == 1' WHERE id = 'ep_2'; UPDATE endpoint SET retry_schedule = '[1]' WHERE id = 'ep_1'`)
	r := s.run("", "import", "svix", "--from", f.url, "--dry-run")
	if r.code != 0 || !strings.Contains(r.stderr, "endpoint ep_2 (http://127.0.0.1:9/): the whole endpoint, since its filter") || !strings.Contains(r.stderr, "endpoint ep_1: its own retry schedule") || !strings.Contains(r.stderr, "2 to create") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}

	// Two organizations.
	f.exec(`UPDATE application SET org_id = 'org_b' WHERE id = 'app_1'`)
	f.svixApp("app_2", "", "Two")
	s.fails("has 2 organizations", "import", "svix", "--from", f.url)

	// An older one, and none at all.
	f.exec(`ALTER TABLE endpoint DROP channels, DROP headers; DROP TABLE eventtype`)
	s.fails("the column endpoint.channels, the column endpoint.headers, the table eventtype is missing", "import", "svix", "--from", f.url)
	s.fails("the table endpoints", "import", "convoy", "--from", f.url)
	s.fails("must begin with postgres://", "import", "svix", "--from", "bellhop.db")
	s.fails("--from is missing", "import", "svix")
	secret, _ := url.Parse(f.url)
	secret.Host, secret.User = "127.0.0.1:1", url.UserPassword("ann", "s3cr3t")
	if r := s.run("", "import", "svix", "--from", secret.String()); r.code == 0 || strings.Contains(r.stderr, "s3cr3t") {
		t.Errorf("%d\n%s", r.code, r.stderr)
	}
}

// The tables of Convoy that are read, after its migrations.
const convoyTables = `
CREATE SCHEMA convoy;
CREATE EXTENSION pgcrypto SCHEMA convoy;
CREATE TABLE convoy.project_configurations (id varchar PRIMARY KEY, strategy_type text NOT NULL, strategy_duration integer NOT NULL,
	strategy_retry_count integer NOT NULL, signature_header text NOT NULL, signature_versions jsonb NOT NULL);
CREATE TABLE convoy.projects (id varchar PRIMARY KEY, name text NOT NULL, type text NOT NULL, organisation_id varchar NOT NULL,
	project_configuration_id varchar NOT NULL REFERENCES convoy.project_configurations, deleted_at timestamptz);
CREATE TYPE convoy.endpoint_content_types AS ENUM ('application/json', 'application/x-www-form-urlencoded');
CREATE TABLE convoy.endpoints (id varchar PRIMARY KEY, name text NOT NULL, status text NOT NULL DEFAULT 'active', owner_id text, url text NOT NULL, description text,
	http_timeout integer NOT NULL DEFAULT 10, rate_limit integer NOT NULL DEFAULT 0, rate_limit_duration integer NOT NULL DEFAULT 0, advanced_signatures boolean NOT NULL,
	slack_webhook_url text, support_email text, app_id text, project_id varchar NOT NULL REFERENCES convoy.projects,
	authentication_type text, authentication_type_api_key_header_name text, authentication_type_api_key_header_value text, authentication_type_api_key_header_value_cipher text,
	secrets jsonb NOT NULL, secrets_cipher text, is_encrypted boolean DEFAULT false, basic_auth_config jsonb, basic_auth_config_cipher text,
	oauth2_config jsonb, oauth2_config_cipher text, mtls_client_cert jsonb, mtls_client_cert_cipher text,
	content_type convoy.endpoint_content_types NOT NULL DEFAULT 'application/json', deleted_at timestamptz);
CREATE TYPE convoy.delivery_mode AS ENUM ('at_least_once', 'at_most_once');
CREATE TABLE convoy.subscriptions (id varchar PRIMARY KEY, name text NOT NULL DEFAULT '', type text NOT NULL DEFAULT 'api', project_id varchar NOT NULL REFERENCES convoy.projects,
	endpoint_id varchar REFERENCES convoy.endpoints, retry_config_type text, retry_config_duration integer, retry_config_retry_count integer,
	filter_config_event_types text[] NOT NULL, filter_config_filter_headers jsonb NOT NULL DEFAULT '{}', filter_config_filter_body jsonb NOT NULL DEFAULT '{}',
	filter_config_filter_raw_body jsonb NOT NULL DEFAULT '{}', filter_config_filter_query jsonb NOT NULL DEFAULT '{}',
	filter_config_filter_path jsonb NOT NULL DEFAULT '{}', function text, delivery_mode convoy.delivery_mode DEFAULT 'at_least_once', deleted_at timestamptz);
CREATE TABLE convoy.filters (id varchar PRIMARY KEY, subscription_id varchar NOT NULL REFERENCES convoy.subscriptions, event_type varchar NOT NULL,
	headers jsonb NOT NULL DEFAULT '{}', body jsonb NOT NULL DEFAULT '{}', raw_headers jsonb NOT NULL DEFAULT '{}', raw_body jsonb NOT NULL DEFAULT '{}');
CREATE TABLE convoy.event_types (id varchar PRIMARY KEY, name varchar NOT NULL, description text, category text, project_id varchar NOT NULL REFERENCES convoy.projects,
	deprecated_at timestamptz, json_schema jsonb DEFAULT '{}');`

func (f *foreign) convoyProject(id, header, versions string) {
	f.exec(`INSERT INTO convoy.project_configurations VALUES ($1, 'linear', 30, 4, $2, $3::jsonb)`, id, header, versions)
	f.exec(`INSERT INTO convoy.projects VALUES ($1, $2, 'outgoing', 'org', $1, NULL)`, id, "Project "+id)
}

func (f *foreign) convoyEndpoint(project, id, owner, url, secrets string, advanced bool, events ...string) {
	f.exec(`INSERT INTO convoy.endpoints (id, name, owner_id, url, advanced_signatures, project_id, secrets) VALUES ($1, $2, nullif($3, ''), $4, $5, $6, $7::jsonb)`,
		id, "Endpoint "+id, owner, url, advanced, project, secrets)
	if len(events) > 0 {
		f.exec(`INSERT INTO convoy.subscriptions (id, project_id, endpoint_id, filter_config_event_types) VALUES ($1, $2, $3, $4)`, "SUB"+id, project, id, events)
	}
}

func TestImportConvoy(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := newServer(t, "--dev")
	config := filepath.Join(s.dir, "bellhop.yaml")
	s.env = append(s.env, "BELLHOP_CONFIG="+config)
	s.file("bellhop.yaml", "{}\n")
	s.start()
	f := newForeign(t, convoyTables)
	one, two, three := newReceiver(t, answers(204)), newReceiver(t, answers(204)), newReceiver(t, answers(204))

	const versions = `[{"uid": "1", "hash": "SHA256", "encoding": "hex", "created_at": "2024-01-01T00:00:00Z"}]`
	f.convoyProject("PROJECT1", "X-Convoy-Signature", versions)
	f.convoyProject("INCOMING", "X-Convoy-Signature", versions)
	f.exec(`UPDATE convoy.projects SET type = 'incoming' WHERE id = 'INCOMING'`)
	f.exec(`INSERT INTO convoy.event_types (id, name, description, category, project_id, json_schema) VALUES
		('ET1', 'invoice.paid', 'Paid.', 'Billing', 'PROJECT1', '{"type": "object"}'), ('ET2', '*', '', '', 'PROJECT1', '{}')`)

	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	f.convoyEndpoint("PROJECT1", "EP1", "acme", one.URL, fmt.Sprintf(`[{"uid":"a","value":"gone","expires_at":%q,"deleted_at":"2024-01-01T00:00:00Z"},
		{"uid":"b","value":"the older secret","expires_at":%q,"deleted_at":null},{"uid":"c","value":"the newest secret","expires_at":null}]`, soon, soon), true, "invoice.paid")
	f.exec(`UPDATE convoy.endpoints SET authentication_type = 'api_key', authentication_type_api_key_header_name = 'X-Key', authentication_type_api_key_header_value = 'k3y',
		rate_limit = 600, rate_limit_duration = 60, http_timeout = 20, slack_webhook_url = 'https://hooks.slack.example' WHERE id = 'EP1'`)
	f.convoyEndpoint("PROJECT1", "EP2", "", two.URL, `[{"uid":"a","value":"a simple one"}]`, false, "*")
	f.exec(`UPDATE convoy.endpoints SET is_encrypted = true, secrets = '[]', secrets_cipher = convoy.pgp_sym_encrypt($1, 'encryption key'),
		basic_auth_config_cipher = convoy.pgp_sym_encrypt('{"username":"ann","password":"pass"}', 'encryption key') WHERE id = 'EP2'`, `[{"uid":"a","value":"a simple one"}]`)
	f.convoyEndpoint("PROJECT1", "EP3", "", two.URL, `[{"uid":"a","value":"x"}]`, true)
	years := time.Now().AddDate(10, 0, 0).UTC().Format(time.RFC3339)
	f.convoyEndpoint("PROJECT1", "EP4", "acme", two.URL+"/filtered", fmt.Sprintf(`[{"uid":"b","value":"y","expires_at":%q},{"uid":"a","value":"x"}]`, years), true, "invoice.paid", "invoice.void")
	f.exec(`INSERT INTO convoy.filters (id, subscription_id, event_type, body, raw_body) VALUES
		('F1', 'SUBEP4', 'invoice.paid', '{"total.$gte": 100}', '{"total": {"$gte": 100}, "customer.country": "CH"}'), ('F2', 'SUBEP4', 'invoice.void', '{}', '{}')`)
	f.convoyEndpoint("PROJECT1", "EP5", "acme", two.URL+"/regex", `[{"uid":"a","value":"x"}]`, true, "invoice.paid")
	f.exec(`UPDATE convoy.subscriptions SET filter_config_filter_body = '{"a": {"$regex": "x"}}' WHERE id = 'SUBEP5'`)
	f.convoyEndpoint("PROJECT1", "EP6", "bad owner!", two.URL+"/paused", `[{"uid":"a","value":"x"}]`, true, "*")
	f.exec(`UPDATE convoy.endpoints SET status = 'paused' WHERE id = 'EP6'`)

	// A project that signs in its own way, for which the operator adds a dialect.
	f.convoyProject("PROJECT2", "X-Acme-Sign", `[{"hash": "SHA256", "encoding": "hex"}, {"hash": "SHA512", "encoding": "base64"}]`)
	f.convoyEndpoint("PROJECT2", "EP7", "", three.URL, `[{"uid":"a","value":"another secret"}]`, true, "*")

	from := []string{"import", "convoy", "--from", f.url}
	with := append(slices.Clone(from), "--encryption-key-file", s.file("key", "encryption key\n"))
	s.fails("give its key with --encryption-key-file", from...)
	s.fails("do not open with this key", append(slices.Clone(from), "--encryption-key-file", s.file("wrong", "another"))...)
	r := s.run("", with...)
	_, dialects, ok := strings.Cut(r.stderr, "dialects:\n")
	if r.code == 0 || !ok || len(s.byFormer()) > 0 {
		t.Fatalf("a project signs in a way that the server does not know: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	s.file("bellhop.yaml", "dialects:\n"+dialects)
	s.restart()

	r = s.run("", with...)
	if r.code != 0 {
		t.Fatalf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, want := range []string{
		"project INCOMING (Project INCOMING): the whole project", "endpoint EP3 (" + two.URL + "): the whole endpoint, since no subscription",
		"subscription SUBEP5 of the endpoint EP5", "uses $regex", "endpoint EP4: that an older secret is valid until " + years[:10] + ": here it is so for 30 days", "endpoint EP1: the Slack channel", `owner "bad owner!" of the project PROJECT1: the owner's name as the app's id, which is PROJECT1.bad_owner_`,
		"project PROJECT2: signatures of its versions before the newest, v2", "project PROJECT1: publishing to all endpoints of all its owners",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("the report does not say %q:\n%s", want, r.stderr)
		}
	}
	if strings.Contains(r.stdout+r.stderr, "k3y") || strings.Contains(r.stdout+r.stderr, "the newest secret") || strings.Contains(r.stdout+r.stderr, "pass\"") {
		t.Errorf("a secret was shown:\n%s%s", r.stdout, r.stderr)
	}
	all := s.byFormer()
	if len(all) != 6 {
		t.Errorf("%d endpoints: %v", len(all), all)
	}
	e := all["EP1"]
	if !slices.Equal(e.Apps, []string{"acme"}) || e.Name != "Endpoint EP1" || e.Dialect != "convoy" || e.Auth == nil || e.Auth.Name != "X-Key" || e.RateLimit == nil || e.RateLimit.PerSecond != 10 ||
		e.RateLimit.Burst != 600 || e.Timeout.String() != "20s" || len(e.Retry.Delays) != 3 || e.Retry.Delays[0].String() != "30s" {
		t.Errorf("%+v", e)
	}
	if e := all["EP2"]; e.Dialect != "convoy-simple" || !slices.Equal(e.Apps, []string{"PROJECT1"}) || len(e.Events) > 0 || e.Auth == nil || e.Auth.Username != "ann" {
		t.Errorf("%+v", e)
	}
	if e := all["EP4"]; string(e.Filter) == "" || !slices.Equal(e.Events, []string{"invoice.paid"}) {
		t.Errorf("%+v", e)
	} else {
		var filter map[string]any
		if err := json.Unmarshal(e.Filter, &filter); err != nil || fmt.Sprint(filter) != "map[customer:map[country:[CH]] total:[map[numeric:[>= 100]]]]" {
			t.Errorf("%s", e.Filter)
		}
	}
	if e := all["SUBEP4.invoice.void"]; len(e.Filter) > 0 || !slices.Equal(e.Events, []string{"invoice.void"}) {
		t.Errorf("%+v", e)
	}
	if e := all["EP6"]; e.Status != bellhop.EndpointPaused || !slices.Equal(e.Apps, []string{"PROJECT1.bad_owner_"}) {
		t.Errorf("%+v", e)
	}
	if et, err := s.api.EventType(t.Context(), "invoice.paid"); err != nil || et.Group != "Billing" || et.Description != "Paid." {
		t.Errorf("%+v, %v", et, err)
	}

	// Receivers notice nothing.
	s.publish("acme", "invoice.paid", `{"total": 1.0}`)
	s.publish("PROJECT1", "invoice.paid", `{"total": 2.0}`)
	s.publish("PROJECT2", "invoice.paid", `{"total": 3.0}`)
	got := one.wait(t, 1)[0]
	for _, secret := range []string{"the newest secret", "the older secret"} {
		stamp, _, _ := strings.Cut(strings.TrimPrefix(got.header.Get("X-Convoy-Signature"), "t="), ",")
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + "," + string(got.body)))
		if !strings.Contains(got.header.Get("X-Convoy-Signature"), ",v1="+hex.EncodeToString(mac.Sum(nil))) {
			t.Errorf("%s does not verify %s", secret, got.header.Get("X-Convoy-Signature"))
		}
	}
	if got.header.Get("X-Key") != "k3y" {
		t.Errorf("X-Key is %q", got.header.Get("X-Key"))
	}
	got = two.wait(t, 1)[0]
	mac := hmac.New(sha256.New, []byte("a simple one"))
	mac.Write(got.body)
	if user, pass, _ := (&http.Request{Header: got.header}).BasicAuth(); got.header.Get("X-Convoy-Signature") != hex.EncodeToString(mac.Sum(nil)) || user != "ann" || pass != "pass" {
		t.Errorf("%v", got.header)
	}
	got.carries(t, `{"total": 2.0}`)
	if sign := three.wait(t, 1)[0].header.Get("X-Acme-Sign"); !strings.Contains(sign, ",v2=") || !strings.HasPrefix(sign, "t=") {
		t.Errorf("X-Acme-Sign is %q", sign)
	}

	if r := s.run("", with...); r.code != 0 || r.stdout != "" {
		t.Errorf("a second run: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// killAfter runs a command until it has said so many lines, and kills it.
func killAfter(t *testing.T, cmd *exec.Cmd, n int) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); n > 0 && lines.Scan(); n-- {
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
