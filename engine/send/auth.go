package send

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/engine/send/auth"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// credentials are what the requests of one attempt are authenticated with. They hold
// secrets in the open: nothing of them is kept.
type credentials struct {
	origin      string // of the endpoint: they go nowhere else
	header      string // its name; "" for none
	query       string // the parameter's name; "" for none
	value       string
	identity    *safehttp.Identity
	secrets     []string // what no log repeats
	username    string   // with password, of a mail server
	password    string
	token       string // that value carries
	fromBellhop bool   // value is a token that can be renewed
	grant       auth.Grant
}

// put authenticates a request, whose header is copied. A request to somewhere else than
// the endpoint is refused: whoever writes a script or a template may not see the
// credentials, so he may not have them sent to himself either.
func (c *credentials) put(r *safehttp.Request) *bellhop.Outcome {
	if c == nil {
		return nil
	}
	if at := safehttp.Origin(r.URL); at != c.origin {
		return &bellhop.Outcome{
			Class: bellhop.ClassHeld, Reason: bellhop.ReasonAuth,
			Detail: "The request would go to " + at + ", but the endpoint's credentials are for " + c.origin +
				" alone: have its requests made for that address, or take auth and tls off the endpoint.",
		}
	}
	r.Identity = c.identity
	switch {
	case safehttp.IsMail(r.URL): // they are said in the conversation
	case c.header != "":
		header := make(http.Header, len(r.Header)+1)
		for name, values := range r.Header {
			if !strings.EqualFold(name, c.header) {
				header[name] = values
			}
		}
		header[c.header] = []string{c.value}
		r.Header = header
	case c.query != "":
		r.URL, r.Private = withQuery(r.URL, c.query, c.value), true
	}
	return nil
}

// mask takes the credentials out of what a receiver said: some send back what they got.
func (c *credentials) mask(res *safehttp.Response) {
	if c == nil || len(c.secrets) == 0 {
		return
	}
	res.Body = hide(res.Body, c.secrets)
	for name, values := range res.Header {
		values = slices.Clone(values)
		for i, v := range values {
			values[i] = c.hidden(v)
		}
		res.Header[name] = values
	}
	res.Detail, res.Remark = c.hidden(res.Detail), c.hidden(res.Remark)
}

// hidden is a text without the credentials.
func (c *credentials) hidden(text string) string {
	return hideText(text, c.secrets)
}

// keep cuts an answer that was read beyond what is kept of it.
func keep(res *safehttp.Response, limit int64) {
	if int64(len(res.Body)) > limit {
		res.Body, res.Truncated = res.Body[:limit], true
	}
}

// conceal shows in what is logged where the credentials go, and that they are hidden.
func conceal(r *routes.Route, made *Made) {
	if r.Auth == nil || safehttp.IsMail(r.URL) {
		return
	}
	header, query := placeOf(r.Auth)
	if header != "" {
		shown := made.ShownHeader.Clone()
		for name := range shown {
			if strings.EqualFold(name, header) {
				delete(shown, name)
			}
		}
		shown[header] = []string{bellhop.Hidden}
		made.ShownHeader = shown
	}
	if query != "" {
		made.ShownURL = withQuery(made.ShownURL, query, bellhop.Hidden)
	}
}

// placeOf is where the credentials of an Auth go: a header or a query parameter.
func placeOf(a *bellhop.Auth) (header, query string) {
	switch a.Type {
	case bellhop.AuthHeader:
		return a.Name, ""
	case bellhop.AuthQuery:
		return "", a.Name
	}
	return "Authorization", ""
}

func withQuery(raw, name, value string) string {
	sep := "?"
	if strings.Contains(raw, "?") {
		sep = "&"
	}
	if value != bellhop.Hidden {
		value = url.QueryEscape(value)
	}
	return raw + sep + url.QueryEscape(name) + "=" + value
}

// credentials opens what an endpoint's requests are authenticated with, but for the
// token: nil if they are not.
func (s *Sender) credentials(r *routes.Route) (*credentials, error) {
	if r.Auth == nil && r.TLS == nil {
		return nil, nil
	}
	c := &credentials{origin: safehttp.Origin(r.URL)}
	var err error
	if r.TLS != nil {
		if c.identity, err = s.identity(r); err != nil {
			return nil, err
		}
	}
	if a := r.Auth; a != nil {
		if err = c.fill(r, a); err == nil && safehttp.IsMail(r.URL) {
			c.username = a.Username
		}
		if c.username != "" && a.Type == bellhop.AuthBasic && s.o.Mailer != nil {
			c.password, err = r.Credential(bellhop.SealedPassword)
			c.secrets = append(c.secrets, s.o.Mailer.Secrets(c.username, c.password)...)
		}
	}
	return c, err
}

func (c *credentials) fill(r *routes.Route, a *bellhop.Auth) (err error) {
	c.header, c.query = placeOf(a)
	open := func(name string) (plain string) {
		if err == nil {
			plain, err = r.Credential(name)
			c.secrets = append(c.secrets, plain)
			if strings.Contains(plain, " ") {
				c.secrets = append(c.secrets, url.QueryEscape(plain)) // with a plus in its place
			}
		}
		return plain
	}
	switch a.Type {
	case bellhop.AuthBasic:
		pair := base64.StdEncoding.EncodeToString([]byte(a.Username + ":" + open(bellhop.SealedPassword)))
		c.secrets = append(c.secrets, pair)
		c.value = "Basic " + pair
	case bellhop.AuthBearer:
		c.value = "Bearer " + open(bellhop.SealedToken)
	case bellhop.AuthHeader:
		c.value = a.Prefix + open(bellhop.SealedValue)
	case bellhop.AuthQuery:
		c.value = open(bellhop.SealedValue)
		c.secrets = append(c.secrets, url.QueryEscape(c.value))
	default:
		c.fromBellhop = true
		c.grant = auth.Grant{Endpoint: r.ID, Auth: a, Identity: c.identity}
		if _, has := r.Sealed[bellhop.SealedClientSecret]; has {
			c.grant.ClientSecret = open(bellhop.SealedClientSecret)
		}
		if a.Type == bellhop.AuthRefreshToken {
			c.grant.RefreshToken = open(bellhop.SealedRefreshToken)
		}
	}
	return err
}

// carry gives the credentials a token.
func (c *credentials) carry(token string) {
	c.value, c.token = "Bearer "+token, token
	c.secrets = append(c.secrets, token)
	if c.username != "" {
		c.secrets = append(c.secrets, xoauth2(c.username, token))
	}
}

// identities are the TLS identities of endpoints, made once for each set of
// credentials: connections are kept by them.
type identities struct {
	mu   sync.Mutex
	made map[bellhop.EndpointID]identity
}

type identity struct {
	credentials string
	tls         *safehttp.Identity
}

// maxIdentities bounds those in memory: an endpoint that is gone leaves its behind.
const maxIdentities = 10_000

func (s *Sender) identity(r *routes.Route) (*safehttp.Identity, error) {
	s.identities.mu.Lock()
	defer s.identities.mu.Unlock()
	if i, ok := s.identities.made[r.ID]; ok && i.credentials == r.Credentials() {
		return i.tls, nil
	}
	var certificate *tls.Certificate
	if r.TLS.Certificate != "" {
		key, err := r.Credential(bellhop.SealedTLSKey)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair([]byte(r.TLS.Certificate), []byte(key))
		if err != nil {
			return nil, err
		}
		certificate = &pair
	}
	made, err := s.o.HTTP.NewIdentity(certificate, []byte(r.TLS.CA))
	if err != nil {
		return nil, err
	}
	if len(s.identities.made) >= maxIdentities || s.identities.made == nil {
		s.identities.made = map[bellhop.EndpointID]identity{}
	}
	s.identities.made[r.ID] = identity{r.Credentials(), made}
	return made, nil
}

// authenticated makes the exchange of a parcel with its endpoint's credentials. A token
// that the receiver does not take is replaced once, on the same deadline. Where there is
// no exchange, or no end to it, the outcome says why; ended says that ctx did end, so
// that nothing is known.
func (s *Sender) authenticated(ctx context.Context, p Parcel, exchange func(Parcel) safehttp.Response) (res safehttp.Response, unmade *bellhop.Outcome, ended bool) {
	c, err := s.credentials(p.Route)
	if err != nil {
		return res, &bellhop.Outcome{
			Class: bellhop.ClassHeld, Reason: bellhop.ReasonAuth,
			Detail: "The endpoint's credentials cannot be used: " + err.Error() + ".",
		}, false
	}
	if c == nil || s.isInside(p.Request.URL) {
		return exchange(p), nil, false
	}
	start := time.Now()
	within, cancel := context.WithTimeout(ctx, p.Request.Timeout)
	defer cancel()
	failed := func(f *auth.Failure) *bellhop.Outcome {
		return &bellhop.Outcome{
			Class: bellhop.ClassAgain, Reason: bellhop.ReasonAuth, Detail: f.Detail, After: f.After,
			Exchange: bellhop.Exchange{Duration: time.Since(start)},
		}
	}
	token := ""
	if c.fromBellhop {
		var f *auth.Failure
		if token, f = s.tokens.Token(within, c.grant); f != nil {
			return res, failed(f), ctx.Err() != nil || f.Closed
		}
		c.carry(token)
	}
	call := func() (safehttp.Response, *bellhop.Outcome) {
		q := p
		q.credentials = c
		if unmade := c.put(&q.Request); unmade != nil {
			return safehttp.Response{}, unmade
		}
		q.Request.Timeout = max(p.Request.Timeout-time.Since(start), time.Millisecond)
		q.Request.MaxBody += c.beyond()
		res := exchange(q)
		c.mask(&res)
		keep(&res, p.Request.MaxBody)
		res.Duration = time.Since(start)
		return res, nil
	}
	res, unmade = call()
	if unauthorized(p, res) && p.Route.Auth != nil && !c.fromBellhop && res.Remark == "" {
		res.Remark = "its answer is to the credentials of the endpoint's auth: check them"
	}
	if unmade != nil || !c.fromBellhop || !unauthorized(p, res) || within.Err() != nil {
		return res, unmade, false
	}
	fresh, f := s.tokens.Renew(within, c.grant, token)
	switch {
	case f != nil:
		o := failed(f)
		o.Detail = "The receiver answered " + strconv.Itoa(res.Status) + ", and there is no other token: " + f.Detail
		o.Exchange.ResponseStatus, o.Exchange.ResponseHeader = res.Status, res.Header
		o.Exchange.ResponseBody, o.Exchange.ResponseTruncated = res.Body, res.Truncated
		return res, o, ctx.Err() != nil || f.Closed
	case fresh == "": // it was replaced just now: it is not the token
		return res, nil, false
	}
	c.carry(fresh)
	res, unmade = call()
	if unauthorized(p, res) {
		res.Remark = strings.TrimPrefix(res.Remark+"; its answer was the same to a token that the token server had just given: check the client's rights and auth.scopes", "; ")
	}
	return res, unmade, false
}

// unauthorized tells whether a receiver does not take the credentials: by HTTP 401, by
// SMTP 535 (RFC 4954 §6).
func unauthorized(p Parcel, res safehttp.Response) bool {
	if p.Mail != nil {
		return res.Status == 535
	}
	return res.Status == http.StatusUnauthorized
}

// xoauth2 is how a token is said to a mail server.
func xoauth2(username, token string) string {
	return base64.StdEncoding.EncodeToString([]byte("user=" + username + "\x01auth=Bearer " + token + "\x01\x01"))
}

func (s *Sender) isInside(url string) bool {
	if s.o.Inboxes == nil {
		return false
	}
	_, inside := s.o.Inboxes.Token(url)
	return inside
}
