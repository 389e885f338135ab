package main

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// ofConnection are headers that curl makes itself.
var ofConnection = []string{"Host", "Content-Length", "Connection", "Transfer-Encoding", "Expect"}

// longArgument is from where on a body is not an argument: the system bounds them.
const longArgument = 64 << 10

// asCurl is a command for a POSIX shell that makes the request of an attempt again, byte
// for byte. What may not be seen of it stands in variables, which a comment names.
func asCurl(a client.Attempt) (string, error) {
	switch {
	case a.URL == "":
		return "", errors.New("no request was made in this attempt, or its event was erased: there is nothing to repeat")
	case a.Method == "MAIL":
		return "", errors.New("this attempt sent a mail: curl cannot repeat it")
	case a.RequestBodyConcealed:
		return "", errors.New("the body of this request is shown to those alone who may change its endpoint: use a key that may")
	case a.RequestTruncated:
		return "", errors.New("only the beginning of this request's body was kept: it cannot be repeated")
	case a.RequestBodyProof == "unknown" && a.RequestBody == "" && len(a.RequestBodyBase64) == 0:
		return "", errors.New("the body of this request is not known any more: its event or its dialect is gone")
	}
	var c curlCommand
	c.word("--globoff --path-as-is --include --request " + cmp.Or(a.Method, http.MethodPost))
	c.word("--url " + c.quote(wireURL(a.URL), "QUERY"))
	for _, name := range sortedKeys(a.RequestHeader) {
		if containsFold(ofConnection, name) {
			continue
		}
		for _, value := range a.RequestHeader[name] {
			if value == "" { // without a semicolon curl would leave it out
				c.word("--header " + c.quote(name+";", ""))
			} else {
				c.word("--header " + c.quote(name+": "+value, name))
			}
		}
	}
	if len(a.RequestHeader["User-Agent"]) == 0 { // the log leaves out what is the same in all requests
		c.word("--header " + c.quote(userAgent.Name+": "+userAgent.Value, ""))
	}
	for _, own := range []string{"Accept", "Expect"} { // of curl's own
		if a.RequestHeader[own] == nil {
			c.word("--header " + c.quote(own+":", ""))
		}
	}
	body := a.RequestBodyBase64
	if len(body) == 0 {
		body = []byte(a.RequestBody)
	}
	sends := len(body) > 0 || a.Method != http.MethodGet && a.Method != http.MethodDelete
	if sends && a.RequestHeader["Content-Type"] == nil {
		c.word("--header 'Content-Type:'")
	}
	var text strings.Builder
	switch a.RequestBodyProof {
	case "differs":
		text.WriteString("# This is NOT what was sent: the dialect or its options were changed since.\n")
	case "unknown":
		text.WriteString("# Whether this is what was sent is not known: it was made by the endpoint's present settings.\n")
	}
	for _, v := range c.variables {
		fmt.Fprintf(&text, "# A credential is not shown: set %s to it first.\n", v)
	}
	switch {
	case !sends:
		text.WriteString("curl " + c.String())
	case plainText(body) && len(body) <= longArgument:
		c.word("--data-raw " + c.quote(string(body), ""))
		text.WriteString("curl " + c.String())
	default:
		c.word("--data-binary @-")
		text.WriteString("base64 -d <<'END' | curl " + c.String() + "\n")
		encoded := base64.StdEncoding.EncodeToString(body)
		for len(encoded) > 76 {
			text.WriteString(encoded[:76] + "\n")
			encoded = encoded[76:]
		}
		text.WriteString(encoded + "\nEND")
	}
	return text.String(), nil
}

// wireURL is a URL as it goes over the wire: curl encodes nothing in it.
func wireURL(raw string) string {
	raw = strings.TrimPrefix(raw, bellhop.ListenPrefix)
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	safehttp.NormalizeTarget(u)
	return u.String()
}

// curlCommand gathers the words of a command.
type curlCommand struct {
	words     []string
	variables []string // that stand for what is hidden
}

func (c *curlCommand) word(w string) { c.words = append(c.words, w) }

func (c *curlCommand) String() string { return strings.Join(c.words, " \\\n  ") }

// quote writes a text so that a shell takes it as it is, but for a hidden part, which
// becomes a variable.
func (c *curlCommand) quote(text, about string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	if about == "" || !strings.Contains(text, bellhop.Hidden) {
		return quoted
	}
	variable := strings.ToUpper(strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '_'
	}, about))
	if unicode.IsDigit(rune(variable[0])) {
		variable = "_" + variable
	}
	c.variables = append(c.variables, variable)
	return strings.ReplaceAll(quoted, bellhop.Hidden, `'"$`+variable+`"'`)
}

// plainText tells whether a body can be an argument: text of the kind that terminals
// show and copy as it is.
func plainText(body []byte) bool {
	if !utf8.Valid(body) {
		return false
	}
	for _, r := range string(body) {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func containsFold(list []string, s string) bool {
	for _, one := range list {
		if strings.EqualFold(one, s) {
			return true
		}
	}
	return false
}
