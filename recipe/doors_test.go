package recipe_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// kisi makes a link for each POST that it gets: it knows no repeats.
type kisi struct {
	*target
	links []map[string]any
	down  bool
	pad   string
}

func newKisi(t *testing.T) *kisi {
	s := &kisi{}
	s.target = serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		var in struct {
			Link struct {
				Group   int    `json:"group_id"`
				Name    string `json:"name"`
				Email   string `json:"email"`
				QR      string `json:"quick_response_code_type"`
				Enabled bool   `json:"link_enabled"`
				From    string `json:"valid_from"`
				Until   string `json:"valid_until"`
			} `json:"group_link"`
		}
		switch {
		case s.down:
			answer(w, 503, "")
		case r.Header.Get("Authorization") != "KISI-LOGIN kisi-1":
			answer(w, 401, `{"code":"invalid_credentials"}`)
		case r.URL.Path != "/group_links":
			answer(w, 404, "")
		case r.Method == "GET":
			found := []map[string]any{}
			for _, l := range s.links {
				if fmt.Sprint(l["group_id"]) == r.URL.Query().Get("group_id") && strings.Contains(fmt.Sprint(l["name"]), r.URL.Query().Get("query")) {
					found = append(found, l)
				}
			}
			b, _ := json.Marshal(found)
			answer(w, 200, string(b)+s.pad)
		case decoded(body, &in) != nil || in.Link.Group == 0 || in.Link.Name == "" || in.Link.Email != "" && !email(in.Link.Email):
			answer(w, 422, `{"code":"unprocessable_entity"}`)
		default:
			from, err1 := time.Parse(time.RFC3339, in.Link.From)
			until, err2 := time.Parse(time.RFC3339, in.Link.Until)
			if err1 != nil || err2 != nil || !until.After(from) || in.Link.Group != 4711 {
				answer(w, 422, `{"code":"unprocessable_entity"}`)
				return
			}
			s.links = append(s.links, map[string]any{"id": len(s.links) + 1, "group_id": in.Link.Group, "name": in.Link.Name, "valid_from": in.Link.From, "valid_until": in.Link.Until, "secret": fmt.Sprint("s", len(s.links)+1)})
			answer(w, 200, fmt.Sprintf(`{"id":%d,"name":%q}`, len(s.links), in.Link.Name))
		}
	})
	return s
}

func TestKisiGroupLink(t *testing.T) {
	h, s := open(t), newKisi(t)
	r := h.endpoint("kisi-group-link", s.URL, credentialsOf("kisi-group-link"))
	s.lose = 1
	h.sends(r, h.event("kisi-group-link", 1), bellhop.ClassAgain, "")
	golden(t, "kisi-group-link", s.at(0)+"\n\n"+s.at(1))
	if len(s.links) != 1 {
		t.Fatalf("links %v", s.links)
	}

	o := h.sends(r, h.event("kisi-group-link", 1), bellhop.ClassTaken, "done before")
	if o.Exchange.Method != "GET" || !strings.Contains(o.Exchange.URL, "/group_links?group_id=4711&query=bk-20931") || o.Exchange.RequestBody != nil {
		t.Errorf("shown: %+v", o.Exchange)
	}
	if string(o.Exchange.ResponseBody) != `{"group_id":4711,"id":1,"name":"Guest room 2 (bk-20931)","secret":"s1","valid_from":"2027-02-05T14:00:00Z","valid_until":"2027-02-07T10:00:00Z"}` {
		t.Errorf("captured from, and shown: %s", o.Exchange.ResponseBody)
	}
	// The same booking in another event is no second link, another booking is one.
	h.sends(r, h.event("kisi-group-link", 2), bellhop.ClassTaken, "done before")
	h.sends(r, h.event("kisi-group-link", 3, func(e *bellhop.Event) {
		e.Data = bellhop.JSON(strings.Replace(string(e.Data), "bk-20931", "bk-2093", 1))
	}), bellhop.ClassTaken, "")
	if len(s.links) != 2 {
		t.Errorf("links %v", s.links)
	}
	h.sends(r, h.event("kisi-group-link", 8, func(e *bellhop.Event) { e.Type = "booking.declined" }), bellhop.ClassSkipped, "booking.accepted")
	if len(s.links) != 2 {
		t.Errorf("links %v", s.links)
	}
	// Another period is not done, and does not go unnoticed.
	moved := func(e *bellhop.Event) {
		e.Data = bellhop.JSON(strings.NewReplacer("2027-02-05", "2027-03-05", "2027-02-07", "2027-03-07").Replace(string(e.Data)))
	}
	if o := h.sends(r, h.event("kisi-group-link", 8, moved), bellhop.ClassRefused, "for another period: delete it in Kisi"); o.Reason != bellhop.ReasonAnswer {
		t.Errorf("reason %s", o.Reason)
	}
	s.links = s.links[1:] // somebody deletes it
	h.sends(r, h.event("kisi-group-link", 8, moved), bellhop.ClassTaken, "")
	// While it cannot be known, none is made.
	s.down = true
	h.sends(r, h.event("kisi-group-link", 4), bellhop.ClassOverloaded, "503")
	s.down, s.pad = false, strings.Repeat(" ", 2<<20)
	h.sends(r, h.event("kisi-group-link", 5, func(e *bellhop.Event) {
		e.Data = bellhop.JSON(strings.Replace(string(e.Data), "bk-20931", "bk-7", 1))
	}), bellhop.ClassAgain, "cannot be known")
	s.pad = ""
	h.sends(h.endpoint("kisi-group-link", s.URL, map[string]string{"auth.value": "x"}), h.event("kisi-group-link", 6), bellhop.ClassAgain, "give the endpoint a new one")
	h.sends(h.endpoint("kisi-group-link", s.URL, credentialsOf("kisi-group-link"), func(e *bellhop.Endpoint) {
		e.RecipeFields["group"] = "1"
	}), h.event("kisi-group-link", 7), bellhop.ClassRefused, "the access group's ID")
	if len(s.links) != 2 {
		t.Errorf("links %v", s.links)
	}
}

// nuki takes codes of six digits from 1 to 9 that do not begin with 12, one of a kind,
// under names of at most 20 characters, and answers before the lock has them.
type nuki struct {
	*target
	codes []map[string]any
}

func newNuki(t *testing.T) *nuki {
	s := &nuki{}
	s.target = serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		var in struct {
			Name     string `json:"name"`
			Type     int    `json:"type"`
			Code     int    `json:"code"`
			Remote   bool   `json:"remoteAllowed"`
			From     string `json:"allowedFromDate"`
			Until    string `json:"allowedUntilDate"`
			Days     int    `json:"allowedWeekDays"`
			FromTime int    `json:"allowedFromTime"`
			ToTime   int    `json:"allowedUntilTime"`
		}
		switch {
		case r.Header.Get("Authorization") != "Bearer nuki-1":
			answer(w, 401, `{"detailMessage":"Your access token is not authorized"}`)
		case r.URL.RequestURI() != "/smartlock/17579811421/auth":
			answer(w, 404, "")
		case r.Method == "GET":
			b, _ := json.Marshal(s.codes)
			answer(w, 200, string(b))
		default:
			err := decoded(body, &in)
			code := strconv.Itoa(in.Code)
			from, err1 := time.Parse(time.RFC3339, in.From)
			until, err2 := time.Parse(time.RFC3339, in.Until)
			if r.Method != "PUT" || err != nil || err1 != nil || err2 != nil || !until.After(from) || in.Type != 13 || in.Name == "" || len([]rune(in.Name)) > 20 ||
				len(code) != 6 || strings.Contains(code, "0") || strings.HasPrefix(code, "12") {
				answer(w, 400, `{"detailMessage":"Bad parameter"}`)
				return
			}
			for _, c := range s.codes {
				if c["code"] == in.Code {
					answer(w, 409, `{"detailMessage":"code exists"}`)
					return
				}
			}
			s.codes = append(s.codes, map[string]any{"name": in.Name, "code": in.Code, "allowedFromDate": in.From, "allowedUntilDate": in.Until})
			w.WriteHeader(204)
		}
	})
	return s
}

func TestNukiKeypadCode(t *testing.T) {
	h, s := open(t), newNuki(t)
	r := h.endpoint("nuki-keypad-code", s.URL, credentialsOf("nuki-keypad-code"))
	s.lose = 1
	h.sends(r, h.event("nuki-keypad-code", 1), bellhop.ClassAgain, "")
	golden(t, "nuki-keypad-code", s.at(0)+"\n\n"+s.at(1))
	o := h.sends(r, h.event("nuki-keypad-code", 1), bellhop.ClassTaken, "done before")
	if len(s.codes) != 1 || o.Captured["code"] != fmt.Sprint(s.codes[0]["code"]) ||
		s.codes[0]["allowedFromDate"] != "2027-02-05T14:00:00.000Z" || s.codes[0]["allowedUntilDate"] != "2027-02-07T10:00:00.000Z" {
		t.Errorf("codes %v, captured %v", s.codes, o.Captured)
	}
	if o := h.sends(r, h.event("nuki-keypad-code", 8, func(e *bellhop.Event) {
		e.Data = bellhop.JSON(strings.Replace(string(e.Data), "2027-02-07", "2027-02-08", 1))
	}), bellhop.ClassRefused, "for another period: delete it in Nuki"); o.Captured != nil {
		t.Errorf("captured %v", o.Captured)
	}
	// The platform may choose the code; one that somebody else has is not given twice.
	own := func(id, code string) func(*bellhop.Event) {
		return func(e *bellhop.Event) {
			e.Data = bellhop.JSON(`{"id":"` + id + `","code":"` + code + `","from":"2027-03-01T12:00:00Z","until":"2027-03-02T12:00:00+01:00"}`)
		}
	}
	if o := h.sends(r, h.event("nuki-keypad-code", 2, own("b2", "345678")), bellhop.ClassTaken, ""); o.Captured["code"] != "345678" {
		t.Errorf("captured %v", o.Captured)
	}
	if o := h.sends(r, h.event("nuki-keypad-code", 3, own("b3", "345678")), bellhop.ClassRefused, "for somebody else"); o.Captured != nil {
		t.Errorf("captured %v", o.Captured)
	}
	h.sends(r, h.event("nuki-keypad-code", 6, own("b6", "456789"), func(e *bellhop.Event) { e.Type = "ticket.created" }), bellhop.ClassSkipped, "booking.accepted")
	h.sends(r, h.event("nuki-keypad-code", 4, own("b4", "120000")), bellhop.ClassRefused, "400")
	// A period that ends before it begins, or is in no time zone, opens no door.
	for name, id := range map[string]string{"kisi-group-link": "group", "nuki-keypad-code": "smartlock"} {
		r := h.endpoint(name, s.URL, credentialsOf(name))
		for period, want := range map[string]string{
			`"from":"2027-02-07T10:00:00Z","until":"2027-02-05T14:00:00Z"`: "it is not after",
			`"from":"2027-02-05T14:00:00","until":"2027-02-07T10:00:00"`:   "in which time zone",
			`"from":"2027-02-05T14:00:00Z","until":"soon"`:                 "is no date",
		} {
			h.sends(r, h.event(name, 9, func(e *bellhop.Event) { e.Data = bellhop.JSON(`{"id":"x",` + period + `}`) }), bellhop.ClassHeld, want)
		}
		zoned := h.endpoint(name, s.URL, credentialsOf(name), func(e *bellhop.Endpoint) { e.RecipeFields["timezone"] = "Europe/Zurich" })
		before := s.count()
		h.send(zoned, h.event(name, 9, func(e *bellhop.Event) {
			e.Data = bellhop.JSON(`{"id":"z","from":"2027-02-05T14:00:00","until":"2027-02-07T10:00:00"}`)
		}))
		if name == "nuki-keypad-code" && !strings.Contains(s.last(), `"allowedFromDate":"2027-02-05T13:00:00.000Z"`) || s.count() == before {
			t.Errorf("%s %s: sent %s", name, id, s.last())
		}
	}
	h.sends(h.endpoint("nuki-keypad-code", s.URL, map[string]string{"auth.token": "x"}), h.event("nuki-keypad-code", 5), bellhop.ClassAgain, "give the endpoint a new one")
	if len(s.codes) != 3 {
		t.Errorf("codes %v", s.codes)
	}
}
