package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/internal/strictjson"
	"github.com/bellhop/bellhop/internal/suggest"
)

// The codes of errors that only an HTTP API has.
const (
	CodeUnauthorized bellhop.Code = "unauthorized"
	CodeCrossOrigin  bellhop.Code = "cross_origin"
	CodeMethod       bellhop.Code = "method_not_allowed"
	CodeMediaType    bellhop.Code = "unsupported_media_type"
	CodeEmptyBody    bellhop.Code = "empty_body"
	CodeIncomplete   bellhop.Code = "incomplete_body"
	CodeInvalidJSON  bellhop.Code = strictjson.CodeInvalidJSON
	CodeInvalidUTF8  bellhop.Code = strictjson.CodeInvalidUTF8
	CodeDuplicateKey bellhop.Code = strictjson.CodeDuplicateKey
	CodeTooDeep      bellhop.Code = strictjson.CodeTooDeep
	CodeTooManyKeys  bellhop.Code = strictjson.CodeTooManyKeys
	CodeQuery        bellhop.Code = "invalid_query"
	CodeInternal     bellhop.Code = "internal"
	CodeBusy         bellhop.Code = "busy"
	CodeIdle         bellhop.Code = "idle"

	CodeNotImplemented bellhop.Code = "not_implemented"
)

// Kind is what all problems of one code have in common.
type Kind struct {
	Status int
	// Title is a short sentence without a full stop.
	Title string
}

// kinds maps each code to its status and title: the one place that does.
func kinds() map[bellhop.Code]Kind {
	return map[bellhop.Code]Kind{
		CodeInvalidJSON:       {400, "The body is not valid JSON"},
		CodeInvalidUTF8:       {400, "The body is not UTF-8"},
		CodeDuplicateKey:      {400, "A key is there twice"},
		CodeTooDeep:           {400, "The body is nested too deep"},
		CodeTooManyKeys:       {400, "An object has too many keys"},
		CodeEmptyBody:         {400, "The body is empty"},
		CodeIncomplete:        {400, "The body ended early"},
		CodeQuery:             {400, "The query cannot be read"},
		CodeIdle:              {408, "Nothing came for long"},
		CodeUnauthorized:      {401, "A valid key is needed"},
		bellhop.CodeForbidden: {403, "The key's role does not allow this"},
		bellhop.CodeLocked:    {403, "An operator has locked the endpoint"},
		CodeCrossOrigin:       {403, "The request comes from another site"},
		bellhop.CodeTooMany:   {429, "Too many requests"},
		CodeMethod:            {405, "The path does not take this method"},
		CodeMediaType:         {415, "The body is of a type that is not taken here"},
		CodeInternal:          {500, "Bellhop failed"},
		CodeBusy:              {503, "Bellhop has as much to do as it can"},
		CodeNotImplemented:    {501, "Bellhop does not do this"},

		bellhop.CodeBacklogFull: {429, "Too many deliveries wait"},

		bellhop.CodeNotFound:       {404, "Not found"},
		bellhop.CodeConflict:       {409, "Conflict"},
		bellhop.CodeIDConflict:     {409, "The id was used for different content"},
		bellhop.CodeEndpointStatus: {409, "The endpoint's status does not allow this"},
		bellhop.CodeUnsubscribed:   {409, "The endpoint does not listen to the event's app"},
		bellhop.CodeUIDConflict:    {409, "The uid belongs to another object"},
		bellhop.CodeManySecrets:    {409, "Too many secrets are valid"},
		bellhop.CodeInboxesOff:     {409, "Inboxes are turned off"},
		bellhop.CodeErased:         {410, "The event's data is erased"},
		bellhop.CodeTooLarge:       {413, "Too large"},
		bellhop.CodeTooBroad:       {422, "The question takes too long to answer"},
		bellhop.CodeInvalid:        {422, "The request is not valid"},
		bellhop.CodeInvalidData:    {422, "The data breaks the schema of its type"},
		bellhop.CodeUnknownApp:     {422, "There is no such app"},
		bellhop.CodeUnknownType:    {422, "There is no such event type"},
		bellhop.CodeArchivedType:   {422, "The event type is archived"},
		bellhop.CodeVerification:   {422, "The URL did not pass its verification"},
		bellhop.CodeUnavailable:    {503, "Bellhop cannot take writes now"},
	}
}

// Problem is an error of the caller's making.
func Problem(code bellhop.Code, detail string) error {
	return &bellhop.Error{Code: code, Detail: detail}
}

// Invalid is a request with wrong fields.
func Invalid(fields ...bellhop.FieldError) error {
	return bellhop.Invalid("One or more fields are wrong; errors names each", fields...)
}

// Faults collects fields at fault, and after the first hundred only counts them: an
// answer need not be longer than the request.
type Faults struct {
	list []bellhop.FieldError
	more int
}

// mostFaults is how many fields at fault an answer names.
const mostFaults = 100

// Add adds a field.
func (f *Faults) Add(e bellhop.FieldError) {
	if !f.Count() {
		f.list = append(f.list, e)
	}
}

// Count tells whether there are as many as are named, and then counts one more: where it
// takes time to say what is wrong.
func (f *Faults) Count() bool {
	if len(f.list) < mostFaults {
		return false
	}
	f.more++
	return true
}

// List gives the fields, with a last line that says how many more there are.
func (f *Faults) List() []bellhop.FieldError { return andMore(f.list, f.more) }

// Err is the problem with the fields, nil if there are none.
func (f *Faults) Err() error {
	if len(f.list) == 0 {
		return nil
	}
	return Invalid(f.List()...)
}

// andMore ends a list of fields with a line that says how many more there are.
func andMore(list []bellhop.FieldError, more int) []bellhop.FieldError {
	if len(list) > mostFaults {
		list, more = list[:mostFaults], len(list)-mostFaults
	}
	if more > 0 {
		list = append(slices.Clip(list), bellhop.FieldError{Field: "", Code: "more", Detail: fmt.Sprintf("%d more are wrong: mend these first", more)})
	}
	return list
}

// bounded is a list that may be as long as somebody made it, for an answer. One that is
// bounded already has its last line.
func bounded(list []bellhop.FieldError) []bellhop.FieldError {
	if len(list) == mostFaults+1 && list[mostFaults].Code == "more" {
		return list
	}
	return andMore(list, 0)
}

// UnknownField is the error for a name that is not known, with the known name that
// was probably meant.
func UnknownField(name, detail string, known []string) bellhop.FieldError {
	if near := suggest.Nearest(name, known); near != "" {
		detail += `; did you mean "` + near + `"?`
	}
	return bellhop.FieldError{Field: bellhop.Clip(name), Code: "unknown_field", Detail: detail}
}

// ErrNoKey asks for a key.
func ErrNoKey() error {
	return Problem(CodeUnauthorized, `Send a key in the header "Authorization: Bearer bh_…"`)
}

// ErrUnknownKey says that a key is none, or no longer.
func ErrUnknownKey() error {
	return Problem(CodeUnauthorized, "The key is not known: it was deleted, has expired, or was copied incompletely")
}

// panicked carries a handler's panic to where errors are answered.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func newPanicked(value any) *panicked { return &panicked{value, debug.Stack()} }

// explain makes the problem that answers err, and says when to try again at the
// earliest, if that is of use. What Bellhop itself did wrong stays in the log: the
// answer has only the id to find it by.
func (k *Kit) explain(err error) (p wire.Problem, again time.Duration) {
	var e *bellhop.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, bellhop.ErrUnknown):
		e = &bellhop.Error{Code: bellhop.CodeUnavailable, Detail: "The database's answer was lost: whether this was done is not known. To publish again is safe with the same id; of anything else, look first"}
	case errors.Is(err, bellhop.ErrUnavailable):
		e = &bellhop.Error{Code: bellhop.CodeUnavailable, Detail: "The database cannot be used now, or takes no writes; nothing was done. Try again in a moment"}
	case errors.Is(err, context.DeadlineExceeded):
		e = &bellhop.Error{Code: bellhop.CodeUnavailable, Detail: "The database took too long for this. Try again in a moment; of a change, look first whether it was made"}
	case errors.Is(err, bellhop.ErrRevision):
		e = &bellhop.Error{Code: bellhop.CodeConflict, Detail: "The object was changed by somebody else meanwhile; read it and try again"}
	default:
		e = &bellhop.Error{Code: CodeInternal, Detail: "Bellhop failed to do this. Its log says why, under the request id given here"}
	}
	of, ok := k.kinds[e.Code]
	if !ok {
		of = Kind{http.StatusUnprocessableEntity, "The request cannot be done"}
	}
	again = e.RetryAfter
	switch {
	case again > 0:
	case of.Status == http.StatusServiceUnavailable:
		again = afterUnavailable
	case of.Status == http.StatusTooManyRequests:
		again = time.Second
	}
	return wire.Problem{
		Type: problemType + string(e.Code), Title: of.Title, Status: of.Status,
		Code: e.Code, Detail: sentence(e.Detail), Errors: bounded(e.Fields),
	}, again
}

// problemType begins the types of problems; the code ends them.
const problemType = "urn:bellhop:problem:"

// sentence ends a detail with a full stop.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// fail answers err.
func (c *Call) fail(err error) {
	if errors.Is(err, context.Canceled) && c.Context().Err() != nil {
		c.w.status = statusGone
		return
	}
	p, again := c.explained(err)
	if c.w.status != 0 {
		return // too late: part of the answer is out
	}
	h := c.w.Header()
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="bellhop"`)
	}
	if again > 0 {
		h.Set("Retry-After", wholeSeconds(again))
	}
	if c.unread {
		// The rest of the body would have to be read before the connection
		// could be used again.
		h.Set("Connection", "close")
	}
	contentType, body := c.kit.manner.answer(c.r, p)
	_ = c.write(p.Status, contentType, body) // a struct of texts has JSON
	if c.unread && p.Code != CodeIncomplete {
		c.readOn()
	}
}

// explained makes the problem that answers err, and tells the log of a failure.
func (c *Call) explained(err error) (p wire.Problem, again time.Duration) {
	p, again = c.kit.explain(err)
	if p.Status >= 500 && p.Code != CodeNotImplemented {
		p.RequestID = c.requestID()
		attrs := []any{"operation", c.route.ID, "request_id", p.RequestID, "err", err}
		if pan, ok := errors.AsType[*panicked](err); ok {
			attrs = append(attrs, "stack", string(pan.stack))
		}
		if p.Status == http.StatusServiceUnavailable {
			level := slog.LevelDebug
			// That the store is away has been told, once.
			if !errors.Is(err, bellhop.ErrUnavailable) && !errors.Is(err, bellhop.ErrUnknown) {
				if since, ok := c.kit.refusals.tell(c.kit.o.Now()); ok {
					level, attrs = slog.LevelWarn, append(attrs, "refused_since_last", since)
				}
			}
			c.kit.o.Logger.Log(c.Context(), level, "request refused", attrs...)
		} else {
			c.kit.o.Logger.ErrorContext(c.Context(), "request failed", attrs...)
		}
	}
	return p, again
}

// refusals are the requests answered 503, but for those that the store was away for. While
// there is no room every request is one, and a line for each would fill the disk.
type refusals struct {
	mu     sync.Mutex
	told   time.Time
	untold int
}

// refusalsToldEvery is how often the log tells of refusals.
const refusalsToldEvery = 10 * time.Second

// tell counts a refusal, and says whether the log is to tell of it, with how many
// there were since it last did.
func (r *refusals) tell(now time.Time) (since int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.untold++
	if passed := now.Sub(r.told); passed >= 0 && passed < refusalsToldEvery {
		return 0, false
	}
	since = r.untold
	r.told, r.untold = now, 0
	return since, true
}

// wholeSeconds prints a wait for Retry-After, which knows no fractions (RFC 9110,
// section 10.2.3): rounded up, lest the caller come too early.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}

// afterUnavailable is when a caller may try again after a 503: a full disk does not
// empty itself within a second.
const afterUnavailable = 5 * time.Second

// statusGone marks, in metrics and logs, a caller who hung up before the answer.
const statusGone = 499
