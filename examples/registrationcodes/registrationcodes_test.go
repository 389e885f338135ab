package registrationcodes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/examples/registrationcodes"
	"github.com/bellhop/bellhop/examples/signed"
)

func TestOnlyNewCodesAreAppended(t *testing.T) {
	sample, err := os.ReadFile("../residence/samples/registration-code-created.json")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "codes.csv")
	open := func() func(id, data string) int {
		s, err := registrationcodes.New("s3cr3t", path)
		if err != nil {
			t.Fatal(err)
		}
		return func(id, data string) int {
			t.Helper()
			status, _, err := signed.Send(s, "allthings", "s3cr3t", id, "registration-code.created", "registration-code:1", data)
			if err != nil {
				t.Fatal(err)
			}
			return status
		}
	}
	send := open()
	send("evt_1", string(sample))
	send("evt_1", string(sample))
	send = open() // a restart knows what is in the file
	send("evt_1", string(sample))
	if status := send("evt_2", `{"id":"rc-2","code":"=1+1","tenant":{"name":"A, \"B\""},"permanent":true}`); status != 200 {
		t.Errorf("%d", status)
	}
	if status := send("evt_3", `{"code":"without an id"}`); status != 422 {
		t.Errorf("%d", status)
	}
	b, err := os.ReadFile(path)
	want := strings.Join([]string{
		"code_id,code,tenant,unit,address,expires",
		`rc-88120,4F7K-QX2M,Luca Bianchi,u-3.04,"Seestrasse 12, 8002 Zürich",2027-03-31`,
		`rc-2,'=1+1,"A, ""B""",,,never`, "",
	}, "\n")
	if err != nil || string(b) != want {
		t.Errorf("%v, the file holds:\n%s", err, b)
	}
}
