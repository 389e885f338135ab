package desk

import (
	"context"
	"errors"
	"slices"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send/inbox"
)

// What inboxes are made of, by the names under which people ask for them.
type (
	Inbox          = inbox.Inbox
	InboxRequest   = inbox.Request
	InboxSignature = inbox.Signature
	InboxAnswer    = inbox.Answer
	InboxReply     = inbox.Reply
	AnswerChange   = inbox.AnswerChange
)

// MaxInboxBody is how much of a body from outside is looked at, in bytes.
const MaxInboxBody = inbox.MaxBody

// InboxesEnabled tells whether there can be inboxes.
func (d *Desk) InboxesEnabled() bool { return d.e.Inboxes().Enabled() }

// CreateInbox makes an inbox of an app; expiresIn 0 means an hour.
func (d *Desk) CreateInbox(ctx context.Context, p bellhop.Principal, app string, expiresIn bellhop.Duration) (Inbox, error) {
	if err := Permits(p, "createInbox"); err != nil {
		return Inbox{}, err
	}
	if d.InboxesEnabled() { // else the registry says so, whichever the app
		if err := d.knownApp(p, "app", app); err != nil {
			return Inbox{}, err
		}
	}
	in, err := d.e.Inboxes().Add(ctx, app, expiresIn)
	if err != nil {
		return Inbox{}, err
	}
	if err := d.auditInbox(ctx, p, "inbox.create", in); err != nil {
		return Inbox{}, errors.Join(err, d.e.Inboxes().Delete(context.WithoutCancel(ctx), in.Token))
	}
	return in, nil
}

// auditInbox names an inbox by the beginning of its token: the log is not to hold
// what lets its readers send to it.
func (d *Desk) auditInbox(ctx context.Context, p bellhop.Principal, action string, in Inbox) error {
	return d.audit(ctx, d.e.AuditEntry(p.Actor, action, in.Token[:6]+"…", []string{in.App},
		map[string]any{"answer_status": in.Answer.Status, "answer_delay": in.Answer.Delay, "fail_first": in.Answer.FailFirst, "expires_at": in.ExpiresAt}))
}

// Inboxes lists the inboxes, newest first: of one app, or ("") of all in the scope.
func (d *Desk) Inboxes(ctx context.Context, p bellhop.Principal, app string) ([]Inbox, error) {
	if err := Permits(p, "listInboxes"); err != nil {
		return nil, err
	}
	scope, err := d.narrow(p, app)
	if err != nil {
		return nil, err
	}
	return d.e.Inboxes().List(ctx, scope)
}

// inbox gives an inbox of an app in the scope. One of another app is answered exactly
// as one that does not exist.
func (d *Desk) inbox(ctx context.Context, p bellhop.Principal, token string) (Inbox, error) {
	in, err := d.e.Inboxes().Find(ctx, token)
	return within(p, in, in.App, err, "inbox", token)
}

// Inbox gives an inbox and the requests in it whose ID is above after, newest first:
// those of apps in the scope, since an endpoint of several apps brings events of each.
// The values of an endpoint's own headers are shown only to those who may change it.
func (d *Desk) Inbox(ctx context.Context, p bellhop.Principal, token string, after int64) (Inbox, []*InboxRequest, error) {
	if err := Permits(p, "getInbox"); err != nil {
		return Inbox{}, nil, err
	}
	in, requests, err := d.e.Inboxes().Look(ctx, token, after)
	if in, err = within(p, in, in.App, err, "inbox", token); err != nil {
		return Inbox{}, nil, err
	}
	var list []*InboxRequest
	for _, r := range requests {
		if p.Scope.Sees(r.App) {
			list = append(list, d.shownRequest(p, r))
		}
	}
	return in, list, nil
}

// shownRequest is a request as the principal may see it.
func (d *Desk) shownRequest(p bellhop.Principal, r *InboxRequest) *InboxRequest {
	var endpoint bellhop.EndpointID
	sees := edits(p, nil) // what came from outside, to an inbox that is no endpoint's
	if r.Signature != nil {
		endpoint = r.Signature.Endpoint
		sees = d.editsEndpoint(p, endpoint)
	}
	if sees {
		return r
	}
	cut := *r
	cut.Header = d.discreet(endpoint, r.Header)
	return &cut
}

// AnswerInbox changes how an inbox answers.
func (d *Desk) AnswerInbox(ctx context.Context, p bellhop.Principal, token string, c AnswerChange) (Inbox, error) {
	if err := Permits(p, "updateInbox"); err != nil {
		return Inbox{}, err
	}
	in, err := d.inbox(ctx, p, token)
	if err != nil {
		return Inbox{}, err
	}
	if in.Answer, err = in.Answer.With(c); err != nil {
		return Inbox{}, err
	}
	if err := d.auditInbox(ctx, p, "inbox.update", in); err != nil {
		return Inbox{}, err
	}
	return d.e.Inboxes().Answer(ctx, token, c)
}

// DeleteInbox ends an inbox. Endpoints that have it as their URL will be answered
// 410, which disables them.
func (d *Desk) DeleteInbox(ctx context.Context, p bellhop.Principal, token string) error {
	if err := Permits(p, "deleteInbox"); err != nil {
		return err
	}
	in, err := d.inbox(ctx, p, token)
	if err != nil {
		return err
	}
	if err := d.auditInbox(ctx, p, "inbox.delete", in); err != nil {
		return err
	}
	return d.e.Inboxes().Delete(ctx, token)
}

// Receive takes a request that came to an inbox from outside. Whoever has the token
// may send some: see [inbox.Registry.Receive].
func (d *Desk) Receive(ctx context.Context, token string, r InboxRequest, body func() ([]byte, bool, error)) (InboxReply, error) {
	return d.e.Inboxes().Receive(ctx, token, r, body)
}

// checkInboxURL says what is wrong with the URL of an endpoint that is below the
// address of the inboxes. An inbox of another app is worded as one that does not
// exist.
func (d *Desk) checkInboxURL(ctx context.Context, e *bellhop.Endpoint, isNew bool) *bellhop.FieldError {
	token, ok := d.e.Inboxes().Token(e.URL)
	in, err := d.e.Inboxes().Find(ctx, token)
	if err != nil && bellhop.CodeOf(err) == "" {
		return &bellhop.FieldError{Field: "url", Code: "unavailable", Detail: "is that of an inbox, which cannot be looked for now: try again in a moment"}
	}
	switch foreign := err == nil && !slices.Contains(e.Apps, in.App); {
	case !isNew && foreign:
		return &bellhop.FieldError{
			Field: "apps", Code: "unknown_inbox",
			Detail: "lack the app of the inbox that is the endpoint's url: change the url as well",
		}
	case isNew && (!ok || len(e.Apps) > 0 && (err != nil || foreign)):
		return &bellhop.FieldError{
			Field: "url", Code: "unknown_inbox",
			Detail: "is below the address of Bellhop's inboxes and names none of the endpoint's apps; it may have expired: make one with POST /v1/inboxes, and take its url as it is given",
		}
	}
	return nil
}
