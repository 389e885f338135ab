package send

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// TestClasses spells out what each status means, in words of its own.
func TestClasses(t *testing.T) {
	again := []int{401, 403, 404, 407, 408, 425}
	overloaded := []int{429, 502, 503, 504}
	for status := 100; status <= 599; status++ {
		var want bellhop.Class
		switch {
		case status/100 == 2:
			want = bellhop.ClassTaken
		case status == 410:
			want = bellhop.ClassGone
		case slices.Contains(overloaded, status):
			want = bellhop.ClassOverloaded
		case status/100 == 4 && !slices.Contains(again, status):
			want = bellhop.ClassRefused
		default: // 1xx, 3xx, the rest of 5xx
			want = bellhop.ClassAgain
		}
		o := classify(safehttp.Response{
			Status: status, Header: http.Header{"Retry-After": {"60"}}, Body: []byte("b"), Truncated: true, Duration: time.Second,
		}, time.Now)
		if o.Class != want {
			t.Errorf("%d: class %d, want %d", status, o.Class, want)
		}
		if taken := want == bellhop.ClassTaken; taken != (o.Reason == "") || taken != (o.Detail == "") || !taken && o.Reason != "status" || taken != (o.After == 0) {
			t.Errorf("%d: %+v", status, o)
		}
		if x := o.Exchange; x.ResponseStatus != status || string(x.ResponseBody) != "b" || !x.ResponseTruncated || x.Duration != time.Second || x.ResponseHeader == nil {
			t.Errorf("%d: %+v", status, x)
		}
	}
}

// TestBrokenExchanges: whatever came of the answer, its reason and sentence stay.
func TestBrokenExchanges(t *testing.T) {
	for _, reason := range []safehttp.Reason{
		safehttp.ReasonTimeout, safehttp.ReasonDNS, safehttp.ReasonAddress, safehttp.ReasonConnect, safehttp.ReasonTLS,
		safehttp.ReasonReset, safehttp.ReasonProtocol, safehttp.ReasonURL, safehttp.ReasonRequest,
	} {
		for status, want := range map[int]bellhop.Class{
			0: bellhop.ClassAgain, 101: bellhop.ClassAgain,
		} {
			if reason == safehttp.ReasonRequest {
				want = bellhop.ClassOurs // it never leaves
			}
			o := classify(safehttp.Response{Status: status, Reason: reason, Detail: "so it was", Header: http.Header{"Retry-After": {"60"}}}, time.Now)
			if o.Class != want || o.Reason != string(reason) || o.Detail != "so it was" || o.Exchange.ResponseStatus != status {
				t.Errorf("%s, %d: %+v, want class %d", reason, status, o, want)
			}
		}
	}
}

// What is odd about a response does not change what it means, and is in the log.
func TestOddResponses(t *testing.T) {
	for status, want := range map[int]string{
		200: "The receiver answered 200 OK, so the event was taken; but its body broke off.",
		299: "The receiver answered 299, so the event was taken; but its body broke off.",
		302: "The receiver answered 302 Found; redirects are not followed; and its body broke off.",
		400: "The receiver answered 400 Bad Request; and its body broke off.",
		410: "The receiver answered 410 Gone: it wants no more events; and its body broke off.",
		503: "The receiver answered 503 Service Unavailable; and its body broke off.",
	} {
		o := classify(safehttp.Response{Status: status, Remark: "its body broke off", Truncated: true}, time.Now)
		if o.Class != bellhop.ClassOf(status) || o.Detail != want || (o.Reason == "") != (o.Class == bellhop.ClassTaken) {
			t.Errorf("%d: %+v", status, o)
		}
	}
}

func TestStatusDetail(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, tt := range []struct {
		status   int
		location string
		want     string
	}{
		{500, "", "The receiver answered 500 Internal Server Error."},
		{599, "/x", "The receiver answered 599."},
		{304, "", "The receiver answered 304 Not Modified; redirects are not followed."},
		{301, "https://example.com/", "The receiver answered 301 Moved Permanently; redirects are not followed: if https://example.com/ is the right address, make it the endpoint's URL."},
		{302, long, "The receiver answered 302 Found; redirects are not followed: if " + long[:64] + "… is the right address, make it the endpoint's URL."},
		{410, "", "The receiver answered 410 Gone: it wants no more events."},
	} {
		h := http.Header{}
		if tt.location != "" {
			h.Set("Location", tt.location)
		}
		if got := classify(safehttp.Response{Status: tt.status, Header: h}, time.Now).Detail; got != tt.want {
			t.Errorf("%d:\n%s, want\n%s", tt.status, got, tt.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const most = 30 * 24 * time.Hour
	for value, want := range map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"1":                              time.Second,
		"120":                            2 * time.Minute,
		"0120":                           2 * time.Minute,
		"2592000":                        most,
		"2592001":                        most,
		"9223372036854775807":            most,
		"9223372036854775808":            most,
		"18446744073709551616":           most,
		strings.Repeat("9", 300):         most,
		"-1":                             0,
		"-99999999999999999999":          0,
		"1.5":                            0,
		"60s":                            0,
		"soon":                           0,
		"1, 2":                           0,
		"Sun, 01 Mar 2026 12:05:00 GMT":  5 * time.Minute,
		"Sunday, 01-Mar-26 12:05:00 GMT": 5 * time.Minute, // obsolete forms, which are to be understood
		"Sun Mar  1 12:05:00 2026":       5 * time.Minute,
		"Sun, 01 Mar 2026 11:00:00 GMT":  0,
		"Sun, 01 Mar 2026 12:00:00 GMT":  0,
		"Thu, 01 Mar 9999 12:00:00 GMT":  most,
		"Sun, 31 Feb 2026 12:00:00 GMT":  0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
	if got := retryAfter(nil, now); got != 0 {
		t.Errorf("without a header: %s", got)
	}
}
