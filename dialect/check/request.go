// Package check finds out what is wrong between a sender and a receiver: with a request
// that a receiver refuses (Verify), and with a receiver, by sending it requests good and
// bad (Try).
package check

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bellhop/bellhop/dialect"
)

// Secret is a secret, and in words whose it is.
type Secret struct {
	Text string
	// Of completes "the secret …", such as "of the endpoint ep_…, made at …". It never
	// holds the secret.
	Of string
	// ID is the caller's, to find it again.
	ID int
}

// Request is a request to be checked.
type Request struct {
	Received dialect.Received
	// Dialect is the one that it should speak; nil to tell it from the headers.
	Dialect *dialect.Dialect
	// Known are all dialects.
	Known []*dialect.Dialect
	// Secrets are those of which one should have signed it. Without any, one of Others
	// should have.
	Secrets []Secret
	// Others may have signed it by mistake: of other endpoints, or ended ones.
	Others []Secret
	// Sent, if not nil, is the request as it left.
	Sent *dialect.Received
	// At is when it arrived; see [dialect.Dialect.Verify] for the tolerance.
	At        time.Time
	Tolerance time.Duration

	// unchosen says that nobody said which secret it should be: those that no such
	// dialect signs with are left out.
	unchosen bool
}

// The confidence of a Finding.
const (
	Certain  = "certain"  // shown by the request itself or by a signature that matches
	Likely   = "likely"   // what most often looks like this
	Possible = "possible" // cannot be told from others
)

// Finding is one thing that was found, and what to do about it.
type Finding struct {
	// Code is one of the dialect package's, or one of those below.
	Code       string
	Confidence string
	Detail     string // what is wrong, a full sentence
	Remedy     string // what to do about it, a full sentence; may be empty
}

// Codes besides those of [dialect.VerifyError].
const (
	CodeOtherDialect  = "other_dialect"  // it speaks another dialect than it should
	CodeRenamedHeader = "renamed_header" // a header arrived under another name
)

// Verdict is what came of a check.
type Verdict struct {
	OK bool
	// Dialect is the one that counts, Guessed that it was told from the headers.
	Dialect string
	Guessed bool
	// Detail is the verdict in a sentence.
	Detail string
	// SignedBy is the secret that signed it, if it is known.
	SignedBy *Secret
	// Findings are the gravest and the most certain first.
	Findings []Finding
}

// Code is that of the first finding, or "".
func (v *Verdict) Code() string {
	if len(v.Findings) == 0 {
		return ""
	}
	return v.Findings[0].Code
}

// Verify says whether a request was signed as it should be, and if not, why.
func Verify(r Request) Verdict {
	v := verify(&r)
	if r.Sent != nil {
		found := differences(r.Sent, &r.Received)
		if len(found) > 0 && found[0].Code == dialect.CodeChangedBody { // there is nothing to guess any more
			v.Findings = slices.DeleteFunc(v.Findings, func(f Finding) bool { return f.Confidence != Certain })
		}
		v.Findings = append(v.Findings, found...)
		slices.SortStableFunc(v.Findings, func(a, b Finding) int { return rank(a) - rank(b) })
	}
	if !v.OK && len(v.Findings) > 0 {
		v.Detail = v.Findings[0].Detail
	}
	return v
}

// rank orders findings by confidence.
func rank(f Finding) int { return slices.Index([]string{Certain, Likely, Possible}, f.Confidence) }

func verify(r *Request) (v Verdict) {
	if len(r.Secrets) == 0 {
		r.Secrets, r.Others, r.unchosen = r.Others, nil, true
	}
	candidates := []*dialect.Dialect{r.Dialect}
	received := r.Received
	if r.Dialect == nil {
		var missing *dialect.VerifyError
		if candidates, missing = Guess(r.Known, received.Header); missing != nil {
			repaired, renamed := repair(r.Known, received.Header)
			if candidates, _ = Guess(r.Known, repaired); candidates == nil {
				return refused(v, findingOf(missing))
			}
			received.Header = repaired
			v.Findings = append(v.Findings, renamed...)
		}
		v.Guessed = true
	} else if repaired, renamed := repair(candidates, received.Header); len(renamed) > 0 {
		received.Header = repaired
		v.Findings = append(v.Findings, renamed...)
	}
	v.Dialect = candidates[0].Name()
	if r.unchosen {
		all := len(r.Secrets)
		r.choose(candidates, received)
		defer func() {
			if r.unchosen && !v.OK {
				v.noneOf(all)
			}
		}()
	}
	tries := slices.Concat(r.Secrets, r.Others)
	var first *dialect.VerifyError
	for _, d := range candidates {
		err := check(d, received, r.Secrets, r)
		if err == nil {
			return r.good(v, d, received)
		}
		// Of dialects that share their headers, the one whose form they have is meant.
		if first == nil || first.Code == dialect.CodeMalformedHeader && err.Code != dialect.CodeMalformedHeader {
			first, v.Dialect = err, d.Name()
		}
	}
	// A time that is wrong, under a signature that is right, says it all.
	timely := *r
	timely.Tolerance = -1
	for _, d := range candidates {
		if check(d, received, r.Secrets, &timely) == nil {
			v.SignedBy = signedBy(d, received, r.Secrets)
			v.Dialect = d.Name()
			return refused(v, findingOf(check(d, received, r.Secrets, r)))
		}
		if s := signedBy(d, received, r.Others); s != nil {
			v.SignedBy, v.Dialect = s, d.Name()
			return refused(v, Finding{
				dialect.CodeWrongSecret, Certain, "It was signed with the secret " + s.Of + ".",
				"Give the receiver the secret of the endpoint that sends to it.",
			})
		}
	}
	// The headers of another dialect, with a signature that is right there.
	others, _ := Guess(r.Known, received.Header)
	for _, d := range others {
		if s := signedBy(d, received, tries); s != nil && r.Dialect != nil && d.Name() != r.Dialect.Name() {
			v.SignedBy = s
			return refused(v, Finding{
				CodeOtherDialect, Certain,
				fmt.Sprintf("The request speaks the dialect %s, not %s: as such its signature is right, with the secret %s.", d.Name(), r.Dialect.Name(), s.Of),
				"Verify with that dialect, or change the endpoint's dialect.",
			})
		}
	}
	v = refused(v, findingOf(first))
	if first.Code == dialect.CodeSignatureMismatch {
		v.Findings = append(v.Findings[:len(v.Findings)-1],
			Finding{dialect.CodeChangedBody, Possible, "The signature does not match. It may be that the body was changed on its way: no common change explains it.", "Verify the body exactly as it arrived, before anything parses it, and paste exactly those bytes here."},
			Finding{dialect.CodeWrongSecret, Possible, "The signature does not match. It may be that another secret signed it.", "Compare the receiver's secret with the endpoint's, letter by letter."},
		)
	}
	return v
}

// diagnosed is with how many secrets accidents are looked for where nobody said which one
// it is: each costs many hashes.
const diagnosed = 20

// choose leaves the secret that signed the request or, if none did, the first few.
func (r *Request) choose(candidates []*dialect.Dialect, received dialect.Received) {
	for _, d := range candidates {
		if s := signedBy(d, received, r.Secrets); s != nil {
			r.Secrets, r.unchosen = []Secret{*s}, false
			return
		}
	}
	var fit []Secret
	for _, s := range r.Secrets {
		if len(fit) < diagnosed && candidates[0].CheckSecret(s.Text) == nil {
			fit = append(fit, s)
		}
	}
	r.Secrets = fit
}

// noneOf says that no secret has signed the request, where that is all that is known.
func (v *Verdict) noneOf(tried int) {
	for i, f := range v.Findings {
		if f.Code == dialect.CodeBadSecret || f.Code == dialect.CodeWrongSecret && f.Confidence != Certain {
			v.Findings[i] = Finding{
				dialect.CodeWrongSecret, Likely, fmt.Sprintf("None of the %d secrets that were tried has signed it.", tried),
				"Choose the endpoint that sent it, or give the secret that the receiver has.",
			}
		}
	}
}

// refused puts what settles it before what was found on the way.
func refused(v Verdict, f Finding) Verdict {
	v.OK = false
	v.Findings = append(v.Findings, f)
	return v
}

// good is the verdict on a request that is right.
func (r *Request) good(v Verdict, d *dialect.Dialect, received dialect.Received) Verdict {
	v.Dialect = d.Name()
	v.SignedBy = signedBy(d, received, slices.Concat(r.Secrets, r.Others))
	if len(v.Findings) > 0 { // headers that had to be put right
		v.Detail = "With its headers put right, the signature is right."
		return v
	}
	v.OK = true
	words := "and the time is right"
	switch {
	case d.MaxAge() == 0:
		words = "which says nothing about its age: this dialect sends no time"
	case r.Tolerance < 0:
		words = "and its time was not checked"
	}
	v.Detail = "The signature is right, " + words + "."
	return v
}

func check(d *dialect.Dialect, received dialect.Received, secrets []Secret, r *Request) *dialect.VerifyError {
	var texts []string
	for _, s := range secrets {
		if !r.unchosen || d.CheckSecret(s.Text) == nil {
			texts = append(texts, s.Text)
		}
	}
	refusal, _ := errors.AsType[*dialect.VerifyError](d.Verify(received, texts, r.At, r.Tolerance))
	return refusal
}

// signedBy finds the secret that signed a request.
func signedBy(d *dialect.Dialect, received dialect.Received, secrets []Secret) *Secret {
	for _, s := range secrets {
		if d.CheckSecret(s.Text) == nil && d.Signed(received, s.Text) {
			return &s
		}
	}
	return nil
}

func findingOf(e *dialect.VerifyError) Finding {
	f := Finding{e.Code, Certain, e.Detail, e.Remedy}
	switch {
	case e.Code == dialect.CodeSignatureMismatch:
		f.Confidence = Possible
	case !e.Proved():
		f.Confidence = Likely
	}
	return f
}

// Guess gives the dialects that a request may be of, by its headers: those of which most
// headers are there and fewest missing.
func Guess(all []*dialect.Dialect, h http.Header) ([]*dialect.Dialect, *dialect.VerifyError) {
	var best []*dialect.Dialect
	var bestScore int
	var looked []string
	for _, d := range all {
		names := d.HeaderNames()
		signature := names[len(names)-1]
		if !slices.ContainsFunc(looked, func(o string) bool { return strings.EqualFold(o, signature) }) {
			looked = append(looked, signature)
		}
		score := 0
		for _, name := range names {
			if has(h, name) {
				score += 2
			} else {
				score -= 2
			}
		}
		if contentType := d.Definition().ContentType; contentType != "application/json" && strings.HasPrefix(valueOf(h, "Content-Type"), contentType) {
			score++
		}
		switch {
		case !has(h, signature) || len(best) > 0 && score < bestScore:
		case len(best) > 0 && score == bestScore:
			best = append(best, d)
		default:
			best, bestScore = []*dialect.Dialect{d}, score
		}
	}
	if best == nil {
		return nil, &dialect.VerifyError{
			Code:   dialect.CodeMissingHeader,
			Detail: "The request has none of the signature headers of the known dialects: " + strings.Join(looked, ", ") + ".",
			Remedy: "Make sure that proxies pass on all headers and that the capture has them; or name the dialect.",
		}
	}
	return best, nil
}

func has(h http.Header, name string) bool { return valueOf(h, name) != "" }

func valueOf(h http.Header, name string) string {
	for n, values := range h {
		if strings.EqualFold(n, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// repair looks for headers of the dialects that arrived under another name, as some
// servers and proxies write them, and gives them their own names.
func repair(dialects []*dialect.Dialect, h http.Header) (http.Header, []Finding) {
	repaired := http.Header{}
	for name, values := range h {
		repaired[name] = values
	}
	var findings []Finding
	for _, d := range dialects {
		for _, name := range d.HeaderNames() {
			if has(repaired, name) {
				continue
			}
			for arrived, values := range h {
				if plain(arrived) == plain(name) && !strings.EqualFold(arrived, name) && len(values) > 0 {
					repaired[name] = values
					findings = append(findings, Finding{
						CodeRenamedHeader, Certain, fmt.Sprintf("The header %s arrived as %.100q.", name, arrived),
						"Have the server or proxy pass the header on under its own name, or read it under the one that it arrives by.",
					})
				}
			}
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int { return strings.Compare(a.Detail, b.Detail) })
	return repaired, findings
}

// plain is a header's name without what programs put before it and in place of hyphens:
// HTTP_WEBHOOK_ID (CGI), X-Original-Webhook-Id, x_webhook_id.
func plain(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	for _, before := range []string{"http-", "x-forwarded-", "x-original-", "x-amzn-remapped-", "x-"} {
		name = strings.TrimPrefix(name, before)
	}
	return name
}

// differences compares what arrived with what was sent.
func differences(sent, received *dialect.Received) []Finding {
	var findings []Finding
	if sent.Body != nil && !bytes.Equal(sent.Body, received.Body) {
		findings = append(findings, Finding{
			dialect.CodeChangedBody, Certain, "The body is not the one that was sent: " + firstDifference(sent.Body, received.Body) + ".",
			"Verify the body exactly as it arrived, before anything parses, decodes or stores it.",
		})
	}
	for name, values := range sent.Header {
		arrived := valueOf(received.Header, name)
		if len(values) == 0 || overwritten(name) {
			continue
		}
		switch {
		case arrived == "":
			findings = append(findings, Finding{
				dialect.CodeMissingHeader, Likely, fmt.Sprintf("The header %s was sent and is not there.", name),
				"Make sure that proxies pass on all headers, and that all of them were pasted.",
			})
		case arrived != values[0] && arrived != strings.Join(values, ", "):
			findings = append(findings, Finding{
				dialect.CodeChangedHeader, Likely, fmt.Sprintf("The header %s is not the one that was sent.", name),
				"Pass the header on exactly as it arrived; or the request is another attempt's, whose time and signature are others.",
			})
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int { // the body goes first
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.Code+a.Detail, b.Code+b.Detail))
	})
	return findings
}

// overwritten knows the headers that proxies write anew, and those with credentials.
func overwritten(name string) bool {
	return slices.Contains([]string{"host", "user-agent", "content-length", "content-type", "authorization", "connection", "accept-encoding"}, strings.ToLower(name))
}

// firstDifference says where two bodies part.
func firstDifference(sent, received []byte) string {
	if len(received) == 0 {
		return fmt.Sprintf("%d bytes were sent, and none are here", len(sent))
	}
	i := 0
	for i < min(len(sent), len(received)) && sent[i] == received[i] {
		i++
	}
	return fmt.Sprintf("at byte %d, %s was sent and %s is here (%d bytes were sent, %d are here)", i+1, piece(sent, i), piece(received, i), len(sent), len(received))
}

// piece shows some bytes from a place on.
func piece(b []byte, from int) string {
	const most = 24
	if from >= len(b) {
		return "its end"
	}
	part := b[from:min(from+most, len(b))]
	for len(part) > 0 && !utf8.Valid(part) && from+len(part) < len(b) && len(part) > most-4 {
		part = part[:len(part)-1] // not in the middle of a character
	}
	if strings.ContainsFunc(string(part), func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%q", part)
	}
	return "“" + string(part) + "”"
}
