package bellhop_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
)

// TestUUIDIsWhatReceiversGet: an event is found by the UUID that its receivers log.
func TestUUIDIsWhatReceiversGet(t *testing.T) {
	id := bellhop.EventID(1 << 60)
	d, err := dialect.Lookup("showpass")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := d.NewSigner([]string{"secret"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := signer.Render(dialect.Message{ID: id.String(), App: "a", Type: "invoice.purchase", Time: time.Unix(1, 0), Data: []byte(`{}`), Timestamp: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		UUID string `json:"webhook_event_uuid"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	if want := bellhop.UUIDOf(id); body.UUID != want {
		t.Errorf("showpass sends %q, UUIDOf says %q", body.UUID, want)
	}
}
