package safehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	defaultTimeout = 15 * time.Second
	defaultMaxBody = 16 << 10

	// maxHeader bounds the bytes of the response headers, including those of all
	// informational (1xx) responses before them. net/http keeps one budget for
	// both, as long as no httptrace hook asks for the 1xx ones.
	maxHeader = 64 << 10

	// A response body that goes on after its kept part is read for that much and
	// that long, thrown away, so that its connection can be used again: a new TLS
	// connection costs as much as thirty deliveries on an open one.
	drainBytes = 64 << 10
	drainTime  = 50 * time.Millisecond
)

// Options of a [Client]. Zero values are good.
type Options struct {
	Policy Policy

	MaxConnsPerHost     int           // connections per host, busy and idle; 0 = unlimited
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
	transport http.RoundTripper
	userAgent string
	drainTime time.Duration
}

// New returns a Client. It starts nothing; Close ends what its requests started.
func New(o Options) *Client {
	c := &Client{
		policy:    o.Policy,
		userAgent: orDefault(o.UserAgent, "Bellhop"),
		transport: o.Transport,
		drainTime: drainTime,
		tls: &tls.Config{
			MinVersion: tls.VersionTLS12,
			RootCAs:    o.RootCAs,
			NextProtos: []string{"http/1.1"},
			// Resuming a session saves the receiver's signature and a certificate chain.
			ClientSessionCache: tls.NewLRUClientSessionCache(1024),
		},
	}
	c.dialer.ControlContext = c.guard
	c.dialer.Resolver = resolver(o.Policy.DNS)
	if c.transport != nil {
		return c
	}

	var http1 http.Protocols
	http1.SetHTTP1(true)
	c.transport = &http.Transport{
		Proxy: nil, // not even the environment's: a proxy would dial where the guard cannot see
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return c.dial(ctx, addr, false)
		},
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return c.dial(ctx, addr, true)
		},
		Protocols:              &http1,
		DisableCompression:     true, // a body is kept as it came; a gzip bomb stays folded
		MaxResponseHeaderBytes: maxHeader,
		MaxConnsPerHost:        o.MaxConnsPerHost,
		MaxIdleConns:           orDefault(o.MaxIdleConns, 4096),
		// net/http's default of 2 would close nearly every connection of a busy host.
		MaxIdleConnsPerHost: orDefault(o.MaxIdleConnsPerHost, 256),
		IdleConnTimeout:     orDefault(o.IdleTimeout, 90*time.Second),
	}
	return c
}

// CheckURL is the [Policy.CheckURL] of the client's policy.
func (c *Client) CheckURL(raw string) error { return c.policy.CheckURL(raw) }

// Close closes the idle connections. Busy ones close when their request is done.
func (c *Client) Close() {
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

	// Reason is "" when a response came in full, or its kept part did. With a
	// Reason, Status may still be set: the response had begun.
	Reason Reason
	Detail string // with a Reason: a sentence for the log, safe to show to the endpoint's owner
}

// Do sends a request and returns what came of it, at the latest when r.Timeout
// is over. Redirects are not followed: a 3xx is a response like any other.
func (c *Client) Do(ctx context.Context, r Request) Response {
	start := time.Now()
	u, header, err := c.check(r)
	if err != nil {
		return Response{Reason: err.reason, Detail: err.detail, Duration: time.Since(start)}
	}

	limited, cancel := context.WithDeadline(ctx, start.Add(orDefault(max(r.Timeout, 0), defaultTimeout)))
	defer cancel()
	deadline, _ := limited.Deadline() // the caller's, if that is earlier
	timeout := deadline.Sub(start).Round(time.Millisecond)

	for {
		x := &exchange{caller: ctx, host: u.Host, timeout: timeout, deadline: deadline}
		req, body := newRequest(limited, x, u, header, r)
		res, err := c.transport.RoundTrip(req)
		if err != nil {
			body.release()
			if limited.Err() == nil && x.unsent() {
				// Each round uses up an idle connection, and a fresh one is not
				// repeated, so this ends.
				continue
			}
			out := x.failed(err)
			out.Duration = time.Since(start)
			return out
		}
		out := c.receive(x, res, orDefault(max(r.MaxBody, 0), defaultMaxBody), start, cancel)
		body.release()
		return out
	}
}

// problem is a request that was not sent.
type problem struct {
	reason Reason
	detail string
}

// check finds what is wrong with a request before anything is sent, and returns
// its URL and its headers as they will be sent.
func (c *Client) check(r Request) (*url.URL, http.Header, *problem) {
	u, err := c.policy.parseURL(r.URL)
	if err != nil {
		var refused *URLError
		if errors.As(err, &refused) && refused.Code == CodeAddress {
			return nil, nil, &problem{ReasonAddress, refused.Detail}
		}
		return nil, nil, &problem{ReasonURL, err.Error()}
	}
	if r.Method == http.MethodConnect || r.Method != "" && !httpguts.ValidHeaderFieldName(r.Method) {
		return nil, nil, &problem{ReasonRequest, tidy(fmt.Sprintf("the method %q cannot be sent", r.Method))}
	}

	header := make(http.Header, len(r.Header)+1)
	named := false
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, nil, &problem{ReasonRequest, tidy(fmt.Sprintf("the header name %q cannot be sent", name))}
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) { // not shown: it may be a secret
				return nil, nil, &problem{ReasonRequest, tidy("the value of the header " + name + " cannot be sent: it contains control characters")}
			}
		}
		if strings.EqualFold(name, "User-Agent") {
			name, named = "User-Agent", true // in any other case, net/http adds its own
		}
		if !connectionHeader(name) {
			// The values are not copied: net/http only reads them, and the map,
			// which it may still be walking after an early response, is ours.
			header[name] = values
		}
	}
	if !named {
		header["User-Agent"] = []string{c.userAgent}
	}
	return u, header, nil
}

// connectionHeader reports whether a header is about the connection or the
// framing (RFC 9110, 7.6.1). An endpoint's configured headers must not be able
// to change protocols, smuggle a second request or wait for a 100 Continue.
func connectionHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

func newRequest(ctx context.Context, x *exchange, u *url.URL, header http.Header, r Request) (*http.Request, *payload) {
	req := &http.Request{
		Method:        orDefault(r.Method, http.MethodPost),
		URL:           u,
		Host:          u.Host,
		Header:        header,
		ContentLength: int64(len(r.Body)),
	}
	body := &payload{rest: r.Body}
	if len(r.Body) > 0 { // else a length of zero, which net/http takes for "unknown", would be sent as chunks
		req.Body = body
	}
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	return req.WithContext(httptrace.WithClientTrace(ctx, x.trace())), body
}

// receive reads the kept part of a response. cancel ends the request's context,
// and with it the connection.
func (c *Client) receive(x *exchange, res *http.Response, limit int64, start time.Time, cancel func()) Response {
	if res.Body == nil { // only a replaced transport forgets it
		res.Body = http.NoBody
	}
	defer res.Body.Close()
	x.enter(phaseBody)
	out := Response{Status: res.StatusCode, Header: res.Header}
	finish := func(err error) Response {
		if err != nil {
			out.Reason, out.Detail = x.explain(err)
			out.Detail = tidy(out.Detail)
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		out.RemoteAddr, out.Reused, out.Refused = x.remote, x.reused, x.refused
		out.Duration = time.Since(start)
		return out
	}

	if res.StatusCode < 200 {
		// 101 hands the raw connection to us as the body, no longer bound by the
		// request's context: reading it could hang for ever.
		return finish(fmt.Errorf("unasked status %d", res.StatusCode))
	}
	if x.conn != nil {
		x.conn.keepAlive(res.Header)
	}
	body, full, err := keep(res.Body, res.ContentLength, limit)
	out.Body = body
	if err != nil {
		out.Truncated = true
		return finish(err)
	}
	out.Truncated = full && res.ContentLength != limit
	done := finish(nil)
	if full && res.ContentLength-limit <= drainBytes {
		timer := time.AfterFunc(c.drainTime, cancel)
		n, err := io.CopyN(io.Discard, res.Body, drainBytes+1)
		timer.Stop()
		if n == 0 && err == io.EOF {
			done.Truncated = false // it was exactly as long as the limit
		}
	}
	return done
}

// keep reads up to limit bytes of a body. full reports that it stopped at the
// limit, with more perhaps to come: asking for more could wait for a receiver
// that trickles.
func keep(body io.Reader, length, limit int64) (kept []byte, full bool, err error) {
	if length == 0 {
		return nil, false, nil
	}
	size := int64(512)
	if length > 0 {
		size = length + 1 // room to see the end
	}
	kept = make([]byte, 0, min(size, limit))
	for {
		if int64(len(kept)) == limit {
			return kept, true, nil
		}
		if len(kept) == cap(kept) {
			kept = append(kept, 0)[:len(kept)]
		}
		room := kept[len(kept):min(int64(cap(kept)), limit)]
		n, err := body.Read(room)
		kept = kept[:len(kept)+n]
		if err == io.EOF {
			return kept, false, nil
		}
		if err != nil {
			return kept, false, err
		}
	}
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
