package send

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// ours is the outcome of a request that could not be made.
func ours(r *routes.Route, detail string) bellhop.Outcome {
	return bellhop.Outcome{
		Class: bellhop.ClassOurs, Reason: bellhop.ReasonRender, Detail: detail,
		Exchange: bellhop.Exchange{URL: r.URL},
	}
}

// cutShort tells whether the exchange ended because ctx did.
func cutShort(ctx context.Context, res *safehttp.Response) bool {
	switch res.Reason {
	case safehttp.ReasonCanceled:
		return true
	case safehttp.ReasonTimeout: // the endpoint's, unless the caller's was the shorter one
		deadline, ok := ctx.Deadline()
		return ok && !time.Now().Before(deadline)
	}
	return false
}

// classify says what a response means.
func classify(res safehttp.Response, now func() time.Time) bellhop.Outcome {
	o := bellhop.Outcome{
		Class:  classOf(res),
		Reason: string(res.Reason), Detail: res.Detail,
		Exchange: bellhop.Exchange{
			Duration:       res.Duration,
			ResponseStatus: res.Status, ResponseHeader: res.Header,
			ResponseBody: res.Body, ResponseTruncated: res.Truncated,
		},
	}
	if o.Class == bellhop.ClassTaken {
		if res.Remark != "" {
			o.Detail = answered(res.Status) + ", so the event was taken; but " + res.Remark + "."
		}
		return o
	}
	o.After = retryAfter(res.Header, now())
	if res.Reason == "" {
		o.Reason, o.Detail = bellhop.ReasonStatus, statusDetail(res)
	}
	return o
}

// classOf is the class of a response. What it means is in its first line: neither odd
// headers nor a body that breaks off or never ends unsay that.
func classOf(res safehttp.Response) bellhop.Class {
	switch res.Reason {
	case "":
		return bellhop.ClassOf(res.Status)
	case safehttp.ReasonRequest, safehttp.ReasonResources, bellhop.ReasonNoListener:
		return bellhop.ClassOurs // a header that we made and cannot send; no descriptors
	}
	return bellhop.ClassAgain
}

func answered(status int) string {
	text := "The receiver answered " + strconv.Itoa(status)
	if t := http.StatusText(status); t != "" {
		text += " " + t
	}
	return text
}

func statusDetail(res safehttp.Response) string {
	text := answered(res.Status)
	switch {
	case res.Status >= 300 && res.Status <= 399:
		text += "; redirects are not followed"
		if to := res.Header.Get("Location"); to != "" {
			text += ": if " + bellhop.Clip(to) + " is the right address, make it the endpoint's URL"
		}
	case res.Status == http.StatusGone:
		text += ": it wants no more events"
	}
	if res.Remark != "" {
		text += "; and " + res.Remark
	}
	return text + "."
}

// longestAfter bounds what a receiver can ask for: history is kept that long.
const longestAfter = 30 * 24 * time.Hour

// retryAfter reads a Retry-After header (RFC 9110 §10.2.3): seconds or a date. It is
// 0 where there is none that can be read, and where the date is over.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	seconds, err := strconv.ParseUint(v, 10, 64)
	switch {
	case err == nil && seconds < uint64(longestAfter/time.Second):
		return time.Duration(seconds) * time.Second
	case err == nil, errors.Is(err, strconv.ErrRange):
		return longestAfter
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), longestAfter)
	}
	return 0
}
