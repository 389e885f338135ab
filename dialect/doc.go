// Package dialect puts events on the wire the way each receiver expects them,
// and checks received requests the way each receiver should.
//
// A dialect is data: a [Definition] holds a body template, header templates
// and signature rules. The built-in dialects (see [Builtin]) are written in the
// same form as an operator's own, so a platform can move here without any of
// its receivers noticing.
//
// A sender compiles a definition once, makes a [Signer] per endpoint and
// renders each attempt. A receiver calls [Verify], or keeps the [Dialect] that
// [Lookup] returns and calls its Verify method.
//
// # Templates
//
// Text is taken as it stands, braces included; only ${ begins something.
//
//	${type}                              a value
//	${type | json}                       a value through a filter
//	${data.order.id ?? id | json}        the first of several that is not empty
//	${?subject},"s":${subject|json}${/}  a section, left out if the value is empty
//	${!subject},"s":null${/}             a section, left out unless the value is empty
//	$${                                  the two characters ${
//
// Values of bodies and headers:
//
//	id       event id, the receiver's idempotency key
//	uuid     UUID version 5 (RFC 9562 section 5.5) of the event id in the
//	         namespace e8d9fae8-a260-46af-ad31-9923bd40d6bd; the same on each attempt
//	app      the app's id
//	type     the event type, or what the dialect's Types call it
//	subject  what it happened to; may be empty
//	time     when it happened: RFC 3339, UTC, always three decimals
//	time_s   the same in Unix seconds
//	time_ms  the same in Unix milliseconds
//	ts       this attempt, in Unix seconds; less the signature's backdate
//	ms       the same in Unix milliseconds
//	data     the published bytes, untouched (bodies only)
//	data.a.b member b of member a of the data: a string, or a number or boolean
//	         as its text; anything else, or nothing, counts as empty
//	option.a what was chosen for the app or endpoint as [Option] a, or its default
//
// Filters, applied from left to right:
//
//	json     a JSON string with its quotes
//	escape   the inside of a JSON string, to be written between quotes
//	url      percent-encoding of all but letters, digits and -._~
//	percent  CloudEvents HTTP binding 1.0.2 section 3.1.3.2: percent-encoding of
//	         all outside U+0021 to U+007E and of " and %
//	slashes  slashes for dots: orders.create becomes orders/create
//	number   a number of JSON as it is written; 0 for all else
//
// A header that renders empty is not sent. Types and subjects come from
// strangers, so in headers every control character and non-ASCII byte of a
// value, and a space at its end, is percent-encoded, which makes header
// injection impossible. The signed content uses the same encoded text.
//
// The templates of [Signature] have values of their own, described there.
package dialect
