package bellhop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// RetryPolicy says when a failed delivery is tried again: as a list of delays, or
// as an exponential schedule. In JSON it is a list ("["5s","2m"]") or an object.
// The zero policy is the default schedule of about seven days.
type RetryPolicy struct {
	// Delays, if not nil, are the pauses after each failed attempt. An empty
	// list means no retry.
	Delays []Duration
	// Initial is the first delay, Factor what each next one is multiplied by,
	// Max their upper bound, and Until the age after which no retry begins.
	Initial Duration
	Factor  float64
	Max     Duration
	Until   Duration
}

// The bounds of a retry policy.
const (
	minRetryDelay = Duration(100 * time.Millisecond)
	maxRetryDelay = Duration(7 * 24 * time.Hour)
	maxRetrySpan  = Duration(30 * 24 * time.Hour)
	maxRetries    = 200
)

// defaultRetryDelays: 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, 8 h, and
// then every 12 h up to day seven.
func defaultRetryDelays() []Duration {
	d := []Duration{
		Duration(5 * time.Second), Duration(30 * time.Second),
		Duration(2 * time.Minute), Duration(10 * time.Minute), Duration(30 * time.Minute),
		Duration(time.Hour), Duration(2 * time.Hour), Duration(4 * time.Hour), Duration(8 * time.Hour),
	}
	var age Duration
	for _, x := range d {
		age += x
	}
	for age+Duration(12*time.Hour) <= Duration(7*24*time.Hour) {
		d = append(d, Duration(12*time.Hour))
		age += Duration(12 * time.Hour)
	}
	return d
}

// IsDefault tells whether the policy is the default schedule.
func (p RetryPolicy) IsDefault() bool { return p.Delays == nil && p.Initial == 0 }

// Schedule is the policy as a list of delays, before jitter.
func (p RetryPolicy) Schedule() []Duration {
	switch {
	case p.Delays != nil:
		return p.Delays
	case p.Initial == 0:
		return defaultRetryDelays()
	}
	var delays []Duration
	var age Duration
	for d := p.Initial; age+d <= p.Until && len(delays) < maxRetries; {
		delays = append(delays, d)
		age += d
		d = min(Duration(float64(d)*p.Factor), p.Max)
	}
	return delays
}

// check says what is wrong with the policy, naming the field under "retry".
func (p RetryPolicy) check() *FieldError {
	bad := func(field, format string, a ...any) *FieldError {
		return &FieldError{Field: field, Code: "retry", Detail: fmt.Sprintf(format, a...)}
	}
	if p.Delays != nil {
		if len(p.Delays) > maxRetries {
			return bad("retry", "has %d delays; at most %d are allowed", len(p.Delays), maxRetries)
		}
		var sum Duration
		for i, d := range p.Delays {
			if d < minRetryDelay || d > maxRetryDelay {
				return bad(fmt.Sprintf("retry[%d]", i), "is %s; a delay is between %s and %s", d, minRetryDelay, maxRetryDelay)
			}
			sum += d
		}
		if sum > maxRetrySpan {
			return bad("retry", "lasts %s in all; at most %s are allowed, since history is kept that long", sum, maxRetrySpan)
		}
		return nil
	}
	if p.IsDefault() {
		return nil
	}
	switch {
	case p.Initial < minRetryDelay || p.Initial > maxRetryDelay:
		return bad("retry.initial", "is %s; it must be between %s and %s", p.Initial, minRetryDelay, maxRetryDelay)
	case !(p.Factor >= 1 && p.Factor <= 100): // NaN, too
		return bad("retry.factor", "must be between 1 and 100")
	case p.Max < p.Initial || p.Max > maxRetryDelay:
		return bad("retry.max", "is %s; it must be between retry.initial (%s) and %s", p.Max, p.Initial, maxRetryDelay)
	case p.Until < p.Initial || p.Until > maxRetrySpan:
		return bad("retry.until", "is %s; it must be between retry.initial (%s) and %s", p.Until, p.Initial, maxRetrySpan)
	}
	return nil
}

type retryObject struct {
	Initial Duration `json:"initial"`
	Factor  float64  `json:"factor"`
	Max     Duration `json:"max"`
	Until   Duration `json:"until"`
}

// MarshalJSON gives the list or the object; the default schedule is given as the
// list that it is.
func (p RetryPolicy) MarshalJSON() ([]byte, error) {
	if p.Delays == nil && p.Initial != 0 {
		return json.Marshal(retryObject{p.Initial, p.Factor, p.Max, p.Until})
	}
	return json.Marshal(p.Schedule())
}

// UnmarshalJSON reads a list of delays, an object {initial, factor, max, until}
// (factor 2, max "12h" and until "7d" unless given), or null for the default.
func (p *RetryPolicy) UnmarshalJSON(b []byte) error {
	*p = RetryPolicy{}
	b = bytes.TrimSpace(b)
	switch {
	case string(b) == "null":
		return nil
	case len(b) > 0 && b[0] == '[':
		p.Delays = []Duration{}
		return json.Unmarshal(b, &p.Delays)
	case len(b) > 0 && b[0] == '{':
		o := retryObject{Factor: 2, Max: Duration(12 * time.Hour), Until: Duration(7 * 24 * time.Hour)}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&o); err != nil {
			return err
		}
		if o.Initial == 0 {
			return fmt.Errorf(`retry.initial is missing: give the first delay, such as "5s"`)
		}
		p.Initial, p.Factor, p.Max, p.Until = o.Initial, o.Factor, max(o.Max, o.Initial), o.Until
		return nil
	}
	return fmt.Errorf(`retry must be a list of delays (["5s","2m"]) or an object ({"initial":"5s","factor":2,"max":"1h","until":"7d"})`)
}

// decision is what an attempt's result means for its delivery and its endpoint.
type decision struct {
	status AttemptStatus
	final  bool
	nextAt time.Time
	// disable: the receiver said that the endpoint is gone for good.
	disable bool
	// slow: the receiver is overloaded; its lane should send less at once.
	slow bool
}

// decide says what is next for a delivery after its attempt number n (from 1).
// It is pure: random is in [0, 1) and gives the jitter of ±10 %.
func decide(policy RetryPolicy, trigger Trigger, n int, status int, header http.Header, now time.Time, random float64) decision {
	if status >= 200 && status <= 299 {
		return decision{status: AttemptSucceeded, final: true}
	}
	d := decision{status: AttemptFailed}
	switch status {
	case http.StatusGone:
		d.disable = true
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		d.slow = true
	}
	schedule := policy.Schedule()
	if trigger == TriggerTest || n > len(schedule) {
		d.final = true
		return d
	}
	delay := time.Duration(float64(schedule[n-1]) * (0.9 + 0.2*random))
	if after, ok := retryAfter(header, now); ok {
		longest := Duration(0)
		for _, s := range schedule {
			longest = max(longest, s)
		}
		delay = max(delay, min(after, time.Duration(longest)))
	}
	d.nextAt = now.Add(delay)
	return d
}

// retryAfter reads a Retry-After header (RFC 9110 §10.2.3): seconds or a date.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if v == "" {
		return 0, false
	}
	if s, err := strconv.ParseInt(v, 10, 64); err == nil {
		if s < 0 {
			return 0, false
		}
		return time.Duration(min(s, int64(maxRetrySpan)/int64(time.Second))) * time.Second, true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(t.Sub(now), 0), true
	}
	return 0, false
}
