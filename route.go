package bellhop

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/match"
)

// route is an endpoint made ready for use: patterns compiled, keys decoded. Its
// endpoint never changes; a changed endpoint is a new route.
type route struct {
	Endpoint
	types    match.Types
	subjects match.Subjects
	filter   *match.Filter
	dialect  *dialect.Dialect
	// broken says why nothing can be sent, such as a dialect that is no longer
	// configured; deliveries are held meanwhile.
	broken string

	sealer  Sealer
	mu      sync.Mutex
	signer  *dialect.Signer
	expires time.Time // when signer must be made anew, since a secret ends
}

func (b *Bellhop) compileRoute(e Endpoint) *route {
	r := &route{Endpoint: e, sealer: b.cfg.Sealer, dialect: b.dialect(e.Dialect)}
	var err error
	if r.types, err = match.CompileTypes(e.Events); err != nil {
		r.broken = "its event patterns cannot be read: " + err.Error()
	}
	if r.subjects, err = match.CompileSubjects(e.Subjects); err != nil {
		r.broken = "its subject patterns cannot be read: " + err.Error()
	}
	if len(e.Filter) > 0 {
		if r.filter, err = match.CompileFilter(e.Filter); err != nil {
			r.broken = "its filter cannot be read: " + err.Error()
		}
	}
	if r.dialect == nil {
		r.broken = fmt.Sprintf("its dialect %q is not configured: put it back into the configuration file, or choose another", e.Dialect)
	}
	if r.broken == "" && e.Status == EndpointActive {
		if _, err := r.sign(b.cfg.Now()); err != nil {
			r.broken = "its secret cannot be used: " + err.Error()
		}
	}
	if r.broken != "" && e.Status == EndpointActive {
		b.log.Error("deliveries to an endpoint are held", "endpoint", e.ID.String(), "why", r.broken)
	}
	return r
}

// live tells whether requests may be sent.
func (r *route) live() bool { return r.Status == EndpointActive && r.broken == "" }

// verdict is whether an endpoint wants an event and, if not, why.
type verdict struct {
	ok     bool
	reason string // "type", "subject" or "filter"
	detail string
}

// wants tells whether the endpoint gets the event; data gives the event's data,
// parsed at most once for all endpoints that have a filter.
func (r *route) wants(e *Event, data func() match.Data) bool {
	return r.listensTo(e.Type) && r.subjects.Match(e.Subject) && (r.filter == nil || r.filter.MatchData(data()))
}

// listensTo tells whether the endpoint asked for the type. Bellhop's own types go
// only to endpoints that name them: one that wants "all" means the platform's.
func (r *route) listensTo(eventType string) bool {
	return r.types.Match(eventType) && (!strings.HasPrefix(eventType, ownTypes) || r.asksForOwn())
}

// verdict is wants with the reason, for explaining.
func (r *route) verdict(e *Event) verdict {
	if !r.listensTo(e.Type) {
		return verdict{false, "type", fmt.Sprintf("it listens to %s, not to %s", strings.Join(r.Events, ", "), e.Type)}
	}
	if !r.subjects.Match(e.Subject) {
		what := "the event has no subject"
		if e.Subject != "" {
			what = "the event's subject is " + e.Subject
		}
		return verdict{false, "subject", fmt.Sprintf("it listens to the subjects %s; %s", strings.Join(r.Subjects, ", "), what)}
	}
	if r.filter != nil {
		if ok, why := r.filter.Match(e.Data); !ok {
			return verdict{false, "filter", why.String()}
		}
	}
	return verdict{ok: true}
}

func (r *route) asksForOwn() bool {
	for _, p := range r.Events {
		if strings.HasPrefix(p, ownTypes) {
			return true
		}
	}
	return false
}

// sign gives the signer of the secrets that are valid now.
func (r *route) sign(now time.Time) (*dialect.Signer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.signer != nil && (r.expires.IsZero() || now.Before(r.expires)) {
		return r.signer, nil
	}
	var secrets []string
	r.expires = time.Time{}
	for _, s := range r.Secrets {
		if !s.ExpiresAt.IsZero() {
			if !now.Before(s.ExpiresAt) {
				continue
			}
			if r.expires.IsZero() || s.ExpiresAt.Before(r.expires) {
				r.expires = s.ExpiresAt
			}
		}
		plain, err := r.sealer.Open(s.Sealed, r.ID.String())
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, string(plain))
	}
	signer, err := r.dialect.NewSigner(secrets)
	if err != nil {
		return nil, err
	}
	r.signer = signer
	return signer, nil
}
