// The program run runs one of the sample receivers alone, for endpoints of a Bellhop of
// your own:
//
//	WEBHOOK_SECRET=… go run ./examples/run back-office
//	bellhop endpoints create http://127.0.0.1:9000/hook --app acme --dialect showpass --secret …
//
// Those that write to the residence are told where it is by -residence and the variable
// RESIDENCE_TOKEN.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/bellhop/bellhop/examples/backoffice"
	"github.com/bellhop/bellhop/examples/chat"
	"github.com/bellhop/bellhop/examples/dooraccess"
	"github.com/bellhop/bellhop/examples/page"
	"github.com/bellhop/bellhop/examples/registrationcodes"
	"github.com/bellhop/bellhop/examples/residence"
	"github.com/bellhop/bellhop/examples/servicedesk"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9000", "`address` to serve on")
	house := flag.String("residence", "", "`URL` of the residence's API, for service-desk and door-access")
	file := flag.String("file", "registration-codes.csv", "the `file` of registration-codes")
	flag.Parse()
	partner := &residence.Partner{URL: *house, Token: os.Getenv("RESIDENCE_TOKEN"), HTTP: &http.Client{Timeout: 10 * time.Second}}
	h, path, err := receiver(flag.Arg(0), os.Getenv("WEBHOOK_SECRET"), *file, partner)
	if err == nil {
		fmt.Printf("The URL for its endpoint is http://%s%s, and its page http://%s/\n", *listen, path, *listen)
		err = (&http.Server{Addr: *listen, Handler: h, ReadHeaderTimeout: 10 * time.Second}).ListenAndServe()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// receiver makes a receiver by its name, and gives the path of its endpoint's URL.
func receiver(name, secret, file string, partner *residence.Partner) (h http.Handler, path string, err error) {
	nav := func() page.Nav { return page.Nav{} }
	if secret == "" && name != "chat" {
		return nil, "", fmt.Errorf("set WEBHOOK_SECRET to the endpoint's signing secret: without it nothing can be verified")
	}
	switch name {
	case "service-desk":
		d, err := servicedesk.New(secret, partner, time.Now)
		if err != nil {
			return nil, "", err
		}
		return d.Handler(nav), "/hook", nil
	case "door-access":
		d, err := dooraccess.New(secret, partner, time.Now)
		if err != nil {
			return nil, "", err
		}
		return d.Handler(nav), "/hook", nil
	case "registration-codes":
		s, err := registrationcodes.New(secret, file)
		if err != nil {
			return nil, "", err
		}
		return s.Handler(nav), "/hook", nil
	case "back-office":
		o, err := backoffice.New(secret, time.Now)
		if err != nil {
			return nil, "", err
		}
		return o.Handler(nav), "/hook", nil
	case "chat":
		c := chat.New(time.Now)
		return c.Handler(nav), c.Path, nil
	}
	return nil, "", fmt.Errorf("there is no receiver %q: run service-desk, door-access, registration-codes, back-office or chat", name)
}
