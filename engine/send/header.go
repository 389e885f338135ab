package send

import (
	"net/textproto"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/bellhop/bellhop/dialect"
)

// MaxHeaders bounds the header fields that are chosen for an endpoint's requests.
const MaxHeaders = 30

// What can be wrong with a header that was chosen, besides what HeaderFault says.
const (
	HeaderReserved = "is set by Bellhop or a dialect and cannot be chosen"
	HeaderTwice    = "is there twice, in different case"
)

// HeaderFault says what is wrong with a header field; "" if nothing. Values beyond ASCII
// were allowed once: they are refused only where isNew.
func HeaderFault(name, value string, isNew bool) string {
	switch {
	case !httpguts.ValidHeaderFieldName(name) || len(name) > 128:
		return "is not a header name: use letters, digits and hyphens"
	case !httpguts.ValidHeaderFieldValue(value) || len(value) > 4096 || !utf8.ValidString(value):
		return "has a value that is not allowed: at most 4096 bytes, no line breaks"
	case isNew && strings.IndexFunc(value, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0:
		return "has a value with characters beyond ASCII, which receivers read in different ways: encode it as the receiver expects, for example percent-encoded (caf%C3%A9) or in base64"
	}
	return ""
}

var reserved = map[string]bool{
	"Host": true, "Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Connection": true,
	"Transfer-Encoding": true, "Upgrade": true, "Te": true, "Trailer": true, "Expect": true,
	"Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authorization": true,
}

// Reserved tells whether a header would break the request, or one of the dialects sets
// it itself.
func Reserved(name string, dialects ...*dialect.Dialect) bool {
	if reserved[textproto.CanonicalMIMEHeaderKey(name)] {
		return true
	}
	for _, x := range dialects {
		for _, own := range x.HeaderNames() {
			if strings.EqualFold(own, name) {
				return true
			}
		}
	}
	return false
}
