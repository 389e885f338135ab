package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// certificate is what serve shows over TLS. It follows its files: whoever renews them
// need not restart Bellhop.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	// seen is what the files held when they were taken.
	seen [2][]byte
}

// watchEvery is how often the files are looked at. They are read whole, since what
// renews them may replace them, a link to them, or a folder above.
const watchEvery = 2 * time.Second

// expiresSoon is when a certificate is worth a warning.
const expiresSoon = 14 * 24 * time.Hour

func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	_, err := c.load()
	return c, err
}

// load reads the files, if they have changed since, and takes them if they fit together.
func (c *certificate) load() (changed bool, err error) {
	var now [2][]byte
	if now[0], err = os.ReadFile(c.certFile); err != nil {
		return false, fmt.Errorf("tls-cert: %w: name the file with the certificate and its chain (PEM), which this user must be able to read", err)
	}
	if now[1], err = os.ReadFile(c.keyFile); err != nil {
		return false, fmt.Errorf("tls-key: %w: name the file with the private key of tls-cert (PEM), which this user must be able to read", err)
	}
	if bytes.Equal(now[0], c.seen[0]) && bytes.Equal(now[1], c.seen[1]) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(now[0], now[1])
	if err != nil {
		return false, fmt.Errorf("tls-cert %s and tls-key %s: %w: the first must hold the certificate and its chain, the second its private key, both as PEM and the key without a passphrase", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	c.seen = now
	switch left := time.Until(pair.Leaf.NotAfter); {
	case left <= 0:
		c.log.Warn("the TLS certificate has expired: clients will refuse it; renew it, and it is read anew", "tls_cert", c.certFile, "expired", pair.Leaf.NotAfter)
	case left < expiresSoon:
		c.log.Warn("the TLS certificate expires soon; renew it, and it is read anew", "tls_cert", c.certFile, "expires", pair.Leaf.NotAfter)
	}
	return true, nil
}

// watch follows the files until ctx ends. What cannot be used changes nothing.
func (c *certificate) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	failed, said := "", ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := c.load()
		switch {
		case err != nil && err.Error() != failed:
			failed = err.Error() // perhaps only one of the two files has been replaced yet
		case err != nil && failed != said:
			said = failed
			c.log.Error("the new TLS certificate is not used; Bellhop goes on with the one that it has", "err", err)
		case err != nil:
		case changed || failed != "":
			failed, said = "", ""
			leaf := c.current.Load().Leaf
			c.log.Info("the TLS certificate was read anew", "tls_cert", c.certFile, "names", leaf.DNSNames, "expires", leaf.NotAfter)
		}
	}
}

// config is TLS as it is served: 1.2 at least, with Go's choice of ciphers.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

var certificateExpires = prometheus.NewDesc("bellhop_tls_certificate_expires_timestamp_seconds", "When the TLS certificate that is served expires.", nil, nil)

// Describe implements prometheus.Collector.
func (c *certificate) Describe(ch chan<- *prometheus.Desc) { ch <- certificateExpires }

// Collect implements prometheus.Collector.
func (c *certificate) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(certificateExpires, prometheus.GaugeValue, float64(c.current.Load().Leaf.NotAfter.Unix()))
}
