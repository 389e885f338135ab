package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// The codes of errors that only an HTTP API has.
const (
	codeUnauthorized bellhop.Code = "unauthorized"
	codeForbidden    bellhop.Code = "forbidden"
	codeCrossOrigin  bellhop.Code = "cross_origin"
	codeTooMany      bellhop.Code = "too_many_requests"
	codeMethod       bellhop.Code = "method_not_allowed"
	codeMediaType    bellhop.Code = "unsupported_media_type"
	codeEmptyBody    bellhop.Code = "empty_body"
	codeIncomplete   bellhop.Code = "incomplete_body"
	codeInvalidJSON  bellhop.Code = strictjson.CodeInvalidJSON
	codeInvalidUTF8  bellhop.Code = strictjson.CodeInvalidUTF8
	codeDuplicateKey bellhop.Code = strictjson.CodeDuplicateKey
	codeTooDeep      bellhop.Code = strictjson.CodeTooDeep
	codeQuery        bellhop.Code = "invalid_query"
	codeInternal     bellhop.Code = "internal"
)

// kind is what all problems of one code have in common.
type kind struct {
	status int
	title  string
}

// kinds maps each code to its status and title: the one place that does.
func kinds() map[bellhop.Code]kind {
	return map[bellhop.Code]kind{
		codeInvalidJSON:  {400, "The body is not valid JSON"},
		codeInvalidUTF8:  {400, "The body is not UTF-8"},
		codeDuplicateKey: {400, "A key is there twice"},
		codeTooDeep:      {400, "The body is nested too deep"},
		codeEmptyBody:    {400, "The body is empty"},
		codeIncomplete:   {400, "The body ended early"},
		codeQuery:        {400, "The query cannot be read"},
		codeUnauthorized: {401, "A valid key is needed"},
		codeForbidden:    {403, "The key's role does not allow this"},
		codeCrossOrigin:  {403, "The request comes from another site"},
		codeTooMany:      {429, "Too many requests"},
		codeMethod:       {405, "The path does not take this method"},
		codeMediaType:    {415, "The body must be application/json"},
		codeInternal:     {500, "Bellhop failed"},

		bellhop.CodeNotFound:       {404, "Not found"},
		bellhop.CodeConflict:       {409, "Conflict"},
		bellhop.CodeIDConflict:     {409, "The id was used for different content"},
		bellhop.CodeEndpointStatus: {409, "The endpoint's status does not allow this"},
		bellhop.CodeUnsubscribed:   {409, "The endpoint does not listen to the event's app"},
		bellhop.CodeInboxesOff:     {409, "Inboxes are turned off"},
		bellhop.CodeErased:         {410, "The event's data is erased"},
		bellhop.CodeTooLarge:       {413, "Too large"},
		bellhop.CodeInvalid:        {422, "The request is not valid"},
		bellhop.CodeInvalidData:    {422, "The data breaks the schema of its type"},
		bellhop.CodeUnknownApp:     {422, "There is no such app"},
		bellhop.CodeUnknownType:    {422, "There is no such event type"},
		bellhop.CodeArchivedType:   {422, "The event type is archived"},
		bellhop.CodeVerification:   {422, "The URL did not pass its verification"},
		bellhop.CodeUnavailable:    {503, "Bellhop cannot take writes now"},
	}
}

// problem is an error of the caller's making.
func problem(code bellhop.Code, detail string) error {
	return &bellhop.Error{Code: code, Detail: detail}
}

// invalid is a request with wrong fields.
func invalid(fields ...bellhop.FieldError) error {
	return &bellhop.Error{Code: bellhop.CodeInvalid, Detail: "One or more fields are wrong; errors names each", Fields: fields}
}

// panicked carries a handler's panic to where errors are answered.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func newPanicked(value any) *panicked { return &panicked{value, debug.Stack()} }

// explain makes the problem that answers err. What Bellhop itself did wrong stays
// in the log: the answer has only the id to find it by.
func (a *api) explain(err error) wire.Problem {
	var e *bellhop.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, bellhop.ErrUnavailable):
		e = &bellhop.Error{Code: bellhop.CodeUnavailable, Detail: "The store cannot take writes now; nothing was done. Try again in a moment"}
	case errors.Is(err, bellhop.ErrRevision):
		e = &bellhop.Error{Code: bellhop.CodeConflict, Detail: "The object was changed by somebody else meanwhile; read it and try again"}
	default:
		e = &bellhop.Error{Code: codeInternal, Detail: "Bellhop failed to do this. Its log says why, under the request id given here"}
	}
	k, ok := a.kinds[e.Code]
	if !ok {
		k = kind{http.StatusUnprocessableEntity, "The request cannot be done"}
	}
	return wire.Problem{
		Type: "urn:bellhop:problem:" + string(e.Code), Title: k.title, Status: k.status,
		Code: e.Code, Detail: sentence(e.Detail), Errors: e.Fields,
	}
}

// sentence ends a detail with a full stop.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// fail answers err.
func (c *call) fail(err error) {
	if errors.Is(err, context.Canceled) && c.ctx().Err() != nil {
		c.w.status = statusGone
		return
	}
	p := c.a.explain(err)
	if p.Status >= 500 {
		p.RequestID = c.requestID()
		attrs := []any{"operation", c.route.id, "request_id", p.RequestID, "err", err}
		if pan, ok := errors.AsType[*panicked](err); ok {
			attrs = append(attrs, "stack", string(pan.stack))
		}
		if p.Status == http.StatusServiceUnavailable {
			c.a.o.Logger.WarnContext(c.ctx(), "request refused", attrs...)
		} else {
			c.a.o.Logger.ErrorContext(c.ctx(), "request failed", attrs...)
		}
	}
	if c.w.status != 0 {
		return // too late: part of the answer is out
	}
	h := c.w.Header()
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="bellhop"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	}
	if c.unread {
		// The rest of the body would have to be read before the connection
		// could be used again.
		h.Set("Connection", "close")
	}
	c.write(p.Status, "application/problem+json", p)
}

// retryAfterSeconds is when a caller may try again after a 503: a full disk does
// not empty itself within a second.
const retryAfterSeconds = 5

// statusGone marks, in metrics and logs, a caller who hung up before the answer.
const statusGone = 499

// clip shortens what a caller sent before it is repeated to him.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
