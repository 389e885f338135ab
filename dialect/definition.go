package dialect

// Definition describes a dialect. It is what an operator writes in the
// configuration file and what the API shows. [Compile] turns it into a
// [Dialect]; the package documentation explains templates.
type Definition struct {
	// Name is how endpoints choose the dialect: lower-case letters, digits
	// and hyphens, at most 63.
	Name string `yaml:"name" json:"name"`

	// Description tells people for which receivers the dialect is.
	Description string `yaml:"description" json:"description,omitempty"`

	// ContentType is the Content-Type header; empty means application/json.
	// With a JSON type, Compile makes sure that the body is JSON.
	ContentType string `yaml:"content_type" json:"content_type,omitempty"`

	// Body is the template of the request body; empty means ${data}.
	Body string `yaml:"body" json:"body,omitempty"`

	// Headers are sent in this order, after Content-Type and before the
	// signature. Their names keep their case where HTTP/1.1 is spoken.
	Headers []HeaderTemplate `yaml:"headers" json:"headers,omitempty"`

	// Types are event types that it calls otherwise: ${type} is the name that stands
	// here, by the event type. Others keep theirs.
	Types map[string]string `yaml:"types" json:"types,omitempty"`

	// Options are values that apps and endpoints choose.
	Options []Option `yaml:"options" json:"options,omitempty"`

	// Signature says how requests are signed.
	Signature Signature `yaml:"signature" json:"signature"`

	// Verification says how a new endpoint's URL is tried out before it is
	// saved.
	Verification Verification `yaml:"verification" json:"verification,omitzero"`
}

// HeaderTemplate is one header of a dialect.
type HeaderTemplate struct {
	Name  string `yaml:"name" json:"name"`
	Value string `yaml:"value" json:"value"` // template; a header that renders empty is not sent
}

// Signature holds a dialect's signature rules. Senders sign by them and
// receivers verify by them, so whatever is signed must reach the receiver:
// Compile refuses content that cannot be recovered from the request.
type Signature struct {
	// Algorithm is hmac-sha1, hmac-sha256, hmac-sha512 or ed25519.
	Algorithm string `yaml:"algorithm" json:"algorithm"`

	// Secret is how the text of a secret becomes the key of an HMAC: raw (its
	// bytes), base64, hex, or whsec (Standard Webhooks 1.0.0: whsec_ and
	// base64 of 24 to 64 bytes, here to 75). Ed25519 secrets always are whsk_ and base64
	// of the 64-byte private key, so leave it out there.
	Secret string `yaml:"secret" json:"secret,omitempty"`

	// SecretPrefix is put before new secrets. It is part of a raw key; base64
	// and hex secrets must have it, and it is cut off before decoding.
	SecretPrefix string `yaml:"secret_prefix" json:"secret_prefix,omitempty"`

	// Content is the template of the signed bytes; empty means ${body}. Its
	// values are body (the bytes sent), body.a.b (a member of the body), and
	// id, uuid, app, type, subject, time, time_s, time_ms, ts or ms where some
	// header's value is exactly that (or Value carries it). It takes neither
	// filters nor sections.
	Content string `yaml:"content" json:"content,omitempty"`

	// Encoding of the signature's bytes: hex (lower case), base64 (padded) or
	// base64url (not padded).
	Encoding string `yaml:"encoding" json:"encoding"`

	// Header is the name of the signature's header.
	Header string `yaml:"header" json:"header"`

	// Value is the template of the whole header; empty means ${signatures}.
	// It may also carry uuid, ts and ms.
	Value string `yaml:"value" json:"value,omitempty"`

	// Each is the form of one signature; empty means ${signature}.
	Each string `yaml:"each" json:"each,omitempty"`

	// Ed25519 is the form of a signature made with an Ed25519 key, in a
	// dialect whose Algorithm is an HMAC. With it, secrets may be whsk_ keys.
	Ed25519 string `yaml:"ed25519" json:"ed25519,omitempty"`

	// Join stands between signatures when several secrets are valid. Empty
	// means that the header carries one signature, the newest secret's.
	Join string `yaml:"join" json:"join,omitempty"`

	// BodyTime is the path of the body member that repeats the attempt's time
	// (such as "timestamp"), where the time is signed only as part of the
	// body. Receivers then refuse a header that says another time.
	BodyTime string `yaml:"body_time" json:"body_time,omitempty"`

	// MaxAge and MaxAhead are how old and how early a request is that its
	// receiver refuses, such as "2m"; empty means "5m". With a MaxAhead of "0s",
	// its time must lie before the receiver's own now.
	MaxAge   string `yaml:"max_age" json:"max_age,omitempty"`
	MaxAhead string `yaml:"max_ahead" json:"max_ahead,omitempty"`

	// Backdate is how long before the attempt the time lies that its request
	// tells, such as "1s", for receivers that want a time before their own now:
	// on a fast network a request arrives in the millisecond in which it was made.
	Backdate string `yaml:"backdate" json:"backdate,omitempty"`
}

// Verification says how an endpoint's URL must answer a test event before it is
// saved. The zero Verification is a signed request, made only when the caller asks
// for it, to be answered 2xx.
type Verification struct {
	// Required makes the call even if nobody asks for it.
	Required bool `yaml:"required" json:"required,omitempty"`

	// Unsigned leaves the signature out, as before the receiver can know the
	// secret; also of the tests that are sent later on demand.
	Unsigned bool `yaml:"unsigned" json:"unsigned,omitempty"`

	// Data is the JSON that tests and verifications carry, where receivers refuse
	// what they do not know; empty means the event type's example, or a sample.
	Data string `yaml:"data" json:"data,omitempty"`

	// Status is the only answer that passes; 0 means any 2xx.
	Status int `yaml:"status" json:"status,omitempty"`
}
