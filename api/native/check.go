package native

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

type checkRequestInput struct{ Body wire.CheckRequestInput }

func (n *native) checkRequest(c *api.Call, in checkRequestInput) (wire.CheckedRequest, error) {
	ask := desk.RequestCheck{
		Attempt: in.Body.Attempt, Endpoint: in.Body.Endpoint, Headers: in.Body.Headers, Secret: in.Body.Secret,
		Dialect: in.Body.Dialect, At: in.Body.At, AnyTime: in.Body.AnyTime,
	}
	switch {
	case in.Body.Body != nil && in.Body.BodyBase64 != nil:
		return wire.CheckedRequest{}, bellhop.Wrong("body_base64", "conflict", "give the body once: as text or in base64")
	case in.Body.Body != nil:
		ask.Body, ask.HasBody = []byte(*in.Body.Body), true
	case in.Body.BodyBase64 != nil:
		ask.Body, ask.HasBody = in.Body.BodyBase64, true
	}
	v, err := n.desk.CheckRequest(c.Context(), c.Principal(), ask)
	if err != nil {
		return wire.CheckedRequest{}, err
	}
	out := wire.CheckedRequest{
		OK: v.OK, Detail: v.Detail, Dialect: v.Dialect, Guessed: v.Guessed, Endpoint: v.Endpoint, SecretAt: v.SecretMadeAt,
		At: v.At, Bytes: v.Bytes, Sent: v.Sent, Findings: []wire.CheckFinding{},
	}
	for _, f := range v.Findings {
		out.Findings = append(out.Findings, wire.CheckFinding(f))
	}
	return out, nil
}

func (n *native) checkEndpoint(c *api.Call, in endpointAction) (wire.CheckedReceiver, error) {
	report, err := n.desk.CheckEndpoint(c.Context(), c.Principal(), in.ID)
	if err != nil {
		return wire.CheckedReceiver{}, err
	}
	out := wire.CheckedReceiver{OK: report.OK, Detail: report.Detail, Results: []wire.CheckResult{}}
	for _, r := range report.Results {
		out.Results = append(out.Results, wire.CheckResult{
			Name: r.Name, Mark: r.Mark, Sent: r.Sent, Expected: r.Expected, Status: r.Status,
			DurationMS: r.Duration.Milliseconds(), Detail: r.Detail, Remedy: r.Remedy,
		})
	}
	return out, nil
}
