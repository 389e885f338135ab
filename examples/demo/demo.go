// Package demo puts the sample platforms and receivers around a running Bellhop, with
// their pages on one address, and checks that what must come of their events has come.
package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/examples/backoffice"
	"github.com/bellhop/bellhop/examples/boxoffice"
	"github.com/bellhop/bellhop/examples/chat"
	"github.com/bellhop/bellhop/examples/dooraccess"
	"github.com/bellhop/bellhop/examples/mailbox"
	"github.com/bellhop/bellhop/examples/page"
	"github.com/bellhop/bellhop/examples/registrationcodes"
	"github.com/bellhop/bellhop/examples/residence"
	"github.com/bellhop/bellhop/examples/servicedesk"
	"github.com/bellhop/bellhop/examples/troubles"
	"github.com/bellhop/bellhop/examples/webhook"
)

// Config is what a demo needs.
type Config struct {
	// Bellhop is the address of a Bellhop that allows loopback targets, and Key an
	// admin's key of it.
	Bellhop, Key string
	// Dir is where the receivers keep files.
	Dir string
	// Listen is the address of the pages; "" means a free port of this machine.
	Listen string
}

// The apps of the two platforms.
const (
	Hall  = "harbour-hall"
	House = "seestrasse-12"
)

// Demo is the platforms, the receivers and their pages.
type Demo struct {
	bellhop string
	key     string
	api     *client.Client
	http    *http.Client
	now     func() time.Time

	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup
	base     string // of the pages
	token    string // opens them

	hall      *boxoffice.Office
	house     *residence.Residence
	reacts    *webhook.Receiver
	desk      *servicedesk.Desk
	doors     *dooraccess.Doors
	sheet     *registrationcodes.Sheet
	office    *backoffice.Office
	channel   *chat.Channel
	mailbox   *mailbox.Box
	troubles  *troubles.Troubles
	secrets   map[string]string
	endpoints map[string]bellhop.EndpointID
	busy      atomic.Bool // things happen by themselves
}

// slowness is how long the slow receiver takes.
const slowness = 1500 * time.Millisecond

// New starts the platforms and receivers, and makes apps, event types and endpoints in
// Bellhop.
func New(ctx context.Context, c Config) (*Demo, error) {
	d := &Demo{
		bellhop: strings.TrimRight(c.Bellhop, "/"), key: c.Key, now: time.Now, token: strings.ToLower(rand.Text()),
		http:    &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}},
		secrets: map[string]string{}, endpoints: map[string]bellhop.EndpointID{},
	}
	d.api = client.New(d.bellhop, c.Key, d.http)
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	var err error
	if d.listener, err = net.Listen("tcp", c.Listen); err != nil {
		return nil, err
	}
	d.base = "http://" + d.listener.Addr().String()
	if err = d.start(ctx, c.Dir); err == nil {
		err = d.setUp(ctx)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// start makes the programs and serves their pages, for Bellhop calls some of the URLs
// before it takes them.
func (d *Demo) start(ctx context.Context, dir string) error {
	apiToken := rand.Text()
	partner := &residence.Partner{URL: d.base + "/residence/api", Token: apiToken, HTTP: d.http}
	for _, name := range []string{"desk", "house", "doors", "sheet", "office", troubles.Slow, troubles.Flaky, troubles.Down, troubles.Picky, troubles.Gone} {
		d.secrets[name] = "demo-" + rand.Text()
	}
	hall, err := d.publisher(ctx, Hall, "Harbour Hall", "showpass")
	if err != nil {
		return err
	}
	house, err := d.publisher(ctx, House, "Seestrasse 12", "allthings")
	if err != nil {
		return err
	}
	d.hall = boxoffice.New(Hall, hall, d.now)
	d.house = residence.New(House, house, d.now)
	d.channel = chat.New(d.now)
	d.troubles = troubles.New(d.secrets, slowness)
	if d.reacts, err = d.house.Listener(d.secrets["house"]); err != nil {
		return err
	}
	if d.desk, err = servicedesk.New(d.secrets["desk"], partner, d.now); err != nil {
		return err
	}
	if d.doors, err = dooraccess.New(d.secrets["doors"], partner, d.now); err != nil {
		return err
	}
	if d.sheet, err = registrationcodes.New(d.secrets["sheet"], filepath.Join(dir, "registration-codes.csv")); err != nil {
		return err
	}
	if d.office, err = backoffice.New(d.secrets["office"], d.now); err != nil {
		return err
	}
	if d.mailbox, err = mailbox.Open(rand.Text()); err != nil {
		return err
	}
	d.server = &http.Server{Handler: d.handler(apiToken), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	d.serving.Go(func() { _ = d.server.Serve(d.listener) }) // until Close
	return nil
}

// publisher makes an app and gives a client that may publish its events, and no more:
// that is all that a platform's own program needs.
func (d *Demo) publisher(ctx context.Context, app, name, dialect string) (*client.Client, error) {
	if _, err := d.api.PutApp(ctx, app, client.AppPut{Name: name, Dialects: []string{dialect, "standard", "cloudevents"}}); err != nil {
		return nil, fmt.Errorf("make the app %s: %w", app, err)
	}
	key, err := d.api.CreateKey(ctx, client.KeyInput{Name: name + " publishes", Role: bellhop.RolePublisher, Apps: []string{app}})
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", name, err)
	}
	return client.New(d.bellhop, key.Token, d.http), nil
}

// Link opens the pages, and signs the browser in to the dashboard.
func (d *Demo) Link() string { return d.base + "/open/" + d.token }

// Run has things happen by themselves until ctx ends.
func (d *Demo) Run(ctx context.Context) {
	d.busy.Store(true)
	var running sync.WaitGroup
	running.Go(func() { d.hall.Live(ctx, d.busy.Load) })
	running.Go(func() { d.house.Live(ctx, d.busy.Load) })
	running.Go(func() { d.troubles.Live(ctx, d.busy.Load) })
	running.Wait()
}

// Close stops everything that New started.
func (d *Demo) Close() {
	if d.server != nil {
		_ = d.server.Close()
	} else {
		_ = d.listener.Close()
	}
	d.serving.Wait()
	if d.mailbox != nil {
		d.mailbox.Close()
	}
	d.http.CloseIdleConnections()
}

// handler is all pages. They are for those who have the link; what programs call is
// protected by signatures and tokens of its own.
func (d *Demo) handler(apiToken string) http.Handler {
	mux := http.NewServeMux()
	mount := func(path string, h http.Handler) { mux.Handle(path+"/", http.StripPrefix(path, h)) }
	mount("/boxoffice", d.hall.Handler(d.navOf("/portal/"+Hall)))
	mount("/residence", d.house.Handler(d.navOf("/portal/"+House)))
	mux.Handle("POST /residence/hook", d.reacts)
	mount("/residence/api", d.house.API(apiToken))
	mount("/service-desk", d.desk.Handler(d.nav("desk")))
	mount("/door-access", d.doors.Handler(d.nav("doors")))
	mount("/registration-codes", d.sheet.Handler(d.nav("sheet")))
	mount("/back-office", d.office.Handler(d.nav("office")))
	mount("/chat", d.channel.Handler(d.nav("chat")))
	mount("/mailbox", d.mailbox.Handler(d.nav("mail")))
	mount("/troubles", d.troubles.Handler(d.nav(""), d.dashboardOf))
	mux.HandleFunc("GET /portal/{app}", d.portal)
	mux.HandleFunc("GET /open/{token}", d.open)
	d.homePage(mux)
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !forPrograms(r) && !strings.HasPrefix(r.URL.Path, "/open/") && !d.opened(r) {
			http.Error(w, "Open the link that bellhop demo printed: it lets this browser in.", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

func forPrograms(r *http.Request) bool {
	return r.Method == http.MethodPost && (strings.HasSuffix(r.URL.Path, "/hook") || strings.HasPrefix(r.URL.Path, "/chat/services/")) ||
		strings.HasPrefix(r.URL.Path, "/residence/api/")
}

const cookieName = "bellhop_demo"

func (d *Demo) opened(r *http.Request) bool {
	c, err := r.Cookie(cookieName)
	return err == nil && d.knows(c.Value)
}

func (d *Demo) knows(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(d.token)) == 1
}

// open lets a browser in: here, and as admin in the dashboard, whose session's cookie
// holds for this host at any port.
func (d *Demo) open(w http.ResponseWriter, r *http.Request) {
	if !d.knows(r.PathValue("token")) {
		http.Error(w, "This is not the link that bellhop demo printed.", http.StatusForbidden)
		return
	}
	session, err := d.session(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	for _, c := range session {
		http.SetCookie(w, c)
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: d.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// session signs in to the dashboard, and gives the cookies that hold the session.
func (d *Demo) session(ctx context.Context) ([]*http.Cookie, error) {
	body, err := json.Marshal(map[string]string{"key": d.key})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.bellhop+"/v1/session", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("sign in to the dashboard: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode/100 != 2 || len(resp.Cookies()) == 0 {
		return nil, errors.New("sign in to the dashboard: Bellhop answered " + resp.Status)
	}
	return resp.Cookies(), nil
}

// portal leads to what the platform's customers see of their webhooks.
func (d *Demo) portal(w http.ResponseWriter, r *http.Request) {
	link, err := d.api.CreatePortalLink(r.Context(), client.PortalInput{App: r.PathValue("app"), Role: bellhop.RoleEditor})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, link.URL, http.StatusSeeOther)
}

// dashboardOf is the address of an endpoint in the dashboard.
func (d *Demo) dashboardOf(name string) string {
	return d.bellhop + "/endpoints/" + d.endpoints[name].String()
}

// nav leads home and to the endpoint in the dashboard.
func (d *Demo) nav(endpoint string) func() page.Nav {
	return func() page.Nav {
		n := page.Nav{Home: "/"}
		if endpoint != "" {
			n.Links = append(n.Links, page.Link{Text: "Its endpoint in the dashboard", URL: d.dashboardOf(endpoint)})
		}
		return n
	}
}

// navOf leads home and to a platform's webhooks as its customers see them.
func (d *Demo) navOf(portal string) func() page.Nav {
	return func() page.Nav {
		return page.Nav{Home: "/", Links: []page.Link{{Text: "Its webhooks, as its customers see them", URL: portal}}}
	}
}
