package safehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	defaultTimeout = 15 * time.Second
	defaultMaxBody = 16 << 10

	// A response body that goes on after its kept part is read for that much and
	// that long, thrown away, so that its connection can be used again: a new TLS
	// connection costs as much as thirty deliveries on an open one.
	drainBytes = 64 << 10
	drainTime  = 50 * time.Millisecond

	// veilTime is how long a request takes at least whose host name leads nowhere.
	veilTime = 250 * time.Millisecond
)

// Options of a [Client]. Zero values are good.
type Options struct {
	Policy Policy

	MaxConns            int           // connections in all: busy, idle and being dialed; 0 = no bound
	MaxIdleConns        int           // idle connections in all; 0 = 4096
	MaxIdleConnsPerHost int           // idle connections per host; 0 = 256
	IdleTimeout         time.Duration // how long a connection stays idle; 0 = 90 s
	UserAgent           string        // for requests that set none; "" = "Bellhop"
	RootCAs             *x509.CertPool

	// Transport replaces the network, for simulations. URLs are still checked,
	// addresses are not, since there are none.
	Transport http.RoundTripper
}

// Client sends requests, for any number of goroutines at a time.
type Client struct {
	policy    Policy
	dialer    net.Dialer
	tls       *tls.Config
	pool      *pool
	addresses *addresses
	watches   *watches
	scratches *sync.Pool        // of *scratch
	exchanges *sync.Pool        // of *exchange
	transport http.RoundTripper // nil unless replaced
	userAgent string
	drainTime time.Duration
	veilTime  time.Duration
}

// New returns a Client. It starts nothing; Close ends what its requests started.
func New(o Options) *Client {
	c := &Client{
		policy:    o.Policy,
		userAgent: orDefault(o.UserAgent, "Bellhop"),
		transport: o.Transport,
		drainTime: drainTime,
		veilTime:  veilTime,
		addresses: &addresses{of: map[addressKey]*address{}},
		watches:   &watches{of: map[<-chan struct{}]*watch{}},
		scratches: &sync.Pool{New: newScratch},
		exchanges: &sync.Pool{New: func() any { return new(exchange) }},
		tls: &tls.Config{
			MinVersion: tls.VersionTLS12,
			RootCAs:    o.RootCAs,
			NextProtos: []string{"http/1.1"},
			// Resuming a session saves the receiver's signature and a certificate chain.
			ClientSessionCache: tls.NewLRUClientSessionCache(1024),
		},
		pool: &pool{
			max:            orDefault(o.MaxConns, math.MaxInt),
			maxIdle:        orDefault(o.MaxIdleConns, 4096),
			maxIdlePerHost: orDefault(o.MaxIdleConnsPerHost, 256),
			idleTimeout:    orDefault(o.IdleTimeout, 90*time.Second),
			hosts:          map[target]*host{},
		},
	}
	c.dialer.ControlContext = c.guard
	c.dialer.Resolver = resolver(o.Policy.DNS, &names{now: time.Now, of: map[dnsmessage.Question]name{}})
	return c
}

// CheckURL is the [Policy.CheckURL] of the client's policy.
func (c *Client) CheckURL(raw string) error { return c.policy.CheckURL(raw) }

// Close closes the idle connections. Busy ones close when their request is done.
func (c *Client) Close() {
	c.pool.close()
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Request is one HTTP request. Do changes nothing in it, and keeps nothing of
// it once it has returned.
type Request struct {
	URL    string
	Method string // "" = POST

	// Header is sent as it is, except for the headers that speak about the
	// connection or the framing of the body (Connection, Host, Content-Length, …),
	// which are the client's business and are left out.
	Header http.Header

	Body    []byte
	Timeout time.Duration // for the whole exchange: DNS, connect, TLS, headers, kept body; 0 = 15 s
	MaxBody int64         // bytes kept of the response body; 0 = 16 KiB

	// Once keeps it from being sent a second time, as it is otherwise where a kept
	// connection turns out to be closed: it goes out on a connection of its own.
	Once bool

	// Private says that there is a secret in the URL: nothing of it is remembered.
	Private bool

	// App and Credentials name for whom a connection speaks: requests that differ in
	// either never share one. An answer that comes too late for its own request can
	// be taken for that to the next one, so who can make a receiver give one must not
	// have others behind him. Credentials tells apart what the requests are
	// authenticated with (headers, client certificates). It is a name, not a secret.
	App         string
	Credentials string

	// Identity, if not nil, is whom TLS speaks for and trusts. Two are never one, however
	// alike they are: each set of credentials has one and keeps it.
	Identity *Identity
}

// Response is what came of a Request. A failed exchange is no Go error: it is a
// Response with a Reason.
type Response struct {
	Status     int // 0 when no response came
	Header     http.Header
	Body       []byte        // at most MaxBody, not decompressed
	Truncated  bool          // Body is not all that the receiver sent, or would have sent
	Duration   time.Duration // from the call until the outcome was known
	RemoteAddr string        // the address connected to or tried last, "" if none
	Reused     bool          // the connection had been used before

	// Refused are the addresses that the URL's name led to and the policy
	// refused. For the operator's eyes: they tell how the network looks inside.
	Refused []netip.Addr

	// Reason is "" when the head of a response came in full: what the receiver means
	// is in its status line. With a Reason, Status may still be set (101).
	Reason Reason
	Detail string // with a Reason: a sentence for the log, safe to show to the endpoint's owner

	// Remark says what was odd about a response, such as a body that broke off: "" or a
	// clause that begins with "its", as safe as Detail.
	Remark string
}

// Do sends a request and returns what came of it, at the latest when r.Timeout
// is over. Redirects are not followed: a 3xx is a response like any other.
func (c *Client) Do(ctx context.Context, r Request) Response {
	var out Response
	c.Exchange(ctx, &r, &out)
	return out
}

// Exchange is Do, for those with so many requests under way that it counts what each of
// them has on its stack.
func (c *Client) Exchange(ctx context.Context, r *Request, out *Response) {
	start := time.Now()
	*out = Response{}
	at, problem := c.address(r)
	if problem != nil {
		out.Reason, out.Detail, out.Duration = problem.reason, problem.detail, time.Since(start)
		return
	}
	x := c.begin(ctx, r, at, start)
	if c.transport != nil {
		x.simulated(out)
		return
	}
	if x.do(out) {
		// What is left of the time is for a connection that is its own.
		c.done(x)
		x = c.begin(ctx, r, at, start)
		x.afresh = true
		x.do(out)
	}
	c.done(x)
}

//go:noinline
func (x *exchange) simulated(out *Response) { *out = x.simulate(x.u, x.request) }

// begin makes an exchange of a request that began at a time.
//
//go:noinline
func (c *Client) begin(ctx context.Context, r *Request, at *address, start time.Time) *exchange {
	deadline := start.Add(orDefault(max(r.Timeout, 0), defaultTimeout))
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	x := c.exchanges.Get().(*exchange)
	x.client, x.caller, x.host, x.target, x.afresh = c, ctx, at.url.Host, at.target(r), r.Once
	x.start, x.timeout, x.deadline = start, deadline.Sub(start).Round(time.Millisecond), deadline
	x.u, x.request = at.url, *r
	x.request.Method = orDefault(r.Method, http.MethodPost)
	x.request.MaxBody = orDefault(max(r.MaxBody, 0), defaultMaxBody)
	return x
}

// done leaves an exchange's memory to the next one, unless somebody may still look at it.
func (c *Client) done(x *exchange) {
	if x.lent {
		x.request = Request{} // the connection has it still
		return
	}
	*x = exchange{}
	c.exchanges.Put(x)
}

// problem is a request that was not sent.
type problem struct {
	reason Reason
	detail string
}

// check finds what is wrong with a request before anything is sent, and returns
// its URL.
func (c *Client) check(r Request) (*url.URL, *problem) {
	at, problem := c.address(&r)
	if problem != nil {
		return nil, problem
	}
	return at.url, nil
}

// connectionHeader reports whether a header is about the connection or the
// framing (RFC 9110, 7.6.1). An endpoint's configured headers must not be able
// to change protocols, smuggle a second request or wait for a 100 Continue.
func connectionHeader(name string) bool {
	for _, own := range connectionHeaders[min(len(name), len(connectionHeaders)-1)] {
		if strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

// connectionHeaders are those headers by their length: most are none for theirs alone.
var connectionHeaders = func() (by [18][]string) {
	for _, name := range []string{
		"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		by[len(name)] = append(by[len(name)], name)
	}
	return by
}()

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
