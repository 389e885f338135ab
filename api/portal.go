package api

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

type portalInput struct {
	Body wire.PortalInput
}

func (a *api) createPortalLink(c *call, in portalInput) (wire.PortalLink, error) {
	if err := c.knownApp("app", in.Body.App); err != nil {
		return wire.PortalLink{}, err
	}
	k, token, err := a.b.CreateKey(c.ctx(), c.actor(), bellhop.KeyRequest{
		Role: in.Body.Role, Apps: []string{in.Body.App}, ExpiresIn: in.Body.ExpiresIn, Portal: true,
	})
	return wire.PortalLink{ID: k.ID, Token: token, App: in.Body.App, Role: k.Role, ExpiresAt: k.ExpiresAt}, err
}
