package script

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// load gives the image of a script, and makes it if it is not kept. The error is a *Fault
// where the script is to blame.
func (s *Sandbox) load(ctx context.Context, in *instance, what Script) (*image, error) {
	key := imageKey{in.app, what.Handler, sha256.Sum256([]byte(what.Code))}
	im := s.images.get(key)
	if im == nil {
		var err error
		if im, err = s.compile(ctx, in, what); err != nil {
			return nil, err
		}
		if im.fault == nil || im.fault.Kind == KindSyntax { // others may be of the moment
			s.images.put(key, im)
		}
	}
	if im.fault != nil {
		return nil, im.fault
	}
	return im, nil
}

// compile loads a script into an instance. It is compiled, but not run: all that it does,
// it does for each event anew, so that it finds that event's clock and random numbers.
func (s *Sandbox) compile(ctx context.Context, in *instance, what Script) (*image, error) {
	code, name := what.Code, what.function()
	if !utf8.ValidString(code) || strings.Contains(code, "\x00") {
		return &image{fault: &Fault{Kind: KindSyntax, Message: "the script is not text in UTF-8"}}, nil
	}
	in.restore(s.engine.base)
	r := s.newRun(ctx, loading)
	var said []byte
	err := in.within(r, func(ctx context.Context) error {
		// By itself first: so an error's place is right, and what would only be right
		// within a function is refused.
		_, thrown, err := in.compile(ctx, in.names.name, []byte(code), true)
		if err != nil || thrown != 0 {
			said, err = in.describe(ctx, thrown, err)
			return err
		}
		in.restore(s.engine.base)
		f, thrown, err := in.compile(ctx, in.names.name, []byte("(function () {\n"+code+"\nreturn typeof "+name+" === \"function\" ? "+name+" : undefined; })"), false)
		if err != nil || thrown != 0 {
			said, err = in.describe(ctx, thrown, err)
			return err
		}
		load := in.names.load
		if what.Handler {
			load = in.names.loadHandler
		}
		_, err = in.invoke(ctx, load, f)
		return err
	})
	switch fault, err := s.judge(r, err); {
	case err != nil:
		return nil, err
	case fault != nil:
		return &image{fault: fault}, nil
	case said != nil:
		fault := faultOf(said)
		fault.Kind = KindSyntax
		if strings.Contains(code, "export") && strings.Contains(fault.Message, "export") || strings.Contains(fault.Message, "import") {
			fault.Message += ": a transformation is one script without modules, which defines a function " + name
		}
		return &image{fault: fault}, nil
	}
	return in.capture(s.engine.base), nil
}

// describe has the engine say what was thrown.
func (in *instance) describe(ctx context.Context, thrown uint64, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	text, err := in.invoke(ctx, in.names.tellOf, thrown)
	return bytes.Clone(text), err
}

func (s *Sandbox) newRun(ctx context.Context, times int) *run {
	deadline := s.o.Deadline * time.Duration(times)
	return &run{ctx: ctx, budget: int64(deadline.Seconds() * workPerSecond), most: patience * deadline}
}

// judge says what a run failed by: the script's fault, or another error.
func (s *Sandbox) judge(r *run, err error) (*Fault, error) {
	switch {
	case err == nil:
		return nil, nil
	case r.ctx.Err() != nil:
		return nil, r.ctx.Err()
	case errors.Is(err, errDeadline):
		return &Fault{Kind: KindTimeout, Message: fmt.Sprintf("the script did not end within %s", s.o.Deadline)}, nil
	case r.full:
		return s.full(), nil
	}
	// It may be a bug of the engine that the script has found. Its own memory is all
	// that this can have damaged.
	return &Fault{Kind: KindError, Message: "the script broke the engine: " + firstLine(err.Error())}, nil
}

func (s *Sandbox) full() *Fault {
	return &Fault{Kind: KindMemory, Message: fmt.Sprintf("the script needs more than the %d MB of memory that it gets", s.o.Heap>>20)}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// run runs a script on an event.
func (s *Sandbox) run(ctx context.Context, in *instance, im *image, what Script, e Event, logs bool) (Result, Trace, error) {
	var trace Trace
	r := s.newRun(ctx, 1)
	if logs {
		r.logs = &trace.Logs
	}
	result, trace, err := s.answer(r, &trace, in, im, e.Time, func(ctx context.Context) (said []byte, err error) {
		at, err := in.put(ctx, input(what, e, logs))
		if err != nil {
			return nil, err
		}
		v, err := do(ctx, in.newString, in.names.context, at)
		if err != nil {
			return nil, err
		}
		said, err = in.invoke(ctx, in.names.runScript, v)
		if err != nil || len(said) == 0 || said[0] != 'p' {
			return said, err
		}
		// A promise: what it waits for is done now, or never.
		if _, err = do(ctx, in.jobs, in.names.runtime, ^uint64(0)>>32, in.names.argument); err != nil {
			return nil, err
		}
		return in.invoke(ctx, in.names.settle, 0)
	})
	if result.same {
		result.Body = e.Data
	}
	return result, trace, err
}

// check has a script define its function, as it does for each event.
func (s *Sandbox) check(ctx context.Context, in *instance, im *image) (Result, Trace, error) {
	var trace Trace
	return s.answer(s.newRun(ctx, 1), &trace, in, im, time.Now(), func(ctx context.Context) ([]byte, error) {
		return in.invoke(ctx, in.names.check, 0)
	})
}

// answer makes a call of the script's image, and reads what is said.
func (s *Sandbox) answer(r *run, trace *Trace, in *instance, im *image, clock time.Time, call func(context.Context) ([]byte, error)) (result Result, _ Trace, err error) {
	began := time.Now()
	in.restore(im)
	budget := r.budget
	r.clock = float64(clock.UnixMilli())
	var said []byte
	err = in.within(r, func(ctx context.Context) (err error) {
		said, err = call(ctx)
		return err
	})
	fault, err := s.judge(r, err)
	if err == nil && fault == nil {
		result, fault = s.read(said, in)
	}
	s.last.Store(&measure{work: r.spent, heap: int64(in.reaches()) - int64(in.begun)})
	trace.Duration = time.Since(began)
	trace.Used = min(float64(r.spent)/float64(budget), 1)
	if err == nil && fault != nil {
		in.spoiled = true // whatever it did to the engine ends with it
		err = fault
	}
	return result, *trace, err
}

// input is what the function run of prelude.js takes.
func input(what Script, e Event, logs bool) []byte {
	b := make([]byte, 0, len(e.Data)+len(e.ID)+len(e.Type)+len(e.App)+len(e.Subject)+160)
	b = append(b, '0')
	if logs {
		b[0] = '1'
	}
	seed := sha256.Sum256([]byte(e.ID))
	for i := range 3 {
		b = fmt.Appendf(b, "%08x", binary.BigEndian.Uint32(seed[4*i:]))
	}
	member := func(name, value string) {
		b = append(b, name...)
		b = appendString(b, value)
	}
	if what.Handler {
		member(`{"method":"POST","url":`, e.URL)
		member(`,"eventType":`, e.Type)
		b = append(b, `,"headers":{},"cancel":false,"payload":`...)
		b = append(b, e.Data...)
		return append(b, '}')
	}
	member(`{"id":`, e.ID)
	member(`,"type":`, e.Type)
	member(`,"app":`, e.App)
	member(`,"subject":`, e.Subject)
	member(`,"time":`, e.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	b = append(b, `,"data":`...)
	b = append(b, e.Data...)
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s)
			return append(b, quoted...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

// read reads what prelude.js answers: what it is, its parts, and the body.
func (s *Sandbox) read(said []byte, in *instance) (Result, *Fault) {
	if len(said) == 0 || said[0] == '!' {
		fault := faultOf(said)
		if fault.Kind == kindNull {
			// What the engine throws where there is no memory for an error; or a script.
			fault.Kind = KindError
			if int64(in.reaches()-in.begun) > s.o.Heap/2 {
				fault.Kind = KindMemory
			}
		}
		if fault.Kind == KindMemory {
			fault = s.full()
		}
		if fault.Line > 1 { // one line stands before the script
			fault.Line--
		}
		return Result{}, fault
	}
	kind := said[0]
	head, body, _ := bytes.Cut(said[1:], []byte("\n"))
	var parts struct {
		Reason, Method, URL string
		Headers             [][2]string
	}
	if err := json.Unmarshal(head, &parts); err != nil && len(head) > 0 {
		return Result{}, &Fault{Kind: KindResult, Message: "the result cannot be read"}
	}
	r := Result{Skip: kind == 's', same: kind == 'o', Reason: parts.Reason, Method: parts.Method, URL: parts.URL}
	for _, h := range parts.Headers {
		r.Header = append(r.Header, Header{h[0], h[1]})
	}
	if len(body) > 0 {
		encoded := body[0] == 'j'
		body = body[1:]
		if len(body) > s.o.MaxBody && !encoded {
			return Result{}, s.tooLarge(len(body))
		}
		if encoded {
			var text string
			if err := json.Unmarshal(body, &text); err != nil {
				return Result{}, &Fault{Kind: KindResult, Message: "the result cannot be read"}
			}
			body = []byte(text)
		}
		// Half of a pair of surrogates is no text: it becomes U+FFFD, as everywhere else.
		r.Body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
		if len(r.Body) > s.o.MaxBody {
			return Result{}, s.tooLarge(len(r.Body))
		}
	}
	return r, nil
}

// kindNull is what prelude.js calls it that null was thrown.
const kindNull = "null"

func (s *Sandbox) tooLarge(n int) *Fault {
	return &Fault{Kind: KindResult, Message: fmt.Sprintf("the body has %d bytes; at most %d are allowed", n, s.o.MaxBody)}
}

func faultOf(said []byte) *Fault {
	f := &Fault{Kind: KindError, Message: "the script failed, and left no memory to say why"}
	if len(said) > 0 {
		_ = json.Unmarshal(said[1:], f) // the message stays, if it cannot be read
	}
	f.Message = strings.ToValidUTF8(f.Message, "\uFFFD")
	return f
}
