package desk

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/check"
	"github.com/bellhop/bellhop/engine/routes"
)

// Bounds of a check of a request.
const (
	maxCheckedHeaders = 64 << 10
	maxCheckedBody    = 1 << 20
	// maxCheckedSecrets is how many secrets are tried, and maxHashed how many bytes of
	// the body that may take in all.
	maxCheckedSecrets = 1000
	maxHashed         = 64 << 20
)

// RequestCheck asks what is wrong with a request that a receiver refused.
type RequestCheck struct {
	// Attempt, if not 0, is one that made the request. What is not given is taken from
	// it, and what is given is compared with it.
	Attempt bellhop.AttemptID
	// Endpoint, if not 0, is the one that should have signed it. Default: the attempt's
	// or, without one and without a secret, any that the principal may change.
	Endpoint bellhop.EndpointID
	// Headers are what arrived, as people have them: see [check.ReadHeaders]. Body is what
	// arrived, byte for byte, if HasBody.
	Headers string
	Body    []byte
	HasBody bool
	// Secret is the one that the receiver has. Those of endpoints are used only for whom
	// may see them.
	Secret string
	// Dialect is the one that it should speak. Default: the endpoint's, or told from the
	// headers.
	Dialect string
	// At is when it arrived. Default: when the attempt was made, or now. With AnyTime its
	// time is not judged.
	At      time.Time
	AnyTime bool
}

// CheckedRequest is what came of it.
type CheckedRequest struct {
	check.Verdict
	// Endpoint is the one whose secret signed it; 0 if none is known to.
	Endpoint bellhop.EndpointID
	// SecretMadeAt is when that secret was made.
	SecretMadeAt time.Time
	// At is the time by which it was judged, and Bytes the length of its body.
	At    time.Time
	Bytes int
	// Sent says that what was judged is what Bellhop sent, and nothing that arrived.
	Sent bool
}

// CheckRequest says whether a request was signed as it should be and, if not, what
// happened to it. Nothing is sent and nothing is saved, and no secret is told. It takes
// one of the slots of tests.
func (d *Desk) CheckRequest(ctx context.Context, p bellhop.Principal, ask RequestCheck) (CheckedRequest, error) {
	var out CheckedRequest
	if err := Permits(p, "checkRequest"); err != nil {
		return out, err
	}
	r := check.Request{At: d.e.Now(), Known: d.e.Routes().Dialects()}
	if err := d.capturedRequest(ctx, p, &ask, &r, &out); err != nil {
		return out, err
	}
	if !ask.At.IsZero() {
		r.At = ask.At
	}
	if ask.AnyTime {
		r.Tolerance = -1
	}
	if ask.Dialect != "" {
		if r.Dialect = d.e.Routes().Dialect(ask.Dialect); r.Dialect == nil {
			return out, bellhop.Wrong("dialect", "unknown", fmt.Sprintf("there is no dialect %q", ask.Dialect))
		}
	}
	owners, apps, err := d.secretsToTry(p, &ask, &r)
	if err != nil {
		return out, err
	}
	release, err := d.e.TrialSlot(0, apps)
	if err != nil {
		return out, err
	}
	defer release()
	out.Verdict = check.Verify(r)
	out.At, out.Bytes = r.At, len(r.Received.Body)
	if s := out.SignedBy; s != nil && s.ID > 0 {
		owner := owners[s.ID-1]
		out.Endpoint, out.SecretMadeAt = owner.endpoint, owner.made
	}
	if out.Sent && out.OK {
		out.Detail = "What Bellhop sent is right: its signature verifies. Paste what arrived at the receiver, to find out what happened on the way; or look into the receiver's secret and code."
	}
	return out, nil
}

// capturedRequest puts together what arrived and what was sent.
func (d *Desk) capturedRequest(ctx context.Context, p bellhop.Principal, ask *RequestCheck, r *check.Request, out *CheckedRequest) error {
	switch {
	case len(ask.Headers) > maxCheckedHeaders:
		return bellhop.Wrong("headers", "too_large", fmt.Sprintf("must be at most %d KiB", maxCheckedHeaders>>10))
	case len(ask.Body) > maxCheckedBody:
		return bellhop.Wrong("body", "too_large", fmt.Sprintf("must be at most %d KiB", maxCheckedBody>>10))
	}
	unproved := false
	if ask.Attempt != 0 {
		a, err := d.Attempt(ctx, p, ask.Attempt)
		if err != nil {
			return err
		}
		if ask.Endpoint == 0 && ask.Secret == "" {
			ask.Endpoint = a.Endpoint
		}
		if len(a.RequestHeader) > 0 {
			r.Sent = &dialect.Received{Header: http.Header{}}
			for name, values := range a.RequestHeader {
				if len(values) != 1 || values[0] != bellhop.Hidden {
					r.Sent.Header[name] = values
				}
			}
			if !a.RequestTruncated && a.Known != KnownDiffers {
				r.Sent.Body = a.Body
			}
		}
		unproved = a.Known != KnownKept && a.Known != KnownSame
		r.At = a.StartedAt()
	}
	if ask.Headers == "" {
		if r.Sent == nil {
			return bellhop.Wrong("headers", "required", "give the headers as they arrived, one a line")
		}
		r.Received.Header = r.Sent.Header
	} else {
		h, err := check.ReadHeaders([]byte(ask.Headers))
		if err != nil {
			return bellhop.Wrong("headers", "invalid", err.Error())
		}
		r.Received.Header = h
	}
	r.Received.Body = ask.Body
	if !ask.HasBody {
		if r.Sent == nil || r.Sent.Body == nil {
			why := ""
			if r.Sent != nil {
				why = ": the one that was sent is not known any more"
			}
			return bellhop.Wrong("body", "required", "give the body as it arrived, byte for byte"+why)
		}
		r.Received.Body = r.Sent.Body
	}
	if unproved && r.Sent != nil {
		r.Sent.Body = nil // it proves nothing about another
	}
	if out.Sent = ask.Headers == "" && !ask.HasBody; out.Sent {
		r.Sent = nil // the same
	}
	return nil
}

// owner is whose a secret is.
type owner struct {
	endpoint bellhop.EndpointID
	made     time.Time
}

// secretsToTry are the secrets that should have signed the request, and those that may
// have by mistake, with their owners by Secret.ID-1; and the apps that this concerns.
func (d *Desk) secretsToTry(p bellhop.Principal, ask *RequestCheck, r *check.Request) (owners []owner, apps []string, err error) {
	most := min(maxCheckedSecrets, 10+maxHashed/max(len(r.Received.Body), 1))
	add := func(to *[]check.Secret, e *routes.Route, ended bool) {
		for _, s := range e.Secrets {
			over := !s.ExpiresAt.IsZero() && !d.e.Now().Before(s.ExpiresAt)
			if over != ended || len(owners) >= most {
				continue
			}
			plain, err := d.e.Config().Sealer.Open(s.Sealed, e.ID.String())
			if err != nil {
				continue // nobody can have signed with it
			}
			of := fmt.Sprintf("of the endpoint %s, made at %s", e.ID, stamp(s.CreatedAt))
			if over {
				of += ", which ended at " + stamp(s.ExpiresAt)
			}
			owners = append(owners, owner{e.ID, s.CreatedAt})
			*to = append(*to, check.Secret{Text: string(plain), Of: of, ID: len(owners)})
		}
	}
	if ask.Secret != "" {
		r.Secrets = append(r.Secrets, check.Secret{Text: ask.Secret, Of: "that was given"})
	}
	var chosen *routes.Route
	if ask.Endpoint != 0 {
		if chosen, err = d.editable(p, ask.Endpoint); err != nil && ask.Secret == "" {
			return nil, nil, err
		}
		if chosen != nil && !edits(p, chosen.Apps) {
			if ask.Secret == "" {
				return nil, nil, forbidden("Checking with an endpoint's secret takes a key that may change the endpoint: give the secret that the receiver has")
			}
			chosen = nil
		}
	}
	if chosen != nil {
		apps = chosen.Apps
		if r.Dialect == nil {
			r.Dialect = chosen.Speaks()
		}
		to := &r.Secrets
		if ask.Secret != "" {
			to = &r.Others
		}
		add(to, chosen, false)
		add(&r.Others, chosen, true)
	}
	// Its neighbours, whose secrets are mixed up most easily, or all where none was named.
	for _, e := range d.neighbours(p, apps) {
		if chosen == nil || e.ID != chosen.ID {
			add(&r.Others, e, false)
		}
	}
	if len(r.Secrets)+len(r.Others) == 0 {
		return nil, nil, bellhop.Wrong("secret", "required", "give the secret that the receiver has: this key reaches no endpoint whose secret could be used")
	}
	return owners, apps, nil
}

// neighbours are endpoints of the apps, or of all, that the principal may change.
func (d *Desk) neighbours(p bellhop.Principal, apps []string) []*routes.Route {
	scope := p.Scope
	if len(apps) > 0 {
		scope = bellhop.Only(apps...)
	}
	var list []*routes.Route
	for _, e := range d.routesOf(scope) {
		if edits(p, e.Apps) {
			list = append(list, e)
		}
		if len(list) == maxCheckedSecrets {
			break
		}
	}
	return list
}
