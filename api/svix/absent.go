package svix

import (
	"strings"

	"github.com/bellhop/bellhop/api"
)

// absentOperation is the name of all operations that are answered 501.
const absentOperation = "v1.absent"

// absentPaths are what clients of Svix can ask for and Bellhop does not do, with a word on
// what does the same here if anything does. A path that ends with … is of all below it, too.
const absentPaths = `
POST /api/v1/auth/logout | Tokens end by themselves, or with /api/v1/auth/app/{app_id}/expire-all
/api/v1/app/{app_id}/endpoint/{endpoint_id}/transformation/simulate | POST /v1/transformations/test tries one
/api/v1/app/{app_id}/endpoint/{endpoint_id}/auto-config | There are no auto-configs
/api/v1/app/{app_id}/autoconfig… | There are no auto-configs
/api/v1/app/{app_id}/destination… | Destinations other than endpoints are not managed here
/api/v1/app/{app_id}/integration… | There are no integrations: keys that are limited to an app are made with POST /v1/keys
/api/v1/app/{app_id}/inbound… | Bellhop takes no webhooks of others
POST /api/v1/app/{app_id}/msg/expunge-all-contents | All data of an app goes with the app; that of a subject with POST /v1/events/erase
/api/v1/app/{app_id}/poller… | There are no pollers
/api/v1/app/{app_id}/polling-endpoint… | There are no pollers
/api/v1/auth/stream-logout | There are no streams
/api/v1/auth/stream-portal-access… | There are no streams
/api/v1/auth/stream… | There are no streams
/api/v1/stream… | There are no streams
/api/v1/connector… | There are no connectors: recipes do their part, GET /v1/recipes
/api/v1/environment… | An installation is exported and imported with bellhop export and bellhop import
POST /api/v1/event-type/import/openapi | Event types are made one by one, with POST /api/v1/event-type
/ingest/api/v1… | Bellhop takes no webhooks of others
`

// absent are the routes that say so.
func absent() (list []api.Route) {
	for line := range strings.Lines(absentPaths) {
		pattern, detail, ok := strings.Cut(strings.TrimSpace(line), " | ")
		if !ok {
			continue
		}
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = "", pattern
		}
		path, all := strings.CutSuffix(path, "…")
		list = append(list, absentRoute(method, path, detail))
		if all {
			list = append(list, absentRoute(method, path+"/{below...}", detail))
		}
	}
	return list
}

// absentRoute is one of them; without a method, it is of every method.
func absentRoute(method, path, detail string) api.Route {
	r := api.Plain(path, absentOperation, "", "", func(*api.Call) error {
		return api.Problem(api.CodeNotImplemented, "Bellhop does not do this. "+detail)
	}, "", "")
	r.Method = method
	return r
}
