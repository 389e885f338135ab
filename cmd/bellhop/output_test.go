package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

func TestTable(t *testing.T) {
	tbl := table{header: []string{"NAME", "TRIES", "STATUS", "URL"}}
	tbl.add(text("Buchhaltung"), number(7), status(bellhop.DeliverySucceeded), text("https://example.com/hooks/long"))
	tbl.add(text("会計 🎫"), number(12), status(bellhop.DeliveryFailed), text("https://例え.jp/"))
	tbl.add(text("e\u0301te\u0301"), number(1), status(bellhop.DeliveryCanceled), text(""))
	tbl.add(text("bad\x1b[2J\u202ename\n"), number(1), text(""), text("x"))

	for _, tc := range []struct {
		name  string
		style style
		width int
		want  string
	}{
		{"plain", style{}, 0, `
NAME           TRIES  STATUS     URL
Buchhaltung        7  succeeded  https://example.com/hooks/long
会計 🎫           12  failed     https://例え.jp/
été                1  canceled
bad␛[2J�name␊      1             x
`},
		{"narrow", style{}, 50, `
NAME           TRIES  STATUS     URL
Buchhaltung        7  succeeded  https://example.…
会計 🎫           12  failed     https://例え.jp/
été                1  canceled
bad␛[2J�name␊      1             x
`},
		{"colours", style{on: true}, 0, `
<1>NAME<0>           <1>TRIES<0>  <1>STATUS<0>     <1>URL<0>
Buchhaltung        7  <32>succeeded<0>  https://example.com/hooks/long
会計 🎫           12  <31>failed<0>     https://例え.jp/
été                1  <2>canceled<0>
bad␛[2J�name␊      1             x
`},
	} {
		got := tbl.render(tc.style, tc.width)
		got = strings.NewReplacer("\x1b[0m", "<0>", "\x1b[1m", "<1>", "\x1b[2m", "<2>", "\x1b[31m", "<31>", "\x1b[32m", "<32>").Replace(got)
		want := strings.ReplaceAll(strings.TrimPrefix(tc.want, "\n"), "été", "e\u0301te\u0301")
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, want)
		}
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2027, 6, 1, 15, 4, 5, 0, time.Local)
	p := &program{now: func() time.Time { return now }}
	for _, tc := range []struct {
		at   time.Time
		want string
	}{
		{now.Add(-time.Hour), now.Add(-time.Hour).Format("15:04:05 MST")},
		{now.Add(-24 * time.Hour), now.Add(-24 * time.Hour).Format("2006-01-02 15:04:05 MST")},
		{time.Time{}, "–"},
	} {
		if got := p.when(tc.at).text; got != tc.want {
			t.Errorf("when(%v) = %q, want %q", tc.at, got, tc.want)
		}
	}
}

func TestMoments(t *testing.T) {
	now := time.Date(2027, 6, 1, 15, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		text  string
		ahead bool
		want  time.Time
	}{
		{"now", false, now},
		{"2h", false, now.Add(-2 * time.Hour)},
		{"1d12h", false, now.Add(-36 * time.Hour)},
		{"2h", true, now.Add(2 * time.Hour)},
		{"2027-05-01T00:00:00+02:00", false, time.Date(2027, 4, 30, 22, 0, 0, 0, time.UTC)},
		{"2027-05-01t00:00:00z", false, time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC)},
		{"2016-12-31T23:59:60Z", false, time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"9999-12-31T23:59:59-12:00", false, time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)},
		{"2027-05-01", false, time.Date(2027, 5, 1, 0, 0, 0, 0, time.Local)},
	} {
		var at time.Time
		v := momentValue{at: &at, now: func() time.Time { return now }, ahead: tc.ahead}
		if err := v.Set(tc.text); err != nil || !at.Equal(tc.want) {
			t.Errorf("%s: %v (%v), want %v", tc.text, at, err, tc.want)
		}
	}
	var at time.Time
	v := momentValue{at: &at, now: time.Now}
	if err := v.Set("yesterday"); err == nil {
		t.Error("yesterday is a time")
	}
}

func TestLogHidesSecrets(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log := newLog(&out, format, "debug").With("client_secret", "s3cret")
		log.Info("token bh_abcdefghijkl was refused", "authorization", "Bearer s3cret", "err", errors.New("bad key whsec_c2VjcmV0c2VjcmV0"),
			"url", "http://h/?k=whsk_c2VjcmV0", "app", "acme", slog.Group("request", "Password", "s3cret", "id", 7))
		got := out.String()
		for _, leak := range []string{"s3cret", "bh_abc", "c2Vj"} {
			if strings.Contains(got, leak) {
				t.Errorf("%s log has %q: %s", format, leak, got)
			}
		}
		for _, want := range []string{"bh_…", "whsec_…", "acme", "(hidden)"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s log lacks %q: %s", format, want, got)
			}
		}
		out.Reset()
		newLog(&out, format, "warn").Info("quiet")
		if out.Len() > 0 {
			t.Errorf("%s log at level warn: %s", format, out.String())
		}
	}
}

func TestSuggestions(t *testing.T) {
	known := []string{"listen", "database", "log_level", "log_format"}
	for typed, want := range map[string]string{
		"lisetn": ": did you mean listen?", "databse": ": did you mean database?", "loglevel": ": did you mean log_level?",
		"frobnicate": "", "x": "",
	} {
		if got := didYouMean(typed, known); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", typed, got, want)
		}
	}
}

func TestRetryText(t *testing.T) {
	for flag, want := range map[string]string{
		"":       "5s, 30s, 2m, 10m, 30m, 1h, 2h, 4h, 8h, 12× 12h, 8h17m25s",
		"none":   "never",
		"5s,1m":  "5s, 1m",
		"1s,1s":  "2× 1s",
		`["3s"]`: "3s",
	} {
		r, err := retryOf(flag)
		if err != nil {
			t.Errorf("%q: %v", flag, err)
		}
		if got := retryText(r); got != want {
			t.Errorf("%q is shown as %q, want %q", flag, got, want)
		}
	}
	if _, err := retryOf("5s,soon"); err == nil {
		t.Error("5s,soon is a schedule")
	}
}
