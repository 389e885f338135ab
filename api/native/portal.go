package native

import (
	"regexp"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

type portalInput struct {
	Body wire.PortalInput
}

// languageTag is what a language tag looks like (RFC 5646, section 2.1).
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

func (n *native) createPortalLink(c *api.Call, in portalInput) (wire.PortalLink, error) {
	if in.Body.Lang != "" && (len(in.Body.Lang) > 35 || !languageTag.MatchString(in.Body.Lang)) {
		return wire.PortalLink{}, bellhop.Wrong("lang", "format", "must be a language tag such as de or fr-CH")
	}
	k, token, err := n.desk.CreateKey(c.Context(), c.Principal(), bellhop.KeyRequest{
		Role: in.Body.Role, Apps: []string{in.Body.App}, ExpiresIn: in.Body.ExpiresIn, Portal: true,
		FeatureFlags: in.Body.FeatureFlags,
	})
	if err != nil {
		return wire.PortalLink{}, err
	}
	// In the fragment, which browsers keep to themselves: it is in no log.
	link := c.Base() + "/portal"
	if in.Body.Lang != "" {
		link += "?lang=" + in.Body.Lang
	}
	link += "#token=" + token
	if in.Body.Theme != "" {
		link += "&theme=" + in.Body.Theme
	}
	return wire.PortalLink{ID: k.ID, URL: link, Token: token, App: in.Body.App, Role: k.Role, ExpiresAt: k.ExpiresAt}, nil
}
