package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/internal/door"
)

// Call is one request on its way: who asks, for what, and how it is answered.
type Call struct {
	kit   *Kit
	w     answer
	r     *http.Request
	route *Route
	// key is who asks, and who the same for the desk; both are zero on public routes.
	key bellhop.Key
	who bellhop.Principal
	// status is what a success answers with; a handler may change it.
	status int
	id     string
	unread bool
	// held is how much memory the call holds, of the kit's bound.
	held   int64
	heldBy share
}

// Context ends with the request.
func (c *Call) Context() context.Context { return c.r.Context() }

// Request is the request, whose body On and its like have read.
func (c *Call) Request() *http.Request { return c.r }

// Writer takes the answer of a Plain or Foreign route.
func (c *Call) Writer() http.ResponseWriter { return &c.w }

// Key is the key, session or portal link of who asks; the zero Key on public routes.
func (c *Call) Key() bellhop.Key { return c.key }

// Principal is who asks, for the desk.
func (c *Call) Principal() bellhop.Principal { return c.who }

// Answer sets the status of a success where it is not the route's first one.
func (c *Call) Answer(status int) { c.status = status }

// answer is the response; it remembers its status, 0 while nothing is out.
type answer struct {
	http.ResponseWriter
	status int
}

func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Handler is the way of every request: authorize, decode and run (serve), answer,
// count, log.
func (k *Kit) Handler(rt *Route) http.Handler {
	count := k.metrics.of(rt)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := k.o.Now()
		c := &Call{kit: k, w: answer{ResponseWriter: w}, r: r, route: rt}
		c.guard()
		if c.held > 0 {
			k.memory.give(c.heldBy, c.held)
		}
		took := k.o.Now().Sub(began)
		count(c.w.status, took)
		if log := k.o.Logger; log.Enabled(r.Context(), slog.LevelDebug) {
			path := r.URL.Path
			if hidden := r.PathValue(rt.hides); hidden != "" {
				path = strings.ReplaceAll(path, hidden, "…")
			}
			log.DebugContext(r.Context(), "request", "operation", rt.ID, "method", r.Method, "path", path,
				"status", c.w.status, "duration_ms", took.Milliseconds(), "key", c.key.ID.String(), "request_id", c.requestID())
		}
	})
}

// guarding are headers of every answer. Their lists of values are shared by all of
// them: a handler sets another list, and changes none.
var guarding = []struct {
	name   string
	values []string
}{
	{"X-Content-Type-Options", []string{"nosniff"}},
	{"Cache-Control", []string{"no-store"}},
	{"Referrer-Policy", []string{"no-referrer"}},
	{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
}

// guard runs the route and answers its error or its panic.
func (c *Call) guard() {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			c.fail(newPanicked(p))
		}
	}()
	h := c.w.Header()
	for _, x := range guarding {
		h[x.name] = x.values
	}
	if !c.route.Public {
		if err := c.Admit(c.route.ID); err != nil {
			c.unread = c.r.ContentLength != 0
			c.fail(err)
			return
		}
	}
	if err := c.route.serve(c); err != nil {
		c.fail(err)
	}
}

// Admit lets in whoever is known, asks not too often, and may use the operation: on
// public routes, for what they show to those with a key alone.
func (c *Call) Admit(operation string) (err error) {
	if c.key, err = c.kit.doorman.Identify(c); err != nil {
		return err
	}
	if err := c.kit.bounds.request(c.account()); err != nil {
		return err
	}
	c.who = c.key.Principal()
	if !door.Known(c.Context(), c.share()) {
		c.w.Header().Set("Connection", "close")
		return &bellhop.Error{
			Code: bellhop.CodeTooMany, RetryAfter: time.Second,
			Detail: "This key, or the keys and portal links of its app, have half of all connections open, each with a request being worked on: use fewer at once",
		}
	}
	return c.kit.doorman.Permits(c.who, operation)
}

// Again lets in anew whoever is asking, while a request takes its time: a key may have
// ended meanwhile, or reach less than it did. Each counts as a request.
func (c *Call) Again() error {
	key, err := c.kit.doorman.Identify(c)
	if err != nil {
		return err
	}
	if err := c.kit.bounds.request(c.account()); err != nil {
		return err
	}
	who := key.Principal()
	if err := c.kit.doorman.Permits(who, c.route.ID); err != nil {
		return err
	}
	c.key, c.who = key, who
	return nil
}

// missed tells whether an operation failed for something that there is not, and is to be
// tried once more, since there may be some by now; or with what error it failed.
func (c *Call) missed(err error) (again bool, _ error) {
	switch bellhop.CodeOf(err) {
	case bellhop.CodeNotFound, bellhop.CodeUnknownApp, bellhop.CodeUnknownType:
		if c.kit.doorman.Missed != nil {
			news, unknown := c.kit.doorman.Missed(c.Context())
			if unknown != nil {
				return false, unknown
			}
			return news, err
		}
	}
	return false, err
}

// Welcome tells, while a request takes its time, whether it would still be let in:
// its key may have ended meanwhile.
func (c *Call) Welcome() bool {
	k, err := c.kit.doorman.Identify(c)
	return err == nil && c.kit.doorman.Permits(k.Principal(), c.route.ID) == nil
}

// Bearer is the token in the header Authorization, "" where there is no such header.
func (c *Call) Bearer() (string, error) {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		return "", nil
	}
	// The name of a scheme has no case (RFC 9110, section 11.1).
	scheme, token, _ := strings.Cut(header, " ")
	if token = strings.TrimLeft(token, " "); token == "" || !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoKey()
	}
	return token, nil
}

// requestID names the request in the log; it is made when first needed.
func (c *Call) requestID() string {
	if c.id == "" {
		c.id = "req_" + rand.Text()
	}
	return c.id
}

// exact is an answer that encodes itself, since encoding/json would compact the
// published data in it.
type exact interface{ EncodeJSON() ([]byte, error) }

// longAnswer is from where on an answer counts as held memory, in bytes.
const longAnswer = 64 << 10

// The types of answers, as a header has them: shared, as those of guarding are.
var (
	typeJSON    = []string{"application/json"}
	typeProblem = []string{"application/problem+json"}
)

// write answers with a JSON body.
func (c *Call) write(status int, contentType []string, v any) error {
	var body []byte
	switch e := v.(type) {
	case wire.Appender:
		body = append(e.AppendJSON(make([]byte, 0, 256)), '\n')
	case exact:
		b, err := e.EncodeJSON()
		if err != nil {
			return err
		}
		body = b
	default:
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return err
		}
		body = buf.Bytes()
	}
	// Whoever reads slowly keeps a long answer in memory. Only reads are refused: what
	// was done must not look as if it were not.
	if len(body) > longAnswer && c.r.Method == http.MethodGet {
		if err := c.hold(int64(len(body))); err != nil {
			return err
		}
	}
	c.w.Header()["Content-Type"] = contentType
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the caller hung up: nobody is left to tell
	return nil
}

// decode fills in with the parameters and the body, and refuses what is unknown.
func (c *Call) decode(p *plan, in reflect.Value) error {
	var wrong Faults
	if err := c.parameters(p, in, &wrong); err != nil {
		return err
	}
	if p.body == nil {
		return wrong.Err()
	}
	body, err := c.body(p.optional)
	if err != nil {
		return err
	}
	target := in.FieldByIndex(p.body)
	if raw, ok := target.Addr().Interface().(rawTarget); ok {
		raw.setRaw(body)
	} else if len(body) > 0 {
		if err := c.Decoding(body, func() error { return decodeBody(body, c.kit.manner.parts(), target, &wrong) }); err != nil {
			return err
		}
	}
	return wrong.Err()
}

// parameters fills the path and query parameters in.
func (c *Call) parameters(p *plan, in reflect.Value, wrong *Faults) error {
	for _, param := range p.path {
		if wrong := param.set(in, c.r.PathValue(param.name)); wrong != nil {
			// What cannot be an id of this kind is the id of nothing.
			return bellhop.NotFound(param.noun(), c.r.PathValue(param.name))
		}
	}
	for _, param := range p.query {
		if param.fallback != "" {
			param.set(in, param.fallback)
		}
	}
	if c.r.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return Problem(CodeQuery, "The query is not made of name=value pairs, percent-encoded and joined with &")
	}
	for name, values := range query {
		param := p.parameter(name)
		switch {
		case param == nil && wrong.Count():
		case param == nil:
			wrong.Add(UnknownField(name, "There is no such query parameter", p.queryNames()))
		case param.repeats():
			for _, value := range values {
				if value == "" && param.filled() {
					wrong.Add(bellhop.FieldError{Field: name, Code: "length", Detail: IsEmpty})
					continue
				}
				if fault := param.set(in, value); fault != nil {
					wrong.Add(*fault)
				}
			}
		case len(values) > 1:
			wrong.Add(bellhop.FieldError{Field: name, Code: "repeated", Detail: "is given more than once: give it once"})
		case values[0] == "" && param.filled():
			wrong.Add(bellhop.FieldError{Field: name, Code: "length", Detail: IsEmpty})
		case values[0] == "":
			// Another empty filter filters nothing, as when it is left out.
		default:
			if fault := param.set(in, values[0]); fault != nil {
				wrong.Add(*fault)
			}
		}
	}
	return nil
}

// account is the key whose bounds the request counts for: of a session, that of the
// key that was signed in with.
func (c *Call) account() bellhop.KeyID {
	if c.key.Session != 0 {
		return c.key.Session
	}
	return c.key.ID
}
