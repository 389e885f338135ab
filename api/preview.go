package api

import (
	"fmt"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

type previewInput struct{ Body wire.PreviewInput }

func (a *api) previewEndpoint(c *call, in previewInput) (wire.Preview, error) {
	var none wire.Preview
	for i, app := range in.Body.Endpoint.Apps.Value {
		if err := c.knownApp(fmt.Sprintf("endpoint.apps[%d]", i), app); err != nil {
			return none, err
		}
	}
	ask := bellhop.PreviewRequest{
		Endpoint: bellhop.EndpointChange(in.Body.Endpoint), Type: in.Body.Type, Subject: in.Body.Subject, Data: in.Body.Data,
	}
	if c.limited() {
		ask.App = c.key.Apps[0]
	}
	v, err := a.b.Preview(ask)
	if err != nil {
		return none, err
	}
	out := wire.Preview{Method: v.Method, URL: v.URL, Headers: []wire.Header{}, Body: string(v.Body), Secret: v.Secret}
	for _, f := range v.Header {
		out.Headers = append(out.Headers, wire.Header(f))
	}
	return out, nil
}
