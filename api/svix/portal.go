package svix

import (
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
)

// What holders of a portal link may do, as Svix names it.
var capabilities = []string{"ViewBase", "ViewEndpointSecret", "ManageEndpointSecret", "ManageTransformations", "CreateAttempts", "ManageEndpoint"}

type portalIn struct {
	Application  *appIn    `json:"application,omitempty"`
	ReadOnly     *bool     `json:"readOnly,omitempty"`
	Capabilities *[]string `json:"capabilities,omitempty"`
	FeatureFlags []string  `json:"featureFlags,omitempty"`
	Expiry       *int      `json:"expiry,omitempty" minimum:"3600" maximum:"604800"`
	SessionID    *string   `json:"sessionId,omitempty"`
}

type portalOut struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// defaultPortal is how long a portal link lasts that does not say otherwise.
const defaultPortal = bellhop.Duration(7 * 24 * time.Hour)

// role is that of a link with some capabilities: Bellhop knows links that may do all of it,
// and links that may look.
func (in *portalIn) role() (bellhop.Role, error) {
	looks := in.ReadOnly != nil && *in.ReadOnly
	switch {
	case in.Capabilities == nil && looks:
		return bellhop.RoleViewer, nil
	case in.Capabilities == nil:
		return bellhop.RoleEditor, nil
	}
	for i, given := range *in.Capabilities {
		if !slices.Contains(capabilities, given) {
			return "", wrong(fmt.Sprintf("capabilities[%d]", i), "enum", fmt.Sprintf("is none of %v", capabilities))
		}
	}
	lacks := func(name string) bool { return !slices.Contains(*in.Capabilities, name) }
	switch given := once(*in.Capabilities); {
	case slices.Equal(given, []string{"ViewBase"}):
		return bellhop.RoleViewer, nil
	case looks:
		return "", wrong("capabilities", "twice", "are more than readOnly grants: give ViewBase alone, or one of the two fields")
	case !slices.ContainsFunc(capabilities, lacks):
		return bellhop.RoleEditor, nil
	}
	return "", wrong("capabilities", "unsupported", "can be all of them, for a link that manages the app's endpoints, or ViewBase alone, for one that looks: Bellhop has no links in between")
}

type portalAccessIn struct {
	appID
	Body *portalIn
}

// portalAccess makes a portal link of an app.
func (a *API) portalAccess(c *api.Call, in portalAccessIn) (portalOut, error) {
	if in.Body == nil {
		in.Body = &portalIn{}
	}
	b := in.Body
	role, err := b.role()
	if err != nil {
		return portalOut{}, err
	}
	app, err := a.appOfMessage(c, in.App, b.Application)
	if err != nil {
		return portalOut{}, err
	}
	r := bellhop.KeyRequest{Role: role, Apps: []string{app.ID}, Portal: true, ExpiresIn: defaultPortal, FeatureFlags: b.FeatureFlags}
	if b.Expiry != nil {
		r.ExpiresIn = bellhop.Duration(time.Duration(*b.Expiry) * time.Second)
	}
	if b.SessionID != nil {
		r.Name = *b.SessionID
	}
	_, token, err := a.desk.CreateKey(c.Context(), c.Principal(), r)
	if err != nil {
		return portalOut{}, renamed(err, "name", "sessionId")
	}
	// In the fragment, which browsers keep to themselves: it is in no log.
	return portalOut{URL: c.Base() + "/portal#token=" + token, Token: token}, nil
}

type expireBody struct {
	Expiry     *int     `json:"expiry,omitempty"`
	SessionIDs []string `json:"sessionIds,omitempty" minItems:"1"`
}

type expireIn struct {
	appID
	Body *expireBody
}

// expireAll ends the portal links of an app at once: all, or those of some sessions.
func (a *API) expireAll(c *api.Call, in expireIn) (api.None, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return api.None{}, err
	}
	if in.Body != nil {
		if in.Body.Expiry != nil && *in.Body.Expiry != 0 {
			return api.None{}, wrong("expiry", "not_supported", "is not there here, since links end at once: leave it out, or give 0")
		}
		if i := slices.Index(in.Body.SessionIDs, ""); i >= 0 {
			return api.None{}, wrong(fmt.Sprintf("sessionIds[%d]", i), "length", api.IsEmpty)
		}
	}
	keys, err := a.desk.Keys(c.Context(), c.Principal(), desk.KeyFilter{Kind: desk.KindPortal})
	if err != nil {
		return api.None{}, err
	}
	for _, k := range keys {
		if !slices.Equal(k.Scope.Apps, []string{app.ID}) || in.Body != nil && len(in.Body.SessionIDs) > 0 && !slices.Contains(in.Body.SessionIDs, k.Name) {
			continue
		}
		if err := a.desk.DeleteKey(c.Context(), c.Principal(), k.ID); err != nil && !bellhop.IsNotFound(err) {
			return api.None{}, err
		}
	}
	return api.None{}, nil
}

type exampleBody struct {
	EventType    string `json:"eventType" minLength:"1"`
	ExampleIndex *int   `json:"exampleIndex,omitempty" minimum:"0" maximum:"0"`
}

type exampleIn struct {
	endpointID
	Body exampleBody
}

// pingType is a type that there is without anybody having made it.
const pingType = "svix.ping"

// sendExample sends a message to one endpoint, whatever it listens to: an example of the
// type, or what its schema describes.
func (a *API) sendExample(c *api.Call, in exampleIn) (messageOut, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return messageOut{}, err
	}
	e, err := a.desk.PlainEndpoint(c.Context(), c.Principal(), app.ID, in.Endpoint)
	if err != nil {
		return messageOut{}, err
	}
	var data bellhop.JSON
	if in.Body.EventType == pingType {
		data = bellhop.JSON(`{"success":true}`)
	} else {
		t, err := a.desk.EventType(c.Context(), c.Principal(), in.Body.EventType)
		if err != nil {
			return messageOut{}, err
		}
		if len(t.Example)+len(t.Schema) == 0 {
			return messageOut{}, &bellhop.Error{Code: codeInvalidScheme, Detail: "The event type has neither a schema nor an example: give it one"}
		}
	}
	at, err := a.desk.TestFor(c.Context(), c.Principal(), app.ID, e.ID, in.Body.EventType, data)
	if err != nil {
		return messageOut{}, err
	}
	sent, err := a.desk.PlainEvent(c.Context(), c.Principal(), at.Event)
	if err != nil {
		return messageOut{}, err
	}
	return showMessage(&sent, true), nil
}
