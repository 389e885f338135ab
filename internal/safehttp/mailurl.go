package safehttp

import "net"

// MailTarget is where a mail server listens, as an endpoint's URL says.
type MailTarget struct {
	Host string // a name in ASCII, or an address
	Addr string // host:port
	// Secure is TLS from the first byte (smtps); Plain is no TLS at all (smtp+plain).
	// Without either, STARTTLS must lead to it.
	Secure, Plain bool
}

// mailPorts are those of a URL that names none (RFC 8314 §7.3, RFC 6409 §3.1).
var mailPorts = map[string]string{"smtp": "587", "smtps": "465", "smtp+plain": "25"}

// likeMail is a URL for people to go by.
const likeMail = "smtp://mail.example.com:587 or smtps://mail.example.com:465"

// CheckMailURL validates the URL of a mail server without touching the network, as
// [Policy.CheckURL] does for others. The error is a *URLError.
func (p Policy) CheckMailURL(raw string) (MailTarget, error) {
	u, err := readURL(raw, likeMail)
	if err != nil {
		return MailTarget{}, err
	}
	port, known := mailPorts[u.Scheme]
	switch {
	case !known:
		return MailTarget{}, &URLError{CodeScheme, "The URL is not that of a mail server; it should look like " + likeMail + "."}
	case u.Scheme == "smtp+plain" && !p.Dev:
		return MailTarget{}, &URLError{CodeScheme, "The URL asks for mail without encryption, which anybody on the way can read; use smtp:// or smtps:// (smtp+plain is allowed in development mode only)."}
	}
	if err := p.checkAuthority(u, likeMail); err != nil {
		return MailTarget{}, err
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery {
		return MailTarget{}, &URLError{CodeInvalid, "The URL of a mail server has no path and no query; it should look like " + likeMail + "."}
	}
	if p := u.Port(); p != "" {
		port = p
	}
	return MailTarget{
		Host: u.Hostname(), Addr: net.JoinHostPort(u.Hostname(), port),
		Secure: u.Scheme == "smtps", Plain: u.Scheme == "smtp+plain",
	}, nil
}

// CheckMailURL is the [Policy.CheckMailURL] of the client's policy.
func (c *Client) CheckMailURL(raw string) (MailTarget, error) { return c.policy.CheckMailURL(raw) }
