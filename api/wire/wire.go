// Package wire holds the JSON objects of the HTTP API, as far as they differ from
// the engine's own types. Package api sends what package client reads: sharing
// them here keeps each object modelled once.
package wire

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/bellhop/bellhop"
)

// Page is one page of a list.
type Page[T any] struct {
	Data []T `json:"data" nullable:"false" doc:"The objects of this page."`
	// NextCursor is empty on the last page.
	NextCursor string `json:"next_cursor,omitempty" doc:"Pass it as ?cursor= to get the next page; absent on the last one."`
	// Total is nil where counting would cost.
	Total *int `json:"total,omitempty" doc:"How many objects the list has in all; absent on other pages than the first, and where that is not known." example:"120"`
	// SearchedUntil is nil where nothing was searched, or all was.
	SearchedUntil *time.Time `json:"searched_until,omitempty" doc:"Of a search that goes on at next_cursor: everything newer has been looked at. A page of a search may be short, or empty."`
}

// List is a list that always comes whole.
type List[T any] struct {
	Data []T `json:"data" nullable:"false" doc:"All of the objects."`
}

// Publication is an event to publish.
type Publication struct {
	App       string           `json:"app" doc:"The app that the event belongs to." example:"acme"`
	Type      string           `json:"type" doc:"The event type, a dotted name." example:"invoice.purchase"`
	Subject   string           `json:"subject,omitempty" minLength:"1" doc:"What in the app it happened to; endpoints can listen to patterns of subjects, and order by them." example:"invoice:118"`
	ID        string           `json:"id,omitempty" minLength:"1" doc:"Your own id of the event, at most 256 bytes. Publishing the same id in the same app again answers the first receipt with duplicate set, and makes no new event; with other content it is refused (409)." example:"order-118-paid"`
	Channels  []string         `json:"channels,omitempty" nullable:"false" maxItems:"10" doc:"Narrow which endpoints get it: those that name one of these channels, and those that name none. 1 to 128 letters, digits, - _ . : each." example:"[\"project:7\"]"`
	Tags      []string         `json:"tags,omitempty" nullable:"false" maxItems:"10" doc:"Labels to find it by; endpoints do not look at them. As channels." example:"[\"import\"]"`
	DeliverAt *time.Time       `json:"deliver_at,omitempty" doc:"Deliveries begin at this time instead of at once; at most a year ahead." example:"2027-06-11T02:00:00Z"`
	Retain    bellhop.Duration `json:"retain,omitempty" doc:"For how long the data is kept, such as 72h, if that is less than history is: 1h at least. Then it is erased within a minute, as by DELETE /v1/events/{id}, and what was not delivered by then is canceled."`
	Data      bellhop.JSON     `json:"data" doc:"The payload: any JSON, kept and sent byte for byte." example:"{\"total\":\"123.90\",\"currency\":\"CAD\"}"`
}

// AppendJSON appends the publication with its data byte for byte, which
// encoding/json would compact and escape.
func (p Publication) AppendJSON(b []byte) ([]byte, error) {
	data := p.Data
	if len(data) == 0 {
		data = bellhop.JSON("null")
	}
	envelope := struct {
		App       string           `json:"app"`
		Type      string           `json:"type"`
		Subject   string           `json:"subject,omitempty"`
		ID        string           `json:"id,omitempty"`
		Channels  []string         `json:"channels,omitempty"`
		Tags      []string         `json:"tags,omitempty"`
		DeliverAt *time.Time       `json:"deliver_at,omitempty"`
		Retain    bellhop.Duration `json:"retain,omitempty"`
	}{p.App, p.Type, p.Subject, p.ID, p.Channels, p.Tags, p.DeliverAt, p.Retain}
	return appendWithData(b, envelope, data)
}

// Batch is several events to publish, all or nothing.
type Batch struct {
	Events []Publication `json:"events" nullable:"false" minItems:"1" maxItems:"1000" doc:"1 to 1000 events."`
}

// Receipt answers a publish.
type Receipt struct {
	ID         bellhop.EventID `json:"id" doc:"The event's id: what receivers get as idempotency key." example:"evt_01HZX3K2Q9F7A"`
	CreatedAt  time.Time       `json:"created_at" doc:"When the event was accepted."`
	Deliveries int             `json:"deliveries" doc:"How many endpoints it is bound for." example:"2"`
	Duplicate  bool            `json:"duplicate" doc:"True if this id was published before: this is the answer of that first time."`
}

// Event is an event as the API shows it.
type Event struct {
	bellhop.Event
	UUID      string    `json:"uuid" doc:"A UUID made of the id: the idempotency key that the dialects showpass (webhook_event_uuid), github and shopify send, the same on each attempt." example:"2ce56e14-7f13-56e6-94b4-a5655b2079e7"`
	CreatedAt time.Time `json:"created_at"`
	Outcome   Outcome   `json:"outcome" doc:"How the event stands at the endpoints that it was bound for."`
}

// Outcome is how an event stands: at how many endpoints it is in which state.
type Outcome struct {
	State         bellhop.EventState `json:"state" enum:"failed,held,waiting,canceled,delivered,none" doc:"The worst of the states in which it is at endpoints, in this order; none if no endpoint gets it." example:"delivered"`
	Delivered     int                `json:"delivered" doc:"At how many endpoints it has arrived." example:"2"`
	Waiting       int                `json:"waiting" doc:"At how many it waits for its first or next attempt."`
	Held          int                `json:"held" doc:"At how many it is held."`
	Failed        int                `json:"failed" doc:"At how many it was given up."`
	Canceled      int                `json:"canceled" doc:"At how many it was canceled."`
	CopiesWaiting int                `json:"copies_waiting,omitempty" doc:"Further deliveries that have not ended, of an endpoint at which another one tells how the event stands."`
	More          bool               `json:"more,omitempty" doc:"True if it has so many deliveries that not all were looked at: the numbers are lower bounds."`
}

// EventOf dresses an event for the wire.
func EventOf(e bellhop.Event, o bellhop.EventOutcome) Event {
	return Event{Event: e, UUID: bellhop.UUIDOf(e.ID), CreatedAt: e.CreatedAt(), Outcome: Outcome(o)}
}

// EncodeJSON gives the event with its data byte for byte.
func (e Event) EncodeJSON() ([]byte, error) {
	data := e.Data
	e.Data = nil
	if len(data) == 0 {
		return json.Marshal(e)
	}
	return appendWithData(nil, e, data)
}

// appendWithData appends object, whose JSON has at least one member, with a last
// member "data" that is taken over as it stands.
func appendWithData(b []byte, object any, data []byte) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil {
		return nil, err
	}
	b = append(b, bytes.TrimSuffix(buf.Bytes(), []byte("}\n"))...)
	b = append(b, `,"data":`...)
	b = append(b, data...)
	return append(b, '}'), nil
}

// Delivery is a delivery as the API shows it.
type Delivery struct {
	bellhop.Delivery
	CreatedAt time.Time `json:"created_at"`
	AllHeld   bool      `json:"all_held,omitempty" doc:"True of a delivery that is unfinished while all sending is held (GET /v1/hold): it is not tried before that is released."`
}

// DeliveryOf dresses a delivery for the wire; held says that all sending is held.
func DeliveryOf(d bellhop.Delivery, held bool) Delivery {
	unfinished := d.Status == bellhop.DeliveryPending || d.Status == bellhop.DeliveryHeld
	return Delivery{Delivery: d, CreatedAt: d.ID.Time(), AllHeld: held && unfinished}
}

// Attempt is an attempt as the API shows it.
type Attempt struct {
	bellhop.Attempt
	StartedAt time.Time `json:"started_at"`
	// Duration takes the place of the engine's: DurationMS says the same.
	Duration   struct{} `json:"duration,omitzero" hidden:"true"`
	DurationMS int64    `json:"duration_ms"`
	// RequestBody is the request's body, or the kept part of it, if that is UTF-8,
	// RequestBodyBase64 if it is not.
	RequestBody          string `json:"request_body,omitempty"`
	RequestBodyBase64    []byte `json:"request_body_base64,omitempty"`
	RequestBodyProof     string `json:"request_body_proof,omitempty" enum:"kept,same,differs,unknown" doc:"How the request's body is known. kept: it was kept, as recipes, transformations and mails have it, or its beginning (request_truncated). same: it is made again from the event, and is what was sent byte for byte, as its hash proves. differs: the dialect, or its options, were changed since, and this is not what was sent. unknown: nothing proves it, or the event was erased. Absent where no request was made, or one without a body." example:"same"`
	RequestBodySHA256    string `json:"request_body_sha256,omitempty" doc:"The SHA-256 of the body that was sent, in hex; absent where it is not known, or was erased." example:"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"`
	RequestBodyConcealed bool   `json:"request_body_concealed,omitempty" doc:"True if there is a body that you may not see: a recipe or a transformation of the endpoint made it, which you may not change."`
	// ResponseBody is the kept part of the response's body if that is UTF-8,
	// ResponseBodyBase64 if it is not.
	ResponseBody       string `json:"response_body,omitempty"`
	ResponseBodyBase64 []byte `json:"response_body_base64,omitempty"`
}

// AppInput is an app to create.
type AppInput struct {
	ID             string                       `json:"id,omitempty" minLength:"1" doc:"Chosen by you, such as your own tenant's name: 1 to 64 letters, digits, dots, hyphens and underscores. Left out, one is made." example:"acme"`
	Name           string                       `json:"name,omitempty" doc:"For people." example:"Acme Events"`
	Metadata       map[string]string            `json:"metadata,omitempty" doc:"Your own notes: strings by name."`
	Dialects       []string                     `json:"dialects,omitempty" doc:"The dialects that its people may choose for endpoints, their default first; none means all. Admins may choose any." example:"[\"shopify\",\"standard\"]"`
	DialectOptions map[string]map[string]string `json:"dialect_options,omitempty" doc:"Values of dialects' options for the app's events, by dialect and option, before the dialects' defaults; see GET /v1/dialects." example:"{\"shopify\":{\"shop_domain\":\"acme.myshopify.com\"}}"`
	MaxEndpoints   int                          `json:"max_endpoints,omitempty" minimum:"0" maximum:"100000" doc:"How many endpoints may listen to it; 0 for the server's default. Takes a key that is not limited to apps." example:"200"`
	UID            string                       `json:"uid,omitempty" maxLength:"256" doc:"Another id by which you know it, and which may change: letters, digits, hyphens, underscores and dots. No other app may have it (409)." example:"tenant.42"`
	RateLimit      *bellhop.RateLimit           `json:"rate_limit,omitempty" doc:"How fast each of its endpoints is sent to at most, beside a limit of the endpoint's own; null for no limit."`
	Imported       string                       `json:"imported,omitempty" maxLength:"256" doc:"For 'bellhop import' to set: where it was taken over from, and a fingerprint of what it was there."`
}

// AppPut is what a PUT makes an app.
type AppPut struct {
	Name           string                       `json:"name,omitempty" doc:"For people." example:"Acme Events"`
	Metadata       map[string]string            `json:"metadata,omitempty" doc:"Your own notes: strings by name."`
	Dialects       []string                     `json:"dialects,omitempty" doc:"The dialects that its people may choose for endpoints, their default first; none means all. Admins may choose any." example:"[\"shopify\",\"standard\"]"`
	DialectOptions map[string]map[string]string `json:"dialect_options,omitempty" doc:"Values of dialects' options for the app's events, by dialect and option, before the dialects' defaults; see GET /v1/dialects." example:"{\"shopify\":{\"shop_domain\":\"acme.myshopify.com\"}}"`
	// MaxEndpoints differs from 0 where it is not given: a key that is limited to apps
	// may not set it, and then leaves it as it is.
	MaxEndpoints *int `json:"max_endpoints,omitempty" minimum:"0" maximum:"100000" doc:"How many endpoints may listen to it; 0 for the server's default. To change it takes a key that is not limited to apps; left out by one that is, it stays." example:"200"`
	// UID differs from "" where it is not given, as MaxEndpoints.
	UID       *string            `json:"uid,omitempty" maxLength:"256" doc:"Another id by which you know it, and which may change; \"\" for none. No other app may have it (409). To change it takes a key that is not limited to apps; left out by one that is, it stays." example:"tenant.42"`
	RateLimit *bellhop.RateLimit `json:"rate_limit,omitempty" doc:"How fast each of its endpoints is sent to at most, beside a limit of the endpoint's own; null for no limit."`
}

// AppPatch changes what is set of an app.
type AppPatch struct {
	Name           bellhop.Field[string]                       `json:"name,omitzero" doc:"For people."`
	Metadata       bellhop.Field[map[string]string]            `json:"metadata,omitzero" doc:"Your own notes; replaced as a whole."`
	Dialects       bellhop.Field[[]string]                     `json:"dialects,omitzero" doc:"The dialects that its people may choose for endpoints, their default first; none means all. Admins may choose any." example:"[\"shopify\",\"standard\"]"`
	DialectOptions bellhop.Field[map[string]map[string]string] `json:"dialect_options,omitzero" doc:"Values of dialects' options for the app's events, by dialect and option, before the dialects' defaults; replaced as a whole; see GET /v1/dialects." example:"{\"shopify\":{\"shop_domain\":\"acme.myshopify.com\"}}"`
	MaxEndpoints   bellhop.Field[int]                          `json:"max_endpoints,omitzero" minimum:"0" maximum:"100000" doc:"How many endpoints may listen to it; 0 for the server's default. Takes a key that is not limited to apps."`
	UID            bellhop.Field[string]                       `json:"uid,omitzero" maxLength:"256" doc:"Another id by which you know it; null for none. No other app may have it (409). Takes a key that is not limited to apps." example:"tenant.42"`
	RateLimit      bellhop.Field[*bellhop.RateLimit]           `json:"rate_limit,omitzero" doc:"How fast each of its endpoints is sent to at most, beside a limit of the endpoint's own; null for no limit."`
	Imported       bellhop.Field[string]                       `json:"imported,omitzero" maxLength:"256" doc:"For 'bellhop import' to set: where it was taken over from, and a fingerprint of what it was there; null for none."`
}

// MarshalJSON gives the fields that are set.
func (p AppPatch) MarshalJSON() ([]byte, error) { return marshalSet(p) }

// EventTypePut is what a PUT makes an event type.
type EventTypePut struct {
	Description string       `json:"description,omitempty" doc:"What happened when this is sent, in a sentence." example:"An invoice was paid."`
	Schema      bellhop.JSON `json:"schema,omitempty" doc:"JSON Schema of the events' data, of draft 2020-12 or 7. References to other documents are not followed." example:"{\"type\":\"object\",\"required\":[\"total\"]}"`
	Example     bellhop.JSON `json:"example,omitempty" doc:"Data as a receiver might see it." example:"{\"total\":\"123.90\"}"`
	Validate    bool         `json:"validate,omitempty" doc:"Refuse to publish data that breaks the schema, that has a number of more than 100 digits or with an exponent beyond 999, or that takes too long to check."`
	Archived    bool         `json:"archived,omitempty" doc:"Keep the type readable; where the catalogue is enforced, take no new events of it."`
	Deprecated  bool         `json:"deprecated,omitempty" doc:"Mark it where people choose types. Its events go on as before."`
	Group       string       `json:"group,omitempty" maxLength:"256" doc:"A heading under which catalogues show it." example:"Invoices"`

	SchemaVersion  string                  `json:"schema_version,omitempty" maxLength:"32" doc:"Which version schema is, if there were others." example:"v2"`
	EarlierSchemas map[string]bellhop.JSON `json:"earlier_schemas,omitempty" doc:"Schemas of other versions, by version, at most 50, for readers: data is not checked against them." example:"{\"1\":{\"type\":\"object\"}}"`
	FeatureFlags   []string                `json:"feature_flags,omitempty" nullable:"false" maxItems:"50" doc:"Holders of portal links see the type, in lists and among what they may choose, only if their link has one of these flags. It hides; it is no right: an endpoint gets what its events ask for." example:"[\"beta\"]"`
	Imported       string                  `json:"imported,omitempty" maxLength:"256" doc:"For 'bellhop import' to set: where it was taken over from, and a fingerprint of what it was there. Left out, it stays."`
}

// EndpointInput is an endpoint to create, or what to change of one.
type EndpointInput struct {
	Apps           bellhop.Field[[]bellhop.AppTerms]     `json:"apps,omitzero" doc:"The apps it listens to, all of which the key must reach: names or, where events, subjects or filter differ by app, objects. What an object leaves out is the endpoint's own. Replaced as a whole. \"*\" alone is for what Bellhop itself tells of all apps (bellhop.*), and takes an admin key that is not limited to apps. May be left out of a new endpoint whose subjects are all URNs, which name the apps." example:"[\"acme\",{\"app\":\"globex\",\"subjects\":[\"ticket:*\"]}]"`
	URL            bellhop.Field[string]                 `json:"url,omitzero" doc:"Where requests go: https, a public address, no credentials and no fragment." example:"https://example.com/hooks"`
	Name           bellhop.Field[string]                 `json:"name,omitzero" doc:"For people." example:"Bookkeeping"`
	Description    bellhop.Field[string]                 `json:"description,omitzero" doc:"For people: what it is for, and who looks after it." example:"Feeds the ledger; ask the finance team."`
	UID            bellhop.Field[string]                 `json:"uid,omitzero" doc:"Your own id of it, 1 to 256 letters, digits, - _ . : unique among the endpoints of each of its apps (409 uid_conflict), and free again once it is deleted; null for none."`
	FormerID       bellhop.Field[string]                 `json:"former_id,omitzero" doc:"The id that it had where it comes from, as unique as a uid: set when it is created, by an admin, and never changed."`
	Imported       bellhop.Field[string]                 `json:"imported,omitzero" maxLength:"256" doc:"For 'bellhop import' to set, with an admin's key: where it was taken over from, and a fingerprint of what it was there; null for none."`
	Channels       bellhop.Field[[]string]               `json:"channels,omitzero" doc:"Narrows it to events that name one of these channels; none means all events. At most 100. What Bellhop itself tells (bellhop.*) is in no channel, and not narrowed." example:"[\"project:7\"]"`
	Events         bellhop.Field[[]string]               `json:"events,omitzero" doc:"The event types it wants: exact names, or a prefix and a trailing *; [] means all. A new endpoint that gives none has those that its recipe fits, or all." example:"[\"invoice.*\"]"`
	Subjects       bellhop.Field[[]string]               `json:"subjects,omitzero" doc:"Narrows it to subjects of these patterns; none means all. A pattern may be a URN, which holds for one app: urn:allthings:app:APP:PATTERN." example:"[\"ticket:damage-report:*\"]"`
	Filter         bellhop.Field[bellhop.JSON]           `json:"filter,omitzero" doc:"A JSON pattern over the event's data, such as {\"total\":[{\"decimal\":[\">\",100]}]}, which also reads decimals in text, such as \"118.00\"."`
	Dialect        bellhop.Field[string]                 `json:"dialect,omitzero" doc:"How events look on the wire; see GET /v1/dialects. Default: the first that its apps offer, or the server's, which is standard unless the operator says otherwise. Unless you are an admin, it must be one that each of its apps offers." example:"standard"`
	DialectOptions bellhop.Field[map[string]string]      `json:"dialect_options,omitzero" doc:"Values of the dialect's options, before those of an app; replaced as a whole. See GET /v1/dialects. With stripe, for example: {\"api_version\": \"2025-08-27.basil\"}."`
	Headers        bellhop.Field[map[string]string]      `json:"headers,omitzero" doc:"Headers to send with each request. Their values are shown to editors only."`
	Recipe         bellhop.Field[string]                 `json:"recipe,omitzero" doc:"The recipe that makes the requests, instead of the dialect; see GET /v1/recipes." example:"n8n"`
	RecipeFields   bellhop.Field[map[string]string]      `json:"recipe_fields,omitzero" doc:"Values of the recipe's fields; replaced as a whole."`
	Transform      bellhop.Field[*bellhop.Transform]     `json:"transform,omitzero" doc:"JavaScript that makes the requests: it defines transform(event), or with function \"handler\" handler(webhook) as Svix has it; null for none. With disabled, it is kept and not run. With on_error \"hold\", the default, an event that it fails on is held until the endpoint is changed; with \"fail\" its delivery fails at once."`
	Auth           bellhop.Field[*AuthInput]             `json:"auth,omitzero" doc:"How requests authenticate, besides their signature; null for not at all. Secrets are never shown again: one that is left out stays as it is."`
	TLS            bellhop.Field[*ClientTLSInput]        `json:"tls,omitzero" doc:"What connections need beyond the usual: a client certificate with its key, certificates of authorities to trust. In PEM; null for nothing."`
	Capture        bellhop.Field[map[string]string]      `json:"capture,omitzero" doc:"Values to take out of 2xx answers that are JSON: a JSON pointer (RFC 6901) by name; replaced as a whole. Each capture is published as bellhop.delivery.captured to the endpoints of the app that ask for it." example:"{\"pin\":\"/access/pin\"}"`
	Status         bellhop.Field[bellhop.EndpointStatus] `json:"status,omitzero" enum:"active,paused,disabled" doc:"Paused endpoints have their deliveries held; disabled ones get no new ones. Default: active."`
	Locked         bellhop.Field[bool]                   `json:"locked,omitzero" doc:"An operator's hold: while it is true, only admins change the endpoint, its status and its secret, or delete it. Only admins set it."`
	LockedReason   bellhop.Field[string]                 `json:"locked_reason,omitzero" doc:"Why it is locked, shown to those who may not change it."`
	Timeout        bellhop.Field[bellhop.Duration]       `json:"timeout,omitzero" doc:"Bounds the whole exchange. Default: 15s." example:"15s"`
	Retry          bellhop.Field[bellhop.RetryPolicy]    `json:"retry,omitzero" doc:"When a failed delivery is tried again: a list of delays, or {initial, factor, max, until}, where until is the age of the last attempt. Default: 5s, 30s, 2m, 10m, 30m, 1h, 2h, 4h, 8h, then every 12h until the delivery is seven days old."`
	RateLimit      bellhop.Field[*bellhop.RateLimit]     `json:"rate_limit,omitzero" doc:"Spreads deliveries over time; null for no limit."`
	Concurrency    bellhop.Field[int]                    `json:"concurrency,omitzero" doc:"How many requests may be in flight at once, exactly; 1 to 1000. Default, and 0 or null: it adapts, from 32 up to what the receiver bears and the operator allows." example:"8"`
	Ordering       bellhop.Field[bellhop.Ordering]       `json:"ordering,omitzero" enum:"none,subject,endpoint" doc:"none; subject: events of one subject go one after the other; endpoint: strictly one at a time. Default: none."`
	Metadata       bellhop.Field[map[string]string]      `json:"metadata,omitzero" doc:"Your own notes: strings by name."`
	Notify         bellhop.Field[[]string]               `json:"notify,omitzero" doc:"E-mail addresses of those who look after it, at most 5: each gets a mail when the endpoint breaks and when it works again, and can unsubscribe." example:"[\"ann@example.com\"]"`
	Secret         bellhop.Field[string]                 `json:"secret,omitzero" minLength:"1" writeOnly:"true" doc:"The signing secret of a new endpoint, in its dialect's form; without it one is made. Change it later by rotation."`
	Secrets        bellhop.Field[[]SecretInput]          `json:"secrets,omitzero" writeOnly:"true" doc:"Instead of secret, all signing secrets of an endpoint that comes from elsewhere, newest first: at most ten besides the newest, so that no receiver notices the move. For a new endpoint alone."`
	Verify         bellhop.Field[bool]                   `json:"verify,omitzero" doc:"Fail unless the URL answers a test event with 2xx."`
}

// SecretInput is one of the secrets of an endpoint that comes from elsewhere.
type SecretInput struct {
	Secret    string    `json:"secret" minLength:"1" writeOnly:"true" doc:"The signing secret, in the dialect's form."`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"Until when it is valid beside the newer ones, at most 30 days from now; by default a day. The newest has no end."`
}

// EndpointInputOf gives a change as it goes over the wire.
func EndpointInputOf(c bellhop.EndpointChange) EndpointInput {
	in := EndpointInput{
		UID: c.UID, FormerID: c.FormerID, Imported: c.Imported, Channels: c.Channels,
		URL: c.URL, Name: c.Name, Description: c.Description, Events: c.Events, Subjects: c.Subjects, Filter: c.Filter,
		Dialect: c.Dialect, DialectOptions: c.DialectOptions, Headers: c.Headers, Recipe: c.Recipe, RecipeFields: c.RecipeFields,
		Transform: c.Transform, Auth: authInput(c.Auth), TLS: tlsInput(c.TLS), Capture: c.Capture, Status: c.Status, Locked: c.Locked, LockedReason: c.LockedReason,
		Timeout: c.Timeout, Retry: c.Retry, RateLimit: c.RateLimit, Concurrency: c.Concurrency, Ordering: c.Ordering,
		Metadata: c.Metadata, Notify: c.Notify, Secret: c.Secret, Verify: c.Verify,
	}
	if c.Secrets.Set {
		in.Secrets.Set = true
		for _, s := range c.Secrets.Value {
			in.Secrets.Value = append(in.Secrets.Value, SecretInput(s))
		}
	}
	if c.Apps.Set {
		e := bellhop.Endpoint{Apps: c.Apps.Value, Terms: c.Terms.Value}
		in.Apps = bellhop.Of(e.AppsWithTerms())
	}
	return in
}

// Change is what is asked for.
func (e EndpointInput) Change() bellhop.EndpointChange {
	c := bellhop.EndpointChange{
		UID: e.UID, FormerID: e.FormerID, Imported: e.Imported, Channels: e.Channels,
		URL: e.URL, Name: e.Name, Description: e.Description, Events: e.Events, Subjects: e.Subjects, Filter: e.Filter,
		Dialect: e.Dialect, DialectOptions: e.DialectOptions, Headers: e.Headers, Recipe: e.Recipe, RecipeFields: e.RecipeFields,
		Transform: e.Transform, Auth: authChange(e.Auth), TLS: tlsChange(e.TLS), Capture: e.Capture, Status: e.Status, Locked: e.Locked, LockedReason: e.LockedReason,
		Timeout: e.Timeout, Retry: e.Retry, RateLimit: e.RateLimit, Concurrency: e.Concurrency, Ordering: e.Ordering,
		Metadata: e.Metadata, Notify: e.Notify, Secret: e.Secret, Verify: e.Verify,
	}
	if e.Secrets.Set {
		c.Secrets.Set = true
		for _, s := range e.Secrets.Value {
			c.Secrets.Value = append(c.Secrets.Value, bellhop.GivenSecret(s))
		}
	}
	if e.Apps.Set {
		c.Apps.Set, c.Terms.Set = true, true
		for _, t := range e.Apps.Value {
			c.Apps.Value = append(c.Apps.Value, t.App)
			if !t.IsZero() {
				c.Terms.Value = append(c.Terms.Value, t)
			}
		}
	}
	return c
}

// MarshalJSON gives the fields that are set; zero values are null, which stands
// for the default.
func (e EndpointInput) MarshalJSON() ([]byte, error) { return marshalSet(e) }

// Recent says how an endpoint's settings would have done with the newest events.
type Recent struct {
	Events  int `json:"events" doc:"How many of the newest events of its apps were looked at: as many as can be in a moment, at most 500." example:"120"`
	Matched int `json:"matched" doc:"How many of them the endpoint would have got by these settings. With 0 they are worth a second look." example:"7"`
}

// SavedEndpoint is an endpoint as it was saved.
type SavedEndpoint struct {
	bellhop.Endpoint
	// Recent is nil where the events could not be looked at.
	Recent *Recent `json:"recent,omitempty" doc:"How the settings would have done with the newest events."`
}

// EncodeJSON gives the endpoint with its filters byte for byte.
func (e SavedEndpoint) EncodeJSON() ([]byte, error) {
	return withMembers(e.Endpoint, struct {
		Recent *Recent `json:"recent,omitempty"`
	}{e.Recent})
}

// MarshalJSON is EncodeJSON, compacted by encoding/json.
func (e SavedEndpoint) MarshalJSON() ([]byte, error) { return e.EncodeJSON() }

// UnmarshalJSON reads what MarshalJSON gives.
func (e *SavedEndpoint) UnmarshalJSON(b []byte) error {
	var more struct {
		Recent *Recent `json:"recent"`
	}
	if err := json.Unmarshal(b, &more); err != nil {
		return err
	}
	e.Recent = more.Recent
	return json.Unmarshal(b, &e.Endpoint)
}

// ResumedEndpoint is an endpoint that was made active, and what becomes of what it held.
type ResumedEndpoint struct {
	bellhop.Endpoint
	DueNow int64     `json:"due_now" doc:"How many deliveries go out now, oldest first."`
	Later  int64     `json:"later" doc:"How many wait for a later time: for their next retry, or for the time that their event is scheduled for."`
	NextAt time.Time `json:"next_at,omitzero" doc:"When the first of those is due."`
}

type resumedMembers struct {
	DueNow int64     `json:"due_now"`
	Later  int64     `json:"later"`
	NextAt time.Time `json:"next_at,omitzero"`
}

// EncodeJSON gives the endpoint with its filters byte for byte.
func (e ResumedEndpoint) EncodeJSON() ([]byte, error) {
	return withMembers(e.Endpoint, resumedMembers{e.DueNow, e.Later, e.NextAt})
}

// MarshalJSON is EncodeJSON, compacted by encoding/json.
func (e ResumedEndpoint) MarshalJSON() ([]byte, error) { return e.EncodeJSON() }

// UnmarshalJSON reads what MarshalJSON gives.
func (e *ResumedEndpoint) UnmarshalJSON(b []byte) error {
	var more resumedMembers
	if err := json.Unmarshal(b, &more); err != nil {
		return err
	}
	e.DueNow, e.Later, e.NextAt = more.DueNow, more.Later, more.NextAt
	return json.Unmarshal(b, &e.Endpoint)
}

// NewEndpoint is an endpoint just created, with its secret: the only time that
// the secret is shown without being asked for.
type NewEndpoint struct {
	SavedEndpoint
	Secret string `json:"secret"`
}

// EncodeJSON gives the endpoint with its filters byte for byte.
func (e NewEndpoint) EncodeJSON() ([]byte, error) {
	return withMembers(e.Endpoint, struct {
		Secret string  `json:"secret"`
		Recent *Recent `json:"recent,omitempty"`
	}{e.Secret, e.Recent})
}

// MarshalJSON is EncodeJSON, compacted by encoding/json.
func (e NewEndpoint) MarshalJSON() ([]byte, error) { return e.EncodeJSON() }

// UnmarshalJSON reads what MarshalJSON gives.
func (e *NewEndpoint) UnmarshalJSON(b []byte) error {
	var more struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(b, &more); err != nil {
		return err
	}
	e.Secret = more.Secret
	return json.Unmarshal(b, &e.SavedEndpoint)
}

// withMembers adds the members of a struct to an endpoint's.
func withMembers(e bellhop.Endpoint, more any) ([]byte, error) {
	b, err := e.EncodeJSON()
	if err != nil {
		return nil, err
	}
	rest, err := json.Marshal(more)
	if err != nil || len(rest) <= len("{}") {
		return b, err
	}
	return append(append(bytes.TrimSuffix(b, []byte("}")), ','), rest[1:]...), nil
}

// TestInput asks for a test event.
type TestInput struct {
	Type string       `json:"type,omitempty" minLength:"1" doc:"The test event's type. Default: that of its recipe's sample, or webhook.test." example:"invoice.purchase"`
	Data bellhop.JSON `json:"data,omitempty" doc:"The test event's data. Default: the example of the type in the catalogue, or a sample."`
}

// ReplayInput asks for events to be sent again.
type ReplayInput struct {
	Since          time.Time            `json:"since" doc:"Events accepted at this time or later." example:"2027-06-01T00:00:00Z"`
	Until          time.Time            `json:"until,omitzero" doc:"Events accepted before this time. Default: now." example:"2027-06-02T00:00:00Z"`
	App            string               `json:"app,omitempty" doc:"Only events of this app, which is one of the endpoint's. Default: those of all of them." example:"acme"`
	Types          []string             `json:"types,omitempty" nullable:"false" minItems:"1" doc:"Only these event types: exact names, or a prefix and a trailing *." example:"[\"invoice.*\"]"`
	Channel        string               `json:"channel,omitempty" minLength:"1" doc:"Only events in this channel." example:"project:7"`
	Tag            string               `json:"tag,omitempty" minLength:"1" doc:"Only events with this tag." example:"batch-7"`
	Status         bellhop.ReplayStatus `json:"status" enum:"failed,given_up,retrying,held,succeeded,canceled,missing,all" doc:"failed: events whose newest delivery to the endpoint was given up, or failed and waits to be tried again: those that wait are tried now, and not copied; given_up and retrying: the one or the other alone; held: what is held since no request could be made of the event, which is let go; succeeded, canceled: events whose newest delivery ended so; missing: events that never were bound for it, such as those from before it existed; all: every event that it wants, whatever became of it. What waits already is never sent twice."`
	Reason         string               `json:"reason,omitempty" doc:"With failed, given_up or retrying: only what failed for this reason, the last time." example:"timeout"`
	ResponseStatus int                  `json:"response_status,omitempty" minimum:"100" maximum:"999" doc:"With failed, given_up or retrying: only what was answered with this status, the last time." example:"503"`
	DryRun         bool                 `json:"dry_run,omitempty" doc:"Count, but send nothing."`
	Cursor         string               `json:"cursor,omitempty" doc:"next_cursor of the call before: goes on from there. Repeat the other fields unchanged."`
	Limit          int                  `json:"limit,omitempty" minimum:"1" maximum:"10000" default:"10000" doc:"How many matching events this call may cover."`
}

// ReplayResult says what a replay did.
type ReplayResult struct {
	Matched        int    `json:"matched" doc:"Events that this call covered."`
	Enqueued       int    `json:"enqueued" doc:"Deliveries that this call made; 0 in a dry run."`
	AlreadyWaiting int    `json:"already_waiting" doc:"Of the matched events, those that were not added because they wait at the endpoint already; 0 in a dry run."`
	Failed         int    `json:"failed" doc:"With the status failed or given_up: of the matched events, those whose delivery was given up. They are sent again."`
	Waiting        int    `json:"waiting" doc:"With the status failed or retrying: deliveries that failed and wait to be tried again; with held, those that are held. The first call deals with all of them; they are not among the matched events."`
	Moved          int    `json:"moved" doc:"Those of the waiting that are tried now instead of later; 0 in a dry run."`
	NextCursor     string `json:"next_cursor,omitempty" doc:"Set unless done: one call covers a bounded number of events. Send the same request with this as cursor to go on; until then the rest is not replayed."`
	Done           bool   `json:"done" doc:"True if nothing is left to cover."`
}

// TryInput says which of the deliveries that wait at an endpoint are tried now.
type TryInput struct {
	Reason         string `json:"reason,omitempty" doc:"Only those whose latest attempt failed for this reason." example:"timeout"`
	ResponseStatus int    `json:"response_status,omitempty" minimum:"100" maximum:"999" doc:"Only those whose latest attempt was answered with this status." example:"503"`
}

// Tried says how many deliveries are tried now.
type Tried struct {
	Moved int `json:"moved" doc:"Deliveries that waited for a later time and are due now. Those that were due already, or are on their way, are not counted."`
}

// Failures are what failed, by endpoint and cause.
type Failures struct {
	Data    []bellhop.Failure `json:"data" nullable:"false" doc:"The most first."`
	Partial bool              `json:"partial" doc:"True if there may be more of each: a bounded number of deliveries is looked at, the newest first."`
}

// ResendInput asks for an event to be sent again.
type ResendInput struct {
	Endpoint bellhop.EndpointID `json:"endpoint,omitempty" doc:"Only to this endpoint. Default: to every endpoint that got it or would get it now." example:"ep_01HZX3K2Q9F7A"`
}

// EraseInput names what to erase.
type EraseInput struct {
	App     string `json:"app" doc:"The app." example:"acme"`
	Subject string `json:"subject" doc:"The exact subject." example:"guest:42"`
}

// Erased says how much was erased.
type Erased struct {
	Erased int `json:"erased" doc:"How many events lost their data; those erased before are not counted."`
}

// RotateInput asks for a new secret.
type RotateInput struct {
	Grace  *bellhop.Duration `json:"grace,omitempty" doc:"How long the old secret stays valid beside the new one; those rotated away before end when they were to. Default: 24h; 0s ends all of them at once. At most ten older ones are valid beside the newest: beyond that a rotation is refused (409, too_many_secrets)." example:"24h"`
	Secret string            `json:"secret,omitempty" minLength:"1" writeOnly:"true" doc:"The new secret, in the dialect's form. Left out, one is made."`
}

// Secrets are an endpoint's valid secrets.
type Secrets struct {
	Secrets []bellhop.SecretValue `json:"secrets" nullable:"false" doc:"Those that are valid now, newest first."`
}

// Rotated answers a rotation.
type Rotated struct {
	Secrets
	Overlap bool `json:"overlap" doc:"True if requests are signed with the old secret too until it expires. False if the dialect carries one signature: the old secret stopped at this rotation."`
}

// KeyInput asks for a key.
type KeyInput struct {
	Name      string           `json:"name,omitempty" doc:"For people." example:"checkout service"`
	Role      bellhop.Role     `json:"role" enum:"admin,publisher,editor,viewer" doc:"What the key may do."`
	Apps      []string         `json:"apps,omitempty" nullable:"false" minItems:"1" doc:"Limits the key to these apps; left out, it reaches all." example:"[\"acme\"]"`
	ExpiresIn bellhop.Duration `json:"expires_in,omitempty" doc:"How long the key is valid. Default: until it is deleted." example:"90d"`
	// TokenSHA256 is the hash of a token that somebody has already.
	TokenSHA256 string `json:"token_sha256,omitempty" minLength:"64" maxLength:"64" doc:"The SHA-256, in hexadecimal digits, of a token that somebody has already: the key of another installation goes on here, and no token is made. Takes an admin key that is not limited to apps. 409 if a key has this token." example:"\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\""`
}

// Key is a key as the API shows it.
type Key struct {
	bellhop.Key
	// Apps are those that it is limited to; none means all.
	Apps []string `json:"apps,omitzero"`
	// LastUsedAt is when a request was last made with it, to the minute; absent if never.
	LastUsedAt time.Time `json:"last_used_at,omitzero" doc:"When a request was last made with it, to the minute. Absent: not since Bellhop keeps this."`
	// Current marks the key or session that asks.
	// TokenSHA256 is the hash of its token, where that was asked for.
	TokenSHA256 string `json:"token_sha256,omitempty" doc:"The SHA-256 of its token, where hashes were asked for."`
	Current     bool   `json:"current,omitempty" doc:"True for the key or session that this request was made with."`
}

// KeyOf dresses a key for the wire. One that reaches no app at all, since its row is
// damaged, must not look like one that reaches all.
func KeyOf(k bellhop.Key) Key {
	if k.Scope.All {
		return Key{Key: k}
	}
	return Key{Key: k, Apps: append([]string{}, k.Scope.Apps...)}
}

// NewKey is a key just created, with its token: the only time that it is shown.
type NewKey struct {
	Key
	Token string `json:"token,omitempty"`
}

// PortalInput asks for a portal link.
type PortalInput struct {
	App       string           `json:"app" doc:"The one app that it opens." example:"acme"`
	Role      bellhop.Role     `json:"role" enum:"editor,viewer" doc:"What its holder may do."`
	ExpiresIn bellhop.Duration `json:"expires_in,omitempty" doc:"How long it is valid. Default: 1h." example:"1h"`
	Theme     string           `json:"theme,omitempty" enum:"auto,light,dark" doc:"How its page looks. Default: auto, as the viewer's device prefers." example:"dark"`
	Lang      string           `json:"lang,omitempty" doc:"The language of its page, as a tag: en, de, fr or it, with a region if dates and numbers are to be that region's. What the page does not speak is left to the viewer's browser, as without it." example:"de-CH"`

	FeatureFlags []string `json:"feature_flags,omitempty" nullable:"false" maxItems:"50" doc:"Of event types that have feature flags, its holder sees those with one of these." example:"[\"beta\"]"`
}

// PortalLink is a short-lived session for one app.
type PortalLink struct {
	ID        bellhop.KeyID `json:"id" doc:"Its id as a key: DELETE /v1/keys/{id} ends it early."`
	URL       string        `json:"url" doc:"Open it in a browser, or in a frame of a page whose origin the operator allowed. Whoever has it can use it." example:"https://hooks.example.com/portal#token=bh_…"`
	Token     string        `json:"token" doc:"The bearer token; shown this once."`
	App       string        `json:"app"`
	Role      bellhop.Role  `json:"role"`
	ExpiresAt time.Time     `json:"expires_at"`
}

// AuditEntry is one line of the audit log as the API shows it.
type AuditEntry struct {
	bellhop.AuditEntry
	At time.Time `json:"at"`
}

// Lost is the data of a stream's "lost" event.
type Lost struct {
	Count int64 `json:"count"`
}

// Problem is an error answer (RFC 9457, application/problem+json).
type Problem struct {
	Type      string               `json:"type" doc:"A URN made from code." example:"urn:bellhop:problem:invalid"`
	Title     string               `json:"title" doc:"The kind of problem, for people." example:"The request is not valid"`
	Status    int                  `json:"status" doc:"The HTTP status." example:"422"`
	Code      bellhop.Code         `json:"code" doc:"The kind of problem, for programs: stable." example:"invalid"`
	Detail    string               `json:"detail,omitempty" doc:"What is wrong and what to do."`
	Errors    []bellhop.FieldError `json:"errors,omitempty" nullable:"false" doc:"Each field at fault."`
	RequestID string               `json:"request_id,omitempty" doc:"Names the lines in the server's log that say more; only for failures of the server."`
}
