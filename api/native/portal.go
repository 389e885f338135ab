package native

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

type portalInput struct {
	Body wire.PortalInput
}

func (n *native) createPortalLink(c *api.Call, in portalInput) (wire.PortalLink, error) {
	k, token, err := n.desk.CreateKey(c.Context(), c.Principal(), bellhop.KeyRequest{
		Role: in.Body.Role, Apps: []string{in.Body.App}, ExpiresIn: in.Body.ExpiresIn, Portal: true,
	})
	if err != nil {
		return wire.PortalLink{}, err
	}
	// In the fragment, which browsers keep to themselves: it is in no log.
	link := c.Base() + "/portal#token=" + token
	if in.Body.Theme != "" {
		link += "&theme=" + in.Body.Theme
	}
	return wire.PortalLink{ID: k.ID, URL: link, Token: token, App: in.Body.App, Role: k.Role, ExpiresAt: k.ExpiresAt}, nil
}
