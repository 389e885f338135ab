package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/check"
	"github.com/bellhop/bellhop/dialect/samples"
)

// verification is what verify is asked.
type verification struct {
	request, headers, body string
	dialect                string
	secrets                []string
	secretFile             string
	at                     string
	tolerance              time.Duration
	code                   string
}

func (p *program) verifyVerb() *cobra.Command {
	var v verification
	cmd := p.verb("verify [FILE]", "Check a captured request against a secret and say what is wrong",
		`Check whether a request that a receiver got was signed with a secret, and say in words
what is wrong and what to do about it.

The request is a capture as it came over the wire: request line, headers, a blank line and
the body. It is read from FILE or from standard input; or its parts are, with --headers and
--body. The body must be exactly what arrived: not a byte may be added, not even a line
break at its end.

The secret comes from --secret, --secret-file or BELLHOP_SECRET, or is asked for on a
terminal. The dialect is told from the headers where it is not given.

With --code, print instead a receiver in that language which verifies the dialect's requests,
standard's if --dialect is not given.`,
		func(_ *cobra.Command, args []string) error {
			if v.code != "" {
				return p.verificationCode(v, args)
			}
			if len(args) == 1 {
				if v.request != "" {
					return usage("the request was given twice, as %q and with --request", args[0])
				}
				v.request = args[0]
			}
			return p.verifyRequest(v)
		})
	cmd.Example = `  bellhop verify --secret-file secret.txt request.txt
  nc -l 8080 | BELLHOP_SECRET=whsec_… bellhop verify
  bellhop verify --dialect github --secret S --headers headers.txt --body body.json --at any
  bellhop verify --code python --dialect stripe >webhook.py`
	f := cmd.Flags()
	f.StringVar(&v.request, "request", "", "`file` with the captured request; - is standard input, the default")
	f.StringVar(&v.headers, "headers", "", "`file` with the headers only")
	f.StringVar(&v.body, "body", "", "`file` with the body only")
	f.StringVar(&v.dialect, "dialect", "", "`name` of the dialect, such as standard (default: told from the headers)")
	f.StringArrayVar(&v.secrets, "secret", nil, "the endpoint's `secret`; may be repeated")
	f.StringVar(&v.secretFile, "secret-file", "", "`file` with the secret, or several, one a line")
	f.StringVar(&v.at, "at", "now", "`time` at which the request arrived, or any to accept it at any time")
	f.Var((*durationValue)(&v.tolerance), "tolerance", "how old or early the request may be (default: the dialect's rule)")
	f.StringVar(&v.code, "code", "", "print a receiver's code in this `language`: node, python, go, php, ruby, java or csharp")
	p.jsonFlag(cmd)
	return cmd
}

// verificationCode prints a receiver's code.
func (p *program) verificationCode(v verification, args []string) error {
	if len(args) > 0 || v.request != "" || v.headers != "" || v.body != "" {
		return usage("--code prints a receiver and takes no request")
	}
	if v.dialect == "" {
		v.dialect = "standard"
	}
	d, err := p.settings.dialectNamed(v.dialect)
	if err != nil {
		return err
	}
	codes, err := samples.Code(d)
	if err != nil {
		return err
	}
	known := []string{}
	for _, s := range codes {
		if s.Language != v.code {
			known = append(known, s.Language)
			continue
		}
		return p.show(wire.VerificationCode{Language: s.Language, Title: s.Title, Filename: s.Filename, Code: s.Code}, func() {
			p.print("%s", strings.TrimSuffix(s.Code, "\n"))
		})
	}
	return usage("there is no code in %q%s; there is %s", v.code, didYouMean(v.code, known), strings.Join(known, ", "))
}

// verdict is what verify says with --json.
type verdict struct {
	OK       bool                  `json:"ok"`
	Dialect  string                `json:"dialect,omitempty"`
	Code     string                `json:"code,omitempty"`
	Detail   string                `json:"detail"`
	Remedy   string                `json:"remedy,omitempty"`
	Findings []client.CheckFinding `json:"findings,omitempty"`
}

func (p *program) verifyRequest(v verification) error {
	request, err := p.receivedRequest(v)
	if err != nil {
		return err
	}
	ask := check.Request{Received: request, At: p.now(), Tolerance: v.tolerance}
	switch v.at {
	case "now":
	case "any":
		ask.Tolerance = -1
	default:
		if err := p.moment(&ask.At).Set(v.at); err != nil {
			return usage("--at: %w", err)
		}
	}
	if v.dialect != "" {
		if ask.Dialect, err = p.settings.dialectNamed(v.dialect); err != nil {
			return err
		}
	}
	for _, def := range p.settings.allDialects() {
		d, err := dialect.Compile(def)
		if err != nil {
			return fmt.Errorf("dialect %q: %w", def.Name, err)
		}
		ask.Known = append(ask.Known, d)
	}
	secrets, err := p.verifySecrets(v)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		ask.Secrets = append(ask.Secrets, check.Secret{Text: s, Of: "that was given"})
	}
	found := check.Verify(ask)
	out := verdict{OK: found.OK, Dialect: found.Dialect, Detail: found.Detail, Code: found.Code()}
	for _, f := range found.Findings {
		out.Findings = append(out.Findings, client.CheckFinding(f))
	}
	if len(found.Findings) > 0 {
		out.Remedy = found.Findings[0].Remedy
	}
	guessed := ""
	if found.Guessed && found.Dialect != "" {
		guessed = " (by the headers)"
	}
	if err := p.show(out, func() { p.showVerdict(&found, guessed, v.at, len(request.Body)) }); err != nil {
		return err
	}
	if !found.OK {
		return errSilent
	}
	return nil
}

// showVerdict says what is right or wrong with a request, and what to do about it.
func (p *program) showVerdict(found *check.Verdict, guessed, at string, size int) {
	if found.OK {
		p.print("%s %s", p.mark(true), clean(found.Detail))
		p.print("  Dialect %s%s, body of %d bytes.", clean(found.Dialect), guessed, size)
		return
	}
	for _, f := range found.Findings {
		mark := p.mark(false)
		if f.Confidence != check.Certain {
			mark = p.style.paint(wait, "?")
		}
		p.print("%s %s", mark, clean(f.Detail))
		p.print("  %s", clean(f.Remedy))
		if f.Code == dialect.CodeStaleTime && at == "now" {
			p.print("  For a capture of an earlier time, say when it arrived (--at 2027-06-01T15:04:05Z) or --at any.")
		}
		if f.Code == dialect.CodeMissingHeader && found.Dialect == "" {
			p.print("  --dialect names the dialect where the headers do not tell it.")
		}
	}
	if found.Dialect == "" {
		p.print("  Code %s.", found.Code())
	} else {
		p.print("  Dialect %s%s; code %s.", clean(found.Dialect), guessed, found.Code())
	}
}

// receivedRequest reads the request in whichever form it was given.
func (p *program) receivedRequest(v verification) (dialect.Received, error) {
	parts := v.headers != "" || v.body != ""
	switch {
	case parts && v.request != "":
		return dialect.Received{}, usage("give the whole request, or --headers and --body, not both")
	case parts && (v.headers == "" || v.body == ""):
		return dialect.Received{}, usage("--headers and --body go together: give both, or the whole request as one file")
	case parts && v.headers == "-" && v.body == "-":
		return dialect.Received{}, usage("only one of --headers and --body can be standard input")
	case parts:
		head, err := p.readInput(v.headers)
		if err != nil {
			return dialect.Received{}, err
		}
		h, err := check.ReadHeaders(head)
		if err != nil {
			return dialect.Received{}, usageError{err}
		}
		body, err := p.readInput(v.body)
		return dialect.Received{Header: h, Body: body}, err
	}
	if v.request == "" {
		v.request = "-"
	}
	if v.request == "-" && p.inTerminal {
		p.note("Paste the request, then press Ctrl-D at the start of a line; a file is safer, because a terminal may change bytes.")
	}
	dump, err := p.readInput(v.request)
	if err != nil {
		return dialect.Received{}, err
	}
	if err := unmarked(v.request, dump); err != nil {
		return dialect.Received{}, err
	}
	if len(bytes.TrimSpace(dump)) == 0 {
		return dialect.Received{}, usage("the captured request is empty")
	}
	r, err := check.ReadCapture(dump)
	if err != nil {
		return dialect.Received{}, usageError{err}
	}
	return r, nil
}

// maxInput bounds what is read from a file or a pipe, in bytes.
const maxInput = 64 << 20

// readInput reads a file, or standard input for "-".
func (p *program) readInput(path string) ([]byte, error) {
	in := p.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usageError{err}
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(b) > maxInput {
		return nil, usage("%s is larger than %d MiB", path, maxInput>>20)
	}
	return b, nil
}

// verifySecrets finds the secrets, so that none need be in a shell's history.
func (p *program) verifySecrets(v verification) ([]string, error) {
	secrets := v.secrets
	if v.secretFile != "" {
		content, err := p.readInput(v.secretFile)
		if err != nil {
			return nil, err
		}
		if err := unmarked(v.secretFile, content); err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				secrets = append(secrets, line)
			}
		}
	}
	if len(secrets) == 0 && p.variable(secretVariable) != "" {
		secrets = []string{p.variable(secretVariable)}
	}
	if len(secrets) == 0 && p.inTerminal && p.errTerminal {
		_, _ = fmt.Fprint(p.err, "Secret: ")
		secret, err := p.password()
		p.note("")
		if err != nil {
			return nil, fmt.Errorf("read the secret: %w", err)
		}
		secrets = []string{secret}
	}
	for _, s := range secrets {
		if s == "" {
			return nil, usage("the secret is empty")
		}
	}
	if len(secrets) == 0 {
		return nil, usage("give the endpoint's secret with --secret-file, --secret or the variable %s; 'bellhop endpoints secret ENDPOINT' shows it", secretVariable)
	}
	return secrets, nil
}
