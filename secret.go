package bellhop

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop/bellhop/dialect"
)

// SecretValue is a secret in the open.
type SecretValue struct {
	Secret string `json:"secret"`
	// PublicKey is what receivers need, where the secret is an Ed25519 key.
	PublicKey string    `json:"public_key,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is the end of its overlap with a newer secret; zero for the
	// newest.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// The bounds of a rotation.
const (
	DefaultGrace = Duration(24 * time.Hour)
	maxGrace     = Duration(30 * 24 * time.Hour)
	maxSecrets   = 5
)

// Secrets gives the endpoint's valid secrets in the open, newest first. That it was
// asked for is written to the audit log first.
func (b *Bellhop) Secrets(ctx context.Context, actor string, e EndpointID) ([]SecretValue, error) {
	r, err := b.route(e)
	if err != nil {
		return nil, err
	}
	entry := b.auditEntry(actor, "endpoint.read_secret", e.String(), r.Apps, nil)
	if err := b.audit(ctx, entry); err != nil {
		return nil, err
	}
	return b.open(r.Endpoint)
}

func (b *Bellhop) open(e Endpoint) ([]SecretValue, error) {
	now := b.cfg.Now()
	var values []SecretValue
	for _, s := range e.Secrets {
		if !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt) {
			continue
		}
		plain, err := b.cfg.Sealer.Open(s.Sealed, e.ID.String())
		if err != nil {
			return nil, fmt.Errorf("open a secret of %s: %w", e.ID, err)
		}
		v := SecretValue{Secret: string(plain), CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt}
		v.PublicKey, _ = dialect.PublicKey(v.Secret)
		values = append(values, v)
	}
	return values, nil
}

// RotateSecret puts a new secret before the endpoint's others, which stay valid
// for grace (nil for DefaultGrace, 0 for not at all). Secret "" makes one. It
// answers the valid secrets, newest first, and whether requests are signed with
// all of them: a dialect that carries one signature signs with the newest, so that
// the old one stops at once.
func (b *Bellhop) RotateSecret(ctx context.Context, actor string, i EndpointID, grace *Duration, secret string) (values []SecretValue, overlap bool, err error) {
	keep := DefaultGrace
	if grace != nil {
		keep = *grace
	}
	if keep < 0 || keep > maxGrace {
		return nil, false, invalid("grace", "range", fmt.Sprintf("must be between 0s and %s", maxGrace))
	}
	e, err := b.changeEndpoint(ctx, actor, "endpoint.rotate_secret", i, func(e *Endpoint) error {
		d := b.dialect(e.Dialect)
		if d == nil {
			return &Error{Code: CodeEndpointStatus, Detail: fmt.Sprintf("The endpoint's dialect %q is not configured", e.Dialect)}
		}
		fresh := secret
		if fresh == "" {
			if fresh, err = d.NewSecret(); err != nil {
				return fmt.Errorf("make a secret: %w", err)
			}
		} else if err := d.CheckSecret(fresh); err != nil {
			return invalid("secret", "secret", err.Error())
		}
		overlap = d.ManySignatures() && keep > 0
		if !d.ManySignatures() {
			keep = 0
		}
		now := b.cfg.Now().UTC().Truncate(time.Millisecond)
		e.Secrets = rotated(e.Secrets, Secret{Sealed: b.cfg.Sealer.Seal([]byte(fresh), e.ID.String()), CreatedAt: now}, now, time.Duration(keep))
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	values, err = b.open(e)
	return values, overlap, err
}

// rotated puts fresh before the old secrets, of which those that are still valid
// end after keep at the latest.
func rotated(old []Secret, fresh Secret, now time.Time, keep time.Duration) []Secret {
	secrets := []Secret{fresh}
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
func (b *Bellhop) keepsSecrets(e *Endpoint) error {
	values, err := b.open(*e)
	if err != nil {
		return err
	}
	d := b.dialect(e.Dialect)
	for _, v := range values {
		if err := d.CheckSecret(v.Secret); err != nil {
			return invalid("dialect", "secret", fmt.Sprintf("the endpoint's secret cannot sign in the dialect %s: %v; create another endpoint", e.Dialect, err))
		}
	}
	return nil
}
