package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/web"
)

// How the portal presents itself, and whose pages may show it.

// colorValue is a colour as #rrggbb, or "".
type colorValue string

func (v *colorValue) Set(text string) error {
	if text != "" && !regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`).MatchString(text) {
		return fmt.Errorf("%q is not a colour: write it like #0b7285", text)
	}
	*v = colorValue(strings.ToLower(text))
	return nil
}

func (v *colorValue) String() string { return string(*v) }

func (*colorValue) Type() string { return "colour" }

// originsValue collects origins of web pages, such as https://app.acme.com.
type originsValue []string

func (v *originsValue) Set(text string) error {
	if strings.Contains(text, "*") {
		return fmt.Errorf("%q has a wildcard: every page that it stands for could lay the portal invisibly under its own buttons; name each origin", text)
	}
	u, err := url.Parse(text)
	// What is allowed ends up in a header, where other characters have a meaning.
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !regexp.MustCompile(`^[0-9A-Za-z.-]+(:[0-9]+)?$`).MatchString(u.Host) {
		return fmt.Errorf("%q is not an origin: write scheme and host, like https://app.acme.com or https://app.acme.com:8443", text)
	}
	origin := u.Scheme + "://" + strings.ToLower(u.Host)
	if !strings.EqualFold(text, origin) {
		return fmt.Errorf("%q is more than an origin: did you mean %s?", text, origin)
	}
	*v = append(*v, origin)
	return nil
}

func (v *originsValue) String() string { return strings.Join(*v, ",") }

func (*originsValue) Type() string { return "origin" }

func (v *originsValue) texts() []string { return *v }

// checkOrigins refuses pages that anybody on the way could have written, but for
// those of the developer's own machine.
func (s *settings) checkOrigins() error {
	for _, origin := range s.portalOrigins {
		host, ok := strings.CutPrefix(origin, "http://")
		host, _, _ = strings.Cut(host, ":")
		if ok && !s.dev && host != "localhost" && host != "127.0.0.1" {
			return usage("portal-origin: %s is not https: whoever is between it and its readers could embed the portal, too. http is for localhost, 127.0.0.1 and --dev", origin)
		}
	}
	return nil
}

const maxLogo = 256 << 10

// readLogo reads the platform's logo and tells its type by its content.
func readLogo(path string) (content []byte, contentType string, err error) {
	if path == "" {
		return nil, "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", usage("portal-logo: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if content, err = io.ReadAll(io.LimitReader(f, maxLogo+1)); err != nil {
		return nil, "", usage("portal-logo: %w", err)
	}
	if len(content) > maxLogo {
		return nil, "", usage("portal-logo: %s is larger than 256 KiB: every visitor of the portal would load it", path)
	}
	switch t := http.DetectContentType(content); {
	case t == "image/png" || t == "image/jpeg" || t == "image/webp":
		return content, t, nil
	case bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")):
		return nil, "", usage("portal-logo: %s is a text in UTF-16: if it is an SVG, save it as UTF-8", path)
	}
	if svg, charset := isSVG(content); svg && charset != "" {
		return nil, "", usage("portal-logo: %s is an SVG that is not in UTF-8 but in %s: save it as UTF-8", path, charset)
	} else if svg {
		return content, "image/svg+xml", nil
	}
	return nil, "", usage("portal-logo: %s is not an image as SVG, PNG, JPEG or WebP", path)
}

// isSVG tells whether the first element is an svg, and in which encoding the file
// is: "" for UTF-8.
func isSVG(content []byte) (svg bool, charset string) {
	if !utf8.Valid(content) {
		charset = "another encoding"
	}
	d := xml.NewDecoder(bytes.NewReader(content))
	d.CharsetReader = func(declared string, r io.Reader) (io.Reader, error) {
		charset = fmt.Sprintf("%.40q", declared)
		return charmap.ISO8859_1.NewDecoder().Reader(r), nil // whichever it is, names of elements are ASCII
	}
	for {
		token, err := d.Token()
		if err != nil {
			return false, ""
		}
		if e, ok := token.(xml.StartElement); ok {
			return e.Name.Local == "svg", charset
		}
	}
}

// branding is what the portal's page asks for.
func (s *settings) branding() wire.Branding {
	b := wire.Branding{Name: s.portalName, Color: string(s.portalColor)}
	if s.portalLogo != "" {
		b.Logo = web.LogoPath
	}
	return b
}
