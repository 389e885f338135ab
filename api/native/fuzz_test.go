package native

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/bellhop/bellhop/api"
)

func FuzzPublishEnvelope(f *testing.F) {
	f.Add([]byte(`{"app":"acme","type":"a.b","id":"1","subject":"x:1","deliver_at":"2027-01-01T00:00:00Z","data":{"a":1.10}}`))
	f.Add([]byte(`{"app":"acme","app":"b"}`))
	f.Add([]byte(`{"events":[{"app":"acme","type":"a.b","data":null}]}`))
	f.Add([]byte(`[1`))
	f.Add([]byte("{\"\xff\":1}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if p, wrong, err := ReadPublication(body); err == nil && len(wrong) == 0 {
			var reference struct{ Data json.RawMessage }
			if err := json.Unmarshal(body, &reference); err != nil {
				t.Errorf("%q was accepted, but is not JSON: %v", body, err)
			}
			if !json.Valid(p.Data) || !bytes.Contains(body, p.Data) {
				t.Errorf("%q: data %q", body, p.Data)
			}
		} else if err != nil && api.Malformed(err) == nil {
			t.Error("an error became none")
		}
		if ps, err := publications(t.Context(), body); err == nil && len(ps) == 0 {
			t.Errorf("%q is an empty batch", body)
		}
	})
}
