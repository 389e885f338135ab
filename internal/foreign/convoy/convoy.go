// Package convoy reads what a Convoy has in its database: projects and the owners of their
// endpoints, endpoints with their secrets and subscriptions, and event types. The tables are
// those of its migrations (sql/).
package convoy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/foreign"
	"github.com/bellhop/bellhop/manifest"
)

// product is what it is called.
const product = "Convoy"

// Options say what is read.
type Options struct {
	// EncryptionKey is the key with which Convoy encrypts endpoints' secrets in its database;
	// "" if it does not.
	EncryptionKey string
	// Dialects are those of the server that takes over: requests have to look as Convoy made
	// them, and projects differ in how they sign.
	Dialects []dialect.Definition
	// Here is what that server has already.
	Here Here
	// Apps are those that endpoints go to, by the owner or, where nobody owns them, the project;
	// of all others it is found out.
	Apps map[string]string
	// IntoExisting lets endpoints go to apps that did not come from this Convoy.
	IntoExisting bool
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

// Read reads everything at one moment. It fails where the tables are others than are known, where no
// secret opens, or where the server has no dialect that signs as a project does: then nothing is to
// be taken over. Single rows that cannot be read are noted.
func Read(ctx context.Context, url string, o Options, progress foreign.Progress) (*foreign.Import, error) {
	db, err := foreign.Open(ctx, "Convoy", url, "convoy")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	tables := needed
	if db.Has("filters", "subscription_id") {
		tables = maps.Clone(needed)
		tables["filters"] = []string{"id", "event_type", "headers", "body"} // of newer versions
	}
	if err := db.Need(tables); err != nil {
		return nil, err
	}
	r := &reader{
		db: db, Options: o, progress: progress, out: foreign.NewImport(product),
		projects: map[string]*project{}, known: map[string]bool{}, subscriptions: map[string][]subscription{}, missing: map[string]bool{}, made: map[string][]appKey{},
	}
	// Neither Svix's nor Bellhop's endpoints are called so; those that this Convoy does not know are noted as such.
	r.out.Origin.Calls = func(formerID string) bool { return !strings.HasPrefix(formerID, "ep_") }
	for _, step := range []func(context.Context) error{r.readProjects, r.eventTypes, r.readSubscriptions, r.readFilters, r.readEndpoints, r.lookHere, r.make, r.rest} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	r.out.Sift()
	return r.out, nil
}

type reader struct {
	Options
	db            *foreign.Database
	progress      foreign.Progress
	out           *foreign.Import
	projects      map[string]*project
	known         map[string]bool // projects of any kind; false of those that cannot be read
	order         []*project
	subscriptions map[string][]subscription // by endpoint
	endpoints     []endpointRow
	missing       map[string]bool // dialects, as definitions
	here          here
	made          map[string][]appKey // by the app that is made of them
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
	unread := 0
	err := r.db.Each(ctx, `SELECT p.id, p.name, p.type, c.id IS NULL AS stray, c.signature_header, c.signature_versions::text AS signature_versions,
			c.strategy_type, c.strategy_duration, c.strategy_retry_count
		FROM convoy.projects p LEFT JOIN convoy.project_configurations c ON c.id = p.project_configuration_id
		WHERE p.deleted_at IS NULL ORDER BY p.id`, nil, func(row foreign.Row) error {
		id := row.Name("id")
		r.known[id] = true
		if kind := row.Name("type"); kind == "incoming" {
			r.out.Lose("project %s (%s): the whole project, since it takes webhooks in, which Bellhop does not", id, row.Name("name"))
			return nil
		}
		p, err := readProject(row)
		if err != nil {
			unread++
			r.known[id] = false
			r.out.LeaveOut("project", id, fmt.Errorf("%w: its endpoints are left out, too", err))
			return nil
		}
		if p.strategy, err = readRetry(row, "strategy_type", "strategy_duration", "strategy_retry_count"); err != nil {
			r.out.GoWithout("project", id, "retry", err)
		}
		r.projects[p.id] = p
		r.order = append(r.order, p)
		r.progress("projects", len(r.order))
		return nil
	})
	if err == nil {
		err = r.earlier(ctx)
	}
	if err == nil && len(r.order)+unread == 0 {
		return errors.New("this Convoy has no project that sends: there is nothing to take over")
	}
	return err
}

func readProject(row foreign.Row) (*project, error) {
	p := &project{}
	var err error
	if p.id, err = row.Need("id"); err != nil {
		return nil, err
	}
	if kind, _ := row.Text("type"); kind != "outgoing" {
		return nil, fmt.Errorf("its type %q is not known", kind)
	}
	if p.name, err = row.Text("name"); err != nil {
		return nil, err
	}
	if stray, err := row.Bool("stray"); err != nil || stray {
		return nil, errors.New("it has no configuration")
	}
	if p.header, err = row.Need("signature_header"); err != nil {
		return nil, err
	}
	if err := row.JSON("signature_versions", &p.versions); err != nil {
		return nil, err
	}
	if len(p.versions) == 0 {
		return nil, errors.New("it has no signature_versions")
	}
	_, err = p.algorithm()
	return p, err
}

// readRetry reads how often and how soon a delivery is tried again; nothing if it has none.
func readRetry(row foreign.Row, kind, seconds, most string) (retry, error) {
	text, err := row.Text(kind)
	if err != nil {
		return retry{}, err
	}
	every, err := row.Int(seconds)
	if err != nil {
		return retry{}, err
	}
	times, err := row.Int(most)
	if err != nil {
		return retry{}, err
	}
	for column, n := range map[string]*int{seconds: every, most: times} {
		if n != nil && (*n < 0 || *n == 0 && text != "") {
			return retry{}, fmt.Errorf("its %s, %d, is none", column, *n)
		}
	}
	if text == "" || every == nil || times == nil {
		return retry{}, nil
	}
	return retry{text, *every, *times}, nil
}

// earlier notes the apps that there may have been of what was deleted since.
func (r *reader) earlier(ctx context.Context) error {
	origin := &r.out.Origin
	err := r.db.Each(ctx, `SELECT id FROM convoy.projects WHERE deleted_at IS NOT NULL`, nil, func(row foreign.Row) error {
		id := row.Name("id")
		r.known[id], origin.Apps[id], origin.Deleted[id] = true, true, true
		return nil
	})
	if err != nil {
		return err
	}
	return r.db.Each(ctx, `SELECT DISTINCT project_id, owner_id FROM convoy.endpoints WHERE owner_id::text <> '' AND deleted_at IS NOT NULL`, nil, func(row foreign.Row) error {
		owner := row.Name("owner_id")
		for _, id := range idsOf(appKey{row.Name("project_id"), owner}) {
			origin.Apps[id] = true
		}
		return nil
	})
}

func (r *reader) eventTypes(ctx context.Context) error {
	seen := map[string]string{}
	return r.db.Each(ctx, `SELECT e.id, e.project_id, e.name, e.description, e.category, e.deprecated_at IS NOT NULL AS deprecated, `+
		r.db.Column("event_types", "e", "json_schema", "NULL")+`::text AS json_schema
		FROM convoy.event_types e ORDER BY e.project_id, e.name`, nil, func(row foreign.Row) error {
		projectID, err := r.projectOf(row)
		if err == nil && r.projects[projectID] == nil || row.Name("name") == "*" {
			return nil // "*" stands for all of them
		}
		if err == nil {
			err = r.eventType(row, projectID, seen)
		}
		if err != nil {
			r.out.LeaveOut("event type", row.Name("name", "id"), err)
		}
		r.progress("event types", len(seen))
		return nil
	})
}

// projectOf is the project of a row. It need not be one that is taken over.
func (r *reader) projectOf(row foreign.Row) (string, error) {
	id, err := row.Need("project_id")
	if _, known := r.known[id]; err == nil && !known {
		err = fmt.Errorf("there is no project %s, which it is of", bellhop.Clip(id))
	}
	return id, err
}

func (r *reader) eventType(row foreign.Row, projectID string, seen map[string]string) error {
	name, err := row.Need("name")
	if err != nil {
		return err
	}
	if first, ok := seen[name]; ok {
		r.out.Lose("event type %s of the project %s: its description and schema, since there is one catalogue here, and the project %s has the type already", name, projectID, first)
		return nil
	}
	seen[name] = projectID
	o := manifest.Object{Partial: true, Source: "Convoy event type " + name}
	o.Put("name", name)
	for field, column := range map[string]string{"description": "description", "group": "category"} {
		if text, err := row.Text(column); err != nil {
			r.out.GoWithout("event type", name, field, err)
		} else {
			o.Put(field, text)
		}
	}
	if deprecated, err := row.Bool("deprecated"); err == nil {
		o.Put("deprecated", deprecated)
	}
	var schema bellhop.JSON
	switch err := row.JSON("json_schema", &schema); {
	case err != nil:
		r.out.GoWithout("event type", name, "schema", err)
	case !isEmpty(string(schema)):
		o.Put("schema", schema)
	case r.db.Has("event_types", "json_schema"):
		o.Put("schema", nil)
	}
	r.out.Document.Add(manifest.EventTypes, o)
	return nil
}

// subscription is what an endpoint wants to hear.
type subscription struct {
	id          string
	events      []string
	filtersHead bool
	filtersElse bool         // by the query or the path of the request that an event came with
	body        bellhop.JSON // nil without a filter
	function    bool
	retry       retry
	// unretried says why its retries cannot be read, or nil.
	unretried error
	once      bool
	// mode is its delivery mode, if that is not known.
	mode string
	// filters are those that hold for one event type each, which take the place of body.
	filters map[string]bellhop.JSON
	// odd says why it cannot be read, or nil.
	odd error
}

func (r *reader) readSubscriptions(ctx context.Context) error {
	n := 0
	return r.db.Each(ctx, `SELECT s.id, s.type, s.project_id, s.endpoint_id, to_json(s.filter_config_event_types)::text AS event_types,
			s.filter_config_filter_headers::text AS headers, `+r.body("subscriptions", "s", "filter_config_filter_body", "filter_config_filter_raw_body")+` AS body,
			s.retry_config_type, s.retry_config_duration, s.retry_config_retry_count, `+
		r.db.Column("subscriptions", "s", "function", "NULL::text")+` AS function, `+
		r.db.Column("subscriptions", "s", "delivery_mode", "'at_least_once'")+`::text AS mode, `+
		r.asks("subscriptions", "s", "filter_config_filter_query", "filter_config_filter_path")+` AS otherwise
		FROM convoy.subscriptions s WHERE s.deleted_at IS NULL ORDER BY s.id`, nil, func(row foreign.Row) error {
		if row.Null("endpoint_id") || row.Name("type") == "cli" || row.Name("type") == "incoming" {
			return nil // of a project that takes in, or of somebody's command line
		}
		s := subscription{id: row.Name("id")}
		s.odd = s.read(row)
		endpoint := row.Name("endpoint_id")
		r.subscriptions[endpoint] = append(r.subscriptions[endpoint], s)
		n++
		r.progress("subscriptions", n)
		return nil
	})
}

func (s *subscription) read(row foreign.Row) (err error) {
	if kind, _ := row.Text("type"); kind != "api" {
		return fmt.Errorf("its type %q is not known", kind)
	}
	var events []*string
	if err := row.JSON("event_types", &events); err != nil {
		return err
	}
	if events == nil {
		return errors.New("it has no event_types")
	}
	for _, event := range events {
		if event == nil {
			return errors.New("its event_types have an entry that is no text")
		}
		s.events = append(s.events, *event)
	}
	headers, err := row.Text("headers")
	if err != nil {
		return err
	}
	body, err := row.Text("body")
	if err != nil {
		return err
	}
	s.filtersHead = !isEmpty(headers)
	if !isEmpty(body) {
		s.body = bellhop.JSON(body)
	}
	function, err := row.Text("function")
	if err != nil {
		return err
	}
	s.function = function != ""
	if s.filtersElse, err = row.Bool("otherwise"); err != nil {
		return err
	}
	switch mode, err := row.Text("mode"); {
	case err != nil:
		return err
	case mode == "at_most_once":
		s.once = true
	case mode != "" && mode != "at_least_once":
		s.mode = mode
	}
	s.retry, s.unretried = readRetry(row, "retry_config_type", "retry_config_duration", "retry_config_retry_count")
	return nil
}

// body is a filter as it was written, where there is that, and else as it is applied.
func (r *reader) body(table, alias, applied, raw string) string {
	if !r.db.Has(table, raw) {
		return alias + "." + applied + "::text"
	}
	return fmt.Sprintf("CASE WHEN coalesce(%[1]s.%[2]s::text, '') IN ('', '{}', 'null') THEN %[1]s.%[3]s ELSE %[1]s.%[2]s END::text", alias, raw, applied)
}

// asks tells whether one of the columns, of those that there are, has a filter.
func (r *reader) asks(table, alias string, columns ...string) string {
	any := "false"
	for _, column := range columns {
		any += " OR coalesce(" + r.db.Column(table, alias, column, "NULL") + "::text, '') NOT IN ('', '{}', 'null')"
	}
	return any
}

// isEmpty tells whether JSON asks for nothing.
func isEmpty(text string) bool {
	t := strings.Join(strings.Fields(text), "")
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
	return r.db.Each(ctx, `SELECT f.id, f.subscription_id, f.event_type, f.headers::text AS headers, `+r.body("filters", "f", "body", "raw_body")+` AS body, `+
		r.asks("filters", "f", "query", "path")+` AS otherwise FROM convoy.filters f ORDER BY f.id`, nil, func(row foreign.Row) error {
		s := of[row.Name("subscription_id")]
		if s == nil {
			return nil
		}
		if err := s.readFilter(row); err != nil && s.odd == nil {
			s.odd = fmt.Errorf("its filter %s cannot be read: %w", row.Name("id"), err)
		}
		return nil
	})
}

func (s *subscription) readFilter(row foreign.Row) error {
	eventType, err := row.Need("event_type")
	if err != nil {
		return err
	}
	headers, err := row.Text("headers")
	if err != nil {
		return err
	}
	body, err := row.Text("body")
	if err != nil {
		return err
	}
	if s.filters == nil {
		s.filters = map[string]bellhop.JSON{}
	}
	s.filters[eventType] = nil
	if !isEmpty(body) {
		s.filters[eventType] = bellhop.JSON(body)
	}
	s.filtersHead = s.filtersHead || !isEmpty(headers)
	otherwise, err := row.Bool("otherwise")
	s.filtersElse = s.filtersElse || otherwise
	return err
}

// endpointRow is an endpoint as the table has it.
type endpointRow struct {
	id, name, status, url, project, owner, description string
	timeout, rateDuration                              string
	contentType                                        string
	rate                                               int
	advanced, slack, support, encrypted                bool
	authType, authName                                 string
	credentials
	// unlimited says why its rate limit cannot be read, or nil.
	unlimited error
	// odd says why it cannot be read, or nil.
	odd error
}

// credentials are the columns of an endpoint that may be encrypted.
type credentials struct{ secrets, authValue, basic, oauth2, clientCert string }

// sealedColumns are their names.
var sealedColumns = []string{"secrets", "authentication_type_api_key_header_value", "basic_auth_config", "oauth2_config", "mtls_client_cert"}

func (c *credentials) read(row foreign.Row) (err error) {
	for i, to := range []*string{&c.secrets, &c.authValue, &c.basic, &c.oauth2, &c.clientCert} {
		if *to, err = row.Text(sealedColumns[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) readEndpoints(ctx context.Context) error {
	sql := `SELECT e.id, e.name, e.status, e.owner_id, e.url, e.description, e.http_timeout::text AS http_timeout, e.rate_limit,
			e.rate_limit_duration::text AS rate_limit_duration, e.advanced_signatures, e.slack_webhook_url, e.support_email, e.project_id,
			e.authentication_type, e.authentication_type_api_key_header_name, ` +
		r.db.Column("endpoints", "e", "content_type", "'application/json'") + `::text AS content_type, ` +
		r.db.Column("endpoints", "e", "is_encrypted", "false") + ` AS is_encrypted`
	for _, column := range sealedColumns {
		sql += ", " + r.db.Column("endpoints", "e", column, "NULL") + "::text AS " + column
	}
	err := r.db.Each(ctx, sql+` FROM convoy.endpoints e WHERE e.deleted_at IS NULL ORDER BY e.id`, nil, func(row foreign.Row) error {
		e := endpointRow{id: row.Name("id")}
		e.project, e.odd = r.projectOf(row)
		if e.odd == nil && r.projects[e.project] == nil {
			if !r.known[e.project] {
				r.leave(&e)
			}
			return nil
		}
		if e.odd == nil {
			e.odd = e.read(row)
		}
		r.endpoints = append(r.endpoints, e)
		r.progress("endpoints", len(r.endpoints))
		return nil
	})
	if err != nil {
		return err
	}
	return r.open(ctx)
}

func (e *endpointRow) read(row foreign.Row) (err error) {
	if e.url, err = row.Need("url"); err != nil {
		return err
	}
	for column, to := range map[string]*string{
		"name": &e.name, "status": &e.status, "owner_id": &e.owner, "description": &e.description, "http_timeout": &e.timeout,
		"rate_limit_duration": &e.rateDuration, "authentication_type": &e.authType, "content_type": &e.contentType, "authentication_type_api_key_header_name": &e.authName,
	} {
		if *to, err = row.Text(column); err != nil {
			return err
		}
	}
	if e.advanced, err = row.Bool("advanced_signatures"); err != nil {
		return err
	}
	rate, err := row.Int("rate_limit")
	if rate != nil {
		e.rate = *rate
	}
	e.unlimited = err
	e.encrypted, _ = row.Bool("is_encrypted")
	slack, _ := row.Text("slack_webhook_url")
	support, _ := row.Text("support_email")
	e.slack, e.support = slack != "", support != ""
	return e.credentials.read(row)
}

// leave notes that what was taken over earlier of an endpoint stays as it is.
func (r *reader) leave(e *endpointRow) {
	r.out.Origin.Unread[e.id] = true
	for _, s := range r.subscriptions[e.id] {
		r.out.Origin.Unread[s.id] = true
	}
}

// opening is how many endpoints' secrets are opened at once.
const opening = 200

// open opens the secrets that are encrypted: Convoy has its database do that, with the extension
// pgcrypto.
func (r *reader) open(ctx context.Context) error {
	encrypted := map[string]*endpointRow{}
	var ids []string
	for i := range r.endpoints {
		if e := &r.endpoints[i]; e.encrypted && e.odd == nil {
			encrypted[e.id] = e
			ids = append(ids, e.id)
		}
	}
	switch {
	case len(ids) == 0:
		return nil
	case r.EncryptionKey == "":
		return errors.New("the secrets in Convoy's database are encrypted: give its key with --encryption-key-file. Nothing was changed")
	}
	decrypt := ""
	if err := r.db.Each(ctx, `SELECT quote_ident(n.nspname) || '.pgp_sym_decrypt' AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE p.proname = 'pgp_sym_decrypt' AND p.pronargs = 2 ORDER BY 1 LIMIT 1`, nil, func(row foreign.Row) error {
		decrypt = row.Name("name")
		return nil
	}); err != nil {
		return err
	}
	if decrypt == "" {
		return errors.New("the secrets in Convoy's database are encrypted by its extension pgcrypto, which it does not have. Nothing was changed")
	}
	sql := "SELECT e.id"
	for _, column := range sealedColumns {
		if r.db.Has("endpoints", column+"_cipher") {
			sql += ", " + decrypt + "(e." + column + "_cipher::bytea, $1) AS " + column
		} else {
			sql += ", " + r.db.Column("endpoints", "e", column, "NULL") + "::text AS " + column
		}
	}
	opened := 0
	read := func(row foreign.Row) error {
		e := encrypted[row.Name("id")]
		e.odd = e.credentials.read(row)
		opened++
		return nil
	}
	for page := range slices.Chunk(ids, opening) {
		before := opened
		err := r.db.Try(ctx, sql+" FROM convoy.endpoints e WHERE e.id = ANY($2)", []any{r.EncryptionKey, page}, read)
		if err == nil {
			continue
		}
		opened = before
		for _, id := range page { // one of them is damaged, or the key is another
			err := r.db.Try(ctx, sql+" FROM convoy.endpoints e WHERE e.id = ANY($2)", []any{r.EncryptionKey, []string{id}}, read)
			if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (strings.HasPrefix(pg.Code, "39") || strings.HasPrefix(pg.Code, "22")) {
				encrypted[id].odd = errors.New("its secrets do not open with this key, with which others do: they are damaged")
			} else if err != nil {
				return err
			}
		}
		if opened == 0 {
			break
		}
	}
	if opened == 0 {
		return errors.New("the secrets in Convoy's database do not open with this key: is it the one of this Convoy? Nothing was changed")
	}
	return nil
}

// make makes apps and endpoints of what was read.
func (r *reader) make(context.Context) error {
	apps, err := r.apps()
	if err != nil {
		return err
	}
	for i := range r.endpoints {
		e := &r.endpoints[i]
		err := e.odd
		if app := apps[appKey{e.project, e.owner}]; err == nil {
			r.moved(e, app)
			if app == "" {
				r.leave(e)
				continue // its owner is left out
			}
			err = r.endpoint(e, app)
		}
		if err != nil {
			r.leave(e)
			r.out.LeaveOut("endpoint", e.id, err)
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

// secret is one of an endpoint's.
type secret struct {
	Value     string     `json:"value"`
	ExpiresAt *time.Time `json:"expires_at"`
	DeletedAt *time.Time `json:"deleted_at"`
}

// secretsOf are the valid ones, the newest first: Convoy adds new ones at the end. Older ones that
// cannot be taken over are told to without.
func secretsOf(text string, without func(error)) ([]manifest.Secret, error) {
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, errors.New("its secrets cannot be read")
	}
	var list []manifest.Secret
	now := time.Now()
	for _, text := range slices.Backward(all) {
		var s secret
		if json.Unmarshal(text, &s) != nil {
			// The one that signs has no end.
			var end struct {
				ExpiresAt any `json:"expires_at"`
			}
			if json.Unmarshal(text, &end) != nil || end.ExpiresAt == nil {
				return nil, errors.New("its secrets cannot be read")
			}
			without(errors.New("one of its older secrets cannot be read"))
			continue
		}
		lasting := s.ExpiresAt == nil || s.ExpiresAt.IsZero()
		switch {
		case s.DeletedAt != nil && !s.DeletedAt.IsZero() || !lasting && !s.ExpiresAt.After(now):
		case s.Value == "" && lasting:
			return nil, errors.New("one of its secrets is empty")
		case s.Value == "":
			without(errors.New("one of its older secrets is empty"))
		case !lasting:
			list = append(list, manifest.Secret{Secret: s.Value, ExpiresAt: s.ExpiresAt.UTC()})
		case len(list) > 0 && list[0].ExpiresAt.IsZero():
			without(errors.New("it has no expires_at, as the newest has none: one alone has no end here"))
		default:
			list = slices.Insert(list, 0, manifest.Secret{Secret: s.Value})
		}
	}
	if len(list) == 0 || !list[0].ExpiresAt.IsZero() {
		return nil, errors.New("it has no secret that is valid")
	}
	return list, nil
}
