package bellhop

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// Inbox is a temporary receiver inside Bellhop: an endpoint whose URL is its URL
// has its requests kept here, to be looked at. It lives in memory and ends with
// the process, or earlier; from then on requests to it are answered 410.
type Inbox struct {
	// Token names it and cannot be guessed: whoever has it can send to it.
	Token string
	URL   string
	App   string
	// AnswerStatus is the HTTP status that it answers with.
	AnswerStatus int
	CreatedAt    time.Time
	ExpiresAt    time.Time
	// Capacity is how many requests it keeps; older ones make room.
	Capacity int
	// Received counts the requests that came, those that made room included.
	Received int64
}

// InboxRequest is a request that an inbox received.
type InboxRequest struct {
	// ID counts the inbox's requests from 1.
	ID int64
	// App is that of the event where the request is a delivery, and that of the
	// inbox where it came from outside.
	App    string
	At     time.Time
	Method string
	// Path is the request's target, query included.
	Path   string
	Header http.Header
	// Body is its beginning, if Truncated.
	Body      []byte
	Truncated bool
	// Answered is the HTTP status that it was answered with.
	Answered int
	// Signature is nil if no endpoint has the inbox as its URL.
	Signature *InboxSignature

	event EventID // 0 for requests from outside
}

// InboxSignature is what a check of a request's signature said.
type InboxSignature struct {
	Verified bool
	// Endpoint is whose dialect and secrets the request was checked by.
	Endpoint EndpointID
	Dialect  string
	// Detail is a sentence that says what was found.
	Detail string
}

// The bounds of inboxes. Their requests are in memory, and whoever has a token can
// send some.
const (
	DefaultInboxExpiry = Duration(time.Hour)
	minInboxExpiry     = Duration(time.Second)
	maxInboxExpiry     = Duration(24 * time.Hour)
	maxInboxes         = 100
	maxInboxesPerApp   = 20
	inboxRequests      = 100       // kept in each
	inboxBytes         = 4 << 20   // kept in each: what one look into it may have to show
	allInboxesBytes    = 32 << 20  // kept in all together
	inboxBody          = 256 << 10 // kept of each body
	requestOverhead    = 512       // what a request takes besides its texts, roughly

	// MaxInboxBody is how much of a body from outside is looked at, in bytes: its
	// signature can be checked up to that length.
	MaxInboxBody = 1 << 20

	// Requests from outside, per inbox. Those of endpoints have their own limits.
	inboxPerSecond = 20
	inboxBurst     = 100
	inboxUnderWay  = 4 // at once

	// inboxRoutes bounds how many endpoints' secrets a request from outside is
	// checked by: each takes to hash the whole body.
	inboxRoutes = 3

	// maxErased is how many erased events are remembered, for maxTimeout.
	maxErased = 100_000
)

// inboxes are those of this process. Without a base there are none.
type inboxes struct {
	base string // what their URLs begin with

	mu sync.Mutex
	// live holds them by the hash of their token, so that the time which a search
	// takes says nothing about tokens.
	live  map[[32]byte]*inbox
	made  int64
	bytes int
	// erased has the events that were erased lately, erasures when, oldest first:
	// a request that carries one may still be on its way.
	erased   map[EventID]bool
	erasures []erasure
}

type erasure struct {
	event EventID
	at    time.Time
}

// inbox is an Inbox with what it keeps.
type inbox struct {
	Inbox
	order    int64
	requests []*InboxRequest // oldest first; none is ever changed
	bytes    int
	outside  *rate.Limiter
	underWay int // requests from outside
}

func newInboxes(base string) (*inboxes, error) {
	s := &inboxes{base: base, live: map[[32]byte]*inbox{}, erased: map[EventID]bool{}}
	if base == "" {
		return s, nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || strings.Contains(base, "#") || !strings.HasSuffix(u.Path, "/") {
		return nil, errors.New("bellhop.New: Config.InboxURL is not a URL that ends in a slash, such as https://hooks.example.com/in/")
	}
	return s, nil
}

// covers tells whether a URL is below the address of the inboxes.
func (s *inboxes) covers(raw string) bool {
	return s.base != "" && strings.HasPrefix(raw, s.base)
}

// tokenOf gives the token of a URL that is an inbox's, whether or not there is
// such an inbox. What follows the base is compared byte for byte: scheme, host and
// port cannot be spelt in another way, and a URL on whose meaning parsers might
// disagree is none of an inbox. It then goes the way of any other, past the guard.
func (s *inboxes) tokenOf(raw string) (token string, ok bool) {
	if !s.covers(raw) {
		return "", false
	}
	token = raw[len(s.base):]
	if end := strings.IndexAny(token, "/?"); end >= 0 {
		token = token[:end]
	}
	if !isInboxToken(token) || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '#' }) {
		return "", false
	}
	u, err := url.Parse(raw)
	if err != nil || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") { // dot segments, also as %2e
		return "", false
	}
	return token, true
}

func newInboxToken() string { return strings.ToLower(rand.Text()) }

func isInboxToken(s string) bool {
	return len(s) == 26 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// find gives a live inbox, or nil. Call it with mu held.
func (s *inboxes) find(token string, now time.Time) *inbox {
	in := s.live[sha256.Sum256([]byte(token))]
	if in == nil || !now.Before(in.ExpiresAt) {
		return nil
	}
	return in
}

// sweep forgets the inboxes that have expired, with what they keep.
func (s *inboxes) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(func(in *inbox) bool { return !now.Before(in.ExpiresAt) })
	s.forgetErasures(now)
}

// forgetApp drops the inboxes of an app, and its events from those of other apps:
// an endpoint of several apps brings events of each.
func (s *inboxes) forgetApp(app string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(func(in *inbox) bool { return in.App == app })
	s.forgetRequests(func(r *InboxRequest) bool { return r.App == app })
}

func (s *inboxes) remove(gone func(*inbox) bool) {
	for hash, in := range s.live {
		if gone(in) {
			s.bytes -= in.bytes
			delete(s.live, hash)
		}
	}
}

// forget drops the requests that carried one of these events: what is erased must
// not live on here. Those that are still on their way are not kept.
func (s *inboxes) forget(gone map[EventID]bool, now time.Time) {
	if s.base == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetRequests(func(r *InboxRequest) bool { return gone[r.event] })
	for event := range gone {
		if !s.erased[event] {
			s.erased[event] = true
			s.erasures = append(s.erasures, erasure{event, now})
		}
	}
	s.forgetErasures(now)
}

// forgetErasures forgets the erasures that no request can be older than.
func (s *inboxes) forgetErasures(now time.Time) {
	n := 0
	for n < len(s.erasures) && (now.Sub(s.erasures[n].at) > time.Duration(maxTimeout) || len(s.erasures)-n > maxErased) {
		delete(s.erased, s.erasures[n].event)
		n++
	}
	s.erasures = slices.Delete(s.erasures, 0, n)
}

func (s *inboxes) forgetRequests(gone func(*InboxRequest) bool) {
	for _, in := range s.live {
		for i := len(in.requests) - 1; i >= 0; i-- {
			if gone(in.requests[i]) {
				s.drop(in, i)
			}
		}
	}
}

// drop takes a request out of an inbox.
func (s *inboxes) drop(in *inbox, i int) {
	n := in.requests[i].size()
	in.bytes -= n
	s.bytes -= n
	in.requests = slices.Delete(in.requests, i, i+1)
}

// keep puts a request into an inbox, which gives it its number.
func (s *inboxes) keep(in *inbox, r *InboxRequest) {
	in.Received++
	r.ID = in.Received
	in.requests = append(in.requests, r)
	in.bytes += r.size()
	s.bytes += r.size()
	for len(in.requests) > 1 && (len(in.requests) > inboxRequests || in.bytes > inboxBytes) {
		s.drop(in, 0)
	}
	for s.bytes > allInboxesBytes {
		var oldest *inbox
		for _, x := range s.live {
			if len(x.requests) > 0 && (oldest == nil || x.requests[0].At.Before(oldest.requests[0].At)) {
				oldest = x
			}
		}
		s.drop(oldest, 0)
	}
}

// size is what the request takes of memory, roughly.
func (r *InboxRequest) size() int {
	n := requestOverhead + len(r.Path) + len(r.Body)
	for name, values := range r.Header {
		n += len(name) + 64
		for _, v := range values {
			n += len(v) + 16
		}
	}
	return n
}

// InboxesEnabled tells whether there can be inboxes: whether Config.InboxURL is
// set.
func (b *Bellhop) InboxesEnabled() bool { return b.inboxes.base != "" }

func (b *Bellhop) inboxesOff() error {
	if b.InboxesEnabled() {
		return nil
	}
	return &Error{Code: CodeInboxesOff, Detail: "Inboxes are turned off on this server: its operator can enable them with the setting --inbox"}
}

// CreateInbox makes an inbox of an app; expiresIn 0 means DefaultInboxExpiry.
func (b *Bellhop) CreateInbox(ctx context.Context, actor, app string, expiresIn Duration) (Inbox, error) {
	if err := b.inboxesOff(); err != nil {
		return Inbox{}, err
	}
	expiresIn = cmp.Or(expiresIn, DefaultInboxExpiry)
	if expiresIn < minInboxExpiry || expiresIn > maxInboxExpiry {
		return Inbox{}, invalid("expires_in", "range", fmt.Sprintf("must be between %s and %s", minInboxExpiry, maxInboxExpiry))
	}
	if _, err := b.App(app); err != nil {
		return Inbox{}, unknownApp("app", app)
	}
	now := b.cfg.Now().UTC().Truncate(time.Millisecond)
	token := newInboxToken()
	in := &inbox{
		Inbox: Inbox{
			Token: token, URL: b.inboxes.base + token, App: app, AnswerStatus: http.StatusOK,
			CreatedAt: now, ExpiresAt: now.Add(time.Duration(expiresIn)), Capacity: inboxRequests,
		},
		outside: rate.NewLimiter(inboxPerSecond, inboxBurst),
	}
	made := in.Inbox
	if err := b.inboxes.add(in, now); err != nil {
		return Inbox{}, err
	}
	if err := b.auditInbox(ctx, actor, "inbox.create", made); err != nil {
		b.inboxes.take(token, now)
		return Inbox{}, err
	}
	return made, nil
}

func (s *inboxes) add(in *inbox, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(func(in *inbox) bool { return !now.Before(in.ExpiresAt) })
	ofApp := 0
	for _, other := range s.live {
		if other.App == in.App {
			ofApp++
		}
	}
	if ofApp >= maxInboxesPerApp {
		return &Error{Code: CodeConflict, Detail: fmt.Sprintf("The app has %d inboxes, which is the most: delete one first", ofApp)}
	}
	if len(s.live) >= maxInboxes {
		return &Error{Code: CodeConflict, Detail: fmt.Sprintf("There are %d inboxes, which is the most: try again when some have expired", len(s.live))}
	}
	s.made++
	in.order = s.made
	s.live[sha256.Sum256([]byte(in.Token))] = in
	return nil
}

// take removes an inbox and gives it, or nil if there is none.
func (s *inboxes) take(token string, now time.Time) *inbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.find(token, now)
	if in != nil {
		s.remove(func(x *inbox) bool { return x == in })
	}
	return in
}

// auditInbox names an inbox by the beginning of its token: the log is not to hold
// what lets its readers send to it.
func (b *Bellhop) auditInbox(ctx context.Context, actor, action string, in Inbox) error {
	return b.audit(ctx, b.auditEntry(actor, action, in.Token[:6]+"…", []string{in.App},
		map[string]any{"answer_status": in.AnswerStatus, "expires_at": in.ExpiresAt}))
}

// Inboxes lists the inboxes of these apps, or (nil) of all, newest first.
func (b *Bellhop) Inboxes(apps []string) ([]Inbox, error) {
	if err := b.inboxesOff(); err != nil {
		return nil, err
	}
	now, s := b.cfg.Now(), b.inboxes
	s.mu.Lock()
	defer s.mu.Unlock()
	found := page(s.live, 0, func(in *inbox) bool {
		return now.Before(in.ExpiresAt) && (apps == nil || slices.Contains(apps, in.App))
	}, func(x, y *inbox) int { return cmp.Compare(y.order, x.order) })
	list := make([]Inbox, len(found))
	for i, in := range found {
		list[i] = in.Inbox
	}
	return list, nil
}

// Inbox gives an inbox and the requests in it whose ID is above after, newest
// first. The requests are shared: do not change them.
func (b *Bellhop) Inbox(token string, after int64) (Inbox, []*InboxRequest, error) {
	if err := b.inboxesOff(); err != nil {
		return Inbox{}, nil, err
	}
	s := b.inboxes
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.find(token, b.cfg.Now())
	if in == nil {
		return Inbox{}, nil, notFound("inbox", clip(token))
	}
	var requests []*InboxRequest
	for _, r := range slices.Backward(in.requests) {
		if r.ID <= after {
			break
		}
		requests = append(requests, r)
	}
	return in.Inbox, requests, nil
}

// AnswerInbox sets the HTTP status that an inbox answers with.
func (b *Bellhop) AnswerInbox(ctx context.Context, actor, token string, status int) (Inbox, error) {
	in, _, err := b.Inbox(token, 0)
	if err != nil {
		return Inbox{}, err
	}
	if status < 200 || status > 599 {
		return Inbox{}, invalid("answer_status", "range", "must be an HTTP status from 200 to 599")
	}
	in.AnswerStatus = status
	if err := b.auditInbox(ctx, actor, "inbox.update", in); err != nil {
		return Inbox{}, err
	}
	s := b.inboxes
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.find(token, b.cfg.Now())
	if changed == nil {
		return Inbox{}, notFound("inbox", clip(token))
	}
	changed.AnswerStatus = status
	return changed.Inbox, nil
}

// DeleteInbox ends an inbox. Endpoints that have it as their URL will be answered
// 410, which disables them.
func (b *Bellhop) DeleteInbox(ctx context.Context, actor, token string) error {
	in, _, err := b.Inbox(token, 0)
	if err != nil {
		return err
	}
	if err := b.auditInbox(ctx, actor, "inbox.delete", in); err != nil {
		return err
	}
	b.inboxes.take(token, b.cfg.Now())
	return nil
}

// checkInboxURL says what is wrong with the URL of an endpoint that is below the
// address of the inboxes. An inbox of another app is worded as one that does not
// exist.
func (b *Bellhop) checkInboxURL(e *Endpoint, isNew bool) *FieldError {
	token, ok := b.inboxes.tokenOf(e.URL)
	in, _, err := b.Inbox(token, 0)
	switch foreign := err == nil && !slices.Contains(e.Apps, in.App); {
	case !isNew && foreign:
		return &FieldError{"apps", "unknown_inbox", "lack the app of the inbox that is the endpoint's url: change the url as well"}
	case isNew && (!ok || len(e.Apps) > 0 && (err != nil || foreign)):
		return &FieldError{"url", "unknown_inbox", "is below the address of Bellhop's inboxes and names none of the endpoint's apps; it may have expired: make one with POST /v1/inboxes, and take its url as it is given"}
	}
	return nil
}

// receiveInside is the exchange with one of our own inboxes.
func (b *Bellhop) receiveInside(token string, a *Attempt, r *route, request safehttp.Request) safehttp.Response {
	start := time.Now()
	arrived := InboxRequest{App: a.App, Method: request.Method, Path: request.URL, Header: http.Header{}, event: a.Event}
	if u, err := url.Parse(request.URL); err == nil {
		arrived.Path = u.RequestURI()
	}
	fields, err := b.client.Fields(request)
	if err != nil { // tokenOf has parsed the URL
		return safehttp.Response{Reason: safehttp.ReasonURL, Detail: err.Error(), Duration: time.Since(start)}
	}
	for _, f := range fields {
		arrived.Header.Add(f.Name, f.Value) // canonical, as a server reads it
	}
	status, text := b.arrive(token, arrived, request.Body, false, []*route{r})
	kept := min(int64(len(text)), max(request.MaxBody, 0))
	return safehttp.Response{
		Status: status, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body: []byte(text[:kept]), Truncated: kept < int64(len(text)), Duration: time.Since(start),
	}
}

// Receive takes a request that came to an inbox from outside: its method, path and
// header. It answers the status and the text to answer with. body reads the body,
// up to MaxInboxBody bytes of it, and tells whether there is more; it is called
// only where the request is taken, and its error is answered.
func (b *Bellhop) Receive(token string, r InboxRequest, body func() ([]byte, bool, error)) (status int, text string, err error) {
	now, s := b.cfg.Now(), b.inboxes
	s.mu.Lock()
	in := s.find(token, now)
	busy := in != nil && in.underWay >= inboxUnderWay
	may := in != nil && !busy && in.outside.AllowN(now, 1)
	if may {
		in.underWay++
	}
	s.mu.Unlock()
	switch {
	case in == nil:
		return http.StatusGone, inboxGone, nil
	case busy:
		return http.StatusServiceUnavailable, fmt.Sprintf("This inbox takes %d requests at once. Try again in a moment.\n", inboxUnderWay), nil
	case !may:
		return http.StatusTooManyRequests, fmt.Sprintf("This inbox takes %d requests a second. Send fewer.\n", inboxPerSecond), nil
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		in.underWay--
	}()
	content, more, err := body()
	if err != nil {
		return 0, "", err
	}
	r.App, r.event = in.App, 0
	status, text = b.arrive(token, r, content, more, b.routesTo(token, in.App))
	return status, text, nil
}

// inboxGone explains a 410, which an endpoint's owner finds in the log.
const inboxGone = "There is no such inbox: it expired or was deleted, or Bellhop was started anew since. Make another one.\n"

// arrive checks the signature of a request, keeps it, and gives what to answer.
func (b *Bellhop) arrive(token string, r InboxRequest, body []byte, more bool, routes []*route) (status int, text string) {
	now, s := b.cfg.Now(), b.inboxes
	if len(routes) > 0 {
		// Not under the lock: to explain a wrong signature takes a while.
		r.Signature = b.checkSignature(routes, dialect.Received{Header: r.Header, Body: body}, more, now)
	}
	r.At = now.UTC().Truncate(time.Millisecond)
	r.Body, r.Truncated = body, more
	if len(body) > inboxBody {
		r.Body, r.Truncated = bytes.Clone(body[:inboxBody]), true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.find(token, now)
	if in == nil {
		return http.StatusGone, inboxGone
	}
	r.Answered = in.AnswerStatus
	if s.erased[r.event] {
		return r.Answered, ""
	}
	s.keep(in, &r)
	switch r.Answered {
	case http.StatusNoContent, http.StatusResetContent, http.StatusNotModified: // without content: RFC 9110, section 15
		return r.Answered, ""
	}
	return r.Answered, fmt.Sprintf("Request %d of this inbox.\n", r.ID)
}

// routesTo are the newest endpoints of an app that have an inbox as their URL.
func (b *Bellhop) routesTo(token, app string) (found []*route) {
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	for _, r := range b.routes.byApp[app] {
		if t, ours := b.inboxes.tokenOf(r.URL); ours && t == token {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(x, y *route) int { return cmp.Compare(y.ID, x.ID) })
	return found[:min(len(found), inboxRoutes)]
}

// checkSignature says whether one of the endpoints signed the request and, if none
// did, why it is not the first one's.
func (b *Bellhop) checkSignature(routes []*route, got dialect.Received, more bool, now time.Time) *InboxSignature {
	var first *InboxSignature
	for _, r := range routes {
		verified, detail := b.signedBy(r, got, more, now)
		s := &InboxSignature{Verified: verified, Endpoint: r.ID, Dialect: r.Dialect, Detail: detail}
		if verified {
			return s
		}
		if first == nil {
			first = s
		}
	}
	return first
}

// signedBy checks a request as the receiver at an endpoint should, and says in a
// sentence what it found.
func (b *Bellhop) signedBy(r *route, got dialect.Received, more bool, now time.Time) (verified bool, detail string) {
	switch {
	case more:
		return false, fmt.Sprintf("The body is longer than %d bytes, which is more than an inbox takes in, so its signature was not checked.", MaxInboxBody)
	case r.dialect == nil:
		return false, "The signature was not checked, since the endpoint's dialect is not configured."
	}
	values, err := b.open(r.Endpoint)
	if err != nil {
		b.log.Error("a signature was not checked", "endpoint", r.ID.String(), "err", err)
		return false, "The signature was not checked, since the endpoint's secrets cannot be opened."
	}
	secrets := make([]string, len(values))
	for i, v := range values {
		secrets[i] = v.Secret
	}
	if err := r.dialect.Verify(got, secrets, now, 0); err != nil {
		if wrong, ok := errors.AsType[*dialect.VerifyError](err); ok {
			return false, wrong.Detail + " " + wrong.Remedy
		}
		return false, err.Error()
	}
	for _, v := range values {
		if r.dialect.Verify(got, []string{v.Secret}, now, 0) == nil {
			return true, fmt.Sprintf("The signature verifies: dialect %s, with the secret made at %s.", r.Dialect, v.CreatedAt.UTC().Format(time.RFC3339))
		}
	}
	return true, fmt.Sprintf("The signature verifies: dialect %s.", r.Dialect)
}
