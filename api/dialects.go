package api

import (
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/dialect"
)

type noInput struct{}

func (a *api) listDialects(*call, noInput) (wire.List[dialect.Definition], error) {
	var out []dialect.Definition
	for _, d := range a.b.Dialects() {
		out = append(out, d.Definition())
	}
	return wholeList(out), nil
}

type dialectName struct {
	Name string `path:"name" noun:"dialect" doc:"The dialect's name." example:"standard"`
}

func (a *api) getDialect(_ *call, in dialectName) (dialect.Definition, error) {
	for _, d := range a.b.Dialects() {
		if d.Name() == in.Name {
			return d.Definition(), nil
		}
	}
	return dialect.Definition{}, missing("dialect", in.Name)
}
