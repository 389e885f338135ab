package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop/bellhop"
)

// What can be wrong with a database, for errors.Is.
var (
	ErrAddress    = errors.New("not the address of a PostgreSQL database")
	ErrAway       = errors.New("cannot be reached") // waiting may help
	ErrTLS        = errors.New("no connection that is encrypted as it was asked for")
	ErrPassword   = errors.New("password refused")
	ErrPermission = errors.New("permission denied")
	ErrMissing    = errors.New("no such database")
	ErrEncoding   = errors.New("not encoded in UTF-8")
	ErrOld        = errors.New("PostgreSQL is too old")
	ErrNewer      = errors.New("written by a newer Bellhop")
	ErrForeign    = errors.New("another application's schema")
	ErrReadOnly   = errors.New("read-only")
	ErrMoving     = errors.New("filled in part by a move")
	ErrDirect     = errors.New("the direct address is of another database")
	ErrFull       = errors.New("no space or no connections left")
)

// OpenError says why a database cannot be opened, and what to do. Nothing was changed in
// it.
type OpenError struct {
	// Database names the server and the database, without a password.
	Database string
	// Kind is one of the errors above, or nil.
	Kind     error
	Sentence string
	// Err is what the server or the system said, if anything.
	Err error
}

// Error gives the sentence, and what was said.
func (e *OpenError) Error() string {
	if e.Err == nil {
		return e.Sentence
	}
	var said []string
	for _, cause := range causes(e.Err) {
		if text := strings.Join(strings.Fields(cause.Error()), " "); !slices.Contains(said, text) { // in one line
			said = append(said, text)
		}
	}
	return e.Sentence + " (" + strings.Join(said, "; ") + ")"
}

// Unwrap gives the kind, and the error of the server or the system.
func (e *OpenError) Unwrap() []error {
	var list []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}

// refusedTLS is what pgx says where a server has no TLS.
const refusedTLS = "server refused TLS connection"

// causes are what went wrong at each address of a database. That one has no TLS is none,
// where it was asked without it then.
func causes(err error) []error {
	failed, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return []error{err}
	}
	joined, ok := failed.Unwrap().(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all, others []error
	for _, cause := range joined.Unwrap() {
		all = append(all, cause)
		if !strings.Contains(cause.Error(), refusedTLS) {
			others = append(others, cause)
		}
	}
	if len(others) > 0 {
		return others
	}
	return all
}

// openError finds the sentence for what went wrong while opening.
func openError(name string, err error) error {
	if e, ok := errors.AsType[*OpenError](err); ok {
		return e
	}
	kind := kindOf(err)
	var sentence string
	code := codeOf(err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	switch {
	case code == protocolViolation && strings.Contains(err.Error(), "statement pooling mode"):
		return &OpenError{name, ErrAddress, name + " is behind a PgBouncer with pool_mode = statement, which has no transactions: make it transaction or session", err}
	case errors.Is(err, pgconn.ErrReadOnlyConnection), errors.Is(err, pgconn.ErrStandbyConnection):
		return &OpenError{name, ErrAway, name + " has no server that takes writes, which target_session_attrs asks for: promote one, or name all servers that may be the primary", err}
	case errors.Is(err, pgconn.ErrReadWriteConnection), errors.Is(err, pgconn.ErrPrimaryConnection):
		return &OpenError{name, ErrAddress, name + " is asked for a server that takes no writes: leave target_session_attrs out, or make it read-write", err}
	case connecting && (code == "42704" || code == "22023" || code == protocolViolation):
		return &OpenError{name, ErrAddress, name + " does not take a parameter of its address, or of PGOPTIONS: correct it there, or leave it out", err}
	}
	switch kind {
	case ErrTLS:
		sentence = name + " cannot be reached as sslmode says: its server has no TLS, or a certificate that sslrootcert does not vouch for, or that is for another name"
	case ErrPassword:
		sentence = name + " refuses the password or this user: check them in --database, PGPASSWORD or the password file (~/.pgpass), and the server's pg_hba.conf"
	case ErrPermission:
		sentence = name + ": this role lacks rights. It needs to make the schema bellhop and what is in it: GRANT CREATE ON DATABASE … TO …, or let an owner of the database start Bellhop once"
	case ErrMissing:
		sentence = name + " does not exist: make it (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0), or name another one"
	case ErrReadOnly:
		sentence = name + " takes no writes: " + writable
	case ErrFull:
		sentence = name + lacking(err)
	case ErrAway:
		sentence = name + " cannot be reached: check that the server runs, and host, port and firewall"
	default:
		sentence = "Cannot open " + name
	}
	return &OpenError{name, kind, sentence, err}
}

// lacking says what a server is short of.
func lacking(err error) string {
	if codeOf(err) == tooManyConnections {
		return " gives no more connections: " + raiseConnections
	}
	return " has no disk space or memory left: free some"
}

// raiseConnections says what to do where there are too few connections.
const raiseConnections = "raise max_connections of the server, max_client_conn of PgBouncer, or the CONNECTION LIMIT of the role or the database; a node takes up to 21"

// writable says what a database needs that takes no writes.
const writable = "it is a replica, or set read-only; name the primary (target_session_attrs=read-write finds it among several hosts), or set default_transaction_read_only to off for this role and database"

// Codes of errors, of appendix A of PostgreSQL's manual.
const (
	uniqueViolation     = "23505"
	serializationFailed = "40001"
	deadlockDetected    = "40P01"
	duplicateTable      = "42P07"
	duplicateSchema     = "42P06"
	noSuchTable         = "42P01"
	tooManyConnections  = "53300"
	noSuchDatabase      = "3D000"
	wrongPassword       = "28P01"
	protocolViolation   = "08P01"
	checkViolation      = "23514" // also: no partition for the row
)

// codeOf is the code of a server's error, or "".
func codeOf(err error) string {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ""
	}
	if e.Code != protocolViolation {
		return e.Code
	}
	// PgBouncer has one code for nearly all that it says itself.
	for _, of := range []struct{ text, code string }{
		{"no more connections allowed", tooManyConnections},
		{"no such database", noSuchDatabase},
		{"database \"", noSuchDatabase}, // … does not exist
		{"password authentication failed", wrongPassword},
		{"SASL authentication failed", wrongPassword},
		{"no such user", wrongPassword},
	} {
		if strings.Contains(e.Message, of.text) {
			return of.code
		}
	}
	return e.Code
}

// violates tells whether a statement was refused by a unique index.
func violates(err error, index string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == uniqueViolation && e.ConstraintName == index
}

// kindOf is nil for what it does not know.
func kindOf(err error) error {
	code := codeOf(err)
	switch {
	case code == wrongPassword || code == "28000":
		return ErrPassword
	case code == "42501":
		return ErrPermission
	case code == noSuchDatabase:
		return ErrMissing
	case code == "25006":
		return ErrReadOnly
	case strings.HasPrefix(code, "53"):
		return ErrFull
	case strings.HasPrefix(code, "57P"), strings.HasPrefix(code, "08"):
		return ErrAway
	case code == "" && untrusted(err):
		return ErrTLS
	case code == "" && (lostConnection(err) || errors.Is(err, errSilent)):
		return ErrAway
	}
	return nil
}

// Passing tells whether waiting may help against what Open or a step of a store failed with.
func Passing(err error) bool {
	kind := kindOf(err)
	e, opening := errors.AsType[*OpenError](err)
	if opening {
		kind = e.Kind
	}
	switch kind {
	case ErrAway, ErrFull, ErrReadOnly: // one that is read-only may be about to become the primary
		return true
	case nil:
		return !opening && (errors.Is(err, bellhop.ErrUnavailable) || errors.Is(err, bellhop.ErrUnknown))
	}
	return false
}

// untrusted tells whether there is a server, but not the one that was asked for.
func untrusted(err error) bool {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, other := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	if unverified || unknown || other || invalid {
		return true
	}
	for _, cause := range causes(err) {
		if !strings.Contains(cause.Error(), refusedTLS) {
			return false
		}
	}
	return true
}

// lostConnection tells whether there is no connection, or not any more: what was not to be
// committed yet may be done again on another one.
func lostConnection(err error) bool {
	if err == nil || errors.Is(err, bellhop.ErrUnknown) {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// 57P01 to 57P03: the server shuts down, or is about to start; 25P03, 57P05: the
		// connection was idle for too long.
		return strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08") || e.Code == "25P03"
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed")
}

// collided tells whether a transaction was in another one's way: it may be done again.
func collided(err error) bool {
	code := codeOf(err)
	return code == serializationFailed || code == deadlockDetected
}

// ownFault tells whether the step itself is to blame, such as an id used twice.
func ownFault(err error) bool {
	code := codeOf(err)
	if code == "42501" {
		return false
	}
	return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23") || strings.HasPrefix(code, "42") || strings.HasPrefix(code, "0A")
}

// commitError is what became of a transaction whose end was sent. Only an error of the
// server's that leaves the connection says that it was not stored.
func commitError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.SeverityUnlocalized == "ERROR" && e.Code != "40003" && e.Code != "08007" {
		return err
	}
	if pgconn.SafeToRetry(err) { // nothing was sent
		return err
	}
	return fmt.Errorf("%w: %w", bellhop.ErrUnknown, err)
}

// storageError tells callers that the store cannot be used now. The step did nothing; when
// the server is well again, so is the store.
func storageError(name string, err error) error {
	if err == nil || ownFault(err) || rejection(err) || errors.Is(err, bellhop.ErrUnknown) || errors.Is(err, context.Canceled) {
		return err
	}
	sentence := name + " failed"
	switch kindOf(err) {
	case ErrFull:
		sentence = name + lacking(err)
	case ErrReadOnly:
		sentence = name + " has become read-only: " + writable
	case ErrPermission:
		sentence = name + " refuses what this role needs to do: grant it again"
	case ErrAway:
		sentence = name + " cannot be reached"
	case ErrPassword:
		sentence = name + " refuses the password or this user"
	default:
		switch codeOf(err) {
		case "57014":
			sentence = name + " is too slow: a statement was canceled"
		case "55P03":
			sentence = name + " is busy: a lock could not be had"
		}
	}
	return fmt.Errorf("%w: %s: %w", bellhop.ErrUnavailable, sentence, err)
}

var errNoNode = errors.New("all node numbers are taken: stop a node, or wait until the lease of a dead one runs out")
