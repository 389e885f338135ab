package native

import (
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

type previewInput struct{ Body wire.PreviewInput }

func (n *native) previewEndpoint(c *api.Call, in previewInput) (wire.Preview, error) {
	v, err := n.desk.Preview(c.Context(), c.Principal(), desk.PreviewRequest{
		Endpoint: in.Body.Endpoint.Change(), Type: in.Body.Type, Subject: in.Body.Subject, Data: in.Body.Data,
	})
	if err != nil {
		return wire.Preview{}, err
	}
	out := wire.Preview{Method: v.Method, URL: v.URL, Headers: []wire.Header{}, Body: string(v.Body), Secret: v.Secret}
	if v.Recent != nil {
		out.Recent = (*wire.Recent)(v.Recent)
	}
	for _, f := range v.Header {
		out.Headers = append(out.Headers, wire.Header(f))
	}
	return out, nil
}
