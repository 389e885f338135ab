package api

import (
	"reflect"

	"github.com/bellhop/bellhop"
)

// route is one operation of the API.
type route struct {
	method, path string
	// id names the operation in the access matrix, in the OpenAPI document, in
	// metrics and in the log.
	id  string
	tag string

	summary, description string
	// statuses are those of successes, the usual one first.
	statuses []int
	// codes are the problems that are particular to it.
	codes  []bellhop.Code
	input  *plan
	output reflect.Type
	// content is the type of an answer that is not JSON.
	content string

	access  access
	public  bool
	maxBody int64
	// needs are fields of the body that this route needs although its Go type,
	// which it shares with others, does not say so.
	needs []string
	serve func(c *call) error
}

// fails names the problems that are particular to a route.
func (r route) fails(codes ...bellhop.Code) route {
	r.codes = codes
	return r
}

// takes bounds a route's body.
func (r route) takes(maxBody int64) route {
	r.maxBody = maxBody
	return r
}

// demands names the fields that a route's body must have.
func (r route) demands(fields ...string) route {
	r.needs = fields
	return r
}

// open makes a route public.
func (r route) open() route {
	r.public = true
	return r
}

// plain is a route that writes its answer itself.
func plain(path, id, tag, content string, serve func(*call) error, summary, description string) route {
	return route{
		method: "GET", path: path, id: id, tag: tag, summary: summary, description: description,
		statuses: []int{200}, input: &plan{}, content: content, serve: serve,
	}
}

// routes lists every route of the API. Who may use which is said in access.go.
func (a *api) routes() []route {
	const (
		events  = "Events"
		logs    = "Logs"
		apps    = "Apps"
		types   = "Event types"
		doors   = "Endpoints"
		stats   = "Statistics"
		keys    = "Access"
		wire    = "Dialects"
		inboxes = "Inboxes"
		probes  = "Probes"
	)
	publishing := []bellhop.Code{
		bellhop.CodeUnknownApp, bellhop.CodeUnknownType, bellhop.CodeArchivedType, bellhop.CodeInvalidData,
		bellhop.CodeIDConflict, bellhop.CodeTooLarge,
	}
	list := []route{
		on("POST /v1/events", "publishEvent", events, a.publishEvent,
			"Publish an event",
			"Accepts one event for every endpoint of its app that listens to it. The answer comes when the event and its deliveries are durable; data is kept and sent byte for byte. With an id, publishing is idempotent.", 202).
			takes(a.o.MaxEventBody).fails(publishing...),
		on("POST /v1/events/batch", "publishBatch", events, a.publishBatch,
			"Publish up to 1000 events",
			"Accepts all of the events or, if one of them is wrong, none. Answers one receipt per event, in order. Fields at fault are named with their place, such as events[3].type.", 202).
			takes(a.o.MaxBatchBody).fails(publishing...),
		on("GET /v1/events", "listEvents", events, a.listEvents,
			"List events", "Newest first, without their data.", 200).
			fails(bellhop.CodeUnknownApp),
		on("POST /v1/events/erase", "eraseSubject", events, a.eraseSubject,
			"Erase a subject's events",
			"Privacy: erases, for good, the data of all events of a subject and everything captured of their attempts, and cancels their pending deliveries. The lines of the log stay.", 200).
			fails(bellhop.CodeUnknownApp),
		on("GET /v1/events/{id}", "getEvent", events, a.getEvent,
			"Get an event", "With its data, byte for byte as published.", 200),
		on("DELETE /v1/events/{id}", "eraseEvent", events, a.eraseEvent,
			"Erase an event",
			"Privacy: erases, for good, the event's data and everything captured of its attempts, and cancels its pending deliveries. The lines of the log stay. Erasing again changes nothing.", 204),
		on("GET /v1/events/{id}/deliveries", "listEventDeliveries", events, a.listEventDeliveries,
			"List an event's deliveries", "Who got it, or is to get it. By their latest news, newest first.", 200),
		on("GET /v1/events/{id}/explain", "explainEvent", events, a.explainEvent,
			"Explain an event's deliveries",
			"For every endpoint of the event's app: whether it got the event, and why or why not: type, subject or filter did not match; paused; disabled; circuit open; failed with which response; next try when.", 200),
		on("POST /v1/events/{id}/resend", "resendEvent", events, a.resendEvent,
			"Send an event again",
			"Makes new deliveries, which leave the retries of earlier ones alone: to one endpoint or, without a body, to every endpoint that got it or would get it now.", 202).
			fails(bellhop.CodeErased, bellhop.CodeEndpointStatus, bellhop.CodeUnsubscribed),

		on("GET /v1/deliveries", "listDeliveries", logs, a.listDeliveries,
			"List deliveries", "One line per event and endpoint, by their latest news, newest first.", 200).
			fails(bellhop.CodeUnknownApp),
		on("GET /v1/deliveries/{id}", "getDelivery", logs, a.getDelivery,
			"Get a delivery", "Its state and how many attempts it took.", 200),
		on("GET /v1/attempts", "listAttempts", logs, a.listAttempts,
			"List attempts", "One line per HTTP request made, newest first, without headers and bodies.", 200).
			fails(bellhop.CodeUnknownApp),
		on("GET /v1/attempts/{id}", "getAttempt", logs, a.getAttempt,
			"Get an attempt", "With the headers sent and received and the kept part of the response's body: as text, or in base64 if it is not UTF-8.", 200),
		a.stream("GET /v1/stream", streamOperation, logs,
			"Follow attempts",
			"Server-sent events, as attempts are recorded by the node that answers: \"attempt\" with an attempt (without headers and bodies) as data and its id as id, and \"lost\" with {\"count\":n} when the reader was too slow and n attempts were left out; they are in the log. A comment every 15 seconds keeps the connection alive."),

		on("GET /v1/apps", "listApps", apps, a.listApps,
			"List apps", "By id. Keys limited to apps see those.", 200),
		on("POST /v1/apps", "createApp", apps, a.createApp,
			"Create an app", "With an id of your choice or, without one, an id that is made.", 201).
			fails(bellhop.CodeConflict),
		on("GET /v1/apps/{id}", "getApp", apps, a.getApp, "Get an app", "Its name and metadata.", 200),
		on("PUT /v1/apps/{id}", "putApp", apps, a.putApp,
			"Create or replace an app", "Answers 201 if it was created, 200 if it was replaced. Its endpoints and events stay.", 200, 201).
			fails(bellhop.CodeConflict),
		on("PATCH /v1/apps/{id}", "patchApp", apps, a.patchApp,
			"Change an app", "Fields that are given are set, null resets them, the others stay. Metadata is replaced as a whole.", 200).
			fails(bellhop.CodeConflict),
		on("DELETE /v1/apps/{id}", "deleteApp", apps, a.deleteApp,
			"Delete an app", "With its events, deliveries and log, for good. Endpoints that listen to other apps, too, lose this one; the others are deleted.", 204).
			fails(bellhop.CodeConflict),

		on("GET /v1/event-types", "listEventTypes", types, a.listEventTypes,
			"List event types", "The catalogue, by name.", 200),
		on("GET /v1/event-types/{name}", "getEventType", types, a.getEventType,
			"Get an event type", "Its description, schema and example.", 200),
		on("PUT /v1/event-types/{name}", "putEventType", types, a.putEventType,
			"Create or replace an event type",
			"Answers 201 if it was created, 200 if it was replaced. With validate, publishing checks data against the schema and names each violation by JSON pointer.", 200, 201).
			fails(bellhop.CodeConflict),
		on("DELETE /v1/event-types/{name}", "deleteEventType", types, a.deleteEventType,
			"Delete an event type", "From the catalogue; events of the type stay. To keep it readable, archive it instead.", 204).
			fails(bellhop.CodeConflict),

		on("GET /v1/endpoints", "listEndpoints", doors, a.listEndpoints,
			"List endpoints", "Newest first.", 200).
			fails(bellhop.CodeUnknownApp),
		on("POST /v1/endpoints", "createEndpoint", doors, a.createEndpoint,
			"Create an endpoint",
			"Needs apps and url; everything else has a default. The answer holds the signing secret: the only time that it is shown without being asked for. With verify, fails unless the URL answers a test event with 2xx.", 201).
			demands("apps", "url").fails(bellhop.CodeUnknownApp, bellhop.CodeVerification),
		on("GET /v1/endpoints/{id}", "getEndpoint", doors, a.getEndpoint,
			"Get an endpoint", "All but its secrets.", 200),
		on("PATCH /v1/endpoints/{id}", "updateEndpoint", doors, a.updateEndpoint,
			"Change an endpoint",
			"Fields that are given are set, null resets them to their defaults, the others stay. Lists and objects are replaced as a whole. Takes a key that reaches all of its apps.", 200).
			fails(bellhop.CodeUnknownApp, bellhop.CodeConflict, bellhop.CodeVerification),
		on("DELETE /v1/endpoints/{id}", "deleteEndpoint", doors, a.deleteEndpoint,
			"Delete an endpoint", "Cancels its pending deliveries; its log stays.", 204).
			fails(bellhop.CodeConflict),
		on("POST /v1/endpoints/{id}/pause", "pauseEndpoint", doors, a.pauseEndpoint,
			"Pause an endpoint", "Its deliveries are held until it is resumed; none is dropped.", 200).
			fails(bellhop.CodeConflict),
		on("POST /v1/endpoints/{id}/resume", "resumeEndpoint", doors, a.resumeEndpoint,
			"Resume an endpoint", "Makes a paused or disabled endpoint active. What was held goes out, oldest first.", 200).
			fails(bellhop.CodeConflict),
		on("POST /v1/endpoints/{id}/test", "testEndpoint", doors, a.testEndpoint,
			"Send a test event", "Sends at once, makes one attempt and answers it. A body is not needed.", 200),
		on("POST /v1/endpoints/{id}/replay", "replayEndpoint", doors, a.replayEndpoint,
			"Replay events to an endpoint",
			"Sends events of a range of time that the endpoint would get now, oldest first. One call covers at most limit events. Unless done is true, send the same request again with next_cursor as cursor: what is beyond it was not replayed yet.", 202).
			fails(bellhop.CodeEndpointStatus),
		on("GET /v1/endpoints/{id}/secret", "getSecrets", doors, a.getSecrets,
			"Show an endpoint's secrets", "Those that are valid now, newest first. Noted in the audit log.", 200),
		on("POST /v1/endpoints/{id}/secret/rotate", "rotateSecret", doors, a.rotateSecret,
			"Rotate an endpoint's secret",
			"Requests are signed with the new secret at once and, until grace is over, with the old one too, if the dialect can carry several signatures. A body is not needed.", 200).
			fails(bellhop.CodeConflict),
		on("GET /v1/endpoints/{id}/stats", "getEndpointStats", doors, a.getEndpointStats,
			"Show how an endpoint is doing", "The state of its lane, how much is pending, and attempts counted over time.", 200),
		on("GET /v1/endpoints/troubled", "listTroubledEndpoints", doors, a.listTroubledEndpoints,
			"List endpoints in trouble", "Those that are disabled by Bellhop, fail, wait behind an open circuit or have fallen behind: the gravest first, at most 100.", 200).
			fails(bellhop.CodeUnknownApp),
		on("POST /v1/endpoints/preview", "previewEndpoint", doors, a.previewEndpoint,
			"Preview a request", "The exact request that an endpoint with these settings would be sent: nothing is sent and nothing is saved.", 200).
			fails(bellhop.CodeUnknownApp),

		on("GET /v1/stats", "getStats", stats, a.getStats,
			"Count attempts over time", "The last 24 hours, unless since or until says otherwise.", 200).
			fails(bellhop.CodeUnknownApp),
		on("GET /v1/stats/backlog", "getBacklog", stats, a.getBacklog,
			"Count unfinished deliveries over time", "Of the whole installation. The last 24 hours, unless since or until says otherwise.", 200),
		on("GET /v1/stats/endpoints", "compareEndpoints", stats, a.compareEndpoints,
			"Count attempts over time for several endpoints", "What a list of endpoints needs to show how each is doing.", 200),

		on("POST /v1/inboxes", "createInbox", inboxes, a.createInbox,
			"Create an inbox", "A temporary receiver inside Bellhop: give an endpoint its url, and see what arrives and whether the signature verifies. It keeps the newest requests, in memory, until it expires. The operator must have enabled inboxes.", 201).
			fails(bellhop.CodeInboxesOff, bellhop.CodeUnknownApp, bellhop.CodeConflict),
		on("GET /v1/inboxes", "listInboxes", inboxes, a.listInboxes,
			"List inboxes", "Newest first.", 200).
			fails(bellhop.CodeInboxesOff, bellhop.CodeUnknownApp),
		on("GET /v1/inboxes/{token}", "getInbox", inboxes, a.getInbox,
			"Look into an inbox", "With the requests that it keeps, newest first.", 200).
			fails(bellhop.CodeInboxesOff),
		on("PATCH /v1/inboxes/{token}", "updateInbox", inboxes, a.updateInbox,
			"Change how an inbox answers", "For instance with 500, to see retries.", 200).
			fails(bellhop.CodeInboxesOff),
		on("DELETE /v1/inboxes/{token}", "deleteInbox", inboxes, a.deleteInbox,
			"Delete an inbox", "Endpoints that have it as their url will be answered 410 and be disabled.", 204).
			fails(bellhop.CodeInboxesOff),

		on("POST /v1/keys", "createKey", keys, a.createKey,
			"Create a key", "The answer holds its token, which is shown this once: only its hash is kept.", 201).
			fails(bellhop.CodeUnknownApp),
		on("GET /v1/keys", "listKeys", keys, a.listKeys,
			"List keys", "Portal links and sessions of the dashboard included, newest first, without those that have expired. A session names the key that was signed in with.", 200),
		on("DELETE /v1/keys/{id}", "deleteKey", keys, a.deleteKey,
			"Delete a key", "Ends a key, with its sessions, a portal link or a session at once.", 204),
		on("POST /v1/portal-links", "createPortalLink", keys, a.createPortalLink,
			"Create a portal link", "Short-lived access to one app, made to be put in your own pages: open its url, or show it in a frame. DELETE /v1/keys/{id} ends it early.", 201).
			fails(bellhop.CodeUnknownApp),
		on("GET /v1/audit", "listAudit", keys, a.listAudit,
			"Read the audit log", "Who changed what, newest first. Keys limited to apps see what concerns those.", 200).
			fails(bellhop.CodeUnknownApp),
		on("POST /v1/session", "startSession", keys, a.startSession,
			"Sign in to the dashboard", "Answers a cookie that stands for the key in a browser, __Host-bellhop_session over https and bellhop_session over http: it cannot be read by scripts and ends with the key, with DELETE /v1/session or after a week. Requests with it are taken from Bellhop's own pages only. Too many wrong keys from one address are refused for a while (429).", 201).
			open().takes(4<<10).fails(codeUnauthorized, codeForbidden, codeCrossOrigin, codeTooMany, bellhop.CodeInvalid),
		on("GET /v1/session", "getSession", keys, a.getSession,
			"Who am I?", "What the key, session (the cookie __Host-bellhop_session, or bellhop_session over http) or portal link of this request may do.", 200),
		on("DELETE /v1/session", "endSession", keys, a.endSession,
			"Sign out", "Ends the session of this request and takes its cookie away, __Host-bellhop_session or, over http, bellhop_session. A key or portal link stays as it is.", 204),
		on("GET /v1/branding", "getBranding", keys, a.getBranding,
			"How the portal presents itself", "The operator's name, colour and logo.", 200).open(),
		on("GET /v1/settings", "getSettings", keys, a.getSettings,
			"The server's settings", "As they are in force, and where each comes from.", 200),

		on("GET /v1/dialects", "listDialects", wire, a.listDialects,
			"List dialects", "How events can look on the wire: body and header templates and signature rules.", 200),
		on("GET /v1/dialects/{name}", "getDialect", wire, a.getDialect,
			"Get a dialect", "Its definition, as in a configuration file.", 200),
		on("GET /v1/dialects/{name}/code", "getVerificationCode", wire, a.getVerificationCode,
			"Get code that verifies a dialect", "For a receiver, in Node, Python, Go, PHP, Ruby, Java and C#.", 200),

		on("GET /healthz", "healthz", probes, a.healthz,
			"Is the process alive?", "Always ok.", 200).open(),
		on("GET /readyz", "readyz", probes, a.readyz,
			"Can events be published?", "503 while it is starting or shutting down, or the store does not take writes.", 200).
			open().fails(bellhop.CodeUnavailable),
		plain("/metrics", "metrics", probes, "text/plain", a.serveMetrics(),
			"Prometheus metrics", "In the text format of Prometheus.").open(),
		plain("/openapi.json", "openapi", probes, "application/json", a.serveDocument,
			"This document", "OpenAPI 3.1. Its webhooks section is made from the event types.").open(),
		plain("/docs", "docs", probes, "text/html", serveDocs,
			"This document, to read", "A page that needs no other host.").open(),
		plain("/docs/redoc.standalone.js", "docsScript", probes, "text/javascript", serveRedoc,
			"The script of that page", "Redoc.").open(),
	}
	who := matrix()
	for i := range list {
		list[i].access = who[list[i].id]
	}
	return list
}

// stream is the route of the server-sent events.
func (a *api) stream(pattern, id, tag, summary, description string) route {
	r := on(pattern, id, tag, func(*call, attemptFilter) (none, error) { return none{}, nil }, summary, description, 200)
	r.content, r.serve = "text/event-stream", streamAttempts
	return r.fails(bellhop.CodeUnknownApp)
}
