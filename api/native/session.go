package native

import (
	"net/http"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

// The cookie that holds a session's token in a browser: over TLS, and otherwise.
// Browsers take the first only from this very host and over TLS, so that neither
// its other subdomains nor somebody on the way can plant one (RFC 6265bis, section
// 4.1.3.2).
const (
	secureCookie = "__Host-bellhop_session"
	plainCookie  = "bellhop_session"
)

// cookieName is the name of the cookie on this connection, the only one that counts.
func cookieName(c *api.Call) string {
	if c.Secure() {
		return secureCookie
	}
	return plainCookie
}

// identify finds out who asks: by the header or, where there is none, by the cookie of
// a session.
func (n *native) identify(c *api.Call) (bellhop.Key, error) {
	token, err := c.Bearer()
	if err != nil {
		return bellhop.Key{}, err
	}
	if token == "" {
		return n.resume(c)
	}
	k, ok, err := n.desk.Authenticate(c.Context(), token)
	if err == nil && !ok {
		err = api.ErrUnknownKey()
	}
	return k, err
}

// resume takes the token of a session from a cookie, which the browser adds by
// itself: whoever made it send the request need not know the token.
func (n *native) resume(c *api.Call) (bellhop.Key, error) {
	cookie, err := c.Request().Cookie(cookieName(c))
	if err != nil {
		return bellhop.Key{}, api.ErrNoKey()
	}
	if err := n.sameOrigin(c); err != nil {
		return bellhop.Key{}, err
	}
	k, ok, err := n.desk.Authenticate(c.Context(), cookie.Value)
	if err != nil {
		return bellhop.Key{}, err
	}
	if !ok || k.Session == 0 {
		return bellhop.Key{}, api.Problem(api.CodeUnauthorized, "The session has ended: sign in again")
	}
	return k, nil
}

// sameOrigin refuses requests that change something and that a page of another
// site has made.
func (n *native) sameOrigin(c *api.Call) error {
	if n.crossOrigin.Check(c.Request()) == nil {
		return nil
	}
	return api.Problem(api.CodeCrossOrigin, "A browser says that a page of another origin made this request: only Bellhop's own pages may use a session. If this is its own page, the proxy before it must pass on the Host header, or --public-url must name its address")
}

// newCrossOrigin refuses what other sites make a browser send. It goes by the
// headers that browsers add; programs, which add none, are not concerned.
func newCrossOrigin(publicURL string) *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	if scheme, rest, ok := strings.Cut(publicURL, "://"); ok {
		// A proxy may have replaced the Host that the Origin is compared with.
		host, _, _ := strings.Cut(rest, "/")
		_ = p.AddTrustedOrigin(scheme + "://" + host) // what is not an origin is not trusted
	}
	return p
}

type startSessionInput struct{ Body wire.SessionInput }

func (n *native) startSession(c *api.Call, in startSessionInput) (wire.Session, error) {
	// Another site could sign a browser in with a key of its own, to see what
	// the person then does.
	if err := n.sameOrigin(c); err != nil {
		return wire.Session{}, err
	}
	var k bellhop.Key
	var unknown error
	from := c.Client()
	wait, ok := n.signIns.Try(from, func() (ok bool) {
		k, ok, unknown = n.desk.Authenticate(c.Context(), strings.TrimSpace(in.Body.Key))
		return ok || unknown != nil // which nobody failed by guessing
	})
	if wait > 0 {
		return wire.Session{}, &bellhop.Error{
			Code:       bellhop.CodeTooMany,
			Detail:     "Too many sign-ins have failed, from your address or in all: wait " + wait.String() + " before the next",
			RetryAfter: wait,
		}
	}
	if unknown != nil {
		return wire.Session{}, unknown
	}
	if !ok {
		n.o.Logger.InfoContext(c.Context(), "sign-in failed", "client", from.String())
		return wire.Session{}, api.ErrUnknownKey()
	}
	session, token, err := n.desk.StartSession(c.Context(), k, c.Request().UserAgent())
	if err != nil {
		return wire.Session{}, err
	}
	setCookie(c, token, session.ExpiresAt)
	n.endFormerSession(c)
	return n.session(session), nil
}

// endFormerSession ends the session that the browser had: whoever signs in anew has
// left it. If that fails, it ends by itself, and the new one is good all the same.
func (n *native) endFormerSession(c *api.Call) {
	cookie, err := c.Request().Cookie(cookieName(c))
	if err != nil {
		return
	}
	former, ok, err := n.desk.Authenticate(c.Context(), cookie.Value)
	if err != nil || !ok {
		return
	}
	if err := n.desk.EndSession(c.Context(), former); err != nil {
		n.o.Logger.WarnContext(c.Context(), "a session was not ended although its browser signed in anew", "session", former.ID.String(), "err", err)
	}
}

// setCookie gives the browser a session's token, or with "" takes it away.
func setCookie(c *api.Call, token string, expires time.Time) {
	cookie := &http.Cookie{
		Name: cookieName(c), Value: token, Path: "/", Expires: expires,
		HttpOnly: true, Secure: c.Secure(), SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.Writer(), cookie)
}

func (n *native) getSession(c *api.Call, _ api.NoInput) (wire.Session, error) {
	return n.session(c.Key()), nil
}

func (n *native) session(k bellhop.Key) wire.Session {
	s := wire.Session{
		Key: k.ID, Name: k.Name, Role: k.Role, Apps: wire.KeyOf(k).Apps, Portal: k.Portal, ExpiresAt: k.ExpiresAt,
		Version: n.o.Version, Features: n.o.Features,
	}
	s.Features.Transformations = n.desk.MayTransform(k.Principal())
	if k.Session != 0 { // the key that the person holds
		s.Key = k.Session
	}
	if s.Apps == nil {
		s.Apps = []string{}
	}
	return s
}

func (n *native) endSession(c *api.Call, _ api.NoInput) (api.None, error) {
	if c.Key().Session == 0 {
		return api.None{}, nil
	}
	if err := n.desk.EndSession(c.Context(), c.Key()); err != nil {
		return api.None{}, err
	}
	setCookie(c, "", time.Time{})
	return api.None{}, nil
}
