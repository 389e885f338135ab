package svix

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/memstore"
)

// retrying is a site whose endpoints retry by a schedule and get the answer that is set. Its
// time is that of synctest.
func retrying(t *testing.T, delays ...time.Duration) (s *site, status *atomic.Int64) {
	status = &atomic.Int64{}
	s = &site{t: t, net: &receiver{status: func(delivered) int { return int(status.Load()) }}, memory: memstore.New()}
	schedule := bellhop.RetryPolicy{Delays: []bellhop.Duration{}}
	for _, d := range delays {
		schedule.Delays = append(schedule.Delays, bellhop.Duration(d))
	}
	s.start(setup{desk: func(o *desk.Options) { o.DefaultRetry = schedule }})
	s.admin = s.key("admin")
	return s, status
}

// sends tells how many messages a task sends, which ends within a second.
func (s *site) sends(path, body string) any {
	s.t.Helper()
	id := s.do(202, "POST", path, body).text("id")
	time.Sleep(time.Second)
	r := s.do(200, "GET", "/background-task/"+id, "")
	if r.text("status") != "finished" {
		s.t.Fatalf("%s: %s", path, r)
	}
	return r.has("data.messagesSent")
}

// TestRecoverTakesWhatWasGivenUp, and what still waits for a retry keeps its schedule, also
// where it is sent now since somebody asks.
func TestRecoverTakesWhatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, status := retrying(t, 5*time.Minute, 30*time.Minute)
		defer s.end()
		status.Store(500)
		app := s.app("")
		path := "/app/" + app + "/endpoint/" + s.endpoint(app, "")
		since := `{"since":"` + time.Now().UTC().Format(time.RFC3339) + `"`
		s.message(app, "")
		time.Sleep(time.Second)
		for range 7 {
			if n := s.sends(path+"/recover", since+"}"); n != 0.0 {
				t.Fatalf("recover takes %v of what waits", n)
			}
		}
		stands := func(want float64, requests int) {
			t.Helper()
			r := s.do(200, "GET", path+"/msg", "")
			if n := len(s.net.requests()); r.has("data.0.status") != want || n != requests {
				t.Errorf("%d requests, want %d: %s", n, requests, r)
			}
		}
		stands(3, 1)
		for range 5 {
			if n := s.sends(path+"/bulk-replay", since+`,"status":3}`); n != 1.0 {
				t.Fatalf("%v sent now", n)
			}
		}
		stands(3, 6)
		time.Sleep(6 * time.Minute)
		stands(3, 7)
		time.Sleep(40 * time.Minute)
		stands(2, 8)
		if n := s.sends(path+"/recover", since+"}"); n != 1.0 {
			t.Errorf("%v were given up", n)
		}
		stands(3, 9)
	})
}

// TestWhatHasArrivedStays: a resend that fails leaves a message delivered, and recover does not
// take it.
func TestWhatHasArrivedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, status := retrying(t, time.Minute)
		defer s.end()
		status.Store(200)
		app := s.app("")
		door := s.endpoint(app, "")
		path := "/app/" + app + "/endpoint/" + door
		since := `{"since":"` + time.Now().UTC().Format(time.RFC3339) + `"`
		msg := s.message(app, "")
		time.Sleep(time.Second)
		status.Store(422)
		stands := func(want float64) {
			t.Helper()
			for _, list := range []string{path + "/msg", "/app/" + app + "/msg/" + msg + "/endpoint"} {
				if r := s.do(200, "GET", list, ""); r.has("data.0.status") != want {
					t.Errorf("%s: %s", list, r)
				}
			}
			if got := ids(s.do(200, "GET", path+"/msg?status="+fmt.Sprint(want), "")); len(got) != 1 {
				t.Errorf("status=%v: %v", want, got)
			}
		}
		s.do(202, "POST", "/app/"+app+"/msg/"+msg+"/endpoint/"+door+"/resend", "")
		time.Sleep(time.Second)
		stands(3) // it is tried once more
		time.Sleep(2 * time.Minute)
		stands(0)
		for body, want := range map[string]float64{"/recover": 0, `/bulk-replay,"status":2`: 0, `/bulk-replay,"statusCodeClass":400`: 0, `/bulk-replay,"status":0`: 1} {
			verb, more := body, ""
			if verb != "/recover" {
				verb, more = body[:len("/bulk-replay")], body[len("/bulk-replay"):]
			}
			if n := s.sends(path+verb, since+more+"}"); n != want {
				t.Errorf("%s sends %v, want %v", body, n, want)
			}
			time.Sleep(2 * time.Minute)
		}
		stands(0)
	})
}

// TestNextAttemptIsToCome: behind an open circuit it is the probe.
func TestNextAttemptIsToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, status := retrying(t, 5*time.Second, time.Hour)
		defer s.end()
		status.Store(503)
		app := s.app("")
		door := s.endpoint(app, "")
		for range 20 {
			s.message(app, "")
		}
		told := 0
		for range 60 {
			time.Sleep(time.Second)
			r := s.do(200, "GET", "/app/"+app+"/endpoint/"+door+"/msg", "")
			for i := range ids(r) {
				next := r.text(fmt.Sprintf("data.%d.nextAttempt", i))
				if next == "" {
					continue
				}
				told++
				if at, err := time.Parse(time.RFC3339, next); err != nil || at.Before(time.Now()) || !at.Equal(at.Truncate(time.Microsecond)) {
					t.Fatalf("at %s, the next is at %s: %v", time.Now(), next, err)
				}
			}
		}
		if told < 20*30 {
			t.Errorf("told %d times", told)
		}
	})
}

// TestUsageCountsDestinations: however often a message was tried at an endpoint, it is one.
func TestUsageCountsDestinations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, status := retrying(t, time.Second, time.Second)
		defer s.end()
		status.Store(422)
		app := s.app("")
		s.endpoint(app, "")
		s.do(201, "POST", "/app/"+app+"/endpoint", `{"url":"https://other.example.com/"}`)
		since := time.Now().UTC()
		for range 3 {
			s.message(app, "")
		}
		time.Sleep(time.Minute)
		if n := len(s.net.requests()); n != 3*2*3 {
			t.Fatalf("%d requests", n)
		}
		body := fmt.Sprintf(`{"since":%q,"until":%q}`, since.Format(time.RFC3339), time.Now().UTC().Add(time.Minute).Format(time.RFC3339))
		id := s.do(202, "POST", "/stats/usage/app", body).text("id")
		time.Sleep(time.Second)
		if r := s.do(200, "GET", "/background-task/"+id, ""); r.has("data.appStats.0.messageDestinations") != 6.0 {
			t.Errorf("%s", r)
		}
	})
}

// TestTimeoutOfEndpoints is that of Svix, however they are made.
func TestTimeoutOfEndpoints(t *testing.T) {
	s := open(t)
	app := s.app("")
	put := s.do(201, "PUT", "/app/"+app+"/endpoint/mine", `{"url":"https://example.com/"}`).text("id")
	for _, door := range []string{s.endpoint(app, ""), put} {
		if e, err := s.desk.PlainEndpoint(t.Context(), bellhop.Owner(), app, door); err != nil || e.Timeout != bellhop.Duration(30*time.Second) {
			t.Errorf("%s: %s, %v", door, e.Timeout, err)
		}
	}
}
