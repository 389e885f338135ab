package desk

import (
	"context"
	"strconv"

	"github.com/bellhop/bellhop"
)

// forgetStep bounds how much of what was refused one transaction forgets.
const forgetStep = 1000

// Refused lists what programs have published into the outbox and could not be accepted,
// newest first: of one app or ("") of all.
func (d *Desk) Refused(ctx context.Context, p bellhop.Principal, f bellhop.RefusedFilter) ([]bellhop.RefusedEntry, error) {
	if err := Permits(p, "listRefused"); err != nil {
		return nil, err
	}
	return d.store.Refused(ctx, f)
}

// RefusedEntry is one of them, with its data.
func (d *Desk) RefusedEntry(ctx context.Context, p bellhop.Principal, id int64) (bellhop.RefusedEntry, error) {
	if err := Permits(p, "getRefused"); err != nil {
		return bellhop.RefusedEntry{}, err
	}
	return d.store.RefusedEntry(ctx, id)
}

// RetryRefused publishes a refused entry, once what it was refused for is mended. If it is
// not, the error is what speaks against it now, and it stays.
func (d *Desk) RetryRefused(ctx context.Context, p bellhop.Principal, id int64) (bellhop.Receipt, error) {
	if err := Permits(p, "retryRefused"); err != nil {
		return bellhop.Receipt{}, err
	}
	return d.e.AcceptRefused(ctx, id)
}

// ForgetRefused removes a refused entry.
func (d *Desk) ForgetRefused(ctx context.Context, p bellhop.Principal, id int64) error {
	if err := Permits(p, "deleteRefused"); err != nil {
		return err
	}
	n, err := d.forgetRefused(ctx, p, id, "", 1)
	if err == nil && n == 0 {
		err = bellhop.NoRefusedEntry(id)
	}
	return err
}

// ForgetAllRefused removes all that was refused, of one app or ("") of all, and answers how
// many there were.
func (d *Desk) ForgetAllRefused(ctx context.Context, p bellhop.Principal, app string) (total int, err error) {
	if err := Permits(p, "clearRefused"); err != nil {
		return 0, err
	}
	for {
		n, err := d.forgetRefused(ctx, p, 0, app, forgetStep)
		total += n
		if err != nil || n < forgetStep {
			return total, err
		}
	}
}

func (d *Desk) forgetRefused(ctx context.Context, p bellhop.Principal, id int64, app string, limit int) (n int, err error) {
	object := ""
	if id != 0 {
		object = strconv.FormatInt(id, 10)
	}
	var apps []string
	if app != "" {
		apps = []string{app}
	}
	entry := d.e.AuditEntry(p.Actor, "outbox.forget", object, apps, nil)
	err = d.write(ctx, "forget what was refused", func() error {
		done, err := d.store.ForgetRefused(ctx, id, app, limit, entry)
		n = max(n, done)
		return err
	})
	return n, err
}
