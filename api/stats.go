package api

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// statsRange is the range of time of statistics.
type statsRange struct {
	Since  time.Time        `query:"since" doc:"Start of the range (RFC 3339). Default: 24 hours before until." example:"2027-06-01T00:00:00Z"`
	Until  time.Time        `query:"until" doc:"End of the range (RFC 3339), exclusive. Default: now." example:"2027-06-02T00:00:00Z"`
	Bucket bellhop.Duration `query:"bucket" doc:"Width of a bucket, at least 1s; at most 500 buckets fit the range. Default: by the range." example:"15m"`
}

type statsInput struct {
	statsRange
	App      string             `query:"app" doc:"Only attempts for this app's events." example:"acme"`
	Endpoint bellhop.EndpointID `query:"endpoint" doc:"Only attempts at this endpoint."`
	Type     string             `query:"type" doc:"Only attempts for events of this type: exact, or a prefix and a trailing *." example:"invoice.*"`
}

func (a *api) getStats(c *call, in statsInput) (wire.Stats, error) {
	apps, err := c.apps(in.App)
	if err != nil {
		return wire.Stats{}, err
	}
	return a.stats(c, in.statsRange, bellhop.StatsFilter{Apps: apps, Endpoint: in.Endpoint, Type: in.Type})
}

const (
	defaultStatsRange = 24 * time.Hour
	maxBuckets        = 500
)

func (a *api) stats(c *call, r statsRange, f bellhop.StatsFilter) (wire.Stats, error) {
	r, err := r.complete(a.o.Now().UTC())
	if err != nil {
		return wire.Stats{}, err
	}
	f.Since, f.Until, f.Bucket = r.Since, r.Until, time.Duration(r.Bucket)
	s, err := a.b.Logs().Stats(c.ctx(), f)
	return wire.Stats{Since: r.Since, Until: r.Until, Bucket: r.Bucket, Total: s.Total, Buckets: wholeList(s.Buckets).Data}, err
}

// complete fills in the defaults.
func (r statsRange) complete(now time.Time) (statsRange, error) {
	if r.Until.IsZero() {
		r.Until = now
	}
	if r.Since.IsZero() {
		r.Since = r.Until.Add(-defaultStatsRange)
	}
	if err := (span{r.Since, r.Until}).check(); err != nil {
		return r, err
	}
	length := r.Until.Sub(r.Since)
	bucket := time.Duration(r.Bucket)
	switch {
	case r.Bucket == 0:
		bucket = bucketFor(length)
	case bucket < time.Second:
		return r, invalid(bellhop.FieldError{Field: "bucket", Code: "range", Detail: "must be at least 1s"})
	case length/bucket > maxBuckets:
		return r, invalid(bellhop.FieldError{Field: "bucket", Code: "range", Detail: fmt.Sprintf(
			"is too small for this range: at most %d buckets are counted; make it %s or more, or leave it out", maxBuckets, bellhop.Duration(bucketFor(length)))})
	}
	r.Bucket = bellhop.Duration(bucket)
	return r, nil
}

// bucketFor is a round width that cuts the range into at most about a hundred
// buckets: as many as a chart can show.
func bucketFor(length time.Duration) time.Duration {
	for _, width := range []time.Duration{
		time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
		time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	} {
		if length/width <= 100 {
			return width
		}
	}
	day := 24 * time.Hour
	return (length/100 + day - 1).Truncate(day)
}

type backlogInput struct {
	Since time.Time `query:"since" doc:"Start of the range (RFC 3339). Default: 24 hours before until." example:"2027-06-01T00:00:00Z"`
	Until time.Time `query:"until" doc:"End of the range (RFC 3339), exclusive. Default: now." example:"2027-06-02T00:00:00Z"`
}

// maxSamples is how many points of the backlog a chart gets.
const maxSamples = 500

func (a *api) getBacklog(c *call, in backlogInput) (wire.Backlog, error) {
	r, err := statsRange{Since: in.Since, Until: in.Until}.complete(a.o.Now().UTC())
	if err != nil {
		return wire.Backlog{}, err
	}
	out := wire.Backlog{Since: r.Since, Until: r.Until}
	samples, err := a.b.Logs().BacklogSamples(c.ctx(), bellhop.BacklogFilter{Since: r.Since, Until: r.Until, Points: maxSamples})
	if err != nil {
		return out, err
	}
	out.Samples = wholeList(samples).Data
	if out.Pending, out.Oldest, err = a.b.Logs().Pending(c.ctx(), 0); err == nil && out.Oldest != 0 {
		out.OldestPendingAt = out.Oldest.Time()
	}
	return out, err
}

type compareInput struct {
	statsRange
	Endpoints string `query:"endpoints" doc:"Ids of at most 100 endpoints, with commas between them. Required." example:"ep_38G04Y6M60400,ep_38G04Y6KE0400"`
}

const maxCompared = 100

// compareEndpoints refuses an endpoint that is not there, rather than to leave it
// out: an answer with fewer series than ids would be drawn wrongly.
func (a *api) compareEndpoints(c *call, in compareInput) (wire.EndpointsStats, error) {
	var none wire.EndpointsStats
	ids, err := c.comparable(in.Endpoints)
	if err != nil {
		return none, err
	}
	apps, err := c.apps("")
	if err != nil {
		return none, err
	}
	r, err := in.complete(a.o.Now().UTC())
	if err != nil {
		return none, err
	}
	out := wire.EndpointsStats{Since: r.Since, Until: r.Until, Bucket: r.Bucket, Data: []wire.EndpointSeries{}}
	for _, id := range ids {
		s, err := a.b.Logs().Stats(c.ctx(), bellhop.StatsFilter{
			Apps: apps, Endpoint: id, Since: r.Since, Until: r.Until, Bucket: time.Duration(r.Bucket),
		})
		if err != nil {
			return none, err
		}
		out.Data = append(out.Data, wire.EndpointSeries{Endpoint: id, Total: s.Total, Buckets: wholeList(s.Buckets).Data})
	}
	return out, nil
}

// comparable reads a list of endpoints that the key reaches. Repeated ones count
// once.
func (c *call) comparable(list string) ([]bellhop.EndpointID, error) {
	wrong := func(code, detail string) error {
		return invalid(bellhop.FieldError{Field: "endpoints", Code: code, Detail: detail})
	}
	if list == "" {
		return nil, wrong("required", "is missing: give the ids of the endpoints, with commas between them")
	}
	names := strings.Split(list, ",")
	if len(names) > maxCompared {
		return nil, wrong("range", fmt.Sprintf("holds %d ids: at most %d endpoints are compared", len(names), maxCompared))
	}
	var ids []bellhop.EndpointID
	for _, name := range names {
		var id bellhop.EndpointID
		if err := id.UnmarshalText([]byte(name)); err != nil || id == 0 {
			code, detail := remedy(reflect.TypeFor[bellhop.EndpointID]())
			return nil, wrong(code, fmt.Sprintf("%q %s", clip(name), detail))
		}
		if _, err := c.endpoint(id); bellhop.IsNotFound(err) {
			return nil, wrong("unknown_endpoint", "there is no endpoint "+id.String()+": leave it out")
		} else if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

type troubledInput struct {
	App string `query:"app" doc:"Only endpoints that listen to this app." example:"acme"`
}

const maxTroubled = 100

func (a *api) listTroubledEndpoints(c *call, in troubledInput) (wire.List[wire.Troubled], error) {
	apps, err := c.apps(in.App)
	if err != nil {
		return wire.List[wire.Troubled]{}, err
	}
	troubles, err := a.b.Troubled(c.ctx(), apps, maxTroubled)
	if err != nil {
		return wire.List[wire.Troubled]{}, err
	}
	var list []wire.Troubled
	for _, t := range troubles {
		list = append(list, wire.Troubled{
			Endpoint: c.showEndpoint(t.Endpoint), Reason: t.Reason, Detail: t.Detail, Since: t.Since, Pending: t.Pending, Lane: t.Lane,
		})
	}
	return wholeList(list), nil
}
