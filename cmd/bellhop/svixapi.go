package main

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/svix"
	"github.com/bellhop/bellhop/desk"
)

// svixTokens are the JSON Web Tokens that the Svix API takes, nil if it takes none.
func (s *settings) svixTokens(log *slog.Logger) (*svix.Tokens, error) {
	if s.svixJWTSecretFile == "" {
		return nil, nil
	}
	secret, err := os.ReadFile(s.svixJWTSecretFile)
	if err != nil {
		return nil, usage("svix-jwt-secret-file: %w", err)
	}
	tokens, err := svix.NewTokens(secret, s.svixJWTIssuer, s.svixJWTOrg, time.Now)
	if err != nil {
		return nil, usage("svix-jwt-secret-file: %w", err)
	}
	if tokens.Weak {
		log.Warn("svix-jwt-secret-file: the secret is so short that it can be found by trying; give one of 32 bytes or more, or an RSA key of 2048 bits")
	}
	return tokens, nil
}

// besides serves Svix's API beside Bellhop's own, if it is to be served.
func (s *settings) besides(native http.Handler, d *desk.Desk, tokens *svix.Tokens, o api.Options) (handler http.Handler, stop func()) {
	if !s.svixAPI {
		return beside(native, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code":"not_found","detail":"The Svix API is switched off here (--svix-api)."}`+"\n")
		})), func() {}
	}
	api := svix.New(d, svix.Options{Options: o, Tokens: tokens, Dialect: s.svixDialect, MaxMessageBody: s.maxEventBody()})
	return beside(native, api), api.Close
}

// beside has Svix's paths served by one handler, and all others by Bellhop's own. It is no
// mux, which would redirect what has an empty id in its path.
func beside(native, svix http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1" || strings.HasPrefix(r.URL.Path, "/api/v1/") || strings.HasPrefix(r.URL.Path, "/ingest/api/v1/") {
			svix.ServeHTTP(w, r)
			return
		}
		native.ServeHTTP(w, r)
	})
}
