package bellhop

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/bellhop/bellhop/internal/match"
)

// Endpoint is a URL plus what it wants to hear, how to sign, when to retry.
type Endpoint struct {
	ID EndpointID `json:"id"`
	// UID is another id, which the platform gives it and may change: unique among those of
	// the endpoints of each of its apps, UID and FormerID alike, and of no EndpointID's form.
	UID string `json:"uid,omitempty"`
	// FormerID is the id that it had where it was imported from: it never changes, is as
	// unique, and only admins give it.
	FormerID string `json:"former_id,omitempty"`
	// Imported is what an import noted of it: see [App].
	Imported string `json:"imported,omitempty"`
	// Apps are the apps it listens to: at least one, or AllApps alone.
	Apps []string `json:"apps"`
	// Terms are what it wants to hear of those of its apps for which Events,
	// Subjects or Filter do not hold, ordered by app. In JSON they stand among the
	// apps: see [AppTerms].
	Terms []AppTerms `json:"-"`
	URL   string     `json:"url"`
	Name  string     `json:"name,omitempty"`
	// Description is for people: what the endpoint is for, and who looks after it.
	Description string `json:"description,omitempty"`
	// Events are the event types it wants: exact names, or a prefix and a
	// trailing "*"; none means all.
	Events []string `json:"events"`
	// Channels narrow it to events that name one of them; none means all events.
	Channels []string `json:"channels,omitempty"`
	// Subjects narrow it to subjects of these patterns; none means all. A pattern
	// may be a URN that names the app as well: urn:allthings:app:APP:PATTERN.
	Subjects []string `json:"subjects"`
	// Filter is a JSON pattern over the event's data.
	Filter  JSON   `json:"filter,omitempty"`
	Dialect string `json:"dialect"`
	// DialectOptions are values of its dialect's options, before those of an app.
	DialectOptions map[string]string `json:"dialect_options,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	Making
	Status EndpointStatus `json:"status"`
	// DisabledReason says why Bellhop itself disabled the endpoint.
	DisabledReason string `json:"disabled_reason,omitempty"`
	// Locked endpoints are held by the operator: only admins change or delete them.
	Locked bool `json:"locked"`
	// LockedReason says why, to those who may not.
	LockedReason string `json:"locked_reason,omitempty"`
	// Timeout bounds the whole exchange: connect, TLS, headers, and as much of
	// the body as is kept.
	Timeout Duration    `json:"timeout"`
	Retry   RetryPolicy `json:"retry"`
	// RateLimit, if any, spreads deliveries over time.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// Concurrency is how many deliveries may be in flight at once.
	Concurrency int `json:"concurrency,omitempty"`
	// ExactConcurrency says that somebody asked for that Concurrency. Else it is where
	// each node begins to find out how many the receiver bears, and JSON leaves it out.
	ExactConcurrency bool              `json:"-"`
	Ordering         Ordering          `json:"ordering"`
	Metadata         map[string]string `json:"metadata,omitempty"`
	// Notify are addresses of those who look after the endpoint: they get a mail when it
	// breaks, and when it works again.
	Notify    []string  `json:"notify,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`

	// Secrets sign the requests, newest first, encrypted as stored.
	Secrets []Secret `json:"-"`
	// Sealed are its other credentials.
	Sealed SealedValues `json:"credentials,omitempty"`
	// Revision counts changes: a save that was made from an older revision is
	// refused by the store.
	Revision int64 `json:"-"`
	// ResumedAt is when the endpoint was last resumed from a pause; zero if never. It is
	// written by the store.
	ResumedAt time.Time `json:"-"`
	// Vitals are what its attempts have said of its receiver. They are written by the
	// store alone.
	Vitals Vitals `json:"-"`
	// Health is how it does, in answers to those who ask; it is not stored.
	Health *HealthState `json:"health,omitempty"`
}

// Names are those by which it is known in its apps, besides its ID: one that two endpoints of
// an app have would name neither.
func (e *Endpoint) Names() []string {
	switch {
	case e.UID == "" && e.FormerID == "":
		return nil
	case e.FormerID == "" || e.FormerID == e.UID:
		return []string{e.UID}
	case e.UID == "":
		return []string{e.FormerID}
	}
	return []string{e.UID, e.FormerID}
}

// HearsChannels tells whether it wants events of these channels: it names one of them, or
// none at all.
func (e *Endpoint) HearsChannels(channels []string) bool {
	return len(e.Channels) == 0 || slices.ContainsFunc(channels, func(c string) bool { return slices.Contains(e.Channels, c) })
}

// Exact tells whether the endpoint has a limit or an order that must hold across nodes:
// then the owner of its bucket alone sends to it. To all others, a first attempt is made
// by the node that accepted the event. A rate limit of one of its apps does the same.
func (e *Endpoint) Exact() bool {
	return e.Ordering != "" && e.Ordering != OrderingNone || e.RateLimit != nil || e.ExactConcurrency
}

// AppTerms are what an endpoint wants to hear of one app, where that differs from its
// other apps. In JSON, an app without terms of its own is its name, "acme", and one
// with some an object: {"app":"acme","subjects":["ticket:*"]}.
type AppTerms struct {
	App string `json:"app"`
	// Events, Subjects and Filter take the place of the endpoint's; nil leaves it
	// in force. Lists that are empty, but not nil, mean all; so does the filter {}.
	Events   []string `json:"events,omitzero"`
	Subjects []string `json:"subjects,omitzero"`
	Filter   JSON     `json:"filter,omitempty"`
}

// IsZero tells whether there are no terms, but an app alone.
func (t *AppTerms) IsZero() bool { return t.Events == nil && t.Subjects == nil && len(t.Filter) == 0 }

// MarshalJSON gives the short form where that says all.
func (t AppTerms) MarshalJSON() ([]byte, error) { return t.encode() }

func (t *AppTerms) encode() ([]byte, error) {
	if t.IsZero() {
		return appendJSON(nil, t.App)
	}
	rest := *t
	rest.Filter = nil
	type plain AppTerms
	b, err := appendJSON(nil, plain(rest))
	if err == nil && len(t.Filter) > 0 {
		b = appendMember(b, "filter", t.Filter)
	}
	return b, err
}

// UnmarshalJSON takes both forms.
func (t *AppTerms) UnmarshalJSON(b []byte) error {
	*t = AppTerms{}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &t.App)
	}
	type plain AppTerms
	return json.Unmarshal(b, (*plain)(t))
}

// TermsOf gives what the endpoint wants to hear of one of its apps, with nothing left
// to what holds for the others.
func (e *Endpoint) TermsOf(app string) AppTerms {
	all := AppTerms{App: app, Events: e.Events, Subjects: e.Subjects, Filter: e.Filter}
	if i := slices.IndexFunc(e.Terms, func(t AppTerms) bool { return t.App == app }); i >= 0 {
		own := &e.Terms[i]
		if own.Events != nil {
			all.Events = own.Events
		}
		if own.Subjects != nil {
			all.Subjects = own.Subjects
		}
		if len(own.Filter) > 0 {
			all.Filter = own.Filter
		}
	}
	return all
}

// AppsWithTerms are the apps, each with its terms if it has some.
func (e *Endpoint) AppsWithTerms() []AppTerms {
	list := make([]AppTerms, len(e.Apps))
	for i, app := range e.Apps {
		list[i].App = app
		if j := slices.IndexFunc(e.Terms, func(t AppTerms) bool { return t.App == app }); j >= 0 {
			list[i] = e.Terms[j]
		}
	}
	return list
}

// Leave takes an app off the endpoint, with whatever names it. It changes none of the
// lists that were there.
func (e *Endpoint) Leave(app string) {
	is := func(a string) bool { return a == app }
	e.Apps = slices.DeleteFunc(slices.Clone(e.Apps), is)
	if e.Terms = slices.DeleteFunc(slices.Clone(e.Terms), func(t AppTerms) bool { return t.App == app }); len(e.Terms) == 0 {
		e.Terms = nil
	}
	// No pattern at all would mean every subject.
	if left := match.WithoutURNs(e.Subjects, is); len(left) > 0 {
		e.Subjects = left
	}
}

// SplitTerms makes of a list of apps with their terms what an endpoint has: the names,
// and the terms of those that have some, both ordered by app. Of an app that is there
// twice, the first counts.
func SplitTerms(list []AppTerms) (apps []string, terms []AppTerms) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(x, y AppTerms) int { return cmp.Compare(x.App, y.App) })
	list = slices.CompactFunc(list, func(x, y AppTerms) bool { return x.App == y.App })
	apps = make([]string, len(list))
	for i := range list {
		apps[i] = list[i].App
		if !list[i].IsZero() {
			terms = append(terms, list[i])
		}
	}
	return apps, terms
}

// plainEndpoint is an Endpoint without its methods.
type plainEndpoint Endpoint

// MarshalJSON gives the endpoint as the API shows it, its terms among its apps.
func (e Endpoint) MarshalJSON() ([]byte, error) { return e.EncodeJSON() }

// EncodeJSON is MarshalJSON with the filters byte for byte, which encoding/json would
// compact.
func (e Endpoint) EncodeJSON() ([]byte, error) {
	apps := []byte{'['}
	for _, t := range e.AppsWithTerms() {
		if len(apps) > 1 {
			apps = append(apps, ',')
		}
		b, err := t.encode()
		if err != nil {
			return nil, err
		}
		apps = append(apps, b...)
	}
	if !e.ExactConcurrency {
		e.Concurrency = 0
	}
	rest, err := appendJSON(nil, struct {
		plainEndpoint
		ID     struct{} `json:"id,omitzero"`
		Apps   struct{} `json:"apps,omitzero"`
		Filter struct{} `json:"filter,omitzero"`
	}{plainEndpoint: plainEndpoint(e)})
	if err != nil {
		return nil, err
	}
	b := append([]byte(`{"id":"`+e.ID.String()+`","apps":`), append(apps, ']', ',')...)
	b = append(b, rest[1:]...)
	if len(e.Filter) > 0 {
		b = appendMember(b, "filter", e.Filter)
	}
	return b, nil
}

// UnmarshalJSON reads what MarshalJSON gives.
func (e *Endpoint) UnmarshalJSON(b []byte) error {
	read := struct {
		*plainEndpoint
		Apps []AppTerms `json:"apps"`
	}{plainEndpoint: (*plainEndpoint)(e)}
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	e.Apps, e.Terms = SplitTerms(read.Apps)
	e.ExactConcurrency = e.Concurrency > 0
	return nil
}

// appendJSON appends v as JSON, with nothing escaped that need not be.
func appendJSON(b []byte, v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...), nil
}

// appendMember adds a last member, whose value is taken over as it stands, to an
// object that has at least one.
func appendMember(object []byte, name string, value []byte) []byte {
	object = append(bytes.TrimSuffix(object, []byte("}")), `,"`+name+`":`...)
	return append(append(object, value...), '}')
}

// Secret is one signing key of an endpoint.
type Secret struct {
	// Sealed is the secret, encrypted with the endpoint's id as context.
	Sealed    []byte
	CreatedAt time.Time
	// ExpiresAt is the end of its overlap with a newer secret; zero for the
	// newest.
	ExpiresAt time.Time
}

// EndpointStatus says whether an endpoint gets events.
type EndpointStatus string

// The states of an endpoint.
const (
	// EndpointActive endpoints get events as they come.
	EndpointActive EndpointStatus = "active"
	// EndpointPaused endpoints have their deliveries held, to go out, oldest
	// first, on resume.
	EndpointPaused EndpointStatus = "paused"
	// EndpointDisabled endpoints get no new deliveries; what was pending when
	// it was disabled is held until it is enabled again or too old to be tried.
	EndpointDisabled EndpointStatus = "disabled"
)

// RateLimit is a token bucket.
type RateLimit struct {
	PerSecond float64 `json:"per_second"`
	// Burst is how many deliveries may go at once after a quiet time; 0 means 1.
	Burst int `json:"burst,omitempty"`
}
