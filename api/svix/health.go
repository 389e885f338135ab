package svix

import (
	"net/http"

	"github.com/bellhop/bellhop/api"
)

type healthOut struct {
	Status string `json:"status" enum:"ok,error"`
}

// health tells whether the node takes events.
func (a *API) health(c *api.Call, _ api.NoInput) (healthOut, error) {
	if a.desk.Ready() != nil {
		c.Answer(http.StatusInternalServerError)
		return healthOut{"error"}, nil
	}
	return healthOut{"ok"}, nil
}

// ping tells that there is somebody.
func ping(*api.Call, api.NoInput) (api.None, error) { return api.None{}, nil }

// redrive has done what Svix's server is asked for here: to take up again the tasks that its
// workers have put aside. Here nothing is ever put aside: a delivery is a row of the
// database until it has ended.
func redrive(*api.Call, api.Nothing) (api.None, error) { return api.None{}, nil }
