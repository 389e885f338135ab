// Package web serves the dashboard and the portal: one page and its assets, which
// are built from the folder src and are part of the program.
//
// The page finds out by its address what to show. Files have no hashes in their
// names, so browsers keep them but ask each time whether they have changed.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// Options adjusts a Handler. The zero value is good.
type Options struct {
	// PortalOrigins are the origins whose pages may show the portal in a frame,
	// such as "https://app.acme.com". Default: none.
	PortalOrigins []string
	// Logo is served at LogoPath, as LogoType. Default: there is none.
	Logo     []byte
	LogoType string
}

// LogoPath is where the platform's logo is.
const LogoPath = "/portal/logo"

// Handler serves the page at every path that no asset has.
func Handler(o Options) http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // it is embedded
	}
	return handlerOf(files, o)
}

// site is what there is to serve.
type site struct {
	assets map[string]*asset // by path
	// dashboard and portal are the same page under different policies.
	dashboard, portal *asset
	logo              *asset
}

func handlerOf(files fs.FS, o Options) http.Handler {
	s := &site{assets: map[string]*asset{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content := func() []byte {
			b, err := fs.ReadFile(files, name)
			if err != nil {
				panic(err) // it is embedded
			}
			return b
		}
		if name == index {
			s.dashboard = newAsset(content, typeOf(name), dashboardHeaders())
			s.portal = newAsset(content, typeOf(name), portalHeaders(o.PortalOrigins))
		} else {
			s.assets["/"+name] = newAsset(content, typeOf(name), assetHeaders())
		}
		return nil
	})
	if err != nil {
		panic(err) // it is embedded
	}
	if len(o.Logo) > 0 {
		s.logo = newAsset(func() []byte { return o.Logo }, o.LogoType, assetHeaders())
	}
	return s
}

const index = "index.html"

// ServeHTTP answers a request for a page, an asset or the logo.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "This path takes GET and HEAD only.")
		return
	}
	if a := s.find(path.Clean("/"+r.URL.Path), isPortal(r.URL.EscapedPath())); a != nil {
		a.serve(w, r)
		return
	}
	refuse(w, http.StatusNotFound, "There is no such file.")
}

// isPortal tells which of the two the page will be. It goes by its address as the
// browser shows it, so this must not decode it: the page at /%70ortal is the
// dashboard, and must not get the headers that let other pages show it in a frame.
func isPortal(address string) bool {
	return address == "/portal" || strings.HasPrefix(address, "/portal/")
}

// find gives what is at a path, nil if nothing is. The page routes by itself, so
// it is at every path but those of files: a name such as invoice.purchase may be
// part of a route.
func (s *site) find(at string, portal bool) *asset {
	if at == LogoPath {
		return s.logo
	}
	if a := s.assets[at]; a != nil {
		return a
	}
	_, isFile := types()[path.Ext(at)]
	switch {
	case at != "/"+index && (isFile || strings.HasPrefix(at, "/assets/")):
		return nil
	case portal:
		return s.portal
	}
	return s.dashboard
}

func refuse(w http.ResponseWriter, status int, sentence string) {
	h := w.Header()
	for name, value := range assetHeaders() {
		h.Set(name, value)
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(sentence)+1))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(sentence + "\n")) // the caller hung up: nobody is left to tell
}
