// Package convoy reads what a Convoy has in its database: projects and the owners of their
// endpoints, endpoints with their secrets and subscriptions, and event types. The tables are
// those of its migrations (sql/).
package convoy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/foreign"
	"github.com/bellhop/bellhop/manifest"
)

// Options say what is read.
type Options struct {
	// EncryptionKey is the key with which Convoy encrypts endpoints' secrets in its database;
	// "" if it does not.
	EncryptionKey string
	// Dialects are those of the server that takes over: requests have to look as Convoy made
	// them, and projects differ in how they sign.
	Dialects []dialect.Definition
}

// needed are the columns that are read. Others are looked for, and may be missing.
var needed = map[string][]string{
	"projects":               {"id", "name", "type", "project_configuration_id", "deleted_at"},
	"project_configurations": {"id", "signature_header", "signature_versions", "strategy_type", "strategy_duration", "strategy_retry_count"},
	"endpoints": {
		"id", "name", "status", "owner_id", "url", "description", "http_timeout", "rate_limit", "rate_limit_duration", "advanced_signatures",
		"slack_webhook_url", "support_email", "project_id", "secrets", "authentication_type", "authentication_type_api_key_header_name",
		"authentication_type_api_key_header_value", "deleted_at",
	},
	"subscriptions": {
		"id", "type", "project_id", "endpoint_id", "filter_config_event_types", "filter_config_filter_headers", "filter_config_filter_body",
		"retry_config_type", "retry_config_duration", "retry_config_retry_count", "deleted_at",
	},
	"event_types": {"name", "description", "category", "project_id", "deprecated_at"},
}

// Read reads everything at one moment. It fails where the tables are others than are known,
// where secrets cannot be opened, or where the server has no dialect that signs as a project
// does: then nothing is to be taken over.
func Read(ctx context.Context, url string, o Options, progress foreign.Progress) (*foreign.Import, error) {
	db, err := foreign.Open(ctx, "Convoy", url, "convoy")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := db.Need(needed); err != nil {
		return nil, err
	}
	r := &reader{
		db: db, Options: o, progress: progress, out: foreign.NewImport("Convoy"),
		projects: map[string]*project{}, subscriptions: map[string][]subscription{}, missing: map[string]bool{},
	}
	for _, step := range []func(context.Context) error{r.readProjects, r.eventTypes, r.readSubscriptions, r.readFilters, r.readEndpoints, r.make, r.rest} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r.out, nil
}

type reader struct {
	Options
	db            *foreign.Database
	progress      foreign.Progress
	out           *foreign.Import
	projects      map[string]*project
	order         []*project
	subscriptions map[string][]subscription // by endpoint
	endpoints     []endpointRow
	missing       map[string]bool // dialects, as definitions
}

// project is one that sends.
type project struct {
	id, name, header string
	versions         []signatureVersion
	strategy         retry
}

// signatureVersion is how requests are signed; the newest version is the last.
type signatureVersion struct {
	Hash     string `json:"hash"`
	Encoding string `json:"encoding"`
}

// retry is how often and how soon a delivery is tried again.
type retry struct {
	kind          string
	seconds, most int
}

func (r *reader) readProjects(ctx context.Context) error {
	var p project
	var kind string
	var versions []byte
	err := r.db.Each(ctx, `SELECT p.id, p.name, p.type, c.signature_header, c.signature_versions::text::bytea,
			c.strategy_type, c.strategy_duration, c.strategy_retry_count
		FROM convoy.projects p JOIN convoy.project_configurations c ON c.id = p.project_configuration_id
		WHERE p.deleted_at IS NULL ORDER BY p.id`, nil,
		[]any{&p.id, &p.name, &kind, &p.header, &versions, &p.strategy.kind, &p.strategy.seconds, &p.strategy.most}, func() error {
			if kind != "outgoing" {
				r.out.Lose("project %s (%s): the whole project, since it takes webhooks in, which Bellhop does not", p.id, p.name)
				return nil
			}
			one := p
			one.versions = nil
			if err := json.Unmarshal(versions, &one.versions); err != nil || len(one.versions) == 0 {
				return fmt.Errorf("project %s: its signature versions cannot be read", p.id)
			}
			r.projects[p.id] = &one
			r.order = append(r.order, &one)
			r.progress("projects", len(r.order))
			return nil
		})
	if err == nil {
		err = r.earlier(ctx)
	}
	if err == nil && len(r.order) == 0 {
		return errors.New("this Convoy has no project that sends: there is nothing to take over")
	}
	return err
}

// earlier notes the apps that there may have been of what was deleted since.
func (r *reader) earlier(ctx context.Context) error {
	origin := &r.out.Origin
	var id string
	err := r.db.Each(ctx, `SELECT id FROM convoy.projects WHERE deleted_at IS NOT NULL`, nil, []any{&id}, func() error {
		origin.Apps[id], origin.Deleted[id] = true, true
		return nil
	})
	if err != nil {
		return err
	}
	var owner string
	return r.db.Each(ctx, `SELECT DISTINCT project_id, owner_id FROM convoy.endpoints WHERE owner_id <> '' AND deleted_at IS NOT NULL`, nil, []any{&id, &owner}, func() error {
		origin.Apps[owner], origin.Apps[id+"."+cleanID(owner)] = true, true
		return nil
	})
}

func (r *reader) eventTypes(ctx context.Context) error {
	var projectID, name string
	var description, category *string
	var deprecated bool
	var schema []byte
	seen := map[string]string{}
	return r.db.Each(ctx, `SELECT e.project_id, e.name, e.description, e.category, e.deprecated_at IS NOT NULL, `+
		r.db.Column("event_types", "e", "json_schema", "NULL")+`::text::bytea
		FROM convoy.event_types e ORDER BY e.project_id, e.name`, nil,
		[]any{&projectID, &name, &description, &category, &deprecated, &schema}, func() error {
			if r.projects[projectID] == nil || name == "*" {
				return nil // "*" stands for all of them
			}
			if string(schema) == "{}" || string(schema) == "null" {
				schema = nil
			}
			if first, ok := seen[name]; ok {
				r.out.Lose("event type %s of the project %s: its description and schema, since there is one catalogue here, and the project %s has the type already", name, projectID, first)
				return nil
			}
			seen[name] = projectID
			o := manifest.Object{Partial: true, Source: "Convoy event type " + name}
			o.Put("name", name)
			o.Put("description", or(description))
			o.Put("group", or(category))
			o.Put("deprecated", deprecated)
			if len(schema) > 0 {
				o.Put("schema", bellhop.JSON(schema))
			}
			r.out.Document.Add(manifest.EventTypes, o)
			r.progress("event types", len(seen))
			return nil
		})
}

func or(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// subscription is what an endpoint wants to hear.
type subscription struct {
	id          string
	events      []string
	filtersHead bool
	body        bellhop.JSON // nil without a filter
	function    bool
	retry       retry
	once        bool
	// filters are those that hold for one event type each, which take the place of body.
	filters map[string]bellhop.JSON
}

func (r *reader) readSubscriptions(ctx context.Context) error {
	var s subscription
	var projectID, kind string
	var endpointID, function, retryKind *string
	var headers, body []byte
	var seconds, most *int
	n := 0
	return r.db.Each(ctx, `SELECT s.id, s.type, s.project_id, s.endpoint_id, s.filter_config_event_types::text[],
			s.filter_config_filter_headers::text::bytea, `+r.body("subscriptions", "s", "filter_config_filter_body", "filter_config_filter_raw_body")+`,
			s.retry_config_type, s.retry_config_duration, s.retry_config_retry_count, `+
		r.db.Column("subscriptions", "s", "function", "NULL::text")+`, `+
		r.db.Column("subscriptions", "s", "delivery_mode", "'at_least_once'")+`::text = 'at_most_once'
		FROM convoy.subscriptions s WHERE s.deleted_at IS NULL ORDER BY s.id`, nil,
		[]any{&s.id, &kind, &projectID, &endpointID, &s.events, &headers, &body, &retryKind, &seconds, &most, &function, &s.once}, func() error {
			if r.projects[projectID] == nil || endpointID == nil || kind != "api" {
				return nil // of a project that takes in, or of somebody's command line
			}
			one := s
			one.events = slices.Clone(s.events)
			one.filtersHead = !isEmpty(headers)
			if !isEmpty(body) {
				one.body = slices.Clone(body)
			}
			one.function = or(function) != ""
			if one.retry = (retry{}); retryKind != nil && seconds != nil && most != nil {
				one.retry = retry{*retryKind, *seconds, *most}
			}
			r.subscriptions[*endpointID] = append(r.subscriptions[*endpointID], one)
			n++
			r.progress("subscriptions", n)
			return nil
		})
}

// body is a filter as it was written, where there is that, and else as it is applied.
func (r *reader) body(table, alias, applied, raw string) string {
	if !r.db.Has(table, raw) {
		return alias + "." + applied + "::text::bytea"
	}
	return fmt.Sprintf("CASE WHEN %[1]s.%[2]s::text IN ('{}', 'null') THEN %[1]s.%[3]s ELSE %[1]s.%[2]s END::text::bytea", alias, raw, applied)
}

// isEmpty tells whether JSON asks for nothing.
func isEmpty(text []byte) bool {
	t := strings.Join(strings.Fields(string(text)), "")
	return t == "" || t == "{}" || t == "null"
}

// readFilters reads the filters that hold for an event type each, which newer versions have.
func (r *reader) readFilters(ctx context.Context) error {
	if !r.db.Has("filters", "subscription_id") {
		return nil
	}
	of := map[string]*subscription{}
	for endpoint := range r.subscriptions {
		for i := range r.subscriptions[endpoint] {
			of[r.subscriptions[endpoint][i].id] = &r.subscriptions[endpoint][i]
		}
	}
	var subscriptionID, eventType string
	var headers, body []byte
	return r.db.Each(ctx, `SELECT f.subscription_id, f.event_type, f.headers::text::bytea, `+r.body("filters", "f", "body", "raw_body")+` FROM convoy.filters f ORDER BY f.id`, nil,
		[]any{&subscriptionID, &eventType, &headers, &body}, func() error {
			s := of[subscriptionID]
			if s == nil {
				return nil
			}
			if s.filters == nil {
				s.filters = map[string]bellhop.JSON{}
			}
			s.filters[eventType] = nil
			if !isEmpty(body) {
				s.filters[eventType] = slices.Clone(body)
			}
			s.filtersHead = s.filtersHead || !isEmpty(headers)
			return nil
		})
}

// endpointRow is an endpoint as the table has it.
type endpointRow struct {
	id, name, status, url, project     string
	owner, description, slack, support *string
	timeout, rateDuration              string
	rate                               int
	advanced, form                     bool
	secrets                            []byte
	authType, authName, authValue      *string
	basic, oauth2, clientCert          []byte
}

func (r *reader) readEndpoints(ctx context.Context) error {
	decrypt := ""
	if r.db.Has("endpoints", "is_encrypted") {
		var some bool
		if err := r.db.Each(ctx, `SELECT count(*) > 0 FROM convoy.endpoints WHERE is_encrypted AND deleted_at IS NULL`, nil, []any{&some}, func() error { return nil }); err != nil {
			return err
		}
		switch {
		case some && r.EncryptionKey == "":
			return errors.New("the secrets in Convoy's database are encrypted: give its key with --encryption-key-file. Nothing was changed")
		case some:
			// Convoy has its database encrypt, with the extension pgcrypto.
			if err := r.db.Each(ctx, `SELECT quote_ident(n.nspname) || '.pgp_sym_decrypt' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
				WHERE p.proname = 'pgp_sym_decrypt' AND p.pronargs = 2 ORDER BY 1 LIMIT 1`, nil, []any{&decrypt}, func() error { return nil }); err != nil {
				return err
			}
			if decrypt == "" {
				return errors.New("the secrets in Convoy's database are encrypted by its extension pgcrypto, which it does not have. Nothing was changed")
			}
		}
	}
	open := func(column string) string {
		plain := r.db.Column("endpoints", "e", column, "NULL") + "::text"
		if decrypt == "" || !r.db.Has("endpoints", column+"_cipher") {
			return plain
		}
		return "CASE WHEN e.is_encrypted THEN " + decrypt + "(e." + column + "_cipher::bytea, $1) ELSE " + plain + " END"
	}
	var e endpointRow
	var args []any
	sql := `SELECT e.id, e.name, e.status, e.owner_id, e.url, e.description, e.http_timeout::text, e.rate_limit, e.rate_limit_duration::text,
			e.advanced_signatures, e.slack_webhook_url, e.support_email, e.project_id, e.authentication_type, e.authentication_type_api_key_header_name, ` +
		open("secrets") + `, ` + open("authentication_type_api_key_header_value") + `, ` + open("basic_auth_config") + `, ` +
		open("oauth2_config") + `, ` + open("mtls_client_cert") + `, ` +
		r.db.Column("endpoints", "e", "content_type", "'application/json'") + `::text <> 'application/json'
		FROM convoy.endpoints e WHERE e.deleted_at IS NULL ORDER BY e.id`
	if strings.Contains(sql, "$1") {
		args = []any{r.EncryptionKey}
	}
	var secrets, basic, oauth2, cert *string
	err := r.db.Each(ctx, sql, args, []any{
		&e.id, &e.name, &e.status, &e.owner, &e.url, &e.description, &e.timeout, &e.rate, &e.rateDuration,
		&e.advanced, &e.slack, &e.support, &e.project, &e.authType, &e.authName, &secrets, &e.authValue, &basic, &oauth2, &cert, &e.form,
	}, func() error {
		if r.projects[e.project] == nil {
			return nil
		}
		one := e
		one.secrets, one.basic, one.oauth2, one.clientCert = []byte(or(secrets)), []byte(or(basic)), []byte(or(oauth2)), []byte(or(cert))
		r.endpoints = append(r.endpoints, one)
		r.progress("endpoints", len(r.endpoints))
		return nil
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "39000" {
		return errors.New("the secrets in Convoy's database do not open with this key: is it the one of this Convoy? Nothing was changed")
	}
	return err
}

// make makes apps and endpoints of what was read.
func (r *reader) make(context.Context) error {
	apps := r.apps()
	for i := range r.endpoints {
		if err := r.endpoint(&r.endpoints[i], apps[appKey{r.endpoints[i].project, or(r.endpoints[i].owner)}]); err != nil {
			return fmt.Errorf("endpoint %s: %w", r.endpoints[i].id, err)
		}
	}
	if len(r.missing) == 0 {
		return nil
	}
	var all []string
	for text := range r.missing {
		all = append(all, text)
	}
	slices.Sort(all)
	return fmt.Errorf("projects sign in a way for which the server has no dialect, and receivers would refuse its requests. Nothing was changed. Add to its configuration file, and restart it:\n\ndialects:\n%s", strings.Join(all, ""))
}

// appKey is a project and, in it, an owner of endpoints, or "".
type appKey struct{ project, owner string }

// apps makes an app of each project, for endpoints that nobody owns, and of each owner.
func (r *reader) apps() map[appKey]string {
	count := map[appKey]int{}
	owned := map[string]map[string]bool{} // projects by owner
	for i := range r.endpoints {
		e := &r.endpoints[i]
		count[appKey{e.project, or(e.owner)}]++
		if owner := or(e.owner); owner != "" {
			if owned[owner] == nil {
				owned[owner] = map[string]bool{}
			}
			owned[owner][e.project] = true
		}
	}
	ids := map[appKey]string{}
	add := func(key appKey, id, uid, name string) {
		ids[key] = id
		r.out.Origin.Apps[id] = true
		o := manifest.Object{Partial: true, Source: "Convoy project " + key.project}
		o.Put("id", id)
		if uid != "" {
			o.Put("uid", uid)
		}
		o.Put("name", name)
		if count[key] > usualEndpoints {
			o.Put("max_endpoints", count[key])
		}
		r.out.Document.Add(manifest.Apps, o)
	}
	for _, p := range r.order {
		add(appKey{p.id, ""}, p.id, "", p.name)
		var owners []string
		for key := range count {
			if key.project == p.id && key.owner != "" {
				owners = append(owners, key.owner)
			}
		}
		slices.Sort(owners)
		for _, owner := range owners {
			id, uid := owner, ""
			if !fitsAppID(owner) || len(owned[owner]) > 1 || r.projects[owner] != nil {
				// Of the owner alone it could not be an id, or would be one of two.
				id = p.id + "." + cleanID(owner)
				if len(owned[owner]) == 1 && fitsUID(owner) {
					uid = owner
				}
				r.out.Lose("owner %q of the project %s: the owner's name as the app's id, which is %s", owner, p.id, id)
			}
			add(appKey{p.id, owner}, id, uid, "")
		}
		if len(owners) > 0 {
			r.out.Lose("project %s: publishing to all endpoints of all its owners at once (broadcast), since an app is one owner here: publish to each", p.id)
		}
	}
	return ids
}

// usualEndpoints is how many endpoints an app may have where nobody says otherwise.
const usualEndpoints = 1000

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// fitsAppID tells whether an app may have this id.
func fitsAppID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Contains(letters, s[:1]) && strings.Trim(s, letters+".-_") == ""
}

// fitsUID tells whether an app may have this uid.
func fitsUID(s string) bool { return s != "" && len(s) <= 256 && strings.Trim(s, letters+".-_") == "" }

// cleanID makes of any text the end of an id.
func cleanID(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < 0x80 && strings.ContainsRune(letters+".-_", c) {
			return c
		}
		return '_'
	}, s)
	return s[:min(len(s), 36)]
}

// secret is one of an endpoint's.
type secret struct {
	Value     string     `json:"value"`
	ExpiresAt *time.Time `json:"expires_at"`
	DeletedAt *time.Time `json:"deleted_at"`
}

// secretsOf are the valid ones, the newest first: Convoy adds new ones at the end.
func secretsOf(text []byte) ([]manifest.Secret, error) {
	var all []secret
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, errors.New("its secrets cannot be read")
	}
	var list []manifest.Secret
	now := time.Now()
	for _, s := range slices.Backward(all) {
		switch {
		case s.Value == "" || s.DeletedAt != nil && !s.DeletedAt.IsZero():
		case s.ExpiresAt == nil || s.ExpiresAt.IsZero():
			if len(list) == 0 || !list[0].ExpiresAt.IsZero() {
				list = slices.Insert(list, 0, manifest.Secret{Secret: s.Value})
			}
		case s.ExpiresAt.After(now):
			list = append(list, manifest.Secret{Secret: s.Value, ExpiresAt: s.ExpiresAt.UTC()})
		}
	}
	if len(list) == 0 || !list[0].ExpiresAt.IsZero() {
		return nil, errors.New("it has no secret that is valid")
	}
	return list, nil
}
