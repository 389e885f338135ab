package main

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// TestTablesFit: what there is no room for becomes shorter, and then is left out; no
// line is wider than the terminal, and ids and secrets are whole.
func TestTablesFit(t *testing.T) {
	now := time.Date(2027, 6, 1, 15, 4, 5, 0, time.UTC)
	p := &program{now: func() time.Time { return now }}
	earlier := p.when(now.AddDate(0, 0, -3))
	att, evt, del, ep := text("att_38G04Y6NR0400"), text("evt_38G04Y6NR0400"), text("del_38G04Y6NR0400"), text("ep_38G04Y6M60400")
	app, kind := text("a-tenant-with-a-long-name"), text("allthings.booking.accepted-by-host")
	why := text("Attempt 1 failed: The receiver answered 500 Internal Server Error. The next attempt is at 2026-11-21T22:08:46Z.")
	secret := text("whsec_q426wyGTP4Ochgbi5oUqgb44dUPrEGH6uEgvb/FVQBs= (for receivers: whpk_q426wyGTP4Ochgbi5oUqgb44dUPrEGH6uEgvb)")
	for _, tc := range []struct {
		header []string
		row    []cell
		whole  []string // is there at 80 columns
		never  bool     // is never cut, whatever the width
	}{
		{[]string{"TIME", "", "ATTEMPT", "ANSWER", "TOOK", "TRY", "APP", "TYPE", "ENDPOINT", "NEXT"}, []cell{
			earlier, mark(bellhop.AttemptFailed), att, text("503 overload"), took(123), number(3), app, kind, ep, earlier,
		}, []string{att.text, ep.text, "05-29 15:04"}, false},
		{[]string{"CREATED", "STATUS", "DELIVERY", "TRIES", "APP", "TYPE", "EVENT", "ENDPOINT", "DUE"}, []cell{
			earlier, status(bellhop.DeliverySucceeded), del, number(17), app, kind, evt, ep, earlier,
		}, []string{del.text, ep.text, "succeeded"}, false},
		{[]string{"TIME", "EVENT", "APP", "TYPE", "ENDPOINTS", "SUBJECT"}, []cell{
			earlier, evt, app, kind, number(4), text("ticket:damage-report:" + strings.Repeat("4", 40)),
		}, []string{evt.text}, false},
		{[]string{"ENDPOINT", "STATUS", "APPS", "EVENTS", "DIALECT", "NAME", "URL"}, []cell{
			ep, text("disabled, locked"), app, kind, text("standard"), text("The ledger of the house"), text("https://hooks.example.com/" + strings.Repeat("x", 90)),
		}, []string{ep.text}, false},
		{[]string{"KEY", "KIND", "ROLE", "APPS", "CREATED", "LAST USED", "EXPIRES", "NAME"}, []cell{
			text("key_38G04Y6NR0400"), {text: "session of key_38G04Y6NR0400", short: "session"}, text("publisher"), app, earlier, earlier, earlier, text("the night porter"),
		}, []string{"key_38G04Y6NR0400", "publisher"}, false},
		{[]string{"TIME", "ACTOR", "ACTION", "OBJECT", "APPS", "DETAIL"}, []cell{
			earlier, text("key_38G04Y6NR0400"), text("endpoint.rotate_secret"), ep, app, text(`{"changed":["` + strings.Repeat("x", 90) + `"]}`),
		}, []string{ep.text}, false},
		{[]string{"OUTCOME", "ENDPOINT", "NAME", "WHY"}, []cell{status(bellhop.FateRetrying), ep, text("The ledger of the house"), why}, []string{ep.text, "Server"}, false},
		{secretHeader(), []cell{secret, earlier, earlier}, []string{secret.text}, true},
		{[]string{"SOMETHING", "NEW"}, []cell{text(strings.Repeat("長い", 60)), text(strings.Repeat("x", 90))}, nil, false},
	} {
		tbl := table{header: tc.header}
		tbl.add(tc.row...)
		for _, width := range []int{40, 60, 80, 100, 132, 0} {
			got := tbl.render(style{}, width)
			for line := range strings.Lines(got) {
				if w := columns(strings.TrimSuffix(line, "\n")); width > 0 && w > width && !tc.never && (width > 40 || !strings.Contains(got, "WHY")) {
					t.Errorf("%v at %d columns has a line of %d:\n%s", tc.header, width, w, got)
				}
			}
			if lines := strings.Count(got, "\n"); width >= 80 && lines > 2 && tc.header[len(tc.header)-1] != "WHY" {
				t.Errorf("%v at %d columns takes %d lines:\n%s", tc.header, width, lines, got)
			}
			for _, part := range tc.whole {
				if width == 80 && !strings.Contains(got, part) {
					t.Errorf("%v at 80 columns lacks %q:\n%s", tc.header, part, got)
				}
			}
			for _, c := range tc.row {
				if width == 0 && !strings.Contains(got, c.text) {
					t.Errorf("%v without a terminal lacks %q:\n%s", tc.header, c.text, got)
				}
			}
		}
		if all := tbl.leftOut(tbl.layout(0)); len(all) > 0 {
			t.Errorf("without a terminal, %v are left out", all)
		}
	}
}

// TestFieldsAreFolded: a list of fields is where all of a thing is shown.
func TestFieldsAreFolded(t *testing.T) {
	var tbl table
	url := "https://hooks.example.com/" + strings.Repeat("x", 90)
	tbl.field("detail", text("It does not listen to this, since what it asks for is something else than what this is."))
	tbl.field("url", text(url))
	got := tbl.render(style{}, 40)
	want := `detail  It does not listen to this,
        since what it asks for is
        something else than what this
        is.
url     ` + url + "\n"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
