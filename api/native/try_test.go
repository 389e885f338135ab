package native

import "testing"

// A cause is tried and replayed by whatever status receivers may answer, the odd ones,
// too, which the log keeps as they came.
func TestOddStatusesCanBeTried(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme").ID.String()
	for body, want := range map[string]int{`{"response_status":999}`: 202, `{"response_status":99}`: 422, `{"response_status":1000}`: 422} {
		if r := s.do(s.admin, "POST", "/v1/endpoints/"+e+"/try", body); r.status != want {
			t.Errorf("%s: %d %s, want %d", body, r.status, r.body, want)
		}
	}
	body := `{"since":"2020-01-01T00:00:00Z","status":"failed","response_status":999}`
	if r := s.do(s.admin, "POST", "/v1/endpoints/"+e+"/replay", body); r.status != 202 {
		t.Errorf("replay: %d %s", r.status, r.body)
	}
}
