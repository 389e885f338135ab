package main

import "testing"

// TestByteOrderMark: wherever the shell reads a text, it names the mark that nobody
// sees, instead of sending it on or finding the text wrong for no visible reason.
func TestByteOrderMark(t *testing.T) {
	const mark = "\ufeff"
	event := writeFile(t, "event.json", mark+`{"total":1}`)
	lines := writeFile(t, "lines.json", mark+`{"app":"acme","type":"a.b","data":1}`+"\n")
	secret := writeFile(t, "secret", mark+"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	request := writeFile(t, "request", mark+"POST / HTTP/1.1\r\n\r\n{}")
	key := writeFile(t, "key", mark+"bh_1234567890123456")
	for _, r := range []*run{
		{args: []string{"publish", "acme", "a.b", "--data", "@" + event}},
		{args: []string{"publish", "acme", "a.b"}, stdin: mark + `{"total":1}`},
		{args: []string{"publish", "--batch", lines}},
		{args: []string{"publish", "--batch", "-"}, stdin: mark + `{"app":"acme","type":"a.b","data":1}`},
		{args: []string{"event-types", "put", "a.b", "--schema", "@" + event}},
		{args: []string{"apps", "list", "--key-file", key}},
		{args: []string{"verify", "--dialect", "standard", "--secret-file", secret, writeFile(t, "good", "X: y\n\n{}")}},
		{args: []string{"verify", "--secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", request}},
	} {
		r.environ = []string{"BELLHOP_SERVER=http://127.0.0.1:1"}
		r.do(t).want(t, exitUsage, "a byte order mark: s")
	}
}

// TestLinesOfABatch: what is wrong with a line is said as the server would say it.
func TestLinesOfABatch(t *testing.T) {
	for line, want := range map[string]string{
		`{"app":"a","type":"b","data":1} {}`:               "column 33",
		`{"app":"a","app":"b","type":"b","data":1}`:        `"app" is there twice`,
		"{\"app\":\"a\",\"type\":\"b\",\"data\":\"\xff\"}": "not UTF-8",
		`{"ap":"a","type":"b","data":1}`:                   `"ap": There is no such field; did you mean "app"?`,
	} {
		(&run{args: []string{"publish", "--batch", "-", "--key", "bh_x"}, stdin: line}).do(t).want(t, exitUsage, "line 1 of -", want)
	}
}
