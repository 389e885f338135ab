package native

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// usual are events that are read in one pass; unusual ones are looked at again, whether
// they are right or wrong.
var usual = []string{
	`{"app":"acme","type":"invoice.purchase","data":{"total":"123.90"}}`,
	` { "data" : [ 1 , null ] , "type" : "a.b" , "app" : "acme" } ` + "\r\n",
	`{"app":"acme","type":"a","data":null}`,
	`{"app":"acme","type":"a","data":"ü\ud83d\ude00\u0000"}`,
	`{"app":"\u0061cme","type":"a.b","subject":"ticket:\"ü\"","id":"1","deliver_at":"2027-01-02T03:04:05Z","data":0}`,
}

var unusual = []string{
	`{"app":"acme","type":"a","data":1,"subject":null}`,
	`{"\u0061pp":"acme","type":"a","data":1}`,
	`{"app":"acme","app":"acme","type":"a","data":1}`,
	`{"app":"acme","type":"a","data":1,"data":2}`,
	`{"app":"","type":"a","data":1}`,
	`{"app":"a\u0000","type":"a","data":1}`,
	`{"app":"\ud800","type":"a","data":1}`,
	`{"app":1,"type":"a","data":1}`,
	`{"app":"acme","type":"a"}`,
	`{"app":"acme","type":"a","data":}`,
	`{"app":"acme","type":"a","data":1}}`,
	`{"app":"acme","type":"a","data":1} 2`,
	`{"app":"acme","type":"a","data":1,}`,
	`{"app":"acme","type":"a","data":1`,
	`{"app":"acme" "type":"a","data":1}`,
	`{"app":"acme","type":"a","data":"` + "\x01" + `"}`,
	`{"app":"acme","type":"a","data":"` + "\xff" + `"}`,
	`{"app":"acme","type":"a","data":1,"other":2}`,
	`{"app":"acme","type":"a","data":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`,
	`{}`, `[]`, ``, `null`, "\ufeff{}",
}

func TestTheUsualEventIsReadInOnePass(t *testing.T) {
	for _, text := range usual {
		var p engine.Publication
		if !readEvent([]byte(text), &p) {
			t.Errorf("%s is looked at again", text)
		}
		sameAsInSteps(t, []byte(text))
		sameBatchAsInSteps(t, []byte(`{"events":[`+text+","+usual[0]+`]}`))
	}
	for _, text := range unusual {
		var p engine.Publication
		if readEvent([]byte(text), &p) {
			t.Errorf("%s is taken as it is", text)
		}
		sameBatchAsInSteps(t, []byte(`{"events":[`+usual[0]+","+text+`]}`))
	}
	one := `{"events":[` + usual[0] + strings.Repeat(","+usual[0], engine.MaxBatch-1)
	if ps, ok := readBatch([]byte(one+"]}"), nil); !ok || len(ps) != engine.MaxBatch {
		t.Errorf("of a full batch %d events are read, %t", len(ps), ok)
	}
	for _, text := range []string{one + "," + usual[0] + "]}", `{"events":[]}`, `{"events":{}}`, `{"events":[` + usual[0] + `],"more":1}`, `{"Events":[` + usual[0] + `]}`, `{"events":[` + usual[0] + `]} 1`} {
		if _, ok := readBatch([]byte(text), nil); ok {
			t.Errorf("%.60s… is taken as it is", text)
		}
	}
}

// sameAsInSteps compares an event that was read in one pass with the same event taken
// apart step by step, which finds every fault.
func sameAsInSteps(t *testing.T, body []byte) {
	t.Helper()
	var p engine.Publication
	if !readEvent(body, &p) {
		return
	}
	var wrong api.Faults
	want, err := publication("", body, &wrong)
	if err != nil || wrong.Err() != nil {
		t.Fatalf("%q was read, and has faults: %v %v", body, err, wrong.Err())
	}
	sameEvent(t, body, p, want)
}

func sameEvent(t *testing.T, body []byte, got, want engine.Publication) {
	t.Helper()
	if !bytes.Equal(got.Data, want.Data) {
		t.Fatalf("of %q the data is %q and not %q", body, got.Data, want.Data)
	}
	got.Carry(strictjson.Value{})
	want.Data = nil
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q is read as %+v and not as %+v", body, got, want)
	}
}

func sameBatchAsInSteps(t *testing.T, body []byte) {
	t.Helper()
	ps, ok := readBatch(body, nil)
	if !ok {
		return
	}
	want, err := publications(context.Background(), body)
	if err != nil || len(ps) != len(want) {
		t.Fatalf("%q was read as %d events, and not as %d: %v", body, len(ps), len(want), err)
	}
	for i := range ps {
		sameEvent(t, body, ps[i], want[i])
	}
}

func FuzzOnePass(f *testing.F) {
	for _, text := range append(usual, unusual...) {
		f.Add([]byte(text))
		f.Add([]byte(`{"events":[` + text + "," + usual[0] + `]}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sameAsInSteps(t, body)
		sameBatchAsInSteps(t, body)
	})
}

func kilobyte() string {
	return `{"total":"123.90","items":[` + strings.Repeat(`{"price":"1.10","name":"Balcony, row 7"},`, 23) + `null]}`
}

// BenchmarkRead reads events of about 1 KiB: what accepting costs before anything is
// decided.
func BenchmarkRead(b *testing.B) {
	event := `{"app":"acme","type":"invoice.purchase","id":"%d","data":` + kilobyte() + `}`
	b.Run("event", func(b *testing.B) {
		body := fmt.Appendf(nil, event, 1)
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var p engine.Publication
			if !readEvent(body, &p) {
				b.Fatal("not read")
			}
		}
	})
	b.Run("batch", func(b *testing.B) { // for each event of a batch of 100
		var list [][]byte
		for i := range 100 {
			list = append(list, fmt.Appendf(nil, event, i))
		}
		body := append(append([]byte(`{"events":[`), bytes.Join(list, []byte(","))...), "]}"...)
		b.SetBytes(int64(len(body) / len(list)))
		b.ReportAllocs()
		for i := 0; i < b.N; i += len(list) {
			if ps, ok := readBatch(body, nil); !ok || len(ps) != len(list) {
				b.Fatal("not read")
			}
		}
	})
}
