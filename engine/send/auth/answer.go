package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// answer is what a token server says (RFC 6749 §5).
type answer struct {
	AccessToken  string          `json:"access_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    json.RawMessage `json:"expires_in"` // a number, and with some servers a string
	RefreshToken string          `json:"refresh_token"`
	Error        json.RawMessage `json:"error"` // a string, and with some an object
	Description  string          `json:"error_description"`
}

// given is a token as a server hands it out.
type given struct {
	access, refresh string
	lasts           time.Duration // 0: unknown
}

// refusal says why there is no token, in a sentence without its first words, and what
// may be done about it.
type refusal struct {
	text string
	// settled says that asking again changes nothing until somebody does something.
	settled bool
	after   time.Duration // the server's wish; 0 for none
}

func refused(format string, a ...any) *refusal { return &refusal{text: fmt.Sprintf(format, a...)} }

// Bounds of what is believed of a token server.
const (
	longestToken = 16 << 10
	longestLife  = 365 * 24 * time.Hour
	longestAfter = 10 * time.Minute
	longestQuote = 200
)

// read takes the token out of an answer. It believes little: servers lie, time out, and
// are login pages.
// What it quotes of an answer is masked before it is cut: a part of a secret is one, too.
func read(res safehttp.Response, t bellhop.AuthType, masked func(string) string) (given, *refusal) {
	if res.Reason != "" {
		return given{}, refused("could not be asked: %s", res.Detail)
	}
	if res.Status >= 300 && res.Status <= 399 {
		r := refused("answered %s; redirects are not followed", status(res.Status))
		if to, err := url.Parse(res.Header.Get("Location")); err == nil && to.Host != "" {
			r.text += ": if " + to.Scheme + "://" + tidy(masked(to.Host+to.EscapedPath())) + " is the right address, make it auth.token_url"
		}
		r.settled = true
		return given{}, r
	}
	var a answer
	err := decode(res, &a)
	a.Description, a.TokenType, a.Error = masked(a.Description), masked(a.TokenType), json.RawMessage(masked(string(a.Error)))
	switch {
	case res.Status == http.StatusTooManyRequests, res.Status >= 500:
		r := refused("answered %s", status(res.Status))
		if err == nil {
			r.text += said(a)
		}
		r.text += "; it is asked again by itself, and if that lasts, its operator should know"
		if res.Status == http.StatusTooManyRequests {
			r.text = refused("answered %s", status(res.Status)).text + "; it is asked again by itself, less often: endpoints that share its client share its limit"
		}
		r.after = retryAfter(res.Header)
		return given{}, r
	case err != nil && (res.Status < 200 || res.Status > 299):
		r := refused("answered %s and %v", status(res.Status), err)
		r.text += "; check auth.token_url and the client's id and secret"
		r.settled = true
		return given{}, r
	case err != nil:
		r := refused("answered %s, but %v; check auth.token_url", status(res.Status), err)
		r.settled = !res.Truncated
		return given{}, r
	case res.Status < 200 || res.Status > 299 || len(a.Error) > 0 && string(a.Error) != "null":
		return given{}, explain(res.Status, a, t)
	}
	return accept(a)
}

// decode reads JSON, or says what else was there.
func decode(res safehttp.Response, a *answer) error {
	body := bytes.TrimSpace(res.Body)
	switch {
	case res.Truncated && int64(len(res.Body)) >= maxAnswer:
		return errors.New("more than 64 KiB, which is no token")
	case res.Truncated:
		return errors.New("its answer broke off")
	case len(body) == 0:
		return errors.New("said nothing")
	case body[0] == '<' || strings.Contains(res.Header.Get("Content-Type"), "text/html"):
		return errors.New("sent HTML instead of JSON, as a login or error page would be")
	case json.Unmarshal(body, a) != nil || body[0] != '{':
		return errors.New("sent something else than a JSON object with a token")
	}
	return nil
}

// accept takes a token that is of use.
func accept(a answer) (given, *refusal) {
	g := given{access: a.AccessToken, refresh: a.RefreshToken}
	r := &refusal{settled: true}
	switch lasts, err := seconds(a.ExpiresIn); {
	case a.AccessToken == "":
		r.text = "answered without an access_token; check auth.token_url"
	case len(a.AccessToken) > longestToken || strings.ContainsFunc(a.AccessToken, notInToken):
		r.text = "gave an access_token that cannot be sent in a header; ask its operator"
	case len(a.RefreshToken) > longestToken:
		r.text = "gave a refresh_token that is too long to be one; ask its operator"
	case a.TokenType != "" && !strings.EqualFold(a.TokenType, "bearer"):
		r.text = "gave a token of the type " + strconv.Quote(tidy(a.TokenType)) + ", and only bearer tokens can be sent; ask its operator for those"
	case err != nil:
		r.text = "gave an expires_in that is no number of seconds; ask its operator"
	case len(a.ExpiresIn) > 0 && string(a.ExpiresIn) != "null" && lasts <= 0:
		r.text, r.settled = "handed out a token that had already expired (expires_in "+tidy(string(a.ExpiresIn))+"); its clock or its configuration is wrong", false
	default:
		g.lasts = lasts
		return g, nil
	}
	return given{}, r
}

// notInToken tells what no token has (RFC 6750 §2.1 is stricter, servers are not).
func notInToken(r rune) bool { return r <= ' ' || r >= 0x7f }

func seconds(raw json.RawMessage) (time.Duration, error) {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return 0, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != f {
		return 0, errors.New("not a number")
	}
	return time.Duration(min(max(f, -1), longestLife.Seconds()) * float64(time.Second)), nil
}

// remedies are what can be done about the errors of RFC 6749 §5.2.
var remedies = map[string]string{
	"invalid_client":         "check auth.client_id, auth.client_secret and auth.client_auth",
	"unauthorized_client":    "the client may not get tokens in this way: have it allowed where the client was registered",
	"unsupported_grant_type": "the server gives no tokens in this way: choose another type of auth",
	"invalid_scope":          "check auth.scopes",
	"invalid_request":        "check auth.params, auth.scopes and auth.client_auth",
	"invalid_target":         "check the resource or audience in auth.params",
}

// explain makes a refusal of an error.
func explain(code int, a answer, t bellhop.AuthType) *refusal {
	r := refused("answered %s%s", status(code), said(a))
	word := errorWord(a)
	remedy := remedies[word]
	switch {
	case word == "invalid_grant" && t == bellhop.AuthRefreshToken:
		remedy = "the refresh token was revoked, has expired, or was used elsewhere: connect anew and enter the new one as auth.refresh_token"
	case word == "invalid_grant":
		remedy = "check auth.client_id, auth.params and auth.scopes: the server gives this client no token for them"
	case remedy == "" && (code == http.StatusUnauthorized || code == http.StatusForbidden):
		remedy = remedies["invalid_client"]
	case remedy == "" && (code == http.StatusNotFound || code == http.StatusMethodNotAllowed):
		remedy = "check auth.token_url"
	}
	if remedy == "" {
		remedy = "look the error up in the documentation of the token server, and check auth"
	}
	r.text += "; " + remedy
	r.settled = word != "temporarily_unavailable" && word != "server_error"
	return r
}

// said is what a server said about an error, as a part of a sentence.
func said(a answer) string {
	text := errorWord(a)
	if d := tidy(a.Description); d != "" && text != "" {
		text += " (" + d + ")"
	} else if d != "" {
		text = d
	}
	if text == "" {
		return ""
	}
	return ": " + text
}

func errorWord(a answer) string {
	var word string
	if json.Unmarshal(a.Error, &word) != nil {
		word = string(a.Error)
	}
	if word == "null" {
		word = ""
	}
	return tidy(word)
}

// tidy makes what a server wrote fit for a sentence of ours.
func tidy(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > longestQuote {
		s = strings.ToValidUTF8(s[:longestQuote], "") + "…"
	}
	return strings.TrimRight(s, ".")
}

func status(code int) string {
	text := strconv.Itoa(code)
	if t := http.StatusText(code); t != "" {
		text += " " + t
	}
	return text
}

func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(h.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, longestAfter)
}
