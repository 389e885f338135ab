package native

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

type inboxToken struct {
	Token string `path:"token" noun:"inbox" doc:"The inbox's token."`
}

type createInboxInput struct{ Body wire.InboxInput }

func (n *native) createInbox(c *api.Call, in createInboxInput) (wire.Inbox, error) {
	made, err := n.desk.CreateInbox(c.Context(), c.Principal(), in.Body.App, in.Body.ExpiresIn)
	return shownInbox(made), err
}

// shownInbox dresses an inbox for the wire.
func shownInbox(in desk.Inbox) wire.Inbox {
	a := in.Answer
	return wire.Inbox{
		Token: in.Token, URL: in.URL, App: in.App,
		AnswerStatus: a.Status, AnswerBody: a.Body, AnswerHeaders: a.Headers, AnswerDelay: a.Delay,
		FailFirst: a.FailFirst, FailLeft: a.FailLeft, FailStatus: a.FailStatus,
		CreatedAt: in.CreatedAt, ExpiresAt: in.ExpiresAt, Capacity: in.Capacity, Received: in.Received,
	}
}

type listInboxesInput struct {
	App string `query:"app" doc:"Only inboxes of this app." example:"acme"`
}

func (n *native) listInboxes(c *api.Call, in listInboxesInput) (wire.List[wire.Inbox], error) {
	inboxes, err := n.desk.Inboxes(c.Context(), c.Principal(), in.App)
	return whole(inboxes, shownInbox), err
}

type getInboxInput struct {
	inboxToken
	After int `query:"after" minimum:"0" doc:"Only requests whose id is above this: those that came since one looked last." example:"0"`
}

func (n *native) getInbox(c *api.Call, in getInboxInput) (wire.InboxContent, error) {
	inbox, requests, err := n.desk.Inbox(c.Context(), c.Principal(), in.Token, int64(in.After))
	return wire.InboxContent{Inbox: shownInbox(inbox), Requests: whole(requests, inboxRequest).Data}, err
}

// inboxRequest dresses a request for the wire.
func inboxRequest(r *desk.InboxRequest) wire.InboxRequest {
	out := wire.InboxRequest{
		ID: r.ID, At: r.At, Method: r.Method, Path: r.Path, Headers: r.Header,
		Truncated: r.Truncated, Answered: r.Answered,
	}
	if r.Signature != nil {
		signature := wire.InboxSignature(*r.Signature)
		out.Signature = &signature
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

func (n *native) updateInbox(c *api.Call, in updateInboxInput) (wire.Inbox, error) {
	changed, err := n.desk.AnswerInbox(c.Context(), c.Principal(), in.Token, desk.AnswerChange(in.Body))
	return shownInbox(changed), err
}

func (n *native) deleteInbox(c *api.Call, in inboxToken) (api.None, error) {
	return api.None{}, n.desk.DeleteInbox(c.Context(), c.Principal(), in.Token)
}

// The bounds of requests to inboxes from outside. Anybody who has a token can make
// some, and each one that is under way may take desk.MaxInboxBody of memory.
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
func (n *native) receiving() *api.Route {
	under := make(chan struct{}, maxInboxCalls)
	route := api.Foreign("receive", func(c *api.Call) error {
		arrived := arrival{w: c.Writer(), r: c.Request(), unread: true}
		select {
		case under <- struct{}{}:
		default:
			arrived.reply(http.StatusServiceUnavailable, "The inboxes are busy. Try again in a moment.\n", nil)
			return nil
		}
		answer := n.receive(&arrived)
		<-under // what waits for its answer holds up no other
		if answer.Delay > 0 {
			// Reading is over: its deadline would end the waiting.
			_ = http.NewResponseController(arrived.w).SetReadDeadline(time.Time{})
		}
		if answer.Wait(c.Context(), answer.Delay+1) {
			arrived.reply(answer.Status, answer.Text, answer.Header)
		}
		return nil
	}).Hides("token")
	return &route
}

// arrival is a request to an inbox from outside.
type arrival struct {
	w http.ResponseWriter
	r *http.Request
	// unread says that the body was not read to its end.
	unread bool
}

// receive takes a request in, and gives what to answer.
func (n *native) receive(a *arrival) desk.InboxReply {
	r := desk.InboxRequest{Method: a.r.Method, Path: a.r.URL.RequestURI(), Header: arrivedHeader(a.r)}
	size := 0
	for name, values := range r.Header {
		size += len(name) + len(strings.Join(values, ""))
	}
	switch {
	case size > maxInboxHeader:
		return desk.InboxReply{Status: http.StatusRequestHeaderFieldsTooLarge, Text: "The headers are longer than the " + api.ByteSize(maxInboxHeader) + " that an inbox takes.\n"}
	case len(r.Path) > maxInboxPath:
		return desk.InboxReply{Status: http.StatusRequestURITooLong, Text: "The path is longer than the " + api.ByteSize(maxInboxPath) + " that an inbox takes.\n"}
	}
	answer, err := n.desk.Receive(a.r.Context(), a.r.PathValue("token"), r, func() ([]byte, bool, error) {
		return a.body(min(n.o.ReadTimeout, maxInboxWait))
	})
	if err != nil {
		return desk.InboxReply{Status: http.StatusBadRequest, Text: "The body ended, or stopped arriving, before it was complete.\n"}
	}
	return answer
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
		h["Cookie"] = []string{desk.Hidden}
	}
	for i, v := range h["Authorization"] {
		if strings.Contains(v, "bh_") {
			h["Authorization"][i] = desk.Hidden
		}
	}
	return h
}

// body reads as much of the body as an inbox looks at, within the given time.
func (a *arrival) body(wait time.Duration) (body []byte, more bool, err error) {
	_ = http.NewResponseController(a.w).SetReadDeadline(time.Now().Add(wait)) // a recorder in a test has none
	body, err = io.ReadAll(io.LimitReader(a.r.Body, desk.MaxInboxBody))
	if err != nil {
		return nil, false, err
	}
	n, err := io.CopyN(io.Discard, a.r.Body, maxInboxRest)
	a.unread = !errors.Is(err, io.EOF)
	return body, n > 0, nil
}

// reply answers the request. Whoever looks at it with a browser sees text: it must not
// act in the name of the dashboard, whose address it shares.
func (a *arrival) reply(status int, text string, header http.Header) {
	h := a.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	maps.Copy(h, header)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	if a.unread {
		h.Set("Connection", "close")
	}
	a.w.WriteHeader(status)
	if text != "" {
		_, _ = io.WriteString(a.w, text) // the sender hung up: nobody is left to tell
	}
}
