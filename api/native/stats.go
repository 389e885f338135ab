package native

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

// statsRange is the range of time of statistics. It has the fields of
// [desk.StatsRange], so that it converts to it.
type statsRange struct {
	Since  time.Time        `query:"since" doc:"Start of the range (RFC 3339). Default: 24 hours before until." example:"2027-06-01T00:00:00Z"`
	Until  time.Time        `query:"until" doc:"End of the range (RFC 3339), exclusive. Default: now." example:"2027-06-02T00:00:00Z"`
	Bucket bellhop.Duration `query:"bucket" doc:"Width of a bucket, at least 1s; at most 500 buckets fit the range. Default: by the range." example:"15m"`
}

type statsInput struct {
	statsRange
	App      string             `query:"app" doc:"Only attempts for this app's events." example:"acme"`
	Endpoint bellhop.EndpointID `query:"endpoint" doc:"Only attempts at this endpoint."`
	Type     string             `query:"type" minLength:"1" doc:"Only attempts for events of this type: exact, or a prefix and a trailing *." example:"invoice.*"`
}

func (n *native) getStats(c *api.Call, in statsInput) (wire.Stats, error) {
	s, err := n.desk.Stats(c.Context(), c.Principal(), desk.StatsQuery{
		StatsRange: desk.StatsRange(in.statsRange), App: in.App, Endpoint: in.Endpoint, Type: in.Type,
	})
	return statsOf(s), err
}

func statsOf(s desk.StatsResult) wire.Stats {
	return wire.Stats{
		Since: s.Since, Until: s.Until, Bucket: s.Bucket,
		Total: s.Total, Buckets: whole(s.Buckets, same).Data,
	}
}

type backlogInput struct {
	Since time.Time `query:"since" doc:"Start of the range (RFC 3339). Default: 24 hours before until." example:"2027-06-01T00:00:00Z"`
	Until time.Time `query:"until" doc:"End of the range (RFC 3339), exclusive. Default: now." example:"2027-06-02T00:00:00Z"`
}

func (n *native) getBacklog(c *api.Call, in backlogInput) (wire.Backlog, error) {
	b, err := n.desk.Backlog(c.Context(), c.Principal(), in.Since, in.Until)
	return wire.Backlog{
		Since: b.Since, Until: b.Until, Pending: b.Pending, Oldest: b.Oldest, OldestPendingAt: b.OldestPendingAt,
		Samples: whole(b.Samples, same).Data,
	}, err
}

type compareInput struct {
	statsRange
	Endpoints string `query:"endpoints" doc:"Ids of at most 100 endpoints, with commas between them. Required." example:"ep_38G04Y6M60400,ep_38G04Y6KE0400"`
}

func (n *native) compareEndpoints(c *api.Call, in compareInput) (wire.EndpointsStats, error) {
	ids, err := endpointIDs("endpoints", in.Endpoints)
	if err != nil {
		return wire.EndpointsStats{}, err
	}
	r, err := n.desk.CompareEndpoints(c.Context(), c.Principal(), ids, desk.StatsRange(in.statsRange))
	if err != nil {
		return wire.EndpointsStats{}, err
	}
	show := func(s desk.EndpointSeries) wire.EndpointSeries {
		return wire.EndpointSeries{Endpoint: s.Endpoint, Total: s.Total, Buckets: whole(s.Buckets, same).Data}
	}
	return wire.EndpointsStats{Since: r.Since, Until: r.Until, Bucket: r.Bucket, Data: whole(r.Series, show).Data}, nil
}

// endpointIDs reads a list of ids with commas between them; "" is none.
func endpointIDs(field, list string) ([]bellhop.EndpointID, error) {
	if list == "" {
		return nil, nil
	}
	var ids []bellhop.EndpointID
	for name := range strings.SplitSeq(list, ",") {
		var id bellhop.EndpointID
		if err := id.UnmarshalText([]byte(name)); err != nil || id == 0 {
			code, detail := api.Remedy(reflect.TypeFor[bellhop.EndpointID]())
			return nil, api.Invalid(bellhop.FieldError{Field: field, Code: code, Detail: fmt.Sprintf("%q %s", bellhop.Clip(name), detail)})
		}
		ids = append(ids, id)
	}
	return ids, nil
}
