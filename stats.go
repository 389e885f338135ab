package bellhop

import "time"

// StatsFilter selects attempts to count.
type StatsFilter struct {
	Scope    Scope
	Endpoint EndpointID
	Type     string
	Since    time.Time
	Until    time.Time
	// Bucket is the width of a bucket of time, at least a second.
	Bucket time.Duration
}

// Stats are attempts counted.
type Stats struct {
	// Total is the whole range as one bucket, which starts where the range does.
	Total   StatsBucket
	Buckets []StatsBucket
}

// StatsBucket counts the attempts that began in [Start, Start+bucket).
type StatsBucket struct {
	Start     time.Time `json:"start"`
	Succeeded int64     `json:"succeeded"`
	Failed    int64     `json:"failed"`
	// Deliveries that ended in this bucket without success.
	Exhausted int64 `json:"exhausted"`
	// DurationMS is the sum of the attempts' durations, in milliseconds.
	DurationMS int64 `json:"duration_ms"`
	// MaxDurationMS is the longest.
	MaxDurationMS int64 `json:"max_duration_ms"`
	// Duration says how long receivers took to answer.
	Duration Percentiles `json:"duration"`
	// Latency says how long deliveries that succeeded took in all, from when
	// they were due, retries and waiting included.
	Latency Percentiles `json:"latency"`
}

// Percentiles are in milliseconds, within 5% of the truth; 0 where nothing was
// measured.
type Percentiles struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
}

// BacklogSample is how many deliveries were unfinished at a time.
type BacklogSample struct {
	At      time.Time `json:"at"`
	Pending int64     `json:"pending"`
	// OldestAgeMS is how old the oldest was, in milliseconds; 0 if there were none.
	OldestAgeMS int64 `json:"oldest_age_ms"`
}

// BacklogFilter selects samples of the backlog.
type BacklogFilter struct {
	Since time.Time
	Until time.Time
	// Points bounds the answer: where there are more samples in the same part of
	// the range, the one with the most pending stands for them.
	Points int
}
