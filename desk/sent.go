package desk

import (
	"context"
	"encoding/hex"
	"maps"
	"net/http"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
)

// FullAttempt is an attempt with the body of its request, as far as that is known.
type FullAttempt struct {
	bellhop.Attempt
	// Body is the request's, and Known how it is known; nil and "" if none was made.
	Body  []byte
	Known Known
	// Concealed says that there is a body, which the principal may not see.
	Concealed bool
}

// SHA256 is that of the body that was sent, in hex; "" if it is not known.
func (a *FullAttempt) SHA256() string {
	if a.Proof.IsZero() {
		return ""
	}
	return hex.EncodeToString(a.Proof.SHA256[:])
}

// Known says how the body of a request is known, which is made again from its event
// unless it was kept.
type Known string

// How a body can be known.
const (
	// KnownKept: it was kept, or its beginning (RequestTruncated).
	KnownKept Known = "kept"
	// KnownSame: it was made again, and is the same, as its hash proves.
	KnownSame Known = "same"
	// KnownDiffers: what is made now is not what was sent.
	KnownDiffers Known = "differs"
	// KnownUnknown: whether what is made now was sent is not known, or none can be made.
	KnownUnknown Known = "unknown"
)

// sent finds the body of an attempt's request.
func (d *Desk) sent(ctx context.Context, p bellhop.Principal, a bellhop.Attempt) (FullAttempt, error) {
	full := FullAttempt{Attempt: d.shownAttempt(p, a)}
	switch {
	case a.RequestBody != nil:
		full.Known, full.Body = KnownKept, full.Attempt.RequestBody
		if full.Concealed = full.Body == nil; full.Concealed {
			full.Proof, full.RequestTruncated = bellhop.BodyProof{}, false
		}
		return full, nil
	case a.URL == "", a.Method == http.MethodGet:
		return full, nil // no request was made, or one without a body
	}
	full.Known = KnownUnknown
	e, err := d.store.Event(ctx, a.Event)
	switch {
	case bellhop.IsNotFound(err) || err == nil && e.Erased:
		return full, nil
	case err != nil:
		return full, err
	case a.Proof.IsZero() && len(a.RequestHeader) == 0: // none could be made
		full.Known = ""
		return full, nil
	}
	var endpoint bellhop.Endpoint
	if r := d.routes().Endpoint(a.Endpoint); r != nil {
		endpoint = r.Endpoint
	}
	name, at := a.Dialect, a.Proof.Time
	if a.Proof.IsZero() { // it is from before there were proofs
		if name, at = endpoint.Dialect, a.StartedAt(); !endpoint.MadeByDialect() {
			return full, nil
		}
	}
	x := d.e.Routes().Dialect(name)
	if x == nil {
		return full, nil
	}
	full.Body, err = d.remake(x, &endpoint, dialect.Message{
		ID: e.ID.String(), App: e.App, Type: e.Type, Subject: e.Subject, Time: e.CreatedAt(), Data: e.Data, Timestamp: at,
	}, &a.Proof)
	switch {
	case err != nil:
		full.Body = nil
	case a.Proof.IsZero():
	case a.Proof.Proves(full.Body):
		full.Known = KnownSame
	default:
		full.Known = KnownDiffers
	}
	return full, nil
}

// remake makes the body that the dialect makes of a message: with the options that are
// chosen now or, if another choice makes the one that was sent, with that. An endpoint
// may have had none, or be gone.
func (d *Desk) remake(x *dialect.Dialect, e *bellhop.Endpoint, m dialect.Message, proof *bellhop.BodyProof) ([]byte, error) {
	signer, err := x.NewSigner(nil)
	if err != nil {
		return nil, err
	}
	app, _ := d.routes().App(m.App)
	choices := []map[string]string{dialect.MergeOptions(e.DialectOptions, app.DialectOptions[x.Name()])}
	if x.HasOptions() {
		for _, other := range []map[string]string{e.DialectOptions, app.DialectOptions[x.Name()], nil} {
			if !maps.Equal(other, choices[0]) {
				choices = append(choices, other)
			}
		}
	}
	var first []byte
	for i, options := range choices {
		m.Options = options
		made, err := signer.Render(m)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = made.Body
		}
		if proof.IsZero() || proof.Proves(made.Body) {
			return made.Body, nil
		}
	}
	return first, nil
}
