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
// share one connection, and nothing was gained by it when measured.
//
// HTTP/1.1 is spoken here by hand, since net/http hands each request to two other
// goroutines and back, which costs more than the exchange itself and made up a
// third of a delivery. Here the goroutine that calls Do does everything: it takes a
// kept connection or dials ([Client] never has a goroutine of its own), writes
// the request, reads the response and decides whether the connection can be used
// again. Only a request too large for the kernel's buffer is written by another,
// so that an early answer is heard.
//
// What is read is the receiver's, and it may be hostile. The parser refuses
// whatever could be read in two ways, and a connection is used again only if its
// response ended where it said and nothing followed.
//
// # Sent once
//
// A request that a kept connection dies under may have been taken, so it is not
// sent again: whether to is the caller's decision, and his attempt to record. Do
// repeats a request only when not one byte of it was written.
package safehttp
