package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// The bounds of statistics: what a chart can show, and what counting may cost.
const (
	defaultStatsRange = 24 * time.Hour
	maxBuckets        = 500
	// maxSamples is how many points of the backlog a chart gets.
	maxSamples = 500
	// MaxCompared is how many endpoints are compared at most.
	MaxCompared = 100
)

// StatsRange is a range of time that is counted in buckets.
type StatsRange struct {
	// Since is the start. Default: 24 hours before Until.
	Since time.Time
	// Until is the end, exclusive. Default: now.
	Until time.Time
	// Bucket is the width of a bucket, at least a second; at most 500 fit the
	// range. Default: by the range.
	Bucket bellhop.Duration
}

// complete fills in the defaults.
func (r StatsRange) complete(now time.Time) (StatsRange, error) {
	if r.Until.IsZero() {
		r.Until = now
	}
	if r.Since.IsZero() {
		r.Since = r.Until.Add(-defaultStatsRange)
		if r.Since.Year() < 0 { // which cannot be written
			r.Since = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	if err := checkSpan(r.Since, r.Until); err != nil {
		return r, err
	}
	length := r.Until.Sub(r.Since)
	bucket := time.Duration(r.Bucket)
	switch {
	case r.Bucket == 0:
		bucket = bucketFor(length)
	case bucket < time.Second:
		return r, bellhop.Wrong("bucket", "range", "must be at least 1s")
	case length/bucket > maxBuckets:
		return r, bellhop.Wrong("bucket", "range", fmt.Sprintf(
			"is too small for this range: at most %d buckets are counted; make it %s or more, or leave it out", maxBuckets, bellhop.Duration(bucketFor(length))))
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

// StatsQuery selects attempts to count. Zero fields select everything in the scope.
type StatsQuery struct {
	StatsRange
	App      string
	Endpoint bellhop.EndpointID
	Type     string // exact, or a prefix and a trailing "*"
}

// StatsResult are attempts counted, and over which range.
type StatsResult struct {
	StatsRange
	bellhop.Stats
}

// Stats counts attempts over time.
func (d *Desk) Stats(ctx context.Context, p bellhop.Principal, q StatsQuery) (StatsResult, error) {
	if err := Permits(p, "getStats"); err != nil {
		return StatsResult{}, err
	}
	scope, err := d.narrow(p, q.App)
	if err != nil {
		return StatsResult{}, err
	}
	if err := checkType(q.Type); err != nil {
		return StatsResult{}, err
	}
	return d.stats(ctx, q.StatsRange, bellhop.StatsFilter{Scope: scope, Endpoint: q.Endpoint, Type: q.Type})
}

func (d *Desk) stats(ctx context.Context, r StatsRange, f bellhop.StatsFilter) (StatsResult, error) {
	r, err := r.complete(d.e.Now().UTC())
	if err != nil {
		return StatsResult{}, err
	}
	f.Since, f.Until, f.Bucket = r.Since, r.Until, time.Duration(r.Bucket)
	s, err := d.store.Stats(ctx, f)
	if err != nil {
		return StatsResult{}, err
	}
	return StatsResult{r, s}, nil
}

// EndpointStats says how an endpoint has done and how it is doing.
type EndpointStats struct {
	StatsResult
	Lane bellhop.LaneState
	// Pending is how many unfinished deliveries it has, OldestPendingAt when the
	// oldest was made; zero if there is none.
	Pending         int64
	OldestPendingAt time.Time
	Held            Holding
}

// EndpointStats counts an endpoint's attempts, of apps in the scope, and says what
// its lane is doing on this node.
func (d *Desk) EndpointStats(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID, over StatsRange) (out EndpointStats, err error) {
	if err := Permits(p, "getEndpointStats"); err != nil {
		return out, err
	}
	r, err := d.endpoint(p, e)
	if err != nil {
		return out, err
	}
	if out.StatsResult, err = d.stats(ctx, over, bellhop.StatsFilter{Scope: p.Scope, Endpoint: e}); err != nil {
		return EndpointStats{}, err
	}
	if out.Lane, err = d.lane(ctx, p, r); err != nil {
		return EndpointStats{}, err
	}
	var oldest bellhop.DeliveryID
	if out.Pending, oldest, err = d.store.Pending(ctx, p.Scope, e); err != nil {
		return EndpointStats{}, err
	}
	if oldest != 0 {
		out.OldestPendingAt = oldest.Time()
	}
	held, err := d.store.Held(ctx, p.Scope, e)
	if err == nil {
		out.Held, err = d.holding(ctx, p, e, held[e])
	}
	if err != nil {
		return EndpointStats{}, err
	}
	return out, nil
}

// lane is what an endpoint's lane is doing, as the principal may see it: without the
// numbers that deliveries of apps beyond its scope have a part in.
func (d *Desk) lane(ctx context.Context, p bellhop.Principal, r *routes.Route) (bellhop.LaneState, error) {
	s, err := d.e.LaneState(ctx, r.ID)
	if !p.Scope.SeesAll(r.Apps) {
		s.Queued, s.InFlight, s.Concurrency, s.ConsecutiveFailures = 0, 0, 0, 0
	}
	return s, err
}

// EndpointSeries are the attempts of one endpoint, counted.
type EndpointSeries struct {
	Endpoint bellhop.EndpointID
	bellhop.Stats
}

// Comparison are the attempts of several endpoints, counted over the same range.
type Comparison struct {
	StatsRange
	Series []EndpointSeries
}

// CompareEndpoints counts the attempts of several endpoints, in their order; repeated
// ones count once. It refuses an endpoint that is not there, rather than to leave it
// out: an answer with fewer series than ids would be drawn wrongly.
func (d *Desk) CompareEndpoints(ctx context.Context, p bellhop.Principal, ids []bellhop.EndpointID, r StatsRange) (Comparison, error) {
	if err := Permits(p, "compareEndpoints"); err != nil {
		return Comparison{}, err
	}
	switch {
	case len(ids) == 0:
		return Comparison{}, bellhop.Wrong("endpoints", "required", "is missing: give the ids of the endpoints, with commas between them")
	case len(ids) > MaxCompared:
		return Comparison{}, bellhop.Wrong("endpoints", "range", fmt.Sprintf("holds %d ids: at most %d endpoints are compared", len(ids), MaxCompared))
	}
	var once []bellhop.EndpointID
	for _, i := range ids {
		if _, err := d.endpoint(p, i); err != nil {
			return Comparison{}, bellhop.Wrong("endpoints", "unknown_endpoint", "there is no endpoint "+i.String()+": leave it out")
		}
		if !slices.Contains(once, i) {
			once = append(once, i)
		}
	}
	r, err := r.complete(d.e.Now().UTC())
	if err != nil {
		return Comparison{}, err
	}
	out := Comparison{StatsRange: r}
	for _, i := range once {
		s, err := d.stats(ctx, r, bellhop.StatsFilter{Scope: p.Scope, Endpoint: i})
		if err != nil {
			return Comparison{}, err
		}
		out.Series = append(out.Series, EndpointSeries{i, s.Stats})
	}
	return out, nil
}

// Backlog is how many deliveries are unfinished, and how many were.
type Backlog struct {
	Since, Until time.Time
	Pending      int64
	// Oldest is the oldest unfinished delivery, OldestPendingAt when it was made;
	// zero if there is none.
	Oldest          bellhop.DeliveryID
	OldestPendingAt time.Time
	Samples         []bellhop.BacklogSample
}

// Backlog says how many deliveries of the whole installation are unfinished. The
// defaults of the range are those of StatsRange.
func (d *Desk) Backlog(ctx context.Context, p bellhop.Principal, since, until time.Time) (Backlog, error) {
	if err := Permits(p, "getBacklog"); err != nil {
		return Backlog{}, err
	}
	r, err := StatsRange{Since: since, Until: until}.complete(d.e.Now().UTC())
	if err != nil {
		return Backlog{}, err
	}
	out := Backlog{Since: r.Since, Until: r.Until}
	if out.Samples, err = d.store.BacklogSamples(ctx, bellhop.BacklogFilter{Since: r.Since, Until: r.Until, Points: maxSamples}); err != nil {
		return Backlog{}, err
	}
	if out.Pending, out.Oldest, err = d.store.Pending(ctx, bellhop.Everything(), 0); err != nil {
		return Backlog{}, err
	}
	if out.Oldest != 0 {
		out.OldestPendingAt = out.Oldest.Time()
	}
	return out, nil
}
