package svix

import (
	"net/http"
	"testing"
)

// Scripts that were written for Svix make the requests, signed as ever.
func TestTransformations(t *testing.T) {
	bySDK(t, func(c caller) {
		r, elsewhere := receive(c.T, http.StatusOK), receive(c.T, http.StatusOK)
		app := c.app()
		e := text(c.endpoint(app, r.URL), "id")
		secret := text(c.do("endpoint.getSecret", app, e), "key")
		patch := func(in object) {
			c.Helper()
			c.do("endpoint.transformation.patch", app, e, in)
		}
		shows := func(code any, enabled bool) {
			c.Helper()
			c.is(c.do("endpoint.transformation.get", app, e), object{"code": code, "enabled": enabled})
		}
		sent := func(to *receiver, method, body string, payload object) received {
			c.Helper()
			c.message(app, payload, object{"eventType": "invoice.paid"})
			q := to.next(c.T)
			c.same("the method", q.method, method)
			c.same("the body", string(q.body), body)
			verified(c.T, q, secret)
			return q
		}
		shows(nil, false)
		code := `/**
 * @param webhook the webhook object
 */
function handler(webhook) {
	if (webhook.payload.customUrl) {
		webhook.url = webhook.payload.customUrl;
		webhook.method = "PUT";
	}
	if (webhook.eventType === "invoice.paid" && webhook.payload.amount) {
		webhook.payload = {text: ` + "`${webhook.payload.name} has paid $${webhook.payload.amount} – <é>`" + `}
		webhook.headers["X-Kind"] = webhook.eventType;
	}
	if (webhook.payload.cancel_me === true) {
		webhook.cancel = true;
	}
  return webhook
}
`
		patch(object{"code": code})
		shows(code, false)
		sent(r, "POST", `{"amount":5}`, object{"amount": 5})
		patch(object{"enabled": true, "variables": object{}})
		shows(code, true)
		q := sent(r, "POST", `{"text":"Ann has paid $5 – <é>"}`, object{"amount": 5, "name": "Ann"})
		c.same("its header", q.header.Get("X-Kind"), "invoice.paid")
		sent(elsewhere, "PUT", `{"customUrl":"`+elsewhere.URL+`"}`, object{"customUrl": elsewhere.URL})

		// What it cancels is not sent.
		m := c.message(app, object{"cancel_me": true})
		eventually(c.T, "it is canceled", func() bool {
			list := data(c.do("messageAttempt.listAttemptedDestinations", app, m["id"]))
			return len(list) == 1 && list[0]["statusText"] == "canceled"
		})
		sent(r, "POST", `{"b":1}`, object{"b": 1})

		patch(object{"enabled": false})
		shows(code, false)
		sent(r, "POST", `{"cancel_me":true}`, object{"cancel_me": true})
		c.do("endpoint.transformationPartialUpdate", app, e, object{"enabled": true})
		shows(code, true)
		sent(r, "POST", `{"text":"Bo has paid $1 – <é>"}`, object{"amount": 1, "name": "Bo"})
		patch(object{"code": nil})
		shows(nil, false)

		c.refused(http.StatusUnprocessableEntity, "endpoint.transformation.patch", app, e, object{"code": "function handler(webhook) {"})
		c.refused(http.StatusUnprocessableEntity, "endpoint.transformation.patch", app, e, object{"variables": object{"A": "b"}})
		c.refused(http.StatusNotFound, "endpoint.transformation.get", app, "ep_gone")
		c.portal(app).do("endpoint.transformation.patch", app, e, object{"code": code, "enabled": true})
		c.portal(c.app()).refused(http.StatusNotFound, "endpoint.transformation.patch", app, e, object{"enabled": false})
	})
}
