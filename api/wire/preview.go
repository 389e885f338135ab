package wire

import "github.com/bellhop/bellhop"

// PreviewInput asks what a request would look like.
type PreviewInput struct {
	Endpoint EndpointInput `json:"endpoint" doc:"The settings of an endpoint that need not exist; those left out have their defaults. Its secret is used if given, else a sample one."`
	Type     string        `json:"type,omitempty" doc:"The event's type. Default: that of its recipe's sample, or of an event that the endpoint would get: a recent one of its apps, else an example of the catalogue." example:"invoice.purchase"`
	Subject  string        `json:"subject,omitempty" doc:"The event's subject." example:"invoice:118"`
	Data     bellhop.JSON  `json:"data,omitempty" doc:"The event's data. Default: that of the event that gave the type, or the example of the type in the catalogue, or what its schema describes."`
}

// Preview is a request as it would be sent.
type Preview struct {
	Method  string   `json:"method" doc:"The HTTP method." example:"POST"`
	URL     string   `json:"url"`
	Headers []Header `json:"headers" nullable:"false" doc:"In the order in which they are sent."`
	Body    string   `json:"body" doc:"Byte for byte."`
	Secret  string   `json:"secret" doc:"The sample secret that it is signed with, so that the signature can be recomputed; empty if yours was used."`
	Recent  *Recent  `json:"recent,omitempty" doc:"How the settings would do with the newest events of the apps that they name."`
}

// Header is one header of a request.
type Header struct {
	Name  string `json:"name" doc:"In the case in which it is sent." example:"webhook-id"`
	Value string `json:"value" doc:"What it says."`
}
