package native

import (
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/samples"
)

func (n *native) listDialects(c *api.Call, _ api.NoInput) (wire.List[dialect.Definition], error) {
	all, err := n.desk.Dialects(c.Context(), c.Principal())
	return whole(all, same), err
}

type dialectName struct {
	Name string `path:"name" noun:"dialect" doc:"The dialect's name." example:"standard"`
}

func (n *native) getDialect(c *api.Call, in dialectName) (dialect.Definition, error) {
	return n.desk.Dialect(c.Context(), c.Principal(), in.Name)
}

func (n *native) getVerificationCode(c *api.Call, in dialectName) (wire.List[wire.VerificationCode], error) {
	codes, err := n.desk.VerificationCode(c.Context(), c.Principal(), in.Name)
	show := func(s samples.Sample) wire.VerificationCode {
		return wire.VerificationCode{Language: s.Language, Title: s.Title, Filename: s.Filename, Code: s.Code}
	}
	return whole(codes, show), err
}
