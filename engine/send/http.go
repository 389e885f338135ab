package send

import (
	"context"
	"net/url"

	"github.com/bellhop/bellhop/internal/safehttp"
)

// httpDoor leads out into the network, past the guard.
type httpDoor struct{ client *safehttp.Client }

func (d httpDoor) Exchange(ctx context.Context, p Parcel) safehttp.Response {
	return d.client.Do(ctx, p.Request)
}

// maxNamed bounds how many addresses a line of the log names: a name's owner decides
// how many it leads to.
const maxNamed = 8

// tell writes to the operator's log what an endpoint's owner must not learn from an
// attempt, since it shows how the network looks inside.
func (s *Sender) tell(p Parcel, res safehttp.Response) {
	refused := res.Refused[:min(len(res.Refused), maxNamed)]
	switch {
	case res.Reason == safehttp.ReasonAddress:
		s.o.Logger.Warn("a request was not sent: its address is not public; if it is meant to be reached, allow it with --allow-cidr",
			"endpoint", p.Route.ID.String(), "url_host", hostOf(p.Request.URL), "refused", refused)
	case len(refused) > 0:
		s.o.Logger.Info("some addresses of an endpoint were left out: they are not public; if they are meant to be reached, allow them with --allow-cidr",
			"endpoint", p.Route.ID.String(), "url_host", hostOf(p.Request.URL), "refused", refused)
	}
	if res.Reason != "" {
		s.o.Logger.Debug("an exchange failed",
			"endpoint", p.Route.ID.String(), "event", p.Event.String(), "reason", string(res.Reason),
			"address", res.RemoteAddr, "reused", res.Reused, "duration", res.Duration)
	}
}

// hostOf is the host and port of a URL. The rest may be a secret.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
