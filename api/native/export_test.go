package native

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// TestExport: all that is filtered, over many pages; formulas are text; and the trailer
// says that it is whole.
func TestExport(t *testing.T) {
	s := open(t)
	var batch []string
	for i := range 600 {
		batch = append(batch, fmt.Sprintf(`{"app":%q,"type":"a.b","subject":"=HYPERLINK(\"x\")","data":{"n":%d,
			"text":"a,\"b\""}}`, []string{"acme", "globex"}[i%2], i))
	}
	s.do(s.admin, "POST", "/v1/events/batch", `{"events":[`+strings.Join(batch, ",")+`]}`)
	server := httptest.NewServer(s.handler)
	defer server.Close()
	viewer := s.key(bellhop.RoleViewer, "acme")
	get := func(path string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+viewer)
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	resp, body := get("/v1/events/export?format=csv")
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 301 || rows[0][0] != "id" || rows[1][4] != `'=HYPERLINK("x")` || !strings.Contains(rows[1][15], `"text":"a,\"b\""`) {
		t.Fatalf("%d rows, %v: %.300s", len(rows), err, body)
	}
	if state := resp.Trailer.Get("Bellhop-Download"); state != "complete; rows=300" || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), `attachment; filename="bellhop-events-`) {
		t.Errorf("%q, %v", state, resp.Header)
	}
	resp, body = get("/v1/events/export?outcome=none&" + url.Values{"where": {"data.n < 100"}}.Encode())
	lines := 0
	for sc := bufio.NewScanner(strings.NewReader(body)); sc.Scan(); lines++ {
		var e wire.Event
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil || e.App != "acme" || len(e.Data) == 0 {
			t.Fatalf("%s: %v", sc.Bytes(), err)
		}
	}
	if state := resp.Trailer.Get("Bellhop-Download"); lines != 50 || state != "complete; rows=50" {
		t.Errorf("%d lines, %q", lines, state)
	}
	if resp, body = get("/v1/attempts/export?format=csv"); resp.Trailer.Get("Bellhop-Download") != "complete; rows=0" || !strings.HasPrefix(body, "id,started_at,app") {
		t.Errorf("nothing: %s %v", body, resp.Trailer)
	}
	if resp, body = get("/v1/events/export?format=xls"); resp.StatusCode != 422 || !strings.Contains(body, "must be jsonl or csv") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestAnExportThatIsCutOff says so in its last line, whatever its reader thinks of it.
func TestAnExportThatIsCutOff(t *testing.T) {
	stop := make(chan struct{})
	s := open(t, setup{options: func(o *Options) { o.Stop = stop }})
	var batch []string
	for range 600 {
		batch = append(batch, `{"app":"acme","type":"a.b","data":1}`)
	}
	s.do(s.admin, "POST", "/v1/events/batch", `{"events":[`+strings.Join(batch, ",")+`]}`)
	close(stop)
	for format, want := range map[string]string{"csv": "# cut off after 250 rows: The server is shutting down", "jsonl": `{"error":"cut off after 250 rows: The server is shutting down","rows":250}`} {
		r := s.do(s.admin, "GET", "/v1/events/export?format="+format, "")
		lines := strings.Split(strings.TrimSpace(string(r.body)), "\n")
		if last := strings.Trim(lines[len(lines)-1], "\r"); last != want {
			t.Errorf("%s: %s", format, last)
		}
	}
}

// TestTotals are on the first page, of what is filtered and may be seen.
func TestTotals(t *testing.T) {
	s := open(t)
	for i := range 3 {
		e := s.endpoint("acme")
		s.do(s.admin, "PATCH", "/v1/endpoints/"+e.ID.String(), fmt.Sprintf(`{"name":"Shop %d"}`, i))
	}
	s.endpoint("globex")
	admin := s.key(bellhop.RoleAdmin, "acme")
	for path, want := range map[string]int{
		"/v1/endpoints?limit=1": 3, "/v1/endpoints?q=sHOP%201": 1, "/v1/endpoints?q=nothing": 0, "/v1/endpoints?status=paused": 0, "/v1/endpoints?health=unknown&limit=1": 3,
		"/v1/apps?limit=1": 1, "/v1/event-types": 0, "/v1/keys?kind=key": 1,
	} {
		var page struct {
			Total      *int
			NextCursor string `json:"next_cursor"`
		}
		s.do(admin, "GET", path, "").into(t, &page)
		if page.Total == nil || *page.Total != want {
			t.Errorf("%s: %v, want %d", path, page.Total, want)
		}
		if page.NextCursor != "" {
			page.Total = nil
			s.do(admin, "GET", path+"&cursor="+page.NextCursor, "").into(t, &page)
			if page.Total != nil {
				t.Errorf("%s has a total on its second page", path)
			}
		}
	}
}
