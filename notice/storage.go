package notice

import (
	"context"

	"github.com/bellhop/bellhop/internal/id"
)

// storeWrites tells the operators that nothing can be written, and that it can again.
// Nothing of that can wait in the store: it is sent at once, and once.
func (t *Teller) storeWrites(ctx context.Context) {
	err := t.e.Unwell()
	if (err != nil) == t.storeDown || ctx.Err() != nil {
		return
	}
	t.storeDown = err != nil
	operators := t.operators
	a := &audience{kind: byPeople, app: operators.App, settings: &operators}
	m := message{Kind: kindNews, App: a.app, At: t.e.Now().UTC(), Button: "Open the dashboard", Link: t.linkOf(a, nil)}
	i := item{Name: "The storage of Bellhop", State: stateStorage, Link: m.Link}
	if err != nil {
		i.Detail = "Nothing can be written, so events are refused: " + plainSentence(err.Error())
		m.broken(i)
	} else {
		i.Detail = "It takes writes again."
		m.cured(i)
	}
	m.Subject = m.subject()
	t.direct.Go(func() { t.sendNow(ctx, a, m) })
}

// sendNow sends a message without the store, to each recipient once.
func (t *Teller) sendNow(ctx context.Context, a *audience, m message) {
	for _, address := range a.settings.Emails {
		if !t.MailOn() {
			break
		}
		if o := t.toAddress(ctx, address, Recipient(byPeople, a.app, address), id.Next[id.Notice](t.e.IDs(), t.e.Now()), &m); !o.ok {
			t.failed("email", o.detail)
		}
	}
	for _, c := range a.settings.Chats {
		if o := t.toChat(ctx, c, &m); !o.ok {
			t.failed(string(c.Kind), o.detail)
		}
	}
}
