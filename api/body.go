package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// Patient serves h and waits for nobody's body for long: one that no handler reads
// would be waited for by net/http, before or after the answer, without end. What a Kit
// reads has Options.ReadTimeout.
func (k *Kit) Patient(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			readWithin(w, unreadPatience)
		}
		h.ServeHTTP(w, r)
	})
}

// unreadPatience is how long a body that nobody reads may still take to arrive.
const unreadPatience = 2 * time.Second

// The bounds of what readOn reads of a body that is refused, and of how long that may take.
const (
	mostReadOn = 16 << 20
	readOnFor  = 10 * time.Second
)

// readOn reads and forgets what is still to come of a body whose refusal is answered
// already. Many clients read no answer before they have sent everything: were the
// connection closed on what is under way, they would see that it broke, and not why (RFC
// 9112, section 9.6). Whoever announces more than is read, or waits to be told to go on, gets
// the answer alone.
func (c *Call) readOn() {
	r := c.r
	if r.ProtoMajor != 1 || r.ContentLength > mostReadOn || r.Header.Get("Expect") != "" {
		return
	}
	if http.NewResponseController(&c.w).Flush() != nil {
		return
	}
	piece := make([]byte, 16<<10)
	for end, n := time.Now().Add(readOnFor), 0; n < mostReadOn; {
		left := time.Until(end)
		if left <= 0 {
			return
		}
		readWithin(&c.w, min(left, unreadPatience))
		k, err := r.Body.Read(piece)
		if err != nil {
			return
		}
		n += k
	}
}

// readWithin bounds the reading of the body from now on; with 0, nothing does.
func readWithin(w http.ResponseWriter, d time.Duration) {
	var by time.Time
	if d > 0 {
		by = time.Now().Add(d)
	}
	_ = http.NewResponseController(w).SetReadDeadline(by) // a recorder in a test has none
}

// body reads the whole body, which must be JSON by its headers and not larger
// than the route allows. It gives nil for an empty body that may be empty.
func (c *Call) body(optional bool) (b []byte, err error) {
	r := c.r
	limit := c.bodyLimit()
	if r.ContentLength > limit {
		c.unread = true
		return nil, tooLarge(limit)
	}
	if r.ContentLength == 0 {
		if optional {
			return nil, nil
		}
		return nil, Problem(CodeEmptyBody, "Send a JSON object as the body")
	}
	// Some clients send no body in chunks, and then do not say of what type it is.
	maybeNone := optional && r.ContentLength < 0 && r.Header.Get("Content-Type") == ""
	if err := checkMediaType(r.Header); err != nil && !maybeNone {
		c.unread = true
		return nil, err
	}
	readWithin(&c.w, c.kit.o.ReadTimeout)
	if b, err = c.read(limit); err != nil {
		c.unread = true
		readWithin(&c.w, unreadPatience)
		return nil, err
	}
	readWithin(&c.w, 0) // from here on a read only tells whether the caller is still there
	if len(b) > 0 && maybeNone {
		return nil, checkMediaType(r.Header)
	}
	if len(b) == 0 && !optional {
		return nil, Problem(CodeEmptyBody, "Send a JSON object as the body")
	}
	return b, nil
}

const (
	// firstRead is how much of a body there is room for before any of it came. Most are
	// smaller.
	firstRead = 16 << 10
	// growsBy is how many times as much there is room for once that has come.
	growsBy = 8
)

// read reads the body into memory that grows with what comes, and that counts as held
// by the call: who only announces a body gets none.
func (c *Call) read(limit int64) ([]byte, error) {
	length, in := c.r.ContentLength, io.Reader(c.r.Body)
	if length < 0 { // in chunks
		length, in = limit+1, http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, limit)
	} else if length > firstRead && !c.kit.memory.fits(c.share(), length) {
		return nil, errNoMemory() // rather than after most of it has come
	}
	size := min(length, firstRead)
	if err := c.hold(size); err != nil {
		return nil, err
	}
	b := make([]byte, 0, size)
	for {
		n, err := in.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch _, tooMuch := errors.AsType[*http.MaxBytesError](err); {
		case errors.Is(err, io.EOF) && (c.r.ContentLength < 0 || int64(len(b)) == length):
			return b, nil
		case tooMuch:
			return nil, tooLarge(limit)
		case err != nil:
			return nil, Problem(CodeIncomplete, "The body ended, or stopped arriving, before it was complete")
		case int64(len(b)) == length && c.r.ContentLength > 0:
			return b, nil
		case len(b) == cap(b):
			size := min(growsBy*int64(cap(b)), length)
			if err := c.hold(size - int64(cap(b))); err != nil {
				return nil, err
			}
			b = append(make([]byte, 0, size), b...)
		}
	}
}

// hold counts memory that the call needs until it is answered.
func (c *Call) hold(n int64) error {
	if c.held == 0 {
		c.heldBy = c.share()
	}
	if !c.kit.memory.take(c.heldBy, n) {
		return errNoMemory()
	}
	c.held += n
	return nil
}

// share is whose part of a bound the call counts for: that of its app, where its key
// reaches one alone, since there may be many portal links of one app, and else that of
// its key. All who come without a key share one.
func (c *Call) share() share {
	if s := c.who.Scope; !s.All && len(s.Apps) == 1 {
		return share{app: s.Apps[0]}
	}
	return share{key: c.account()}
}

type share struct {
	app string
	key bellhop.KeyID
}

// memory bounds what the bodies of all requests under way, and large answers, hold
// together. Nobody may hold more than is then left for all others: so one alone gets
// half of it at most, two a third each, and whoever comes next always finds some.
type memory struct {
	most int64

	mu   sync.Mutex
	used int64
	of   map[share]int64
}

func newMemory(most int64) *memory { return &memory{most: most, of: map[share]int64{}} }

// fits tells whether a share could take so much now.
func (m *memory) fits(s share, n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[s]+n <= m.most-m.used-n
}

// take counts n bytes for a share, if they fit.
func (m *memory) take(s share, n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of[s]+n > m.most-m.used-n {
		return false
	}
	m.of[s] += n
	m.used += n
	return true
}

func (m *memory) give(s share, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
	if m.of[s] -= n; m.of[s] == 0 {
		delete(m.of, s)
	}
}

// taken is how much is taken, in bytes.
func (m *memory) taken() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

func errNoMemory() error {
	return &bellhop.Error{
		Code:       CodeBusy,
		Detail:     "The bodies of requests under way take as much memory as they may: try again in a moment, with fewer large ones at once",
		RetryAfter: time.Second,
	}
}

func tooLarge(limit int64) error {
	return Problem(bellhop.CodeTooLarge, "The body is larger than the "+ByteSize(limit)+" allowed here")
}

func checkMediaType(h http.Header) error {
	if h.Get("Content-Encoding") != "" {
		return Problem(CodeMediaType, "Send the body without Content-Encoding")
	}
	contentType := h.Get("Content-Type")
	if contentType == "application/json" {
		return nil
	}
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil || t != "application/json" {
		return Problem(CodeMediaType, `Send the header "Content-Type: application/json"`)
	}
	return checkCharset(params)
}

func checkCharset(params map[string]string) error {
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "utf8": // the second is nowhere registered and often sent
		return nil
	}
	return Problem(CodeMediaType, "Send the body in UTF-8")
}

// bodyLimit is how large the body may be, in bytes.
func (c *Call) bodyLimit() int64 {
	if c.route.maxBody != 0 {
		return c.route.maxBody
	}
	return c.kit.o.MaxBody
}
