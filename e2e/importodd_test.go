package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// loose lets every column of a schema's tables have anything: another product's database is not
// to be relied on.
const loose = `DO $$ DECLARE r record; BEGIN
	FOR r IN SELECT conrelid::regclass::text AS t, conname AS c FROM pg_constraint WHERE connamespace = '%[1]s'::regnamespace AND contype IN ('f', 'p')
		ORDER BY contype LOOP EXECUTE format('ALTER TABLE %%s DROP CONSTRAINT %%I', r.t, r.c); END LOOP;
	FOR r IN SELECT attrelid::regclass::text AS t, attname AS c, atttypid = 'integer'::regtype AS whole FROM pg_attribute a JOIN pg_class k ON k.oid = attrelid
		WHERE relnamespace = '%[1]s'::regnamespace AND relkind = 'r' AND attnum > 0 LOOP
		EXECUTE format('ALTER TABLE %%s ALTER %%I DROP NOT NULL', r.t, r.c);
		IF r.whole THEN EXECUTE format('ALTER TABLE %%s ALTER %%I TYPE numeric', r.t, r.c); END IF;
	END LOOP; END $$`

// odd is a row that is as it should be, but for one column.
type odd struct {
	table, column, value string
	// want is what the report says of it, "" if it is taken over, and nothing is lacking.
	want string
}

const (
	leftOut = "it is left out, since "
	longSQL = "repeat('x', 5000)"
	// manyKeys are fourteen older secrets of Svix's.
	manyKeys = `SELECT jsonb_agg(jsonb_build_object('signingKey', 'whsec_' || encode(decode(md5(n::text) || md5(n::text), 'hex'), 'base64'),
		'expiration', '2098-01-01T00:00:' || lpad(n::text, 2, '0') || 'Z')) FROM generate_series(1, 14) n`
)

var oddOfSvix = []odd{
	{"application", "id", "NULL", leftOut + "it has no id"},
	{"application", "id", "'bad id'", "id: must be 1 to 64 letters"},
	{"application", "org_id", "NULL", leftOut + "it has no org_id"},
	{"application", "uid", "'a/b'", "it is without uid: uid \"a/b\" contains"},
	{"application", "uid", longSQL, "it is without uid:"},
	{"application", "name", "NULL", ""},
	{"application", "name", longSQL, "app app_006: its name beyond the first 256 bytes"},
	{"eventtype", "description", "repeat('x', 5000000)", "it is without description: is 5000002 bytes, with which it is larger than"},
	{"application", "rate_limit", "-5", "taken over without rate_limit, since its rate_limit, -5, lets nothing through"},
	{"application", "rate_limit", "0", "taken over without rate_limit, since its rate_limit, 0, lets nothing through"},
	{"application", "rate_limit", "65535", ""},
	{"application", "rate_limit", "70000", "its rate limit of 70000 a second: it is 65535 here"},
	{"application", "uid", "'app_030'", "it is without uid: \"app_030\" is the id or the uid of another app"},
	{"application", "uid", "'ours'", "it is without uid: \"ours\" is"},
	{"application", "rate_limit", "1e30", "taken over without rate_limit, since its rate_limit, 1"},
	{"application", "rate_limit", "1.5", "taken over without rate_limit"},
	{"application", "rate_limit", "1000000", "its rate limit of 1000000 a second: it is 65535 here"},
	{"application", "deleted", "NULL", leftOut + "its deleted does not say yes or no"},
	{"applicationmetadata", "data", "NULL", ""},
	{"applicationmetadata", "data", "'[]'", "taken over without metadata, since its metadata cannot be read: a value of the kind array does not belong there"},
	{"applicationmetadata", "data", `'{"plan": {"a": 1}, "b": null}'`, "taken over without metadata.b, since it is no text"},
	{"applicationmetadata", "data", `'{"": "x"}'`, "it is without metadata:"},
	{"applicationmetadata", "data", `jsonb_build_object('a', ` + longSQL + `)`, "it is without metadata:"},

	{"eventtype", "org_id", "NULL", leftOut + "it has no org_id"},
	{"eventtype", "name", "NULL", leftOut + "it has no name"},
	{"eventtype", "name", "'bad name'", "contains ' '"},
	{"eventtype", "name", "'bellhop.own'", "are Bellhop's own"},
	{"eventtype", "description", "NULL", ""},
	{"eventtype", "description", longSQL, "it is without description: is 5000 bytes"},
	{"eventtype", "schemas", "'null'", ""},
	{"eventtype", "schemas", `'{"1": {}}'`, ""},
	{"eventtype", "schemas", `'{"1": false, "2": true}'`, ""},
	{"eventtype", "schemas", `'{"1": {"pattern": "^\\d+$", "description": "a \"quote\"\n"}}'`, ""},
	{"eventtype", "schemas", "'[]'", "taken over without schema, since its schemas cannot be read"},
	{"eventtype", "schemas", "'5'", "taken over without schema"},
	{"eventtype", "schemas", `'{"1": []}'`, "it is without schema:"},
	{"eventtype", "schemas", `'{"1": "x"}'`, "it is without schema:"},
	{"eventtype", "schemas", `'{"1": {"type": 5}}'`, "it is without schema:"},
	{"eventtype", "schemas", `'{"1": {"type": 5}, "2": {}}'`, "it is without earlier_schemas:"},
	{"eventtype", "schemas", `'{"a b": {}}'`, "it is without schema_version:"},
	{"eventtype", "schemas", `('{"1": {"title": "' || repeat('x', 300000) || '"}}')::json`, "it is without schema:"},
	{"eventtype", "deleted", "NULL", "taken over without archived"},
	{"eventtype", "deprecated", "NULL", "taken over without deprecated"},
	{"eventtype", "feature_flag", "'a b'", "feature_flags[0]"},
	{"eventtype", "feature_flag", "''", leftOut + "its feature_flag is empty"},

	{"endpoint", "id", "NULL", leftOut + "it has no id"},
	{"endpoint", "id", "'a/b'", "former_id"},
	{"endpoint", "app_id", "NULL", leftOut + "it has no app_id"},
	{"endpoint", "app_id", "'nowhere'", leftOut + "there is no application nowhere"},
	{"endpoint", "uid", "'a/b'", "it is without uid:"},
	{"endpoint", "uid", longSQL, "it is without uid:"},
	{"endpoint", "uid", "'ep_01HZX3K2Q9F7A'", "it is without uid: has the form of an endpoint's id"},
	{"endpoint", "key", "NULL", leftOut + "its secret is damaged: it is too short"},
	{"endpoint", "key", `'\x'`, leftOut + "its secret is damaged: it is too short"},
	{"endpoint", "key", `decode(repeat('01', 23), 'hex')`, leftOut + "its secret is damaged: it is too short"},
	{"endpoint", "key", `decode(repeat('09', 33), 'hex')`, leftOut + "its secret is of a kind (9) that is not known"},
	{"endpoint", "key", `decode(repeat('81', 80), 'hex')`, leftOut + "its secret does not open with this main secret, with which others do"},
	{"endpoint", "key", `decode(repeat('01', 300), 'hex')`, "secret"},
	{"endpoint", "key", `decode(repeat('02', 33), 'hex')`, "secret"},
	{"endpoint", "url", "NULL", leftOut + "it has no url"},
	{"endpoint", "url", "'no url'", "url"},
	{"endpoint", "url", "'ftp://example.com'", "url"},
	{"endpoint", "url", longSQL, "url"},
	{"endpoint", "description", "NULL", ""},
	{"endpoint", "description", longSQL, "it is without description: is 5000 bytes"},
	{"endpoint", "event_types_ids", "'null'", ""},
	{"endpoint", "event_types_ids", "'{}'", leftOut + "its event_types_ids cannot be read: a value of the kind object does not belong there, and without it it would get more"},
	{"endpoint", "event_types_ids", "'[1]'", leftOut + "its event_types_ids cannot be read"},
	{"endpoint", "event_types_ids", "'[null]'", leftOut + "its event_types_ids has an entry that is no text"},
	{"endpoint", "event_types_ids", `'["a b"]'`, "events"},
	{"endpoint", "event_types_ids", `'[""]'`, "events"},
	{"endpoint", "event_types_ids", "'[]'", "the whole endpoint, since its event_types_ids are an empty list, by which it gets nothing"},
	{"endpoint", "event_types_ids", `'["a", "*"]'`, "the whole endpoint, since its event_types_ids have a *"},
	{"endpoint", "event_types_ids", "NULL", ""},
	{"endpoint", "channels", "'[]'", "the whole endpoint, since its channels are an empty list, by which it gets nothing"},
	{"endpoint", "channels", "NULL", ""},
	{"endpoint", "channels", "'5'", leftOut + "its channels cannot be read"},
	{"endpoint", "channels", `'[["a"]]'`, leftOut + "its channels cannot be read"},
	{"endpoint", "channels", `'[""]'`, "channels"},
	{"endpoint", "version", "1e30", "endpoint ep_ID: its version 1"},
	{"endpoint", "version", "NULL", "endpoint ep_ID: its version"},
	{"endpoint", "rate_limit", "1e30", "taken over without rate_limit"},
	{"endpoint", "rate_limit", "0", "taken over without rate_limit, since its rate_limit, 0, lets nothing through"},
	{"endpoint", "deleted", "NULL", leftOut + "its deleted does not say"},
	{"endpoint", "disabled", "NULL", leftOut + "its disabled does not say"},
	{"endpoint", "old_keys", "'5'", "taken over without older secrets, since its old_keys cannot be read"},
	{"endpoint", "old_keys", "'[5]'", "taken over without an older secret"},
	{"endpoint", "old_keys", `'[{"signingKey": "!", "expiration": "2099-01-01T00:00:00Z"}]'`, "taken over without an older secret, since one of its older secrets is damaged: it is no base64"},
	{"endpoint", "old_keys", `'[{"signingKey": "whsec_eA==", "expiration": "2099-01-01T00:00:00Z"}]'`, "taken over without an older secret, since"},
	{"endpoint", "old_keys", "(" + manyKeys + ")", "taken over without an older secret, since the one valid until 2098-01-01T00:00:04Z is one more than the 10"},
	{"endpoint", "headers", "'[]'", leftOut + "its headers cannot be read"},
	{"endpoint", "headers", `'{"X-A": 1}'`, leftOut + "its headers cannot be read"},
	{"endpoint", "headers", `'{"X-A": null}'`, leftOut + "its header X-A has no value"},
	{"endpoint", "headers", `'{"Host": "x"}'`, "headers.Host"},
	{"endpoint", "headers", `'{"X-A": "a\nb"}'`, "headers.X-A"},
	{"endpointmetadata", "data", "'5'", "taken over without metadata"},
	{"endpointmetadata", "data", `'{"a": ["b"]}'`, "taken over without metadata.a"},
}

// TestOddRowsOfSvixAreNamed: whatever one column has, its row is named with what becomes of it, and
// all others are taken over.
func TestOddRowsOfSvixAreNamed(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	f := newForeign(t, svixTables+fmt.Sprintf(loose, "public"))
	key, _ := keyOf(1, 32)
	if _, err := s.api.CreateApp(t.Context(), client.AppInput{ID: "made-here", UID: "ours"}); err != nil {
		t.Fatal(err)
	}
	for i, o := range oddOfSvix {
		id := fmt.Sprintf("%03d", i)
		f.svixApp("app_"+id, "", "App "+id)
		f.exec(`INSERT INTO applicationmetadata VALUES (now(), now(), $1, '{}')`, "app_"+id)
		f.svixEndpoint("ep_"+id, "app_"+id, "http://127.0.0.1:9/"+id, svixKey(t, 1, key, mainSecret))
		f.exec(`INSERT INTO endpointmetadata VALUES (now(), now(), $1, '{}')`, "ep_"+id)
		f.exec(`INSERT INTO eventtype (created_at, updated_at, id, org_id, description, deleted, name) VALUES (now(), now(), $1, $2, '', false, $3)`, "evtype_"+id, svixOrg, "type."+id)
		row := map[string]string{"application": "app_", "applicationmetadata": "app_", "eventtype": "evtype_"}[o.table]
		if row == "" {
			row = "ep_"
		}
		f.exec("UPDATE "+o.table+" SET "+o.column+" = "+o.value+" WHERE id = $1", row+id)
	}
	names := func(i int) []string {
		id := fmt.Sprintf("%03d", i)
		switch o := oddOfSvix[i]; {
		case o.column == "id" && o.table == "application", strings.HasSuffix(o.value, "'bad id'"):
			return []string{"app bad id", "app App " + id}
		case o.column == "id":
			return []string{"endpoint a/b", "endpoint http://127.0.0.1:9/" + id}
		case strings.HasPrefix(o.table, "application"):
			return []string{"app app_" + id}
		case o.column == "name":
			return []string{"event type evtype_" + id, "event type bad name", "event type bellhop.own"}
		case o.table == "eventtype":
			return []string{"event type type." + id}
		}
		return []string{"endpoint ep_" + id, "(ep_" + id + ")", "(Svix endpoint ep_" + id + ")"}
	}
	with := []string{"import", "svix", "--from", f.url, "--main-secret-file", s.file("main", mainSecret+"\n")}
	s.importsOddly(with, len(oddOfSvix), func(i int) (o odd, name []string) { return oddOfSvix[i], names(i) })
	all := s.byFormer()
	for i, o := range oddOfSvix {
		e, there := all[fmt.Sprintf("ep_%03d", i)]
		refused := strings.Contains(o.want, leftOut) && strings.HasPrefix(o.table, "endpoint") ||
			o.table == "endpoint" && o.want != "" && (strings.Contains(o.want, "the whole endpoint") || !strings.Contains(o.want, "without")) && !strings.Contains(o.want, "its version") ||
			o.table == "application" && (strings.Contains(o.want, leftOut) || o.column == "id")
		if there == refused || there && e.URL != fmt.Sprintf("http://127.0.0.1:9/%03d", i) {
			t.Errorf("%v: its endpoint is there: %v, %+v", o, there, e.URL)
		}
	}

	// What was taken over, and cannot be read now, stays as it is, even where what was deleted is
	// disabled.
	f.exec(`UPDATE endpoint SET key = '\x00', rate_limit = 7 WHERE id = 'ep_000'`)
	f.exec(`UPDATE endpoint SET key = '\x00' WHERE id = 'ep_005'`)
	if r := s.run("", append(slices.Clone(with), "--disable-deleted")...); r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "endpoint ep_005: it is left out, since its secret is damaged") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if e := s.byFormer()["ep_005"]; e.Status != "active" {
		t.Errorf("%+v", e)
	}
}

// differing is what differs in reports from run to run: the ids of requests, and of what is there
// by now.
var differing = regexp.MustCompile(` \(req_[^)]*\)|(?m:^[!✗] endpoint .* \((Svix|Convoy) )`)

// importsOddly runs an import that cannot take over all, dry and twice, and looks for what it has
// to say of each row, which is the same each time.
func (s *server) importsOddly(with []string, rows int, row func(int) (odd, []string)) {
	s.t.Helper()
	var first []string
	for n, args := range [][]string{append(slices.Clone(with), "--dry-run"), with, with} {
		before := s.everything()
		r := s.run("", args...)
		var said []string
		for line := range strings.Lines(differing.ReplaceAllStringFunc(r.stderr, func(s string) string { return strings.Split(s, " endpoint ")[0] })) {
			if strings.HasPrefix(line, "✗") && !strings.Contains(line, " steps ") || strings.HasPrefix(line, "!") {
				said = append(said, strings.TrimSpace(line))
			}
		}
		slices.Sort(said)
		if r.code != 1 || !strings.Contains(r.stderr, " rows are left out, ") || !strings.Contains(r.stderr, " parts of objects are left out; correct what they say") {
			s.t.Errorf("run %d: exit code %d\n%s%s", n, r.code, r.stdout, r.stderr)
		}
		if n == 0 {
			first = said
		} else if !slices.Equal(said, first) {
			for _, line := range append(slices.Clone(said), first...) {
				if !slices.Contains(said, line) || !slices.Contains(first, line) {
					s.t.Errorf("run %d and the dry run do not both say\n%s", n, line)
				}
			}
		}
		if changed := s.everything() != before; changed != (n == 1) {
			s.t.Errorf("run %d: it changed something: %v\n%s", n, changed, cmp.Diff(before, s.everything()))
		}
		if n == 2 && r.stdout != "" {
			s.t.Errorf("the second run did something:\n%s", r.stdout)
		}
		for i := range rows {
			o, names := row(i)
			want := strings.ReplaceAll(o.want, "ep_ID", names[0][len("endpoint "):])
			lines := slices.Collect(strings.Lines(r.stderr))
			told := func(about string) bool {
				return slices.ContainsFunc(lines, func(line string) bool {
					return strings.Contains(line, about) && slices.ContainsFunc(names, func(name string) bool { return strings.Contains(line, name) })
				})
			}
			if want != "" && !told(want) || want == "" && told("") {
				s.t.Errorf("run %d: of %s.%s = %s (%s) it does not say %q:\n%s", n, o.table, o.column, o.value, names[0], want,
					strings.Join(slices.DeleteFunc(lines, func(line string) bool {
						return !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(line, name) })
					}), ""))
			}
		}
	}
}

// manySecrets are the newest of Convoy's and fourteen older ones.
const manySecrets = `SELECT jsonb_agg(jsonb_build_object('value', 'secret ' || n, 'expires_at', '2098-01-01T00:00:' || lpad(n::text, 2, '0') || 'Z')) || '[{"value": "newest"}]' FROM generate_series(1, 14) n`

var oddOfConvoy = []odd{
	{"projects", "name", "NULL", ""},
	{"projects", "name", longSQL, "it is without name: is 5000 bytes"},
	{"projects", "type", "NULL", leftOut + "its type \"\" is not known: its endpoints are left out, too"},
	{"projects", "project_configuration_id", "NULL", leftOut + "it has no configuration"},
	{"project_configurations", "signature_header", "NULL", leftOut + "it has no signature_header"},
	{"project_configurations", "signature_versions", "NULL", leftOut + "it has no signature_versions"},
	{"project_configurations", "signature_versions", "'5'", leftOut + "its signature_versions cannot be read"},
	{"project_configurations", "signature_versions", `'[{"hash": "MD5", "encoding": "hex"}]'`, leftOut + "it signs with \"MD5\""},
	{"project_configurations", "strategy_duration", "1e30", "taken over without retry, since its strategy_duration"},
	{"project_configurations", "strategy_duration", "NULL", ""},
	{"project_configurations", "strategy_duration", "0", "taken over without retry, since its strategy_duration, 0, is none"},
	{"project_configurations", "strategy_retry_count", "-1", "taken over without retry, since its strategy_retry_count, -1, is none"},
	{"project_configurations", "strategy_retry_count", "5e18", "its retry schedule of 5000000000000000000 attempts"},
	{"project_configurations", "strategy_duration", "5e18", "its retry schedule of 4 attempts"},
	{"project_configurations", "strategy_type", "'odd'", "its odd retry schedule"},

	{"event_types", "name", "NULL", leftOut + "it has no name"},
	{"event_types", "project_id", "NULL", leftOut + "it has no project_id"},
	{"event_types", "project_id", "'nowhere'", leftOut + "there is no project nowhere"},
	{"event_types", "description", "NULL", ""},
	{"event_types", "description", longSQL, "it is without description"},
	{"event_types", "category", longSQL, "it is without group"},
	{"event_types", "json_schema", "'[]'", "it is without schema"},
	{"event_types", "json_schema", "'5'", "it is without schema"},
	{"event_types", "json_schema", `'{"type": 5}'`, "it is without schema"},
	{"event_types", "json_schema", `'{"pattern": "^\\d+$", "title": "a \"quote\"\n"}'`, ""},

	{"endpoints", "project_id", "NULL", leftOut + "it has no project_id"},
	{"endpoints", "project_id", "'nowhere'", leftOut + "there is no project nowhere"},
	{"endpoints", "name", "NULL", ""},
	{"endpoints", "name", longSQL, "it is without name"},
	{"endpoints", "status", "NULL", leftOut + "its status \"\" is not known"},
	{"endpoints", "status", "'odd'", leftOut + "its status \"odd\" is not known"},
	{"endpoints", "owner_id", longSQL, "the owner's name as the app's id"},
	{"endpoints", "owner_id", "'..'", "the owner's name as the app's id"},
	{"endpoints", "owner_id", `E'\x1b[31m\n'`, "the owner's name as the app's id"},
	{"endpoints", "url", "NULL", leftOut + "it has no url"},
	{"endpoints", "url", "'no url'", "url"},
	{"endpoints", "description", longSQL, "it is without description"},
	{"endpoints", "http_timeout", "1e30", "taken over without timeout, since"},
	{"endpoints", "http_timeout", "-5", "taken over without timeout, since its http_timeout, -5, is none"},
	{"endpoints", "http_timeout", "0", "taken over without timeout, since its http_timeout, 0, is none"},
	{"endpoints", "http_timeout", "NULL", ""},
	{"endpoints", "http_timeout", "5000", "its timeout of 1h23m20s, which is 2m0s here at most"},
	{"endpoints", "rate_limit", "1e30", "taken over without rate_limit, since its rate_limit"},
	{"endpoints", "rate_limit", "0", ""},
	{"endpoints", "rate_limit", "-5", "taken over without rate_limit, since its rate_limit, -5, is none"},
	{"endpoints", "rate_limit", "5", "taken over without rate_limit, since its rate_limit of 5 is for no length of time: its rate_limit_duration is 0"},
	{"endpoints", "rate_limit", "5, rate_limit_duration = NULL", "taken over without rate_limit, since its rate_limit of 5 is for no length of time: its rate_limit_duration is missing"},
	{"endpoints", "rate_limit", "200000, rate_limit_duration = 1", "its rate limit of 200000 in 1s: it is 100000 a second here, at most 100000 at once"},
	{"endpoints", "rate_limit", "1, rate_limit_duration = 3600", "its rate limit of 1 in 1h0m0s: it is 0.001 a second here"},
	{"endpoints", "rate_limit_duration", "1e30", "taken over without rate_limit, since"},
	{"endpoints", "advanced_signatures", "NULL", leftOut + "its advanced_signatures does not say"},
	{"endpoints", "secrets", "NULL", leftOut + "its secrets cannot be read"},
	{"endpoints", "secrets", "'[]'", leftOut + "it has no secret that is valid"},
	{"endpoints", "secrets", "'[5]'", leftOut + "its secrets cannot be read"},
	{"endpoints", "secrets", `'[{"value": 5}]'`, leftOut + "its secrets cannot be read"},
	{"endpoints", "secrets", `('[{"value": "' || repeat('x', 5000) || '"}]')::jsonb`, "secret"},
	{"endpoints", "secrets", `'[{"value": ""}]'`, leftOut + "one of its secrets is empty"},
	{"endpoints", "secrets", `'[{"value": 5, "expires_at": null}, {"value": "x"}]'`, leftOut + "its secrets cannot be read"},
	{"endpoints", "secrets", `'[{"value": "x", "expires_at": "soon"}, {"value": "y"}]'`, "taken over without an older secret, since one of its older secrets cannot be read"},
	{"endpoints", "secrets", `'[{"value": "x"}, {"value": "y"}]'`, "taken over without an older secret, since it has no expires_at"},
	{"endpoints", "secrets", "(" + manySecrets + ")", "taken over without an older secret, since the one valid until 2098-01-01T00:00:04Z is one more than the 10"},
	{"endpoints", "is_encrypted", "true", leftOut + "its secrets cannot be read"},
	{"endpoints", "secrets_cipher", "'no hex', is_encrypted = true", leftOut + "its secrets do not open with this key, with which others do"},
	{"endpoints", "secrets_cipher", `'\x0102', is_encrypted = true`, leftOut + "its secrets do not open with this key, with which others do"},
	{"endpoints", "secrets_cipher", `convoy.pgp_sym_encrypt_bytea('\x5b7b2276616c7565223a22ff227d5d', 'the key'), is_encrypted = true`, leftOut + "its secrets do not open with this key, with which others do"},
	{"endpoints", "secrets_cipher", `convoy.pgp_sym_encrypt('[{"value": "a\u0000b"}]', 'the key'), is_encrypted = true`, "secret"},
	{"endpoints", "secrets_cipher", `convoy.pgp_sym_encrypt('[{"value": "a secret"}]', 'the key of before'), is_encrypted = true`, leftOut + "its secrets do not open with this key, with which others do"},
	{"endpoints", "is_encrypted", "NULL", ""},
	{"endpoints", "basic_auth_config", "'5'", leftOut + "its basic_auth_config cannot be read"},
	{"endpoints", "oauth2_config", "'5'", leftOut + "its oauth2_config cannot be read"},
	{"endpoints", "mtls_client_cert", "'5'", leftOut + "its mtls_client_cert cannot be read"},
	{"endpoints", "mtls_client_cert", `'{"client_cert": "no", "client_key": "no"}'`, "The endpoint is not valid"},
	{"endpoints", "authentication_type_api_key_header_name", "'bad name', authentication_type = 'api_key', authentication_type_api_key_header_value = 'x'", "The endpoint is not valid"},

	{"endpoints", "authentication_type", "'foo'", leftOut + "its authentication_type \"foo\" is not known"},
	{"endpoints", "authentication_type", "''", ""},
	{"endpoints", "authentication_type", "'api_key'", leftOut + "its authentication_type is api_key, and it has no name or no value of the header"},
	{"endpoints", "authentication_type", "'api_key', authentication_type_api_key_header_name = 'X-Key'", leftOut + "its authentication_type is api_key, and it has no name or no value"},
	{"endpoints", "authentication_type", "'basic_auth'", leftOut + "its authentication_type is basic_auth, and it has no basic_auth_config"},
	{"endpoints", "authentication_type", "'basic_auth', basic_auth_config = '{\"username\": \"ann\"}'", "The endpoint is not valid"},
	{"endpoints", "authentication_type", "'oauth2'", leftOut + "its authentication_type is oauth2, and it has no oauth2_config"},
	{"endpoints", "oauth2_config", `'{"grant_type": "password", "client_secret": "x"}'`, leftOut + "the grant_type \"password\" of its oauth2_config"},
	{"endpoints", "oauth2_config", `'{"client_secret": "x", "field_mapping": {"access_token": "token"}}'`, "the whole endpoint, since its OAuth2 tokens come in an answer of its own"},
	{"endpoints", "oauth2_config", `'{"client_secret": "x"}'`, leftOut + "its oauth2_config has no url or no client_id"},
	{"endpoints", "authentication_type_api_key_header_value", "'x'", leftOut + "it has an API key, and no authentication_type"},
	{"endpoints", "mtls_client_cert", `'{"client_key": "x"}'`, leftOut + "its mtls_client_cert has no client_cert"},
	{"endpoints", "content_type", "NULL", ""},
	{"endpoints", "content_type", "'text/xml'", leftOut + "its content_type \"text/xml\" is not known"},

	{"subscriptions", "type", "NULL", leftOut + "its subscription SUB_ID cannot be read: its type \"\" is not known"},
	{"subscriptions", "endpoint_id", "NULL", "no subscription that can be taken over asks for anything"},
	{"subscriptions", "filter_config_event_types", "NULL", leftOut + "its subscription SUB_ID cannot be read: it has no event_types"},
	{"subscriptions", "filter_config_event_types", "'{a, NULL}'", leftOut + "its subscription SUB_ID cannot be read: its event_types have an entry"},
	{"subscriptions", "filter_config_event_types", "'{a b}'", "events"},
	{"subscriptions", "filter_config_event_types", "'{\"\"}'", "events"},
	{"subscriptions", "filter_config_event_types", "'{}'", "the whole subscription, since its event_types are an empty list, by which it gets nothing"},
	{"subscriptions", "filter_config_event_types", "'{a.*}'", "the whole subscription, since its event_types have a * beside other letters"},
	{"subscriptions", "filter_config_event_types", "'{*}'", ""},
	{"subscriptions", "filter_config_filter_headers", "NULL", ""},
	{"subscriptions", "filter_config_filter_query", `'{"a": 1}'`, "the whole subscription, since it filters by the query or the path"},
	{"subscriptions", "filter_config_filter_path", `'{"a": 1}'`, "the whole subscription, since it filters by the query or the path"},
	{"subscriptions", "filter_config_filter_query", "NULL", ""},
	{"subscriptions", "filter_config_filter_body", "NULL", ""},
	{"subscriptions", "filter_config_filter_raw_body", "NULL", ""},
	{"subscriptions", "filter_config_filter_raw_body", "'[1]'", ""},
	{"subscriptions", "retry_config_duration", "1e30, retry_config_type = 'linear', retry_config_retry_count = 1", "taken over without retry, since of its subscription SUB_ID, its retry_config_duration"},
	{"subscriptions", "retry_config_duration", "-5", "taken over without retry, since of its subscription SUB_ID, its retry_config_duration, -5, is none"},
	{"subscriptions", "retry_config_retry_count", "0, retry_config_type = 'linear', retry_config_duration = 5", "taken over without retry, since of its subscription SUB_ID, its retry_config_retry_count, 0, is none"},
	{"subscriptions", "retry_config_retry_count", "0, retry_config_type = '', retry_config_duration = 0", ""},
	{"subscriptions", "delivery_mode", "NULL", ""},
	{"subscriptions", "delivery_mode", "'odd'", "its delivery_mode \"odd\", which is not known"},
	{"filters", "event_type", "NULL", leftOut + "its subscription SUB_ID cannot be read: its filter FIL_ID cannot be read: it has no event_type"},
	{"filters", "body", "NULL", ""},
	{"filters", "raw_body", "'5'", "its filter is no object"},
	{"filters", "headers", "NULL", ""},
}

// TestOddRowsOfConvoyAreNamed is the same of Convoy's.
func TestOddRowsOfConvoyAreNamed(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	f := newForeign(t, convoyTables+fmt.Sprintf(loose, "convoy")+`;
		ALTER TABLE convoy.endpoints ALTER content_type DROP DEFAULT, ALTER content_type TYPE text, ALTER content_type SET DEFAULT 'application/json';
		ALTER TABLE convoy.subscriptions ALTER delivery_mode DROP DEFAULT, ALTER delivery_mode TYPE text`)
	for i, o := range oddOfConvoy {
		id := fmt.Sprintf("%03d", i)
		f.convoyProject("PRO"+id, "X-Convoy-Signature", `[{"hash": "SHA256", "encoding": "hex"}]`)
		f.exec(`INSERT INTO convoy.event_types (id, name, description, category, project_id) VALUES ($1, $2, '', '', $3)`, "EVT"+id, "type."+id, "PRO"+id)
		f.convoyEndpoint("PRO"+id, "_"+id, "", "http://127.0.0.1:9/"+id, "[]", true, "type."+id)
		f.exec(`UPDATE convoy.endpoints SET secrets = '[{"value": "a secret"}]' WHERE id = $1`, "_"+id)
		f.exec(`INSERT INTO convoy.filters (id, subscription_id, event_type) VALUES ($1, $2, $3)`, "FIL_"+id, "SUB_"+id, "type."+id)
		if i == 0 {
			f.exec(`UPDATE convoy.endpoints SET is_encrypted = true, secrets_cipher = convoy.pgp_sym_encrypt('[{"value": "a secret"}]', 'the key')`)
		}
		row := map[string]string{"projects": "PRO", "project_configurations": "PRO", "event_types": "EVT", "endpoints": "_", "subscriptions": "SUB_", "filters": "FIL_"}[o.table]
		f.exec("UPDATE convoy."+o.table+" SET "+o.column+" = "+o.value+" WHERE id = $1", row+id)
	}
	with := []string{"import", "convoy", "--from", f.url, "--encryption-key-file", s.file("key", "the key\n")}
	s.importsOddly(with, len(oddOfConvoy), func(i int) (o odd, names []string) {
		id := fmt.Sprintf("%03d", i)
		o = oddOfConvoy[i]
		o.want = strings.NewReplacer("SUB_ID", "SUB_"+id, "FIL_ID", "FIL_"+id).Replace(o.want)
		switch {
		case strings.HasPrefix(o.table, "project"):
			return o, []string{"project PRO" + id, "app PRO" + id, "endpoint _" + id}
		case o.column == "name" && o.value == "NULL" && o.table == "event_types":
			return o, []string{"event type EVT" + id}
		case o.table == "event_types":
			return o, []string{"event type type." + id}
		}
		return o, []string{"endpoint _" + id, "(_" + id + ")", "PRO" + id}
	})
	all := s.byFormer()
	for i, o := range oddOfConvoy {
		_, there := all[fmt.Sprintf("_%03d", i)]
		none := strings.Contains(o.want, "the whole ") || strings.Contains(o.want, leftOut) && o.table != "event_types" || o.want == "url" || o.want == "The endpoint is not valid" || o.want == "secret" || o.want == "events" ||
			strings.Contains(o.want, "no object") || strings.Contains(o.want, "no subscription")
		if there == none {
			t.Errorf("%v: its endpoint is there: %v", o, there)
		}
	}
}

// TestTextsThatAreNone: a database without an encoding has any bytes in its texts.
func TestTextsThatAreNone(t *testing.T) {
	t.Parallel()
	s := serve(t)
	f := newForeign(t, "CREATE TABLE nothing ()")
	name := "bellhop_ascii_" + strings.ToLower(rand.Text())
	f.exec("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
	u, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	t.Cleanup(func() {
		if _, err := f.c.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	in := &foreign{t: t, url: u.String()}
	if in.c, err = pgx.Connect(t.Context(), in.url); err != nil {
		t.Fatal(err)
	}
	defer in.c.Close(context.Background()) //nolint:errcheck // the test is over
	in.exec(svixTables)
	key, _ := keyOf(1, 24)
	for _, id := range []string{"1", "2", "3"} {
		in.svixApp("app_"+id, "", "App")
		in.svixEndpoint("ep_"+id, "app_"+id, "http://127.0.0.1:9/", key)
	}
	in.exec(`UPDATE application SET name = E'Caf\xe9' WHERE id = 'app_1'`)
	in.exec(`UPDATE endpoint SET url = E'http://127.0.0.1:9/\xe9' WHERE id = 'ep_2'`)
	in.exec(`UPDATE endpoint SET headers = E'{"X-A": "\xe9"}' WHERE id = 'ep_3'`)
	r := s.run("", "import", "svix", "--from", in.url)
	for _, want := range []string{
		"app app_1: it is taken over without name, since its name is not valid UTF-8", "endpoint ep_2: it is left out, since its url is not valid UTF-8",
		"endpoint ep_3: it is left out, since its headers is not valid UTF-8", "2 rows are left out, 1 parts of objects",
	} {
		if r.code != 1 || !strings.Contains(r.stderr, want) {
			t.Errorf("%d, it does not say %q:\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	r = s.run("", "import", "svix", "--from", in.url, "--json")
	for _, want := range []string{`{"kind":"endpoint","name":"ep_2","error":"its url is not valid UTF-8"}`, `{"kind":"app","name":"app_1","without":"name","error":`, `{"note":"messages and attempts: `} {
		if r.code != 1 || !strings.Contains(r.stdout, want) {
			t.Errorf("%d, in JSON it does not say %q:\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	if all := s.byFormer(); len(all) != 1 || all["ep_1"].URL == "" {
		t.Errorf("%v", all)
	}
}
