package dialect

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Strangers can make receivers search for accidents, so the search is bounded.
const (
	maxDiagnosed = 16 << 10 // bytes of a body that is searched at all
	maxTried     = 1 << 20  // bytes of all bodies tried, together
	maxIndented  = 16       // depth of JSON, because indenting multiplies its size by it
)

// diagnose explains a signature that none of the keys made. What it says for
// certain, it has proved by a matching signature.
func (c *check) diagnose(badSecret error) *VerifyError {
	if len(c.req.Body) <= maxDiagnosed {
		if err := c.findAccident(); err != nil {
			return err
		}
	}
	if badSecret != nil {
		return &VerifyError{CodeBadSecret, "The secret given is not one of dialect " + c.d.Name() + ": " + badSecret.Error() + ".", "Copy the endpoint's secret as it is shown."}
	}
	if err := c.findDamage(); err != nil {
		return err
	}
	if length, _ := c.header("Content-Length"); length != "" {
		return &VerifyError{
			CodeWrongSecret,
			"The signature does not match, while the body is as long as it was sent; so the secret is most likely not the one that signed.",
			"Compare the secret with the endpoint's; it may belong to another endpoint or have been rotated.",
		}
	}
	return &VerifyError{
		CodeSignatureMismatch,
		"The signature does not match: either the secret is not the one that signed, or the body was changed on its way. Which of them cannot be told from the request alone.",
		"Compare the secret with the endpoint's, and verify the body exactly as it arrived, before anything parses it.",
	}
}

// findAccident looks for a small change of body, secret or time with which the
// signature is right.
func (c *check) findAccident() *VerifyError {
	tried := 0
	for what, body := range signedBodies(c.req.Body) {
		if tried += len(body); tried > maxTried {
			break
		}
		if c.matches(body, c.keys) {
			return &VerifyError{
				CodeChangedBody,
				"The secret is right, but the body is not the one that was signed: " + what + ".",
				"Verify the body exactly as it arrived, before anything parses, decodes or stores it.",
			}
		}
	}
	for what, k := range c.otherForms() {
		if c.matches(c.req.Body, []key{k}) {
			return &VerifyError{
				CodeWrongSecret,
				"The secret is the right text in the wrong form: the request was signed with " + what + ".",
				"Dialect " + c.d.Name() + " wants the secret exactly as shown, " + c.d.rules.secretForm() + "; correct it on the side that strays from this.",
			}
		}
	}
	return c.findOtherTime()
}

// findOtherTime looks for a time whose unit was changed.
func (c *check) findOtherTime() *VerifyError {
	r := &c.d.rules
	if !r.clocked || !r.signs(r.clock) {
		return nil
	}
	sent := c.values[r.clock]
	defer func() { c.values[r.clock] = sent }()
	for _, other := range []string{sent + "000", sent[:max(len(sent)-3, 0)]} {
		c.values[r.clock] = other
		if c.matches(c.req.Body, c.keys) {
			return &VerifyError{
				CodeChangedHeader,
				fmt.Sprintf("The header %s is not the one that was signed: its time was converted between seconds and milliseconds.", r.clockHeader()),
				"Pass the header on exactly as it arrived, in " + r.clockUnit() + ".",
			}
		}
	}
	return nil
}

// findDamage looks for signs that the body is not what was sent.
func (c *check) findDamage() *VerifyError {
	r := &c.d.rules
	changed := func(detail string) *VerifyError {
		return &VerifyError{
			CodeChangedBody, detail,
			"Verify the body exactly as it arrived, whole and before anything parses it.",
		}
	}
	length, _ := c.header("Content-Length")
	if n, err := strconv.Atoi(strings.TrimSpace(length)); length != "" && (err != nil || n != len(c.req.Body)) {
		return changed(fmt.Sprintf("The signature does not match, and the body is %d bytes long while Content-Length says %.20q, so the body was changed.", len(c.req.Body), length))
	}
	if c.d.json && !json.Valid(c.req.Body) {
		return changed("The signature does not match, and the body is not JSON, which it was when it was sent.")
	}
	for _, seg := range r.content {
		if seg.sources != nil && seg.sources[0].path != nil && seg.text(&scope{body: c.req.Body}) == "" {
			return changed(fmt.Sprintf("The body has no %s, which is what the signature covers.", strings.Join(seg.sources[0].path, ".")))
		}
	}
	if r.bodyTime != nil && member(c.req.Body, r.bodyTime) != c.values[r.clock] {
		return changed(fmt.Sprintf("The signature does not match, and the time in the body differs from the header %s, so one of them was changed.", r.clockHeader()))
	}
	return nil
}

// secretForm describes the form of an HMAC secret.
func (r *rules) secretForm() string {
	switch {
	case r.form == "raw" && r.prefix != "":
		return "and takes its whole text as the key, " + r.prefix + " included"
	case r.form == "raw":
		return "and takes its text as the key"
	case r.prefix != "":
		return "and decodes what follows " + r.prefix + " from " + r.form
	}
	return "and decodes it from " + r.form
}

// otherForms yields the keys that come from reading the secrets in another way
// than the dialect does, each with words for it.
func (c *check) otherForms() iter.Seq2[string, key] {
	hmac := c.d.rules.hmac
	return func(yield func(string, key) bool) {
		if hmac == nil {
			return
		}
		for _, secret := range c.secrets {
			if len(secret) > maxSecret {
				continue
			}
			trimmed := strings.Trim(secret, " \t\r\n\"'`")
			if k, err := c.d.key(trimmed); err == nil && trimmed != secret &&
				!yield("it without the white space or quotes around it", k) {
				return
			}
			bare := strings.TrimPrefix(trimmed, c.d.rules.prefix)
			bare = strings.TrimPrefix(bare, "whsec_")
			if bare == "" {
				continue
			}
			forms := []struct {
				what string
				key  []byte
			}{
				{"its text as the key, not decoded", []byte(trimmed)},
				{"its text without the prefix as the key", []byte(bare)},
				{"whsec_ in front of it, as part of the key", []byte("whsec_" + bare)},
				{"a line break at its end, as part of the key", []byte(trimmed + "\n")},
			}
			standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(bare, "="))
			if decoded, err := base64.RawStdEncoding.DecodeString(standard); err == nil {
				forms = append(forms, struct {
					what string
					key  []byte
				}{"the key decoded from it as base64", decoded})
			}
			if decoded, err := hex.DecodeString(bare); err == nil {
				forms = append(forms, struct {
					what string
					key  []byte
				}{"the key decoded from it as hex", decoded})
			}
			for _, form := range forms {
				if !yield(form.what, key{scheme: hmac, secret: form.key}) {
					return
				}
			}
		}
	}
}

// signedBodies yields bodies of which the received one may have been made by
// accident, each with words for what happened.
func signedBodies(body []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		bom := []byte("\ufeff")
		noBOM := bytes.TrimPrefix(body, bom)
		trimmed := bytes.TrimRight(body, "\r\n")
		unix := bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
		for _, v := range []struct {
			what string
			body []byte
		}{
			{"a line break was added at its end", bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("\n")), []byte("\r"))},
			{"line breaks were added at its end", trimmed},
			{"the line break at its end was removed", concat(body, "\n")},
			{"the line break (CRLF) at its end was removed", concat(body, "\r\n")},
			{"its line breaks were changed from LF to CRLF", unix},
			{"its line breaks were changed from CRLF to LF", bytes.ReplaceAll(unix, []byte("\n"), []byte("\r\n"))},
			{"a byte order mark was put before it", noBOM},
			{"the byte order mark before it was removed", concat(bom, string(body))},
		} {
			if !bytes.Equal(v.body, body) && !yield(v.what, v.body) {
				return
			}
		}

		doc := bytes.TrimRight(bytes.TrimPrefix(trimmed, bom), " \t\r\n")
		if !json.Valid(doc) || depth(doc) > maxIndented {
			return
		}
		plain := unescape(doc)
		ascii := escapeUnicode(plain)
		escapings := []struct {
			what string
			doc  []byte
		}{
			{"", doc},
			{", with all characters written out", plain},
			{", with <, > and & escaped", escapeHTML(plain)},
			{", with non-ASCII characters escaped", ascii},
			{", with slashes escaped", escapeSlashes(plain)},
			{", with slashes and non-ASCII characters escaped", escapeSlashes(ascii)},
		}
		for i, escaping := range escapings {
			if i > 0 && bytes.Equal(escaping.doc, doc) || i > 1 && bytes.Equal(escaping.doc, plain) {
				continue // nothing to escape
			}
			small := compact(escaping.doc)
			for _, layout := range []struct {
				what  string
				apply func() []byte
			}{
				{"", func() []byte { return escaping.doc }},
				{", compact", func() []byte { return small }},
				{", with a space after each comma and colon", func() []byte { return spaced(small) }},
				{", indented by two spaces", func() []byte { return indented(small, "  ") }},
				{", indented by four spaces", func() []byte { return indented(small, "    ") }},
				{", indented by tabs", func() []byte { return indented(small, "\t") }},
			} {
				signed := layout.apply()
				what := "its JSON was parsed and written again; what was signed is the same JSON" + layout.what + escaping.what
				if !bytes.Equal(signed, body) && !yield(what, signed) {
					return
				}
			}
		}
	}
}

func concat(a []byte, b string) []byte {
	return append(append(make([]byte, 0, len(a)+len(b)), a...), b...)
}

func compact(doc []byte) []byte {
	var out bytes.Buffer
	_ = json.Compact(&out, doc) // doc is valid
	return out.Bytes()
}

func indented(doc []byte, indent string) []byte {
	var out bytes.Buffer
	_ = json.Indent(&out, doc, "", indent) // doc is valid
	return out.Bytes()
}

// spaced writes compact JSON as Python does by default.
func spaced(doc []byte) []byte {
	var out []byte
	inString := false
	for i := 0; i < len(doc); i++ {
		c := doc[i]
		out = append(out, c)
		switch {
		case inString && c == '\\':
			i++
			out = append(out, doc[i])
		case c == '"':
			inString = !inString
		case !inString && (c == ',' || c == ':'):
			out = append(out, ' ')
		}
	}
	return out
}

// depth returns how deeply valid JSON is nested.
func depth(doc []byte) int {
	deepest, open, inString := 0, 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			open++
			deepest = max(deepest, open)
		case c == '}' || c == ']':
			open--
		}
	}
	return deepest
}

func escapeHTML(doc []byte) []byte {
	var out bytes.Buffer
	json.HTMLEscape(&out, doc)
	return out.Bytes()
}

func escapeUnicode(doc []byte) []byte {
	var out []byte
	for len(doc) > 0 {
		r, size := utf8.DecodeRune(doc)
		switch {
		case r < utf8.RuneSelf || r == utf8.RuneError && size == 1:
			out = append(out, doc[0])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		doc = doc[size:]
	}
	return out
}

func escapeSlashes(doc []byte) []byte {
	return bytes.ReplaceAll(doc, []byte("/"), []byte(`\/`))
}

// unescape writes out all characters of valid JSON that need no escaping.
func unescape(doc []byte) []byte {
	var out []byte
	for i := 0; i < len(doc); {
		switch {
		case doc[i] != '\\':
			out = append(out, doc[i])
			i++
		case doc[i+1] == '/':
			out = append(out, '/')
			i += 2
		case doc[i+1] != 'u':
			out = append(out, doc[i:i+2]...)
			i += 2
		default:
			r, size := escapedRune(doc[i:])
			if r < 0x20 || r == '"' || r == '\\' || r == utf8.RuneError {
				out = append(out, doc[i:i+size]...)
			} else {
				out = utf8.AppendRune(out, r)
			}
			i += size
		}
	}
	return out
}

// escapedRune decodes the \uXXXX, or the pair of them, at the start of doc.
func escapedRune(doc []byte) (r rune, size int) {
	n, _ := strconv.ParseUint(string(doc[2:6]), 16, 16) // doc is valid
	r = rune(n)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(doc) >= 12 && doc[6] == '\\' && doc[7] == 'u' {
		low, _ := strconv.ParseUint(string(doc[8:12]), 16, 16)
		if r = utf16.DecodeRune(r, rune(low)); r != utf8.RuneError {
			return r, 12
		}
	}
	return utf8.RuneError, 6
}
