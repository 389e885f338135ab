package native

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
)

// description is what the OpenAPI document says besides what it learns from the
// routes.
func description() api.Description {
	return api.Description{
		Title: "Bellhop", Text: introduction, Tags: tags(),
		Identities: map[string]*huma.SecurityScheme{
			"key":     {Type: "http", Scheme: "bearer", Description: "A key: bh_…"},
			"session": {Type: "apiKey", In: "cookie", Name: secureCookie, Description: "A session of the dashboard. Over http the cookie's name is " + plainCookie + "."},
		},
		Roles: desk.Roles, Changes: []bellhop.Code{api.CodeCrossOrigin},
		Texts: fieldTexts(), Enums: enums(), Shapes: shapes(), Examples: examples(),
	}
}

const introduction = `Bellhop carries a platform's events to its customers' endpoints: it signs each event, POSTs it to every endpoint that asked for it, tries again until it is taken, and keeps a log that explains every attempt.

**Authentication.** Send a key in the header ` + "`Authorization: Bearer bh_…`" + `. Keys have a role and may be limited to apps; objects of other apps do not exist for them (404). The dashboard's pages send the cookie of a session instead (` + "`POST /v1/session`" + `), which changes things from Bellhop's own pages only (403 ` + "`cross_origin`" + `).

**Errors** are problem details (RFC 9457) with a stable ` + "`code`" + `; ` + "`errors`" + ` names each field at fault. Unknown fields and unknown query parameters are errors. An answer names a hundred fields at most; a last one with the code ` + "`more`" + ` says how many are left out.

**Bounds.** A key may make so many requests a second, and have so many streams open at once, as the settings ` + "`key_rate`" + ` and ` + "`key_streams`" + ` say; streams are bounded by app and in all, too (` + "`app_streams`" + `, ` + "`max_streams`" + `); tests, verifications and previews are bounded, too. Beyond that, the answer is 429 ` + "`too_many_requests`" + `, and ` + "`Retry-After`" + ` says when to come again. Bodies of requests under way share a bound of memory (` + "`max_memory`" + `); beyond it the answer is 503 ` + "`busy`" + `, with ` + "`Retry-After`" + `, too.

**Lists** are newest first unless they say otherwise. Take ` + "`next_cursor`" + ` of an answer as ` + "`?cursor=`" + ` to go on.

**Formats.** Times are RFC 3339, in UTC, to the millisecond. Durations look like ` + "`15s`" + `, ` + "`2m30s`" + `, ` + "`12h`" + ` or ` + "`7d`" + `.`

// tags are the groups of operations, in the order in which they are read.
func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "Events", Description: "What happened: publish it, read it, send it again, erase it."},
		{Name: "Endpoints", Description: "Where events go."},
		{Name: "Inboxes", Description: "Temporary receivers inside Bellhop, to see a first event arrive. Where the operator has enabled them."},
		{Name: "Logs", Description: "What became of events."},
		{Name: "Statistics", Description: "Attempts counted over time."},
		{Name: "Apps", Description: "The tenants of the platform."},
		{Name: "Event types", Description: "The catalogue of what can happen."},
		{Name: "Dialects", Description: "How events look on the wire."},
		{Name: "Access", Description: "Keys, sessions, portal links, settings, and the audit log."},
		{Name: "Probes", Description: "For the one who runs Bellhop. They take no key."},
	}
}

// enums are the words of fields whose Go types are not tagged.
func enums() map[string][]any {
	status := []any{"active", "paused", "disabled"}
	ordering := []any{"none", "subject", "endpoint"}
	trigger := []any{"publish", "resend", "replay", "test"}
	role := []any{"admin", "publisher", "editor", "viewer"}
	return map[string][]any{
		"Endpoint.status":          status,
		"Endpoint.ordering":        ordering,
		"NewEndpoint.status":       status,
		"NewEndpoint.ordering":     ordering,
		"SavedEndpoint.status":     status,
		"ResumedEndpoint.status":   status,
		"SavedEndpoint.ordering":   ordering,
		"ResumedEndpoint.ordering": ordering,
		"Delivery.status":          {"pending", "succeeded", "failed", "held", "canceled"},
		"Delivery.trigger":         trigger,
		"Attempt.status":           {"succeeded", "failed", "canceled"},
		"Attempt.trigger":          trigger,
		"Key.role":                 role,
		"NewKey.role":              role,
		"PortalLink.role":          {"editor", "viewer"},
		"Transform.function":       {"transform", "handler"},
		"LaneState.circuit":        {"closed", "open", "half_open"},
		// Where lanes stand, and why.
		"LaneState.concurrency_reason": {"exact", "starts", "grown", "slower", "overloaded", "failed", "most", "ordered", "circuit", "rests"},

		"Node.doing":          {"starting", "delivering", "held", "handing_over", "draining"},
		"HealthState.state":   {"healthy", "failing", "on_hold", "paused", "disabled", "unknown"},
		"Explanation.outcome": {"succeeded", "failed", "canceled", "pending", "retrying", "held", "not_sent"},
	}
}

// shapes are the fields whose JSON is not that of their Go type.
func shapes() map[string]reflect.Type {
	shapes := map[string]reflect.Type{}
	for _, object := range []string{"Endpoint", "NewEndpoint", "SavedEndpoint", "ResumedEndpoint"} {
		shapes[object+".apps"] = reflect.TypeFor[[]bellhop.AppTerms]()
		shapes[object+".credentials"] = reflect.TypeFor[[]string]()
	}
	return shapes
}

// fieldTexts describe fields by their name, which means the same wherever it
// occurs; "Object.field" is for those that don't.
func fieldTexts() map[string]string {
	return map[string]string{
		"id":                        "The object's id.",
		"app":                       "The app that it belongs to.",
		"apps":                      "The apps that it concerns.",
		"type":                      "The event type.",
		"event":                     "The event's id.",
		"endpoint":                  "The endpoint's id.",
		"delivery":                  "The delivery's id.",
		"subject":                   "What in the app it happened to.",
		"data":                      "The payload, byte for byte as published.",
		"external_id":               "The publisher's own id of the event.",
		"deliver_at":                "When deliveries may begin, if that was asked for.",
		"deliveries":                "How many endpoints it was bound for when accepted.",
		"erased":                    "True once its data was erased.",
		"test":                      "True for the event of an endpoint's test.",
		"created_at":                "When it was made.",
		"updated_at":                "When it was last changed.",
		"started_at":                "When the request began.",
		"expires_at":                "When it ends; absent if it does not.",
		"at":                        "When it happened.",
		"name":                      "For people.",
		"metadata":                  "Your own notes.",
		"uid":                       "The platform's own id of it.",
		"former_id":                 "The id that it had where it comes from.",
		"imported":                  "Where 'bellhop import' took it over from, and a fingerprint of what it was there.",
		"channels":                  "The channels that an event is in, or that an endpoint is narrowed to.",
		"tags":                      "Labels that it can be found by.",
		"data_expires_at":           "When its data is erased, if that was asked for.",
		"notify":                    "E-mail addresses of those who look after it: each is told when it breaks and when it works again.",
		"max_endpoints":             "How many endpoints may listen to it; absent where the server's default holds.",
		"App.rate_limit":            "How fast each of its endpoints is sent to at most, beside a limit of the endpoint's own.",
		"schema_version":            "Which version schema is, if there were others.",
		"earlier_schemas":           "Schemas of other versions, by version.",
		"deprecated":                "Whether the type is to be chosen no more; its events go on.",
		"group":                     "A heading under which catalogues show it.",
		"feature_flags":             "What hides it from portal links that have none of these; of a portal link, those that it has.",
		"description":               "What happened when this is sent.",
		"schema":                    "JSON Schema of the events' data.",
		"example":                   "Data as a receiver might see it.",
		"validate":                  "Whether publishing checks data against the schema.",
		"archived":                  "Whether the type is archived.",
		"url":                       "Where requests go.",
		"events":                    "The event types it wants; none means all.",
		"Endpoint.apps":             "The apps that it listens to: names or, where events, subjects or filter differ by app, objects.",
		"Endpoint.description":      "For people: what it is for, and who looks after it.",
		"NewEndpoint.apps":          "The apps that it listens to: names or, where events, subjects or filter differ by app, objects.",
		"NewEndpoint.description":   "For people: what it is for, and who looks after it.",
		"SavedEndpoint.apps":        "The apps that it listens to: names or, where events, subjects or filter differ by app, objects.",
		"SavedEndpoint.description": "For people: what it is for, and who looks after it.",
		"subjects":                  "The patterns of subjects it wants; none means all.",
		"filter":                    "A JSON pattern over the event's data.",
		"dialect":                   "How events look on the wire.",
		"dialects":                  "The dialects that its people may choose, their default first; absent if they may choose any.",
		"dialect_options":           "What was chosen for options of dialects; an endpoint's go before its apps'.",
		"headers":                   "Headers sent with each request; values are shown to editors only.",
		"recipe":                    "The recipe that makes the requests; absent where the dialect does.",
		"recipe_fields":             "Values of the recipe's fields.",
		"Transform.code":            "JavaScript that defines the function.",
		"Transform.function":        "The function that it defines: transform(event), which returns a request (the default), or handler(webhook), which changes one and returns it, as Svix has it.",
		"Transform.disabled":        "Whether it is kept and not run.",
		"on_error":                  "What becomes of an event that it fails on: hold (the default) or fail.",
		"Auth.type":                 "The way to authenticate.",
		"username":                  "Of basic.",
		"Auth.name":                 "Of header and query: the name of the header or parameter.",
		"prefix":                    "Of header: what stands before the value.",
		"token_url":                 "Of oauth2: where tokens come from.",
		"client_id":                 "Of oauth2.",
		"scopes":                    "Of oauth2.",
		"client_auth":               "Of oauth2: how the client names itself to the server, basic or body.",
		"params":                    "Of oauth2: sent with each token request.",
		"certificate":               "Shown to receivers that ask for one, in PEM.",
		"ca":                        "Certificates trusted besides the system's, in PEM.",
		"credentials":               "Names of the secrets that are set besides the signing secret; what they are is never shown.",
		"capture":                   "Values taken out of answers: a JSON pointer by name.",
		"status":                    "Its state.",
		"locked":                    "Whether an operator holds it: then only admins change or delete it.",
		"locked_reason":             "Why it is locked, in the operator's words.",
		"disabled_reason":           "Why Bellhop itself disabled the endpoint.",
		"timeout":                   "Bounds the whole exchange.",
		"retry":                     "When a failed delivery is tried again.",
		"rate_limit":                "Spreads deliveries over time.",
		"per_second":                "Deliveries a second.",
		"burst":                     "How many may go at once after a quiet time.",
		"concurrency":               "How many requests may be in flight at once, where somebody has set it. Absent where it adapts to the receiver: the state of its lane says how many they are now.",
		"ordering":                  "Which deliveries wait for which.",
		"secret":                    "The signing secret.",
		"token":                     "The bearer token; shown this once.",
		"public_key":                "The public half of an Ed25519 key.",
		"role":                      "What the key may do.",
		"portal":                    "True for a portal link.",
		"session":                   "Of a session of the dashboard, the key that was signed in with: the session ends with it.",
		"device":                    "Of a session of the dashboard, where it was started: browser and system, such as Firefox on Windows; of a program, what it calls itself.",
		"trigger":                   "What made the delivery.",
		"attempts":                  "How many attempts were made so far.",
		"due":                       "When the next attempt may be made; absent once finished, and while it is held or waits for an earlier delivery of its order.",
		"last_attempt":              "The id of the newest attempt.",
		"number":                    "Counts the attempts of the delivery from 1.",
		"final":                     "Whether it ended the delivery.",
		"next_at":                   "When it is tried again.",
		"duration_ms":               "Length of the whole exchange in milliseconds.",
		"reason":                    "A stable word for why; absent for a success.",
		"detail":                    "A sentence that explains.",
		"request_headers":           "As sent. Viewers are shown the values of those that Bellhop and the dialects write; editors see all.",
		"method":                    "The method of the request; absent where it was POST.",
		"request_body":              "The beginning of what was sent, if a recipe, a transformation or a mail made it and it is UTF-8; shown to editors only.",
		"request_body_base64":       "The beginning of what was sent, if it is not UTF-8.",
		"request_truncated":         "Whether what was sent went on.",
		"captured":                  "Values taken out of the answer, by the endpoint's names for them.",
		"response_status":           "The HTTP status; absent if no answer came.",
		"response_headers":          "As received.",
		"response_body":             "The beginning of the body, if it is UTF-8.",
		"response_body_base64":      "The beginning of the body, if it is not UTF-8.",
		"response_truncated":        "Whether the body went on.",
		"outcome":                   "What became of the event at this endpoint.",
		"changed_since":             "True if it is judged by settings that were changed after the event.",
		"actor":                     "The id of the key that did it, or system.",
		"action":                    "What was done, such as endpoint.update.",
		"object":                    "The id or name of what was changed.",
		"AuditEntry.detail":         "What changed, never a secret.",
		"start":                     "Start of the bucket.",
		"succeeded":                 "Attempts that succeeded.",
		"failed":                    "Attempts that failed.",
		"exhausted":                 "Deliveries that ended without success.",
		"max_duration_ms":           "The longest attempt in milliseconds.",
		"StatsBucket.duration_ms":   "The sum of the attempts' durations in milliseconds.",
		"StatsBucket.duration":      "How long receivers took to answer.",
		"StatsBucket.latency":       "How long deliveries that succeeded took in all, from when they were due to the end of the attempt that succeeded.",
		"p50_ms":                    "Half of all took no longer, in milliseconds; within 5%; 0 if there were none.",
		"p95_ms":                    "95% took no longer.",
		"p99_ms":                    "99% took no longer.",
		"BacklogSample.at":          "When it was counted.",
		"BacklogSample.pending":     "Unfinished deliveries, the held ones included.",
		"oldest_age_ms":             "How old the oldest of them was, in milliseconds; 0 if there were none.",
		"circuit":                   "State of the circuit breaker.",
		"open_since":                "When the circuit opened.",
		"next_probe":                "When the next probe is sent.",
		"consecutive_failures":      "Failures in a row.",
		"last_failure":              "Why the last attempt failed.",
		"queued":                    "Deliveries in memory.",
		"held":                      "Why nothing is sent although the endpoint is active.",
		"in_flight":                 "Requests being made.",
		"LaneState.owner":           "The node that fetches what waits for the endpoint, where that is another than the one that answers: what is said of the circuit is what it has stored, and the counts are those of the node that answers.",
		"LaneState.concurrency":     "How many requests may be in flight now. Where nobody has set it, it grows beyond the endpoint's while the receiver bears that; it is lower while the receiver is overloaded.",
		"failing_since":             "Start of the first of an unbroken row of failures.",
		"field":                     "The path of the field, such as events[1].type; for data that breaks its schema, data and a JSON pointer.",
		"code":                      "Stable.",

		"LaneState.concurrency_reason": "Why: exact (somebody set it), starts (nothing has called for more or less), grown (the receiver answers as fast as with fewer), slower (with more, answers take longer), overloaded (it answered 429 or 503), failed (requests failed: it began anew), most (the operator allows no more), ordered (one at a time keeps the order), circuit (single requests probe whether it works), rests (this server had nothing to connect with).",

		"health":                           "How it does, by its latest attempts rather than by how it is set up.",
		"HealthState.state":                "healthy; failing (its latest requests failed, or its circuit is open); on_hold (it is active, but deliveries cannot be made); paused; disabled; unknown (nothing was sent since it was made, made active, or given another address or credentials).",
		"HealthState.reason":               "A stable word. Of a failing endpoint that of its latest failed attempt; else misconfigured, no_listener, held, all_held, new, changed, or gave_up where Bellhop itself disabled it.",
		"HealthState.response_status":      "What the receiver answered to the latest failed attempt; left out where no answer came.",
		"HealthState.detail":               "A sentence.",
		"HealthState.since":                "Since when, as far as that is known.",
		"HealthState.consecutive_failures": "How many attempts in a row failed. Left out where they include those of apps beyond the key.",
		"HealthState.last_failure":         "The latest failed attempt, of a failing endpoint.",
		"circuit_open":                     "Deliveries wait while single ones are tried.",
		"Failure.reason":                   "Why the latest attempts failed: a stable word.",
		"Failure.response_status":          "What the receiver answered; left out where no answer came.",
		"Failure.detail":                   "That of the newest attempt.",
		"ResumedEndpoint.apps":             "The apps that it listens to: names or, where events, subjects or filter differ by app, objects.",
		"ResumedEndpoint.description":      "For people: what it is for, and who looks after it.",
		"copies_waiting":                   "Further deliveries of the event to the endpoint that have not ended, besides the one that this is about.",
		"waiting":                          "Deliveries that wait to be tried again, by themselves.",
		"Failure.failed":                   "Deliveries that were given up, of events that have not arrived since.",
		"oldest_at":                        "When the oldest of their latest attempts was made.",
		"newest_at":                        "When the newest of them was made.",
		"newest_attempt":                   "Its id.",
		"Failure.next_at":                  "When the first of those that wait is tried; absent if none is before something is changed.",
		"disables_at":                      "When it is disabled if it takes no event before; absent if it is not.",
		"next_try_at":                      "When the next delivery is tried, of a failing endpoint, as far as that is known.",
	}
}

// examples are those of fields that are not tagged, by their names, or by the name of
// their Go type.
func examples() map[string]any {
	return map[string]any{
		"EndpointStatus": bellhop.EndpointActive, "apps": []string{"acme"},
		"app": "acme", "id": "acme", "type": "invoice.purchase", "url": "https://example.com/hooks", "dialect": "standard",
		"status": "succeeded", "trigger": "publish", "ordering": "none", "role": "editor", "circuit": "closed",
		"name": "invoice.purchase", "secret": "whsec_…", "token": "bh_…",
		"actor": "system", "action": "event_type.update", "object": "invoice.purchase",
		"outcome": "failed", "detail": "The receiver answered 500.",
		"field": "app", "code": "required", "algorithm": "hmac-sha256", "encoding": "base64", "header": "webhook-signature",
	}
}
