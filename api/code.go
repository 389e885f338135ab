package api

import (
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/dialect/samples"
)

func (a *api) getVerificationCode(_ *call, in dialectName) (wire.List[wire.VerificationCode], error) {
	for _, d := range a.b.Dialects() {
		if d.Name() != in.Name {
			continue
		}
		codes, err := samples.Code(d)
		if err != nil {
			return wire.List[wire.VerificationCode]{}, err
		}
		var out []wire.VerificationCode
		for _, s := range codes {
			out = append(out, wire.VerificationCode{Language: s.Language, Title: s.Title, Filename: s.Filename, Code: s.Code})
		}
		return wholeList(out), nil
	}
	return wire.List[wire.VerificationCode]{}, missing("dialect", in.Name)
}
