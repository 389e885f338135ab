package desk

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
)

// The bounds of a rotation.
const (
	DefaultGrace = bellhop.Duration(24 * time.Hour)
	maxGrace     = bellhop.Duration(30 * 24 * time.Hour)
	maxSecrets   = 11 // the newest, and ten that it has replaced
)

// Secrets gives the endpoint's valid secrets in the open, newest first. That it was
// asked for is written to the audit log first.
func (d *Desk) Secrets(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID) ([]bellhop.SecretValue, error) {
	if err := Permits(p, "getSecrets"); err != nil {
		return nil, err
	}
	r, err := d.editable(p, e)
	if err != nil {
		return nil, err
	}
	if err := d.audit(ctx, d.e.AuditEntry(p.Actor, "endpoint.read_secret", e.String(), r.Apps, nil)); err != nil {
		return nil, err
	}
	return d.open(r.Endpoint)
}

func (d *Desk) seal(e bellhop.EndpointID, secret string) []byte {
	return d.e.Config().Sealer.Seal([]byte(secret), e.String())
}

func (d *Desk) open(e bellhop.Endpoint) ([]bellhop.SecretValue, error) {
	now := d.e.Now()
	var values []bellhop.SecretValue
	for _, s := range e.Secrets {
		if !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt) {
			continue
		}
		plain, err := d.e.Config().Sealer.Open(s.Sealed, e.ID.String())
		if err != nil {
			return nil, fmt.Errorf("open a secret of %s: %w", e.ID, err)
		}
		v := bellhop.SecretValue{Secret: string(plain), CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt}
		v.PublicKey, _ = dialect.PublicKey(v.Secret) // only some secrets have one
		values = append(values, v)
	}
	return values, nil
}

// RotateSecret puts a new secret before the one that it replaces, which stays valid
// for grace (nil for DefaultGrace); those replaced before end when they were to. A
// grace of 0 ends all of them at once. Secret "" makes one; one that is valid already
// is refused. Where ten that were replaced are still valid, it fails with a CodeManySecrets error. It
// answers the valid secrets, newest first, and whether requests are signed with
// all of them: a dialect that carries one signature signs with the newest, so that
// the old one stops at once.
func (d *Desk) RotateSecret(ctx context.Context, p bellhop.Principal, i bellhop.EndpointID, grace *bellhop.Duration, secret string) (values []bellhop.SecretValue, overlap bool, err error) {
	if err := Permits(p, "rotateSecret"); err != nil {
		return nil, false, err
	}
	if _, err := d.changeable(p, i); err != nil {
		return nil, false, err
	}
	keep := DefaultGrace
	if grace != nil {
		keep = *grace
	}
	if keep < 0 || keep > maxGrace {
		return nil, false, bellhop.Wrong("grace", "range", fmt.Sprintf("must be between 0s and %s", maxGrace))
	}
	e, err := d.changeEndpoint(ctx, p, "endpoint.rotate_secret", d.byID(p, i), func(e *bellhop.Endpoint) error {
		x := d.e.Routes().Dialect(e.Dialect)
		if x == nil {
			return &bellhop.Error{Code: bellhop.CodeEndpointStatus, Detail: fmt.Sprintf("The endpoint's dialect %q is not configured", e.Dialect)}
		}
		fresh := secret
		if fresh == "" {
			if fresh, err = x.NewSecret(); err != nil {
				return fmt.Errorf("make a secret: %w", err)
			}
		} else if err := x.CheckSecret(fresh); err != nil {
			return bellhop.Wrong("secret", "secret", err.Error())
		}
		stay := keep
		if !x.ManySignatures() {
			stay = 0
		}
		overlap = stay > 0
		now := d.now()
		if err := d.isFresh(*e, fresh); err != nil {
			return err
		}
		e.Secrets, err = rotated(e.Secrets, bellhop.Secret{Sealed: d.seal(e.ID, fresh), CreatedAt: now}, now, time.Duration(stay))
		return err
	})
	if err != nil {
		return nil, false, err
	}
	values, err = d.open(e)
	return values, overlap, err
}

// isFresh refuses a secret that is valid already: it would be listed twice, and end as
// one while it is needed as the other.
func (d *Desk) isFresh(e bellhop.Endpoint, secret string) error {
	valid, err := d.open(e)
	if err != nil {
		return err
	}
	for i, v := range valid {
		switch {
		case v.Secret != secret:
		case i == 0:
			return bellhop.Wrong("secret", "secret", "is the endpoint's secret already: give another one, or leave it out to have one made")
		default:
			return bellhop.Wrong("secret", "secret", "was rotated away and is valid until "+stamp(v.ExpiresAt)+
				": give another one, or end it first with a rotation whose grace is 0s")
		}
	}
	return nil
}

// rotated puts fresh before the old secrets that stay valid: the one that it replaces
// for as long as keep, and those from before as long as they were promised; with no
// keep, none of them. It fails rather than end one of them early.
func rotated(old []bellhop.Secret, fresh bellhop.Secret, now time.Time, keep time.Duration) ([]bellhop.Secret, error) {
	secrets := []bellhop.Secret{fresh}
	if keep == 0 {
		return secrets, nil
	}
	first := time.Time{}
	for _, s := range old {
		if s.ExpiresAt.IsZero() {
			s.ExpiresAt = now.Add(keep)
		}
		if s.ExpiresAt.After(now) {
			secrets = append(secrets, s)
			if first.IsZero() || s.ExpiresAt.Before(first) {
				first = s.ExpiresAt
			}
		}
	}
	if len(secrets) > maxSecrets {
		return nil, &bellhop.Error{
			Code: bellhop.CodeManySecrets,
			Detail: fmt.Sprintf("The endpoint has %d valid secrets, and at most %d can be: rotate when the next one ends, at %s, or with a grace of 0s, which ends all of them now",
				len(secrets)-1, maxSecrets, stamp(first)),
		}
	}
	return secrets, nil
}

// firstSecrets are those of a new endpoint, and its newest one in the open: what was given,
// or one that is made. fields say what is wrong with them.
func (d *Desk) firstSecrets(e *bellhop.Endpoint, c *bellhop.EndpointChange, now time.Time) (secrets []bellhop.Secret, newest string, fields []bellhop.FieldError, err error) {
	x := d.e.Routes().Dialect(e.Dialect)
	if x == nil {
		return nil, "", nil, nil // which was found wrong already
	}
	wrong := func(field, code, detail string) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: detail})
	}
	given := c.Secrets.Value
	switch {
	case len(given) > 0 && c.Secret.Value != "":
		wrong("secret", "secret", "is given beside secrets: put it first there, or leave that out")
		return nil, "", fields, nil
	case len(given) > maxSecrets:
		wrong("secrets", "length", fmt.Sprintf("has %d secrets; at most %d can be valid: leave out the oldest", len(given), maxSecrets))
		return nil, "", fields, nil
	case len(given) > 1 && !x.ManySignatures():
		wrong("secrets", "dialect", fmt.Sprintf("the dialect %s signs with one secret: give the newest alone", e.Dialect))
		return nil, "", fields, nil
	case len(given) == 0:
		newest = c.Secret.Value
		if newest == "" {
			if newest, err = x.NewSecret(); err != nil {
				return nil, "", nil, fmt.Errorf("make a secret: %w", err)
			}
		} else if err := x.CheckSecret(newest); err != nil {
			wrong("secret", "secret", err.Error())
			return nil, "", fields, nil
		}
		given = []bellhop.GivenSecret{{Secret: newest}}
	}
	seen := map[string]bool{}
	for i, g := range given {
		field := fmt.Sprintf("secrets[%d]", i)
		s := bellhop.Secret{CreatedAt: now, ExpiresAt: g.ExpiresAt.UTC().Truncate(time.Millisecond)}
		switch {
		case i == 0 && !g.ExpiresAt.IsZero():
			wrong(field+".expires_at", "newest", "the newest secret has no end: leave it out")
		case i > 0 && g.ExpiresAt.IsZero():
			s.ExpiresAt = now.Add(time.Duration(DefaultGrace))
		case i > 0 && !g.ExpiresAt.After(now):
			wrong(field+".expires_at", "range", "is past: leave this secret out")
		case i > 0 && g.ExpiresAt.After(now.Add(time.Duration(maxGrace))):
			wrong(field+".expires_at", "range", fmt.Sprintf("must be within %s from now", maxGrace))
		}
		if err := x.CheckSecret(g.Secret); err != nil {
			wrong(field+".secret", "secret", err.Error())
		} else if seen[g.Secret] {
			wrong(field+".secret", "secret", "is there twice: give it once")
		}
		seen[g.Secret] = true
		s.Sealed = d.seal(e.ID, g.Secret)
		secrets = append(secrets, s)
	}
	return secrets, given[0].Secret, fields, nil
}

// keepsSecrets refuses a change of dialect under which the secrets would not work.
func (d *Desk) keepsSecrets(e *bellhop.Endpoint) error {
	values, err := d.open(*e)
	if err != nil {
		return err
	}
	x := d.e.Routes().Dialect(e.Dialect)
	for _, v := range values {
		if err := x.CheckSecret(v.Secret); err != nil {
			return bellhop.Wrong("dialect", "secret", fmt.Sprintf("the endpoint's secret cannot sign in the dialect %s: %v; create another endpoint", e.Dialect, err))
		}
	}
	return nil
}
