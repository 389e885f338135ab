package api

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
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
func (c *call) cookieName() string {
	if c.secure() {
		return secureCookie
	}
	return plainCookie
}

type startSessionInput struct{ Body wire.SessionInput }

func (a *api) startSession(c *call, in startSessionInput) (wire.Session, error) {
	// Another site could sign a browser in with a key of its own, to see what
	// the person then does.
	if err := c.sameOrigin(); err != nil {
		return wire.Session{}, err
	}
	var k bellhop.Key
	from := c.client()
	wait, ok := a.signIns.try(from, func() (ok bool) {
		k, ok = a.b.Authenticate(strings.TrimSpace(in.Body.Key))
		return ok
	})
	switch {
	case wait > 0:
		c.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return wire.Session{}, problem(codeTooMany, "Too many sign-ins have failed, from your address or in all: wait "+wait.String()+" before the next")
	case !ok:
		a.o.Logger.InfoContext(c.ctx(), "sign-in failed", "client", from.String())
		return wire.Session{}, problem(codeUnauthorized, "The key is not known: it was deleted, has expired, or was copied incompletely")
	case k.Portal:
		return wire.Session{}, problem(codeForbidden, "This is the token of a portal link: open the link itself. To sign in takes a key with the role admin, editor or viewer")
	case k.Session != 0:
		return wire.Session{}, problem(codeForbidden, "This is the token of a session: sign in with the key itself")
	case k.Role == bellhop.RolePublisher:
		return wire.Session{}, problem(codeForbidden, "This key may only publish: to sign in takes a key with the role admin, editor or viewer")
	}
	session, token, err := a.b.StartSession(c.ctx(), k)
	if err != nil {
		return wire.Session{}, err
	}
	c.setCookie(token, session.ExpiresAt)
	c.endFormerSession()
	return a.session(&session), nil
}

// endFormerSession ends the session that the browser had: whoever signs in anew has
// left it. If that fails, it ends by itself, and the new one is good all the same.
func (c *call) endFormerSession() {
	cookie, err := c.r.Cookie(c.cookieName())
	if err != nil {
		return
	}
	old, ok := c.a.b.Authenticate(cookie.Value)
	if !ok || old.Session == 0 {
		return
	}
	if err := c.a.b.DeleteKey(c.ctx(), old.Session.String(), old.ID); err != nil && !bellhop.IsNotFound(err) {
		c.a.o.Logger.WarnContext(c.ctx(), "a session was not ended although its browser signed in anew", "session", old.ID.String(), "err", err)
	}
}

// setCookie gives the browser a session's token, or with "" takes it away.
func (c *call) setCookie(token string, expires time.Time) {
	cookie := &http.Cookie{
		Name: c.cookieName(), Value: token, Path: "/", Expires: expires,
		HttpOnly: true, Secure: c.secure(), SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.w, cookie)
}

func (a *api) getSession(c *call, _ noInput) (wire.Session, error) { return a.session(&c.key), nil }

func (a *api) session(k *bellhop.Key) wire.Session {
	s := wire.Session{
		Key: person(k), Name: k.Name, Role: k.Role, Apps: k.Apps, Portal: k.Portal, ExpiresAt: k.ExpiresAt,
		Version: a.o.Version, Features: a.o.Features,
	}
	if s.Apps == nil {
		s.Apps = []string{}
	}
	return s
}

// person is the key that somebody holds: of a session, the one signed in with.
func person(k *bellhop.Key) bellhop.KeyID {
	if k.Session != 0 {
		return k.Session
	}
	return k.ID
}

func (a *api) endSession(c *call, _ noInput) (none, error) {
	if c.key.Session == 0 {
		return none{}, nil
	}
	// It may have ended by itself meanwhile.
	if err := a.b.DeleteKey(c.ctx(), c.actor(), c.key.ID); err != nil && !bellhop.IsNotFound(err) {
		return none{}, err
	}
	c.setCookie("", time.Time{})
	return none{}, nil
}

func (a *api) getBranding(*call, noInput) (wire.Branding, error) { return a.o.Branding, nil }

func (a *api) getSettings(*call, noInput) (wire.List[wire.Setting], error) {
	out := wire.List[wire.Setting]{Data: a.o.Settings}
	if out.Data == nil {
		out.Data = []wire.Setting{}
	}
	return out, nil
}
