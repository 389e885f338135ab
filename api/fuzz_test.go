package api

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/bellhop/bellhop/api/wire"
)

func FuzzCursor(f *testing.F) {
	const numbers, names CursorKind = 'e', 'A'
	f.Add("")
	f.Add(numbers.AtNumber(1))
	f.Add(numbers.AtNumber(1 << 62))
	f.Add(numbers.AtText("acme"))
	f.Add("AWUAAAAAAAAAAQ==")
	f.Fuzz(func(t *testing.T, cursor string) {
		if n, err := numbers.Number(cursor); err == nil && cursor != "" && numbers.AtNumber(n) != cursor {
			t.Errorf("%q was read as %d, which prints as %q", cursor, n, numbers.AtNumber(n))
		}
		if s, err := names.Text(cursor); err == nil && cursor != "" && names.AtText(s) != cursor {
			t.Errorf("%q was read as %q", cursor, s)
		}
	})
}

// FuzzBody feeds the reflective decoder with the body that has most kinds of fields.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"apps":["a"],"url":"https://x.example","retry":["5s"],"rate_limit":{"per_second":1},"headers":{"a":"b"},"timeout":"5s","verify":true,"concurrency":3,"filter":{"a":[1]}}`))
	f.Add([]byte(`{"apps":null,"retry":{"initial":"1s"}}`))
	f.Add([]byte(`{"apps":[[]],"retry":[{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in wire.EndpointInput
		var wrong Faults
		err := decodeBody(body, new(Manner).parts(), reflect.ValueOf(&in).Elem(), &wrong)
		if err == nil && wrong.Err() == nil && !json.Valid(body) {
			t.Errorf("%q was accepted, but is not JSON", body)
		}
	})
}
