package send

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// TestMailAnswers: what the codes of mail servers mean.
func TestMailAnswers(t *testing.T) {
	for status, want := range map[int]bellhop.Class{
		250: bellhop.ClassTaken, 251: bellhop.ClassTaken, 421: bellhop.ClassAgain, 450: bellhop.ClassAgain, 452: bellhop.ClassAgain,
		530: bellhop.ClassAgain, 535: bellhop.ClassAgain, 550: bellhop.ClassRefused, 552: bellhop.ClassRefused, 554: bellhop.ClassRefused,
		410: bellhop.ClassAgain, 503: bellhop.ClassRefused, 334: bellhop.ClassRefused,
	} {
		res := safehttp.Response{Status: status, Detail: "The mail server said so"}
		o := classify(res, time.Now)
		classifyMail(&o, res)
		if o.Class != want || (want == bellhop.ClassTaken) != (o.Reason == "" && o.Detail == "") || strings.HasSuffix(o.Detail, "..") {
			t.Errorf("%d: %+v, want class %d", status, o, want)
		}
	}
	res := safehttp.Response{Reason: safehttp.ReasonTLS, Detail: "no"}
	o := classify(res, time.Now)
	classifyMail(&o, res)
	if o.Class != bellhop.ClassAgain || o.Reason != "tls" {
		t.Errorf("%+v", o)
	}
}

// TestNoMailer: a program without mail says so, and holds what it cannot send.
func TestNoMailer(t *testing.T) {
	h := open(t, nil)
	if err := h.CheckURL("smtp://mail.example.com"); err == nil || !strings.Contains(err.Error(), "sends no mail") {
		t.Error(err)
	}
}
