package bellhop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// RetryPolicy says when a failed delivery is tried again: as a list of delays, or
// as an exponential schedule. In JSON it is a list ("["5s","2m"]") or an object.
// The zero policy is the default schedule of seven days.
type RetryPolicy struct {
	// Delays, if not nil, are the pauses after each failed attempt. An empty
	// list means no retry.
	Delays []Duration
	// Initial is the first delay, Factor what each next one is multiplied by,
	// Max their upper bound, and Until the age at which the last attempt is made.
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

// defaultRetryDelays are the first pauses of the default schedule; the last one is
// repeated until the delivery is seven days old.
func defaultRetryDelays() [10]Duration {
	return [...]Duration{
		Duration(5 * time.Second), Duration(30 * time.Second),
		Duration(2 * time.Minute), Duration(10 * time.Minute), Duration(30 * time.Minute),
		Duration(time.Hour), Duration(2 * time.Hour), Duration(4 * time.Hour), Duration(8 * time.Hour),
		Duration(12 * time.Hour),
	}
}

// IsDefault tells whether the policy is the default schedule.
func (p RetryPolicy) IsDefault() bool { return p.Delays == nil && p.Initial == 0 }

// Schedule is the policy as a list of delays, before jitter. The last one of a policy
// that ends by age leads to that age.
func (p RetryPolicy) Schedule() []Duration {
	if p.Delays != nil {
		return p.Delays
	}
	var delays []Duration
	var age Duration
	for n := 1; ; n++ {
		d, ok := p.Delay(n)
		if ok {
			d, ok = p.Within(d, age)
		}
		if !ok {
			return delays
		}
		delays = append(delays, d)
		age += d
	}
}

// Delay is the pause after attempt number n (from 1), before jitter; false if there
// is no further attempt. How old the delivery may become is asked besides (Within).
func (p RetryPolicy) Delay(n int) (Duration, bool) {
	switch {
	case n < 1 || n > maxRetries:
		return 0, false
	case p.Delays != nil:
		if n > len(p.Delays) {
			return 0, false
		}
		return p.Delays[n-1], true
	case p.Initial == 0:
		first := defaultRetryDelays()
		return first[min(n, len(first))-1], true
	}
	d := p.Initial
	for range n - 1 {
		if d = min(Duration(float64(d)*p.Factor), p.Max); d == p.Max {
			break
		}
	}
	return d, true
}

// Within shortens a pause, for a delivery of the given age, so that the attempt after
// it is made no later than the policy lasts; false if there can be none. A list of
// delays counts attempts alone.
func (p RetryPolicy) Within(d, age Duration) (Duration, bool) {
	if p.Delays != nil {
		return d, true
	}
	left := p.Lasts() - age
	return min(d, left), left >= minRetryDelay
}

const week = Duration(7 * 24 * time.Hour)

// minLasts is the least that a list of delays lasts.
const minLasts = Duration(time.Minute)

// Lasts is how long a delivery is tried: at that age it ends if it waits for something
// else than its turn, such as behind an open circuit. A list of delays lasts as long as
// its attempts can take, and a minute at least.
func (p RetryPolicy) Lasts() Duration {
	switch {
	case p.Delays != nil:
		var sum, longest Duration
		for _, d := range p.Delays {
			sum, longest = sum+d, max(longest, d)
		}
		return max(sum+sum/10+longest, minLasts) // jitter, and a receiver that asks for more time
	case p.Initial == 0:
		return week
	}
	return p.Until
}

// EndsAfter is the age at which a delivery ends that waits for nothing but its turn.
func (p RetryPolicy) EndsAfter() Duration {
	if p.Delays != nil {
		return max(p.Lasts(), week)
	}
	return p.Lasts()
}

// Longest is the longest pause: what a receiver that asks for more time can get.
func (p RetryPolicy) Longest() (longest Duration) {
	for _, d := range p.Schedule() {
		longest = max(longest, d)
	}
	return longest
}

// Check says what is wrong with the policy, naming the field under "retry"; nil if
// nothing is.
func (p RetryPolicy) Check() *FieldError {
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
		o := retryObject{Factor: 2, Max: -1, Until: Duration(7 * 24 * time.Hour)}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&o); err != nil {
			return err
		}
		if o.Initial == 0 {
			return fmt.Errorf(`retry.initial is missing: give the first delay, such as "5s"`)
		}
		if o.Max == -1 {
			o.Max = max(Duration(12*time.Hour), o.Initial)
		}
		p.Initial, p.Factor, p.Max, p.Until = o.Initial, o.Factor, o.Max, o.Until
		return nil
	}
	return fmt.Errorf(`retry must be a list of delays (["5s","2m"]) or an object ({"initial":"5s","factor":2,"max":"1h","until":"7d"})`)
}
