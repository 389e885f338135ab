package safehttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// Reason is why an exchange failed, in one word that is stored, shown and
// filtered by. The words do not change.
type Reason string

const (
	// ReasonTimeout: the deadline of the exchange passed. Response.Detail says
	// in which phase. A caller's own, earlier context deadline counts as well.
	ReasonTimeout Reason = "timeout"
	// ReasonDNS: the host name leads to no address that requests may be sent to, be it
	// that it does not exist or that the policy refused all its addresses: who owns an
	// endpoint must not learn which names there are inside the operator's network. Or
	// the DNS server did not answer within its own limits. No packet was sent.
	ReasonDNS Reason = "dns"
	// ReasonAddress: the policy refused the address that the URL has for a host. No
	// packet was sent.
	ReasonAddress Reason = "address_refused"
	// ReasonConnect: no connection could be established: refused, unreachable.
	ReasonConnect Reason = "connect"
	// ReasonTLS: the TLS handshake failed, most often because of the certificate.
	ReasonTLS Reason = "tls"
	// ReasonReset: the receiver ended the connection before the head of a response
	// was complete. Whether it took the request cannot be known.
	ReasonReset Reason = "reset"
	// ReasonProtocol: what came back is not an HTTP/1.1 response to our request:
	// garbage, headers beyond the limit, an unasked change of protocol.
	ReasonProtocol Reason = "protocol"
	// ReasonCanceled: the caller's context was canceled. Nobody's fault; it says
	// nothing about the receiver.
	ReasonCanceled Reason = "canceled"
	// ReasonURL: Policy.CheckURL refused the URL, for another reason than its
	// address. Nothing was sent.
	ReasonURL Reason = "url_refused"
	// ReasonResources: this machine ran out of descriptors, ports or memory for
	// connections. Nothing was sent, and it says nothing about the receiver.
	ReasonResources Reason = "resources"
	// ReasonRequest: the method or a header cannot be sent over HTTP. Nothing
	// was sent.
	ReasonRequest Reason = "request_invalid"
)

// maxDetail bounds Response.Detail, since some errors quote the receiver.
const maxDetail = 300

// explain turns an error into a reason and a sentence. The sentences name the
// host and the address connected to, never the URL (its query may be a secret),
// the DNS server or a refused address: they are shown to the endpoint's owner,
// who must not learn from them how the operator's network looks inside.
func (x *exchange) explain(err error) (Reason, string) {
	x.mu.Lock()
	defer x.mu.Unlock()

	if errors.Is(x.caller.Err(), context.Canceled) {
		return ReasonCanceled, "the request was canceled before it was answered"
	}
	if errors.Is(err, errAllTaken) {
		return ReasonResources, "this server could not make a connection: " + err.Error() + "; its operator finds more in the log"
	}
	// The clock decides, not the error: a dial has a timer of its own, which may
	// fire a moment before the context's, and gives up on each of several
	// addresses with an error that looks the same.
	// On a connection it is the other way round, and there is no other timer.
	if !time.Now().Before(x.deadline) || x.phase >= phaseSend && errors.Is(err, os.ErrDeadlineExceeded) {
		return ReasonTimeout, fmt.Sprintf("no answer within %s: %s", x.timeout, x.waitingFor())
	}

	var (
		dns     *net.DNSError
		refused *AddrError
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		op      *net.OpError
	)
	switch {
	case exhausted(err) != nil:
		return ReasonResources, "this server could not make a connection: " + exhausted(err).Error() + "; its operator finds more in the log"
	case x.leadsNowhere(err):
		return ReasonDNS, x.host + " leads to no public address: the name does not exist, or none of its addresses is public; check its spelling, or have the operator allow the address with --allow-cidr"
	case errors.As(err, &refused) && x.remote == "":
		return ReasonAddress, "refused to connect to " + x.host + ", which is no public address; the operator can allow others with --allow-cidr"
	case errors.As(err, &dns):
		return ReasonDNS, "the DNS lookup of " + x.host + " failed: " + dns.Err
	case errors.As(err, &op) && op.Op == "remote error":
		// With TLS 1.3, what a receiver says of our certificate comes after the handshake.
		return ReasonTLS, x.peer() + " ended the TLS connection: " + plain(op.Err) + x.wantsCertificate()
	case errors.As(err, &cert), errors.As(err, &record), x.phase == phaseTLS:
		return ReasonTLS, "the TLS handshake with " + x.peer() + " failed: " + shorten(plain(err)) + tlsRemedy(err)
	case refused != nil: // and another of the name's addresses was tried, in vain
		return ReasonConnect, "could not connect to " + x.peer()
	case x.phase == phaseConnect, errors.As(err, &op) && op.Op == "dial":
		return ReasonConnect, "could not connect to " + x.peer() + ": " + plain(err)
	case isReset(err):
		return ReasonReset, x.peer() + " closed the connection before the headers of a response were complete: " + plain(err)
	case x.phase < phaseSend:
		return ReasonConnect, "no connection to " + x.peer() + ": " + plain(err)
	}
	return ReasonProtocol, "the response of " + x.peer() + " is not usable: " + plain(err)
}

// leadsNowhere tells whether a dial failed since its name has no address that may be
// connected to: there is none, none of the kinds that this machine can reach, or none
// that the policy allows.
func (x *exchange) leadsNowhere(err error) bool {
	var (
		dns        *net.DNSError
		unsuitable *net.AddrError
		refused    *AddrError
	)
	switch {
	case errors.As(err, &dns):
		return dns.IsNotFound
	case x.remote != "":
		return false
	}
	return errors.As(err, &unsuitable) || errors.As(err, &refused) && !isLiteral(x.target.addr)
}

// wantsCertificate is the remedy where a receiver that asked for a client certificate
// ends the connection: most often, since it did not get one that it knows.
func (x *exchange) wantsCertificate() string {
	switch x.asked {
	case askedInVain:
		return "; it asks for a client certificate: give the endpoint's tls a certificate and key that the receiver's owner accepts"
	case askedAndGot:
		return "; it does not accept the certificate of the endpoint's tls: give it one that the receiver's owner accepts"
	}
	return ""
}

// isLiteral tells whether a host:port has an address for a host.
func isLiteral(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil
}

// shortfall says why a body was not read to its end, or to the end of what is kept.
func (x *exchange) shortfall(err error) string {
	switch {
	case errors.Is(x.caller.Err(), context.Canceled):
		return "its body did not end before the request was canceled"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("its body did not end within %s", x.timeout)
	case isReset(err):
		return "its body broke off: " + plain(err)
	}
	return "its body cannot be read: " + plain(err)
}

// waitingFor says what had not happened when time ran out.
func (x *exchange) waitingFor() string {
	switch x.phase {
	case phaseDNS:
		return "the DNS lookup of " + x.host + " did not finish"
	case phaseConnect:
		return x.peer() + " did not accept a connection"
	case phaseTLS:
		return "connected to " + x.peer() + ", but the TLS handshake did not finish"
	case phaseSend:
		return "connected to " + x.peer() + ", but it did not take the whole request"
	case phaseWait:
		if x.conn != nil && x.conn.received > 0 {
			return "connected to " + x.peer() + " and sent the request, but the response headers did not end"
		}
		return "connected to " + x.peer() + " and sent the request, but no response headers came"
	}
	return "no connection to " + x.host + " was begun"
}

// peer is the address the exchange is with or, before there is one, the host.
func (x *exchange) peer() string {
	if x.remote != "" {
		return x.remote
	}
	return x.host
}

// shortages are the errors by which the kernel says that it has no more of something
// that a connection needs: descriptors, ports, memory.
var shortages = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE,
	syscall.ENOMEM, syscall.ENOBUFS, syscall.EAGAIN,
}

// exhausted gives the shortage on this machine that an error comes from, or nil.
func exhausted(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	var dns *net.DNSError
	lookup := errors.As(err, &dns)
	for _, e := range shortages {
		// The resolver keeps of its errors only what they say.
		if errors.Is(err, e) || lookup && strings.HasSuffix(dns.Err, e.Error()) {
			return e
		}
	}
	return nil
}

// isReset reports whether the other side ended the connection, as opposed to
// having said something wrong.
func isReset(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ETIMEDOUT) ||
		// A replaced transport may be net/http's, which keeps this error to itself.
		strings.Contains(err.Error(), "server closed idle connection")
}

// plain is the core of an error, without the layers that name sockets.
func plain(err error) string {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "unexpected end"
	}
	return strings.TrimPrefix(err.Error(), "net/http: ")
}

// maxCause bounds what an error adds to a sentence that goes on with a remedy.
const maxCause = 120

func shorten(s string) string {
	if len(s) > maxCause {
		s = s[:maxCause] + "…"
	}
	return s
}

// tidy makes a sentence fit for one line of a log, whoever wrote parts of it.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxDetail {
		s = s[:maxDetail] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
