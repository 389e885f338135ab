package svix

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/bellhop/bellhop/api"
)

// before is what stands before every route.
func (a *API) before(mux, nowhere http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if allowOthers(w, r) {
			return
		}
		if r.URL.Path == prefix+"/docs/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			api.RedirectToDocs(w, r)
			return
		}
		r = plainer(r)
		if path.Clean(r.URL.Path) != r.URL.Path {
			nowhere.ServeHTTP(w, r) // an id that is empty leads nowhere, rather than elsewhere
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// allowOthers lets pages of every origin use the API, and answers a browser that asks
// whether they may. They need a token for it, that no browser adds by itself: cookies count
// for nothing here, and Access-Control-Allow-Credentials is never sent.
func allowOthers(w http.ResponseWriter, r *http.Request) (answered bool) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// plainer gives a request without a slash at the end of its path, and with lists in its
// query in one form.
func plainer(r *http.Request) *http.Request {
	trimmed := strings.HasSuffix(r.URL.Path, "/")
	query, changed := plainQuery(r.URL.RawQuery)
	if !trimmed && !changed {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = query
	out := r.Clone(r.Context())
	out.URL = &u
	return out
}

// plainQuery turns event_types[]=a&event_types[1]=b into event_types=a&event_types=b: some
// clients write lists so.
func plainQuery(raw string) (query string, changed bool) {
	if !strings.Contains(raw, "[") && !strings.Contains(raw, "%5") {
		return raw, false
	}
	given, err := url.ParseQuery(raw)
	if err != nil {
		return raw, false
	}
	plain := url.Values{}
	for name, values := range given {
		if base, index, ok := strings.Cut(name, "["); ok && strings.HasSuffix(index, "]") && strings.Trim(index[:len(index)-1], "0123456789") == "" {
			name, changed = base, true
		}
		plain[name] = append(plain[name], values...)
	}
	return plain.Encode(), changed
}
