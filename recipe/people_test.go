package recipe_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

func now() time.Time { return time.Now() }

// credentialsOf are those that the targets of the tests take.
func credentialsOf(recipe string) map[string]string {
	switch recipe {
	case "hubspot-contact":
		return map[string]string{"auth.token": "pat-1"}
	case "mailchimp-member":
		return map[string]string{"auth.password": "key-us21"}
	case "kisi-group-link":
		return map[string]string{"auth.value": "kisi-1"}
	case "nuki-keypad-code":
		return map[string]string{"auth.token": "nuki-1"}
	case "quickbooks-sales-receipt", "quickbooks-refund-receipt":
		return map[string]string{"auth.client_secret": "intuit-secret", "auth.refresh_token": "refresh-1"}
	}
	return nil
}

// hubspot has contacts by address, takes 100 requests in ten seconds, and answers as
// its batch upsert does.
type hubspot struct {
	*target
	contacts map[string]map[string]string
	window   int
}

func newHubspot(t *testing.T) *hubspot {
	s := &hubspot{contacts: map[string]map[string]string{}}
	s.target = serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		var in struct {
			Inputs []struct {
				ID         string            `json:"id"`
				IDProperty string            `json:"idProperty"`
				Properties map[string]string `json:"properties"`
			} `json:"inputs"`
		}
		s.window++
		switch {
		case r.Method != "POST" || r.URL.RequestURI() != "/crm/v3/objects/contacts/batch/upsert":
			answer(w, 404, "Not Found")
		case r.Header.Get("Authorization") != "Bearer pat-1":
			answer(w, 401, `{"status":"error","message":"Authentication credentials not found.","category":"INVALID_AUTHENTICATION"}`)
		case s.window > 100:
			answer(w, 429, `{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}`)
		case decoded(body, &in) != nil || len(in.Inputs) == 0 || len(in.Inputs) > 100:
			answer(w, 400, `{"status":"error","message":"Invalid input JSON","category":"VALIDATION_ERROR"}`)
		default:
			for _, c := range in.Inputs {
				if c.IDProperty != "email" || !email(c.ID) {
					answer(w, 207, `{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"status":"error","category":"VALIDATION_ERROR"}]}`)
					return
				}
				if s.contacts[c.ID] == nil {
					s.contacts[c.ID] = map[string]string{}
				}
				for name, v := range c.Properties {
					s.contacts[c.ID][name] = v
				}
			}
			answer(w, 200, `{"status":"COMPLETE","results":[{"id":"101","new":true}],"startedAt":"2027-01-15T09:30:00Z","completedAt":"2027-01-15T09:30:00Z"}`)
		}
	})
	return s
}

func TestHubspotContact(t *testing.T) {
	h, s := open(t), newHubspot(t)
	r := h.endpoint("hubspot-contact", s.URL, credentialsOf("hubspot-contact"))
	s.lose = 1
	h.sends(r, h.event("hubspot-contact", 1), bellhop.ClassAgain, "")
	h.sends(r, h.event("hubspot-contact", 1), bellhop.ClassTaken, "")
	golden(t, "hubspot-contact", s.last())
	h.sends(r, h.event("hubspot-contact", 2, func(e *bellhop.Event) {
		e.Data = bellhop.JSON(`{"customer_email":" Zoe@Example.com ","customer_name":"Zoë","customer_phone_number":"+1 555"}`)
	}), bellhop.ClassTaken, "")
	if c := s.contacts["zoe@example.com"]; len(s.contacts) != 1 || c["firstname"] != "Zoë" || c["lastname"] != "" || c["phone"] != "+1 555" {
		t.Errorf("contacts %v", s.contacts)
	}
	h.sends(h.endpoint("hubspot-contact", s.URL, map[string]string{"auth.token": "old"}), h.event("hubspot-contact", 3), bellhop.ClassAgain, "give the endpoint a new one")
	h.sends(r, h.event("hubspot-contact", 4, func(e *bellhop.Event) { e.Data = bellhop.JSON(`{"customer_email":"not an address"}`) }), bellhop.ClassRefused, "see the errors in its answer")
	s.window = 100
	h.sends(r, h.event("hubspot-contact", 5), bellhop.ClassOverloaded, "429")
}

// mailchimp has members by the hash of their address, and refuses an eleventh request
// at once with a bare 403.
type mailchimp struct {
	*target
	mu      sync.Mutex
	members map[string]map[string]any
	open    int
	hold    chan struct{} // if not nil, requests wait for it
	arrived chan struct{}
}

func newMailchimp(t *testing.T) *mailchimp {
	s := &mailchimp{members: map[string]map[string]any{}, arrived: make(chan struct{}, 100)}
	s.target = serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		s.mu.Lock()
		s.open++
		over := s.open > 10
		s.mu.Unlock()
		defer func() { s.mu.Lock(); s.open--; s.mu.Unlock() }()
		if over {
			answer(w, 403, "")
			return
		}
		if s.hold != nil {
			s.arrived <- struct{}{}
			<-s.hold
		}
		var in struct {
			Email  string         `json:"email_address"`
			Status string         `json:"status_if_new"`
			Fields map[string]any `json:"merge_fields"`
		}
		_, key, ok := r.BasicAuth()
		err := decoded(body, &in)
		sum := md5.Sum([]byte(strings.ToLower(in.Email)))
		hash := hex.EncodeToString(sum[:])
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case !ok || key != "key-us21":
			answer(w, 401, `{"title":"API Key Invalid","status":401,"detail":"Your API key may be invalid"}`)
		case r.Method != "PUT" || r.URL.Path != "/3.0/lists/a1b2c3d4e5/members/"+hash:
			answer(w, 404, `{"title":"Resource Not Found","status":404}`)
		case err != nil || !email(in.Email) || in.Status != "subscribed" && in.Status != "pending":
			answer(w, 400, `{"title":"Invalid Resource","status":400}`)
		case in.Email == "forgotten@example.com":
			answer(w, 400, `{"title":"Forgotten Email Not Subscribed","status":400}`)
		default:
			m := s.members[hash]
			if m == nil {
				m = map[string]any{"status": in.Status}
				s.members[hash] = m
			}
			for name, v := range in.Fields {
				m[name] = v
			}
			answer(w, 200, fmt.Sprintf(`{"id":%q,"status":%q}`, hash, m["status"]))
		}
	})
	return s
}

func TestMailchimpMember(t *testing.T) {
	h, s := open(t), newMailchimp(t)
	r := h.endpoint("mailchimp-member", s.URL+"/3.0", credentialsOf("mailchimp-member"))
	h.sends(r, h.event("mailchimp-member", 1), bellhop.ClassTaken, "")
	golden(t, "mailchimp-member", s.last())
	for _, m := range s.members {
		m["status"] = "unsubscribed"
	}
	s.lose = 2 // a connection that was kept is tried again at once
	h.sends(r, h.event("mailchimp-member", 2), bellhop.ClassAgain, "")
	h.sends(r, h.event("mailchimp-member", 2), bellhop.ClassTaken, "")
	for _, m := range s.members {
		if m["status"] != "unsubscribed" || m["FNAME"] != "Zoë" || m["LNAME"] != "Łukasz" || len(s.members) != 1 {
			t.Errorf("members %v", s.members)
		}
	}
	asked := s.count()
	for _, venue := range []string{"false", "null", `"no"`} {
		o := h.sends(r, h.event("mailchimp-member", 3, func(e *bellhop.Event) {
			e.Data = bellhop.JSON(`{"customer_email":"a@example.com","subscribe_to_venue":` + venue + `}`)
		}), bellhop.ClassSkipped, "did not agree")
		if o.Reason != bellhop.ReasonSkipped {
			t.Errorf("reason %s", o.Reason)
		}
	}
	if s.count() != asked {
		t.Error("a customer who did not agree was told of")
	}
	h.sends(h.endpoint("mailchimp-member", s.URL+"/3.0", map[string]string{"auth.password": "x"}), h.event("mailchimp-member", 4), bellhop.ClassAgain, "give the endpoint a new one")
	h.sends(r, h.event("mailchimp-member", 5, func(e *bellhop.Event) {
		e.Data = bellhop.JSON(`{"customer_email":"forgotten@example.com","subscribe_to_venue":true}`)
	}), bellhop.ClassRefused, "deleted from the audience for good")

	// Ten at once are taken, an eleventh is too many.
	s.hold = make(chan struct{})
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if o, _ := h.sender.Send(t.Context(), r, h.event("mailchimp-member", 10+i)); o.Class != bellhop.ClassTaken {
				t.Errorf("one of ten: %+v", o)
			}
		})
	}
	for range 10 {
		<-s.arrived
	}
	h.sends(r, h.event("mailchimp-member", 30), bellhop.ClassOverloaded, "more than ten connections")
	close(s.hold)
	wg.Wait()
}

// TestLimitsAreThoseOfTheTargets: what an endpoint sends by default is never more than
// its target says it takes.
func TestLimitsAreThoseOfTheTargets(t *testing.T) {
	h := open(t)
	for name, most := range map[string]struct {
		requests, seconds float64
		atOnce            int
	}{
		"slack": {2, 1, 1}, "teams": {4, 1, 4}, "discord": {5, 2, 5}, "make": {300, 10, 100}, "zapier": {20_000, 300, 100},
		"hubspot-contact": {100, 10, 100}, "mailchimp-member": {1000, 10, 10},
		"quickbooks-sales-receipt": {500, 60, 10}, "quickbooks-refund-receipt": {500, 60, 10},
	} {
		def := h.table.Recipe(name).Definition()
		if n := float64(def.RateLimit.Burst) + def.RateLimit.PerSecond*most.seconds; n > most.requests || def.Concurrency > most.atOnce {
			t.Errorf("%s: %g requests in %g s, of which it takes %g; %d at once, of which it takes %d", name, n, most.seconds, most.requests, def.Concurrency, most.atOnce)
		}
	}
}
