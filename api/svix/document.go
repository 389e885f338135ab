package svix

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
)

// Document gives the OpenAPI document (3.1, as JSON) of an API with these options: of what
// is served, and not of what is answered 501.
func Document(o Options) ([]byte, error) {
	a := &API{o: o.withDefaults()}
	routes := slices.DeleteFunc(a.routes(), func(r api.Route) bool { return r.ID == absentOperation })
	return json.Marshal(api.Describe(manner(), a.o.Options, description(routes), routes))
}

// serveDocument answers the document. It is made when it is first asked for.
func (a *API) serveDocument(c *api.Call) error {
	body, err := a.document()
	if err != nil {
		return fmt.Errorf("make the OpenAPI document: %w", err)
	}
	c.Writer().Header().Set("Content-Type", "application/json")
	_, _ = c.Writer().Write(body) // the caller hung up: nobody is left to tell
	return nil
}

func description(routes []api.Route) api.Description {
	d := api.Description{
		Title: "Bellhop's Svix API", Text: introduction,
		Identities: map[string]*huma.SecurityScheme{
			"HTTPBearer": {Type: "http", Scheme: "bearer", Description: "A key of Bellhop (bh_…), the token of a portal link or, where they are taken, a JSON Web Token of Svix's server."},
		},
		Roles: rolesOf, Changes: []bellhop.Code{bellhop.CodeConflict}, Headers: headersOf, Nulls: true,
		Names: schemaNames(), Texts: fieldTexts(), Examples: examples(),
		Shapes: map[string]reflect.Type{"BackgroundTaskOut.data": reflect.TypeFor[map[string]any]()},
	}
	for i := range routes {
		if !slices.ContainsFunc(d.Tags, func(t *huma.Tag) bool { return t.Name == routes[i].Tag }) {
			d.Tags = append(d.Tags, &huma.Tag{Name: routes[i].Tag})
		}
	}
	return d
}

const introduction = `What Bellhop answers to the clients of Svix: the API of Svix's server, and of its cloud what is listed here. What else those clients can call is answered 501, with a word on what does the same. Bellhop's own API is described at ` + "`/openapi.json`" + `.

**Authentication.** Send a token in the header ` + "`Authorization: Bearer …`" + `.

**Errors** are ` + "`{\"code\",\"detail\"}`" + ` and, for 422, ` + "`{\"detail\":[{\"loc\",\"msg\",\"type\"}]}`" + `. A field or a parameter that is not known is an error. What may be left out of a body may be null there, too, and is as if it were left out; in a PATCH, null takes off what may be null.

**Applications, endpoints and messages** are found by their id and by their uid (a message by its eventId) in every path.

**Lists** go on with ` + "`iterator`" + ` of an answer as ` + "`?iterator=`" + `, and back with its ` + "`prevIterator`" + `, until ` + "`done`" + `.`

// group is the group that an operation belongs to: "v1.message-attempt.get" to "Message
// Attempt".
func group(id string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(id[:strings.LastIndex(id, ".")], "v1."), func(r rune) bool { return r == '-' || r == '.' })
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, " ")
}

// rolesOf says who may use an operation.
func rolesOf(operation string) string {
	r := rights[operation]
	roles := desk.Roles(r.op)
	if r.org && (strings.Contains(roles, "editor") || strings.Contains(roles, "viewer")) {
		roles += " (editors and viewers whose key is not limited to apps)"
	}
	return roles
}

// headersOf are the headers that requests of a route may have.
func headersOf(r *api.Route) []*huma.Param {
	if r.Method != http.MethodPost {
		return nil
	}
	return []*huma.Param{{
		Name: keyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "Names the request: one that is repeated with it within 12 hours is answered as the first time.",
		Example:     "7c9e6679-7425-40de-944b-e07fc1f90ae7",
	}}
}

// about describes operations that do not go without saying.
var about = map[string]string{
	"v1.application.update":                          "One that there is not is made, with the uid of the body or of the path.",
	"v1.application.delete":                          "Its data is deleted, too.",
	"v1.event-type.create":                           "One that there is and that is not archived is 409.",
	"v1.event-type.update":                           "One that there is not is made.",
	"v1.endpoint.update":                             "But for its secret and its headers. One that there is not is made, with the uid of the body or of the path.",
	"v1.endpoint.get-headers":                        "Of those that carry passwords the names alone.",
	"v1.endpoint.patch-headers":                      "Those that are null, or in deleteHeaders, are removed.",
	"v1.endpoint.get-secret":                         "Of a pair of keys the public one.",
	"v1.endpoint.rotate-secret":                      "The old secret is valid beside the new one for 24 hours, or as gracePeriodSeconds says.",
	"v1.endpoint.patch-transformation":               "A new one is off until it is switched on.",
	"v1.message.create":                              "The answer comes when the message is durable. With an eventId, it is published once.",
	"v1.message.expunge-content":                     "For good. Deliveries that wait are canceled.",
	"v1.message.bulk-expunge":                        "Of at most 100 messages.",
	"v1.endpoint.get-stats":                          "Over 28 days at most.",
	"v1.endpoint.send-example":                       "At once, past its filters: the example of the event type or what its schema describes, or a ping (svix.ping).",
	"v1.endpoint.recover":                            "In the background: what failed since a time within the last 14 days.",
	"v1.endpoint.replay-missing":                     "In the background.",
	"v1.endpoint.bulk-replay":                        "In the background: what arrived, too, but nothing that waits.",
	"v1.message-attempt.list-attempted-destinations": "Those that are gone included.",
	"v1.authentication.app-portal-access":            "The application is made if the body brings it along.",
	"v1.authentication.expire-all":                   "At once: all, or those of some sessions.",
	"v1.background-task.list":                        "Newest first.",
	"v1.admin.redrive-dlq":                           "There is never anything to take up: deliveries are rows of the database, and no queue puts them aside. What was given up after its last attempt is sent again with recover.",
	"v1.docs.openapi":                                "OpenAPI 3.1.",
}

// schemaNames are the names that Svix has for what is taken and answered.
func schemaNames() map[string]string {
	names := map[string]string{
		"AppIn": "ApplicationIn", "AppPatch": "ApplicationPatch", "AppOut": "ApplicationOut",
		"HeadersIn": "EndpointHeadersIn", "HeadersPatch": "EndpointHeadersPatchIn", "HeadersOut": "EndpointHeadersOut",
		"SecretOut": "EndpointSecretOut", "RotateIn": "EndpointSecretRotateIn", "StatsOut": "EndpointStats",
		"TransformationPatch": "EndpointTransformationPatch", "TransformationOut": "EndpointTransformationOut",
		"EventTypePut": "EventTypeUpdate", "ExampleBody": "EventExampleIn",
		"RawParams": "TransformationsParams", "PrecheckBody": "MessagePrecheckIn", "PrecheckOut": "MessagePrecheckOut",
		"ExpungeBody": "BulkExpungeContentsIn", "BulkExpungeOut": "BulkExpungeContentsOut",
		"AttemptOut": "MessageAttemptOut", "EmptyOut": "EmptyResponse",
		"ReplayIn": "RecoverIn", "BulkBody": "BulkReplayIn", "TaskOut": "BackgroundTaskBegun", "FullTaskOut": "BackgroundTaskOut",
		"AppStatsBody": "AppUsageStatsIn", "AppStatsOut": "AppUsageStatsOut",
		"PortalIn": "AppPortalAccessIn", "PortalOut": "AppPortalAccessOut", "ExpireBody": "ApplicationTokenExpireIn",
		"OperatorIn": "OperationalWebhookEndpointIn", "HealthOut": "Health",
		"HttpError": "HttpErrorOut", "ValidationError": "HTTPValidationError", "FieldError": "ValidationError",
	}
	for _, of := range []string{"AppOut", "EndpointOut", "EventTypeOut", "MessageOut", "AttemptOut", "EndpointMessageOut", "MessageEndpointOut", "FullTaskOut"} {
		names["Page"+of] = "ListResponse_" + cmp.Or(names[of], of) + "_"
	}
	return names
}

// fieldTexts describe fields by their name, or as "Schema.field" where they differ.
func fieldTexts() map[string]string {
	texts := map[string]string{
		"id":                              "Its id.",
		"uid":                             "The platform's own id of it.",
		"name":                            "For people.",
		"EventTypeIn.name":                "The type, such as invoice.paid.",
		"EventTypeOut.name":               "The type.",
		"description":                     "For people.",
		"metadata":                        "The platform's own notes.",
		"createdAt":                       "When it was made.",
		"updatedAt":                       "When it was last changed.",
		"throttleRate":                    "How many messages a second are sent at most.",
		"rateLimit":                       "Another name of throttleRate.",
		"url":                             "Where requests go.",
		"AppPortalAccessOut.url":          "The address of the portal, with the token.",
		"disabled":                        "Whether nothing is sent to it.",
		"version":                         "Always 1.",
		"eventTypes":                      "The event types that it wants; null is all.",
		"BulkReplayIn.eventTypes":         "Only messages of these types.",
		"filterTypes":                     "Another name of eventTypes.",
		"channels":                        "The channels that a message is in, or that an endpoint is narrowed to.",
		"tags":                            "Labels that it can be found by.",
		"headers":                         "Values by the names of headers.",
		"TransformationsParams.headers":   "The content type of rawPayload.",
		"deleteHeaders":                   "The names of headers that are removed.",
		"sensitive":                       "The names of headers that carry passwords.",
		"secret":                          "The signing secret (whsec_…), or a private key (whsk_…). Default: one is made.",
		"EndpointPatch.secret":            "Is refused: a secret is rotated.",
		"key":                             "The signing secret (whsec_…) or a public key (whpk_…).",
		"EndpointSecretRotateIn.key":      "The new secret. Default: one is made.",
		"gracePeriodSeconds":              "For how long the old one is still valid.",
		"code":                            "The script that defines handler(webhook).",
		"HttpErrorOut.code":               "A stable word.",
		"enabled":                         "Whether it runs.",
		"variables":                       "Must be empty.",
		"archived":                        "Whether it is archived.",
		"deprecated":                      "Whether it is to be chosen no more.",
		"schemas":                         "JSON Schemas of payloads by their versions. The highest is the one that counts.",
		"featureFlag":                     "The first of featureFlags.",
		"featureFlags":                    "What hides event types from portal links that have none of these.",
		"groupName":                       "A heading under which catalogues show it.",
		"eventType":                       "The event type.",
		"eventId":                         "The publisher's own id of the message.",
		"payload":                         "What is sent, byte for byte: an object. It is needed, by this name or the other.",
		"MessageOut.payload":              "What is sent; {} where it was not asked for, and {\"expired\":true} once it is erased.",
		"EndpointMessageOut.payload":      "What is sent; {} where it was not asked for, and {\"expired\":true} once it is erased.",
		"data":                            "Another name of payload.",
		"application":                     "The application, which is made if it is not there.",
		"transformationsParams":           "The payload as text.",
		"rawPayload":                      "The payload as text, which must be JSON.",
		"deliverAt":                       "When it is sent at the earliest.",
		"payloadRetentionPeriod":          "For how many days the payload is kept.",
		"payloadRetentionHours":           "For how many hours the payload is kept.",
		"timestamp":                       "When it was published.",
		"MessageAttemptOut.timestamp":     "When the request began.",
		"status":                          "How it stands: 0 success, 1 pending, 2 fail, 3 sending, 4 canceled.",
		"BulkReplayIn.status":             "Only what stands so: 0 success, 1 pending, 2 fail, 3 sending, 4 canceled.",
		"BackgroundTaskOut.status":        "How it stands.",
		"BackgroundTaskBegun.status":      "How it stands.",
		"AppUsageStatsOut.status":         "How it stands.",
		"Health.status":                   "Whether it takes messages.",
		"statusText":                      "The same as a word.",
		"response":                        "What was answered or, where nothing was, why; EXPUNGED once it is erased.",
		"responseStatusCode":              "The HTTP status that was answered, 0 if none was.",
		"responseDurationMs":              "How long the exchange took, in milliseconds.",
		"triggerType":                     "0: its own time had come. 1: somebody had it sent again.",
		"msgId":                           "The message's id.",
		"endpointId":                      "The endpoint's id.",
		"msg":                             "The message, where it was asked for.",
		"nextAttempt":                     "When it is tried again, where that is known.",
		"task":                            "What is done.",
		"BackgroundTaskOut.data":          "What it has done, and why it failed (error).",
		"since":                           "From this time on.",
		"until":                           "Before this time. Default: now.",
		"AppUsageStatsIn.until":           "Before this time.",
		"channel":                         "Only messages in this channel.",
		"tag":                             "Only messages with this tag.",
		"statusCodeClass":                 "Only what was last answered so: 400 stands for 400 to 499, 0 for no answer.",
		"appIds":                          "The applications that are counted. Default: all.",
		"unresolvedAppIds":                "Those of appIds that there are not.",
		"success":                         "Attempts that succeeded.",
		"pending":                         "Messages that wait now.",
		"sending":                         "Attempts that failed and were followed by others.",
		"fail":                            "Attempts that failed and were the last.",
		"canceled":                        "Always 0.",
		"active":                          "Whether somebody would get it.",
		"ids":                             "The ids of messages, or their eventIds.",
		"results":                         "What became of each: expunged or not-found.",
		"exampleIndex":                    "Always 0.",
		"readOnly":                        "Whether it is a link to look alone.",
		"capabilities":                    "All of ViewBase, ViewEndpointSecret, ManageEndpointSecret, ManageTransformations, CreateAttempts and ManageEndpoint, or ViewBase alone.",
		"expiry":                          "For how long it is valid, in seconds. Default: 7 days.",
		"ApplicationTokenExpireIn.expiry": "Is 0: links end at once.",
		"sessionId":                       "A name by which links are ended.",
		"sessionIds":                      "Ends the links of these sessions alone.",
		"token":                           "The token of the link.",
		"iterator":                        "Goes on behind the page; null where nothing is found.",
		"prevIterator":                    "Goes on before the page.",
		"done":                            "Whether nothing is left in the direction of the walk.",
		"detail":                          "A sentence that explains.",
		"HTTPValidationError.detail":      "What is wrong, field by field.",
		"loc":                             "Where the field is: body or query, then names and indexes.",
		"ValidationError.msg":             "What is wrong with it.",
		"type":                            "A stable word.",
	}
	for _, name := range schemaNames() {
		if strings.HasPrefix(name, "ListResponse_") {
			texts[name+".data"] = "The page, in the list's order."
		}
	}
	return texts
}

// examples are those of fields by their names.
func examples() map[string]any {
	return map[string]any{
		"name": "acme", "eventType": "invoice.paid", "url": "https://example.com/hooks", "description": "An invoice was paid.",
		"key": "whsec_…", "token": "bh_…", "id": "evt_38G04Y6NR0400", "msgId": "evt_38G04Y6NR0400", "endpointId": "ep_38G04Y6NR0400",
		"response": "ok", "code": "not_found", "detail": "There is nothing at this path.", "loc": []string{"body", "url"}, "msg": "is missing: give it", "type": "value_error.required",
	}
}
