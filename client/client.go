// Package client calls the HTTP API of a running Bellhop.
//
// Methods return a *Problem for what the server refuses; its Code is stable.
// Lists are iterators that fetch page after page.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// The objects of the API, as far as they are not the engine's own.
type (
	Publication      = wire.Publication
	Receipt          = wire.Receipt
	Event            = wire.Event
	Delivery         = wire.Delivery
	Attempt          = wire.Attempt
	EventTypePut     = wire.EventTypePut
	AppPut           = wire.AppPut
	AppPatch         = wire.AppPatch
	AppInput         = wire.AppInput
	EndpointInput    = wire.EndpointInput
	Notices          = wire.Notices
	NoticesPut       = wire.NoticesPut
	AppNoticesPut    = wire.AppNoticesPut
	NoticeTested     = wire.NoticeTested
	NewEndpoint      = wire.NewEndpoint
	SavedEndpoint    = wire.SavedEndpoint
	Rotated          = wire.Rotated
	ReplayInput      = wire.ReplayInput
	ReplayResult     = wire.ReplayResult
	KeyInput         = wire.KeyInput
	Key              = wire.Key
	NewKey           = wire.NewKey
	PortalInput      = wire.PortalInput
	PortalLink       = wire.PortalLink
	Session          = wire.Session
	Branding         = wire.Branding
	Setting          = wire.Setting
	Hold             = wire.Hold
	Node             = wire.Node
	AuditEntry       = wire.AuditEntry
	RefusedEntry     = wire.RefusedEntry
	Stats            = wire.Stats
	EndpointStats    = wire.EndpointStats
	Inbox            = wire.Inbox
	InboxContent     = wire.InboxContent
	InboxInput       = wire.InboxInput
	InboxPatch       = wire.InboxPatch
	InboxRequest     = wire.InboxRequest
	ListenRequest    = wire.ListenRequest
	ListenAnswer     = wire.ListenAnswer
	Preview          = wire.Preview
	PreviewInput     = wire.PreviewInput
	VerificationCode = wire.VerificationCode

	CheckRequestInput = wire.CheckRequestInput
	CheckedRequest    = wire.CheckedRequest
	CheckFinding      = wire.CheckFinding
	CheckedReceiver   = wire.CheckedReceiver
	CheckResult       = wire.CheckResult

	TransformTest    = wire.TransformTest
	TransformEvent   = wire.TransformEvent
	TransformTested  = wire.TransformTested
	TransformRequest = wire.TransformRequest
	TransformError   = wire.TransformError
	EndpointsStats   = wire.EndpointsStats
	MatchesInput     = wire.MatchesInput
	Matches          = wire.Matches
	DataField        = wire.DataField
	Backlog          = wire.Backlog
	Troubled         = wire.Troubled
	Failures         = wire.Failures
	ResumedEndpoint  = wire.ResumedEndpoint
)

// Problem is what the server refused, and why.
type Problem struct {
	wire.Problem
	// RetryAfter, if not 0, is when to try again at the earliest (429, 503).
	RetryAfter time.Duration
}

// Error gives the sentence and the fields at fault.
func (p *Problem) Error() string {
	e := bellhop.Error{Code: p.Code, Detail: strings.TrimSuffix(p.Detail, "."), Fields: p.Errors}
	if e.Detail == "" {
		e.Detail = p.Title
	}
	text := e.Error()
	if p.RequestID != "" {
		text += " (" + p.RequestID + ")"
	}
	return text
}

// Fields name each field at fault.
func (p *Problem) Fields() []bellhop.FieldError { return p.Errors }

// CodeOf is the code of a Problem anywhere in err's chain, or "".
func CodeOf(err error) bellhop.Code {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code
	}
	return ""
}

// Client calls one Bellhop with one key. It is safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New makes a client of the Bellhop at baseURL, such as "http://127.0.0.1:8420".
// A nil httpClient means http.DefaultClient; its Timeout, if any, ends streams.
func New(baseURL, token string, httpClient *http.Client) *Client {
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	return &Client{base: strings.TrimRight(baseURL, "/"), token: token, http: httpClient}
}

// maxAnswer bounds what is read of an answer: a page of attempts stays far below.
const maxAnswer = 64 << 20

// send makes a request and gives its response, or a *Problem.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Response, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, fmt.Errorf("call Bellhop: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("call Bellhop: %w", err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		return resp, nil
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	return nil, readProblem(resp)
}

// readProblem reads the answer to a request that failed, also where something
// else than Bellhop answered, such as a proxy.
func readProblem(resp *http.Response) error {
	p := &Problem{}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if json.Unmarshal(text, &p.Problem) != nil || p.Code == "" {
		p.Problem = wire.Problem{Title: "An answer that is not Bellhop's", Detail: "The server answered " + resp.Status + " and not as Bellhop does: is the address right?"}
	}
	p.Status = resp.StatusCode
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}

// call makes a request with a JSON body (nil: none) and decodes the answer.
func call[Out any](ctx context.Context, c *Client, method, path string, query url.Values, in any) (out Out, err error) {
	var body []byte
	switch in := in.(type) {
	case nil:
	case json.RawMessage:
		body = in
	default:
		if err := checkText("", reflect.ValueOf(in)); err != nil {
			return out, err
		}
		if body, err = encode(in); err != nil {
			return out, fmt.Errorf("encode the request: %w", err)
		}
	}
	resp, err := c.send(ctx, method, path, query, body)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&out); err != nil {
		return out, fmt.Errorf("read Bellhop's answer: %w", err)
	}
	return out, nil
}

// encode gives the JSON of a request; what the caller gave as JSON, byte for byte.
func encode(in any) ([]byte, error) {
	if exact, ok := in.(interface{ EncodeJSON() ([]byte, error) }); ok {
		return exact.EncodeJSON()
	}
	return json.Marshal(in)
}

// list iterates over a list, page after page. After an error it ends.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		query := cloneValues(query)
		for {
			page, err := call[wire.Page[T]](ctx, c, http.MethodGet, path, query, nil)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, v := range page.Data {
				if !yield(v, nil) {
					return
				}
			}
			if page.NextCursor == "" {
				return
			}
			query.Set("cursor", page.NextCursor)
		}
	}
}

func cloneValues(v url.Values) url.Values {
	out := url.Values{}
	for name, values := range v {
		out[name] = values
	}
	return out
}

// values turns a filter struct into a query; zero fields are left out.
func values(filter any) url.Values {
	query := url.Values{}
	v := reflect.ValueOf(filter)
	for i := range v.NumField() {
		field := v.Field(i)
		if field.IsZero() {
			continue
		}
		name := v.Type().Field(i).Tag.Get("query")
		if t, ok := field.Interface().(time.Time); ok {
			query.Set(name, t.UTC().Format(time.RFC3339Nano))
		} else if list, ok := field.Interface().([]string); ok {
			query[name] = list
		} else {
			query.Set(name, fmt.Sprint(field.Interface()))
		}
	}
	return query
}

// at builds a path of which the given parts are escaped.
func at(format string, parts ...any) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(fmt.Sprint(p))
	}
	return fmt.Sprintf(format, parts...)
}
