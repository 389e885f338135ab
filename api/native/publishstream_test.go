package native

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

// upload is a stream of publications under way.
type upload struct {
	t       *testing.T
	in      *io.PipeWriter
	answers *bufio.Scanner
	header  http.Header
	proto   int
}

// upload opens a stream.
func (s *site) upload(client *http.Client, url, token string) *upload {
	s.t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "POST", url+"/v1/events/stream", r)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _, _ = w.Close(), resp.Body.Close() })
	if resp.StatusCode != 200 {
		b, _ := io.ReadAll(resp.Body)
		s.t.Fatalf("a stream is answered %d: %s", resp.StatusCode, b)
	}
	answers := bufio.NewScanner(resp.Body)
	answers.Buffer(nil, 1<<20)
	return &upload{t: s.t.(*testing.T), in: w, answers: answers, header: resp.Header, proto: resp.ProtoMajor}
}

func (u *upload) send(text string) {
	u.t.Helper()
	if _, err := io.WriteString(u.in, text); err != nil {
		u.t.Fatal(err)
	}
}

// next is the next answer.
func (u *upload) next() wire.Streamed {
	u.t.Helper()
	if !u.answers.Scan() {
		u.t.Fatalf("the stream has ended: %v", u.answers.Err())
	}
	var line wire.Streamed
	if err := json.Unmarshal(u.answers.Bytes(), &line); err != nil {
		u.t.Fatalf("%q: %v", u.answers.Text(), err)
	}
	return line
}

func (u *upload) wantEnd(lines int64, code bellhop.Code) {
	u.t.Helper()
	end := u.next().End
	switch {
	case end == nil || end.Lines != lines:
		u.t.Fatalf("the last line is %s", u.answers.Text())
	case code == "" && end.Error != nil || code != "" && (end.Error == nil || end.Error.Code != code):
		u.t.Fatalf("the last line is %s, and not one of %q", u.answers.Text(), code)
	}
	_ = u.in.Close()
	if u.answers.Scan() {
		u.t.Errorf("after the last line comes %s", u.answers.Text())
	}
}

func line(id string) string {
	return fmt.Sprintf(`{"app":"acme","type":"a.b","id":%q,"data":{"n":1}}`+"\n", id)
}

// over runs a test over HTTP/1.1 and HTTP/2.
func over(t *testing.T, test func(t *testing.T, s *site, open func(token string) *upload), setups ...setup) {
	t.Run("HTTP/1.1", func(t *testing.T) {
		s := open(t, setups...)
		test(t, s, func(token string) *upload { return s.upload(http.DefaultClient, s.url, token) })
	})
	t.Run("HTTP/2", func(t *testing.T) {
		s := unserved(t, setups...)
		server := httptest.NewUnstartedServer(s.handler)
		server.EnableHTTP2 = true
		server.StartTLS()
		t.Cleanup(server.Close)
		test(t, s, func(token string) *upload {
			u := s.upload(server.Client(), server.URL, token)
			if u.proto != 2 {
				t.Fatalf("this is HTTP/%d", u.proto)
			}
			return u
		})
	})
}

func TestAStreamAnswersEachLineOnceItIsStored(t *testing.T) {
	over(t, func(t *testing.T, s *site, open func(string) *upload) {
		u := open(s.admin)
		if got := u.header.Get("Content-Type"); got != "application/x-ndjson" {
			t.Errorf("the answer is %s", got)
		}
		u.send(line("1"))
		first := u.next() // while the body goes on
		if first.Line != 1 || first.ID != "1" || first.Event == 0 || first.Duplicate || first.Error != nil {
			t.Fatalf("the first answer is %+v", first)
		}
		if got, err := s.desk.Event(t.Context(), bellhop.Owner(), first.Event); err != nil || got.ExternalID != "1" {
			t.Errorf("what was acknowledged is %+v, %v", got, err)
		}
		u.send("\r\n \n" + line("1"))
		if again := u.next(); again.Line != 4 || !again.Duplicate || again.Event != first.Event {
			t.Errorf("the same id, after two blank lines, is answered %+v", again)
		}
		// A line that comes in pieces, with CRLF, and the last one without an end.
		two := strings.TrimSuffix(line("ü\"2"), "\n")
		u.send(two[:20])
		u.send(two[20:] + "\r\n" + strings.TrimSuffix(line("3"), "\n"))
		if err := u.in.Close(); err != nil {
			t.Fatal(err)
		}
		if got := u.next(); got.Line != 5 || got.ID != `ü"2` {
			t.Errorf("the fifth line is answered %+v", got)
		}
		if got := u.next(); got.Line != 6 || got.ID != "3" {
			t.Errorf("the last line is answered %+v", got)
		}
		u.wantEnd(6, "")
	})
}

func TestALineAtFaultIsRefusedByItself(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	key := ""
	over(t, func(t *testing.T, s *site, open func(string) *upload) {
		key = s.key(bellhop.RolePublisher, "acme")
		u := open(key)
		for i, x := range []struct{ line, code, field string }{
			{"{\n", "invalid_json", ""},
			{"\ufeff" + line("bom"), "invalid", "line"},
			{"{\"app\":\"\xff\"}\n", "invalid_utf8", ""},
			{"\x00\n", "invalid", "line"},
			{`{"app":"acme","type":"a.b","id":"a\u0000","data":1}` + "\n", "invalid", "id"},
			{"[]\n", "invalid", "line"},
			{`{"app":"acme","app":"acme","type":"a.b","data":1}` + "\n", "duplicate_key", "app"},
			{`{"app":"acme","type":"a.b"}` + "\n", "invalid", "data"},
			{`{"app":"acme","type":"a.b","data":1,"aap":2}` + "\n", "invalid", "aap"},
			{`{"app":"acme","type":"bellhop.own","data":1}` + "\n", "invalid", "type"},
			{`{"app":"none","type":"a.b","data":1}` + "\n", "unknown_app", "app"},
			{`{"app":"globex","type":"a.b","data":1}` + "\n", "unknown_app", "app"}, // beyond the key
			{`{"app":"acme","type":"a.b","data":"` + long + `"}` + "\n", "too_large", ""},
			{`{"app":"acme","type":"a.b","data":"` + strings.Repeat(long, 5) + `"}` + "\n", "too_large", ""},
			{`{"app":"acme","type":"a.b","id":"1","data":1}` + "\n", "", ""},
			{`{"app":"acme","type":"a.b","id":"1","data":2}` + "\n", "id_conflict", "id"},
		} {
			u.send(x.line)
			got := u.next()
			switch {
			case got.Line != int64(i+1):
				t.Fatalf("%.80q is answered as line %d", x.line, got.Line)
			case x.code == "" && got.Event == 0:
				t.Errorf("%.80q is refused: %+v", x.line, got.Error)
			case x.code != "" && (got.Error == nil || string(got.Error.Code) != x.code || got.Event != 0):
				t.Errorf("%.80q is answered %s", x.line, u.answers.Text())
			case x.field != "" && (len(got.Error.Errors) != 1 || got.Error.Errors[0].Field != x.field):
				t.Errorf("of %.80q %+v is at fault", x.line, got.Error.Errors)
			}
		}
		// Many at once, one in three at fault, are stored together and told apart.
		var all strings.Builder
		for i := range 900 {
			switch i % 3 {
			case 0:
				all.WriteString(line(fmt.Sprint("many", i)))
			case 1:
				all.WriteString("{}\n")
			default: // the id of the line before last, with other content
				fmt.Fprintf(&all, `{"app":"acme","type":"a.b","id":"many%d","data":2}`+"\n", i-2)
			}
		}
		go func() {
			_, _ = io.WriteString(u.in, all.String())
			_ = u.in.Close()
		}()
		for i := range 900 {
			got := u.next()
			want := []bellhop.Code{"", "invalid", "id_conflict"}[i%3]
			if got.Line != int64(17+i) || want == "" && got.Event == 0 || want != "" && (got.Error == nil || got.Error.Code != want) {
				t.Fatalf("line %d of many is answered %s", i, u.answers.Text())
			}
		}
		u.wantEnd(916, "")
	}, setup{options: func(o *Options) { o.MaxEventBody = 64 << 10 }})
}

func TestAStreamEndsWithAReason(t *testing.T) {
	t.Run("the server stops", func(t *testing.T) {
		over(t, func(t *testing.T, s *site, open func(string) *upload) {
			u := open(s.admin)
			u.send(line("1") + `{"app":"ac`)
			u.next()
			stop := s.stop
			s.stop = make(chan struct{})
			close(stop)
			u.wantEnd(1, bellhop.CodeUnavailable)
		})
	})
	t.Run("its key ends", func(t *testing.T) {
		over(t, func(t *testing.T, s *site, open func(string) *upload) {
			k, token, err := s.desk.CreateKey(t.Context(), bellhop.Owner(), bellhop.KeyRequest{Role: bellhop.RolePublisher})
			if err != nil {
				t.Fatal(err)
			}
			u := open(token)
			u.send(line("1"))
			u.next()
			if err := s.desk.DeleteKey(t.Context(), bellhop.Owner(), k.ID); err != nil {
				t.Fatal(err)
			}
			u.send(line("2"))
			u.wantEnd(1, api.CodeUnauthorized)
		})
	})
	t.Run("nothing comes", func(t *testing.T) {
		over(t, func(t *testing.T, s *site, open func(string) *upload) {
			u := open(s.admin)
			u.send(line("1"))
			u.next()
			u.wantEnd(1, api.CodeIdle)
		}, setup{options: func(o *Options) { o.StreamIdle = 50 * time.Millisecond }})
	})
	t.Run("the store is away", func(t *testing.T) {
		over(t, func(t *testing.T, s *site, open func(string) *upload) {
			u := open(s.admin)
			u.send(line("1"))
			u.wantEnd(0, bellhop.CodeUnavailable)
		}, setup{store: func(s bellhop.Store) bellhop.Store { return away{s} }})
	})
}

// away is a store that takes no events.
type away struct{ bellhop.Store }

func (away) Enqueue(context.Context, bellhop.Lease, int64, []bellhop.NewEvent, time.Time) ([]bellhop.Receipt, error) {
	return nil, bellhop.ErrUnavailable
}

func TestWhatIsNoStreamIsRefused(t *testing.T) {
	s := open(t, setup{options: func(o *Options) { o.Streams.OfKey = 1 }})
	try := func(contentType, query, want string) {
		t.Helper()
		req, _ := http.NewRequest("POST", s.url+"/v1/events/stream"+query, strings.NewReader(line("1")))
		req.Header.Set("Authorization", "Bearer "+s.admin)
		req.Header.Set("Content-Type", contentType)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if !strings.Contains(string(b), want) {
			t.Errorf("%s%s is answered %d: %s", contentType, query, resp.StatusCode, b)
		}
	}
	try("application/json", "", `"unsupported_media_type"`)
	try("application/x-ndjson; charset=latin1", "", "UTF-8")
	try("application/x-ndjson", "?from=1", `"unknown_field"`)
	try("application/jsonl; charset=UTF-8", "", `{"end":{"lines":1}}`)
	u := s.upload(http.DefaultClient, s.url, s.admin)
	try("application/x-ndjson", "", `"too_many`)
	if err := u.in.Close(); err != nil {
		t.Fatal(err)
	}
	u.wantEnd(0, "")
}

// TestAStreamIsAwaited: a client that waits to be told to send, as curl does, is told so. Half a
// line at the end of a connection that broke is not accepted.
func TestAStreamIsAwaited(t *testing.T) {
	s := open(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "POST /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", s.admin)
	in := bufio.NewReader(conn)
	told, err := http.ReadResponse(in, nil)
	if err != nil || told.StatusCode != 100 {
		t.Fatalf("the client is told %v, %v", told, err)
	}
	first := line("1")
	fmt.Fprintf(conn, "%x\r\n%s\r\n", len(first), first)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Fatalf("the answer is %v, %v", resp, err)
	}
	answers := bufio.NewScanner(resp.Body)
	if !answers.Scan() || !strings.HasPrefix(answers.Text(), `{"line":1,"event":"evt_`) {
		t.Fatalf("the first line is answered %s", answers.Text())
	}
	half := line("2") + `{"app":"acme"`
	fmt.Fprintf(conn, "%x\r\n%s\r\n", len(half), half)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	rest := ""
	for answers.Scan() {
		rest += answers.Text() + "\n"
	}
	if strings.Contains(rest, `"line":3`) {
		t.Errorf("half a line is answered: %s", rest)
	}
}

// TestAStreamTakesManyLines with bounded memory: nothing of a stream is kept but what
// is being worked on.
func TestAStreamTakesManyLines(t *testing.T) {
	lines := 1_000_000
	if testing.Short() {
		lines = 50_000
	}
	s := open(t, setup{store: func(s bellhop.Store) bellhop.Store { return forgetful{s} }})
	u := s.upload(http.DefaultClient, s.url, s.admin)
	go func() {
		w := bufio.NewWriterSize(u.in, 64<<10)
		for range lines {
			_, _ = w.WriteString(`{"app":"acme","type":"a.b","data":{"total":"123.90"}}` + "\n")
		}
		_ = w.Flush()
		_ = u.in.Close()
	}()
	for i := range lines {
		if !u.answers.Scan() {
			t.Fatalf("after %d lines: %v", i, u.answers.Err())
		}
		if want := fmt.Sprintf(`{"line":%d,"event":"evt_`, i+1); !strings.HasPrefix(u.answers.Text(), want) {
			t.Fatalf("line %d is answered %s", i+1, u.answers.Text())
		}
	}
	u.wantEnd(int64(lines), "")
}

// TestIdleStreamsHoldNothing of the large lines that were answered: the memory is there for
// others, in the books and on the heap.
func TestIdleStreamsHoldNothing(t *testing.T) {
	s := open(t, setup{
		store:   func(s bellhop.Store) bellhop.Store { return forgetful{s} },
		options: func(o *Options) { o.MaxMemory = 16 << 20 },
	})
	const streams, length = 20, 250_000
	large := func(app string) string {
		return `{"app":"` + app + `","type":"a.b","data":"` + strings.Repeat("x", length) + `"}`
	}
	var open []*upload
	for range streams {
		u := s.upload(http.DefaultClient, s.url, s.admin)
		u.send(line("1"))
		u.next()
		open = append(open, u)
	}
	before := heap()
	for range 2 { // each gets through, however often
		for i, u := range open {
			u.send(large("acme") + "\n")
			if got := u.next(); got.Error != nil {
				t.Fatalf("a large line of stream %d is refused: %v", i, got.Error)
			}
		}
	}
	if r := s.do(s.admin, "POST", "/v1/events", large("globex")); r.status != 202 {
		t.Errorf("beside idle streams an event is answered %d: %s", r.status, r.body)
	}
	var after uint64
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for range 500 { // the streams let go right after their answers, and do not end for long
		if after = heap(); after < before+streams*length/4 {
			return
		}
		<-look.C
	}
	t.Errorf("%d idle streams hold %d bytes each of large lines", streams, (after-before)/streams)
}
