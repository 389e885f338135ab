package mail

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	good := Message{From: "Box office <box@venue.example>", To: []string{"a@x.example, Bé <b@x.example>", "", "a@x.example"}, Subject: "S", Text: "T"}
	a, err := good.Parse()
	if err != nil {
		t.Fatal(err)
	}
	if len(a.To) != 2 || a.To[1].Name != "Bé" || a.From.Address != "box@venue.example" || a.ReplyTo != nil {
		t.Errorf("read %+v", a)
	}
	for name, c := range map[string]struct {
		change func(*Message)
		want   string
	}{
		"no from":          {func(m *Message) { m.From = " " }, "from is empty"},
		"two from":         {func(m *Message) { m.From = "a@x.example,b@x.example" }, "from has 2 addresses"},
		"no to":            {func(m *Message) { m.To = []string{"", " , "} }, "to is empty"},
		"to is no address": {func(m *Message) { m.To = []string{"nobody"} }, "to is not an address"},
		"header injection": {func(m *Message) { m.To = []string{"a@x.example\r\nBcc: b@x.example"} }, "to has a line break"},
		"quoted oddity":    {func(m *Message) { m.To = []string{`"a b"@x.example`} }, "that mail servers do not take"},
		"reply-to":         {func(m *Message) { m.ReplyTo = "x" }, "reply_to is not an address"},
		"no body":          {func(m *Message) { m.Text = "\n" }, "both empty"},
		"not UTF-8":        {func(m *Message) { m.Subject = "\xff" }, "not valid UTF-8"},
		"too many": {func(m *Message) {
			m.To = nil
			for i := range MaxTo + 1 {
				m.To = append(m.To, strings.Repeat("a", i+1)+"@x.example")
			}
		}, "at most 50"},
	} {
		m := good
		c.change(&m)
		if _, err := m.Parse(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want one that says %q", name, err, c.want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := OneLine("Zimmer\r\nBcc: x@y.example\t frei\u2028!"); got != "Zimmer Bcc: x@y.example frei !" {
		t.Errorf("%q", got)
	}
	if got := OneLine(strings.Repeat("ä", 400)); len(got) > maxSubject+3 || !strings.HasSuffix(got, "ä…") {
		t.Errorf("%d bytes", len(got))
	}
}
