package svix

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The organization and the issuer of the tokens that Svix's server makes by itself.
const (
	svixOrg    = "org_23rb8YdGqMT0qIzpgGwdXfHirMu"
	svixIssuer = "svix-server"
)

// jwt makes a JSON Web Token; sign gives the signature of its first two parts.
func jwt(alg string, claims object, sign func(text []byte) []byte) string {
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(object{"alg": alg, "typ": "JWT"}) + "." + part(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}

func hs256(secret []byte) func([]byte) []byte {
	return func(text []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(text)
		return mac.Sum(nil)
	}
}

// The tokens that a platform holds go on to work: of each algorithm, for the platform and
// for one of its apps. None else does.
func TestTokensOfSvix(t *testing.T) {
	secret := []byte("a secret that a platform has had for long")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := func(key any) []byte {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	rs256 := func(text []byte) []byte {
		sum := sha256.Sum256(text)
		signature, err := rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return signature
	}
	eddsa := func(text []byte) []byte { return ed25519.Sign(edKey, text) }
	for _, k := range []struct {
		alg  string
		file []byte
		sign func([]byte) []byte
	}{{"HS256", secret, hs256(secret)}, {"RS256", inPEM(&rsaKey.PublicKey), rs256}, {"EdDSA", inPEM(edKey.Public()), eddsa}} {
		t.Run(k.alg, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(file, k.file, 0o600); err != nil {
				t.Fatal(err)
			}
			s := serve(t, "--dev", "--svix-jwt-secret-file", file)
			now := time.Now().Unix()
			good := func(more ...object) object {
				return with(object{"iss": svixIssuer, "sub": svixOrg, "iat": now, "nbf": now, "exp": now + 3600}, more...)
			}
			for name, sdk := range map[string]sdk{"go": goSDK{}, "npm": js} {
				c := caller{T: t, name: name, sdk: sdk, server: s, token: jwt(k.alg, good(), k.sign)}
				app, other := c.app(), c.app()
				c.endpoint(app, nowhere)
				c.message(app, object{})
				ofApp := c.as(jwt(k.alg, good(object{"sub": app, "org": svixOrg}), k.sign))
				ofApp.is(ofApp.do("application.get", app), object{"id": app})
				ofApp.endpoint(app, nowhere)
				ofApp.refused(http.StatusNotFound, "application.get", other)
				ofApp.refused(http.StatusForbidden, "application.list")
				ofApp.refused(http.StatusForbidden, "message.create", app, object{"eventType": "a", "payload": object{}})

				without := func(name string) object {
					claims := maps.Clone(good())
					delete(claims, name)
					return claims
				}
				tampered := jwt(k.alg, good(object{"sub": app, "org": svixOrg}), k.sign)
				for what, token := range map[string]string{
					"none":                         jwt("none", good(), func([]byte) []byte { return nil }),
					"None":                         jwt("None", good(), func([]byte) []byte { return nil }),
					"without a signature":          jwt(k.alg, good(), func([]byte) []byte { return nil }),
					"the file as an HMAC secret":   jwt("HS256", good(), hs256(append([]byte("x"), k.file...))),
					"the algorithm is another one": jwt(map[string]string{"HS256": "RS256", "RS256": "HS256", "EdDSA": "HS256"}[k.alg], good(), hs256(k.file)),
					"a name that is no algorithm":  jwt("HS1", good(), k.sign),
					"expired":                      jwt(k.alg, good(object{"exp": now - 60}), k.sign),
					"from the future":              jwt(k.alg, good(object{"nbf": now + 3600, "exp": now + 7200}), k.sign),
					"issued in the future":         jwt(k.alg, good(object{"iat": now + 3600, "exp": now + 7200}), k.sign),
					"without an end":               jwt(k.alg, without("exp"), k.sign),
					"without a subject":            jwt(k.alg, without("sub"), k.sign),
					"of another issuer":            jwt(k.alg, good(object{"iss": "somebody"}), k.sign),
					"of no issuer":                 jwt(k.alg, without("iss"), k.sign),
					"of another organization":      jwt(k.alg, good(object{"sub": "org_00000000000SvixManagement00"}), k.sign),
					"an app of another one":        jwt(k.alg, good(object{"sub": app, "org": "org_00000000000SvixManagement00"}), k.sign),
					"an app of none":               jwt(k.alg, good(object{"sub": app}), k.sign),
					"an app that is not there":     jwt(k.alg, good(object{"sub": "app_gone", "org": svixOrg}), k.sign),
					"a subject that is neither":    jwt(k.alg, good(object{"sub": "user_1", "org": svixOrg}), k.sign),
					"another's signature":          tampered[:len(tampered)-20] + "AAAAAAAAAAAAAAAAAAAA",
					"the secret itself":            "a-secret-that-a-platform-has-had-for-long",
					"dots":                         "..",
				} {
					if k.alg == "HS256" && what == "the algorithm is another one" {
						token = jwt("RS256", good(), rs256)
					}
					out := c.as(token).refused(http.StatusUnauthorized, "application.list")
					if text(out, "code") != "authentication_failed" {
						t.Errorf("a token, %s: %v", what, out)
					}
				}
			}
		})
	}
}
