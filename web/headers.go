package web

import "strings"

// pagePolicy lets the page use what is on this host, and nothing else. Mantine,
// which it is made with, writes elements of style while it runs, hence
// 'unsafe-inline' for those; no script but the built ones runs.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "

// assetPolicy keeps a file that somebody opens by itself from doing anything: an
// SVG may hold scripts.
const assetPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

// always is for every answer. A portal link has its token in the fragment of its
// address; addresses are told to nobody.
func always(policy string) map[string]string {
	return map[string]string{
		"Content-Security-Policy": policy,
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "no-referrer",
	}
}

func pageHeaders(ancestors string) map[string]string {
	h := always(pagePolicy + ancestors)
	h["Permissions-Policy"] = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
	return h
}

// dashboardHeaders: in no frame, and out of reach of the windows that open it.
func dashboardHeaders() map[string]string {
	h := pageHeaders("'none'")
	h["X-Frame-Options"] = "DENY"
	h["Cross-Origin-Opener-Policy"] = "same-origin"
	return h
}

// portalHeaders allow frames to the platform's pages. X-Frame-Options could not
// name them.
func portalHeaders(origins []string) map[string]string {
	if len(origins) == 0 {
		h := pageHeaders("'none'")
		h["X-Frame-Options"] = "DENY"
		return h
	}
	return pageHeaders(strings.Join(origins, " "))
}

func assetHeaders() map[string]string {
	h := always(assetPolicy)
	h["X-Frame-Options"] = "DENY"
	return h
}

// types are the files that a page is made of; the system's table, if there is
// one, may differ.
func types() map[string]string {
	return map[string]string{
		".html":        "text/html; charset=utf-8",
		".js":          "text/javascript; charset=utf-8",
		".mjs":         "text/javascript; charset=utf-8",
		".css":         "text/css; charset=utf-8",
		".json":        "application/json",
		".map":         "application/json",
		".webmanifest": "application/manifest+json",
		".txt":         "text/plain; charset=utf-8",
		".svg":         "image/svg+xml",
		".png":         "image/png",
		".jpg":         "image/jpeg",
		".jpeg":        "image/jpeg",
		".webp":        "image/webp",
		".gif":         "image/gif",
		".ico":         "image/x-icon",
		".woff":        "font/woff",
		".woff2":       "font/woff2",
	}
}

func typeOf(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		if t, ok := types()[name[i:]]; ok {
			return t
		}
	}
	return "application/octet-stream"
}

// compressible tells whether a type is worth it: images and fonts are compressed
// already.
func compressible(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.HasPrefix(contentType, "application/json") ||
		strings.HasSuffix(contentType, "+json") || contentType == "image/svg+xml"
}
