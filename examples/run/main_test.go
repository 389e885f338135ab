package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/examples/residence"
)

// TestEachRunsAlone: with a page, and a hook that verifies.
func TestEachRunsAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "codes.csv")
	for _, name := range []string{"service-desk", "door-access", "registration-codes", "back-office", "chat"} {
		h, path, err := receiver(name, "s3cr3t", file, &residence.Partner{})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), "<h1>") {
			t.Errorf("%s: its page answers %d", name, w.Code)
		}
		w = httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{}`))
		r.Header.Set("X-Allthings-Signature", "00")
		r.Header.Set("X-Showpass-Signature", "00")
		h.ServeHTTP(w, r)
		if want := map[bool]int{true: 400, false: 401}[name == "chat"]; w.Code != want {
			t.Errorf("%s answers %d to what nobody signed, want %d", name, w.Code, want)
		}
	}
	for _, c := range [][2]string{{"", "s3cr3t"}, {"fax", "s3cr3t"}, {"back-office", ""}} {
		if _, _, err := receiver(c[0], c[1], file, nil); err == nil {
			t.Errorf("%q with the secret %q: no error", c[0], c[1])
		}
	}
}
