package page_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/examples/page"
)

// TestBackStaysOnThePage: also under a prefix, and nowhere else than on this host.
func TestBackStaysOnThePage(t *testing.T) {
	h := http.StripPrefix("/desk", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { page.Back(w, r, nil) }))
	for back, want := range map[string]string{
		"": "/desk/", "/mailbox/": "/mailbox/", `/\evil.example`: "/desk/", "//evil.example/": "/desk/", "https://evil.example/": "/desk/",
	} {
		r := httptest.NewRequest(http.MethodPost, "/desk/assign", strings.NewReader(url.Values{"back": {back}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		to, err := url.Parse("http://example.com/desk/assign")
		if err == nil {
			to, err = to.Parse(w.Header().Get("Location"))
		}
		if err != nil || w.Code != http.StatusSeeOther || to.Path != want || to.Host != "example.com" {
			t.Errorf("%q leads to %v (%d, %v), want %s", back, to, w.Code, err, want)
		}
	}
	w := httptest.NewRecorder()
	page.Back(w, httptest.NewRequest(http.MethodPost, "/", nil), errors.New("the show is sold out"))
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "sold out") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestShowEscapes: what somebody typed is text on the page.
func TestShowEscapes(t *testing.T) {
	w := httptest.NewRecorder()
	page.Show(w, page.Parse(`<p>{{.}}</p>`), page.View{Title: "<b>", Body: "<script>alert(1)</script>"})
	if s := w.Body.String(); w.Code != 200 || strings.Contains(s, "<script>alert") || strings.Contains(s, "<h1><b>") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v\n%s", w.Code, w.Header(), s)
	}
}
