package svix

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// Tokens are the JSON Web Tokens (RFC 7519) of Svix's server that are taken beside
// Bellhop's keys: those of one organization, with an expiry. One whose subject is the
// organization may do everything; one of an app is as a portal link of an editor.
type Tokens struct {
	key     any
	methods []string
	// Weak says that the secret is shorter than its algorithms ask for.
	Weak        bool
	issuer, org string
	now         func() time.Time
	parser      *jwt.Parser
}

// The defaults of NewTokens, which are those of Svix's server.
const (
	DefaultIssuer = "svix-server"
	DefaultOrg    = "org_23rb8YdGqMT0qIzpgGwdXfHirMu"
)

const (
	// maxToken bounds a token, in bytes.
	maxToken = 8 << 10
	// lastSecond is the last one of the year 9999: what is later is no time anywhere.
	lastSecond = 253402300799
	// clockSkew is by how much clocks of who makes tokens may differ.
	clockSkew = 30 * time.Second
	// goodSecret is how long a secret should be, in bytes (RFC 7518, section 3.2).
	goodSecret = 32
)

// NewTokens takes tokens that are signed with a secret: text, or a public key in PEM, RSA
// or Ed25519. The kind of the secret decides which algorithms are taken, whatever a token
// says of itself. Tokens must name the issuer, unless that is "", and belong to org.
func NewTokens(secret []byte, issuer, org string, now func() time.Time) (*Tokens, error) {
	t := &Tokens{issuer: issuer, org: org, now: now}
	if !strings.HasPrefix(org, orgPrefix) {
		return nil, fmt.Errorf("%q is no organization: give one that begins with %s", bellhop.Clip(org), orgPrefix)
	}
	if err := t.setKey(secret); err != nil {
		return nil, err
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(t.methods), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(clockSkew), jwt.WithTimeFunc(now), jwt.WithStrictDecoding(),
	}
	if issuer != "" {
		options = append(options, jwt.WithIssuer(issuer))
	}
	t.parser = jwt.NewParser(options...)
	return t, nil
}

const orgPrefix = "org_"

func (t *Tokens) setKey(secret []byte) error {
	secret = bytes.TrimSpace(secret)
	if !bytes.HasPrefix(secret, []byte("-----BEGIN")) {
		if len(secret) == 0 {
			return errors.New("the secret is empty")
		}
		t.key, t.methods, t.Weak = secret, []string{"HS256", "HS384", "HS512"}, len(secret) < goodSecret
		return nil
	}
	block, rest := pem.Decode(secret)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return errors.New("the file must hold one key in PEM and nothing else")
	}
	key, err := publicKey(block)
	if err != nil {
		return err
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		t.key, t.methods, t.Weak = key, []string{"RS256", "RS384", "RS512"}, key.Size() < 2048/8
	case ed25519.PublicKey:
		t.key, t.methods = key, []string{"EdDSA"}
	default:
		return fmt.Errorf("the key is a %T; tokens are signed with RSA, Ed25519 or a secret", key)
	}
	return nil
}

// publicKey reads a public key, or the public half of a private one.
func publicKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		return &key.PublicKey, nil
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		if half, ok := key.(interface{ Public() any }); ok {
			return half.Public(), nil
		}
		switch key := key.(type) {
		case *rsa.PrivateKey:
			return &key.PublicKey, nil
		case ed25519.PrivateKey:
			return key.Public(), nil
		}
		return nil, fmt.Errorf("the key is a %T; tokens are signed with RSA, Ed25519 or a secret", key)
	}
	return nil, fmt.Errorf("the file holds a %q: give a public key", block.Type)
}

// claims are those of Svix's tokens.
type claims struct {
	jwt.RegisteredClaims
	// Org is the organization of an app's token.
	Org          string   `json:"org,omitempty"`
	FeatureFlags []string `json:"feature_flags,omitempty"`
}

// UnmarshalJSON reads the claims by their exact names (RFC 7519, section 4), where
// encoding/json would take Sub for sub. Others are of no concern here.
func (c *claims) UnmarshalJSON(b []byte) error {
	members, err := strictjson.Members(b)
	if err != nil {
		return err
	}
	exact := map[string]json.RawMessage{}
	for _, m := range members {
		if slices.Contains(claimNames, m.Key) {
			exact[m.Key] = json.RawMessage(m.Value)
		}
	}
	if b, err = json.Marshal(exact); err != nil {
		return err
	}
	type plain claims
	return json.Unmarshal(b, (*plain)(c))
}

var claimNames = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "org", "feature_flags"}

// isJWT tells a JSON Web Token from one of Bellhop's own.
func isJWT(token string) bool { return strings.Count(token, ".") == 2 }

// read checks a token, and gives what it claims.
func (t *Tokens) read(token string) (claims, error) {
	var c claims
	if len(token) > maxToken {
		return c, fmt.Errorf("it has more than %d bytes", maxToken)
	}
	// What is there twice may be read in another way by who has made it.
	for part := range strings.SplitSeq(token[:strings.LastIndexByte(token, '.')], ".") {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err == nil {
			err = strictjson.Check(b, strictjson.Parts{})
		}
		if err != nil {
			return c, errors.New("its parts are not well-formed JSON")
		}
		if err := checkMembers(b); err != nil {
			return c, err
		}
	}
	_, err := t.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.key, nil })
	return c, err
}

var (
	errCritical = errors.New("it has crit, which asks for extensions that are not known here")
	errNoDate   = errors.New("exp, nbf and iat must be numbers of seconds, up to the end of the year 9999")
)

// checkMembers refuses what the parser lets pass in the header or the claims of a token:
// extensions that must be understood (RFC 7515, section 4.1.11), of which there are none
// here, and times that are no numbers, or no times (RFC 7519, section 2).
func checkMembers(part []byte) error {
	members, err := strictjson.Members(part)
	if err != nil {
		return nil // no object: the parser refuses it
	}
	for _, m := range members {
		switch m.Key {
		case "crit":
			return errCritical
		case "exp", "nbf", "iat":
			if at, err := strconv.ParseFloat(string(m.Value), 64); err != nil || at > lastSecond {
				return errNoDate
			}
		}
	}
	return nil
}

// byJWT is what a JSON Web Token stands for. It is no stored key: its id is negative, made
// of whom it is for, so that its holder has bounds of his own.
func (a *API) byJWT(ctx context.Context, token string) (bellhop.Key, error) {
	t := a.o.Tokens
	if t == nil {
		return bellhop.Key{}, api.Problem(api.CodeUnauthorized, "This server takes no JSON Web Tokens (--svix-jwt-secret-file): send a key of Bellhop's, bh_…")
	}
	refused := func(why string) (bellhop.Key, error) {
		return bellhop.Key{}, api.Problem(api.CodeUnauthorized, "The token is not valid: "+why)
	}
	c, err := t.read(token)
	if err != nil {
		return refused(whyNot(err))
	}
	sum := sha256.Sum256([]byte(c.Subject))
	k := bellhop.Key{
		ID: -bellhop.KeyID(binary.BigEndian.Uint64(sum[:8])>>1) - 1, Name: "jwt:" + bellhop.Clip(c.Subject),
		Role: bellhop.RoleAdmin, Scope: bellhop.Everything(), ExpiresAt: c.ExpiresAt.Time,
	}
	switch {
	case strings.HasPrefix(c.Subject, orgPrefix):
		if c.Subject != t.org || c.Org != "" && c.Org != t.org {
			return refused("it belongs to another organization")
		}
		return k, nil
	case strings.HasPrefix(c.Subject, appPrefix):
		if c.Org != t.org {
			return refused("it belongs to another organization")
		}
		app, err := a.desk.AppNamed(ctx, bellhop.Owner(), c.Subject)
		if err != nil {
			return refused("there is no such app")
		}
		k.Role, k.Scope, k.Portal, k.FeatureFlags = bellhop.RoleEditor, bellhop.Only(app.ID), true, c.FeatureFlags
		return k, nil
	}
	return refused("its subject is neither an organization nor an app")
}

// whyNot says what is wrong with a token, and nothing of what is in it.
func whyNot(err error) string {
	switch {
	case errors.Is(err, errCritical), errors.Is(err, errNoDate):
		return err.Error()
	case errors.Is(err, jwt.ErrTokenExpired):
		return "it has expired"
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return "it lacks exp, sub or iss"
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return "it is from the future"
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return "it is of another issuer"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return "its signature, or its algorithm, is not what it must be"
	}
	return "it cannot be read"
}
