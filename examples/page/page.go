// Package page is the look of the sample programs' pages: one layout, plain HTML that
// works without scripts, and nothing from another host.
package page

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed layout.html style.css live.js
var files embed.FS

// Nav is what a page leads to besides its own links. The zero Nav leads nowhere.
type Nav struct {
	// Home is the address of the page that lists all others, "" if there is none.
	Home  string
	Links []Link
}

// Link is an address with its text.
type Link struct{ Text, URL string }

// View is what the layout shows; Body is the data of the page's own template.
type View struct {
	Title string
	// Kind says in a word what it is: "platform", "receiver".
	Kind  string
	Intro string
	Nav   Nav
	Body  any
}

// Parse makes a page of the layout and body, which stands in its middle.
func Parse(body string) *template.Template {
	t := template.New("layout.html").Funcs(template.FuncMap{
		"ago":   func(t time.Time) string { return ago(time.Since(t)) },
		"clock": func(t time.Time) string { return t.Local().Format("15:04:05") },
		"when":  func(t time.Time) string { return t.Local().Format("2 Jan 15:04") },
	})
	t = template.Must(t.ParseFS(files, "layout.html"))
	return template.Must(t.New("body").Parse(body))
}

func ago(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h ago", int(d.Hours()))
}

// Show answers with a page. What is within an element with the attribute data-live is
// kept up to date by the browser while it is open.
func Show(w http.ResponseWriter, t *template.Template, v View) {
	style, _ := files.ReadFile("style.css") // embedded
	script, _ := files.ReadFile("live.js")
	nonce := rand.Text()
	var b bytes.Buffer
	err := t.ExecuteTemplate(&b, "layout.html", struct {
		View
		Nonce  string
		Style  template.CSS
		Script template.JS
	}{v, nonce, template.CSS(style), template.JS(script)})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+"'; connect-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	_, _ = w.Write(b.Bytes()) // the browser has gone
}

// Back answers a form with the page that it was on.
func Back(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	to := r.FormValue("back")
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		to = "." // no other host
	}
	w.Header().Set("Location", to) // http.Redirect would make it absolute, by a path whose prefix was stripped
	w.WriteHeader(http.StatusSeeOther)
}
