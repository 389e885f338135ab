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
	maxSecrets   = 5
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

// RotateSecret puts a new secret before the endpoint's others, which stay valid
// for grace (nil for DefaultGrace, 0 for not at all). Secret "" makes one. It
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
	e, err := d.changeEndpoint(ctx, p, "endpoint.rotate_secret", i, func(e *bellhop.Endpoint) error {
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
		e.Secrets = rotated(e.Secrets, bellhop.Secret{Sealed: d.seal(e.ID, fresh), CreatedAt: now}, now, time.Duration(stay))
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	values, err = d.open(e)
	return values, overlap, err
}

// rotated puts fresh before the old secrets, of which those that are still valid
// end after keep at the latest.
func rotated(old []bellhop.Secret, fresh bellhop.Secret, now time.Time, keep time.Duration) []bellhop.Secret {
	secrets := []bellhop.Secret{fresh}
	for _, s := range old {
		end := now.Add(keep)
		if s.ExpiresAt.IsZero() || end.Before(s.ExpiresAt) {
			s.ExpiresAt = end
		}
		if s.ExpiresAt.After(now) && len(secrets) < maxSecrets {
			secrets = append(secrets, s)
		}
	}
	return secrets
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
