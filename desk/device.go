package desk

import (
	"strings"
	"unicode"
)

// Words of a User-Agent and what they tell. The first that is in it counts: browsers name
// those that they descend from, and systems those that they resemble.
var (
	browsers = [][2]string{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Vivaldi/", "Vivaldi"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
	}
	systems = [][2]string{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"CrOS", "ChromeOS"},
		{"Windows", "Windows"},
		{"Macintosh", "macOS"},
		{"Linux", "Linux"},
	}
)

// maxAgent bounds what is kept of a User-Agent that tells nothing, in bytes.
const maxAgent = 60

// deviceOf reads a User-Agent: "Firefox on Windows". One that is no browser's, such as
// curl/8.5.0, stands for itself.
func deviceOf(agent string) string {
	browser, system := named(agent, browsers), named(agent, systems)
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "":
		return browser
	}
	if len(agent) > maxAgent {
		agent = agent[:maxAgent]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, agent))
}

func named(agent string, words [][2]string) string {
	for _, w := range words {
		if strings.Contains(agent, w[0]) {
			return w[1]
		}
	}
	return ""
}
