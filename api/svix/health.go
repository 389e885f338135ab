package svix

import (
	"net/http"

	"github.com/bellhop/bellhop/api"
)

// health tells whether the node takes events.
func (a *API) health(c *api.Call) error {
	w := c.Writer()
	w.Header().Set("Content-Type", "application/json")
	status, body := http.StatusOK, `{"status":"ok"}`
	if a.desk.Ready() != nil {
		status, body = http.StatusInternalServerError, `{"status":"error"}`
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body + "\n")) // the caller hung up: nobody is left to tell
	return nil
}

// ping tells that there is somebody.
func ping(c *api.Call) error {
	c.Writer().WriteHeader(http.StatusNoContent)
	return nil
}
