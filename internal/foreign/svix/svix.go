// Package svix reads what a self-hosted Svix has in its database: applications, endpoints
// with their secrets, and event types. The tables are those of its migrations
// (server/svix-server/migrations).
package svix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
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
}

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

// Read reads everything at one moment. It fails where the tables are others than are known,
// or where a secret cannot be opened: then nothing is to be taken over.
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
	for _, step := range []func(context.Context) error{r.organization, r.eventTypes, r.apps, r.endpoints, r.rest} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r.out, nil
}

type reader struct {
	Options
	db       *foreign.Database
	progress foreign.Progress
	out      *foreign.Import
	secrets  opener
}

// organization finds the one to read.
func (r *reader) organization(ctx context.Context) error {
	var all, names []string
	var org string
	var apps int
	err := r.db.Each(ctx, `SELECT org_id, sum(n)::int FROM (
			SELECT org_id, count(*) AS n FROM application WHERE NOT deleted GROUP BY org_id
			UNION ALL SELECT org_id, 0 FROM eventtype GROUP BY org_id) o
		WHERE org_id <> $1 GROUP BY org_id ORDER BY 2 DESC, 1`, []any{management}, []any{&org, &apps}, func() error {
		all, names = append(all, org), append(names, fmt.Sprintf("%s (%d applications)", org, apps))
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
	return nil
}

func (r *reader) eventTypes(ctx context.Context) error {
	var name, description string
	var schemas []byte
	var deleted, deprecated, schedule bool
	var flag *string
	n := 0
	return r.db.Each(ctx, `SELECT name, description, schemas::text::bytea, deleted, feature_flag, `+
		r.db.Column("eventtype", "e", "deprecated", "false")+`, `+r.db.Column("eventtype", "e", "retry_schedule", "NULL")+` IS NOT NULL
		FROM eventtype e WHERE org_id = $1 ORDER BY name`, []any{r.Org},
		[]any{&name, &description, &schemas, &deleted, &flag, &deprecated, &schedule}, func() error {
			o := manifest.Object{Partial: true, Source: "Svix event type " + name}
			o.Put("name", name)
			o.Put("description", description)
			o.Put("archived", deleted)
			o.Put("deprecated", deprecated)
			if flag != nil && *flag != "" {
				o.Put("feature_flags", []string{*flag})
			} else {
				o.Put("feature_flags", []string{})
			}
			if err := schemasOf(&o, schemas); err != nil {
				return fmt.Errorf("event type %s: its schemas cannot be read: %w", name, err)
			}
			if schedule {
				r.out.Lose("event type %s: its retry schedule, since Bellhop has one for each endpoint, and the installation's (--default-retry)", name)
			}
			r.out.Document.Add(manifest.EventTypes, o)
			n++
			r.progress("event types", n)
			return nil
		})
}

// schemasOf takes the schema of the highest version, and those of the others as earlier ones.
func schemasOf(o *manifest.Object, text []byte) error {
	var schemas map[string]bellhop.JSON
	if len(text) > 0 {
		if err := json.Unmarshal(text, &schemas); err != nil {
			return err
		}
	}
	latest := ""
	for version := range schemas {
		if latest == "" || match.CompareVersions(version, latest) > 0 {
			latest = version
		}
	}
	if latest == "" {
		return nil
	}
	o.Put("schema", schemas[latest])
	o.Put("schema_version", latest)
	delete(schemas, latest)
	o.Set("earlier_schemas", schemas)
	return nil
}

func (r *reader) apps(ctx context.Context) error {
	var id, name string
	var uid *string
	var rate *int
	var metadata []byte
	var endpoints int
	var deleted bool
	if err := r.db.Each(ctx, `SELECT id, deleted FROM application WHERE org_id = $1`, []any{r.Org}, []any{&id, &deleted}, func() error {
		r.out.Origin.Apps[id] = true
		if deleted {
			r.out.Origin.Deleted[id] = true
		}
		return nil
	}); err != nil {
		return err
	}
	n := 0
	return r.db.Each(ctx, `SELECT a.id, a.uid, a.name, a.rate_limit, m.data::text::bytea,
			(SELECT count(*)::int FROM endpoint e WHERE e.app_id = a.id AND NOT e.deleted)
		FROM application a LEFT JOIN applicationmetadata m ON m.id = a.id
		WHERE a.org_id = $1 AND NOT a.deleted ORDER BY a.id`, []any{r.Org},
		[]any{&id, &uid, &name, &rate, &metadata, &endpoints}, func() error {
			o := manifest.Object{Partial: true, Source: "Svix application " + id}
			o.Put("id", id)
			putUID(&o, uid)
			o.Put("name", name)
			putRate(&o, rate)
			if err := putMetadata(&o, metadata); err != nil {
				return fmt.Errorf("application %s: its metadata cannot be read: %w", id, err)
			}
			if endpoints > usualEndpoints {
				o.Put("max_endpoints", endpoints)
			}
			r.out.Document.Add(manifest.Apps, o)
			n++
			r.progress("applications", n)
			return nil
		})
}

// usualEndpoints is how many endpoints an app may have where nobody says otherwise.
const usualEndpoints = 1000

func putUID(o *manifest.Object, uid *string) {
	if uid != nil {
		o.Put("uid", *uid)
	} else {
		o.Put("uid", "")
	}
}

// putRate sets a limit: so many a second, all at once if need be.
func putRate(o *manifest.Object, rate *int) {
	if rate == nil || *rate < 1 {
		o.Put("rate_limit", nil)
		return
	}
	o.Put("rate_limit", bellhop.RateLimit{PerSecond: float64(*rate), Burst: *rate})
}

func putMetadata(o *manifest.Object, text []byte) error {
	metadata := map[string]string{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &metadata); err != nil {
			return err
		}
	}
	o.Put("metadata", metadata)
	return nil
}

// endpointRow is an endpoint as the table has it.
type endpointRow struct {
	id, app, url, description string
	uid                       *string
	key                       []byte
	oldKeys, types, channels  []byte
	headers, metadata, filter []byte
	rate                      *int
	version                   int
	disabled, schedule        bool
}

func (r *reader) endpoints(ctx context.Context) error {
	var e endpointRow
	n := 0
	return r.db.Each(ctx, `SELECT e.id, e.app_id, e.uid, e.url, e.description, e.key, e.old_keys::text::bytea,
			e.event_types_ids::text::bytea, e.channels::text::bytea, e.headers::text::bytea, m.data::text::bytea,
			e.rate_limit, e.version, e.disabled, convert_to(`+r.db.Column("endpoint", "e", "filter", "NULL::text")+`, 'UTF8'), `+
		r.db.Column("endpoint", "e", "retry_schedule", "NULL")+` IS NOT NULL
		FROM endpoint e JOIN application a ON a.id = e.app_id LEFT JOIN endpointmetadata m ON m.id = e.id
		WHERE a.org_id = $1 AND NOT a.deleted AND NOT e.deleted ORDER BY e.id`, []any{r.Org},
		[]any{
			&e.id, &e.app, &e.uid, &e.url, &e.description, &e.key, &e.oldKeys, &e.types, &e.channels, &e.headers, &e.metadata,
			&e.rate, &e.version, &e.disabled, &e.filter, &e.schedule,
		}, func() error {
			n++
			r.progress("endpoints", n)
			if err := r.endpoint(&e); err != nil {
				return fmt.Errorf("endpoint %s: %w", e.id, err)
			}
			return nil
		})
}

func (r *reader) endpoint(e *endpointRow) error {
	// Its secrets are opened in any case: with a wrong main secret, nothing is taken over.
	secrets, err := r.secretsOf(e)
	if err != nil {
		return err
	}
	if len(e.filter) > 0 {
		const why = "its filter is an expression that Bellhop does not have, and without it it would get more than it asked for: make an endpoint of its own for it, with a filter of Bellhop's"
		r.out.Lose("endpoint %s (%s): the whole endpoint, since %s", e.id, e.url, why)
		r.out.Unfit(e.id, why)
		return nil
	}
	o := manifest.Object{Partial: true, Source: "Svix endpoint " + e.id}
	o.Put("former_id", e.id)
	putUID(&o, e.uid)
	o.Put("apps", []string{e.app})
	o.Put("url", e.url)
	o.Put("description", e.description)
	o.Put("dialect", r.Dialect)
	status := bellhop.EndpointActive
	if e.disabled {
		status = bellhop.EndpointDisabled
	}
	o.Put("status", status)
	putRate(&o, e.rate)
	if err := putMetadata(&o, e.metadata); err != nil {
		return fmt.Errorf("its metadata cannot be read: %w", err)
	}
	for field, text := range map[string][]byte{"events": e.types, "channels": e.channels} {
		list := []string{}
		if len(text) > 0 {
			if err := json.Unmarshal(text, &list); err != nil {
				return fmt.Errorf("its %s cannot be read: %w", field, err)
			}
		}
		slices.Sort(list)
		o.Put(field, append([]string{}, list...))
	}
	headers := map[string]string{}
	if len(e.headers) > 0 {
		if err := json.Unmarshal(e.headers, &headers); err != nil {
			return fmt.Errorf("its headers cannot be read: %w", err)
		}
	}
	o.Put("headers", headers)
	o.Put("secrets", secrets)
	r.out.Shorten(e.id, secrets)
	if e.version != 1 {
		r.out.Lose("endpoint %s: its version %d, which Svix does nothing with", e.id, e.version)
	}
	if e.schedule {
		r.out.Lose("endpoint %s: its own retry schedule, whose form is not known: set retry", e.id)
	}
	r.out.Document.Add(manifest.Endpoints, o)
	return nil
}

// secretsOf opens the secrets of an endpoint, the newest first.
func (r *reader) secretsOf(e *endpointRow) ([]manifest.Secret, error) {
	newest, err := r.secrets.open(e.key)
	if err != nil {
		return nil, err
	}
	var old []struct {
		SigningKey string    `json:"signingKey"`
		Expiration time.Time `json:"expiration"`
	}
	if len(e.oldKeys) > 0 {
		if err := json.Unmarshal(e.oldKeys, &old); err != nil {
			return nil, fmt.Errorf("its older secrets cannot be read: %w", err)
		}
	}
	var list []manifest.Secret
	now := time.Now()
	for _, k := range old {
		secret, err := r.secrets.openText(k.SigningKey)
		if err != nil {
			return nil, err
		}
		if k.Expiration.After(now) && secret != newest {
			list = append(list, manifest.Secret{Secret: secret, ExpiresAt: k.Expiration.UTC()})
		}
	}
	slices.SortStableFunc(list, func(x, y manifest.Secret) int { return y.ExpiresAt.Compare(x.ExpiresAt) })
	list = slices.CompactFunc(list, func(x, y manifest.Secret) bool { return x.Secret == y.Secret })
	return append([]manifest.Secret{{Secret: newest}}, list...), nil
}

// rest says what is not read at all.
func (r *reader) rest(ctx context.Context) error {
	var operational int
	err := r.db.Each(ctx, `SELECT count(*)::int FROM endpoint e JOIN application a ON a.id = e.app_id
		WHERE a.org_id = $1 AND a.uid = $2 AND NOT a.deleted AND NOT e.deleted`, []any{management, r.Org}, []any{&operational}, func() error { return nil })
	if err != nil {
		return err
	}
	if operational > 0 {
		r.out.Lose("%d endpoints of operational webhooks, whose events have another form here: make endpoints of the app %q for bellhop.*", operational, bellhop.AllApps)
	}
	r.out.Lose("messages and attempts: what was accepted by Svix is Svix's to deliver, so let it run until it has")
	return nil
}
