package native

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

// routes lists every route of the API. Who may use which is said in package desk.
func (n *native) routes() []api.Route {
	const (
		events  = "Events"
		logs    = "Logs"
		apps    = "Apps"
		types   = "Event types"
		doors   = "Endpoints"
		stats   = "Statistics"
		keys    = "Access"
		shapes  = "Dialects"
		inboxes = "Inboxes"
		probes  = "Probes"
	)
	publishing := []bellhop.Code{
		bellhop.CodeUnknownApp, bellhop.CodeUnknownType, bellhop.CodeArchivedType, bellhop.CodeInvalidData,
		bellhop.CodeIDConflict, bellhop.CodeTooLarge, bellhop.CodeBacklogFull,
	}
	return []api.Route{
		api.On("POST /v1/events", "publishEvent", events, n.publishEvent,
			"Publish an event",
			"Accepts one event for every endpoint of its app that listens to it. The answer comes when the event and its deliveries are durable; data is kept and sent byte for byte. With an id, publishing is idempotent.", 202).
			Takes(n.o.MaxEventBody).Fails(publishing...),
		api.On("POST /v1/events/batch", "publishBatch", events, n.publishBatch,
			"Publish up to 1000 events",
			"Accepts all of the events or, if one of them is wrong, none. Answers one receipt per event, in order. Fields at fault are named with their place, such as events[3].type.", 202).
			Takes(n.o.MaxBatchBody).Fails(publishing...),
		api.Uploading[wire.Publication, wire.Streamed]("POST /v1/events/stream", "publishStream", events, n.publishStream,
			"Publish any number of events",
			"For bulk publishers. Lines of JSON (application/x-ndjson) go in, each an event as POST /v1/events takes it, and while they do, lines come out: each answers one of them, in their order, once its event and its deliveries are durable. A line at fault is refused by itself, and the stream goes on. Read the answers while you send: who does not is waited for, and then cut off.\n\nThe last line has end. Where it is missing, or has an error, send again from the first line that was not answered, with the same ids: what was accepted already is answered as a duplicate. A line without an id that was sent and not answered may have been accepted; sent again, it is another event.\n\nBlank lines are passed over: one now and then keeps an idle stream open, which ends after two minutes without a byte. A stream counts as the others of its key do, and each of its blocks, of up to 250 lines that arrived together, as one request.").
			Takes(n.o.MaxEventBody).Fails(publishing...),
		api.On("GET /v1/events", "listEvents", events, n.listEvents,
			"List events", "Newest first, without their data, each with how it stands. With outcome or where, each request looks at a bounded number of events: a page may be short, or empty, while there is a next_cursor to go on with.", 200).
			Fails(bellhop.CodeUnknownApp).
			Reads("app", "subject", "type", "since"),
		api.On("POST /v1/events/erase", "eraseSubject", events, n.eraseSubject,
			"Erase a subject's events",
			"Privacy: erases, for good, the data of all events of a subject and everything captured of their attempts, and cancels their pending deliveries. The lines of the log stay.", 200).
			Fails(bellhop.CodeUnknownApp),
		api.Downloading("GET /v1/events/export", "exportEvents", events, "application/x-ndjson", n.exportEvents,
			"Export events", "The list with the same filters, from the newest on and to its end, with no more in memory than a page: as CSV or JSON lines. The trailer Bellhop-Download says \"complete\" and how many rows there are; what is cut off, as by a shutdown or a key that ends, says so there and in its last line. An export counts as a stream; its pages take their turns with others that look through logs."+" With their data.").
			Fails(bellhop.CodeUnknownApp).
			Reads("app", "subject", "type", "since"),
		api.On("GET /v1/events/{id}", "getEvent", events, n.getEvent,
			"Get an event", "With its data, byte for byte as published.", 200),
		api.On("DELETE /v1/events/{id}", "eraseEvent", events, n.eraseEvent,
			"Erase an event",
			"Privacy: erases, for good, the event's data and everything captured of its attempts, and cancels its pending deliveries. The lines of the log stay. Erasing again changes nothing.", 204),
		api.On("GET /v1/events/{id}/deliveries", "listEventDeliveries", events, n.listEventDeliveries,
			"List an event's deliveries", "Who got it, or is to get it, newest first.", 200).
			Reads(),
		api.On("GET /v1/events/{id}/explain", "explainEvent", events, n.explainEvent,
			"Explain an event's deliveries",
			"For every endpoint of the event's app, newest first: whether it got the event, and why or why not: type, subject or filter did not match; paused; disabled; circuit open; failed with which response; next try when.", 200).
			Reads(),
		api.On("POST /v1/events/{id}/resend", "resendEvent", events, n.resendEvent,
			"Send an event again",
			"Makes new deliveries, which leave earlier ones alone until one of them has arrived: then those that still wait are settled. To one endpoint or, without a body, to every endpoint that got it or would get it now. One that waits already, due and not tried yet, is answered instead of another.", 202).
			Fails(bellhop.CodeErased, bellhop.CodeEndpointStatus, bellhop.CodeUnsubscribed, bellhop.CodeBacklogFull),

		api.On("GET /v1/deliveries", "listDeliveries", logs, n.listDeliveries,
			"List deliveries", "One line per event and endpoint, newest first by when they were made: one that ends keeps its place.", 200).
			Fails(bellhop.CodeUnknownApp).
			Reads("event", "endpoint", "app", "since"),
		api.Downloading("GET /v1/deliveries/export", "exportDeliveries", logs, "application/x-ndjson", n.exportDeliveries,
			"Export deliveries", "The list with the same filters, from the newest on and to its end, with no more in memory than a page: as CSV or JSON lines. The trailer Bellhop-Download says \"complete\" and how many rows there are; what is cut off, as by a shutdown or a key that ends, says so there and in its last line. An export counts as a stream; its pages take their turns with others that look through logs.").
			Fails(bellhop.CodeUnknownApp).
			Reads("event", "endpoint", "app", "status", "since"),
		api.On("GET /v1/deliveries/{id}", "getDelivery", logs, n.getDelivery,
			"Get a delivery", "Its state and how many attempts it took.", 200),
		api.On("POST /v1/deliveries/{id}/try", "tryDelivery", logs, n.tryDelivery,
			"Try a delivery now",
			"One that waits for a later time is made due now: it is moved, not copied, and the attempt uses up none of its retries. One that is held, since no request could be made of its event, is let go. Where the endpoint's circuit is open, a single delivery is tried at once, and the others follow if it is taken.", 202).
			Fails(bellhop.CodeConflict, bellhop.CodeEndpointStatus),
		api.On("GET /v1/failures", "listFailures", logs, n.listFailures,
			"List failures by cause", "What failed and has not arrived since, by endpoint, reason and status: how many deliveries wait to be tried again and how many were given up, and the newest attempt as an example. Tests do not count.", 200).
			Fails(bellhop.CodeUnknownApp).
			Reads(),
		api.On("GET /v1/attempts", "listAttempts", logs, n.listAttempts,
			"List attempts", "One line per HTTP request made, newest first, without headers and bodies.", 200).
			Fails(bellhop.CodeUnknownApp).
			Reads("delivery", "event", "endpoint", "app", "since"),
		api.Downloading("GET /v1/attempts/export", "exportAttempts", logs, "application/x-ndjson", n.exportAttempts,
			"Export attempts", "The list with the same filters, from the newest on and to its end, with no more in memory than a page: as CSV or JSON lines. The trailer Bellhop-Download says \"complete\" and how many rows there are; what is cut off, as by a shutdown or a key that ends, says so there and in its last line. An export counts as a stream; its pages take their turns with others that look through logs.").
			Fails(bellhop.CodeUnknownApp).
			Reads("delivery", "event", "endpoint", "app", "since"),
		api.On("GET /v1/attempts/{id}", "getAttempt", logs, n.getAttempt,
			"Get an attempt", "With the request as it was sent, headers and body, and the response with the kept part of its body; bodies as text, or in base64 if they are not UTF-8. Where credentials went, headers and URL say (hidden).", 200),
		api.Streaming("GET /v1/stream", "streamAttempts", logs, n.streamAttempts,
			"Follow attempts",
			"Server-sent events, as attempts are recorded by the node that answers: \"attempt\" with an attempt (without headers and bodies) as data and its id as id, and \"lost\" with {\"count\":n} when the reader was too slow and n attempts were left out: they are in the log, and the stream ends, to be connected anew after the time in retry. A comment every 15 seconds keeps the connection alive. There are bounds of how many streams are open at once, by key and app (429) and in all (503).").
			Fails(bellhop.CodeUnknownApp),

		api.On("GET /v1/apps", "listApps", apps, n.listApps,
			"List apps", "By id. Keys limited to apps see those.", 200),
		api.On("POST /v1/apps", "createApp", apps, n.createApp,
			"Create an app", "With an id of your choice or, without one, an id that is made.", 201).
			Fails(bellhop.CodeConflict),
		api.On("GET /v1/apps/{id}", "getApp", apps, n.getApp, "Get an app", "Its name and metadata.", 200),
		api.On("PUT /v1/apps/{id}", "putApp", apps, n.putApp,
			"Create or replace an app", "Answers 201 if it was created, 200 if it was replaced. Its endpoints and events stay.", 200, 201).
			Fails(bellhop.CodeConflict),
		api.On("PATCH /v1/apps/{id}", "patchApp", apps, n.patchApp,
			"Change an app", "Fields that are given are set, null resets them, the others stay. Metadata is replaced as a whole.", 200).
			Fails(bellhop.CodeConflict),
		api.On("DELETE /v1/apps/{id}", "deleteApp", apps, n.deleteApp,
			"Delete an app", "With its events, deliveries and log, for good. Endpoints that listen to other apps, too, lose this one; the others are deleted.", 204).
			Fails(bellhop.CodeConflict),

		api.On("GET /v1/apps/{id}/notices", "getAppNotices", apps, n.getAppNotices,
			"Show whom an app's people are told by", "Addresses and chats that are told when endpoints of the app break, and when they work again.", 200).
			Fails(bellhop.CodeUnavailable),
		api.On("PUT /v1/apps/{id}/notices", "putAppNotices", apps, n.putAppNotices,
			"Set whom to tell of an app's endpoints", "One message tells what breaks together, a digest what is broken still, and one that it works again. Replaced as a whole; a chat is kept by its id. What is left out has its default.", 200).
			Fails(bellhop.CodeConflict, bellhop.CodeUnavailable),
		api.On("POST /v1/apps/{id}/notices/test", "testAppNotices", apps, n.testAppNotices,
			"Send a test to an app's people", "To all who are told, at once; the answer says what came of each. At most one every three seconds (429).", 200).
			Fails(bellhop.CodeTooMany, bellhop.CodeUnavailable),
		api.On("GET /v1/notices", "getNotices", probes, n.getNotices,
			"Show whom the operators are told by", "Of every app and of the installation; and how telling goes.", 200).
			Fails(bellhop.CodeUnavailable),
		api.On("PUT /v1/notices", "putNotices", probes, n.putNotices,
			"Set how the operators are told", "As that of an app, for all apps and the installation: its backlog, its database and disk.", 200).
			Fails(bellhop.CodeConflict, bellhop.CodeUnavailable),
		api.On("POST /v1/notices/test", "testNotices", probes, n.testNotices,
			"Send the operators a test", "To all who are told, or to one address: a test of the mail server.", 200).
			Fails(bellhop.CodeTooMany, bellhop.CodeUnavailable),

		api.On("GET /v1/event-types", "listEventTypes", types, n.listEventTypes,
			"List event types", "The catalogue, by name.", 200),
		api.On("GET /v1/event-types/fields", "listEventFields", types, n.listEventFields,
			"List fields of events' data", "What filters can be about: by the catalogue's schemas and examples, and by recent events. At most 300; a help, and no promise.", 200).
			Fails(bellhop.CodeUnknownApp).
			Reads(),
		api.On("GET /v1/event-types/{name}", "getEventType", types, n.getEventType,
			"Get an event type", "Its description, schema and example.", 200),
		api.On("PUT /v1/event-types/{name}", "putEventType", types, n.putEventType,
			"Create or replace an event type",
			"Answers 201 if it was created, 200 if it was replaced. With validate, publishing checks data against the schema and names each violation by JSON pointer.", 200, 201).
			Fails(bellhop.CodeConflict),
		api.On("DELETE /v1/event-types/{name}", "deleteEventType", types, n.deleteEventType,
			"Delete an event type", "From the catalogue; events of the type stay. To keep it readable, archive it instead.", 204).
			Fails(bellhop.CodeConflict),

		api.On("GET /v1/endpoints", "listEndpoints", doors, n.listEndpoints,
			"List endpoints", "Newest first.", 200).
			Fails(bellhop.CodeUnknownApp),
		api.On("POST /v1/endpoints", "createEndpoint", doors, n.createEndpoint,
			"Create an endpoint",
			"Needs url, unless its recipe knows one, and apps, unless its subjects are URNs that name them; everything else has a default. The answer holds the signing secret: the only time that it is shown without being asked for. With verify, fails unless the URL answers a test event with 2xx. An app has at most max_endpoints of them (409).", 201).
			Fails(bellhop.CodeUnknownApp, bellhop.CodeConflict, bellhop.CodeVerification, bellhop.CodeLocked),
		api.On("GET /v1/endpoints/{id}", "getEndpoint", doors, n.getEndpoint,
			"Get an endpoint", "All but its secrets.", 200),
		api.On("PATCH /v1/endpoints/{id}", "updateEndpoint", doors, n.updateEndpoint,
			"Change an endpoint",
			"Fields that are given are set, null resets them to their defaults, the others stay. Lists and objects are replaced as a whole. Takes a key that reaches all of its apps. An endpoint that is locked is changed by admins alone (403 locked).", 200).
			Fails(bellhop.CodeUnknownApp, bellhop.CodeConflict, bellhop.CodeVerification, bellhop.CodeLocked),
		api.On("DELETE /v1/endpoints/{id}", "deleteEndpoint", doors, n.deleteEndpoint,
			"Delete an endpoint", "Cancels its pending deliveries; its log stays.", 204).
			Fails(bellhop.CodeConflict, bellhop.CodeLocked),
		api.On("POST /v1/endpoints/{id}/pause", "pauseEndpoint", doors, n.pauseEndpoint,
			"Pause an endpoint", "Its deliveries are held until it is resumed; none is dropped.", 200).
			Fails(bellhop.CodeConflict, bellhop.CodeLocked),
		api.On("POST /v1/endpoints/{id}/resume", "resumeEndpoint", doors, n.resumeEndpoint,
			"Resume an endpoint", "Makes a paused or disabled endpoint active. What was held and is due goes out now, oldest first, and what waits for a retry keeps its time: the answer counts both. Deliveries that are held since no request could be made of their events are tried again, also if the endpoint has been active.", 200).
			Fails(bellhop.CodeConflict, bellhop.CodeLocked),
		api.On("POST /v1/endpoints/{id}/test", "testEndpoint", doors, n.testEndpoint,
			"Send a test event", "Sends at once, makes one attempt and answers it. A body is not needed.", 200).
			Fails(bellhop.CodeLocked),
		api.On("POST /v1/endpoints/{id}/try", "tryEndpoint", doors, n.tryEndpoint,
			"Try now what waits at an endpoint",
			"Deliveries that failed and wait for a later time are made due now, oldest first: all, or those that failed for a cause. They are moved, not copied, keep their order, and use up none of their retries. Where the endpoint's circuit is open, a single delivery is tried at once, and the others follow if it is taken. A body is not needed.", 202).
			Fails(bellhop.CodeEndpointStatus).
			Reads(),
		api.On("POST /v1/endpoints/{id}/check", "checkEndpoint", doors, n.checkEndpoint,
			"Check an endpoint's receiver", "Sends at once up to ten requests, with the type webhook.test: one as events will be, the same once more, one with a changed body, an old one, one with another secret, one without a signature, one with 256 KiB of data, and two together; and says what the receiver does with each, and what to do about it. They are no deliveries and are in no log but the audit's. It takes at most a minute. A body is not needed.", 200).
			Fails(bellhop.CodeLocked, bellhop.CodeEndpointStatus, bellhop.CodeTooMany),
		api.On("POST /v1/requests/check", "checkRequest", doors, n.checkRequest,
			"Check a request", "Says whether a request that a receiver got was signed as it should be and, if not, what happened to it: a changed body, another secret, a header that is missing or renamed, the wrong time or dialect. Give the headers and the body as they arrived, or an attempt, or both. It is checked with the secrets of endpoints that the key may change, or with one that is given. Nothing is sent and nothing is kept.", 200).
			Takes(2 << 20).Fails(bellhop.CodeTooMany),
		api.On("POST /v1/endpoints/{id}/replay", "replayEndpoint", doors, n.replayEndpoint,
			"Replay events to an endpoint",
			"Sends events of a range of time that the endpoint would get now, oldest first; one that waits there already is not added again. One call covers at most limit events. Unless done is true, send the same request again with next_cursor as cursor: what is beyond it was not replayed yet.", 202).
			Fails(bellhop.CodeEndpointStatus, bellhop.CodeBacklogFull).
			Reads(),
		api.On("GET /v1/endpoints/{id}/secret", "getSecrets", doors, n.getSecrets,
			"Show an endpoint's secrets", "Those that are valid now, newest first. Noted in the audit log.", 200),
		api.On("POST /v1/endpoints/{id}/secret/rotate", "rotateSecret", doors, n.rotateSecret,
			"Rotate an endpoint's secret",
			"Requests are signed with the new secret at once and, until grace is over, with the old one too, if the dialect can carry several signatures. A body is not needed.", 200).
			Fails(bellhop.CodeManySecrets, bellhop.CodeConflict, bellhop.CodeLocked),
		api.On("GET /v1/endpoints/{id}/stats", "getEndpointStats", doors, n.getEndpointStats,
			"Show how an endpoint is doing", "The state of its lane, how much is pending, and attempts counted over time.", 200).
			Reads("since"),
		api.On("GET /v1/endpoints/troubled", "listTroubledEndpoints", doors, n.listTroubledEndpoints,
			"List endpoints in trouble", "Those that are disabled by Bellhop, fail, wait behind an open circuit, hold deliveries or have fallen behind: the gravest first, at most 100.", 200).
			Fails(bellhop.CodeUnknownApp).
			Reads(),
		api.On("POST /v1/endpoints/preview", "previewEndpoint", doors, n.previewEndpoint,
			"Preview a request", "The exact request that an endpoint with these settings would be sent: nothing is sent and nothing is saved.", 200).
			Fails(bellhop.CodeUnknownApp),
		api.On("POST /v1/endpoints/matches", "matchEndpoint", doors, n.matchEndpoint,
			"Try patterns and a filter", "On the newest events of the apps, at most 100, of the types that the patterns select: how many an endpoint with these would get, one that it would, and one that it would not, and why. Nothing is saved.", 200).
			Fails(bellhop.CodeUnknownApp).
			Reads(),
		api.On("POST /v1/transformations/test", "testTransformation", doors, n.testTransformation,
			"Try a transformation", "What a script makes of an event, as a delivery would: nothing is sent and nothing is saved. What is wrong with the script is in the answer.", 200).
			Fails(bellhop.CodeUnknownApp),

		api.Streaming("GET /v1/endpoints/{id}/listen", "listenEndpoint", doors, n.listen,
			"Listen at an endpoint",
			"For endpoints whose url begins with listen+, to which Bellhop does not send: server-sent events hand over each request as \"request\", to be made to the rest of the url by whoever listens, who answers it with POST. While nobody listens, deliveries wait, without attempts. One session listens at an endpoint; one that comes back takes over, and is handed again what it has not answered. At most 20 listen at the endpoints of an app. It is what \"bellhop listen\" does.").
			Fails(bellhop.CodeConflict, bellhop.CodeLocked, bellhop.CodeTooMany, bellhop.CodeInvalid),
		api.On("POST /v1/endpoints/{id}/listen", "answerListened", doors, n.answerListened,
			"Answer a request that was handed over",
			"With what the program answered, or why it did not. 404 says that nobody waits for it any more: it comes again, or its outcome is known.", 204).
			Takes(maxListenAnswer).Fails(bellhop.CodeConflict, bellhop.CodeLocked, bellhop.CodeInvalid),

		api.On("GET /v1/stats", "getStats", stats, n.getStats,
			"Count attempts over time", "The last 24 hours, unless since or until says otherwise.", 200).
			Fails(bellhop.CodeUnknownApp).
			Reads("app", "endpoint", "since"),
		api.On("GET /v1/stats/backlog", "getBacklog", stats, n.getBacklog,
			"Count unfinished deliveries over time", "Of the whole installation. The last 24 hours, unless since or until says otherwise.", 200).
			Reads("since"),
		api.On("GET /v1/stats/endpoints", "compareEndpoints", stats, n.compareEndpoints,
			"Count attempts over time for several endpoints", "What a list of endpoints needs to show how each is doing.", 200).
			Reads("since"),

		api.On("POST /v1/inboxes", "createInbox", inboxes, n.createInbox,
			"Create an inbox", "A temporary receiver inside Bellhop: give an endpoint its url, and see what arrives and whether the signature verifies. It keeps the newest requests until it expires. The operator must have enabled inboxes.", 201).
			Fails(bellhop.CodeInboxesOff, bellhop.CodeUnknownApp, bellhop.CodeConflict),
		api.On("GET /v1/inboxes", "listInboxes", inboxes, n.listInboxes,
			"List inboxes", "Newest first.", 200).
			Fails(bellhop.CodeInboxesOff, bellhop.CodeUnknownApp),
		api.On("GET /v1/inboxes/{token}", "getInbox", inboxes, n.getInbox,
			"Look into an inbox", "With the requests that it keeps, newest first.", 200).
			Hides("token").Fails(bellhop.CodeInboxesOff),
		api.On("PATCH /v1/inboxes/{token}", "updateInbox", inboxes, n.updateInbox,
			"Change how an inbox answers", "With which status, text and headers, after how long, and how many requests fail first: a slow or a flaky receiver, to see what Bellhop makes of it. Fields that are given are set, null resets them, the others stay.", 200).
			Hides("token").Fails(bellhop.CodeInboxesOff),
		api.On("DELETE /v1/inboxes/{token}", "deleteInbox", inboxes, n.deleteInbox,
			"Delete an inbox", "Endpoints that have it as their url will be answered 410 and be disabled.", 204).
			Hides("token").Fails(bellhop.CodeInboxesOff),

		api.On("POST /v1/keys", "createKey", keys, n.createKey,
			"Create a key", "The answer holds its token, which is shown this once: only its hash is kept.", 201).
			Fails(bellhop.CodeUnknownApp),
		api.On("GET /v1/keys", "listKeys", keys, n.listKeys,
			"List keys", "Portal links and sessions of the dashboard included, newest first, without those that have expired. A session names the key that was signed in with.", 200),
		api.On("DELETE /v1/keys/{id}", "deleteKey", keys, n.deleteKey,
			"Delete a key", "Ends a key, with its sessions, a portal link or a session at once.", 204),
		api.On("POST /v1/portal-links", "createPortalLink", keys, n.createPortalLink,
			"Create a portal link", "Short-lived access to one app, made to be put in your own pages: open its url, or show it in a frame. DELETE /v1/keys/{id} ends it early.", 201).
			Fails(bellhop.CodeUnknownApp),
		api.On("GET /v1/audit", "listAudit", keys, n.listAudit,
			"Read the audit log", "Who changed what, newest first. Keys limited to apps see what concerns those.", 200).
			Fails(bellhop.CodeUnknownApp).
			Reads("since", "until"),
		api.On("POST /v1/session", "startSession", keys, n.startSession,
			"Sign in to the dashboard", "Answers a cookie that stands for the key in a browser, __Host-bellhop_session over https and bellhop_session over http: it cannot be read by scripts and ends with the key, with DELETE /v1/session or after a week. Requests with it are taken from Bellhop's own pages only. Too many wrong keys from one address are refused for a while (429).", 201).
			Open().Takes(4<<10).Fails(api.CodeUnauthorized, bellhop.CodeForbidden, api.CodeCrossOrigin, bellhop.CodeTooMany, bellhop.CodeInvalid),
		api.On("GET /v1/session", "getSession", keys, n.getSession,
			"Who am I?", "What the key, session (the cookie __Host-bellhop_session, or bellhop_session over http) or portal link of this request may do.", 200),
		api.On("DELETE /v1/session", "endSession", keys, n.endSession,
			"Sign out", "Ends the session of this request and takes its cookie away, __Host-bellhop_session or, over http, bellhop_session. A key or portal link stays as it is.", 204),
		api.On("GET /v1/branding", "getBranding", keys, n.getBranding,
			"How the portal presents itself", "The operator's name, colour and logo.", 200).Open(),
		api.On("GET /v1/settings", "getSettings", keys, n.getSettings,
			"The server's settings", "As they are in force, and where each comes from.", 200),

		api.On("GET /v1/nodes", "listNodes", probes, n.listNodes,
			"List the nodes", "The processes that share the work: since when, which version, what each owns and does. One that went silent is listed until the others take over.", 200),

		api.On("GET /v1/outbox/refused", "listRefused", probes, n.listRefused,
			"List what was refused in the outbox", "What programs have published in transactions of their own and could not be accepted, newest first, with the reason that publishing by the API would have answered. The newest 1000 of each app are kept, for as long as events are.", 200),
		api.On("GET /v1/outbox/refused/{id}", "getRefused", probes, n.getRefused,
			"Get what was refused in the outbox", "One entry, with its data.", 200),
		api.On("POST /v1/outbox/refused/{id}/retry", "retryRefused", probes, n.retryRefused,
			"Publish what was refused in the outbox", "Once what it was refused for is mended, such as an app that was missing. If it is not, the answer is what speaks against it now, and the entry stays.", 202).
			Fails(publishing...),
		api.On("DELETE /v1/outbox/refused/{id}", "deleteRefused", probes, n.deleteRefused,
			"Forget what was refused in the outbox", "One entry.", 204),
		api.On("DELETE /v1/outbox/refused", "clearRefused", probes, n.clearRefused,
			"Forget all that was refused in the outbox", "Of one app, or everything.", 200),

		api.On("GET /v1/hold", "getHold", keys, n.getHold,
			"Is all sending held?", "As after the restore of a backup: events are accepted, and wait as at paused endpoints.", 200),
		api.On("POST /v1/hold", "holdSending", keys, n.holdSending,
			"Hold all sending", "Nothing is sent to any endpoint any more, by any node and over restarts, until it is released. What is in flight finishes. To hold again changes nothing.", 200),
		api.On("DELETE /v1/hold", "releaseSending", keys, n.releaseSending,
			"Release all sending", "What waited goes out, oldest first; what waits for a retry is tried at its time. Nothing has grown too old meanwhile.", 200),

		api.On("GET /v1/dialects", "listDialects", shapes, n.listDialects,
			"List dialects", "How events can look on the wire: body and header templates and signature rules.", 200),
		api.On("GET /v1/dialects/{name}", "getDialect", shapes, n.getDialect,
			"Get a dialect", "Its definition, as in a configuration file.", 200),
		api.On("GET /v1/dialects/{name}/code", "getVerificationCode", shapes, n.getVerificationCode,
			"Get code that verifies a dialect", "For a receiver, in Node, Python, Go, PHP, Ruby, Java and C#.", 200),

		api.On("GET /v1/recipes", "listRecipes", shapes, n.listRecipes,
			"List recipes", "How requests of well-known targets are made of events: fields asked for, templates, authentication, limits.", 200),
		api.On("GET /v1/recipes/{name}", "getRecipe", shapes, n.getRecipe,
			"Get a recipe", "Its definition, as in a configuration file.", 200),

		api.On("GET /healthz", "healthz", probes, n.healthz,
			"Is the process alive?", "Always ok.", 200).Open(),
		api.On("GET /readyz", "readyz", probes, n.readyz,
			"Can events be published?", "503 while it is starting or shutting down, or the store does not take writes.", 200).
			Open().Fails(bellhop.CodeUnavailable),
		api.Plain("/metrics", "metrics", probes, "text/plain", n.serveMetrics(),
			"Prometheus metrics", "In the text format of Prometheus.").Open(),
		api.Plain("/openapi.json", "openapi", probes, "application/json", n.serveDocument,
			"This document", "OpenAPI 3.1. For those with a key, its webhooks section is made from the event types; where the operator has opened it (the setting `public_docs`), for everybody.").Open(),
		api.Plain("/docs", "docs", probes, "text/html", api.ServeDocs,
			"This document, to read", "A page that needs no other host.").Open(),
		api.Plain("/docs/redoc.standalone.js", "docsScript", probes, "text/javascript", api.ServeRedoc,
			"The script of that page", "Redoc.").Open(),
	}
}
