package svix

import (
	"net/http"
	"testing"
)

// Where receivers look for the standard's names of headers, they get those: the body is the
// payload all the same, and Svix's own verifiers take it.
func TestNamesOfTheStandard(t *testing.T) {
	t.Parallel()
	c := admin(t).at(serve(t, "--dev", "--svix-dialect", "raw"))
	r := receive(t, http.StatusOK)
	app := c.app()
	e := c.endpoint(app, r.URL)["id"]
	m := c.message(app, object{"a": 1})
	q := r.next(t)
	c.same("the id", q.header.Get("Webhook-Id"), m["id"])
	c.same("Svix's names", q.header.Get("Svix-Id"), "")
	c.same("the body", string(q.body), `{"a":1}`)
	verified(t, q, text(c.do("endpoint.getSecret", app, e), "key"))
}

// Whoever does not want this API has none.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	s := serve(t, "--dev", "--svix-api=false")
	for _, path := range []string{"/api/v1/app", "/api/v1/health"} {
		if status, _, _ := exchange(t, s.direct, s.key, http.MethodGet, path, nil, nil); status != http.StatusNotFound {
			t.Errorf("GET %s is answered %d, want 404", path, status)
		}
	}
}

// The schedule of retries is the operator's, as it is at Svix.
func TestScheduleOfTheOperator(t *testing.T) {
	t.Parallel()
	c := admin(t).at(serve(t, "--dev", "--default-retry", "100ms,150ms"))
	app := c.app()
	e := c.endpoint(app, receive(t, http.StatusInternalServerError).URL)["id"]
	m := c.message(app, object{})
	c.ofStatus(app, e, 2, m)
	c.attempts(app, m, 3)
}
