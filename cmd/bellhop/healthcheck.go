package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) healthcheckVerb() *cobra.Command {
	var live bool
	timeout := 3 * time.Second
	cmd := p.verb("healthcheck", "Ask the server on this machine whether it is well, for containers",
		`Ask the server that these settings are for whether it takes events (/readyz), and say so with
the exit code: 0 if it does, 1 if it does not or does not answer in time. It takes no key.

With --live, ask only whether the process answers (/healthz): for whoever restarts it, since a
full disk is not mended by a restart.`,
		func(cmd *cobra.Command, _ []string) error {
			path := "/readyz"
			if live {
				path = "/healthz"
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			url := p.settings.localBase() + path
			if err := probe(ctx, url); err != nil {
				return fmt.Errorf("%s: %w", url, err)
			}
			return p.show(map[string]string{"status": "ok", "url": url}, func() { p.print("%s %s is well", p.mark(true), url) })
		})
	p.settings.add(cmd.Flags(), "listen", "tls-cert", "tls-key")
	f := cmd.Flags()
	f.BoolVar(&live, "live", false, "ask only whether the process answers")
	f.Var(durationOf(&timeout, timeout), "timeout", "how long the answer may take")
	p.jsonFlag(cmd)
	cmd.Example = "  HEALTHCHECK CMD [\"/bellhop\", \"healthcheck\"]"
	return cmd
}

// probe asks a probe of a server on this machine. Its certificate is for the name by
// which others reach it, and nothing secret is sent or shown: so it is not checked.
func probe(ctx context.Context, url string) error {
	transport := &http.Transport{
		DialContext:     new(net.Dialer).DialContext, // no proxy: it is here
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s: %.500q", res.Status, body)
	}
	return nil
}
