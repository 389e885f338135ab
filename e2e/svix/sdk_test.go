package svix

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// An sdk is one of Svix's clients, called by the names that the one of npm has for its
// methods, with JSON for what they take and give.
type sdk interface {
	call(ctx context.Context, server, token, method string, args []any) (any, error)
}

// refusal is an answer that a client gives as an error.
type refusal struct {
	status int
	body   any
}

func (r *refusal) Error() string { return fmt.Sprintf("answered %d: %v", r.status, r.body) }

// goSDK is the Go module.
type goSDK struct{}

// goNames are the methods that have another name in Go.
var goNames = map[string]string{
	"application.upsert": "Application.Update", "endpoint.upsert": "Endpoint.Update",
	"endpoint.setHeaders":         "Endpoint.UpdateHeaders",
	"endpoint.transformation.get": "Endpoint.TransformationGet", "endpoint.transformation.patch": "Endpoint.PatchTransformation",
	"eventType.upsert":                   "EventType.Update",
	"operationalWebhook.endpoint.upsert": "OperationalWebhookEndpoint.Update", "operationalWebhook.endpoint.setHeaders": "OperationalWebhookEndpoint.UpdateHeaders",
}

func goName(method string) (service, name string) {
	if other, ok := goNames[method]; ok {
		method = other
	}
	words := strings.Split(method, ".")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words[:len(words)-1], ""), words[len(words)-1]
}

func (goSDK) call(ctx context.Context, server, token, method string, args []any) (any, error) {
	at, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	client, err := svix.New(token, &svix.SvixOptions{ServerUrl: at, HTTPClient: goHTTP})
	if err != nil {
		return nil, err
	}
	service, name := goName(method)
	f := reflect.ValueOf(client).Elem().FieldByName(service).MethodByName(name)
	if !f.IsValid() {
		return nil, fmt.Errorf("the Go SDK has no %s.%s", service, name)
	}
	in := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < f.Type().NumIn(); i++ {
		v := reflect.New(f.Type().In(i))
		if i <= len(args) {
			text, err := json.Marshal(older(method, args[i-1], "eventTypes", "filterTypes"))
			if err == nil {
				err = json.Unmarshal(text, v.Interface())
			}
			if err != nil {
				return nil, fmt.Errorf("argument %d of %s: %w", i, method, err)
			}
		}
		in = append(in, v.Elem())
	}
	out := f.Call(in)
	if err, _ := out[len(out)-1].Interface().(error); err != nil {
		var refused *svix.Error
		if errors.As(err, &refused) {
			var body any
			if json.Unmarshal(refused.Body(), &body) != nil {
				body = string(refused.Body())
			}
			return nil, &refusal{refused.Status(), body}
		}
		return nil, err
	}
	if len(out) == 1 {
		return nil, nil
	}
	return older(method, plain(out[0].Interface()), "filterTypes", "eventTypes"), nil
}

// older gives an endpoint, or a list of them, with a field by another name: the Go SDK is
// older than that of npm, and has the former name of an endpoint's event types.
func older(method string, v any, from, to string) any {
	if !slices.Contains([]string{"endpoint.list", "endpoint.create", "endpoint.get", "endpoint.upsert", "endpoint.patch"}, strings.TrimPrefix(method, "operationalWebhook.")) {
		return v
	}
	o, ok := v.(object)
	if !ok {
		return v
	}
	o = maps.Clone(o)
	if types, ok := o[from]; ok {
		delete(o, from)
		o[to] = types
	}
	if list, ok := o["data"].([]any); ok {
		list = slices.Clone(list)
		for i := range list {
			list[i] = older(method, list[i], from, to)
		}
		o["data"] = list
	}
	return o
}

// goHTTP is shared, so that connections are kept.
var goHTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 2 * time.Minute}

// jsSDK is the package of npm, in a process of Node.js.
type jsSDK struct {
	writing sync.Mutex // of lines to in
	in      io.WriteCloser

	mu      sync.Mutex
	last    int
	waiting map[int]chan<- jsAnswer
	ended   error
}

type jsAnswer struct {
	ID      int    `json:"id"`
	Value   any    `json:"value"`
	Failed  string `json:"failed"`
	Refused *struct {
		Status int `json:"status"`
		Body   any `json:"body"`
	} `json:"refused"`
}

func startJS() (*jsSDK, error) {
	cmd := exec.Command("node", "sdk.mjs")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	js := &jsSDK{in: in, waiting: map[int]chan<- jsAnswer{}}
	go func() {
		answers := json.NewDecoder(bufio.NewReader(out))
		for {
			var a jsAnswer
			err := answers.Decode(&a)
			js.mu.Lock()
			if err != nil {
				js.ended = fmt.Errorf("Node.js has ended (npm ci in e2e/svix installs what it needs): %w", errors.Join(err, cmd.Wait()))
				for _, c := range js.waiting {
					close(c)
				}
				js.mu.Unlock()
				return
			}
			js.waiting[a.ID] <- a
			delete(js.waiting, a.ID)
			js.mu.Unlock()
		}
	}()
	return js, nil
}

// stop ends the process.
func (js *jsSDK) stop() { js.in.Close() }

func (js *jsSDK) call(ctx context.Context, server, token, method string, args []any) (any, error) {
	if args == nil {
		args = []any{}
	}
	return js.ask(ctx, map[string]any{"call": method, "url": server, "token": token, "args": args})
}

// verify has a library's verifier look at a request.
func (js *jsSDK) verify(ctx context.Context, library, secret string, header http.Header, body []byte) error {
	headers := map[string]string{}
	for name := range header {
		headers[strings.ToLower(name)] = header.Get(name)
	}
	_, err := js.ask(ctx, map[string]any{"verify": library, "secret": secret, "headers": headers, "body": string(body)})
	return err
}

func (js *jsSDK) ask(ctx context.Context, asked map[string]any) (any, error) {
	said := make(chan jsAnswer, 1)
	js.mu.Lock()
	if js.ended != nil {
		js.mu.Unlock()
		return nil, js.ended
	}
	js.last++
	asked["id"] = js.last
	js.waiting[js.last] = said
	js.mu.Unlock()
	line, err := json.Marshal(asked)
	if err == nil {
		js.writing.Lock()
		_, err = js.in.Write(append(line, '\n'))
		js.writing.Unlock()
	}
	if err != nil {
		return nil, err
	}
	select {
	case a, ok := <-said:
		switch {
		case !ok:
			return nil, js.ended
		case a.Refused != nil:
			if text, ok := a.Refused.Body.(string); ok { // as it is where the status is 5xx
				_ = json.Unmarshal([]byte(text), &a.Refused.Body)
			}
			return nil, &refusal{a.Refused.Status, a.Refused.Body}
		case a.Failed != "":
			return nil, errors.New(a.Failed)
		}
		return a.Value, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// plain is a value as JSON has it.
func plain(v any) any {
	text, err := json.Marshal(v)
	var out any
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(fmt.Sprintf("%#v is no JSON: %v", v, err))
	}
	return out
}
