// Package api is the kit that Bellhop's HTTP APIs are made of. It knows no resource:
// it takes a list of routes, and owns the way of a request through each of them.
//
// route.go says what a route is, and kit.go makes handlers of routes. call.go is the
// one way of a request: who asks, may he, how often (bounds.go), what for (params.go,
// decode.go), and the answer or the problem (problem.go), counted (metrics.go) and
// logged. openapi.go describes the same list of routes, so that a document cannot
// promise what the server does not do. What a key may do is decided below, in package
// desk; api/native has Bellhop's own resources.
package api

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// Options adjusts a Kit. The zero value is good.
type Options struct {
	// Logger gets one debug line per request and every failure of the server;
	// bodies and tokens are never in it. Default: slog.Default().
	Logger *slog.Logger
	// PublicURL is where clients reach the handlers, such as
	// "https://hooks.example.com". Default: the host of the request.
	PublicURL string
	// Version is Bellhop's, for documents.
	Version string
	// Metrics, if not nil, gets the collectors of the handlers.
	Metrics prometheus.Registerer
	// TrustProxy takes a client's address from the last entry of
	// X-Forwarded-For. Only where every request comes through a proxy that adds
	// one.
	TrustProxy bool
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// MaxBody bounds bodies in bytes, where a route has no bound of its own.
	// Default: 1 MiB.
	MaxBody int64
	// MaxMemory bounds what the bodies of all requests under way, and long answers,
	// hold together, in bytes; beyond it requests are answered 503. One key, or the
	// keys of one app, get half of it at most. Default: 256 MiB.
	MaxMemory int64
	// ReadTimeout bounds the reading of a body. Default: 30 seconds.
	ReadTimeout time.Duration
	// KeyRate bounds the requests of one key a second, after a burst of as many.
	// Default: 50 000.
	KeyRate int
	// Streams bounds the streams that are open at once.
	Streams Streams
	// StreamIdle is for how long nothing may come of a body that is read while it is
	// answered. Default: 2 minutes.
	StreamIdle time.Duration
	// ReadLimit is how long one look through the logs may take. Default: 10 seconds.
	ReadLimit time.Duration
	// Shared, if not nil, are the bounds of this process, which its other APIs count
	// against as well: see NewShared. Default: bounds of this API alone.
	Shared *Shared
}

// The defaults of Options.
const (
	DefaultKeyRate   = 50_000
	DefaultMaxMemory = 256 << 20
	DefaultReadLimit = 10 * time.Second
)

// WithDefaults fills in what is zero.
func (o Options) WithDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = "0.0.0"
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = DefaultMaxMemory
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = 30 * time.Second
	}
	if o.KeyRate == 0 {
		o.KeyRate = DefaultKeyRate
	}
	o.Streams = o.Streams.withDefaults()
	if o.StreamIdle == 0 {
		o.StreamIdle = 2 * time.Minute
	}
	if o.ReadLimit == 0 {
		o.ReadLimit = DefaultReadLimit
	}
	return o
}

// Doorman decides who comes in.
type Doorman struct {
	// Identify finds out who asks: each API has its own ways to say so.
	Identify func(c *Call) (bellhop.Key, error)
	// Permits tells whether somebody may use an operation. It is asked before the
	// body is read; what the operation reaches is decided where it is done.
	Permits func(p bellhop.Principal, operation string) error
	// Missed, if not nil, is asked before somebody is told that there is no such thing:
	// whether there may be by now. Then the operation is tried once more. Its error is
	// answered instead.
	Missed func(ctx context.Context) (bool, error)
}

// Manner is in what an API differs from Bellhop's own. The zero value is Bellhop's own.
// What is served and what is documented are both of the same manner.
type Manner struct {
	// Problem makes the body that answers a request with a problem, as JSON
	// (application/json); problems of one status have bodies of one type. Default: the
	// problem itself, as RFC 9457 has it.
	Problem func(asked *http.Request, p wire.Problem) (body any)
	// Kinds are those of codes that only this API has, or answers otherwise.
	Kinds map[bellhop.Code]Kind
	// Carried and Large are members of bodies that are looked at in another way, beside
	// those of Bellhop's own: see [strictjson.Parts].
	Carried, Large []string
}

// answer is the body that answers a request with a problem, and its type.
func (m *Manner) answer(asked *http.Request, p wire.Problem) (contentType []string, body any) {
	if m.Problem == nil {
		return typeProblem, p
	}
	return typeJSON, m.Problem(asked, p)
}

// kinds are those of all codes in this manner.
func (m *Manner) kinds() map[bellhop.Code]Kind {
	all := kinds()
	maps.Copy(all, m.Kinds)
	return all
}

// Shared is what the APIs of one process count together: how often a key asks, what bodies
// hold in memory, and who reads or decodes what is large.
type Shared struct {
	bounds   *bounds
	memory   *memory
	reading  *gate
	decoding *gate
	pieces   sync.Pool // of *[readBytes]byte: what streams read into
	refusals refusals
}

// NewShared makes the bounds that some options ask for.
func NewShared(o Options) *Shared {
	o = o.WithDefaults()
	s := &Shared{
		memory:   newMemory(o.MaxMemory),
		bounds:   newBounds(o.Now, o.KeyRate, o.Streams),
		reading:  newReading(),
		decoding: newDecoding(),
		pieces:   sync.Pool{New: func() any { return new([readBytes]byte) }},
	}
	if o.Metrics != nil {
		register(o.Metrics, newBoundMetrics(s))
	}
	return s
}

// Kit makes handlers of routes.
type Kit struct {
	*Shared
	doorman Doorman
	manner  Manner
	o       Options
	metrics *metrics
	kinds   map[bellhop.Code]Kind
}

// New makes the kit of one API, in Bellhop's own manner.
func New(doorman Doorman, o Options) *Kit { return NewIn(Manner{}, doorman, o) }

// NewIn makes the kit of one API, in a manner of its own.
func NewIn(m Manner, doorman Doorman, o Options) *Kit {
	o = o.WithDefaults()
	shared := o.Shared
	if shared == nil {
		shared = NewShared(o)
	}
	return &Kit{Shared: shared, doorman: doorman, manner: m, o: o, metrics: newMetrics(o.Metrics), kinds: m.kinds()}
}

// Mux serves the routes, each by its pattern.
func (k *Kit) Mux(routes []Route) *http.ServeMux {
	mux := http.NewServeMux()
	for i := range routes {
		mux.Handle(routes[i].pattern(), k.Handler(&routes[i]))
	}
	for _, pattern := range mistaken(routes) {
		mux.Handle(pattern, wrongMethod{k.Rest(mux)})
	}
	return mux
}

// wrongMethod marks the patterns that no route has.
type wrongMethod struct{ http.Handler }

// mistaken lists patterns of methods that a path does not take, where another route would
// take the path's own words for an id: "GET /v1/events/stream" for an event's. Where what
// they name may be called so, it is the other route's.
func mistaken(routes []Route) []string {
	var patterns []string
	for i := range routes {
		for j := range routes {
			pattern := routes[j].Method + " " + routes[i].Path
			taken := func(r Route) bool { return r.pattern() == pattern }
			if routes[j].mistakes(routes[i].Path) && !slices.ContainsFunc(routes, taken) && !slices.Contains(patterns, pattern) {
				patterns = append(patterns, pattern)
			}
		}
	}
	return patterns
}

// Rest is the handler of what the routes in mux leave over: paths that don't exist,
// and wrong methods on paths that do.
func (k *Kit) Rest(mux *http.ServeMux) http.Handler {
	return k.Handler(&Route{ID: "noRoute", Public: true, serve: func(c *Call) error {
		var allowed []string
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			h, pattern := mux.Handler(&http.Request{Method: method, URL: c.r.URL, Host: c.r.Host})
			if _, wrong := h.(wrongMethod); !wrong && strings.HasPrefix(pattern, method+" ") {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			return Problem(bellhop.CodeNotFound, "There is nothing at this path: see /docs for those that exist")
		}
		allow := strings.Join(allowed, ", ")
		c.w.Header().Set("Allow", allow)
		return Problem(CodeMethod, "This path does not take "+bellhop.Clip(c.r.Method)+"; it takes "+allow)
	}})
}
