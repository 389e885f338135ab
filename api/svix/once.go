package svix

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/engine"
)

// keyHeader names a request: the clients of Svix send it with every POST, and send the same
// again when they repeat one.
const keyHeader = "Idempotency-Key"

const (
	// rememberedFor is for how long a request that is repeated is answered as the first time.
	rememberedFor = 12 * time.Hour
	// patience is how long a repeated request waits for the first one.
	patience = 5 * time.Second
	// maxKey bounds a key, in bytes.
	maxKey = 256
	// The bounds of what is remembered: answers and their bytes, in all and of one token, and
	// bytes of one answer. The oldest go first.
	mostRemembered = 50_000
	mostOfOne      = 5_000
	mostBytes      = 64 << 20
	mostBytesOfOne = 8 << 20
	largestAnswer  = 64 << 10
)

// keyPrefix begins the external ids of messages that were published with a key and without
// an eventId: no eventId can look so.
const keyPrefix = "idempotency:"

// hashOf names what a token asks for with a key at an address. The body does not count.
func hashOf(r *http.Request) [sha256.Size]byte {
	return sha256.Sum256([]byte(r.Header.Get("Authorization") + "\x00" + r.Header.Get(keyHeader) + "\x00" + r.URL.Path + "?" + r.URL.RawQuery))
}

// publishOnce publishes a message that has no id of its own under one that is made of its
// key. So the store remembers it, in the transaction that stores the message: on every
// node, and after a restart.
func (a *API) publishOnce(ctx context.Context, c *api.Call, p engine.Publication) (bellhop.Event, error) {
	hash := hashOf(c.Request())
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

// memory remembers the answers to requests with a key, in this process.
type memory struct {
	now func() time.Time
	// welcome tells whether who asks is still let in.
	welcome func(r *http.Request) bool

	mu  sync.Mutex
	of  map[[sha256.Size]byte]*remembered
	all answers
	// own are the answers to each token.
	own map[[sha256.Size]byte]*answers
}

// answers are those that are remembered, oldest first, and how many bytes they have.
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
	status      int
	contentType string
	body        []byte
}

func newMemory(now func() time.Time, welcome func(*http.Request) bool) *memory {
	return &memory{now: now, welcome: welcome, of: map[[sha256.Size]byte]*remembered{}, own: map[[sha256.Size]byte]*answers{}}
}

// once answers repeated POSTs as the first one was answered, if that was a success; what
// fails is forgotten, and done again. h must not be one that publishes. Refuse answers who
// has waited in vain.
func (m *memory) once(h, refuse http.Handler) http.Handler {
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
				m.run(mine, h, w, r)
				return
			}
			select {
			case <-before.done:
			case <-wait.Done():
				refuse.ServeHTTP(w, r)
				return
			}
			if before.answer != nil {
				before.answer.write(w)
				return
			}
		}
	})
}

// begin makes a request the one that is done, or gives the one that was there before.
func (m *memory) begin(r *http.Request) (mine, before *remembered) {
	key, token := hashOf(r), sha256.Sum256([]byte(r.Header.Get("Authorization")))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trim(token)
	if x := m.of[key]; x != nil {
		return nil, x
	}
	x := &remembered{key: key, token: token, at: m.now(), done: make(chan struct{})}
	m.of[key] = x
	return x, nil
}

// run has the request done. Whatever becomes of it, nobody waits for it afterwards.
func (m *memory) run(x *remembered, h http.Handler, w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	var kept *answer
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if kept == nil {
			delete(m.of, x.key)
		} else {
			m.keep(x, kept)
		}
		close(x.done)
	}()
	h.ServeHTTP(rec, r)
	if rec.status/100 == 2 && !rec.tooLong {
		kept = &answer{rec.status, w.Header().Get("Content-Type"), bytes.Clone(rec.body.Bytes())}
	}
}

func (m *memory) keep(x *remembered, a *answer) {
	own := m.own[x.token]
	if own == nil {
		own = &answers{}
		m.own[x.token] = own
	}
	x.answer, x.at = a, m.now()
	x.inAll, x.inOwn = m.all.PushBack(x), own.PushBack(x)
	m.all.bytes += len(a.body)
	own.bytes += len(a.body)
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

func (m *memory) forget(e *list.Element) {
	x := e.Value.(*remembered)
	own := m.own[x.token]
	m.all.Remove(x.inAll)
	own.Remove(x.inOwn)
	m.all.bytes -= len(x.answer.body)
	own.bytes -= len(x.answer.body)
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
	if r.body.Len()+len(b) > largestAnswer {
		r.tooLong = true
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
