package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
)

// call is one request on its way: who asks, for what, and how it is answered.
type call struct {
	a     *api
	w     *answer
	r     *http.Request
	route *route
	// key is who asks; the zero Key on public routes.
	key bellhop.Key
	// status is what a success answers with; a handler may change it.
	status int
	id     string
	unread bool
}

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

// handle is the way of every request: authorize, decode and run (serve), answer,
// count, log.
func (a *api) handle(rt *route) http.Handler {
	count := a.metrics.of(rt.id)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := a.o.Now()
		c := &call{a: a, w: &answer{ResponseWriter: w}, r: r, route: rt}
		c.guard()
		took := a.o.Now().Sub(began)
		count(c.w.status, took)
		if log := a.o.Logger; log.Enabled(r.Context(), slog.LevelDebug) {
			path := r.URL.Path
			if token := r.PathValue("token"); token != "" { // an inbox's
				path = strings.ReplaceAll(path, token, "…")
			}
			log.DebugContext(r.Context(), "request", "operation", rt.id, "method", r.Method, "path", path,
				"status", c.w.status, "duration_ms", took.Milliseconds(), "key", c.key.ID.String(), "request_id", c.requestID())
		}
	})
}

// guard runs the route and answers its error or its panic.
func (c *call) guard() {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			c.fail(newPanicked(p))
		}
	}()
	h := c.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if !c.route.public {
		if err := c.authorize(); err != nil {
			c.unread = c.r.ContentLength != 0
			c.fail(err)
			return
		}
	}
	if err := c.route.serve(c); err != nil {
		c.fail(err)
	}
}

func (c *call) authorize() error {
	if err := c.authenticate(); err != nil {
		return err
	}
	if !c.route.access.permits(&c.key) {
		return problem(codeForbidden, "This takes a key with one of these roles: "+c.route.access.String())
	}
	return nil
}

// authenticate finds out who asks: by the header or, where there is none, by the
// cookie of a session.
func (c *call) authenticate() error {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		if cookie, err := c.r.Cookie(c.cookieName()); err == nil {
			return c.resume(cookie.Value)
		}
	}
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return problem(codeUnauthorized, `Send a key in the header "Authorization: Bearer bh_…"`)
	}
	if c.key, ok = c.a.b.Authenticate(token); !ok {
		return problem(codeUnauthorized, "The key is not known: it was deleted, has expired, or was copied incompletely")
	}
	return nil
}

// resume takes the token of a session from a cookie, which the browser adds by
// itself: whoever made it send the request need not know the token.
func (c *call) resume(token string) error {
	if err := c.sameOrigin(); err != nil {
		return err
	}
	k, ok := c.a.b.Authenticate(token)
	if !ok || k.Session == 0 {
		return problem(codeUnauthorized, "The session has ended: sign in again")
	}
	c.key = k
	return nil
}

// sameOrigin refuses requests that change something and that a page of another
// site has made.
func (c *call) sameOrigin() error {
	if c.a.crossOrigin.Check(c.r) == nil {
		return nil
	}
	return problem(codeCrossOrigin, "A browser says that a page of another origin made this request: only Bellhop's own pages may use a session. If this is its own page, the proxy before it must pass on the Host header, or --public-url must name its address")
}

func (c *call) ctx() context.Context { return c.r.Context() }

// actor is who asks, for the audit log: a person's key, not one of its sessions.
func (c *call) actor() string { return person(&c.key).String() }

// requestID names the request in the log; it is made when first needed.
func (c *call) requestID() string {
	if c.id == "" {
		c.id = "req_" + rand.Text()
	}
	return c.id
}

// none is the output of operations that answer 204, without a body.
type none struct{}

// on is a route whose handler takes its input, decoded and checked, as a struct:
// path and query parameters in tagged fields, the body in the field Body.
// Patterns are those of http.ServeMux. The first status is a success's, unless
// the handler changes it.
func on[In, Out any](pattern, id, tag string, h func(*call, In) (Out, error), summary, description string, statuses ...int) route {
	method, path, _ := strings.Cut(pattern, " ")
	p := planOf(reflect.TypeFor[In](), method)
	return route{
		method: method, path: path, id: id, tag: tag, summary: summary, description: description,
		statuses: statuses, input: p, output: reflect.TypeFor[Out](),
		serve: func(c *call) error {
			c.status = statuses[0]
			var in In
			if err := c.decode(p, reflect.ValueOf(&in).Elem()); err != nil {
				return err
			}
			out, err := h(c, in)
			if err != nil {
				return err
			}
			if c.status == http.StatusNoContent {
				c.w.WriteHeader(c.status)
				return nil
			}
			return c.write(c.status, "application/json", out)
		},
	}
}

// exact is an answer that encodes itself, since encoding/json would compact the
// published data in it.
type exact interface{ EncodeJSON() ([]byte, error) }

// write answers with a JSON body.
func (c *call) write(status int, contentType string, v any) error {
	var body []byte
	if e, ok := v.(exact); ok {
		b, err := e.EncodeJSON()
		if err != nil {
			return err
		}
		body = b
	} else {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return err
		}
		body = buf.Bytes()
	}
	c.w.Header().Set("Content-Type", contentType)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the caller hung up: nobody is left to tell
	return nil
}

// decode fills in with the parameters and the body, and refuses what is unknown.
func (c *call) decode(p *plan, in reflect.Value) error {
	fields, err := c.parameters(p, in)
	if err != nil {
		return err
	}
	if p.body == nil {
		if len(fields) > 0 {
			return invalid(fields...)
		}
		return nil
	}
	body, err := c.body(p.optional)
	if err != nil {
		return err
	}
	target := in.FieldByIndex(p.body)
	if raw, ok := target.Addr().Interface().(rawTarget); ok {
		raw.setRaw(body)
	} else if len(body) > 0 {
		wrong, err := decodeBody(body, target)
		if err != nil {
			return err
		}
		fields = append(fields, wrong...)
	}
	if len(fields) > 0 {
		return invalid(fields...)
	}
	return nil
}

// parameters fills the path and query parameters in.
func (c *call) parameters(p *plan, in reflect.Value) ([]bellhop.FieldError, error) {
	var fields []bellhop.FieldError
	for _, param := range p.path {
		if wrong := param.set(in, c.r.PathValue(param.name)); wrong != nil {
			// What cannot be an id of this kind is the id of nothing.
			return nil, missing(param.noun(), c.r.PathValue(param.name))
		}
	}
	for _, param := range p.query {
		if param.fallback != "" {
			param.set(in, param.fallback)
		}
	}
	if c.r.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, problem(codeQuery, "The query is not made of name=value pairs, percent-encoded and joined with &")
	}
	for name, values := range query {
		param := p.parameter(name)
		switch {
		case param == nil:
			fields = append(fields, unknown(name, "There is no such query parameter", p.queryNames()))
		case len(values) > 1:
			fields = append(fields, bellhop.FieldError{Field: name, Code: "repeated", Detail: "is given more than once: give it once"})
		case values[0] == "":
			// An empty filter filters nothing, as when it is left out.
		default:
			if wrong := param.set(in, values[0]); wrong != nil {
				fields = append(fields, *wrong)
			}
		}
	}
	return fields, nil
}

// body reads the whole body, which must be JSON by its headers and not larger
// than the route allows. It gives nil for an empty body that may be empty.
func (c *call) body(optional bool) (b []byte, err error) {
	r := c.r
	limit := c.route.maxBody
	if limit == 0 {
		limit = c.a.o.MaxBody
	}
	if r.ContentLength > limit {
		c.unread = true
		return nil, tooLarge(limit)
	}
	if r.ContentLength == 0 {
		if optional {
			return nil, nil
		}
		return nil, problem(codeEmptyBody, "Send a JSON object as the body")
	}
	if err := checkMediaType(r.Header); err != nil {
		c.unread = true
		return nil, err
	}
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(c.a.o.ReadTimeout)) // a recorder in a test has none
	if r.ContentLength > 0 {
		b = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, b)
	} else {
		b, err = io.ReadAll(http.MaxBytesReader(c.w.ResponseWriter, r.Body, limit))
	}
	if err != nil {
		c.unread = true
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, tooLarge(limit)
		}
		return nil, problem(codeIncomplete, "The body ended, or stopped arriving, before it was complete")
	}
	if len(b) == 0 && !optional {
		return nil, problem(codeEmptyBody, "Send a JSON object as the body")
	}
	return b, nil
}

func tooLarge(limit int64) error {
	return problem(bellhop.CodeTooLarge, "The body is larger than the "+byteSize(limit)+" allowed here")
}

func checkMediaType(h http.Header) error {
	if h.Get("Content-Encoding") != "" {
		return problem(codeMediaType, "Send the body without Content-Encoding")
	}
	contentType := h.Get("Content-Type")
	if contentType == "application/json" {
		return nil
	}
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil || t != "application/json" {
		return problem(codeMediaType, `Send the header "Content-Type: application/json"`)
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return problem(codeMediaType, "Send the body in UTF-8")
	}
	return nil
}
