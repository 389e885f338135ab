package inbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
)

// gone explains a 410, which an endpoint's owner finds in the log.
const gone = "There is no such inbox: it expired or was deleted. Make another one.\n"

// Deliver takes the request of an endpoint, with its whole body, and gives what to
// answer. event is 0 where the request is no delivery.
func (s *Registry) Deliver(ctx context.Context, token string, r Request, event bellhop.EventID, from *routes.Route) Reply {
	r.event = event
	in, err := s.Find(ctx, token)
	if err != nil {
		return s.unfound(err)
	}
	return s.arrive(ctx, in, r, false, false, []*routes.Route{from})
}

// unfound answers where there is no inbox, or nobody knows.
func (s *Registry) unfound(err error) Reply {
	if bellhop.IsNotFound(err) || bellhop.CodeOf(err) == bellhop.CodeInboxesOff {
		return plainly(http.StatusGone, gone)
	}
	if !errors.Is(err, bellhop.ErrUnavailable) { // which is told once, and not for each request
		s.o.Logger.Warn("an inbox could not take a request", "err", err)
	}
	return plainly(http.StatusServiceUnavailable, "The inbox cannot take requests now. Try again in a moment.\n")
}

func plainly(status int, text string) Reply {
	return Reply{Status: status, Text: text, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}}
}

// Receive takes a request that came to an inbox from outside: its method, path and
// header. It gives what to answer. body reads the body, up to MaxBody bytes of it, and
// tells whether there is more; it is called only where the request is taken, and its
// error is answered.
func (s *Registry) Receive(ctx context.Context, token string, r Request, body func() ([]byte, bool, error)) (Reply, error) {
	now, name := s.o.Now(), bellhop.NameOfInbox(token)
	counts := false
	if s.Enabled() && isToken(token) { // else nothing is looked for
		var may bool
		if may, counts = s.guests.may(name, now); !may {
			r := plainly(http.StatusServiceUnavailable, "Too many requests come to inboxes that do not exist. Try again in a moment.\n")
			r.Header.Set("Retry-After", "1")
			return r, nil
		}
	}
	in, err := s.Find(ctx, token)
	if err != nil {
		if bellhop.IsNotFound(err) {
			s.guests.lost(name)
		}
		return s.unfound(err), nil
	}
	if counts {
		s.guests.giveBack()
	}
	s.mu.Lock()
	from := s.outside[name]
	if from == nil {
		from = &visitors{limit: rate.NewLimiter(perSecond, burst)}
		s.outside[name] = from
	}
	busy := from.underWay >= maxUnderWay
	may := !busy && from.limit.AllowN(now, 1)
	if may {
		from.underWay++
	}
	s.mu.Unlock()
	switch {
	case busy:
		return plainly(http.StatusServiceUnavailable, fmt.Sprintf("This inbox takes %d requests at once. Try again in a moment.\n", maxUnderWay)), nil
	case !may:
		return plainly(http.StatusTooManyRequests, fmt.Sprintf("This inbox takes %d requests a second. Send fewer.\n", perSecond)), nil
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		from.underWay--
	}()
	content, more, err := body()
	if err != nil {
		return Reply{}, err
	}
	r.App, r.event, r.Body = in.App, 0, content
	return s.arrive(ctx, in, r, true, more, s.signers(token, in.App)), nil
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
func (s *Registry) arrive(ctx context.Context, in Inbox, r Request, outside, more bool, signers []*routes.Route) Reply {
	now := s.o.Now()
	if len(signers) > 0 {
		r.Signature = s.checkSignature(signers, dialect.Received{Header: r.Header, Body: r.Body}, more, now)
	}
	r.At = now.UTC().Truncate(time.Millisecond)
	r.Truncated = more
	if len(r.Body) > maxKeptBody {
		r.Body, r.Truncated = bytes.Clone(r.Body[:maxKeptBody]), true
	}
	answer, turnedAway := s.reply(&in, outside)
	kept := bellhop.InboxRequest{App: r.App, Event: r.event, At: r.At, Answered: answer.Status, Content: encode(r)}
	if !turnedAway {
		kept.FailStatus = in.Answer.FailStatus
	}
	arrived, err := s.o.Store.Arrive(ctx, bellhop.NameOfInbox(in.Token), kept, bounds, now)
	if err != nil {
		answer.giveUp()
		return s.unfound(err)
	}
	if arrived.Failed {
		answer.Status, answer.Text = in.Answer.FailStatus, ""
		answer.Header = plainly(0, "").Header
	}
	if answer.Text == "" && arrived.ID != 0 {
		answer.Text = fmt.Sprintf("Request %d of this inbox.\n", arrived.ID)
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
