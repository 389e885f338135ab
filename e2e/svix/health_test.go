package svix

import "net/http"

func healthCases() map[string]func(caller) {
	return map[string]func(caller){
		"ping_with_trailing_slash":    func(c caller) { ping(c, "/health/ping/") },
		"ping_without_trailing_slash": func(c caller) { ping(c, "/health/ping") },
	}
}

func ping(c caller, path string) {
	c = c.as("")
	c.raw(http.StatusNoContent, "GET", path, nil)
	c.raw(http.StatusNoContent, "HEAD", path, nil)
	c.do("health.get")
}
