package bellhop

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is what a caller did wrong, or cannot have: a stable code, a sentence,
// and the fields at fault. Everything else that Bellhop returns as an error
// means that Bellhop itself broke.
type Error struct {
	Code Code
	// Detail is a sentence that says what is wrong and what to do.
	Detail string
	// Fields name each field at fault.
	Fields []FieldError
	// RetryAfter, if not 0, is when to try again at the earliest.
	RetryAfter time.Duration

	// full is what BacklogFullAt gives.
	full []int
}

// FieldError is what is wrong with one field.
type FieldError struct {
	// Field is the path of the field in the request, such as "events[1].type",
	// or for data that breaks its schema "data" and a JSON pointer
	// ("data/items/0/price").
	Field string `json:"field"`
	// Code is stable, such as "required" or "url_scheme".
	Code string `json:"code"`
	// Detail says what is wrong and what to do; it never holds a secret.
	Detail string `json:"detail"`
}

// Code is the stable name of a kind of error.
type Code string

// The codes of errors. package api maps each to one HTTP status.
const (
	CodeInvalid        Code = "invalid"           // one or more fields are wrong
	CodeInvalidData    Code = "invalid_data"      // data breaks the schema of its event type
	CodeUnknownApp     Code = "unknown_app"       // publish or endpoint names an app that does not exist
	CodeUnknownType    Code = "unknown_type"      // the catalogue is enforced and lacks the type
	CodeArchivedType   Code = "archived_type"     // the catalogue is enforced and the type is archived
	CodeNotFound       Code = "not_found"         // no such object
	CodeConflict       Code = "conflict"          // the object was changed meanwhile, or is in use
	CodeIDConflict     Code = "id_conflict"       // the publisher's id was used for different content
	CodeUIDConflict    Code = "uid_conflict"      // the uid belongs to another object
	CodeErased         Code = "erased"            // the event's data is gone
	CodeEndpointStatus Code = "endpoint_status"   // the endpoint is disabled, so this cannot be done
	CodeVerification   Code = "verify_failed"     // the URL did not answer the verification as it must
	CodeUnavailable    Code = "unavailable"       // the store cannot take writes now; try again
	CodeTooLarge       Code = "too_large"         // the data or the batch is larger than allowed
	CodeInboxesOff     Code = "inboxes_off"       // the operator has not enabled inboxes
	CodeForbidden      Code = "forbidden"         // the caller's role or apps do not allow it
	CodeLocked         Code = "locked"            // an operator has locked the endpoint
	CodeTooMany        Code = "too_many_requests" // a bound on how much is done at once or per second
	CodeBacklogFull    Code = "backlog_full"      // as many deliveries wait as may
	CodeTooBroad       Code = "too_broad"         // a question that takes too long to answer
	CodeManySecrets    Code = "too_many_secrets"  // as many signing secrets are valid as can be
	CodeUnsubscribed   Code = "not_subscribed"    // a resend to an endpoint that does not listen to the app
)

// Error gives the sentence and the fields.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	for i, f := range e.Fields {
		if i == 0 && e.Detail != "" {
			b.WriteString(": ")
		} else if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Field)
		b.WriteString(": ")
		b.WriteString(f.Detail)
	}
	return b.String()
}

// CodeOf is the code of a domain error anywhere in err's chain, or "".
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// IsNotFound tells whether err says that there is no such object.
func IsNotFound(err error) bool { return CodeOf(err) == CodeNotFound }

// Invalid is the error of a request with these fields at fault.
func Invalid(detail string, fields ...FieldError) *Error {
	return &Error{Code: CodeInvalid, Detail: detail, Fields: fields}
}

// Wrong is the error of a request with one field at fault.
func Wrong(field, code, detail string) *Error {
	return Invalid("The request is not valid", FieldError{field, code, detail})
}

// NotFound is the error for an object that does not exist, or that must look to the
// caller as if it did not.
func NotFound(what, id string) *Error {
	return &Error{Code: CodeNotFound, Detail: "There is no " + what + " " + Clip(id)}
}

// UnknownApp is the error of a field that names an app which does not exist, or
// which must look to the caller as if it did not.
func UnknownApp(field, app string) *Error {
	return &Error{Code: CodeUnknownApp, Detail: "There is no such app", Fields: []FieldError{
		{field, "unknown_app", fmt.Sprintf("there is no app %q: create it first", Clip(app))},
	}}
}

// AppNameTaken is the error of an app whose field, "id" or "uid", is the id or the uid of
// another app.
func AppNameTaken(field, name string) *Error {
	return &Error{Code: CodeConflict, Detail: "Another app has this " + field + " as its id or uid: give another one, or take it off that app first", Fields: []FieldError{
		{field, "taken", fmt.Sprintf("%q is the id or the uid of another app", Clip(name))},
	}}
}

// KeyTaken is the error of a key whose token another key has already.
func KeyTaken() *Error {
	return &Error{Code: CodeConflict, Detail: "There is a key of this token already: delete that one first", Fields: []FieldError{
		{"token_sha256", "taken", "is the hash of another key's token"},
	}}
}

// Clip shortens a text that somebody sent, so that a message can quote it.
func Clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
