package svix

import (
	"net/http"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

// httpError answers every error but those of fields.
type httpError struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// validationError answers requests with wrong fields.
type validationError struct {
	Detail []fieldError `json:"detail"`
}

// fieldError is one wrong field: Loc is where it is, "body" or "query" first, then names
// and the indexes of lists, all of them as texts.
type fieldError struct {
	Loc  []string `json:"loc"`
	Msg  string   `json:"msg"`
	Type string   `json:"type"`
}

// manner is in what this API differs from Bellhop's own.
func manner() api.Manner {
	return api.Manner{
		Problem: problem,
		Kinds: map[bellhop.Code]api.Kind{
			bellhop.CodeUnknownApp:  {Status: http.StatusNotFound, Title: "There is no such app"},
			bellhop.CodeErased:      {Status: http.StatusBadRequest, Title: "The message's payload is erased"},
			bellhop.CodeManySecrets: {Status: http.StatusBadRequest, Title: "Too many secrets are valid"},
			codeRange:               {Status: http.StatusBadRequest, Title: "The range of time is too long"},
			codeInvalidScheme:       {Status: http.StatusBadRequest, Title: "There is nothing to make an example of"},
			codeEventTypeExists:     {Status: http.StatusConflict, Title: "There is such an event type already"},
		},
		Carried: []string{"payload"}, Large: []string{"schemas"},
	}
}

// problem words an error as clients of Svix read it.
func problem(asked *http.Request, p wire.Problem) (body any) {
	if p.Status == http.StatusUnprocessableEntity {
		return validationError{fieldErrors(asked, p)}
	}
	detail := p.Detail
	for _, f := range p.Errors {
		detail += " " + fieldName(f.Field) + ": " + f.Detail + "."
	}
	if p.RequestID != "" {
		detail += " Request " + p.RequestID + "."
	}
	return httpError{code(p.Status, p.Code), detail}
}

// code is the word that Svix has for an error.
func code(status int, of bellhop.Code) string {
	switch of {
	case bellhop.CodeErased:
		return "missing_payload"
	case api.CodeNotImplemented, api.CodeMethod:
		return string(of)
	case codeEventTypeExists, codeInvalidScheme:
		return string(of)
	case bellhop.CodeManySecrets:
		return "limit_reached"
	}
	switch status {
	case http.StatusBadRequest:
		return "generic_error"
	case http.StatusUnauthorized:
		return "authentication_failed"
	case http.StatusForbidden:
		return "insufficient access"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusConflict:
		return "conflict"
	case http.StatusRequestEntityTooLarge:
		return "payload_too_large"
	}
	return string(of)
}

// The codes that only this API has.
const (
	codeEventTypeExists bellhop.Code = "event_type_exists"
	codeInvalidScheme   bellhop.Code = "invalid_scheme"
	codeRange           bellhop.Code = "invalid_range"
)

func fieldErrors(asked *http.Request, p wire.Problem) []fieldError {
	if len(p.Errors) == 0 {
		return []fieldError{{Loc: []string{"body"}, Msg: p.Detail, Type: "value_error." + string(p.Code)}}
	}
	list := make([]fieldError, len(p.Errors))
	query := asked.URL.Query()
	for i, f := range p.Errors {
		place := "body"
		if method := asked.Method; query.Has(f.Field) || method == http.MethodGet || method == http.MethodHead || method == http.MethodDelete {
			place = "query"
		}
		list[i] = fieldError{Loc: append([]string{place}, locOf(f.Field)...), Msg: f.Detail, Type: "value_error." + f.Code}
	}
	return list
}

// locOf takes the path of a field apart: "channels[1]" is "channels", "1".
func locOf(field string) (loc []string) {
	if field == "" || field == "body" {
		return nil
	}
	for part := range strings.SplitSeq(fieldName(field), ".") {
		name, index, indexed := strings.Cut(part, "[")
		if name != "" {
			loc = append(loc, name)
		}
		if indexed {
			loc = append(loc, strings.TrimSuffix(index, "]"))
		}
	}
	return loc
}

// fieldName gives the path of a field by the name that it has here.
func fieldName(field string) string {
	end := strings.IndexAny(field, ".[/")
	if end < 0 {
		end = len(field)
	}
	if here, ok := names[field[:end]]; ok {
		return here + field[end:]
	}
	return field
}

// names are those of Bellhop's fields here.
var names = map[string]string{
	"rate_limit": "throttleRate", "schema": "schemas", "earlier_schemas": "schemas", "deliver_at": "deliverAt",
	"type": "eventType", "events": "eventTypes", "types": "eventTypes", "retain": "payloadRetentionHours", "feature_flags": "featureFlags",
	"group": "groupName", "grace": "gracePeriodSeconds", "expires_in": "expiry", "id": "eventId",
}

// wrong is the error of one field.
func wrong(field, code, detail string) error {
	return api.Invalid(bellhop.FieldError{Field: field, Code: code, Detail: detail})
}
