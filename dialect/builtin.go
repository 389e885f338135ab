package dialect

import (
	_ "embed"
	"fmt"
	"strings"
)

// sampleInvoice is the Invoice of Showpass's tests, in which receivers check that they
// can read one.
//
//go:embed testdata/showpass-invoice-purchase.json
var sampleInvoice string

// Builtin returns the definitions of the built-in dialects: standard,
// cloudevents, cloudevents-binary, allthings, showpass, github, stripe,
// shopify, slack, svix, svix-operational, convoy, convoy-simple and raw. Each call returns fresh copies.
func Builtin() []Definition {
	return []Definition{
		{
			Name:        "standard",
			Description: "Standard Webhooks 1.0.0. The body holds type, timestamp (when the event happened) and data. Secrets are whsec_ (HMAC-SHA256) or whsk_ (Ed25519), also mixed during a rotation.",
			ContentType: "application/json",
			Body:        `{"type":${type|json},"timestamp":"${time}","data":${data}}`,
			Headers:     standardHeaders("webhook-"),
			Signature:   standardSignature("webhook-"),
		},
		{
			Name:        "cloudevents",
			Description: "CloudEvents 1.0, HTTP binding, structured mode, signed as Standard Webhooks. source is /apps/APP; subject is left out when empty.",
			ContentType: "application/cloudevents+json",
			Body: `{"specversion":"1.0","id":${id|json},"source":"/apps/${app|url}","type":${type|json},` +
				`${?subject}"subject":${subject|json},${/}"time":"${time}","datacontenttype":"application/json","data":${data}}`,
			Headers:   standardHeaders("webhook-"),
			Signature: standardSignature("webhook-"),
		},
		{
			Name:        "cloudevents-binary",
			Description: "CloudEvents 1.0, HTTP binding, binary mode: attributes in ce- headers, percent-encoded, and the data as body; signed as Standard Webhooks, which does not cover the ce- headers.",
			ContentType: "application/json",
			Body:        `${data}`,
			Headers: append([]HeaderTemplate{
				{"ce-specversion", `1.0`},
				{"ce-id", `${id|percent}`},
				{"ce-source", `/apps/${app|url|percent}`},
				{"ce-type", `${type|percent}`},
				{"ce-subject", `${subject|percent}`},
				{"ce-time", `${time}`},
			}, standardHeaders("webhook-")...),
			Signature: standardSignature("webhook-"),
		},
		{
			Name:        "allthings",
			Description: "Allthings webhooks. The URN is urn:allthings:app:APP:SUBJECT, without its last part when there is no subject. The time is signed as part of the body; receivers refuse one that is two minutes old or not before their own now, so it is stamped one second early. Creating an endpoint calls its URL first, unsigned, and fails unless the answer is 200.",
			ContentType: "application/json",
			Body: `{"event":{"id":${id|json},"name":${type|json},` +
				`"urn":"urn:allthings:app:${app|escape}${?subject}:${subject|escape}${/}",` +
				`"createdDate":"${time}","data":${data}},"timestamp":${ms}}`,
			Headers: []HeaderTemplate{{"x-allthings-signature-timestamp", `${ms}`}},
			Signature: Signature{
				Algorithm: "hmac-sha256",
				Secret:    "raw",
				Content:   `${body}`,
				Encoding:  "hex",
				Header:    "x-allthings-signature",
				BodyTime:  "timestamp",
				MaxAge:    "2m",
				MaxAhead:  "0s",
				Backdate:  "1s",
			},
			Verification: Verification{Required: true, Unsigned: true, Status: 200},
		},
		{
			Name:        "showpass",
			Description: "Showpass webhooks. The body's id is data.transaction_id, or else the event id, always as a string. The signature covers that id alone: neither data nor time are protected. webhook_event_uuid is the receiver's idempotency key.",
			ContentType: "application/json",
			Body: `{"id":${data.transaction_id ?? id | json},"data":${data},` +
				`"event_type":${type|json},"webhook_event_uuid":"${uuid}"}`,
			Signature: Signature{
				Algorithm: "hmac-sha1",
				Secret:    "raw",
				Content:   `${body.id}`,
				Encoding:  "hex",
				Header:    "X-SHOWPASS-SIGNATURE",
			},
			Verification: Verification{Data: strings.TrimSpace(sampleInvoice)},
		},
		{
			Name:        "github",
			Description: "GitHub webhooks. The body is the data; X-GitHub-Event is the event type and X-GitHub-Delivery a UUID that stays the same on each attempt. The time is not signed.",
			ContentType: "application/json",
			Body:        `${data}`,
			Headers: []HeaderTemplate{
				{"X-GitHub-Event", `${type}`},
				{"X-GitHub-Delivery", `${uuid}`},
			},
			Signature: Signature{
				Algorithm: "hmac-sha256",
				Secret:    "raw",
				Content:   `${body}`,
				Encoding:  "hex",
				Header:    "X-Hub-Signature-256",
				Each:      `sha256=${signature}`,
			},
		},
		{
			Name:        "stripe",
			Description: "Stripe webhooks. The body is an event object with the data as data.object; created is when the event happened, in Unix seconds, and api_version an option, because Stripe's libraries refuse events of another release than their own. The key is the whole text of the secret, whsec_ included.",
			ContentType: "application/json",
			Body: `{"id":${id|json},"object":"event","api_version":${option.api_version|json},"created":${time_s},` +
				`"data":{"object":${data}},"livemode":true,"pending_webhooks":1,"request":null,"type":${type|json}}`,
			Options: []Option{{
				"api_version", "Release of Stripe's API whose form the data has: what the receiver's library is made for.", "2025-08-27.basil",
			}},
			Signature: Signature{
				Algorithm:    "hmac-sha256",
				Secret:       "raw",
				SecretPrefix: "whsec_",
				Content:      `${ts}.${body}`,
				Encoding:     "hex",
				Header:       "Stripe-Signature",
				Value:        `t=${ts},${signatures}`,
				Each:         `v1=${signature}`,
				Join:         ",",
			},
		},
		{
			Name:        "shopify",
			Description: "Shopify webhooks. The body is the data; the topic is the event type with slashes for dots (orders.create is orders/create), the webhook id a UUID that stays the same on each attempt, and triggered-at when the event happened. The shop's domain and the API's version are options. The time is not signed.",
			ContentType: "application/json",
			Body:        `${data}`,
			Options: []Option{
				{"shop_domain", "Domain of the shop whose event it is.", `${app|url}.myshopify.com`},
				{"api_version", "Version of Shopify's Admin API whose form the data has.", "2025-10"},
			},
			Headers: []HeaderTemplate{
				{"X-Shopify-Topic", `${type|slashes}`},
				{"X-Shopify-Shop-Domain", `${option.shop_domain}`},
				{"X-Shopify-API-Version", `${option.api_version}`},
				{"X-Shopify-Webhook-Id", `${uuid}`},
				{"X-Shopify-Triggered-At", `${time}`},
			},
			Signature: Signature{
				Algorithm: "hmac-sha256",
				Secret:    "raw",
				Content:   `${body}`,
				Encoding:  "base64",
				Header:    "X-Shopify-Hmac-Sha256",
			},
		},
		{
			Name:        "slack",
			Description: "Slack request signing, version v0. The body is the data, which should be one of Slack's payloads, such as an event_callback, because no header names the type. Tests are Slack's own url_verification.",
			ContentType: "application/json",
			Body:        `${data}`,
			Headers:     []HeaderTemplate{{"X-Slack-Request-Timestamp", `${ts}`}},
			Signature: Signature{
				Algorithm: "hmac-sha256",
				Secret:    "raw",
				Content:   `v0:${ts}:${body}`,
				Encoding:  "hex",
				Header:    "X-Slack-Signature",
				Each:      `v0=${signature}`,
			},
			Verification: Verification{Data: `{"type":"url_verification","token":"","challenge":"bellhop"}`},
		},
		{
			Name:        "svix",
			Description: "Svix: Standard Webhooks under svix- header names. The body is the data, which should name its own type, because no header does.",
			ContentType: "application/json",
			Body:        `${data}`,
			Headers:     standardHeaders("svix-"),
			Signature:   standardSignature("svix-"),
		},
		{
			Name: "svix-operational",
			Description: "Svix's operational webhooks, for endpoints that hear of Bellhop's own events: {type, data} with the types and the members that Svix's users read, " +
				"for endpoint.created, .updated, .deleted and .disabled and message.attempt.failing, .exhausted and .recovered. What Svix has no word for keeps its own.",
			ContentType: "application/json",
			Body:        svixOperationalBody,
			Headers:     standardHeaders("svix-"),
			Types: map[string]string{
				"bellhop.endpoint.created":   "endpoint.created",
				"bellhop.endpoint.updated":   "endpoint.updated",
				"bellhop.endpoint.deleted":   "endpoint.deleted",
				"bellhop.endpoint.disabled":  "endpoint.disabled",
				"bellhop.delivery.failing":   "message.attempt.failing",
				"bellhop.delivery.exhausted": "message.attempt.exhausted",
				"bellhop.delivery.recovered": "message.attempt.recovered",
			},
			Signature: standardSignature("svix-"),
		},
		{
			Name:        "convoy",
			Description: "Convoy with advanced signatures, as a project has them unless it was changed: X-Convoy-Signature, HMAC-SHA256 in hex. The body is the data, which should name its own type, because no header does.",
			ContentType: "application/json",
			Body:        `${data}`,
			Headers:     convoyHeaders(),
			Signature: Signature{
				Algorithm: "hmac-sha256",
				Secret:    "raw",
				Content:   `${ts},${body}`,
				Encoding:  "hex",
				Header:    "X-Convoy-Signature",
				Value:     `t=${ts},${signatures}`,
				Each:      `v1=${signature}`,
				Join:      ",",
			},
		},
		{
			Name:        "convoy-simple",
			Description: "Convoy with simple signatures: X-Convoy-Signature is the HMAC-SHA256 of the body in hex. The time is not signed. The body is the data, which should name its own type, because no header does.",
			ContentType: "application/json",
			Body:        `${data}`,
			Headers:     convoyHeaders(),
			Signature: Signature{
				Algorithm: "hmac-sha256",
				Secret:    "raw",
				Content:   `${body}`,
				Encoding:  "hex",
				Header:    "X-Convoy-Signature",
			},
		},
		{
			Name:        "raw",
			Description: "The data as body, signed as Standard Webhooks, for platforms whose data already is the whole message.",
			ContentType: "application/json",
			Body:        `${data}`,
			Headers:     standardHeaders("webhook-"),
			Signature:   standardSignature("webhook-"),
		},
	}
}

// svixOperationalBody tells what happened to an endpoint or a delivery in Svix's words:
// those that say when it did, since the members are those of other events of Bellhop's own,
// too, which keep theirs.
const svixOperationalBody = `{"type":${type|json},"data":` +
	`${!data.endpoint}${data}${/}${?data.endpoint}` +
	`${!data.at ?? data.disabled_at ?? data.attempts}${data}${/}${?data.at ?? data.disabled_at ?? data.attempts}` +
	`{"appId":${data.app|json}${?data.app_uid},"appUid":${data.app_uid|json}${/}` +
	`,"endpointId":${data.former_id ?? data.endpoint_former_id ?? data.endpoint | json}` +
	`${!data.attempts}${?data.uid},"endpointUid":${data.uid|json}${/}${/}` +
	`${?data.disabled_at},"failSince":${data.failing_since ?? data.disabled_at | json},"trigger":"automatic"${/}` +
	`${?data.attempts},"msgId":${data.event|json}${?data.event_external_id},"msgEventId":${data.event_external_id|json}${/}` +
	`,"lastAttempt":{"id":${data.attempt|json},"responseStatusCode":${data.response_status|number}` +
	`,"timestamp":${data.failed_at ?? data.succeeded_at | json}}${/}}${/}${/}}`

func convoyHeaders() []HeaderTemplate {
	return []HeaderTemplate{{"X-Convoy-Idempotency-Key", `${id}`}}
}

// standardHeaders and standardSignature are Standard Webhooks 1.0.0, sections
// "Webhook Headers" and "Signature scheme".
func standardHeaders(prefix string) []HeaderTemplate {
	return []HeaderTemplate{
		{prefix + "id", `${id}`},
		{prefix + "timestamp", `${ts}`},
	}
}

func standardSignature(prefix string) Signature {
	return Signature{
		Algorithm: "hmac-sha256",
		Secret:    "whsec",
		Content:   `${id}.${ts}.${body}`,
		Encoding:  "base64",
		Header:    prefix + "signature",
		Each:      `v1,${signature}`,
		Ed25519:   `v1a,${signature}`,
		Join:      " ",
	}
}

// Lookup compiles the built-in dialect of that name. A receiver that verifies
// many requests keeps the result; it is safe for concurrent use.
func Lookup(name string) (*Dialect, error) {
	var names []string
	for _, def := range Builtin() {
		if def.Name == name {
			return compile(def)
		}
		names = append(names, def.Name)
	}
	return nil, fmt.Errorf("there is no built-in dialect %q; use one of %s", name, strings.Join(names, ", "))
}
