package wire

// VerificationCode is a receiver's code that verifies requests of a dialect.
type VerificationCode struct {
	Language string `json:"language" doc:"node, python, go, php, ruby, java or csharp." example:"python"`
	Title    string `json:"title" doc:"The language's name." example:"Python"`
	Filename string `json:"filename" doc:"What to save it as." example:"webhook.py"`
	Code     string `json:"code" doc:"Ready to paste; needs nothing but the language's own library unless it says so."`
}
