// Package auth gets the tokens by which requests authenticate with OAuth2 (RFC 6749) and
// keeps them: in memory, and sealed in the store, so that a restart needs no new one and
// a refresh token that the server has replaced is not lost.
//
// Whoever needs a token while one is being asked for waits for that one. A failure is
// remembered for a moment, so that many deliveries are not as many token requests.
package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// Grant is what a token is asked for with.
type Grant struct {
	// Endpoint is whose token it is.
	Endpoint bellhop.EndpointID
	// Auth is of an OAuth2 type.
	Auth *bellhop.Auth
	// ClientSecret and RefreshToken are in the open.
	ClientSecret, RefreshToken string
	// Identity is whom TLS speaks for; nil for nobody.
	Identity *safehttp.Identity
}

// lineage tells grants apart between which a refresh token cannot move: it was given by
// one server to one client, and began with the one that was configured.
func (g *Grant) lineage() string {
	return digest(string(g.Auth.Type), g.Auth.TokenURL, g.Auth.ClientID, g.RefreshToken)
}

// name tells grants apart between which an access token cannot move.
func (g *Grant) name() string {
	parts := []string{g.lineage(), g.ClientSecret, g.Auth.ClientAuth, strings.Join(g.Auth.Scopes, " ")}
	for _, k := range slices.Sorted(maps.Keys(g.Auth.Params)) {
		parts = append(parts, k, g.Auth.Params[k])
	}
	return digest(parts...)
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// maxAnswer bounds how much of a token server's answer is read.
const maxAnswer = 64 << 10

// request asks for a token (RFC 6749 §4.4.2 and §6).
func (g *Grant) request(refreshToken string) safehttp.Request {
	form := url.Values{}
	for k, v := range g.Auth.Params {
		form.Set(k, v)
	}
	if g.Auth.Type == bellhop.AuthRefreshToken {
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", refreshToken)
	} else {
		form.Set("grant_type", "client_credentials")
	}
	if len(g.Auth.Scopes) > 0 {
		form.Set("scope", strings.Join(g.Auth.Scopes, " "))
	}
	header := http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"},
		"Accept":       {"application/json"},
	}
	switch {
	case g.Auth.ClientAuth == "body" || g.ClientSecret == "": // a public client only says who it is
		form.Set("client_id", g.Auth.ClientID)
		if g.ClientSecret != "" {
			form.Set("client_secret", g.ClientSecret)
		}
	default:
		header["Authorization"] = []string{g.basic()}
	}
	return safehttp.Request{
		URL: g.Auth.TokenURL, Method: http.MethodPost, Header: header, Body: []byte(form.Encode()),
		Timeout: askFor, MaxBody: maxAnswer, Credentials: "token of " + g.Endpoint.String() + " " + g.name(), Identity: g.Identity,
	}
}

// basic is the client's name and secret, each encoded as in a form before they are put
// together (RFC 6749 §2.3.1).
func (g *Grant) basic() string {
	pair := url.QueryEscape(g.Auth.ClientID) + ":" + url.QueryEscape(g.ClientSecret)
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

// secrets are what no message may repeat, whoever wrote it.
func (g *Grant) secrets(more ...string) []string {
	list := append([]string{g.ClientSecret, g.RefreshToken}, more...)
	if g.ClientSecret != "" {
		list = append(list, strings.TrimPrefix(g.basic(), "Basic "))
	}
	return list
}
