package send

import (
	"context"
	"net/http"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/mail"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/stage"
)

// Made is a request that is ready to leave.
type Made struct {
	Request safehttp.Request
	// ShownURL and ShownHeader are what may be seen of it, and is logged: the same,
	// but without credentials.
	ShownURL    string
	ShownHeader http.Header
	// KeepBody says that the log keeps the body, since it could not be made anew from
	// the event and the dialect.
	KeepBody bool
	// Mail, if not nil, is what is sent in place of the request.
	Mail *mail.Message

	// dialect is the one in which it is made, or signed, and at the time that it tells.
	dialect string
	at      time.Time

	// way is what the endpoint's recipe wants done; nil without one.
	way *recipeWay
	// Looked says that the exchange that was made is the recipe's lookup, and Found that
	// it found the event done.
	Looked, Found bool
	// differs says why what was found is not what the event asks for.
	differs string
}

// lookupURL is where the recipe's lookup goes.
func (m *Made) lookupURL() string { return m.way.lookup.URL }

// Make makes the request that carries a message to an endpoint: the one way to make
// one, for deliveries, tests, verifications and previews alike. Where none can be
// made, the outcome says why.
func (s *Sender) Make(ctx context.Context, r *routes.Route, signer *dialect.Signer, m dialect.Message) (made Made, unmade *bellhop.Outcome) {
	unmade = s.make(ctx, r, signer, &m, &made)
	return made, unmade
}

func (s *Sender) make(ctx context.Context, r *routes.Route, signer *dialect.Signer, m *dialect.Message, made *Made) (unmade *bellhop.Outcome) {
	if r.Follows() != nil || r.Transform.Runs() {
		return s.makeOtherwise(ctx, r, signer, m, made)
	}
	return s.byDialect(r, signer, m, made)
}

// makeOtherwise is make for what the endpoint's dialect does not make alone.
//
//go:noinline
func (s *Sender) makeOtherwise(ctx context.Context, r *routes.Route, signer *dialect.Signer, m *dialect.Message, made *Made) (unmade *bellhop.Outcome) {
	if b := r.Follows(); b != nil {
		*made, unmade = s.byRecipe(r, b, signer, *m)
	} else {
		*made, _, unmade = s.transform(ctx, r, signer, *m, false)
	}
	return unmade
}

// byDialect makes the request of an endpoint that takes events as its dialect has them.
func (s *Sender) byDialect(r *routes.Route, signer *dialect.Signer, m *dialect.Message, made *Made) *bellhop.Outcome {
	defer stage.Send.Begin().End(0)
	s.chooseOptions(r, m)
	rendered, err := signer.Render(*m)
	if err != nil {
		return inexpressible(r, err)
	}
	s.request(&made.Request, r, m.App, rendered)
	made.ShownURL, made.ShownHeader = made.Request.URL, made.Request.Header
	conceal(r, made)
	return nil
}

//go:noinline
func inexpressible(r *routes.Route, err error) *bellhop.Outcome {
	o := ours(r, "The dialect "+r.Dialect+" cannot express this event: "+err.Error())
	return &o
}

// chooseOptions gives a message the options of the dialect: those of its app go first.
func (s *Sender) chooseOptions(r *routes.Route, m *dialect.Message) {
	x := r.Speaks()
	if x == nil || !x.HasOptions() {
		return
	}
	m.Options = r.DialectOptions
	if s.o.App != nil {
		app, _ := s.o.App(m.App)
		m.Options = dialect.MergeOptions(r.DialectOptions, app.DialectOptions[x.Name()])
	}
}

// request is what the dialect made, with the endpoint's own headers.
func (s *Sender) request(to *safehttp.Request, r *routes.Route, app string, rendered dialect.Request) {
	n := len(r.Headers) + len(rendered.Headers)
	header := make(http.Header, n)
	values := make([]string, 0, n) // all in one piece of memory, each cut out of it
	set := func(name, value string) {
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for name, value := range r.Headers {
		set(name, value) // in the case in which its owner wrote it
	}
	for _, h := range rendered.Headers {
		set(h.Name, h.Value) // in the case that the dialect wants
	}
	to.URL, to.Method, to.Header, to.Body = r.URL, http.MethodPost, header, rendered.Body
	to.Timeout, to.MaxBody = time.Duration(r.Timeout), s.o.MaxBody
	to.App, to.Credentials = app, r.Credentials()
}
