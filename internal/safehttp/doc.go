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
// So the answers of DNS servers can be remembered for as long as they say: nothing
// depends on their being right.
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
// kept connection or has one dialed, writes the request, reads the response and
// decides whether the connection can be used again. Others help it twice, and are done
// before it is: dialing takes a deep stack, which is not to stay with whoever waits for an
// answer; and a request too large for the kernel's buffer is written by another, so that an
// early answer is heard. While it waits, an exchange has no buffer.
//
// What is read is the receiver's, and it may be hostile or odd. What it means is in
// the head of its response: that is read as leniently as it can be, and a body that
// breaks off or never ends takes nothing back. But a connection is used again only if
// its response could be read in one way, ended where it said, and was followed by
// nothing.
//
// # Whose answer it is
//
// HTTP/1.1 tells answers apart by their order alone. A receiver that sends one too
// many some time later would have it taken for that to the next request. So a
// connection belongs to one app and one set of credentials; what is there before a
// request is written ends it, and so does what the receiver sent before it had any of
// the request, which its acknowledgements tell (on Linux).
//
// # Sent once more
//
// A receiver may close a kept connection just as a request goes out on it, and many
// close them without having said so. Then the request is sent once more, at once and
// over a new connection, on the same deadline: not a byte of an answer has come, so
// nobody can have decided anything by it. The receiver may get it twice, which is what
// event ids are for. What fails on a new connection has failed.
package safehttp
