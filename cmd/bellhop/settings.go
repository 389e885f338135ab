package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/svix"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/recipe"
)

// settings is everything that can be set. A setting is named once, as a flag;
// its variable and its key in the configuration file follow from that. Flags win
// over variables, variables over the file, and the file over the defaults.
type settings struct {
	config string

	// Of the service.
	listen            string
	tlsCert           string
	tlsKey            string
	metricsListen     string
	publicURL         string
	publicDocs        bool
	svixAPI           bool
	svixJWTSecretFile string
	svixJWTIssuer     string
	svixJWTOrg        string
	svixDialect       string
	trustProxy        bool
	database          string
	databaseDirect    string
	databasePlain     bool
	wait              time.Duration
	nodeName          string
	masterKeyFile     string
	dev               bool
	inbox             bool
	allowCIDRs        []netip.Prefix
	dns               string
	userAgent         string
	enforceEventTypes bool
	maxData           int
	maxInFlight       int
	maxConcurrency    int
	queueMemory       int
	maxConnections    int
	maxMemory         int
	maxTrials         int
	maxEndpoints      int
	defaultDialect    string
	defaultRetry      string
	transformations   string
	keyRate           int
	streams           api.Streams
	readLimit         time.Duration
	maxResent         int
	maxPending        int
	maxPendingPublish int
	retention         time.Duration
	disableAfter      time.Duration
	trustClock        bool
	hold              bool
	smtpURL           string
	smtpFrom          string
	smtpUser          string
	smtpPassword      string
	smtpPasswordFile  string
	noticeGather      time.Duration
	noticeGap         time.Duration
	drainTimeout      time.Duration
	logFormat         string
	logLevel          string
	portalName        string
	portalColor       colorValue
	portalLogo        string
	portalOrigins     originsValue
	dialects          []dialect.Definition // file only
	recipes           []recipe.Definition  // file only

	// Of the verbs that use its API.
	server  string
	key     string
	keyFile string

	// system is the configuration file that is read where none was named, if it exists.
	// unread says why it could not be.
	system string
	unread error

	// flags holds each setting's name, help, default and value.
	flags *pflag.FlagSet
	// origins says where each value comes from, by the flag's name.
	origins map[string]string
}

func newSettings() *settings {
	s := &settings{flags: pflag.NewFlagSet("settings", pflag.ContinueOnError), origins: map[string]string{}}
	f := s.flags
	f.StringVar(&s.config, "config", "", "YAML `file` with settings; keys are named like flags, with underscores (default "+systemFile+", if there is one)")

	f.StringVar(&s.listen, "listen", "127.0.0.1:8420", "`address` (host:port) to serve on")
	f.StringVar(&s.tlsCert, "tls-cert", "", "`file` with the certificate and its chain (PEM): serve https; read anew when it changes")
	f.StringVar(&s.tlsKey, "tls-key", "", "`file` with the private key of --tls-cert (PEM); read anew when it changes")
	f.StringVar(&s.metricsListen, "metrics-listen", "", "`address` (host:port) to serve /metrics on, over http, rather than on --listen")
	f.StringVar(&s.publicURL, "public-url", "", "`URL` under which clients and browsers reach Bellhop, for portal links and its documentation (default the host of each request)")
	f.BoolVar(&s.publicDocs, "public-docs", false, "show the event types on /docs and in /openapi.json to those without a key, too")
	f.BoolVar(&s.svixAPI, "svix-api", true, "serve the API of Svix's server at /api/v1, for its clients")
	f.StringVar(&s.svixJWTSecretFile, "svix-jwt-secret-file", "", "`file` with the secret, or the public key in PEM, of JSON Web Tokens that the Svix API takes beside keys")
	f.StringVar(&s.svixJWTIssuer, "svix-jwt-issuer", svix.DefaultIssuer, "the iss that those tokens must have; empty takes any")
	f.StringVar(&s.svixJWTOrg, "svix-jwt-org", svix.DefaultOrg, "the organization that those tokens must belong to")
	f.StringVar(&s.svixDialect, "svix-dialect", svix.DefaultDialect, "`dialect` of endpoints made through the Svix API, unless their app has dialects of its own: svix, or raw for webhook- headers (whitelabel_headers); both send the payload as it is, which standard does not")
	f.BoolVar(&s.trustProxy, "trust-proxy", false, "take clients' addresses from X-Forwarded-For: only where every request comes through a proxy that adds to it")
	f.StringVar(&s.database, "database", "bellhop.db", "SQLite `file`, made if it does not exist; or postgres://user@host/database, which any number of nodes may share")
	f.StringVar(&s.databaseDirect, "database-direct", "", "`URL` of the same PostgreSQL without a pool in between, to be woken by: where --database goes through PgBouncer in transaction mode (default --database)")
	f.BoolVar(&s.databasePlain, "database-plain", false, "do without notifications, advisory locks and SKIP LOCKED, for databases that only speak PostgreSQL's language")
	f.Var(patienceOf(&s.wait, time.Minute), "wait", "how long the start waits for a PostgreSQL that is away; 0s: not at all")
	f.StringVar(&s.nodeName, "node-name", "", "`name` of this process among those that share a database, for people (default the host's)")
	f.StringVar(&s.masterKeyFile, "master-key-file", "", "`file` with the key that encrypts endpoint secrets, the same for all nodes; made at the first start (default the database's path and \".key\"; with PostgreSQL bellhop.key)")
	f.BoolVar(&s.dev, "dev", false, "for development: allow plain http and loopback targets")
	f.BoolVar(&s.inbox, "inbox", false, "offer temporary inboxes, which endpoints can send to inside Bellhop (default on with --dev)")
	f.Var((*cidrValue)(&s.allowCIDRs), "allow-cidr", "`network` that endpoints may be in although it is not public, such as 10.1.0.0/16; may be repeated")
	f.StringVar(&s.dns, "dns", "", "DNS server (`host:port`) to ask for endpoints' names (default the system's)")
	f.StringVar(&s.userAgent, "user-agent", "Bellhop", "`text` sent as User-Agent")
	f.BoolVar(&s.enforceEventTypes, "enforce-event-types", false, "refuse events whose type is not in the catalogue")
	f.Var(sizeOf(&s.maxData, 256<<10), "max-data", "most data that one event may carry, such as 256KiB")
	f.Var(countOf(&s.maxInFlight, 0, 1_000_000), "max-in-flight", "most requests to endpoints at once (default 4096, or less where the limit of open files is low)")
	f.Var(countOf(&s.maxConcurrency, 512, 100_000), "max-concurrency", "how far the requests to one endpoint at once may grow where its concurrency is not set and its receiver bears more")
	f.Var(sizeOf(&s.queueMemory, 0), "queue-memory", "most memory that deliveries may take together that wait or are being sent; the rest waits on the disk (default 128MiB, or a quarter of what the container may take if that is less)")
	f.Var(countOf(&s.maxConnections, 0, 1_000_000), "max-connections", "most connections to the API at once (default 4096, or less where the limit of open files is low)")
	f.Var(sizeOf(&s.maxMemory, 0), "max-memory", "most memory that the bodies of requests to the API and long answers may take together (default 256MiB, or a quarter of what the container may take if that is less)")
	f.Var(countOf(&s.maxTrials, 32, 10_000), "max-trials", "most tests, verifications and previews of endpoints at once, besides --max-in-flight")
	f.Var(countOf(&s.maxEndpoints, desk.DefaultMaxEndpoints, 100_000), "max-endpoints", "most endpoints that may listen to one app, unless the app has a bound of its own")
	f.StringVar(&s.defaultDialect, "default-dialect", desk.DefaultDialect, "`dialect` of endpoints that name none, unless their apps have dialects of their own")
	f.StringVar(&s.defaultRetry, "default-retry", "", "retry schedule of endpoints that name none when they are made: `delays` such as 5s,5m,30m, or none, or the API's JSON (default until a delivery is seven days old)")
	f.Var(oneOf(&s.transformations, string(desk.WritersEditors), string(desk.WritersAdmins), string(desk.WritersNobody)), "transformations", "who may write transformations, scripts that make the requests of an endpoint: editors (the portal's users, too), admins, or off")
	f.Var(countOf(&s.keyRate, api.DefaultKeyRate, 1_000_000_000), "key-rate", "most requests to the API that one key may make a second, after a burst of as many")
	f.Var(countOf(&s.streams.OfKey, api.DefaultKeyStreams, 100_000), "key-streams", "most streams, of attempts or of events to publish, that one key may have open at once")
	f.Var(countOf(&s.streams.OfApp, api.DefaultAppStreams, 100_000), "app-streams", "most streams that the keys and portal links of one app may have open together")
	f.Var(countOf(&s.streams.InAll, api.DefaultStreams, 100_000), "max-streams", "most streams that may be open in all")
	f.Var(durationOf(&s.readLimit, api.DefaultReadLimit), "read-limit", "how long one look through the logs may take before it is answered \"narrow it down\"")
	f.Var(countOf(&s.maxResent, desk.DefaultMaxResent, 1_000_000_000), "max-resent", "most unfinished deliveries of replays and resends that may wait at one endpoint")
	f.Var(countOf(&s.maxPending, desk.DefaultMaxPending, 1_000_000_000), "max-pending", "most unfinished deliveries that one app may have before its replays and resends are refused")
	f.Var(boundOf(&s.maxPendingPublish, 1_000_000_000), "max-pending-publish", "most unfinished deliveries that one app may have before its publishes are refused, too, or none for no bound")
	f.Var(durationOf(&s.retention, 30*24*time.Hour), "retention", "how long events and attempts are kept")
	f.Var(durationOf(&s.disableAfter, 8*24*time.Hour), "disable-after", "how long an endpoint may fail without one success before it is disabled")
	f.BoolVar(&s.trustClock, "trust-clock", false, "believe the time as it is at this start, although it has jumped ahead since it was seen last: history that is then older than --retention is deleted")
	f.BoolVar(&s.hold, "hold", false, "send nothing to any endpoint until 'bellhop release': for a database that was restored from a backup, or moved here")
	f.StringVar(&s.smtpURL, "smtp-url", "", "`URL` of the mail server by which people are told of what is broken, such as smtp://mail.example.com:587, smtps:// or, within the house, smtp+plain://")
	f.StringVar(&s.smtpFrom, "smtp-from", "", "`address` that these mails are from, such as \"Bellhop <bellhop@example.com>\"")
	f.StringVar(&s.smtpUser, "smtp-user", "", "`name` to sign in to the mail server with")
	f.StringVar(&s.smtpPassword, "smtp-password", "", "its `password`; rather set BELLHOP_SMTP_PASSWORD or --smtp-password-file, because others can see flags")
	f.StringVar(&s.smtpPasswordFile, "smtp-password-file", "", "`file` with its password")
	f.Var(durationOf(&s.noticeGather, 30*time.Second), "notice-gather", "how long something must be broken before people are told of it, together with what breaks meanwhile")
	f.Var(durationOf(&s.noticeGap, 5*time.Minute), "notice-gap", "least time between two notices to the same people; it grows where there is much to tell")
	f.Var(durationOf(&s.drainTimeout, 20*time.Second), "drain-timeout", "how long requests under way may take to finish at shutdown")
	f.Var(oneOf(&s.logFormat, "text", "json"), "log-format", "how the log (on standard error) is written: text or json")
	f.Var(oneOf(&s.logLevel, "info", "debug", "warn", "error"), "log-level", "least level that is logged: debug, info, warn or error")

	f.StringVar(&s.portalName, "portal-name", "Webhooks", "`name` of your platform, for the portal")
	f.Var(&s.portalColor, "portal-color", "main `colour` of your platform, such as #0b7285, for the portal")
	f.StringVar(&s.portalLogo, "portal-logo", "", "`file` with the logo of your platform (SVG, PNG, JPEG or WebP, at most 256 KiB), for the portal")
	f.Var(&s.portalOrigins, "portal-origin", "`origin` such as https://app.acme.com whose pages may show the portal in a frame; may be repeated")

	f.StringVar(&s.server, "server", "http://127.0.0.1:8420", "`URL` of the Bellhop server")
	f.StringVar(&s.key, "key", "", "API `key` (bh_…); rather set BELLHOP_KEY, because others can see flags")
	f.StringVar(&s.keyFile, "key-file", "", "`file` with the API key, used if --key is not given")
	return s
}

// serviceSettings are the settings of serve, in the order of its help.
func serviceSettings() []string {
	return []string{
		"listen", "tls-cert", "tls-key", "metrics-listen", "public-url", "public-docs", "svix-api", "svix-jwt-secret-file", "svix-jwt-issuer", "svix-jwt-org", "svix-dialect", "trust-proxy", "database", "database-direct", "database-plain", "wait", "node-name", "master-key-file", "dev", "inbox", "allow-cidr", "dns", "user-agent",
		"enforce-event-types", "max-data", "max-in-flight", "max-concurrency", "queue-memory", "max-connections", "max-memory", "max-trials", "max-endpoints", "default-dialect", "default-retry", "transformations", "key-rate", "key-streams", "app-streams", "max-streams", "read-limit",
		"max-resent", "max-pending", "max-pending-publish", "retention", "disable-after", "smtp-url", "smtp-from", "smtp-user", "smtp-password", "smtp-password-file", "notice-gather", "notice-gap", "trust-clock", "hold", "drain-timeout",
		"log-format", "log-level", "portal-name", "portal-color", "portal-logo", "portal-origin",
	}
}

// listValue is a setting that may be given several times.
type listValue interface {
	pflag.Value
	texts() []string
}

// inForce is the value of a setting as it is in force, without secrets.
func (s *settings) inForce(name string) string {
	switch name {
	case "database": // may be a URL with a password
		return shownDatabase(s.database)
	case "database-direct":
		return shownDatabase(s.databaseDirect)
	case "node-name":
		return s.nameOfNode()
	case "smtp-password":
		if s.smtpPassword != "" {
			return bellhop.Hidden
		}
	case "master-key-file":
		return s.keyPath()
	case "inbox":
		return fmt.Sprint(s.offersInboxes())
	case "max-in-flight":
		return fmt.Sprint(s.requestsInFlight())
	case "max-connections":
		return fmt.Sprint(s.connections())
	case "queue-memory":
		return sizeValue(s.queueBytes()).String()
	case "max-memory":
		return sizeValue(s.bodyBytes()).String()
	}
	return s.flags.Lookup(name).Value.String()
}

// origin says where a setting comes from.
func (s *settings) origin(name string) string { return cmp.Or(s.origins[name], "default") }

// report lists the settings of the service for the operator.
func (s *settings) report() []wire.Setting {
	var list []wire.Setting
	for _, name := range serviceSettings() {
		source := s.origin(name)
		if source == "flag" {
			source = "--" + name
		}
		_, description := pflag.UnquoteUsage(s.flags.Lookup(name))
		list = append(list, wire.Setting{
			Name: keyOf(name), Value: s.inForce(name), Source: source, Default: source == "default", Description: description,
		})
	}
	return list
}

// variableOf is the name of a setting's variable.
func variableOf(flag string) string {
	return "BELLHOP_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// keyOf is the name of a setting in the configuration file.
func keyOf(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

// secretVariable gives verify its secret.
const secretVariable = "BELLHOP_SECRET"

// load fills in what the flags, which are parsed already, left open: from the
// variables, and then from the configuration file.
func (s *settings) load(environ []string) error {
	fromEnv, err := s.readVariables(environ)
	if err != nil {
		return err
	}
	if err := s.resolve("config", fromEnv, nil); err != nil {
		return err
	}
	s.findSystemFile()
	var fromFile map[string]fileValue
	if s.config != "" {
		if fromFile, err = s.readFile(s.config); err != nil {
			return usageError{err}
		}
	}
	var failed error
	s.flags.VisitAll(func(f *pflag.Flag) {
		if failed == nil {
			failed = s.resolve(f.Name, fromEnv, fromFile)
		}
	})
	if failed != nil {
		return failed
	}
	return s.check()
}

// systemFile is the configuration file of an installed Bellhop.
const systemFile = "/etc/bellhop/bellhop.yaml"

// findSystemFile takes the system's configuration file where none was named. Who may not
// read it still may use a server's API: see needsFile.
func (s *settings) findSystemFile() {
	if s.config != "" || s.system == "" {
		return
	}
	f, err := os.Open(s.system)
	switch {
	case err == nil:
		_ = f.Close() // nothing was read
		s.config, s.origins["config"] = s.system, "found"
	case !errors.Is(err, fs.ErrNotExist):
		s.unread = err
	}
}

// needsFile fails if there is a configuration file of the system that this user cannot
// read: a service must not run by other settings than those in it.
func (s *settings) needsFile() error {
	if s.unread == nil {
		return nil
	}
	return usage("%w: let this user read it, or name another file with --config or BELLHOP_CONFIG", s.unread)
}

// resolve sets one setting from the best source that has it.
func (s *settings) resolve(name string, fromEnv map[string]string, fromFile map[string]fileValue) error {
	f := s.flags.Lookup(name)
	if s.origins[name] != "" {
		return nil // config, which was needed first
	}
	if f.Changed {
		s.origins[name] = "flag"
		return nil
	}
	if text, ok := fromEnv[name]; ok {
		s.origins[name] = variableOf(name)
		if err := setAll(f.Value, strings.Split(text, ",")); err != nil {
			return usage("%s: %w", variableOf(name), err)
		}
		return nil
	}
	if v, ok := fromFile[name]; ok {
		s.origins[name] = fmt.Sprintf("%s line %d", s.config, v.line)
		if err := setAll(f.Value, v.texts); err != nil {
			return usage("%s line %d: %s: %w", s.config, v.line, keyOf(name), err)
		}
	}
	return nil
}

// setAll sets a list to all texts, and anything else to the text that was split.
func setAll(v pflag.Value, texts []string) error {
	if _, isList := v.(listValue); !isList {
		text := strings.Join(texts, ",")
		err := v.Set(text)
		switch {
		case err == nil:
			return nil
		case v.Type() == "bool":
			return fmt.Errorf("%q is neither true nor false", text)
		}
		return err
	}
	for _, text := range texts {
		if err := v.Set(strings.TrimSpace(text)); err != nil {
			return err
		}
	}
	return nil
}

// readVariables gives the settings that variables make, by flag name.
func (s *settings) readVariables(environ []string) (map[string]string, error) {
	names := map[string]string{}
	known := []string{secretVariable}
	s.flags.VisitAll(func(f *pflag.Flag) {
		names[variableOf(f.Name)] = f.Name
		known = append(known, variableOf(f.Name))
	})
	values := map[string]string{}
	for _, entry := range environ {
		variable, text, _ := strings.Cut(entry, "=")
		name, ok := names[variable]
		switch {
		case !strings.HasPrefix(variable, "BELLHOP_"), variable == secretVariable, isServiceLink(variable):
		case !ok:
			return nil, usage("the variable %s is set, but there is no such setting%s", variable, didYouMean(variable, known))
		case text != "": // empty is how composed environments say "not set"
			values[name] = text
		}
	}
	return values, nil
}

// isServiceLink knows the variables that Kubernetes puts into every container
// when a Service is named bellhop. They are nobody's spelling mistake.
func isServiceLink(variable string) bool {
	return variable == "BELLHOP_PORT" || strings.HasPrefix(variable, "BELLHOP_PORT_") ||
		variable == "BELLHOP_SERVICE_HOST" || strings.HasPrefix(variable, "BELLHOP_SERVICE_PORT")
}

// check looks at what no single value's own rules can tell.
func (s *settings) check() error {
	if s.publicURL != "" {
		u, err := url.Parse(s.publicURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return usage("public-url: %q is not a URL such as https://hooks.example.com", s.publicURL)
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return usage("public-url: leave out user, query and fragment: what is given is the beginning of other addresses")
		}
	}
	if _, _, err := net.SplitHostPort(s.listen); err != nil {
		return usage("listen: %q is not host:port, such as 127.0.0.1:8420, or :8420 for all addresses", s.listen)
	}
	if _, _, err := net.SplitHostPort(s.metricsListen); s.metricsListen != "" && err != nil {
		return usage("metrics-listen: %q is not host:port, such as 127.0.0.1:9420", s.metricsListen)
	}
	if (s.tlsCert == "") != (s.tlsKey == "") {
		return usage("tls-cert and tls-key belong together: name the file of the certificate and that of its key")
	}
	if s.dns != "" {
		if _, _, err := net.SplitHostPort(s.dns); err != nil {
			return usage("dns: %q is not host:port, such as 9.9.9.9:53", s.dns)
		}
	}
	if err := s.checkBounds(); err != nil {
		return err
	}
	if _, err := s.dialectNamed(s.defaultDialect); err != nil {
		return usage("default-dialect: %w", err)
	}
	if _, err := s.dialectNamed(s.svixDialect); err != nil {
		return usage("svix-dialect: %w", err)
	}
	if _, err := s.retrySchedule(); err != nil {
		return usage("default-retry: %w", err)
	}
	if err := s.checkDatabase(); err != nil {
		return err
	}
	if err := s.checkOrigins(); err != nil {
		return err
	}
	return s.checkMail()
}

// checkBounds refuses bounds at which the service would stand still, or at which one tenant
// could have it stand still.
func (s *settings) checkBounds() error {
	leastMemory, leastQueue := s.leastMemory(), s.leastQueue()
	switch {
	case int64(s.bodyBytes()) < leastMemory:
		return usage("max-memory: must be at least %s, so that two of the longest batches of one key fit in: one key gets half of it", api.ByteSize(leastMemory))
	case int64(s.queueBytes()) < leastQueue:
		return usage("queue-memory: must be at least %s: with less, deliveries of the largest events (max-data is %s) would go out one at a time", api.ByteSize(leastQueue), api.ByteSize(int64(s.maxData)))
	case s.maxInFlight > 0 && s.maxInFlight < leastInFlight:
		return usage("max-in-flight: must be at least %d, so that endpoints that hang leave some to the others", leastInFlight)
	case s.maxConnections > 0 && s.maxConnections < leastConnections:
		return usage("max-connections: must be at least %d: one key or address gets half of them, and a browser alone takes six", leastConnections)
	}
	return nil
}

// leastMemory and leastQueue are what --max-memory and --queue-memory must be at least.
func (s *settings) leastMemory() int64 { return 4 * s.maxBatchBody() }
func (s *settings) leastQueue() int64  { return max(4<<20, 2*int64(s.maxData)) }

// retrySchedule is the schedule of endpoints that name none.
func (s *settings) retrySchedule() (bellhop.RetryPolicy, error) {
	retry, err := retryOf(s.defaultRetry)
	if err != nil {
		return retry, err
	}
	if wrong := retry.Check(); wrong != nil {
		return retry, fmt.Errorf("%s %s", wrong.Field, wrong.Detail)
	}
	return retry, nil
}

// unmarked refuses a text with the byte order mark that some editors and shells put
// before it: nobody sees it in a key or a secret, and it makes another one.
func unmarked(path string, text []byte) error {
	if !bytes.HasPrefix(text, []byte("\ufeff")) {
		return nil
	}
	if path == "-" {
		return usage("standard input begins with a byte order mark: send it without")
	}
	return usage("%s begins with a byte order mark: save it without", path)
}

// apiKey is the key for the API, from --key or --key-file.
func (s *settings) apiKey() (string, error) {
	if s.key != "" || s.keyFile == "" {
		return s.key, nil
	}
	b, err := os.ReadFile(s.keyFile)
	if err != nil {
		return "", usage("key-file: %w", err)
	}
	if err := unmarked(s.keyFile, b); err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(b))
	if key == "" || strings.ContainsAny(key, " \t\r\n") {
		return "", usage("key-file: %s must hold one key (bh_…) and nothing else", s.keyFile)
	}
	return key, nil
}

// add gives a verb the flags of settings.
func (s *settings) add(to *pflag.FlagSet, names ...string) {
	for _, name := range names {
		to.AddFlag(s.flags.Lookup(name))
	}
}

// dialectNamed finds a dialect of the configuration file or a built-in one.
func (s *settings) dialectNamed(name string) (*dialect.Dialect, error) {
	known := []string{}
	for _, d := range s.allDialects() {
		if d.Name == name {
			return dialect.Compile(d)
		}
		known = append(known, d.Name)
	}
	return nil, usage("there is no dialect %q%s; there are %s", name, didYouMean(name, known), strings.Join(known, ", "))
}

// allDialects are the built-in dialects and those of the configuration file.
func (s *settings) allDialects() []dialect.Definition {
	return slices.Concat(dialect.Builtin(), s.dialects)
}

// keyPath is the master key file's path.
func (s *settings) keyPath() string {
	if s.masterKeyFile != "" {
		return s.masterKeyFile
	}
	if s.onPostgreSQL() {
		return "bellhop.key"
	}
	return s.database + ".key"
}

// offersInboxes tells whether there are inboxes: as said or, if nothing was said,
// for development.
func (s *settings) offersInboxes() bool {
	if s.origins["inbox"] == "" {
		return s.dev
	}
	return s.inbox
}

// requestsInFlight is how many requests may be made at once.
func (s *settings) requestsInFlight() int { return s.allot(openFiles()).inFlight }

// connections is how many connections to the API there may be at once.
func (s *settings) connections() int { return s.allot(openFiles()).connections }

// maxEventBody and maxBatchBody are the longest bodies that are taken.
func (s *settings) maxEventBody() int64 { return max(1<<20, int64(s.maxData)+envelope) }
func (s *settings) maxBatchBody() int64 { return max(16<<20, int64(s.maxData)+envelope) }

// envelope is what an event's body has besides its data.
const envelope = 64 << 10
