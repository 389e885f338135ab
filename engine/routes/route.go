package routes

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/match"
	"github.com/bellhop/bellhop/recipe"
)

// Route is an endpoint made ready for use: patterns compiled, dialect found. It
// never changes; a changed endpoint is a new route.
type Route struct {
	bellhop.Endpoint
	// terms are what it wants of each app that is not in byApp.
	terms   *terms
	byApp   map[string]*terms
	dialect *dialect.Dialect
	recipe  *recipe.Bound
	// fault says what is wrong with the endpoint whatever its secrets are.
	fault string
	// credentials is a name for what its requests are authenticated with, besides
	// their signature: "" for nothing.
	credentials string
	// certificateEnds is when its client certificate does; zero if it has none.
	certificateEnds  time.Time
	certificateLasts time.Duration

	// limit is how fast it is sent to at most: by its own limit and those of its apps.
	limit *bellhop.RateLimit
	// held says that the sending to all endpoints is.
	held bool
	// away, if not nil, says why nothing can be sent at present.
	away   func(id bellhop.EndpointID, url string) string
	sealer bellhop.Sealer
	now    func() time.Time
	keys   atomic.Pointer[keys]
}

// terms are what an endpoint wants to hear of an app, compiled.
type terms struct {
	types    match.Types
	subjects match.Subjects
	filter   *match.Filter
	// asksForOwn says that one of its patterns names types of Bellhop's own.
	asksForOwn bool
}

// keys are what was made of the secrets. Most endpoints are idle: they are made
// when somebody asks for them.
type keys struct {
	signer      *dialect.Signer
	newest      string    // the secret that signs where only one can
	err         error     // why there is no signer
	unauthentic string    // why requests cannot be authenticated
	until       time.Time // when they are to be made anew; zero: never
}

// openAgain is for how long secrets that could not be opened are left alone. What
// asks whether a route is live asks often, and what is wrong with a sealer may pass.
const openAgain = time.Second

// Compile makes a route of an endpoint, which need not be stored.
func (t *Table) Compile(e bellhop.Endpoint) *Route {
	r := &Route{Endpoint: e, dialect: t.Dialect(e.Dialect), limit: e.RateLimit, sealer: t.sealer, now: t.now}
	r.compileTerms()
	if r.dialect == nil {
		r.fault = fmt.Sprintf("its dialect %q is not configured: put it back into the configuration file, or choose another", e.Dialect)
	}
	r.bindRecipe(t)
	r.credentials = credentialsOf(&e)
	r.compileTLS()
	if r.Listened() {
		r.away = t.away
	}
	return r
}

// bindRecipe gives the endpoint's recipe, if it has one, what the endpoint says of it.
func (r *Route) bindRecipe(t *Table) {
	if r.Recipe == "" {
		return
	}
	rec := t.Recipe(r.Recipe)
	if rec == nil {
		r.fault = fmt.Sprintf("its recipe %q is not configured: put it back into the configuration file, or choose another", r.Recipe)
		return
	}
	bound, wrong := rec.Bind(recipe.Settings{URL: r.URL, Fields: r.RecipeFields})
	if len(wrong) > 0 {
		r.fault = fmt.Sprintf("its recipe cannot be followed: recipe_fields.%s %s", wrong[0].Field, wrong[0].Detail)
		return
	}
	r.recipe = bound
}

// Follows gives the recipe that makes its requests, or nil if none does.
func (r *Route) Follows() *recipe.Bound { return r.recipe }

// compileTerms compiles what the endpoint wants: once, as far as its apps have that in
// common. Apps may be many, and what is compiled is large beside what it is made of.
func (r *Route) compileTerms() {
	common := r.compile("", bellhop.AppTerms{Events: r.Events, Subjects: r.Subjects, Filter: r.Filter}, nil)
	r.terms = common
	urns := slices.ContainsFunc(r.Subjects, isURN)
	for _, t := range r.AppsWithTerms() {
		if t.Subjects == nil && urns {
			t.Subjects = r.Subjects
		}
		if t.IsZero() {
			continue
		}
		if r.byApp == nil {
			r.byApp = map[string]*terms{}
		}
		r.byApp[t.App] = r.compile(t.App, t, common)
	}
}

// compile compiles the terms of an app, and takes what they leave out from others.
func (r *Route) compile(app string, t bellhop.AppTerms, others *terms) *terms {
	c := &terms{}
	if others != nil {
		*c = *others
	}
	var err error
	if t.Events != nil || others == nil {
		if c.types, err = match.CompileTypes(t.Events); err != nil {
			r.fault = "its event patterns cannot be read: " + err.Error()
		}
		c.asksForOwn = r.OfAllApps() || slices.ContainsFunc(t.Events, func(p string) bool { return strings.HasPrefix(p, OwnTypes) })
	}
	if t.Subjects != nil || others == nil {
		if c.subjects, err = match.CompileSubjectsOf(app, t.Subjects); err != nil {
			r.fault = "its subject patterns cannot be read: " + err.Error()
		}
	}
	if len(t.Filter) > 0 {
		if c.filter, err = match.CompileFilter(t.Filter); err != nil {
			r.fault = "its filter cannot be read: " + err.Error()
		}
	}
	return c
}

func isURN(pattern string) bool {
	_, _, ok := match.CutURN(pattern)
	return ok
}

// of gives the terms of an app.
func (r *Route) of(app string) *terms {
	if t, ok := r.byApp[app]; ok {
		return t
	}
	return r.terms
}

// Live tells whether requests may be sent. What a secret that could not be opened
// holds back goes on once it can be: so a held lane should ask again.
func (r *Route) Live() bool {
	return r.Status == bellhop.EndpointActive && !r.held && r.Broken() == ""
}

// Held tells whether its deliveries wait because the sending to all endpoints is held.
func (r *Route) Held() bool { return r.held }

// obey has the route follow a hold of the sending to all endpoints, and lets nothing of
// it be older than the end of the last one.
func (r *Route) obey(h bellhop.Hold) {
	r.held = h.On()
	if h.ReleasedAt.After(r.ResumedAt) {
		r.ResumedAt = h.ReleasedAt
	}
}

// Broken says why nothing can be sent, such as a dialect that is no longer
// configured, a secret that cannot be opened or that nobody listens at it, or "". Deliveries are held
// meanwhile.
func (r *Route) Broken() string {
	if r.fault != "" {
		return r.fault
	}
	if r.away != nil {
		if why := r.away(r.ID, r.URL); why != "" {
			return why
		}
	}
	return r.kept(r.now()).fault()
}

// check is Broken without keeping anything in memory for it.
func (r *Route) check(now time.Time) string {
	if r.fault != "" {
		return r.fault
	}
	return r.open(now).fault()
}

func (k *keys) fault() string {
	if k.err != nil {
		return "its secret cannot be used: " + k.err.Error()
	}
	return k.unauthentic
}

// Speaks gives the dialect of its requests, or nil if that is not configured.
func (r *Route) Speaks() *dialect.Dialect { return r.dialect }

// Verdict is whether an endpoint wants an event and, if not, why.
type Verdict struct {
	OK     bool
	Reason string // "type", "channels", "subject" or "filter", among others
	Detail string
}

// Wants tells whether the endpoint gets an event of one of its apps; data gives the
// event's data, parsed at most once for all endpoints that have a filter.
func (r *Route) Wants(e *bellhop.Event, data func() match.Data) bool {
	t := r.of(e.App)
	return t.listenTo(e.Type) && r.hears(e) && !r.itself(e) && t.subjects.Match(e.Subject) && (t.filter == nil || t.filter.MatchData(data()))
}

// OfAllApps tells whether it listens to Bellhop itself, as to all apps.
func (r *Route) OfAllApps() bool { return len(r.Apps) == 1 && r.Apps[0] == bellhop.AllApps }

// Limit is how fast it is sent to at most, by its own limit and those of its apps, all of
// which it keeps; nil for no limit.
func (r *Route) Limit() *bellhop.RateLimit { return r.limit }

// Exact is that of the endpoint, which a limit of its apps makes exact as well.
func (r *Route) Exact() bool { return r.limit != nil || r.Endpoint.Exact() }

// both is a limit that keeps two of them; nil is no limit.
func both(x, y *bellhop.RateLimit) *bellhop.RateLimit {
	switch {
	case x == nil:
		return y
	case y == nil:
		return x
	}
	return &bellhop.RateLimit{PerSecond: min(x.PerSecond, y.PerSecond), Burst: min(max(x.Burst, 1), max(y.Burst, 1))}
}

// bound sets the route's limit, by those of apps.
func (r *Route) bound(of func(app string) *bellhop.RateLimit) {
	r.limit = r.RateLimit
	for _, app := range r.Apps {
		r.limit = both(r.limit, of(app))
	}
}

// AboutEndpoint is the subject of events of Bellhop's own that tell of an endpoint.
func AboutEndpoint(id bellhop.EndpointID) string { return "endpoint:" + id.String() }

// itself tells whether Bellhop tells of this very endpoint: what goes to one that fails
// would fail, and be told of again.
func (r *Route) itself(e *bellhop.Event) bool {
	return strings.HasPrefix(e.Type, OwnTypes) && e.Subject == AboutEndpoint(r.ID)
}

// hears tells whether the endpoint wants the event as far as its channels say. What Bellhop
// itself tells is in none, and for whoever asks for its type.
func (r *Route) hears(e *bellhop.Event) bool {
	return r.HearsChannels(e.Channels) || strings.HasPrefix(e.Type, OwnTypes)
}

// listenTo tells whether the type is asked for. Bellhop's own types go only to those
// that name them: one that wants "all" means the platform's.
func (t *terms) listenTo(eventType string) bool {
	return t.types.Match(eventType) && (t.asksForOwn || !strings.HasPrefix(eventType, OwnTypes))
}

// Asks tells whether the endpoint wants to hear of events of a type in an app, or of
// some of them.
func (r *Route) Asks(app, eventType string) bool { return r.of(app).listenTo(eventType) }

// AsksForOwn tells whether it names types of Bellhop's own, in any of its apps.
func (r *Route) AsksForOwn() bool {
	for _, t := range r.byApp {
		if t.asksForOwn {
			return true
		}
	}
	return r.terms.asksForOwn
}

// Filters tells whether data decides about events of the app that have the type, the
// channels and the subject of e: for others, Verdict does not look at it.
func (r *Route) Filters(e *bellhop.Event) bool {
	t := r.of(e.App)
	return t.filter != nil && t.listenTo(e.Type) && r.hears(e) && t.subjects.Match(e.Subject)
}

// Verdict is Wants with the reason, for explaining.
func (r *Route) Verdict(e *bellhop.Event) Verdict {
	t := r.of(e.App)
	if t.types.Match(e.Type) && !t.listenTo(e.Type) {
		return Verdict{false, "own_type", fmt.Sprintf(
			"%s is one of Bellhop's own types, which an endpoint gets only if it lists %s* or the type itself", e.Type, OwnTypes)}
	}
	if !t.listenTo(e.Type) {
		return Verdict{false, "type", fmt.Sprintf("it listens to %s, not to %s", strings.Join(r.TermsOf(e.App).Events, ", "), e.Type)}
	}
	if r.itself(e) {
		return Verdict{false, "own_type", "it tells of this very endpoint, which is told to others alone"}
	}
	if !r.hears(e) {
		of := "in no channel"
		if len(e.Channels) > 0 {
			of = "in " + strings.Join(e.Channels, ", ")
		}
		return Verdict{false, "channels", fmt.Sprintf("it listens to the channels %s; the event is %s", strings.Join(r.Channels, ", "), of)}
	}
	if !t.subjects.Match(e.Subject) {
		what := "the event has no subject"
		if e.Subject != "" {
			what = "the event's subject is " + e.Subject
		}
		asked := "the subjects " + strings.Join(match.SubjectsOf(e.App, r.TermsOf(e.App).Subjects), ", ")
		if asked == "the subjects " {
			asked = "subjects of other apps"
		}
		return Verdict{false, "subject", fmt.Sprintf("it listens to %s; %s", asked, what)}
	}
	if t.filter != nil {
		if ok, why := t.filter.Match(e.Data); !ok {
			return Verdict{false, "filter", why.String()}
		}
	}
	return Verdict{OK: true}
}

// Signer gives the signer of the secrets that are valid now. It fails if they
// cannot be opened now, even if they could be before: a signer that was made
// before may hold a secret that has ended since.
func (r *Route) Signer(now time.Time) (*dialect.Signer, error) {
	k := r.kept(now)
	return k.signer, k.err
}

// kept gives what was made of the secrets that are valid now.
func (r *Route) kept(now time.Time) *keys {
	k := r.keys.Load()
	if k == nil || !k.until.IsZero() && !now.Before(k.until) {
		// Two callers at once make it twice, and either will do: that is rarer
		// than a call that would wait for a lock.
		k = r.open(now)
		r.keys.Store(k)
	}
	return k
}

// Secret gives the newest secret, as Signer gives a signer.
func (r *Route) Secret(now time.Time) (string, error) {
	k := r.kept(now)
	return k.newest, k.err
}

var (
	errNoDialect = errors.New("its dialect is not configured")
	errNoSealer  = errors.New("there is nothing to open it with")
)

// open opens the secrets that are valid now and makes a signer of them.
func (r *Route) open(now time.Time) *keys {
	failed := func(err error) *keys { return &keys{err: err, until: now.Add(openAgain)} }
	if r.dialect == nil {
		return failed(errNoDialect)
	}
	var secrets []string
	var until time.Time
	for _, s := range r.Secrets {
		if !s.ExpiresAt.IsZero() {
			if !now.Before(s.ExpiresAt) {
				continue
			}
			if until.IsZero() || s.ExpiresAt.Before(until) {
				until = s.ExpiresAt
			}
		}
		if r.sealer == nil {
			return failed(errNoSealer)
		}
		plain, err := r.sealer.Open(s.Sealed, r.ID.String())
		if err != nil {
			return failed(err)
		}
		secrets = append(secrets, string(plain))
	}
	signer, err := r.dialect.NewSigner(secrets)
	if err != nil {
		return failed(err)
	}
	if ends := r.certificateEnds; now.Before(ends) && (until.IsZero() || ends.Before(until)) {
		until = ends
	}
	k := &keys{signer: signer, newest: append(secrets, "")[0], until: until, unauthentic: r.unauthentic(now)}
	if k.unauthentic != "" {
		k.until = now.Add(openAgain)
	}
	return k
}
