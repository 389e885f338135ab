package listen

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// Hub joins what is sent to endpoints with who listens at them. It is safe for
// concurrent use.
type Hub struct {
	now     func() time.Time
	changed func(bellhop.EndpointID)
	began   time.Time
	given   chan struct{}

	mu        sync.Mutex
	lines     map[bellhop.EndpointID]*line
	apps      map[string]int // listeners at the endpoints of each app
	listeners int
	// bytes are what the requests on their way take, of each app's events and in all.
	bytes    map[string]int
	allBytes int
}

// line is what leads to one endpoint's listener.
type line struct {
	stream *Stream // nil while nobody listens
	// session is that of whoever listens, or did last; left is when that ended.
	session string
	left    time.Time
	// waiting are the requests on their way, oldest first, and last numbers them.
	waiting []*exchange
	bytes   int
	last    uint64
	// moved is closed when stream changes.
	moved chan struct{}
}

// exchange is a request on its way.
type exchange struct {
	request *Request
	number  uint64
	size    int
	answer  chan Answer // has room for the one
}

// NewHub gives a Hub. Changed is told when somebody begins or ceases to listen at an
// endpoint.
func NewHub(now func() time.Time, changed func(bellhop.EndpointID)) *Hub {
	return &Hub{now: now, changed: changed, began: now(), given: make(chan struct{}, 1), lines: map[bellhop.EndpointID]*line{}, apps: map[string]int{}, bytes: map[string]int{}}
}

// line gives an endpoint's line, made if there is none. Call it with mu held.
func (h *Hub) line(e bellhop.EndpointID) *line {
	l := h.lines[e]
	if l == nil {
		l = &line{left: h.began, moved: make(chan struct{})}
		h.lines[e] = l
	}
	return l
}

// Listening tells whether somebody listens at an endpoint.
func (h *Hub) Listening(e bellhop.EndpointID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lines[e]
	return l != nil && l.stream != nil
}

// AwaySince is since when nobody listens at an endpoint, as far as this process knows;
// zero if somebody does.
func (h *Hub) AwaySince(e bellhop.EndpointID) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch l := h.lines[e]; {
	case l == nil:
		return h.began
	case l.stream != nil:
		return time.Time{}
	default:
		return l.left
	}
}

// Endpoints are those that somebody listens at, in their order.
func (h *Hub) Endpoints() []bellhop.EndpointID {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []bellhop.EndpointID
	for e, l := range h.lines {
		if l.stream != nil {
			list = append(list, e)
		}
	}
	slices.Sort(list)
	return list
}

// Given tells that there is one request more that Waiting names.
func (h *Hub) Given() <-chan struct{} { return h.given }

// Waiting names the requests that are on their way.
func (h *Hub) Waiting() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []string
	for _, l := range h.lines {
		for _, x := range l.waiting {
			list = append(list, x.request.ID)
		}
	}
	return list
}

// Dismiss ends whoever listens at an endpoint.
func (h *Hub) Dismiss(e bellhop.EndpointID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.lines[e]; l != nil && l.stream != nil {
		h.end(e, l)
	}
}

// Keep forgets the endpoints that there are no more.
func (h *Hub) Keep(there func(bellhop.EndpointID) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for e, l := range h.lines {
		if there(e) {
			continue
		}
		if l.stream != nil {
			h.end(e, l)
		}
		if len(l.waiting) == 0 {
			delete(h.lines, e)
		}
	}
}

// Stream is a listener's side of its line.
type Stream struct {
	hub      *Hub
	endpoint bellhop.EndpointID
	apps     []string
	news     chan struct{}
	ended    chan struct{}
	given    uint64 // the last request that it was given
}

// Attach begins to listen at an endpoint of these apps. A session that listens there
// already does so here from now on: its other connection is taken for broken. Another
// session has to wait for its end: that is a CodeConflict error. Requests that are on
// their way come again.
func (h *Hub) Attach(e bellhop.EndpointID, apps []string, session string) (*Stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.line(e)
	if l.stream != nil && l.session != session {
		return nil, &bellhop.Error{Code: bellhop.CodeConflict, Detail: "Somebody listens at this endpoint already: make another one, or end that 'bellhop listen'"}
	}
	if l.stream != nil {
		h.end(e, l)
	}
	if full := slices.IndexFunc(apps, func(app string) bool { return h.apps[app] >= maxPerApp }); full >= 0 {
		return nil, &bellhop.Error{Code: bellhop.CodeTooMany, Detail: fmt.Sprintf("%d listeners are connected to the app %s, which is the most: end one first", maxPerApp, apps[full]), RetryAfter: 5 * time.Second}
	}
	if h.listeners >= maxListeners {
		return nil, &bellhop.Error{Code: bellhop.CodeTooMany, Detail: fmt.Sprintf("%d listeners are connected, which is the most: try again later", maxListeners), RetryAfter: 5 * time.Second}
	}
	st := &Stream{hub: h, endpoint: e, apps: slices.Clone(apps), news: make(chan struct{}, 1), ended: make(chan struct{})}
	l.stream, l.session = st, session
	h.count(st, 1)
	if len(l.waiting) > 0 {
		st.news <- struct{}{}
	}
	h.move(e, l)
	return st, nil
}

func (h *Hub) count(st *Stream, n int) {
	h.listeners += n
	for _, app := range st.apps {
		if h.apps[app] += n; h.apps[app] == 0 {
			delete(h.apps, app)
		}
	}
}

// move tells everybody that somebody began or ceased to listen.
func (h *Hub) move(e bellhop.EndpointID, l *line) {
	close(l.moved)
	l.moved = make(chan struct{})
	go h.changed(e) // it may ask whether somebody listens
}

// end ends whoever listens.
func (h *Hub) end(e bellhop.EndpointID, l *line) {
	close(l.stream.ended)
	h.count(l.stream, -1)
	l.stream, l.left = nil, h.now()
	h.move(e, l)
}

// News tells that Take has something.
func (st *Stream) News() <-chan struct{} { return st.news }

// Ended is closed when this is no longer who listens.
func (st *Stream) Ended() <-chan struct{} { return st.ended }

// Take gives the requests that have not been given yet, oldest first, each when it is
// asked for: who takes long holds none that has ended. They are shared: do not change
// them.
func (st *Stream) Take() iter.Seq[*Request] {
	return func(yield func(*Request) bool) {
		for r := st.next(); r != nil && yield(r); r = st.next() {
		}
	}
}

func (st *Stream) next() *Request {
	st.hub.mu.Lock()
	defer st.hub.mu.Unlock()
	l := st.hub.lines[st.endpoint]
	if l == nil || l.stream != st {
		return nil
	}
	for _, x := range l.waiting {
		if x.number > st.given {
			st.given = x.number
			return x.request
		}
	}
	return nil
}

// Close ceases to listen.
func (st *Stream) Close() {
	st.hub.mu.Lock()
	defer st.hub.mu.Unlock()
	if l := st.hub.lines[st.endpoint]; l != nil && l.stream == st {
		st.hub.end(st.endpoint, l)
	}
}

// Answer brings the answer to a request, and tells whether that was still waited for.
// It is a CodeConflict error if another session listens at the endpoint.
func (h *Hub) Answer(e bellhop.EndpointID, session, request string, a Answer) (awaited bool, err error) {
	if err := a.Check(); err != nil {
		return false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lines[e]
	if l == nil {
		return false, nil
	}
	if l.session != session {
		return false, &bellhop.Error{Code: bellhop.CodeConflict, Detail: "This session does not listen at the endpoint: only who was given a request can answer it"}
	}
	i := slices.IndexFunc(l.waiting, func(x *exchange) bool { return x.request.ID == request })
	if i < 0 {
		return false, nil
	}
	a.Detail = tidy(a.Detail)
	l.waiting[i].answer <- a
	h.drop(l, i)
	return true, nil
}

// End says how an exchange ended.
type End int

// The ends of an exchange.
const (
	Answered End = iota
	// Away: nobody listens. Nothing is known of the request, which may be made again.
	Away
	// Full: too much is on its way already. The request was not given to anybody.
	Full
	// Late: no answer came in time.
	Late
	// Canceled: ctx ended.
	Canceled
)

// Exchange gives a request to whoever listens at the endpoint and waits for the answer.
func (h *Hub) Exchange(ctx context.Context, e bellhop.EndpointID, r *Request) (Answer, End) {
	h.mu.Lock()
	l := h.line(e)
	if l.stream == nil && h.now().Sub(l.left) >= grace {
		h.mu.Unlock()
		return Answer{}, Away
	}
	x := &exchange{request: r, number: l.last + 1, size: r.size(), answer: make(chan Answer, 1)}
	if !h.fits(l, x) {
		h.mu.Unlock()
		return Answer{}, Full
	}
	l.last++
	l.waiting = append(l.waiting, x)
	h.weigh(l, x, 1)
	select {
	case h.given <- struct{}{}:
	default:
	}
	if l.stream != nil {
		select {
		case l.stream.news <- struct{}{}:
		default:
		}
	}
	h.mu.Unlock()
	defer h.forget(e, x)

	late := time.NewTimer(r.Timeout + slack)
	defer late.Stop()
	for {
		h.mu.Lock()
		moved, listening, left := l.moved, l.stream != nil, h.now().Sub(l.left)
		h.mu.Unlock()
		var gone <-chan time.Time
		if !listening {
			t := time.NewTimer(max(grace-left, 0))
			defer t.Stop()
			gone = t.C
		}
		select {
		case a := <-x.answer:
			return a, Answered
		case <-moved:
		case <-gone:
			return Answer{}, Away
		case <-late.C:
			if !listening {
				return Answer{}, Away
			}
			return Answer{}, Late
		case <-ctx.Done():
			return Answer{}, Canceled
		}
	}
}

func (h *Hub) forget(e bellhop.EndpointID, x *exchange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.lines[e]; l != nil {
		if i := slices.Index(l.waiting, x); i >= 0 {
			h.drop(l, i)
		}
	}
}

// drop takes a request off its way.
func (h *Hub) drop(l *line, i int) {
	h.weigh(l, l.waiting[i], -1)
	l.waiting = slices.Delete(l.waiting, i, i+1)
}

// fits tells whether a request may be on its way beside those that are. Whatever the
// others take, one at a time may, so that nobody holds up another listener for good.
func (h *Hub) fits(l *line, x *exchange) bool {
	return len(l.waiting) == 0 || len(l.waiting) < maxWaiting &&
		l.bytes+x.size <= maxBytes && h.bytes[x.request.App]+x.size <= maxBytesPerApp && h.allBytes+x.size <= maxBytesInAll
}

func (h *Hub) weigh(l *line, x *exchange, n int) {
	size, app := n*x.size, x.request.App
	l.bytes += size
	h.allBytes += size
	if h.bytes[app] += size; h.bytes[app] == 0 {
		delete(h.bytes, app)
	}
}
