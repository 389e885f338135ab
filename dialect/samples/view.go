package samples

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bellhop/bellhop/dialect"
)

// view is a recipe in the words of one language, for its template.
type view struct {
	dialect.Recipe
	lang language

	Dialect string
	Given   string // variable of the signature's header
	Signed  string // variable of its signatures
	// Received are the variables of other headers, Required those of headers
	// that must not be empty.
	Received []variable
	Required []string
	// Pattern takes the signature's header apart into Groups; empty where the
	// header is nothing but signatures.
	Pattern string
	Groups  []string
	Fields  []variable // members of the body that are signed
	Content []piece
	Clock   string // variable of the time

	Answer int // status of the answer to what is taken

	ClockMatched bool // Pattern has made sure that the time is digits
	Seconds      bool // the time's unit; else milliseconds
	MaxAge       int64
	MinAge       int64 // zero or negative: how far in the future
}

type variable struct {
	Var, Name string
	Path      []string
	Optional  bool
}

// piece is a part of the signed content: an expression of text, or if it is
// empty the body.
type piece struct{ Text string }

// step is a part of a text expression: a literal or else a variable.
type step struct{ literal, variable string }

func (l language) view(name string, r dialect.Recipe) view {
	v := view{
		Recipe: r, lang: l, Dialect: name, Clock: l.variableOf(r.Clock), Seconds: r.Clock == "ts",
		MaxAge: r.MaxAge.Milliseconds(), MinAge: -r.MaxAhead.Milliseconds(),
		Answer: cmp.Or(r.Status, http.StatusNoContent),
	}
	v.Signed = l.variableOf("signature")
	if r.Join != "" {
		v.Signed = l.variableOf("signatures")
	}
	v.Given = v.Signed
	v.readValue()
	v.Required = append(v.Required, v.Given)
	for _, p := range r.Received {
		in := variable{Var: l.variableOf(p.Value), Name: p.Header, Optional: p.Optional}
		v.Received = append(v.Received, in)
		if !p.Optional {
			v.Required = append(v.Required, in.Var)
		}
	}
	v.readContent()
	return v
}

// readValue makes the pattern of the signature's header. It finds what
// [dialect.Dialect.Verify] finds: each value ends where the next literal begins.
func (v *view) readValue() {
	if len(v.Value) == 1 {
		return
	}
	v.Given = v.lang.variableOf("signature_header")
	var pattern strings.Builder
	for i, p := range v.Value {
		last := i == len(v.Value)-1 || i == len(v.Value)-2 && v.Value[i+1].Value == ""
		switch {
		case p.Value == "":
			pattern.WriteString(regexp.QuoteMeta(p.Literal))
		case p.Value == v.Recipe.Clock:
			// Digits end where the next literal begins, even if that is a digit.
			lazy := ""
			if !last && strings.ContainsAny(v.Value[i+1].Literal[:1], "0123456789") {
				lazy = "?"
			}
			pattern.WriteString("([0-9]{1,15}" + lazy + ")")
			v.ClockMatched = true
			v.Groups = append(v.Groups, v.Clock)
		case p.Value != "signatures" && !v.signs(p.Value):
			pattern.WriteString(".*?")
		default:
			pattern.WriteString(map[bool]string{true: "(.+)", false: "(.+?)"}[last])
			name := v.lang.variableOf(p.Value)
			if p.Value == "signatures" {
				name = v.Signed
			}
			v.Groups = append(v.Groups, name)
		}
	}
	v.Pattern = pattern.String()
}

func (v *view) signs(value string) bool {
	return slices.ContainsFunc(v.Recipe.Content, func(p dialect.Part) bool { return p.Value == value })
}

// readContent turns the signed content into as few expressions as possible.
func (v *view) readContent() {
	var text []step
	nested := slices.ContainsFunc(v.Recipe.Content, func(p dialect.Part) bool { return p.Value == "body" && p.Path == nil })
	flush := func() {
		if text != nil {
			v.Content = append(v.Content, piece{v.lang.text(text, nested)})
			text = nil
		}
	}
	for _, p := range v.Recipe.Content {
		switch {
		case p.Value == "":
			text = append(text, step{literal: p.Literal})
		case p.Value == "body" && p.Path == nil:
			flush()
			v.Content = append(v.Content, piece{})
		case p.Value == "body":
			field := variable{Var: v.lang.variableOf("field" + strings.Repeat("_also", len(v.Fields))), Path: p.Path}
			v.Fields = append(v.Fields, field)
			text = append(text, step{variable: field.Var})
		default:
			text = append(text, step{variable: v.lang.variableOf(p.Value)})
		}
	}
	flush()
}

// Dual tells whether secrets may be HMAC's or Ed25519's.
func (v view) Dual() bool { return v.HMAC != nil && v.Ed25519 != nil }

// Ed25519Only tells whether there are no HMAC secrets.
func (v view) Ed25519Only() bool { return v.HMAC == nil }

// RawKey tells whether an HMAC's key is the text of the secret.
func (v view) RawKey() bool { return v.Key == "raw" }

// HMACBare tells whether nothing stands around an HMAC.
func (v view) HMACBare() bool { return *v.HMAC == dialect.Form{} }

// DecodeKey tells whether an HMAC's key is base64.
func (v view) DecodeKey() bool { return v.HMAC != nil && v.Key == "base64" }

// KeyPrefixCut tells whether a prefix is cut off secrets.
func (v view) KeyPrefixCut() bool { return v.HMAC != nil && !v.RawKey() && v.KeyPrefix != "" }

// Members tells whether the body has to be looked into.
func (v view) Members() bool { return len(v.Fields) > 0 || v.BodyTime != nil }

// ContentIsBody tells whether the body and nothing else is signed.
func (v view) ContentIsBody() bool { return len(v.Content) == 1 && v.Content[0].Text == "" }

// ContentIsText tells whether the body as such is not signed.
func (v view) ContentIsText() bool { return len(v.Content) == 1 && v.Content[0].Text != "" }

// TextAsBytes writes a piece of the content as bytes, in Java.
func (v view) TextAsBytes(i int) string {
	if text := v.Content[i].Text; !strings.Contains(text, " + ") {
		return text + ".getBytes(UTF_8)"
	}
	return "(" + v.Content[i].Text + ").getBytes(UTF_8)"
}

// JavaMAC is the name of the HMAC in Java.
func (v view) JavaMAC() string { return "Hmac" + strings.ToUpper(v.Hash) }

// EncodedMAC writes how PHP or Ruby make an HMAC.
func (v view) EncodedMAC(key string) string {
	if v.lang.id == "php" {
		switch v.Encoding {
		case "hex":
			return "hash_hmac('" + v.Hash + "', $content, " + key + ")"
		case "base64":
			return "base64_encode(hash_hmac('" + v.Hash + "', $content, " + key + ", true))"
		}
		return "rtrim(strtr(base64_encode(hash_hmac('" + v.Hash + "', $content, " + key + ", true)), '+/', '-_'), '=')"
	}
	args := "('" + strings.ToUpper(v.Hash) + "', " + key + ", content)"
	switch v.Encoding {
	case "hex":
		return "OpenSSL::HMAC.hexdigest" + args
	case "base64":
		return "[OpenSSL::HMAC.digest" + args + "].pack('m0')"
	}
	return "[OpenSSL::HMAC.digest" + args + "].pack('m0').tr('+/', '-_').delete('=')"
}

// Ed25519Pattern takes a signature out of its form.
func (v view) Ed25519Pattern() string {
	alphabet := map[string]string{"hex": "[0-9a-fA-F]+", "base64": "[A-Za-z0-9+/]+={0,2}", "base64url": "[A-Za-z0-9_-]+"}
	return regexp.QuoteMeta(v.Ed25519.Prefix) + "(" + alphabet[v.Encoding] + ")" + regexp.QuoteMeta(v.Ed25519.Suffix)
}

// AnswerLine is Answer with its reason phrase.
func (v view) AnswerLine() string { return strconv.Itoa(v.Answer) + " " + http.StatusText(v.Answer) }

// Once says how to recognize an event that comes again.
func (v view) Once() string {
	switch id := v.EventID; {
	case id.Header != "":
		return "remember " + id.Header
	case id.Path != nil:
		return "remember the body's " + strings.Join(id.Path, ".")
	}
	return "remember an id of your data"
}
