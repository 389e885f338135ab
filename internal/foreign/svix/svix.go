// Package svix reads what a self-hosted Svix has in its database: applications, endpoints
// with their secrets, and event types. The tables are those of its migrations
// (server/svix-server/migrations).
package svix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/foreign"
	"github.com/bellhop/bellhop/internal/match"
	"github.com/bellhop/bellhop/manifest"
)

// Options say what is read.
type Options struct {
	// MainSecret is the server's main_secret, which encrypts secrets; "" if it has none.
	MainSecret string
	// Org is the organization whose applications are read; "" for the only one that there is.
	Org string
	// Dialect is how requests are made: "svix" or, where the server was told to send webhook-
	// headers (whitelabel_headers), "raw".
	Dialect string
	// Dialects are those of the server that takes over.
	Dialects []dialect.Definition
}

// timeout is that of requests by Svix's server, unless its operator set another
// (worker_request_timeout).
const timeout = bellhop.Duration(30 * time.Second)

// management is the organization under which Svix keeps the endpoints of operational webhooks.
const management = "org_00000000000SvixManagement00"

// needed are the columns that are read. Others are looked for, and may be missing.
var needed = map[string][]string{
	"application":         {"id", "org_id", "uid", "name", "rate_limit", "deleted"},
	"applicationmetadata": {"id", "data"},
	"endpoint":            {"id", "app_id", "key", "old_keys", "url", "description", "event_types_ids", "channels", "headers", "rate_limit", "version", "disabled", "deleted", "uid"},
	"endpointmetadata":    {"id", "data"},
	"eventtype":           {"org_id", "name", "description", "schemas", "deleted", "feature_flag"},
}

// Read reads everything at one moment. It fails where the tables are others than are known, or where
// no secret opens: then nothing is to be taken over. Single rows that cannot be read are noted.
func Read(ctx context.Context, url string, o Options, progress foreign.Progress) (*foreign.Import, error) {
	db, err := foreign.Open(ctx, "Svix", url, "")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := db.Need(needed); err != nil {
		return nil, err
	}
	r := &reader{db: db, Options: o, progress: progress, out: foreign.NewImport("Svix"), secrets: newOpener(o.MainSecret)}
	if r.signs, err = foreign.Dialect(o.Dialects, o.Dialect); err != nil {
		return nil, fmt.Errorf("the server's dialect %s: %w", o.Dialect, err)
	}
	for _, step := range []func(context.Context) error{r.organization, r.eventTypes, r.apps, r.endpoints, r.rest} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	r.out.Sift()
	return r.out, nil
}

type reader struct {
	Options
	db       *foreign.Database
	progress foreign.Progress
	out      *foreign.Import
	secrets  *opener
	signs    *dialect.Dialect
}

// organization finds the one to read.
func (r *reader) organization(ctx context.Context) error {
	var all, names []string
	err := r.db.Each(ctx, `SELECT org_id, sum(n)::int AS apps FROM (
			SELECT org_id, count(*) AS n FROM application WHERE deleted IS DISTINCT FROM true GROUP BY org_id
			UNION ALL SELECT org_id, 0 FROM eventtype GROUP BY org_id) o
		WHERE org_id <> $1 GROUP BY org_id ORDER BY 2 DESC, 1`, []any{management}, func(row foreign.Row) error {
		org := row.Name("org_id")
		all, names = append(all, org), append(names, fmt.Sprintf("%s (%s applications)", org, row.Name("apps")))
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(all) == 0:
		return errors.New("this Svix has no applications and no event types: there is nothing to take over")
	case r.Org == "" && len(all) > 1:
		return fmt.Errorf("this Svix has %d organizations: take over one after the other with --org, of %s", len(all), strings.Join(names, ", "))
	case r.Org == "":
		r.Org = all[0]
	case !slices.Contains(all, r.Org):
		return fmt.Errorf("this Svix has no organization %s: it has %s", r.Org, strings.Join(names, ", "))
	}
	r.out.Origin.Source, r.out.Origin.Calls = "Svix "+bellhop.Clip(r.Org), calls
	return nil
}

// calls tells whether an endpoint's former id is one as Svix gives them. Those of another Bellhop, of which
// an export makes former ids, begin alike.
func calls(formerID string) bool {
	var id bellhop.EndpointID
	return strings.HasPrefix(formerID, endpointPrefix) && id.UnmarshalText([]byte(formerID)) != nil
}

// endpointPrefix begins the ids of Svix's endpoints.
const endpointPrefix = "ep_"

func (r *reader) eventTypes(ctx context.Context) error {
	n := 0
	return r.db.Each(ctx, `SELECT e.name, e.description, e.schemas::text AS schemas, e.deleted, e.feature_flag, `+
		r.db.Column("eventtype", "e", "id", "NULL")+` AS id, e.org_id IS NULL AS stray, `+
		r.db.Column("eventtype", "e", "deprecated", "false")+` AS deprecated, `+r.db.Column("eventtype", "e", "retry_schedule", "NULL")+` IS NOT NULL AS schedule
		FROM eventtype e WHERE e.org_id = $1 OR e.org_id IS NULL ORDER BY e.name`, []any{r.Org}, func(row foreign.Row) error {
		n++
		r.progress("event types", n)
		if err := r.eventType(row); err != nil {
			r.out.LeaveOut("event type", row.Name("name", "id"), err)
		}
		return nil
	})
}

// stray says that a row belongs to nobody.
func stray(row foreign.Row) error {
	if is, err := row.Bool("stray"); err != nil || is {
		return errors.New("it has no org_id: it belongs to no organization")
	}
	return nil
}

func (r *reader) eventType(row foreign.Row) error {
	name, err := row.Need("name")
	if err == nil {
		err = stray(row)
	}
	if err != nil {
		return err
	}
	without := func(field string, err error) { r.out.GoWithout("event type", name, field, err) }
	o := manifest.Object{Partial: true, Source: "Svix event type " + name}
	o.Put("name", name)
	if description, err := row.Text("description"); err != nil {
		without("description", err)
	} else {
		o.Put("description", description)
	}
	for field, column := range map[string]string{"archived": "deleted", "deprecated": "deprecated"} {
		if yes, err := row.Bool(column); err != nil {
			without(field, err)
		} else {
			o.Put(field, yes)
		}
	}
	flag, err := row.Text("feature_flag")
	switch {
	case err != nil:
		return err // people would see it that are not to
	case flag == "" && !row.Null("feature_flag"):
		return errors.New("its feature_flag is empty, which nobody has, and without one everybody would see it")
	case flag != "":
		o.Put("feature_flags", []string{flag})
	default:
		o.Put("feature_flags", []string{})
	}
	var schemas map[string]bellhop.JSON
	if err := row.JSON("schemas", &schemas); err != nil {
		without("schema", err)
	} else {
		putSchemas(&o, schemas)
	}
	if schedule, err := row.Bool("schedule"); err != nil || schedule {
		r.out.Lose("event type %s: its retry schedule, since Bellhop has one for each endpoint, and the installation's (--default-retry)", name)
	}
	r.out.Document.Add(manifest.EventTypes, o)
	return nil
}

// putSchemas takes the schema of the highest version, and those of the others as earlier ones; where
// there is none, also none that was there before.
func putSchemas(o *manifest.Object, schemas map[string]bellhop.JSON) {
	maps.DeleteFunc(schemas, func(_ string, schema bellhop.JSON) bool { return len(schema) == 0 || string(schema) == "null" })
	latest := ""
	for version := range schemas {
		if latest == "" || match.CompareVersions(version, latest) > 0 {
			latest = version
		}
	}
	o.Put("schema", schemas[latest])
	o.Put("schema_version", latest)
	delete(schemas, latest)
	o.Put("earlier_schemas", schemas)
}

func (r *reader) apps(ctx context.Context) error {
	if err := r.db.Each(ctx, `SELECT id, deleted FROM application WHERE org_id = $1`, []any{r.Org}, func(row foreign.Row) error {
		id := row.Name("id")
		r.out.Origin.Apps[id] = true
		if deleted, err := row.Bool("deleted"); err == nil && deleted {
			r.out.Origin.Deleted[id] = true
		}
		return nil
	}); err != nil {
		return err
	}
	n := 0
	return r.db.Each(ctx, `SELECT a.id, a.uid, a.name, a.rate_limit, a.deleted, a.org_id IS NULL AS stray, m.data::text AS metadata,
			(SELECT count(*) FROM endpoint e WHERE e.app_id = a.id AND e.deleted IS DISTINCT FROM true) AS endpoints
		FROM application a LEFT JOIN applicationmetadata m ON m.id = a.id
		WHERE (a.org_id = $1 OR a.org_id IS NULL) AND a.deleted IS DISTINCT FROM true ORDER BY a.id`, []any{r.Org}, func(row foreign.Row) error {
		n++
		r.progress("applications", n)
		if err := r.app(row); err != nil {
			r.out.LeaveOut("app", row.Name("id", "uid", "name"), err)
		}
		return nil
	})
}

func (r *reader) app(row foreign.Row) error {
	id, err := row.Need("id")
	if err == nil {
		err = stray(row)
	}
	if err == nil {
		_, err = row.Bool("deleted")
	}
	if err != nil {
		return err
	}
	o := manifest.Object{Partial: true, Source: "Svix application " + id}
	o.Put("id", id)
	r.putText(&o, row, "app", id, "uid")
	if name, err := row.Text("name"); err != nil {
		r.out.GoWithout("app", id, "name", err)
	} else {
		o.Put("name", r.shorten("app", id, "name", name, bellhop.MaxName))
	}
	r.putRate(&o, row, "app", id)
	r.putMetadata(&o, row, "app", id)
	if endpoints, _ := row.Int("endpoints"); endpoints != nil && *endpoints > usualEndpoints {
		o.Put("max_endpoints", min(*endpoints, mostEndpoints))
	}
	r.out.Document.Add(manifest.Apps, o)
	return nil
}

// usualEndpoints is how many endpoints an app may have where nobody says otherwise, and
// mostEndpoints how many one may have at all.
const (
	usualEndpoints = 1000
	mostEndpoints  = 100_000
)

// putText sets fields that are texts, or none.
func (r *reader) putText(o *manifest.Object, row foreign.Row, kind, name string, columns ...string) {
	for _, column := range columns {
		if text, err := row.Text(column); err != nil {
			r.out.GoWithout(kind, name, column, err)
		} else {
			o.Put(column, text)
		}
	}
}

// shorten is as much of a text for people as there can be of it here.
func (r *reader) shorten(kind, name, field, text string, most int) string {
	if len(text) <= most {
		return text
	}
	r.out.Lose("%s %s: its %s beyond the first %d bytes", kind, name, field, most)
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// maxRate is the highest rate limit that Svix's API can say: its clients read no higher one.
const maxRate = 65_535

// putRate sets a limit: so many a second, all at once if need be.
func (r *reader) putRate(o *manifest.Object, row foreign.Row, kind, name string) {
	rate, err := row.Int("rate_limit")
	switch {
	case err != nil:
		r.out.GoWithout(kind, name, "rate_limit", err)
	case rate == nil:
		o.Put("rate_limit", nil)
	case *rate < 1:
		r.out.GoWithout(kind, name, "rate_limit", fmt.Errorf("its rate_limit, %d, lets nothing through", *rate))
		o.Put("rate_limit", nil)
	default:
		if *rate > maxRate {
			r.out.Lose("%s %s: its rate limit of %d a second: it is %d here, the highest that Svix's API can say", kind, name, *rate, maxRate)
		}
		o.Put("rate_limit", bellhop.RateLimit{PerSecond: float64(min(*rate, maxRate)), Burst: min(*rate, maxRate)})
	}
}

func (r *reader) putMetadata(o *manifest.Object, row foreign.Row, kind, name string) {
	metadata, others, err := row.Metadata("metadata")
	if err != nil {
		r.out.GoWithout(kind, name, "metadata", err)
		return
	}
	slices.Sort(others)
	for _, other := range others {
		r.out.GoWithout(kind, name, "metadata."+bellhop.Clip(other), errors.New("it is no text"))
	}
	o.Put("metadata", metadata)
}

func (r *reader) endpoints(ctx context.Context) error {
	n := 0
	err := r.db.Each(ctx, `SELECT e.id, e.app_id, a.id IS NULL AS stray, e.uid, e.url, e.description, e.key, e.old_keys::text AS old_keys,
			e.event_types_ids::text AS event_types_ids, e.channels::text AS channels, e.headers::text AS headers, m.data::text AS metadata,
			e.rate_limit, e.version, e.disabled, e.deleted, `+r.db.Column("endpoint", "e", "filter", "NULL")+` IS NOT NULL AS filter, `+
		r.db.Column("endpoint", "e", "retry_schedule", "NULL")+` IS NOT NULL AS schedule
		FROM endpoint e LEFT JOIN application a ON a.id = e.app_id LEFT JOIN endpointmetadata m ON m.id = e.id
		WHERE (a.id IS NULL OR (a.org_id = $1 OR a.org_id IS NULL) AND a.deleted IS DISTINCT FROM true)
			AND e.deleted IS DISTINCT FROM true ORDER BY e.id`, []any{r.Org}, func(row foreign.Row) error {
		n++
		r.progress("endpoints", n)
		if err := r.endpoint(row); err != nil {
			r.out.LeaveOut("endpoint", row.Name("id", "url"), err)
		}
		return nil
	})
	if err == nil {
		err = r.secrets.wrong()
	}
	return err
}

func (r *reader) endpoint(row foreign.Row) error {
	id, err := row.Need("id")
	if err != nil {
		return err
	}
	// Its secrets are opened in any case: with a wrong main secret, nothing is taken over.
	secrets, unopened := r.secretsOf(row, id)
	app, err := row.Need("app_id")
	if err != nil {
		return err
	}
	if gone, err := row.Bool("stray"); err != nil || gone {
		return fmt.Errorf("there is no application %s, which it is of", bellhop.Clip(app))
	}
	url, err := row.Need("url")
	if err != nil {
		return err
	}
	if unopened != nil {
		return unopened
	}
	if _, err := row.Bool("deleted"); err != nil {
		return err
	}
	lose := func(why string) {
		r.out.Lose("endpoint %s (%s): the whole endpoint, since %s", id, url, why)
		r.out.Unfit(id, why)
	}
	if filtered, err := row.Bool("filter"); err != nil || filtered {
		lose("its filter is an expression that Bellhop does not have, and without it it would get more than it asked for: make an endpoint of its own for it, with a filter of Bellhop's")
		return nil
	}
	o := manifest.Object{Partial: true, Source: "Svix endpoint " + id}
	o.Put("former_id", id)
	o.Put("apps", []string{app})
	o.Put("url", url)
	o.Put("dialect", r.Dialect)
	o.Put("timeout", timeout)
	disabled, err := row.Bool("disabled")
	if err != nil {
		return err
	}
	status := bellhop.EndpointActive
	if disabled {
		status = bellhop.EndpointDisabled
	}
	o.Put("status", status)
	for _, of := range [][2]string{{"events", "event_types_ids"}, {"channels", "channels"}} {
		field, column := of[0], of[1]
		list, err := texts(row, column)
		if err != nil {
			return fmt.Errorf("%w, and without it it would get more than it asked for", err)
		}
		switch {
		case list != nil && len(list) == 0:
			lose("its " + column + " are an empty list, by which it gets nothing, and here it would get everything")
			return nil
		case field == "events" && slices.ContainsFunc(list, func(text string) bool { return strings.Contains(text, "*") }):
			lose("its " + column + " have a *, which stands for itself there, and for any event type here")
			return nil
		}
		slices.Sort(list)
		o.Put(field, append([]string{}, list...))
	}
	headers := map[string]*string{}
	if err := row.JSON("headers", &headers); err != nil {
		return err
	}
	for name, value := range headers {
		if value == nil {
			return fmt.Errorf("its header %s has no value", bellhop.Clip(name))
		}
	}
	o.Put("headers", headers)
	o.Put("secrets", r.out.Secrets(id, secrets, r.signs))
	r.putText(&o, row, "endpoint", id, "uid", "description")
	r.putRate(&o, row, "endpoint", id)
	r.putMetadata(&o, row, "endpoint", id)
	if version, err := row.Int("version"); err != nil || version == nil || *version != 1 {
		r.out.Lose("endpoint %s: its version %s, which Svix does nothing with", id, row.Name("version"))
	}
	if schedule, err := row.Bool("schedule"); err != nil || schedule {
		r.out.Lose("endpoint %s: its own retry schedule, whose form is not known: set retry", id)
	}
	r.out.Document.Add(manifest.Endpoints, o)
	return nil
}

// texts is a column that has a list of texts; nil if it has nothing.
func texts(row foreign.Row, column string) ([]string, error) {
	var list []*string
	if err := row.JSON(column, &list); err != nil || list == nil {
		return nil, err
	}
	texts := make([]string, len(list))
	for i, text := range list {
		if text == nil {
			return nil, fmt.Errorf("its %s has an entry that is no text", column)
		}
		texts[i] = *text
	}
	return texts, nil
}

// secretsOf opens the secrets of an endpoint, the newest first. Older ones that cannot be read
// are left out.
func (r *reader) secretsOf(row foreign.Row, id string) ([]manifest.Secret, error) {
	kept, err := row.Bytes("key")
	if err != nil {
		return nil, err
	}
	newest, err := r.secrets.open(kept)
	if err != nil {
		return nil, err
	}
	var old []json.RawMessage
	if err := row.JSON("old_keys", &old); err != nil {
		r.out.GoWithout("endpoint", id, "older secrets", err)
	}
	var list []manifest.Secret
	now := time.Now()
	for _, text := range old {
		var k struct {
			SigningKey string    `json:"signingKey"`
			Expiration time.Time `json:"expiration"`
		}
		err := json.Unmarshal(text, &k)
		secret := ""
		if err != nil {
			err = errors.New("one of its older secrets cannot be read")
		} else {
			secret, err = r.secrets.openText(k.SigningKey)
		}
		if err != nil {
			r.out.GoWithout("endpoint", id, "an older secret", err)
			continue
		}
		if k.Expiration.After(now) {
			list = append(list, manifest.Secret{Secret: secret, ExpiresAt: k.Expiration.UTC()})
		}
	}
	return append([]manifest.Secret{{Secret: newest}}, list...), nil
}

// rest says what is not read at all.
func (r *reader) rest(ctx context.Context) error {
	operational := 0
	err := r.db.Each(ctx, `SELECT count(*) AS n FROM endpoint e JOIN application a ON a.id = e.app_id
		WHERE a.org_id = $1 AND a.uid = $2 AND NOT a.deleted AND NOT e.deleted`, []any{management, r.Org}, func(row foreign.Row) error {
		n, err := row.Int("n")
		if n != nil {
			operational = *n
		}
		return err
	})
	if err != nil {
		return err
	}
	if operational > 0 {
		r.out.Lose("%d endpoints of operational webhooks, whose events have another form here: make endpoints of the app %q for bellhop.*", operational, bellhop.AllApps)
	}
	r.out.Lose("messages and attempts: what was accepted by Svix is Svix's to deliver, so let it run until it has")
	return nil
}
