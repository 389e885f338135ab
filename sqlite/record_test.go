package sqlite

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
)

// Whatever others decide the size of counts in a transaction.
func TestAttemptsWeighWhatTheyHold(t *testing.T) {
	const large = 16 << 10
	long := http.Header{"X": {strings.Repeat("x", large/2), strings.Repeat("y", large/2)}}
	light := weighResults(make([]bellhop.Result, 3))
	for name, a := range map[string]bellhop.Attempt{
		"response headers": {ResponseHeader: long},
		"request headers":  {RequestHeader: long},
		"response body":    {ResponseBody: bytes.Repeat([]byte("x"), large)},
	} {
		if got := weighResults([]bellhop.Result{{}, {Attempt: a}, {}}) - light; got < large || got > large+100 {
			t.Errorf("%s of %d bytes weigh %d", name, large, got)
		}
	}
}
