package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/check"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// checking is what check is asked.
type checking struct {
	verification // the dialect and the secrets
	headers      []string
	timeout      time.Duration
	oneAtATime   bool
}

func (p *program) checkVerb() *cobra.Command {
	v := checking{timeout: 10 * time.Second}
	cmd := p.verb("check URL|ENDPOINT", "Try a receiver with requests good and bad, and say what it does with each",
		`Send a receiver up to ten requests of type webhook.test: one as events will be, the same once more,
one whose body was changed, an old one, one signed with another secret, one without a signature, one with 256 KiB of
data, and two at once; and say of each what the receiver did, whether that is right, and what to do where
it is not. They are no deliveries: no log and no statistics have them.

An ENDPOINT (ep_…) is tried by the server, with all that belongs to the endpoint. A URL is tried from
here, without a server: with the secret that the receiver has (--secret-file, --secret or BELLHOP_SECRET,
or asked for on a terminal), in the dialect that --dialect names.

Exit code 1 says that something is at fault.`,
		func(cmd *cobra.Command, args []string) error {
			if err := notEmpty(cmd.Flags()); err != nil {
				return err
			}
			if strings.Contains(args[0], "://") {
				return p.checkURL(cmd.Context(), args[0], v)
			}
			return p.checkEndpoint(cmd.Context(), args[0])
		})
	cmd.Example = `  bellhop check ep_38G04Y6M60400
  bellhop check http://localhost:9000/hooks --secret-file secret.txt
  BELLHOP_SECRET=… bellhop check https://hooks.example.com/github --dialect github`
	p.settings.add(cmd.Flags(), "server", "key", "key-file")
	f := cmd.Flags()
	f.StringVar(&v.dialect, "dialect", "standard", "`name` of the dialect in which a URL is tried")
	f.StringArrayVar(&v.secrets, "secret", nil, "the `secret` that the receiver at a URL has")
	f.StringVar(&v.secretFile, "secret-file", "", "`file` with that secret")
	f.StringArrayVar(&v.headers, "header", nil, "`header` to send to a URL besides, as \"Name: value\"; may be repeated")
	f.Var((*durationValue)(&v.timeout), "timeout", "how long one answer of a URL may take")
	f.BoolVar(&v.oneAtATime, "one-at-a-time", false, "do not send two requests to a URL at once")
	p.jsonFlag(cmd)
	return cmd
}

// checkEndpoint has the server try an endpoint's receiver.
func (p *program) checkEndpoint(ctx context.Context, arg string) error {
	e, err := idArg[id.Endpoint](arg)
	if err != nil {
		return usage("%w; a URL begins with http:// or https://", err)
	}
	c, err := p.connect()
	if err != nil {
		return err
	}
	if p.errTerminal {
		p.progress("trying the receiver, which takes up to a minute …")
	}
	report, err := c.CheckEndpoint(ctx, e)
	p.progressEnd()
	if err != nil {
		return p.explainFailure(err)
	}
	return p.showReport(report)
}

// checkURL tries a receiver from here.
func (p *program) checkURL(ctx context.Context, address string, v checking) error {
	if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usage("%q is not a URL such as http://localhost:9000/hooks", address)
	}
	d, err := p.settings.dialectNamed(v.dialect)
	if err != nil {
		return err
	}
	headers, err := headerFlags(v.headers)
	if err != nil {
		return err
	}
	secrets, err := p.verifySecrets(v.verification)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		if err := d.CheckSecret(s); err != nil {
			return usage("the secret is not one of the dialect %s: %w", d.Name(), err)
		}
	}
	// Whoever types the address means it, wherever it leads; what it leads on to does not count.
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	out := safehttp.New(safehttp.Options{UserAgent: "Bellhop", Policy: safehttp.Policy{Dev: true, AllowCIDRs: everywhere}})
	defer out.Close()
	ids := id.NewGenerator(0, 0)
	data := desk.SampleData(d, desk.TypeTest)
	report, err := check.Try(ctx, check.Receiver{
		Dialect: d, Secrets: secrets, Now: p.now, OneAtATime: v.oneAtATime,
		Message: dialect.Message{App: "check", Type: desk.TypeTest, Data: data},
		NewID:   func() string { return id.Next[id.Event](ids, p.now()).String() },
		Progress: func(r check.Result) {
			if !p.json {
				p.showResult(wireResult(r))
			}
		},
		Send: func(ctx context.Context, s check.Shot) check.Answer {
			made, err := s.Signer.Render(s.Message)
			if err != nil {
				return check.Answer{Unmade: true, Detail: err.Error()}
			}
			h := http.Header{}
			for name, value := range headers {
				h[name] = []string{value}
			}
			for _, x := range made.Headers {
				h[x.Name] = []string{x.Value}
			}
			body := made.Body
			if s.Alter != nil {
				body = s.Alter(h, body)
			}
			res := out.Do(ctx, safehttp.Request{URL: address, Method: http.MethodPost, Header: h, Body: body, Timeout: v.timeout, MaxBody: 4 << 10})
			return check.Answer{Status: res.Status, Reason: string(res.Reason), Detail: res.Detail, Duration: res.Duration, Body: res.Body}
		},
	})
	if err != nil {
		return err
	}
	whole := client.CheckedReceiver{OK: report.OK, Detail: report.Detail}
	for _, r := range report.Results {
		whole.Results = append(whole.Results, wireResult(r))
	}
	if p.json {
		return p.reported(whole.OK, p.printJSON(whole))
	}
	p.conclude(whole)
	return p.reported(whole.OK, nil)
}

func wireResult(r check.Result) client.CheckResult {
	return client.CheckResult{
		Name: r.Name, Mark: r.Mark, Sent: r.Sent, Expected: r.Expected, Status: r.Status,
		DurationMS: r.Duration.Milliseconds(), Detail: r.Detail, Remedy: r.Remedy,
	}
}

func (p *program) showReport(report client.CheckedReceiver) error {
	if p.json {
		return p.reported(report.OK, p.printJSON(report))
	}
	for _, r := range report.Results {
		p.showResult(r)
	}
	p.conclude(report)
	return p.reported(report.OK, nil)
}

func (p *program) conclude(report client.CheckedReceiver) {
	mark := cell{text: "✓", style: good}
	if !report.OK {
		mark = cell{text: "✗", style: bad}
	}
	t := table{fields: true}
	t.add(mark, cell{text: report.Detail, style: strong})
	p.print("")
	p.table(&t)
}

// reported is how a check ends.
func (p *program) reported(ok bool, err error) error {
	if err == nil && !ok {
		return errSilent
	}
	return err
}

// showResult is a result in two or three lines.
func (p *program) showResult(r client.CheckResult) {
	mark := map[string]cell{
		check.Pass: {text: "✓", style: good}, check.Weak: {text: "!", style: wait}, check.Fault: {text: "✗", style: bad},
		check.Skipped: {text: "–", style: faint}, check.Untried: {text: "–", style: faint},
	}[r.Mark]
	t := table{fields: true}
	t.add(mark, cell{text: r.Sent, style: strong})
	t.add(text(""), text(fmt.Sprintf("%s (%s is right.)", r.Detail, r.Expected)))
	if r.Mark == check.Skipped || r.Mark == check.Untried {
		t.rows[1][1].text = r.Detail
	}
	if r.Remedy != "" {
		t.add(text(""), text(r.Remedy))
	}
	p.table(&t)
}
