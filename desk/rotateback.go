package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// RotateBack makes a secret the newest again that was rotated away and is still valid; the
// one that it replaces stays valid for grace (nil for DefaultGrace), as in a rotation. It
// answers false, having changed nothing, if the endpoint has no such secret.
func (d *Desk) RotateBack(ctx context.Context, p bellhop.Principal, i bellhop.EndpointID, grace *bellhop.Duration, secret string) (found bool, err error) {
	if err := Permits(p, "rotateSecret"); err != nil {
		return false, err
	}
	r, err := d.changeable(p, i)
	if err != nil {
		return false, err
	}
	keep := DefaultGrace
	if grace != nil {
		keep = *grace
	}
	if keep < 0 || keep > maxGrace {
		return false, bellhop.Wrong("grace", "range", fmt.Sprintf("must be between 0s and %s", maxGrace))
	}
	if at, err := d.formerSecret(&r.Endpoint, secret); err != nil || at < 0 {
		return false, err
	}
	_, err = d.changeEndpoint(ctx, p, "endpoint.rotate_secret", d.byID(p, i), func(e *bellhop.Endpoint) error {
		at, err := d.formerSecret(e, secret)
		if found = at >= 0; err != nil || !found {
			return err
		}
		now := d.now()
		again := bellhop.Secret{Sealed: e.Secrets[at].Sealed, CreatedAt: now}
		e.Secrets, err = rotated(slices.Delete(slices.Clone(e.Secrets), at, at+1), again, now, time.Duration(keep))
		return err
	})
	return found && err == nil, err
}

// formerSecret is where a secret is among those that were rotated away and are still valid;
// less than 0 if it is none of them.
func (d *Desk) formerSecret(e *bellhop.Endpoint, secret string) (int, error) {
	for at, s := range e.Secrets {
		if s.ExpiresAt.IsZero() || !d.e.Now().Before(s.ExpiresAt) {
			continue
		}
		plain, err := d.e.Config().Sealer.Open(s.Sealed, e.ID.String())
		if err != nil {
			return -1, fmt.Errorf("open a secret of %s: %w", e.ID, err)
		}
		if string(plain) == secret {
			return at, nil
		}
	}
	return -1, nil
}
