package main

import (
	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/native"
)

func (p *program) openAPIVerb() *cobra.Command {
	return p.verb("openapi", "Print the API's OpenAPI document",
		`Print the OpenAPI 3.1 document of this version's API, to generate clients from. It needs no
server. A running one serves the same at /openapi.json, with a webhooks section that is made
from the event types of its catalogue.`,
		func(*cobra.Command, []string) error {
			document, err := native.Document(native.Options{Options: api.Options{Version: version()}})
			if err != nil {
				return err
			}
			p.print("%s", document)
			return nil
		})
}
