// Package svix serves the API of Svix's server (github.com/svix/svix-webhooks), so that
// its clients publish and manage endpoints here without a change. It is a second API
// beside Bellhop's own, on the same kit: it calls the desk, where the rights are decided,
// and nothing below it.
//
// front.go is what stands before every route: what browsers ask, slashes, forms of lists,
// and repeated requests (once.go). routes.go lists the routes, and who may use them;
// problem.go words errors as their clients read them; page.go and walk.go are their lists,
// which are walked both ways. Then there is a file for each kind of object. document.go
// describes it all; absent.go has what is answered 501. docs/svix.md says what differs from Svix.
package svix

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
)

// Options adjusts an API. The zero value is good.
type Options struct {
	api.Options

	// Tokens, if not nil, are the JSON Web Tokens that are taken beside Bellhop's keys.
	Tokens *Tokens
	// Dialect is that of endpoints made here whose app offers no dialects in particular.
	// Default: "svix".
	Dialect string
	// MaxMessageBody bounds the body of a message's creation in bytes. Default: 1 MiB.
	MaxMessageBody int64
}

func (o Options) withDefaults() Options {
	o.Options = o.WithDefaults()
	if o.Dialect == "" {
		o.Dialect = DefaultDialect
	}
	if o.MaxMessageBody == 0 {
		o.MaxMessageBody = 1 << 20
	}
	return o
}

// DefaultDialect is the dialect of endpoints made here, unless another one is asked for:
// its requests are those of Svix.
const DefaultDialect = "svix"

// API serves everything below /api/v1/.
type API struct {
	desk  *desk.Desk
	o     Options
	now   func() time.Time
	front http.Handler
	// memory and publishing remember the answers to requests with a key: publishing those
	// that publish, which are many, and of which the store knows by itself.
	memory, publishing *memory
	tasks              *tasks
	// document is that of this API.
	document func() ([]byte, error)
}

// New makes the API of a desk.
func New(d *desk.Desk, o Options) *API {
	o = o.withDefaults()
	a := &API{desk: d, o: o, now: o.Now, tasks: newTasks(d)}
	a.memory, a.publishing = newMemory(a.now, d, a.welcome, a.place), newMemory(a.now, nil, a.welcome, a.place)
	a.document = sync.OnceValues(func() ([]byte, error) { return Document(o) })
	kit := api.NewIn(manner(), api.Doorman{Identify: a.identify, Permits: permits, Missed: d.Missed}, o.Options)
	mux := a.mux(kit, a.routes())
	mux.Handle("/", kit.Rest(mux))
	nowhere := kit.Handler(ptr(api.Foreign("noRoute", func(*api.Call) error {
		return api.Problem(bellhop.CodeNotFound, "There is nothing at this path")
	})))
	a.front = kit.Patient(a.before(mux, nowhere))
	return a
}

// Close ends what is done in the background, and waits for it.
func (a *API) Close() { a.tasks.close() }

// ServeHTTP serves a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.front.ServeHTTP(w, r) }

// identify finds out who asks, by the token alone: no cookie says so, since any page may
// use this API.
func (a *API) identify(c *api.Call) (bellhop.Key, error) {
	token, err := c.Bearer()
	if err != nil {
		return bellhop.Key{}, err
	}
	if token == "" {
		return bellhop.Key{}, api.ErrNoKey()
	}
	return a.keyOf(c.Context(), token)
}

// keyOf is what a token stands for.
func (a *API) keyOf(ctx context.Context, token string) (bellhop.Key, error) {
	if isJWT(token) {
		return a.byJWT(ctx, token)
	}
	k, ok, err := a.desk.Authenticate(ctx, token)
	if err == nil && !ok {
		err = api.ErrUnknownKey()
	}
	return k, err
}

// welcome tells whether who makes a request is let in.
func (a *API) welcome(r *http.Request) bool {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	_, err := a.keyOf(r.Context(), strings.TrimLeft(token, " "))
	return err == nil
}
