package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/internal/testport"
)

// runs starts a receiver in another language, which listens at PORT and takes what
// WEBHOOK_SECRET has signed, until the test ends. It gives the receiver's URL.
func runs(t testing.TB, secret, file string) string {
	t.Helper()
	interpreter := map[string]string{".mjs": "node", ".py": "python3"}[filepath.Ext(file)]
	if _, err := exec.LookPath(interpreter); err != nil {
		t.Skipf("%s is not installed (make tools web-tools does that)", interpreter)
	}
	address := testport.Reserve(t)
	_, port, _ := net.SplitHostPort(address)
	var output bytes.Buffer
	cmd := exec.Command(interpreter, file)
	cmd.Env = append(cleanEnv(), "PORT="+port, "WEBHOOK_SECRET="+secret)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%.4000s", file, output.String())
		}
	})
	eventually(t, file+" listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended: %s\n%.4000s", file, cmd.ProcessState, output.String())
		default:
		}
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	return "http://" + address + "/hook"
}

// speaking makes an endpoint of a dialect with a secret, whose URL is tried out first.
func speaking(name, secret string) func(*bellhop.EndpointChange) {
	return func(c *bellhop.EndpointChange) {
		c.Dialect, c.Secret, c.Verify = bellhop.Of(name), bellhop.Of(secret), bellhop.Of(true)
	}
}

// TestDocumentedReceivers sends to receivers that follow the documents of the systems
// that Bellhop takes over from, to the letter. None of 300 deliveries at once is
// refused: a receiver that wants a time before its own now gets one.
func TestDocumentedReceivers(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	const secret = "s3cr3t of the endpoint"
	for _, c := range []struct {
		dialect string
		types   [2]string
		data    [2]string
		unknown string // a type that the receiver does not know
	}{
		{
			"allthings",
			[2]string{"ticket.created", "ticket.updated"},
			[2]string{sample(t, "allthings-ticket-created"), sample(t, "allthings-ticket-updated")},
			"booking.accepted",
		},
		{
			"showpass",
			[2]string{"invoice.purchase", "invoice.refund"},
			[2]string{sample(t, "showpass-invoice-purchase"), `{"total":"12.50 €"}`},
			"order.paid",
		},
	} {
		for _, language := range []string{"mjs", "py"} {
			t.Run(c.dialect+"."+language, func(t *testing.T) {
				url := runs(t, secret, filepath.Join("testdata", "receivers", c.dialect+"."+language))
				app := s.app(c.dialect + "-" + language)
				e := s.endpoint(app, url, speaking(c.dialect, secret))
				test, err := s.api.TestEndpoint(t.Context(), e.ID, "", nil)
				if err != nil || test.Status != bellhop.AttemptSucceeded || string(test.ResponseBody) != `{"message":"test"}` && string(test.ResponseBody) != `{"message": "test"}` {
					t.Errorf("the test was answered %d %s (%v)", test.ResponseStatus, test.ResponseBody, err)
				}

				const many = 300
				var batch []client.Publication
				for i := range many {
					batch = append(batch, client.Publication{App: app, Type: c.types[i%2], Subject: "ticket:42", Data: bellhop.JSON(c.data[i%2])})
				}
				if _, err := s.api.PublishBatch(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
				s.waitDone(e.ID)
				taken := 0
				for a, err := range s.api.Attempts(t.Context(), client.AttemptFilter{Endpoint: e.ID}) {
					switch {
					case err != nil:
						t.Fatal(err)
					case a.Status != bellhop.AttemptSucceeded:
						t.Fatalf("refused: %d %s", a.ResponseStatus, a.Detail)
					case a.Trigger != bellhop.TriggerTest:
						taken++
					}
				}
				if taken != many {
					t.Errorf("%d of %d were taken", taken, many)
				}

				// The receiver does look: at the type, and at the signature.
				for status, other := range map[int]struct{ secret, eventType string }{400: {secret, c.unknown}, 401: {"a foreign secret", c.types[0]}} {
					app := s.app(fmt.Sprint(app, "-", status))
					e := s.endpoint(app, url, func(e *bellhop.EndpointChange) {
						speaking(c.dialect, other.secret)(e)
						e.Verify, e.Retry = bellhop.Of(false), delays()
					})
					event := s.publish(app, other.eventType, c.data[0])
					if a := s.attempts(event.ID, e.ID, 1)[0]; a.ResponseStatus != status {
						t.Errorf("%s signed with %q was answered %d, wanted %d", other.eventType, other.secret, a.ResponseStatus, status)
					}
				}
			})
		}
	}
}

// TestSamplesPassTheirOwnCheck runs what GET /v1/dialects/{name}/code writes: an
// endpoint at its URL can be created with verify, and its events are taken.
func TestSamplesPassTheirOwnCheck(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	for _, def := range dialect.Builtin() {
		d, err := dialect.Lookup(def.Name)
		if err != nil {
			t.Fatal(err)
		}
		codes, err := s.api.VerificationCode(t.Context(), def.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range codes {
			if code.Language != "node" && code.Language != "python" {
				continue // these start fast; dialect/samples runs the others
			}
			t.Run(def.Name+"/"+code.Language, func(t *testing.T) {
				secret, err := d.NewSecret()
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(t.TempDir(), code.Filename)
				if err := os.WriteFile(file, []byte(code.Code), 0o644); err != nil {
					t.Fatal(err)
				}
				url := runs(t, secret, file)
				app := s.app(def.Name + "-" + code.Language)
				e := s.endpoint(app, url, speaking(def.Name, secret))
				event := s.publish(app, "ticket.created", `{"id":"t1"}`)
				if a := s.attempts(event.ID, e.ID, 1)[0]; a.Status != bellhop.AttemptSucceeded {
					t.Errorf("an event was answered %d %s", a.ResponseStatus, a.ResponseBody)
				}
			})
		}
	}
}
