package inbox

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
)

// gone explains a 410, which an endpoint's owner finds in the log.
const gone = "There is no such inbox: it expired or was deleted, or Bellhop was started anew since. Make another one.\n"

// Deliver takes the request of an endpoint, with its whole body, and gives what to
// answer. event is 0 where the request is no delivery.
func (s *Registry) Deliver(token string, r Request, event bellhop.EventID, from *routes.Route) Reply {
	r.event = event
	return s.arrive(token, r, false, false, []*routes.Route{from})
}

func plainly(status int, text string) Reply {
	return Reply{Status: status, Text: text, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}}
}

// Receive takes a request that came to an inbox from outside: its method, path and
// header. It gives what to answer. body reads the body, up to MaxBody bytes of it, and
// tells whether there is more; it is called only where the request is taken, and its
// error is answered.
func (s *Registry) Receive(token string, r Request, body func() ([]byte, bool, error)) (Reply, error) {
	now := s.o.Now()
	s.mu.Lock()
	in := s.find(token, now)
	busy := in != nil && in.underWay >= maxUnderWay
	may := in != nil && !busy && in.outside.AllowN(now, 1)
	if may {
		in.underWay++
	}
	s.mu.Unlock()
	switch {
	case in == nil:
		return plainly(http.StatusGone, gone), nil
	case busy:
		return plainly(http.StatusServiceUnavailable, fmt.Sprintf("This inbox takes %d requests at once. Try again in a moment.\n", maxUnderWay)), nil
	case !may:
		return plainly(http.StatusTooManyRequests, fmt.Sprintf("This inbox takes %d requests a second. Send fewer.\n", perSecond)), nil
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		in.underWay--
	}()
	content, more, err := body()
	if err != nil {
		return Reply{}, err
	}
	r.App, r.event, r.Body = in.App, 0, content
	return s.arrive(token, r, true, more, s.signers(token, in.App)), nil
}

// signers are the newest endpoints that have an inbox as their URL.
func (s *Registry) signers(token, app string) []*routes.Route {
	if s.o.Routes == nil {
		return nil
	}
	var found []*routes.Route
	for _, r := range s.o.Routes(token, app) {
		if t, ours := s.Token(r.URL); ours && t == token {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(x, y *routes.Route) int { return cmp.Compare(y.ID, x.ID) })
	return found[:min(len(found), maxSigners)]
}

// arrive checks the signature of a request, keeps it, and gives what to answer.
// more says that its body goes on.
func (s *Registry) arrive(token string, r Request, outside, more bool, signers []*routes.Route) Reply {
	now := s.o.Now()
	if len(signers) > 0 {
		// Not under the lock: to explain a wrong signature takes a while.
		r.Signature = s.checkSignature(signers, dialect.Received{Header: r.Header, Body: r.Body}, more, now)
	}
	r.At = now.UTC().Truncate(time.Millisecond)
	r.Truncated = more
	if len(r.Body) > maxKeptBody {
		r.Body, r.Truncated = bytes.Clone(r.Body[:maxKeptBody]), true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.find(token, now)
	if in == nil {
		return plainly(http.StatusGone, gone)
	}
	answer := s.reply(in, outside)
	r.Answered = answer.Status
	if !s.events.forbid(r.event, in.order) && !s.apps.forbid(r.App, in.order) {
		s.keep(in, &r)
		if answer.Text == "" {
			answer.Text = fmt.Sprintf("Request %d of this inbox.\n", r.ID)
		}
	}
	if contentless(answer.Status) {
		answer.Text = ""
	}
	return answer
}

// checkSignature says whether one of the endpoints signed the request and, if none
// did, why it is not the first one's.
func (s *Registry) checkSignature(signers []*routes.Route, got dialect.Received, more bool, now time.Time) *Signature {
	var first *Signature
	for _, r := range signers {
		verified, detail := s.signedBy(r, got, more, now)
		found := &Signature{Verified: verified, Endpoint: r.ID, Dialect: r.Dialect, Detail: detail}
		if verified {
			return found
		}
		if first == nil {
			first = found
		}
	}
	return first
}

// signedBy checks a request as the receiver at an endpoint should, and says in a
// sentence what it found.
func (s *Registry) signedBy(r *routes.Route, got dialect.Received, more bool, now time.Time) (verified bool, detail string) {
	d := r.Speaks()
	switch {
	case more:
		return false, fmt.Sprintf("The body is longer than %d bytes, which is more than an inbox takes in, so its signature was not checked.", MaxBody)
	case d == nil:
		return false, "The signature was not checked, since the endpoint's dialect is not configured."
	}
	secrets, made, err := s.secrets(r, now)
	if err != nil {
		s.o.Logger.Error("a signature was not checked", "endpoint", r.ID.String(), "err", err)
		return false, "The signature was not checked, since the endpoint's secrets cannot be opened."
	}
	if err := d.Verify(got, secrets, now, 0); err != nil {
		if wrong, ok := errors.AsType[*dialect.VerifyError](err); ok {
			return false, wrong.Detail + " " + wrong.Remedy
		}
		return false, err.Error()
	}
	for i, secret := range secrets {
		if d.Verify(got, []string{secret}, now, 0) == nil {
			return true, fmt.Sprintf("The signature verifies: dialect %s, with the secret made at %s.", r.Dialect, made[i].UTC().Format(time.RFC3339))
		}
	}
	return true, fmt.Sprintf("The signature verifies: dialect %s.", r.Dialect)
}

// secrets gives an endpoint's valid secrets in the open, newest first, and when each
// was made.
func (s *Registry) secrets(r *routes.Route, now time.Time) (secrets []string, made []time.Time, err error) {
	for _, x := range r.Secrets {
		if !x.ExpiresAt.IsZero() && !now.Before(x.ExpiresAt) {
			continue
		}
		if s.o.Sealer == nil {
			return nil, nil, errors.New("there is nothing to open secrets with")
		}
		plain, err := s.o.Sealer.Open(x.Sealed, r.ID.String())
		if err != nil {
			return nil, nil, fmt.Errorf("open a secret of %s: %w", r.ID, err)
		}
		secrets, made = append(secrets, string(plain)), append(made, x.CreatedAt)
	}
	return secrets, made, nil
}
