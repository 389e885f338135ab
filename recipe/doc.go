// Package recipe makes the requests that well-known targets want of the events that a
// platform publishes: a message in a chat, a row in a sheet, a contact, a receipt, a
// door code, a mail.
//
// A recipe is data: a [Definition] holds the fields that an administrator is asked for,
// templates of URL, headers and body, and what the target's answers mean. The built-in
// ones (see [Builtin]) are written in the same form as an operator's own.
//
// # Templates
//
// Text is taken as it stands, braces included; only ${ begins something.
//
//	${data.order.id}                       a value; if it is not there, no request is made
//	${data.name ?? data.title ?? "none"}   the first that is there
//	${data.note ?? ""}                     a value that may be missing
//	${data.total | money:data.currency}    through filters, from left to right
//	${?data.note}…${/}                     a section, where the value is there and not false
//	${!data.note}…${/}                     where it is not
//	${?type == "a.b" and data.n != 2}…${:?type ~ "a.*"}…${:}…${/}
//	                                       the first that holds; ~ takes a * at the end
//	${each data.items as item}…${/}        once for each element
//	${each data.items as item join ", " max 10}…${/}
//	$${                                    the two characters ${
//
// Values are id, uuid, app, type, subject and time of the event, its data and members
// of it (data.items[0].name, data.items[-1], data["odd name"], data.items[*].name for
// the list of all), field.name for what was put into a field, url for the endpoint's
// URL, and names that loops give. Null, empty texts and empty lists count as missing.
//
// Nothing depends on the time of day or on chance: a retry makes the same bytes.
//
// # Escaping
//
// How a value is written depends on where it stands, and nothing that it holds can end
// that place. In JSON, a value within quotes is escaped text; elsewhere it is a JSON
// value with its own quotes. Commas that sections and loops leave over are taken away.
// In forms, URLs (path segments and queries apart), HTML (text, quoted attributes, links),
// headers, addresses and subjects of mails it is encoded as each asks for; where nothing
// safe could be written, as a path of "..", a script, or two addresses for one, no
// request is made, and the outcome says why.
//
// # Filters
//
//	lower upper trim line           line makes one line of several
//	before:" " after:" "            what stands before or after the first such text
//	replace:"a","b"
//	truncate:80 cut:80              so many characters; truncate ends with …
//	md5 sha256                      hexadecimal
//	pin:6                           digits from 1 to 9 made of the value and the endpoint's secret
//	join:", " first last count sum unique
//	flat:"__"                       members of members beside their own: a__b
//	members:"id","type"             an object's members, in the object around them; those
//	                                with one of these names get another (data.id)
//	entries                         an object as a list of names and values
//	number abs                      a decimal number, for JSON
//	money:"CHF" minor:"CHF"         12.5 or, from minor units, 1250 as 12.50; yen have no decimals
//	date:"2 Jan 2006",field.zone    Go's layouts, rfc3339, utc, unix or unix_ms; and a time zone
//	later:data.from                 a date that must be after another
//	json                            JSON as text
//	slack markdown raw              escaping for chats; raw leaves out what the recipe does by itself
package recipe
