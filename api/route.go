package api

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
)

// Route is one operation of an API. On, Streaming and Plain make one.
type Route struct {
	// Method and Path are a pattern of http.ServeMux.
	Method, Path string
	// ID names the operation for the desk, in the document, in metrics and in the
	// log.
	ID  string
	Tag string

	Summary, Description string
	// Statuses are those of successes, the usual one first.
	Statuses []int
	// Public routes take no key.
	Public bool

	// codes are the problems that are particular to it.
	codes  []bellhop.Code
	input  *plan
	output reflect.Type
	// content is the type of an answer that is not JSON of output.
	content string
	// reads says that it looks through logs, and filters which of its parameters make
	// it look at less.
	reads   bool
	filters []string
	// streams says that it lasts as long as its reader likes, and lines that its body and
	// its answer are lines of JSON.
	streams, lines bool
	maxBody        int64
	// hides is a path parameter that the log must not show.
	hides string
	serve func(c *Call) error
}

// On is a route whose handler takes its input, decoded and checked, as a struct:
// path and query parameters in tagged fields, the body in the field Body.
// Patterns are those of http.ServeMux. The first status is a success's, unless
// the handler changes it.
func On[In, Out any](pattern, id, tag string, h func(*Call, In) (Out, error), summary, description string, statuses ...int) Route {
	method, path, _ := strings.Cut(pattern, " ")
	p := planOf(reflect.TypeFor[In](), method)
	run := func(c *Call, in In) (Out, error) {
		out, err := h(c, in)
		again, err := c.missed(err)
		if again {
			c.status = statuses[0]
			out, err = h(c, in)
		}
		return out, err
	}
	inTurn := func(c *Call, in In) (out Out, err error) {
		err = c.inTurn(func() (err error) { out, err = run(c, in); return err })
		return out, err
	}
	return Route{
		Method: method, Path: path, ID: id, Tag: tag, Summary: summary, Description: description,
		Statuses: statuses, input: p, output: reflect.TypeFor[Out](),
		serve: func(c *Call) error {
			c.status = statuses[0]
			var in In
			if err := c.decode(p, reflect.ValueOf(&in).Elem()); err != nil {
				return err
			}
			var out Out
			var err error
			if c.route.reads {
				out, err = inTurn(c, in)
			} else {
				out, err = run(c, in)
			}
			if err != nil {
				return err
			}
			if c.status == http.StatusNoContent {
				c.w.WriteHeader(c.status)
				return nil
			}
			return c.write(c.status, typeJSON, out)
		},
	}
}

// Streaming is a route of server-sent events: its handler writes them, and returns
// once there are no more. Each key may have so many open at once.
func Streaming[In any](pattern, id, tag string, h func(*Call, In) error, summary, description string) Route {
	r := On(pattern, id, tag, func(c *Call, in In) (None, error) { return None{}, nil }, summary, description, http.StatusOK)
	p := r.input
	r.content, r.streams = "text/event-stream", true
	r.serve = func(c *Call) error {
		var in In
		if err := c.decode(p, reflect.ValueOf(&in).Elem()); err != nil {
			return err
		}
		done, err := c.kit.bounds.stream(c.account(), c.share())
		if err != nil {
			return err
		}
		defer done()
		again, err := c.missed(h(c, in))
		if again && c.w.status == 0 { // nothing of an answer is out
			err = h(c, in)
		}
		return err
	}
	return r
}

// Downloading is a route whose answer may be long: its handler writes it piece by piece
// ([Call.Download]). Each key may have so many under way at once, as of streams.
func Downloading[In any](pattern, id, tag, content string, h func(*Call, In) error, summary, description string) Route {
	r := Streaming(pattern, id, tag, h, summary, description)
	r.content = content
	return r
}

// Uploading is a route that reads a body of lines while it answers them, with lines
// ([Call.Lines], [Call.Answers]); each line of the body is an In. Each key may have so many
// under way at once, as of streams.
func Uploading[In, Out any](pattern, id, tag string, h func(*Call) error, summary, description string) Route {
	method, path, _ := strings.Cut(pattern, " ")
	p := planOf(reflect.TypeFor[struct{ Body In }](), method)
	return Route{
		Method: method, Path: path, ID: id, Tag: tag, Summary: summary, Description: description,
		Statuses: []int{http.StatusOK}, input: p, output: reflect.TypeFor[Out](), streams: true, lines: true,
		serve: func(c *Call) error {
			var wrong Faults
			if err := cmp.Or(c.parameters(p, reflect.Value{}, &wrong), wrong.Err()); err != nil {
				c.unread = true
				return err
			}
			if err := checkLinesType(c.r.Header); err != nil {
				c.unread = true
				return err
			}
			done, err := c.kit.bounds.stream(c.account(), c.share())
			if err != nil {
				c.unread = true
				return err
			}
			defer done()
			return h(c)
		},
	}
}

// Plain is a route without input that writes its answer itself.
func Plain(path, id, tag, content string, serve func(*Call) error, summary, description string) Route {
	return Route{
		Method: http.MethodGet, Path: path, ID: id, Tag: tag, Summary: summary, Description: description,
		Statuses: []int{http.StatusOK}, input: &plan{}, content: content, serve: serve,
	}
}

// Foreign is a public route of requests that are not made for the API: it takes any
// method, is in no document, and its pattern is the mux's affair.
func Foreign(id string, serve func(*Call) error) Route {
	return Route{ID: id, Public: true, serve: serve}
}

// pattern is the route's for a mux.
func (r *Route) pattern() string { return r.Method + " " + r.Path }

// mistakes tells whether the route's pattern matches a path of another, in which a word
// stands where the route has an id that cannot be so.
func (r *Route) mistakes(path string) bool {
	mine, words := strings.Split(r.Path, "/"), strings.Split(path, "/")
	if len(mine) != len(words) {
		return false
	}
	mistaken := false
	for i, part := range mine {
		name, wild := strings.CutPrefix(part, "{")
		switch {
		case part == words[i]:
		case !wild || strings.HasPrefix(words[i], "{"):
			return false
		default:
			mistaken = mistaken || !r.input.names(strings.TrimSuffix(name, "}"), words[i])
		}
	}
	return mistaken
}

// Fails names the problems that are particular to a route.
func (r Route) Fails(codes ...bellhop.Code) Route {
	r.codes = append(slices.Clip(r.codes), codes...)
	return r
}

// Reads marks a route that looks through logs: how many of those run at once is
// bounded, by account. Filters are the query's parameters that make it look at less, the
// best first; where there are some, it ends with a CodeTooBroad problem that names them
// if it takes longer than Options.ReadLimit.
func (r Route) Reads(filters ...string) Route {
	r.reads, r.filters = true, filters
	r.codes = append(slices.Clip(r.codes), bellhop.CodeTooMany)
	if len(filters) > 0 {
		r.codes = append(r.codes, bellhop.CodeTooBroad)
	}
	return r
}

// Takes bounds a route's body, in bytes.
func (r Route) Takes(maxBody int64) Route {
	r.maxBody = maxBody
	return r
}

// Open makes a route public.
func (r Route) Open() Route {
	r.Public = true
	return r
}

// Hides keeps a path parameter out of the log, since whoever knows it can use it.
func (r Route) Hides(parameter string) Route {
	r.hides = parameter
	return r
}

// The inputs and outputs of operations that have none.
type (
	// None is the output of operations that answer 204, without a body.
	None struct{}
	// NoInput is the input of operations that take nothing.
	NoInput struct{}
	// Nothing is the body of a POST that takes no input: empty, or an object
	// without members, which many clients send anyway.
	Nothing struct {
		Body *struct{}
	}
)

// RawBody is a body that the handler decodes by itself; T is what it holds.
type RawBody[T any] struct{ Bytes []byte }

func (r *RawBody[T]) setRaw(b []byte)      { r.Bytes = b }
func (*RawBody[T]) contents() reflect.Type { return reflect.TypeFor[T]() }

type rawTarget interface {
	setRaw(b []byte)
	contents() reflect.Type
}
