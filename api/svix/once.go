package svix

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
)

// keyHeader names a request: the clients of Svix send it with every POST, and send the same
// again when they repeat one.
const keyHeader = "Idempotency-Key"

const (
	// rememberedFor is for how long a request that is repeated is answered as the first time.
	rememberedFor = bellhop.ReplyFor
	// elsewhereAgain is how often it is looked whether another node has answered, and
	// keepPatience how long it may take to keep an answer where others find it.
	elsewhereAgain = 100 * time.Millisecond
	keepPatience   = 5 * time.Second
	// patience is how long a repeated request waits for the first one.
	patience = 5 * time.Second
	// maxKey bounds a key, in bytes.
	maxKey = 256
	// The bounds of what a memory holds: answers and their bytes, in all and of one token, and
	// bytes of one answer. The oldest go first.
	mostRemembered = 25_000
	mostOfOne      = 5_000
	mostBytes      = 32 << 20
	mostBytesOfOne = 4 << 20
	largestAnswer  = 64 << 10
	// besideBody is what an answer takes beside its body, in bytes.
	besideBody = 768
)

// keyPrefix begins the external ids of messages that were published with a key and without
// an eventId: no eventId can look so.
const keyPrefix = "idempotency:"

// hashOf names what a token asks for with a key at a place. The body does not count.
func hashOf(r *http.Request, place string) [sha256.Size]byte {
	return sha256.Sum256([]byte(r.Header.Get("Authorization") + "\x00" + r.Header.Get(keyHeader) + "\x00" + place + "?" + r.URL.RawQuery))
}

// place is what a request with a key is for: an operation on an app and an endpoint, which
// stay the same whatever they are called, while another one may get their name. Not known
// says that its app or its endpoint is not there.
func (a *API) place(r *http.Request) (place string, known bool) {
	app, endpoint := r.PathValue("app_id"), r.PathValue("endpoint_id")
	of := bellhop.AllApps
	known = true
	if app != "" {
		found, err := a.desk.AppNamed(r.Context(), bellhop.Owner(), app)
		if known = err == nil; known {
			app, of = found.ID, found.ID
		}
	}
	if endpoint != "" && known {
		found, err := a.desk.PlainEndpoint(r.Context(), bellhop.Owner(), of, endpoint)
		if known = err == nil; known {
			endpoint = found.ID.String()
		}
	}
	return strings.Join([]string{strconv.FormatBool(known), r.Pattern, app, endpoint, r.PathValue("msg_id")}, "\x00"), known
}

// holds tells whether an answer to an operation may be given again: the app that it tells
// of is there, the message is not erased, and the token in it is taken.
func (a *API) holds(ctx context.Context, operation string, body []byte) bool {
	var said struct{ ID, Token string }
	if json.Unmarshal(body, &said) != nil {
		return true // it tells of nothing
	}
	switch operation {
	case "v1.application.create":
		_, err := a.desk.AppNamed(ctx, bellhop.Owner(), said.ID)
		return err == nil
	case "v1.authentication.app-portal-access", "v1.authentication.dashboard-access":
		_, err := a.keyOf(ctx, said.Token)
		return err == nil
	case createMessage:
		i, err := id.Parse[id.Event](said.ID)
		if err != nil {
			return false
		}
		e, err := a.desk.PlainEvent(ctx, bellhop.Owner(), i)
		return err == nil && !e.Erased
	}
	return true
}

// publishOnce publishes a message that has no id of its own under one that is made of its
// key. So the store remembers it, in the transaction that stores the message: on every
// node, and after a restart.
func (a *API) publishOnce(ctx context.Context, c *api.Call, p engine.Publication) (bellhop.Event, error) {
	hash := hashOf(c.Request(), createMessage+"\x00"+p.App)
	p.ExternalID = keyPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(hash[:20]))
	for {
		r, err := a.desk.Publish(ctx, c.Principal(), p)
		switch {
		case err == nil && !r.Duplicate:
			return eventOf(p, r.Event), nil
		case err != nil && bellhop.CodeOf(err) != bellhop.CodeIDConflict:
			return bellhop.Event{}, err
		}
		first, err := a.desk.FirstPublished(ctx, c.Principal(), p.App, p.ExternalID)
		if err != nil {
			return bellhop.Event{}, err
		}
		if a.now().Sub(first.CreatedAt()) < rememberedFor {
			return first, nil
		}
		// The key has been used long ago. What it was used for names the next use.
		p.ExternalID = keyPrefix + first.ID.String() + ":" + strings.ToLower(base32.StdEncoding.EncodeToString(hash[:10]))
	}
}

// published answers who publishes a message with an eventId and a key as the first time, if
// it is the same key; the store knows that of the message.
func (a *API) published(ctx context.Context, c *api.Call, p engine.Publication) (bellhop.Event, bool) {
	if p.Repeats == ([sha256.Size]byte{}) {
		return bellhop.Event{}, false
	}
	first, err := a.desk.FirstPublished(ctx, c.Principal(), p.App, p.ExternalID)
	return first, err == nil && !first.Erased && a.now().Sub(first.CreatedAt()) < rememberedFor
}

// memory remembers the answers to requests with a key: in this process and, with a desk,
// where other nodes and this one after a restart find them.
type memory struct {
	now func() time.Time
	// desk is nil where the store knows by itself what was done already.
	desk *desk.Desk
	// welcome tells whether who asks is still let in.
	welcome func(r *http.Request) bool
	// place says what a request is for.
	place func(r *http.Request) (place string, known bool)

	mu  sync.Mutex
	of  map[[sha256.Size]byte]*remembered
	all answers
	// own are the answers to each token.
	own map[[sha256.Size]byte]*answers
}

// answers are those that are remembered, oldest first, and how many bytes they take.
type answers struct {
	list.List
	bytes int
}

// remembered is a request that is under way or was answered.
type remembered struct {
	key, token [sha256.Size]byte
	at         time.Time
	// done is closed once it is answered, or has failed and is forgotten.
	done   chan struct{}
	answer *answer // nil while it is under way, and if it has failed
	// inAll and inOwn are where it is among the answers.
	inAll, inOwn *list.Element
}

// answer is what was answered.
type answer struct {
	at          time.Time
	status      int
	contentType string
	body        []byte
}

// size is how many bytes of memory the answer takes.
func (x *answer) size() int { return cap(x.body) + len(x.contentType) + besideBody }

func newMemory(now func() time.Time, d *desk.Desk, welcome func(*http.Request) bool, place func(*http.Request) (string, bool)) *memory {
	return &memory{now: now, desk: d, welcome: welcome, place: place, of: map[[sha256.Size]byte]*remembered{}, own: map[[sha256.Size]byte]*answers{}}
}

// once answers repeated POSTs as the first one was answered, if that was a success; what
// fails is forgotten, and done again, and so is what holds no more. Refuse answers who has
// waited in vain (nil), or whose request could not be looked for.
func (m *memory) once(h http.Handler, refuse func(err error) http.Handler, holds func(ctx context.Context, body []byte) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(keyHeader)
		if key == "" || len(key) > maxKey || !m.welcome(r) {
			h.ServeHTTP(w, r) // which refuses what is wrong with it
			return
		}
		wait, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		for {
			mine, before := m.begin(r)
			if mine != nil {
				claim, kept, err := m.elsewhere(r.Context(), wait.Done(), mine, holds)
				switch {
				case kept != nil:
					m.end(mine, mine.key, kept)
					kept.write(w)
				case err != nil:
					m.end(mine, mine.key, nil)
					if errors.Is(err, errUnderWay) {
						err = nil
					}
					refuse(err).ServeHTTP(w, r)
				default:
					m.run(mine, claim, h, w, r)
				}
				return
			}
			select {
			case <-before.done:
			case <-wait.Done():
				refuse(nil).ServeHTTP(w, r)
				return
			}
			if before.answer != nil {
				if holds(r.Context(), before.answer.body) {
					before.answer.write(w)
					return
				}
				m.drop(before)
			}
			if wait.Err() != nil {
				refuse(nil).ServeHTTP(w, r)
				return
			}
		}
	})
}

// begin makes a request the one that is done, or gives the one that was there before.
func (m *memory) begin(r *http.Request) (mine, before *remembered) {
	place, _ := m.place(r)
	key, token := hashOf(r, place), sha256.Sum256([]byte(r.Header.Get("Authorization")))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trim(token)
	if x := m.of[key]; x != nil && (x.answer == nil || m.now().Sub(x.at) < rememberedFor) {
		return nil, x
	} else if x != nil { // it came from another node, behind younger ones
		m.forget(x.inAll)
	}
	x := &remembered{key: key, token: token, at: m.now(), done: make(chan struct{})}
	m.of[key] = x
	return x, nil
}

// errUnderWay says that somebody else has the request done, and has not answered in time.
var errUnderWay = errors.New("the request is under way elsewhere")

// elsewhere gives what another node, or an earlier process, has answered a request. If there
// is nothing, the claim says that nobody else has it done meanwhile. Who waited in vain gets
// errUnderWay: patience ends the wait, and no question that the store is being asked.
func (m *memory) elsewhere(ctx context.Context, patience <-chan struct{}, x *remembered, holds func(ctx context.Context, body []byte) bool) (*desk.ReplyClaim, *answer, error) {
	if m.desk == nil {
		return nil, nil, nil
	}
	for {
		kept, claim, err := m.desk.ClaimReply(ctx, x.key)
		switch {
		case err != nil || claim != nil:
			return claim, nil, err
		case kept != nil && holds(ctx, kept.Body):
			return nil, &answer{kept.At, kept.Status, kept.ContentType, kept.Body}, nil
		case kept != nil:
			if err := m.desk.ForgetReply(ctx, x.key); err != nil {
				return nil, nil, err
			}
			continue
		}
		select {
		case <-patience:
			return nil, nil, errUnderWay
		case <-time.After(elsewhereAgain):
		}
	}
}

// end ends it that a request is under way. What it was answered is kept under a key, unless
// it is nil.
func (m *memory) end(x *remembered, key [sha256.Size]byte, kept *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, x.key)
	if kept != nil && m.of[key] == nil {
		x.key = key
		m.of[key] = x
		m.keep(x, kept)
	}
	close(x.done)
}

// run has the request done. Whatever becomes of it, nobody waits for it afterwards.
func (m *memory) run(x *remembered, claim *desk.ReplyClaim, h http.Handler, w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	var kept *answer
	key := x.key
	defer func() {
		if claim != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), keepPatience)
			defer cancel()
			// Where that fails, the desk knows that the store is away, and the claim ends with
			// its time: then the request is done again.
			if kept != nil {
				_ = claim.Keep(ctx, desk.Reply{Request: key, Token: x.token, At: kept.at, Status: kept.status, ContentType: kept.contentType, Body: kept.body})
			} else {
				_ = claim.Free(ctx)
			}
		}
		m.end(x, key, kept)
	}()
	h.ServeHTTP(rec, r)
	if rec.status/100 == 2 && !rec.tooLong {
		// The request may have made the app that it is for. Of one that is gone nothing is kept.
		if place, known := m.place(r); known {
			key = hashOf(r, place)
			kept = &answer{m.now(), rec.status, w.Header().Get("Content-Type"), bytes.Clone(rec.body.Bytes())}
		}
	}
}

func (m *memory) keep(x *remembered, a *answer) {
	own := m.own[x.token]
	if own == nil {
		own = &answers{}
		m.own[x.token] = own
	}
	x.answer, x.at = a, a.at
	x.inAll, x.inOwn = m.all.PushBack(x), own.PushBack(x)
	m.all.bytes += a.size()
	own.bytes += a.size()
	m.trim(x.token)
}

// trim forgets what is old, and of a token and in all, what is too much.
func (m *memory) trim(token [sha256.Size]byte) {
	for own := m.own[token]; own != nil && (own.Len() > mostOfOne || own.bytes > mostBytesOfOne); own = m.own[token] {
		m.forget(own.Front())
	}
	for x := m.all.Front(); x != nil; x = m.all.Front() {
		old := m.now().Sub(x.Value.(*remembered).at) >= rememberedFor
		if !old && m.all.Len() <= mostRemembered && m.all.bytes <= mostBytes {
			return
		}
		m.forget(x)
	}
}

// drop forgets an answer, if it is still there.
func (m *memory) drop(x *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of[x.key] == x {
		m.forget(x.inAll)
	}
}

func (m *memory) forget(e *list.Element) {
	x := e.Value.(*remembered)
	own := m.own[x.token]
	m.all.Remove(x.inAll)
	own.Remove(x.inOwn)
	m.all.bytes -= x.answer.size()
	own.bytes -= x.answer.size()
	if own.Len() == 0 {
		delete(m.own, x.token)
	}
	delete(m.of, x.key)
}

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter
	status  int
	body    bytes.Buffer
	tooLong bool
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.tooLong || r.body.Len()+len(b) > largestAnswer {
		r.tooLong, r.body = true, bytes.Buffer{}
	} else {
		r.body.Write(b)
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (x *answer) write(w http.ResponseWriter) {
	if x.contentType != "" {
		w.Header().Set("Content-Type", x.contentType)
	}
	w.WriteHeader(x.status)
	_, _ = w.Write(x.body) // the caller hung up: nobody is left to tell
}
