package dialect

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Dialect is a compiled [Definition], safe for concurrent use.
type Dialect struct {
	definition  Definition
	contentType string
	json        bool // the body is JSON
	body        template
	literals    int // bytes of literal text in body
	options     []option
	headers     []headerTemplate
	rules       rules
}

type headerTemplate struct {
	name  string
	value template
}

// rules are the compiled signature rules.
type rules struct {
	hmac    *scheme // nil if only Ed25519 signs
	ed25519 *scheme // nil if only an HMAC signs

	form         string // of HMAC secrets: raw, base64 or hex
	prefix       string // of HMAC secrets
	minKey       int    // bytes of an HMAC key
	maxKey       int
	encoding     string
	header       string
	value        template
	join         string
	content      template
	contentIsRaw bool // content is the body and nothing else
	bodyTime     []string

	// received tells in which header a receiver finds a value. What value
	// carries comes from the signature's header instead.
	received map[value]string

	clock    value // valueTS or valueMS, the time of the request
	clocked  bool  // whether there is one
	maxAge   time.Duration
	maxAhead time.Duration
	backdate time.Duration
}

// scheme is an algorithm with the form of its signatures.
type scheme struct {
	hash           func() hash.Hash // nil for Ed25519
	prefix, suffix string
}

// Bounds that no honest definition meets.
const (
	maxHeaders    = 64
	maxHeaderName = 128
	maxTypes      = 1024
	maxTypeName   = 256
)

// Compile checks a definition and makes it a dialect. Its error lists every
// problem, each with the field and the remedy. A definition that compiles can
// be trusted: Compile has rendered a sample event with it, parsed the body if
// it is JSON, and verified the signatures.
func Compile(def Definition) (*Dialect, error) {
	d, err := compile(def)
	if err != nil {
		return nil, err
	}
	if err := d.rehearse(); err != nil {
		return nil, fmt.Errorf("dialect %q: %w", def.Name, err)
	}
	return d, nil
}

// compile is Compile without the rehearsal.
func compile(def Definition) (*Dialect, error) {
	def = def.clone()
	c := compiler{d: &Dialect{definition: def}}
	c.name(def.Name)
	c.contentType(def.ContentType)
	c.types(def.Types)
	c.options(def.Options)
	c.body(def.Body)
	c.headers(def.Headers)
	c.signature(def.Signature)
	if s := def.Verification.Status; s != 0 && (s < 200 || s > 299) {
		c.problem("verification.status", "is %d; give a status from 200 to 299, or leave it out for any of them", s)
	}
	if data := def.Verification.Data; data != "" && !json.Valid([]byte(data)) {
		c.problem("verification.data", "is not JSON; write a JSON text, such as {\"type\":\"test\"}")
	}
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	return c.d, nil
}

// Name returns the name by which endpoints choose the dialect.
func (d *Dialect) Name() string { return d.definition.Name }

// Definition returns a copy of what the dialect was compiled from.
func (d *Dialect) Definition() Definition {
	return d.definition.clone()
}

func (def Definition) clone() Definition {
	def.Headers, def.Types, def.Options = slices.Clone(def.Headers), maps.Clone(def.Types), slices.Clone(def.Options)
	return def
}

// HeaderNames lists the headers that a request may carry besides Content-Type, the
// signature's last: nobody else may set them.
func (d *Dialect) HeaderNames() []string {
	names := make([]string, 0, len(d.headers)+1)
	for _, h := range d.headers {
		names = append(names, h.name)
	}
	return append(names, d.rules.header)
}

// MaxAge is how old a signature may be for those who check its time; 0 where it has none.
func (d *Dialect) MaxAge() time.Duration {
	if !d.rules.clocked {
		return 0
	}
	return d.rules.maxAge
}

// ManySignatures reports whether a request can carry one signature per valid
// secret. If not, only the newest secret signs, and the old one stops at
// rotation.
func (d *Dialect) ManySignatures() bool { return d.rules.join != "" }

// UnsignedTests reports whether tests and verifications leave the signature out.
func (d *Dialect) UnsignedTests() bool { return d.definition.Verification.Unsigned }

// compiler collects the problems of a definition.
type compiler struct {
	d        *Dialect
	problems []error
}

func (c *compiler) problem(field, format string, args ...any) {
	c.problems = append(c.problems,
		fmt.Errorf("dialect %.63q: %s %s", c.d.definition.Name, field, fmt.Sprintf(format, args...)))
}

// template parses text, or reports a problem and returns nil.
func (c *compiler) template(field, text, fallback string) template {
	if text == "" {
		text = fallback
	}
	t, err := parseTemplate(text)
	if err != nil {
		c.problem(field, "%v", err)
	}
	return t
}

// simple is template for signature rules, in which literals are printable
// ASCII and the rest is nothing but whole values.
func (c *compiler) simple(field, text, fallback string) template {
	t := c.template(field, text, fallback)
	for i := range t {
		switch {
		case t[i].sources == nil:
			if !isPrintable(t[i].literal) {
				c.problem(field, "has characters outside printable ASCII; remove them")
			}
		case len(t[i].sources) > 1, t[i].section, len(t[i].filters) > 0:
			c.problem(field, "has a section, filter or ?? at ${%s}; only plain values can be recovered by receivers, so remove it", t[i].sources[0])
		}
	}
	return t
}

func (c *compiler) name(name string) {
	for i, r := range name {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' && i > 0 {
			continue
		}
		c.problem("name", "has the character %q; use lower-case letters, digits and hyphens", r)
		return
	}
	if name == "" || len(name) > 63 {
		c.problem("name", "has %d characters; give 1 to 63", len(name))
	}
}

func (c *compiler) types(types map[string]string) {
	if len(types) > maxTypes {
		c.problem("types", "are %d; keep at most %d", len(types), maxTypes)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if as := types[name]; as == "" || len(as) > maxTypeName || !utf8.ValidString(as) {
			c.problem(fmt.Sprintf("types[%.63q]", name), "is %.63q; give a name of 1 to %d bytes of text", as, maxTypeName)
		}
	}
}

func (c *compiler) contentType(text string) {
	if text == "" {
		text = "application/json"
	}
	c.d.contentType = text
	kind, _, err := mime.ParseMediaType(text)
	if err != nil || !isPrintable(text) || !strings.Contains(kind, "/") {
		c.problem("content_type", "%.40q is not a media type; write one such as application/json", text)
	}
	c.d.json = strings.HasSuffix(kind, "/json") || strings.HasSuffix(kind, "+json")
}

func (c *compiler) body(text string) {
	c.d.body = c.template("body", text, "${data}")
	c.declared("body", c.d.body)
	for _, seg := range c.d.body {
		c.d.literals += len(seg.literal)
		for _, src := range seg.sources {
			switch {
			case src.value >= valueBody:
				c.problem("body", "has ${%s}, which belongs to the signature; remove it", src)
			case c.d.json && !seg.section && !src.safeInJSON() && !seg.escapes():
				c.problem("body", "has ${%s}, which would let a publisher break the JSON; write ${%s|json}, or ${%s|escape} inside quotes", src, src, src)
			}
		}
	}
}

// safeInJSON reports whether the value needs no escaping in JSON.
func (s source) safeInJSON() bool {
	switch s.value {
	case valueUUID, valueTime, valueTimeS, valueTimeMS, valueTS, valueMS:
		return true
	}
	return s.value == valueData && s.path == nil
}

// escapes reports whether the filters make any text fit for JSON.
func (s *segment) escapes() bool {
	return len(s.filters) > 0 && slices.Contains([]filter{filterJSON, filterEscape, filterURL, filterNumber}, s.filters[len(s.filters)-1])
}

func (c *compiler) headers(headers []HeaderTemplate) {
	c.d.rules.received = make(map[value]string)
	if len(headers) > maxHeaders {
		c.problem("headers", "are %d; keep at most %d", len(headers), maxHeaders)
		return
	}
	for i, h := range headers {
		field := fmt.Sprintf("headers[%d].name", i)
		c.headerName(field, h.Name)
		for _, before := range headers[:i] {
			if strings.EqualFold(before.Name, h.Name) {
				c.problem(field, "%.40q occurs twice; remove one", h.Name)
			}
		}
		field = fmt.Sprintf("headers[%d].value", i)
		if strings.Trim(h.Value, " ") != h.Value {
			c.problem(field, "has spaces around it, which HTTP cuts off; remove them")
		}
		t := c.template(field, h.Value, "")
		c.declared(field, t)
		for j := range t {
			seg := &t[j]
			if !isPrintable(seg.literal) {
				c.problem(field, "has characters outside printable ASCII; remove or percent-encode them")
			}
			for _, src := range seg.sources {
				if src.value >= valueBody || src.value == valueData && src.path == nil {
					c.problem(field, "has ${%s}, which does not fit in a header; use it in the body", src)
				}
			}
			if seg.sources == nil || seg.section {
				continue
			}
			if len(t) == 1 && seg.plain() {
				c.d.rules.received[seg.sources[0].value] = h.Name
			}
			seg.filters = append(seg.filters, filterHeader)
		}
		c.d.headers = append(c.d.headers, headerTemplate{h.Name, t})
	}
}

func (c *compiler) headerName(field, name string) {
	if name == "" || len(name) > maxHeaderName || strings.ContainsFunc(name, func(r rune) bool { return !isToken(r) }) {
		c.problem(field, "%.40q is not a header's name; use 1 to %d letters, digits and hyphens", name, maxHeaderName)
	}
	switch strings.ToLower(name) {
	case "content-type":
		c.problem(field, "is %s; set content_type instead", name)
	case "host", "content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect":
		c.problem(field, "is %s, which belongs to HTTP itself; choose another name", name)
	}
}

// isToken reports whether r may occur in a header's name (RFC 9110 section 5.6.2).
func isToken(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

func (c *compiler) signature(sig Signature) {
	r := &c.d.rules

	r.header = sig.Header
	c.headerName("signature.header", sig.Header)
	for _, h := range c.d.headers {
		if strings.EqualFold(h.name, sig.Header) {
			c.problem("signature.header", "%.40q is also in headers; remove it there", sig.Header)
		}
	}

	r.encoding = sig.Encoding
	if !slices.Contains([]string{"hex", "base64", "base64url"}, sig.Encoding) {
		c.problem("signature.encoding", "%.40q is unknown; use hex, base64 or base64url", sig.Encoding)
	}

	r.join = sig.Join
	if sig.Join != "" && (!isPrintable(sig.Join) || strings.Trim(sig.Join, base64Alphabet) == "") {
		c.problem("signature.join", "%.40q could be part of a signature; use a separator such as a comma or a space", sig.Join)
	}

	if sig.BodyTime != "" {
		src, err := parseSource("body." + sig.BodyTime)
		if err != nil {
			c.problem("signature.body_time", "%.40q is not a path; write one such as timestamp or meta.sent", sig.BodyTime)
		}
		r.bodyTime = src.path
	}
	r.maxAge = c.duration("signature.max_age", sig.MaxAge, DefaultTolerance)
	r.maxAhead = c.duration("signature.max_ahead", sig.MaxAhead, DefaultTolerance)
	r.backdate = c.duration("signature.backdate", sig.Backdate, 0)

	c.algorithm(sig)
	c.value(sig)
	c.content(sig)
	c.clock()
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_"

func (c *compiler) duration(field, text string, fallback time.Duration) time.Duration {
	if text == "" {
		return fallback
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d%time.Millisecond != 0 {
		c.problem(field, "%.40q is not a length of time in whole milliseconds; write one such as 90s or 5m", text)
	}
	return d
}

// algorithm compiles which keys sign and what their signatures look like.
func (c *compiler) algorithm(sig Signature) {
	r := &c.d.rules
	each := c.each("signature.each", sig.Each)
	switch sig.Algorithm {
	case "hmac-sha1":
		each.hash = sha1.New
	case "hmac-sha256":
		each.hash = sha256.New
	case "hmac-sha512":
		each.hash = sha512.New
	case "ed25519":
		r.ed25519 = each
		if sig.Secret != "" || sig.SecretPrefix != "" {
			c.problem("signature.secret", "and secret_prefix are fixed for ed25519, whose secrets are whsk_ keys; remove them")
		}
		if sig.Ed25519 != "" {
			c.problem("signature.ed25519", "is for dialects that mix HMAC and Ed25519; write its text in each")
		}
		return
	default:
		c.problem("signature.algorithm", "%.40q is unknown; use hmac-sha1, hmac-sha256, hmac-sha512 or ed25519", sig.Algorithm)
	}
	r.hmac = each
	if sig.Ed25519 != "" {
		r.ed25519 = c.each("signature.ed25519", sig.Ed25519)
		if r.ed25519.prefix == each.prefix && r.ed25519.suffix == each.suffix {
			c.problem("signature.ed25519", "has the form of each; make them different, such as v1a,${signature}")
		}
	}

	r.form, r.prefix, r.minKey, r.maxKey = sig.Secret, sig.SecretPrefix, 1, maxSecret
	if !isPrintable(r.prefix) || strings.Contains(r.prefix, " ") || len(r.prefix) > 32 {
		c.problem("signature.secret_prefix", "%.40q is not a prefix; use at most 32 printable characters without spaces", r.prefix)
	}
	switch sig.Secret {
	case "raw", "base64", "hex":
	case "whsec":
		if r.prefix != "" {
			c.problem("signature.secret_prefix", "is always whsec_ with secret: whsec; remove it")
		}
		// The specification stops at 64 bytes; Svix has always taken some more, and its
		// platforms bring such secrets along.
		r.form, r.prefix, r.minKey, r.maxKey = "base64", "whsec_", 24, 75
	default:
		c.problem("signature.secret", "%.40q is unknown; use raw, base64, hex or whsec", sig.Secret)
	}
}

// each compiles the form of one signature.
func (c *compiler) each(field, text string) *scheme {
	t := c.simple(field, text, "${signature}")
	s, found := &scheme{}, 0
	for _, seg := range t {
		switch {
		case seg.sources != nil && seg.sources[0].value == valueSignature:
			found++
		case seg.sources != nil:
			c.problem(field, "has ${%s}; only ${signature} can stand here", seg.sources[0])
		case found == 0:
			s.prefix += seg.literal
		default:
			s.suffix += seg.literal
		}
	}
	if found != 1 {
		c.problem(field, "has ${signature} %d times; write it once", found)
	}
	return s
}

// value compiles the signature's header.
func (c *compiler) value(sig Signature) {
	r := &c.d.rules
	r.value = c.simple("signature.value", sig.Value, "${signatures}")
	if strings.Trim(sig.Value, " ") != sig.Value {
		c.problem("signature.value", "has spaces around it, which HTTP cuts off; remove them")
	}
	found := 0
	for i, seg := range r.value {
		if seg.sources == nil {
			continue
		}
		if i > 0 && r.value[i-1].sources != nil {
			c.problem("signature.value", "has two values side by side; put a separator before ${%s}", seg.sources[0])
		}
		switch src := seg.sources[0]; src.value {
		case valueSignatures:
			found++
		case valueUUID, valueTS, valueMS:
			r.received[src.value] = "" // found in the signature's header itself
		default:
			c.problem("signature.value", "has ${%s}; only signatures, uuid, ts and ms can stand here", src)
		}
	}
	if found != 1 {
		c.problem("signature.value", "has ${signatures} %d times; write it once", found)
	}
}

// content compiles what is signed.
func (c *compiler) content(sig Signature) {
	r := &c.d.rules
	r.content = c.simple("signature.content", sig.Content, "${body}")
	r.contentIsRaw = len(r.content) == 1
	signs := false
	for i := range r.content {
		seg := &r.content[i]
		if seg.sources == nil {
			continue
		}
		signs = true
		src := seg.sources[0]
		if src.value == valueBody {
			r.contentIsRaw = r.contentIsRaw && src.path == nil
			continue
		}
		r.contentIsRaw = false
		if src.value > valueBody || src.value == valueData || src.value == valueOption {
			c.problem("signature.content", "has ${%s}, which cannot be signed; use ${body}", src)
		} else if _, ok := r.received[src.value]; !ok {
			c.problem("signature.content", "has ${%s}, which receivers could not know; add a header whose value is exactly ${%s}", src, src)
		}
		seg.filters = append(seg.filters, filterHeader)
	}
	if !signs {
		c.problem("signature.content", "is the same for every event; sign ${body}")
	}
}

// clock finds the time of the request: the one that is signed, where the
// headers carry another one too.
func (c *compiler) clock() {
	r := &c.d.rules
	for _, clock := range []value{valueTS, valueMS} {
		if _, ok := r.received[clock]; ok && (!r.clocked || r.signs(clock)) {
			r.clock, r.clocked = clock, true
		}
	}
	if r.bodyTime != nil && !r.clocked {
		c.problem("signature.body_time", "needs a header whose value is ${ts} or ${ms}; add it, or remove body_time")
	}
	switch {
	case r.clocked && r.maxAge == 0:
		c.problem("signature.max_age", "0s refuses every request; give one such as 5m, or leave it out")
	case r.clocked && r.maxAhead == 0 && r.backdate == 0:
		c.problem("signature.max_ahead", "0s refuses a request that arrives in the millisecond in which it was made; give backdate as well, such as 1s")
	case r.backdate > 0 && r.backdate >= r.maxAge:
		c.problem("signature.backdate", "makes every request older than max_age allows; give one that is much shorter")
	}
}

// signs reports whether a value is part of the signed content.
func (r *rules) signs(v value) bool {
	return slices.ContainsFunc(r.content, func(s segment) bool {
		return s.sources != nil && s.sources[0].value == v
	})
}

// rehearse renders sample events and plays their receiver.
func (d *Dialect) rehearse() error {
	newest, old := d.secretFrom([32]byte{1}), d.secretFrom([32]byte{2})
	signer, err := d.NewSigner([]string{newest, old})
	if err != nil {
		return fmt.Errorf("signature.secret does not work: %w", err)
	}
	unsigned, err := d.NewSigner(nil)
	if err != nil {
		return err
	}
	at := time.Unix(1700000000, 123e6)
	m := Message{ID: "evt_sample", App: "acme", Type: `sample."type"`, Time: at, Data: []byte(`{"sample":true}`), Timestamp: at}
	for _, m.Subject = range []string{"", `"quoted" \ Zoë`} {
		req, err := unsigned.Render(m)
		if err != nil {
			return err
		}
		if d.json && !json.Valid(req.Body) {
			return fmt.Errorf("body does not give JSON; check commas, quotes and filters; it gave %.200q", req.Body)
		}
		req, err = signer.Render(m)
		if errors.Is(err, errNothingToSign) {
			continue // the member to sign may come with the data
		}
		if err != nil {
			return err
		}
		secrets := []string{newest, old}
		if !d.ManySignatures() {
			secrets = secrets[:1]
		}
		for _, secret := range secrets {
			if err := d.Verify(req.received(), []string{secret}, at, 0); err != nil {
				return fmt.Errorf("signature could not be verified by its receiver; check value, each, join and body_time: %w", err)
			}
		}
	}
	return nil
}
