package api

import (
	_ "embed"
	"net/http"
)

// redoc is the standalone bundle of Redoc 2.5.4, unchanged; see redoc/LICENSE.
//
//go:embed redoc/redoc.standalone.js
var redoc []byte

// docsPage names no other host, and its addresses are relative so that it works
// below a prefix, too. Of the Markdown in event types, Redoc is told to take out what
// could run or lead astray (sanitize); docsPolicy would not let it run either.
const docsPage = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bellhop API</title>
<style>body { margin: 0 }</style>
</head>
<body>
<redoc spec-url="openapi.json" sanitize="true" hide-download-button="true" disable-search="false" theme='{"typography":{"fontFamily":"system-ui, sans-serif","headings":{"fontFamily":"system-ui, sans-serif"},"code":{"fontFamily":"ui-monospace, monospace"}}}'></redoc>
<noscript>This page needs JavaScript. The document that it shows is <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/redoc.standalone.js"></script>
</body>
</html>
`

// Redoc styles its elements from its script, draws its logo-less icons as data:
// images, and searches in a worker that it makes from a blob.
const docsPolicy = "default-src 'none'; script-src 'self'; worker-src blob:; style-src 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeDocs answers a page that shows the document beside it, openapi.json.
func ServeDocs(c *Call) error {
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", docsPolicy)
	_, _ = c.w.Write([]byte(docsPage))
	return nil
}

// RedirectToDocs leads from the page's address with a slash at its end to that without, from
// which its relative addresses go. It is relative itself: a proxy may have taken a prefix off.
func RedirectToDocs(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", "../docs")
	w.WriteHeader(http.StatusPermanentRedirect)
}

// ServeRedoc answers the script of that page.
func ServeRedoc(c *Call) error {
	h := c.w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=86400")
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(redoc)
	return nil
}
