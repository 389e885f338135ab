// Package safehttp is the one way out: every request that Bellhop makes to an
// address somebody else chose (deliveries, test sends, endpoint verification)
// goes through a [Client], and nothing else in Bellhop dials.
//
// A [Policy] says where requests may go. It is asked twice, because either
// question alone leaves a hole:
//
//   - [Policy.CheckURL], when an endpoint is configured and again before each
//     request, catches what can be told from the text and explains it to a person.
//   - The guard in the dialer sees the very address of each connection, after
//     DNS and before the first packet. A name that changes its answer between
//     the check and the connection (DNS rebinding), or that mixes a public and a
//     private answer, gains nothing.
//
// A guard at the dialer can be walked around by whoever dials in our place or
// sends us elsewhere, so there is no proxy (not even from the environment) and
// no redirect is followed. Any port is allowed: receivers listen where they like,
// and the address is what makes a target ours or theirs.
//
// One deadline covers an exchange from DNS to the last kept byte of the body. A
// receiver that hangs, trickles or never ends costs exactly that long.
//
// # HTTP/1.1 only
//
// An exchange owns its connection, so a deadline or a full body may end the
// connection without hurting a neighbour. On HTTP/2 the exchanges of a host
// share one connection, net/http repeats requests on its own after GOAWAY and
// REFUSED_STREAM, and nothing was gained by it when measured.
//
// # Sent once
//
// net/http repeats a request on its own when a kept-alive connection turns out
// dead and the request looks idempotent, which a configured Idempotency-Key
// header is enough for. That would be an attempt nobody recorded, so request
// bodies cannot be rewound (GetBody is nil) and net/http never repeats a request
// that has one. Do repeats a request itself only when not one byte of it was
// written. A request without a body may still be repeated by net/http if its
// method or an Idempotency-Key header declares that harmless.
package safehttp
