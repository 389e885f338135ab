package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(encodeNumber(cursorEvents, 1))
	f.Add(encodeNumber(cursorEvents, 1<<62))
	f.Add(encodeCursor(cursorEvents, []byte("acme")))
	f.Add("AWUAAAAAAAAAAQ==")
	f.Fuzz(func(t *testing.T, cursor string) {
		if n, err := cursorEvents.number(cursor); err == nil && cursor != "" && encodeNumber(cursorEvents, n) != cursor {
			t.Errorf("%q was read as %d, which prints as %q", cursor, n, encodeNumber(cursorEvents, n))
		}
		if s, err := cursorApps.text(cursor); err == nil && cursor != "" && encodeCursor(cursorApps, []byte(s)) != cursor {
			t.Errorf("%q was read as %q", cursor, s)
		}
	})
}

func FuzzPublishEnvelope(f *testing.F) {
	f.Add([]byte(`{"app":"acme","type":"a.b","id":"1","subject":"x:1","deliver_at":"2027-01-01T00:00:00Z","data":{"a":1.10}}`))
	f.Add([]byte(`{"app":"acme","app":"b"}`))
	f.Add([]byte(`{"events":[{"app":"acme","type":"a.b","data":null}]}`))
	f.Add([]byte(`[1`))
	f.Add([]byte("{\"\xff\":1}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if p, wrong, err := publication(body); err == nil && len(wrong) == 0 {
			var reference struct{ Data json.RawMessage }
			if err := json.Unmarshal(body, &reference); err != nil {
				t.Errorf("%q was accepted, but is not JSON: %v", body, err)
			}
			if !json.Valid(p.Data) || !bytes.Contains(body, p.Data) {
				t.Errorf("%q: data %q", body, p.Data)
			}
		} else if err != nil && malformed(err) == nil {
			t.Error("an error became none")
		}
		if ps, err := publications(body); err == nil && len(ps) == 0 {
			t.Errorf("%q is an empty batch", body)
		}
	})
}

// FuzzEndpointBody feeds the reflective decoder.
func FuzzEndpointBody(f *testing.F) {
	f.Add([]byte(`{"apps":["a"],"url":"https://x.example","retry":["5s"],"rate_limit":{"per_second":1},"headers":{"a":"b"},"timeout":"5s","verify":true,"concurrency":3,"filter":{"a":[1]}}`))
	f.Add([]byte(`{"apps":null,"retry":{"initial":"1s"}}`))
	f.Add([]byte(`{"apps":[[]],"retry":[{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in := createEndpointInput{}
		wrong, err := decodeBody(body, reflect.ValueOf(&in.Body).Elem())
		if err == nil && len(wrong) == 0 && !json.Valid(body) {
			t.Errorf("%q was accepted, but is not JSON", body)
		}
	})
}
