package safehttp

import (
	"crypto/x509"
	"errors"
)

// tlsRemedy completes what is wrong with a receiver's certificate by what can be done.
func tlsRemedy(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknown):
		return "; give the authority's certificate as the endpoint's tls.ca or, if it is a public one, have the receiver send its whole chain"
	case errors.As(err, &host):
		return "; use a host name that the certificate is for, or have the receiver's owner get one for this"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "; its owner has to renew it"
	}
	return ""
}
