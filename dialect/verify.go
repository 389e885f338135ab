package dialect

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultTolerance is how far the time of a request may lie in the past or in
// the future, unless the dialect says otherwise.
const DefaultTolerance = 5 * time.Minute

// Received is a request as it arrived: its headers, and its body before
// anything parsed it. Header names may be in any case.
type Received struct {
	Header http.Header
	Body   []byte
}

// received is what a faithful transport makes of the request.
func (r Request) received() Received {
	header := make(http.Header, len(r.Headers))
	for _, h := range r.Headers {
		header.Add(h.Name, h.Value)
	}
	return Received{Header: header, Body: r.Body}
}

// Codes of a [VerifyError].
const (
	CodeMissingHeader     = "missing_header"     // a header that the dialect sends is not there
	CodeMalformedHeader   = "malformed_header"   // a header cannot be read, or occurs twice
	CodeStaleTime         = "stale_time"         // signed, but too long ago
	CodeFutureTime        = "future_time"        // signed, but in the future
	CodeChangedBody       = "changed_body"       // the body is not the one that was signed
	CodeChangedHeader     = "changed_header"     // the time's header is not the one that was sent
	CodeWrongSecret       = "wrong_secret"       // the body seems intact, so the secret is another one
	CodeSignatureMismatch = "signature_mismatch" // changed body or wrong secret; it cannot be told which
	CodeBadSecret         = "bad_secret"         // the secret given to Verify is not one
)

// VerifyError says why a request was refused. It contains neither the secret
// nor the expected signature.
type VerifyError struct {
	Code   string // one of the Code constants
	Detail string // what is wrong, a full sentence
	Remedy string // what to do about it, a full sentence
}

func (e *VerifyError) Error() string {
	return e.Code + ": " + e.Detail + " " + e.Remedy
}

// Proved tells whether what the error says is certain: the request shows it, or a
// signature that matches. Else it is what most often looks like this.
func (e *VerifyError) Proved() bool { return !strings.HasPrefix(e.Detail, mismatch) }

// mismatch begins the details that are drawn from a signature that does not match.
const mismatch = "The signature does not match"

// Signed tells whether the secret signed the request as it is, whatever its time. It
// looks for no reason why not.
func (d *Dialect) Signed(req Received, secret string) bool {
	c := check{d: d, req: req}
	k, err := d.key(secret)
	return err == nil && c.readHeaders() == nil && c.matches(req.Body, []key{k})
}

// Verify checks a request with a built-in dialect, such as "standard", against
// the secrets that are valid now: one, or during a rotation several. It uses
// the current time and the dialect's tolerance. Pass the body as it arrived,
// before anything parsed it. The error is a [*VerifyError], except for an
// unknown name. To verify many requests, keep what [Lookup] returns.
func Verify(name string, header http.Header, body []byte, secrets ...string) error {
	d, err := Lookup(name)
	if err != nil {
		return err
	}
	return d.Verify(Received{Header: header, Body: body}, secrets, time.Now(), 0)
}

// maxSignatures bounds the signatures that are tried, because a stranger
// decides how many a request has.
const maxSignatures = 32

// Verify checks a received request as its receiver should. Secrets may also be
// Ed25519 public keys (whpk_). Zero tolerance means that of the dialect, and a
// negative one accepts any time, to look at old requests. Dialects that send
// no time cannot notice a replay.
//
// The error is a [*VerifyError]. A signature that is wrong is reported before
// a time that is. An HMAC cannot tell a changed body from a wrong secret, so
// for bodies up to 16 KiB Verify looks further: it tries the accidents that
// commonly befall bodies and secrets, and says so only if one explains the
// signature.
func (d *Dialect) Verify(req Received, secrets []string, now time.Time, tolerance time.Duration) error {
	if err := d.verify(req, secrets, now, tolerance); err != nil {
		return err
	}
	return nil
}

func (d *Dialect) verify(req Received, secrets []string, now time.Time, tolerance time.Duration) *VerifyError {
	if len(secrets) == 0 {
		return &VerifyError{CodeBadSecret, "No secret was given.", "Pass the endpoint's secret."}
	}
	c := check{d: d, req: req, secrets: secrets}
	if err := c.readHeaders(); err != nil {
		return err
	}
	var badSecret error
	for _, secret := range secrets {
		k, err := d.key(secret)
		if err != nil {
			badSecret = err
			continue
		}
		c.keys = append(c.keys, k)
	}
	if !c.matches(req.Body, c.keys) {
		return c.diagnose(badSecret)
	}
	return c.checkTime(now, tolerance)
}

// check is one verification under way.
type check struct {
	d          *Dialect
	req        Received
	secrets    []string
	keys       []key
	values     map[value]string // what the headers said
	signatures []signature
	at         time.Time // of the request, if the dialect sends it
}

// header returns a header that may be sent once.
func (c *check) header(name string) (string, *VerifyError) {
	var found []string
	for n, values := range c.req.Header {
		if strings.EqualFold(n, name) {
			found = append(found, values...)
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	}
	return "", &VerifyError{
		CodeMalformedHeader,
		fmt.Sprintf("The header %s occurs %d times.", name, len(found)),
		"Look for a proxy that adds or repeats headers; it must arrive once, as it was sent.",
	}
}

// readHeaders takes the signatures and all signed values out of the headers.
func (c *check) readHeaders() *VerifyError {
	r := &c.d.rules
	text, err := c.header(r.header)
	if err != nil {
		return err
	}
	if text == "" {
		return c.missing(r.header)
	}
	values, ok := r.value.match(text)
	if !ok {
		return malformed(r.header, "does not have the form that dialect "+c.d.Name()+" gives it")
	}
	for v, name := range r.received {
		if name == "" || !r.signs(v) && !(r.clocked && v == r.clock) {
			continue
		}
		if values[v], err = c.header(name); err != nil {
			return err
		}
		// App, type and subject may be empty, and an empty header is not sent.
		if values[v] == "" && !mayBeEmpty(v) {
			return c.missing(name)
		}
	}
	c.values = values

	if r.clocked {
		at, ok := parseTime(r.clock, values[r.clock])
		if !ok {
			return malformed(r.clockHeader(), "does not hold a Unix time in "+r.clockUnit())
		}
		c.at = at
	}
	return c.readSignatures(values[valueSignatures])
}

func (c *check) readSignatures(text string) *VerifyError {
	r := &c.d.rules
	parts := []string{text}
	if r.join != "" {
		parts = strings.Split(text, r.join)
	}
	if len(parts) > maxSignatures {
		return malformed(r.header, fmt.Sprintf("holds %d signatures, more than %d", len(parts), maxSignatures))
	}
	var forms []string
	for _, s := range []*scheme{r.hmac, r.ed25519} {
		if s == nil {
			continue
		}
		forms = append(forms, s.prefix+"…"+s.suffix)
		for _, part := range parts {
			rest, ok := strings.CutPrefix(part, s.prefix)
			if !ok {
				continue
			}
			if rest, ok = strings.CutSuffix(rest, s.suffix); !ok {
				continue
			}
			// Signatures of other forms may stand beside ours.
			if sum, err := decodeSignature(r.encoding, rest); err == nil && len(sum) > 0 {
				c.signatures = append(c.signatures, signature{s, sum})
			}
		}
	}
	if len(c.signatures) == 0 {
		return malformed(r.header, "holds no signature of the form "+strings.Join(forms, " or ")+" in "+r.encoding)
	}
	return nil
}

// missing reports a header that is not there, and which dialect the request
// speaks if it is another one's.
func (c *check) missing(name string) *VerifyError {
	detail := fmt.Sprintf("The header %s is missing.", name)
	if name == c.d.rules.header {
		for _, def := range Builtin() {
			other := def.Signature.Header
			if text, _ := c.header(other); text != "" && !strings.EqualFold(other, name) {
				return &VerifyError{
					CodeMissingHeader,
					fmt.Sprintf("The header %s is missing, but there is %s, which dialect %s sends.", name, other, def.Name),
					"Verify with that dialect, or change the endpoint's dialect.",
				}
			}
		}
	}
	return &VerifyError{
		CodeMissingHeader, detail,
		"Make sure that proxies pass on all headers, and that the endpoint's dialect is " + c.d.Name() + ".",
	}
}

func malformed(name, problem string) *VerifyError {
	return &VerifyError{
		CodeMalformedHeader,
		fmt.Sprintf("The header %s %s.", name, problem),
		"Pass the header on exactly as it arrived, and check that the endpoint's dialect is the one verified with.",
	}
}

// matches reports whether one of the keys made one of the signatures over a
// request with that body.
func (c *check) matches(body []byte, keys []key) bool {
	if len(keys) == 0 {
		return false
	}
	content, _, err := c.d.rules.contentOf(&scope{received: c.values, body: body}, nil)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(keys, func(k key) bool { return k.verifies(content, c.signatures) })
}

// checkTime judges the time of a request whose signature is right.
func (c *check) checkTime(now time.Time, tolerance time.Duration) *VerifyError {
	r := &c.d.rules
	if r.bodyTime != nil {
		if inBody := member(c.req.Body, r.bodyTime); inBody != c.values[r.clock] {
			return &VerifyError{
				CodeChangedHeader,
				fmt.Sprintf("The header %s differs from the time in the signed body, so the header was changed.", r.clockHeader()),
				"Pass the header on exactly as it arrived.",
			}
		}
	}
	if !r.clocked || tolerance < 0 {
		return nil
	}
	maxAge, maxAhead := r.maxAge, r.maxAhead
	if tolerance > 0 {
		maxAge, maxAhead = tolerance, tolerance
	}
	// Receivers' clocks count milliseconds, and where the time must lie before now,
	// this one is no more lenient than they are.
	age := now.Truncate(time.Millisecond).Sub(c.at)
	at := c.at.UTC().Format(timeFormat)
	switch {
	case age >= maxAge:
		return &VerifyError{
			CodeStaleTime,
			fmt.Sprintf("The signature is right, but the request is from %s, %v ago, and it must be less than %v.", at, age.Round(time.Millisecond), maxAge),
			"Verify requests when they arrive, and check the receiver's clock; otherwise somebody has sent an old request again.",
		}
	case age <= -maxAhead && maxAhead == 0:
		return &VerifyError{
			CodeFutureTime,
			fmt.Sprintf("The signature is right, but the request is from %s, which is not before now.", at),
			"Check the clocks of receiver and sender, and that the sender stamps its requests with a time before the attempt.",
		}
	case age <= -maxAhead: // -age overflows for the far future
		return &VerifyError{
			CodeFutureTime,
			fmt.Sprintf("The signature is right, but the request is from %s, %v in the future, and it must be less than %v.", at, (-age).Round(time.Millisecond), maxAhead),
			"Check the clocks of receiver and sender.",
		}
	}
	return nil
}

// clockHeader names the header that holds the time.
func (r *rules) clockHeader() string {
	if name := r.received[r.clock]; name != "" {
		return name
	}
	return r.header
}

func (r *rules) clockUnit() string {
	if r.clock == valueMS {
		return "milliseconds"
	}
	return "seconds"
}

// parseTime reads Unix seconds or milliseconds: nothing but digits, and not so
// many that they overflow.
func parseTime(clock value, text string) (time.Time, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(text) > 15 {
		return time.Time{}, false
	}
	if clock == valueMS {
		return time.UnixMilli(int64(n)), true
	}
	return time.Unix(int64(n), 0), true
}
