package native

import (
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

func (n *native) getBranding(*api.Call, api.NoInput) (wire.Branding, error) {
	return n.o.Branding, nil
}

func (n *native) getSettings(*api.Call, api.NoInput) (wire.List[wire.Setting], error) {
	return whole(n.o.Settings, same), nil
}
