// Package send owns how a delivery leaves: it turns work into an outcome. What goes
// wrong on the way is in the outcome, whoever's fault it is.
//
// A request is made by the dialect alone (make.go), by a recipe (recipe.go) or by a script
// (transform.go), and given its credentials (auth.go). It goes through one of the doors: out
// into the network (http.go), to a mail server (mail.go), to an inbox, which is inside this
// process (inside.go), or to somebody who listens (listener.go). All answer alike, so that
// what an answer means is decided in one place (classify.go).
package send

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/engine/send/auth"
	"github.com/bellhop/bellhop/engine/send/inbox"
	"github.com/bellhop/bellhop/engine/send/listen"
	"github.com/bellhop/bellhop/internal/mail"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/script"
	"github.com/bellhop/bellhop/internal/stage"
)

// Door is a way out. Exchange makes the request of a parcel and gives what came of
// it; a failure is a Response with a Reason. Once it has returned, it keeps nothing
// of the parcel that the caller might change.
type Door interface {
	Exchange(ctx context.Context, p Parcel) safehttp.Response
}

// Parcel is a request ready to leave, and what it carries to whom.
type Parcel struct {
	Event bellhop.EventID // 0 where the request is no delivery
	App   string          // of the event
	Type  string          // of the event
	// Work is nil where the request is no delivery.
	Work    *bellhop.Work
	Route   *routes.Route
	Request safehttp.Request
	// Mail, if not nil, is what is sent, to the server that the URL names.
	Mail *mail.Message

	// credentials authenticate the request already; they are here for what goes before
	// or after it to the same endpoint.
	credentials *credentials
}

// Options of a Sender.
type Options struct {
	// HTTP is required: it also says what requests look like that stay inside.
	HTTP *safehttp.Client
	// App, if not nil, finds an app, whose dialect options go before the defaults.
	App func(id string) (bellhop.App, bool)
	// Tokens and Sealer keep OAuth2 tokens over a restart; without them they are in
	// memory only.
	Tokens bellhop.TokenStore
	Sealer bellhop.Sealer
	// Inboxes has the receivers inside this process; nil means none.
	Inboxes *inbox.Registry
	// Listeners have the requests of endpoints that somebody listens at; nil means none.
	Listeners *listen.Hub
	// Scripts is where transformations run; nil means one with good defaults.
	Scripts *script.Sandbox
	// Mailer sends mail; nil means that there is none.
	Mailer Mailer
	// MaxBody is how much of a response's body is kept, in bytes; 0 means 16 KiB.
	MaxBody int64
	// Logger is the operator's, and gets what endpoints' owners must not see. It
	// defaults to none, and Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// InFlight, if not nil, is told when a request begins (+1) and ends (-1).
	InFlight func(delta int)
}

// Sender sends. It is safe for concurrent use.
type Sender struct {
	o Options
	// tokens and identities are what endpoints authenticate with.
	tokens     *auth.Keeper
	identities identities
	// toldShortage is when the log last said that connections cannot be made.
	toldShortage atomic.Int64
}

// New gives a Sender.
func New(o Options) *Sender {
	o.MaxBody = cmp.Or(o.MaxBody, 16<<10)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Scripts == nil {
		o.Scripts = script.New(script.Options{})
	}
	if o.InFlight == nil {
		o.InFlight = func(int) {}
	}
	return &Sender{o: o, tokens: auth.New(auth.Options{
		Do: o.HTTP.Do, Hide: hideText, Store: o.Tokens, Sealer: o.Sealer, Logger: o.Logger, Now: o.Now,
	})}
}

// Close ends what goes on beside deliveries: requests for tokens.
func (s *Sender) Close() { s.tokens.Close() }

// Send renders and signs a delivery, makes the request, and says what came of it.
// sent is false if ctx ended first: then nothing is known, and nothing is to be held
// against the receiver.
func (s *Sender) Send(ctx context.Context, r *routes.Route, w *bellhop.Work) (o bellhop.Outcome, sent bool) {
	sent = s.Deliver(ctx, r, w, &o)
	return o, sent
}

// Deliver is Send that says in o what came of it: thousands may be waiting for their
// answers, and what they have on their stacks counts.
func (s *Sender) Deliver(ctx context.Context, r *routes.Route, w *bellhop.Work, o *bellhop.Outcome) (sent bool) {
	t, signer := s.begin(r, w, o)
	if t == nil {
		return true
	}
	sent = s.deliver(ctx, r, signer, nil, t, o)
	capture(r, w.Event.Type, o)
	return sent
}

// begin is the beginning of a delivery's trip, unless nothing can sign it: then o says so.
func (s *Sender) begin(r *routes.Route, w *bellhop.Work, o *bellhop.Outcome) (*trip, *dialect.Signer) {
	now, e := s.o.Now(), w.Event
	signer, err := r.Signer(now)
	if x := r.Speaks(); err == nil && w.Delivery.Trigger == bellhop.TriggerTest && x.UnsignedTests() {
		signer, err = x.NewSigner(nil)
	}
	if err != nil {
		*o = ours(r, "The request could not be signed: "+err.Error())
		return nil, nil
	}
	t := trips.Get().(*trip)
	t.work = w
	m := &t.message
	m.ID, m.App, m.Type, m.Subject = e.ID.String(), e.App, e.Type, e.Subject
	m.Time, m.Data, m.Timestamp, m.Into = e.CreatedAt(), e.Data, now, t.body
	return t, signer
}

// Call is Send for a message that is no delivery, such as a verification, signed by
// whatever signer the caller has.
func (s *Sender) Call(ctx context.Context, r *routes.Route, signer *dialect.Signer, m dialect.Message) (o bellhop.Outcome, sent bool) {
	return s.CallAltered(ctx, r, signer, nil, m)
}

// Alter changes a request after it was signed, as somebody on the way might: it may change
// the header, and gives the body to be sent.
type Alter func(h http.Header, body []byte) []byte

// CallAltered is Call with a request that is changed after it was signed, to see what a
// receiver does with it. A nil alter changes nothing.
func (s *Sender) CallAltered(ctx context.Context, r *routes.Route, signer *dialect.Signer, alter Alter, m dialect.Message) (o bellhop.Outcome, sent bool) {
	t := trips.Get().(*trip)
	t.message = m
	sent = s.deliver(ctx, r, signer, alter, t, &o)
	return o, sent
}

// trip is a request on its way, and what came of it. Thousands may be waiting for their
// answers at a time: what each has on its stack would count for more than this.
type trip struct {
	work    *bellhop.Work // nil where the request is no delivery
	message dialect.Message
	made    Made
	parcel  Parcel
	res     safehttp.Response
	unmade  *bellhop.Outcome // why there was no exchange

	// body is memory for the body of the request: it may be used for the next one, if
	// the request went out into the network, where nobody keeps anything of it.
	body []byte
	out  bool
}

// maxBody bounds the memory for a body that is kept for the next one, in bytes.
const maxBody = 16 << 10

// over leaves a trip to the next one.
func (t *trip) over() {
	body := t.body
	switch made := t.made.Request.Body; {
	case !t.out:
		body = nil // somebody may have it
	case t.work != nil && !t.made.KeepBody && cap(made) <= maxBody:
		body = made // by the dialect, and by nobody else
	}
	*t = trip{body: body}
	trips.Put(t)
}

// trips are those that are over, for new ones.
var trips = sync.Pool{New: func() any { return new(trip) }}

// deliver makes a request, takes it to its endpoint, and says in o what came of it, unless
// ctx ended first. The trip is over with that.
func (s *Sender) deliver(ctx context.Context, r *routes.Route, signer *dialect.Signer, alter Alter, t *trip, o *bellhop.Outcome) (sent bool) {
	if !s.pack(ctx, r, signer, alter, t) {
		*o, sent = *t.unmade, t.unmade.Reason != bellhop.ReasonCutShort
	} else if sent = s.carry(ctx, t); sent {
		s.conclude(t, o)
	}
	t.over()
	return sent
}

// pack makes the request, or says why there is none.
func (s *Sender) pack(ctx context.Context, r *routes.Route, signer *dialect.Signer, alter Alter, t *trip) (packed bool) {
	if t.unmade = s.make(ctx, r, signer, &t.message, &t.made); t.unmade != nil {
		return false
	}
	if alter != nil {
		t.made.Request.Header = t.made.Request.Header.Clone() // what is logged may share it
		t.made.Request.Body = alter(t.made.Request.Header, t.made.Request.Body)
	}
	if t.unmade = lacking(r); t.unmade != nil {
		return false
	}
	t.made.dialect, t.made.at = r.Dialect, t.message.Timestamp
	p := &t.parcel
	p.App, p.Type, p.Work, p.Route, p.Request, p.Mail = t.message.App, t.message.Type, t.work, r, t.made.Request, t.made.Mail
	if t.work != nil {
		p.Event = t.work.Event.ID
	}
	if s.isInside(p.Request.URL) { // who looks into an inbox sees what the log shows
		p.Request.URL, p.Request.Header = t.made.ShownURL, t.made.ShownHeader
	}
	return true
}

// carry takes a request to its endpoint. It is false if ctx ended first.
func (s *Sender) carry(ctx context.Context, t *trip) bool {
	if r := t.parcel.Route; r.Auth == nil && r.TLS == nil && t.made.way == nil {
		t.out = s.pass(ctx, &t.parcel, &t.res) // nothing goes before it, or after
	} else if s.carryWith(ctx, t) {
		return false
	}
	return !cutShort(ctx, &t.res)
}

// carryWith is carry with credentials, or the ways of a recipe.
func (s *Sender) carryWith(ctx context.Context, t *trip) (ended bool) {
	t.res, t.unmade, ended = s.authenticated(ctx, t.parcel, func(p Parcel) safehttp.Response { return s.once(ctx, p, &t.made) })
	return ended
}

// conclude says what came of a request.
func (s *Sender) conclude(t *trip, o *bellhop.Outcome) {
	defer stage.Record.Begin().End(1)
	if t.unmade != nil {
		*o = *t.unmade
		s.show(&o.Exchange, &t.made)
		return
	}
	s.tell(&t.parcel, &t.res)
	*o = classify(t.res, s.o.Now)
	if t.made.Mail != nil {
		classifyMail(o, t.res)
	}
	s.judge(o, &t.made, &t.res)
	s.show(&o.Exchange, &t.made)
}

// maxKept is how much of a request's body is kept in the log, in bytes.
const maxKept = 64 << 10

// show says of an exchange what may be seen of its request.
func (s *Sender) show(x *bellhop.Exchange, made *Made) {
	x.URL, x.RequestHeader = made.ShownURL, made.ShownHeader
	if made.Looked {
		x.URL, x.Method = made.lookupURL(), http.MethodGet
		return
	}
	if m := made.Request.Method; m != http.MethodPost {
		x.Method = m
	}
	x.Dialect, x.Proof = made.dialect, bellhop.ProofOf(made.Request.Body, made.at)
	if made.KeepBody {
		body := made.Request.Body
		if body == nil {
			body = []byte{} // it was made, and is empty
		}
		x.RequestBody, x.RequestTruncated = body[:min(len(body), maxKept)], len(body) > maxKept
	}
}

// exchange takes a request through the door that its URL leads to.
func (s *Sender) exchange(ctx context.Context, p Parcel) (res safehttp.Response) {
	s.pass(ctx, &p, &res)
	return res
}

// pass is exchange with nothing of it on the stack. It tells whether the request went out
// into the network.
func (s *Sender) pass(ctx context.Context, p *Parcel, res *safehttp.Response) (out bool) {
	s.o.InFlight(1)
	defer s.o.InFlight(-1) // also if it breaks: who recovers from that counts on
	door := s.door(p.Request.URL, p.Route)
	if _, out := door.(httpDoor); out {
		s.o.HTTP.Exchange(ctx, &p.Request, res)
		return true
	}
	through(ctx, door, p, res)
	return false
}

// through is no part of pass, which is on the stack of all that wait.
//
//go:noinline
func through(ctx context.Context, door Door, p *Parcel, res *safehttp.Response) {
	*res = door.Exchange(ctx, *p)
}

// door is the one that a URL leads to.
func (s *Sender) door(url string, r *routes.Route) Door {
	if s.o.Inboxes != nil {
		if token, ours := s.o.Inboxes.Token(url); ours {
			return inside{s, token}
		}
	}
	// What a script or a recipe makes of another endpoint's URL is not listened at.
	if _, listened := listen.Local(url); listened && r.Listened() && s.o.Listeners != nil {
		return listener{s}
	}
	if safehttp.IsMail(url) {
		return postDoor{s}
	}
	return httpDoor{s.o.HTTP}
}

// Fields gives the header fields of a request as they are sent, in order.
func (s *Sender) Fields(r safehttp.Request) ([]safehttp.Field, error) { return s.o.HTTP.Fields(r) }

// CheckURL says what is wrong with a URL that requests shall be sent to, or mail.
func (s *Sender) CheckURL(raw string) error {
	if safehttp.IsMail(raw) {
		if s.o.Mailer == nil {
			return &safehttp.URLError{Code: safehttp.CodeScheme, Detail: noMail + "."}
		}
		_, err := s.o.HTTP.CheckMailURL(raw)
		return err
	}
	return s.o.HTTP.CheckURL(raw)
}

// CheckHTTP says what is wrong with a URL that must be one over http.
func (s *Sender) CheckHTTP(raw string) error { return s.o.HTTP.CheckURL(raw) }
