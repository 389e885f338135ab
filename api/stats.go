package api

import (
	"fmt"
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
	if r.Until.IsZero() {
		r.Until = a.o.Now().UTC()
	}
	if r.Since.IsZero() {
		r.Since = r.Until.Add(-defaultStatsRange)
	}
	if err := (span{r.Since, r.Until}).check(); err != nil {
		return wire.Stats{}, err
	}
	length := r.Until.Sub(r.Since)
	bucket := time.Duration(r.Bucket)
	switch {
	case r.Bucket == 0:
		bucket = bucketFor(length)
	case bucket < time.Second:
		return wire.Stats{}, invalid(bellhop.FieldError{Field: "bucket", Code: "range", Detail: "must be at least 1s"})
	case length/bucket > maxBuckets:
		return wire.Stats{}, invalid(bellhop.FieldError{Field: "bucket", Code: "range", Detail: fmt.Sprintf(
			"is too small for this range: at most %d buckets are counted; make it %s or more, or leave it out", maxBuckets, bellhop.Duration(bucketFor(length)))})
	}
	f.Since, f.Until, f.Bucket = r.Since, r.Until, bucket
	buckets, err := a.b.Logs().Stats(c.ctx(), f)
	if err != nil {
		return wire.Stats{}, err
	}
	return wire.Stats{Since: r.Since, Until: r.Until, Bucket: bellhop.Duration(bucket), Buckets: wholeList(buckets).Data}, nil
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
