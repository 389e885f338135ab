package recipe_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
)

// quickbooks books receipts for whoever has its newest token, once for each request
// id, whose answer it repeats.
type quickbooks struct {
	*target
	token    string
	issued   int
	answers  map[string]string
	receipts map[string][]map[string]any
	throttle bool
}

func newQuickbooks(t *testing.T) *quickbooks {
	s := &quickbooks{answers: map[string]string{}, receipts: map[string][]map[string]any{}}
	s.target = serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if r.URL.Path == "/oauth2/v1/tokens/bearer" {
			id, secret, _ := r.BasicAuth()
			if id != "client-1" || secret != "intuit-secret" || !strings.Contains(string(body), "grant_type=refresh_token") || !strings.Contains(string(body), "refresh_token=refresh-1") {
				answer(w, 400, `{"error":"invalid_grant"}`)
				return
			}
			s.issued++
			s.token = fmt.Sprintf("access-%d", s.issued)
			answer(w, 200, `{"access_token":"`+s.token+`","token_type":"bearer","expires_in":3600,"refresh_token":"refresh-1","x_refresh_token_expires_in":8726400}`)
			return
		}
		q := r.URL.Query()
		kind := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		var in struct {
			TxnDate, PrivateNote                          string
			CurrencyRef, DepositToAccountRef, CustomerRef struct {
				Value string `json:"value"`
			}
			BillEmail struct{ Address string }
			Line      []struct {
				DetailType, Description string
				Amount                  json.Number
				SalesItemLineDetail     struct {
					ItemRef, TaxCodeRef struct {
						Value string `json:"value"`
					}
					Qty json.Number
				}
			}
			TxnTaxDetail *struct{ TotalTax json.Number }
		}
		err := decoded(body, &in)
		fault := func(code, text string) {
			answer(w, 400, fmt.Sprintf(`{"Fault":{"Error":[{"Message":%q,"code":%q}],"type":"ValidationFault"},"time":"2027-01-15T09:30:00Z"}`, text, code))
		}
		switch {
		case s.token == "" || r.Header.Get("Authorization") != "Bearer "+s.token:
			answer(w, 401, `{"fault":{"error":[{"message":"AuthenticationFailed","code":"3200"}],"type":"AUTHENTICATION"}}`)
		case s.throttle:
			answer(w, 429, `{"Fault":{"Error":[{"Message":"message=ThrottleExceeded; errorCode=003001; statusCode=429"}]}}`)
		case r.URL.Path != "/v3/company/9130347957983546/"+kind || q.Get("minorversion") == "" || q.Get("requestid") == "" || len(q.Get("requestid")) > 50:
			answer(w, 400, `{"Fault":{"type":"BadRequest"}}`)
		case s.answers[q.Get("requestid")] != "":
			answer(w, 200, s.answers[q.Get("requestid")])
		case err != nil || len(in.Line) == 0:
			fault("2020", "Required param missing")
		case in.Line[0].SalesItemLineDetail.ItemRef.Value != "1":
			fault("2500", "Invalid Reference Id : Item")
		case kind == "refundreceipt" && in.DepositToAccountRef.Value == "":
			fault("2020", "DepositToAccountRef is required")
		default:
			total := 0.0
			for _, l := range in.Line {
				v, err := l.Amount.Float64()
				if err != nil || v < 0 {
					fault("6000", "amounts are zero or more")
					return
				}
				total += v
			}
			s.receipts[kind] = append(s.receipts[kind], map[string]any{"total": total, "note": in.PrivateNote, "date": in.TxnDate, "tax": in.TxnTaxDetail})
			s.answers[q.Get("requestid")] = fmt.Sprintf(`{"Receipt":{"Id":"%d","TotalAmt":%.2f},"time":"2027-01-15T09:30:00Z"}`, len(s.answers)+1, total)
			answer(w, 200, s.answers[q.Get("requestid")])
		}
	})
	return s
}

func (s *quickbooks) endpoint(h *house, name string) func(*bellhop.Endpoint) {
	return func(e *bellhop.Endpoint) { e.Auth.TokenURL = s.URL + "/oauth2/v1/tokens/bearer" }
}

func TestQuickbooksReceipts(t *testing.T) {
	for name, kind := range map[string]string{"quickbooks-sales-receipt": "salesreceipt", "quickbooks-refund-receipt": "refundreceipt"} {
		h, s := open(t), newQuickbooks(t)
		r := h.endpoint(name, s.URL, credentialsOf(name), s.endpoint(h, name))
		h.sends(r, h.event(name, 1), bellhop.ClassTaken, "")
		golden(t, name, s.last())
		// A retry whose first answer was lost makes no second receipt.
		s.lose = 2 // a connection that was kept is tried again at once
		h.sends(r, h.event(name, 2), bellhop.ClassAgain, "")
		h.sends(r, h.event(name, 2), bellhop.ClassTaken, "")
		// An amount that is told as negative is booked as what was paid back.
		h.sends(r, h.event(name, 3, func(e *bellhop.Event) {
			e.Data = bellhop.JSON(strings.ReplaceAll(string(e.Data), `"net_sales":"118.00"`, `"net_sales":"-118.00"`))
		}), bellhop.ClassTaken, "")
		if got := s.receipts[kind]; len(got) != 3 || got[0]["total"] != 118.0 || got[2]["total"] != 118.0 || got[0]["date"] != "2027-01-15" {
			t.Errorf("%s: receipts %v", name, s.receipts)
		}
		// The token that was taken away is replaced, and the receipt booked.
		s.token = "another"
		h.sends(r, h.event(name, 4), bellhop.ClassTaken, "")
		if s.issued != 2 {
			t.Errorf("%s: %d tokens were asked for", name, s.issued)
		}
		taxed := h.endpoint(name, s.URL, credentialsOf(name), s.endpoint(h, name), func(e *bellhop.Endpoint) { e.RecipeFields["tax_code"] = "TAX" })
		h.sends(taxed, h.event(name, 5), bellhop.ClassTaken, "")
		if !strings.Contains(s.last(), `"TaxCodeRef":{"value":"TAX"}`) || !strings.HasSuffix(s.last(), `"TxnTaxDetail":{"TotalTax":5.90}}`) {
			t.Errorf("%s: %s", name, s.last())
		}
		other := map[string]string{"salesreceipt": "invoice.refund", "refundreceipt": "invoice.purchase"}[kind]
		booked := len(s.receipts[kind])
		h.sends(r, h.event(name, 8, func(e *bellhop.Event) { e.Type = other }), bellhop.ClassSkipped, "would falsify the books")
		if len(s.receipts[kind]) != booked {
			t.Errorf("%s books %s", name, other)
		}
		s.throttle = true
		h.sends(r, h.event(name, 6), bellhop.ClassOverloaded, "429")
		s.throttle = false
		wrong := h.endpoint(name, s.URL, credentialsOf(name), s.endpoint(h, name), func(e *bellhop.Endpoint) { e.RecipeFields["item"] = "2" })
		h.sends(wrong, h.event(name, 7), bellhop.ClassRefused, "see the fault in its answer")
	}
}
