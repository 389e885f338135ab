package send

import (
	"context"
	"net/url"
	"time"

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
func (s *Sender) tell(p *Parcel, res *safehttp.Response) {
	refused := res.Refused[:min(len(res.Refused), maxNamed)]
	switch {
	case res.Reason == safehttp.ReasonResources:
		s.tellShortage(res)
		return
	case res.Reason == safehttp.ReasonAddress, res.Reason == safehttp.ReasonDNS && len(refused) > 0:
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

// shortageAgain is how long a shortage goes on before the log says so once more.
const shortageAgain = time.Minute

// tellShortage writes to the operator's log that connections cannot be made, not for
// each of the requests that wait for one: there may be thousands.
func (s *Sender) tellShortage(res *safehttp.Response) {
	now := s.o.Now().UnixNano()
	told := s.toldShortage.Load()
	if told != 0 && now-told < int64(shortageAgain) && now >= told || !s.toldShortage.CompareAndSwap(told, now) {
		return
	}
	s.o.Logger.Error("connections to receivers cannot be made: this server has run out of what they need. "+
		"Deliveries wait and are tried again every second; no receiver is blamed. "+
		"Raise the limit of open files (ulimit -n, LimitNOFILE) or of local ports, or lower --max-in-flight",
		"problem", res.Detail)
}

// hostOf is the host and port of a URL. The rest may be a secret.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
