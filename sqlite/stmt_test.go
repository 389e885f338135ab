package sqlite

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestHeaderJSONIsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := http.Header(rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())).Draw(t, "header"))
		var got http.Header
		if err := json.Unmarshal([]byte(headerJSON(h).(string)), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h, got); diff != "" {
			t.Fatal(diff)
		}
	})
	if headerJSON(nil) != nil {
		t.Error("no header is not NULL")
	}
}
