package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

type inboxToken struct {
	Token string `path:"token" noun:"inbox" doc:"The inbox's token."`
}

type createInboxInput struct{ Body wire.InboxInput }

func (a *api) createInbox(c *call, in createInboxInput) (wire.Inbox, error) {
	if a.b.InboxesEnabled() { // else the engine says so, whichever the app
		if err := c.knownApp("app", in.Body.App); err != nil {
			return wire.Inbox{}, err
		}
	}
	made, err := a.b.CreateInbox(c.ctx(), c.actor(), in.Body.App, in.Body.ExpiresIn)
	return wire.Inbox(made), err
}

type listInboxesInput struct {
	App string `query:"app" doc:"Only inboxes of this app." example:"acme"`
}

func (a *api) listInboxes(c *call, in listInboxesInput) (wire.List[wire.Inbox], error) {
	apps, err := c.apps(in.App)
	if err != nil {
		return wire.List[wire.Inbox]{}, err
	}
	inboxes, err := a.b.Inboxes(apps)
	if err != nil {
		return wire.List[wire.Inbox]{}, err
	}
	list := make([]wire.Inbox, len(inboxes))
	for i, inbox := range inboxes {
		list[i] = wire.Inbox(inbox)
	}
	return wholeList(list), nil
}

// inbox gives an inbox of an app that the key reaches, and the requests in it that
// came after the given one.
func (c *call) inbox(token string, after int) (bellhop.Inbox, []*bellhop.InboxRequest, error) {
	inbox, requests, err := c.a.b.Inbox(token, int64(after))
	if bellhop.IsNotFound(err) || err == nil && !c.key.Sees(inbox.App) {
		return bellhop.Inbox{}, nil, missing("inbox", token)
	}
	return inbox, requests, err
}

type getInboxInput struct {
	inboxToken
	After int `query:"after" minimum:"0" doc:"Only requests whose id is above this: those that came since one looked last." example:"0"`
}

func (a *api) getInbox(c *call, in getInboxInput) (wire.InboxContent, error) {
	inbox, requests, err := c.inbox(in.Token, in.After)
	if err != nil {
		return wire.InboxContent{}, err
	}
	out := wire.InboxContent{Inbox: wire.Inbox(inbox), Requests: []wire.InboxRequest{}}
	for _, r := range requests {
		if c.key.Sees(r.App) { // an endpoint of several apps brings events of each
			out.Requests = append(out.Requests, c.inboxRequest(r))
		}
	}
	return out, nil
}

// inboxRequest dresses a request for the wire, with the headers that may be seen.
func (c *call) inboxRequest(r *bellhop.InboxRequest) wire.InboxRequest {
	out := wire.InboxRequest{
		ID: r.ID, At: r.At, Method: r.Method, Path: r.Path, Headers: r.Header,
		Truncated: r.Truncated, Answered: r.Answered,
	}
	var endpoint bellhop.EndpointID
	if r.Signature != nil {
		signature := wire.InboxSignature(*r.Signature)
		out.Signature, endpoint = &signature, signature.Endpoint
	}
	if !c.seesHeaders() {
		out.Headers = c.discreet(endpoint, r.Header)
	}
	if text := r.Body; utf8.Valid(text) {
		out.Body = string(text)
	} else {
		out.BodyBase64 = text
	}
	return out
}

type updateInboxInput struct {
	inboxToken
	Body wire.InboxPatch
}

func (a *api) updateInbox(c *call, in updateInboxInput) (wire.Inbox, error) {
	if _, _, err := c.inbox(in.Token, 0); err != nil {
		return wire.Inbox{}, err
	}
	changed, err := a.b.AnswerInbox(c.ctx(), c.actor(), in.Token, in.Body.AnswerStatus)
	return wire.Inbox(changed), err
}

func (a *api) deleteInbox(c *call, in inboxToken) (none, error) {
	if _, _, err := c.inbox(in.Token, 0); err != nil {
		return none{}, err
	}
	return none{}, a.b.DeleteInbox(c.ctx(), c.actor(), in.Token)
}

// The bounds of requests to inboxes from outside. Anybody who has a token can make
// some, and each one that is under way may take bellhop.MaxInboxBody of memory.
const (
	maxInboxCalls  = 16
	maxInboxHeader = 16 << 10
	maxInboxPath   = 4 << 10
	// maxInboxRest is how much of a longer body is read and thrown away, so that
	// its sender gets to hear the answer.
	maxInboxRest = 16 << 20
	// maxInboxWait is how long a body may take to arrive.
	maxInboxWait = 10 * time.Second
)

// receiving is the route of requests to inboxes from outside: by any method, with
// an answer for whatever sent it, and so no operation of the API.
func (a *api) receiving() *route {
	under := make(chan struct{}, maxInboxCalls)
	return &route{id: "receive", public: true, serve: func(c *call) error {
		select {
		case under <- struct{}{}:
			defer func() { <-under }()
		default:
			c.unread = true
			c.reply(http.StatusServiceUnavailable, "The inboxes are busy. Try again in a moment.\n")
			return nil
		}
		return a.receive(c)
	}}
}

func (a *api) receive(c *call) error {
	r := bellhop.InboxRequest{Method: c.r.Method, Path: c.r.URL.RequestURI(), Header: arrivedHeader(c.r)}
	size := 0
	for name, values := range r.Header {
		size += len(name) + len(strings.Join(values, ""))
	}
	c.unread = true // until the body was read to its end
	switch {
	case size > maxInboxHeader:
		c.reply(http.StatusRequestHeaderFieldsTooLarge, "The headers are longer than the "+byteSize(maxInboxHeader)+" that an inbox takes.\n")
		return nil
	case len(r.Path) > maxInboxPath:
		c.reply(http.StatusRequestURITooLong, "The path is longer than the "+byteSize(maxInboxPath)+" that an inbox takes.\n")
		return nil
	}
	status, text, err := a.b.Receive(c.r.PathValue("token"), r, c.inboxBody)
	if err != nil {
		c.reply(http.StatusBadRequest, "The body ended, or stopped arriving, before it was complete.\n")
		return nil
	}
	c.reply(status, text)
	return nil
}

// arrivedHeader is the header of a request as it came, but for what lets its
// readers act as its sender: browsers send the dashboard's cookie along to every
// path, and an inbox shows what it gets.
func arrivedHeader(r *http.Request) http.Header {
	h := r.Header.Clone()
	h.Set("Host", r.Host)
	if r.ContentLength > 0 {
		h.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	if h["Cookie"] != nil {
		h["Cookie"] = []string{hidden}
	}
	for i, v := range h["Authorization"] {
		if strings.Contains(v, "bh_") {
			h["Authorization"][i] = hidden
		}
	}
	return h
}

// inboxBody reads as much of the body as an inbox looks at.
func (c *call) inboxBody() (body []byte, more bool, err error) {
	limit := min(c.a.o.ReadTimeout, maxInboxWait)
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(limit)) // a recorder in a test has none
	body, err = io.ReadAll(io.LimitReader(c.r.Body, bellhop.MaxInboxBody))
	if err != nil {
		return nil, false, err
	}
	n, err := io.CopyN(io.Discard, c.r.Body, maxInboxRest)
	c.unread = !errors.Is(err, io.EOF)
	return body, n > 0, nil
}

// reply answers a request to an inbox.
func (c *call) reply(status int, text string) {
	h := c.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if c.unread {
		h.Set("Connection", "close")
	}
	c.w.WriteHeader(status)
	if text != "" {
		_, _ = io.WriteString(c.w, text) // the sender hung up: nobody is left to tell
	}
}
