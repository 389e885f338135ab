package desk

import (
	"net/url"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// changeable gives an endpoint that the principal may change or delete: an editable
// one that no operator has locked.
func (d *Desk) changeable(p bellhop.Principal, id bellhop.EndpointID) (*routes.Route, error) {
	r, err := d.editable(p, id)
	if err == nil {
		err = mayListenToAll(p, r.Apps)
	}
	if err == nil && r.Locked && p.Role != bellhop.RoleAdmin {
		return nil, locked(&r.Endpoint, "This endpoint is locked")
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// locked is the error of a change that a lock forbids.
func locked(e *bellhop.Endpoint, what string, fields ...bellhop.FieldError) error {
	detail := what + " by the operator: changing it takes a key with the role admin"
	if e.LockedReason != "" {
		detail += ". The reason given: " + e.LockedReason
	}
	return &bellhop.Error{Code: bellhop.CodeLocked, Detail: detail, Fields: fields}
}

// mayLock refuses to let others than admins set a lock, or its reason, to something
// else than it is.
func mayLock(p bellhop.Principal, e *bellhop.Endpoint, c *bellhop.EndpointChange) error {
	changes := c.Locked.Set && c.Locked.Value != e.Locked || c.LockedReason.Set && c.LockedReason.Value != e.LockedReason
	if changes && p.Role != bellhop.RoleAdmin {
		return &bellhop.Error{Code: bellhop.CodeForbidden, Detail: "Only a key with the role admin locks and unlocks endpoints", Fields: []bellhop.FieldError{
			{Field: "locked", Code: "forbidden", Detail: "is for admins to set: leave it out"},
		}}
	}
	return nil
}

// notHeld refuses to let others than admins lead an endpoint to where a locked one of
// the same app leads that the operator has stopped: made anew, it would go on.
func (d *Desk) notHeld(p bellhop.Principal, e *bellhop.Endpoint) error {
	if p.Role == bellhop.RoleAdmin {
		return nil
	}
	place := placeOfURL(e.URL)
	for _, app := range e.Apps {
		for _, r := range d.routes().Of(app) {
			if r.Locked && r.Status != bellhop.EndpointActive && r.ID != e.ID && placeOfURL(r.URL) == place {
				return locked(&r.Endpoint, "The endpoint "+r.ID.String()+" with this url is locked", bellhop.FieldError{
					Field: "url", Code: "locked", Detail: "leads to where the operator has stopped an endpoint",
				})
			}
		}
	}
	return nil
}

// placeOfURL is a URL without its query: host and path, as far as these can be read.
func placeOfURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return strings.ToLower(u.Host) + strings.TrimSuffix(u.EscapedPath(), "/")
}
