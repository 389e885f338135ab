package wire

import "github.com/bellhop/bellhop"

// AuthInput is how requests shall authenticate. It says in the open what is sealed
// afterwards, and never shown.
type AuthInput struct {
	Type         bellhop.AuthType  `json:"type" enum:"basic,bearer,header,query,oauth2_client_credentials,oauth2_refresh_token"`
	Username     string            `json:"username,omitempty" doc:"Of basic and, for a mail server, of oauth2."`
	Password     string            `json:"password,omitempty" writeOnly:"true" doc:"Of basic."`
	Token        string            `json:"token,omitempty" writeOnly:"true" doc:"Of bearer."`
	Name         string            `json:"name,omitempty" doc:"Of header and query: the name of the header or parameter." example:"X-Api-Key"`
	Prefix       string            `json:"prefix,omitempty" doc:"Of header: what stands before the value." example:"KISI-LOGIN "`
	Value        string            `json:"value,omitempty" writeOnly:"true" doc:"Of header and query."`
	TokenURL     string            `json:"token_url,omitempty" doc:"Of oauth2: where tokens come from." example:"https://login.example.com/oauth2/token"`
	ClientID     string            `json:"client_id,omitempty" doc:"Of oauth2."`
	ClientSecret string            `json:"client_secret,omitempty" writeOnly:"true" doc:"Of oauth2."`
	RefreshToken string            `json:"refresh_token,omitempty" writeOnly:"true" doc:"Of oauth2_refresh_token. Where the server gives a new one with each token, the newest is kept."`
	Scopes       []string          `json:"scopes,omitempty" nullable:"false" doc:"Of oauth2."`
	ClientAuth   string            `json:"client_auth,omitempty" enum:"basic,body" doc:"Of oauth2: how the client names itself to the server. Default: basic."`
	Params       map[string]string `json:"params,omitempty" doc:"Of oauth2: sent with each token request, such as an audience."`
}

// ClientTLSInput is what connections shall need beyond the usual.
type ClientTLSInput struct {
	Certificate string `json:"certificate,omitempty" doc:"Shown to receivers that ask for one, with its chain."`
	Key         string `json:"key,omitempty" writeOnly:"true" doc:"Of the certificate, not encrypted."`
	CA          string `json:"ca,omitempty" doc:"Certificates trusted besides the system's."`
}

func authChange(f bellhop.Field[*AuthInput]) bellhop.Field[*bellhop.AuthChange] {
	c := bellhop.Field[*bellhop.AuthChange]{Set: f.Set}
	if a := f.Value; a != nil {
		c.Value = &bellhop.AuthChange{
			Auth: bellhop.Auth{
				Type: a.Type, Username: a.Username, Name: a.Name, Prefix: a.Prefix, TokenURL: a.TokenURL,
				ClientID: a.ClientID, Scopes: a.Scopes, ClientAuth: a.ClientAuth, Params: a.Params,
			},
			Password: a.Password, Token: a.Token, Value: a.Value, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken,
		}
	}
	return c
}

func authInput(f bellhop.Field[*bellhop.AuthChange]) bellhop.Field[*AuthInput] {
	in := bellhop.Field[*AuthInput]{Set: f.Set}
	if a := f.Value; a != nil {
		in.Value = &AuthInput{
			Type: a.Type, Username: a.Username, Name: a.Name, Prefix: a.Prefix, TokenURL: a.TokenURL,
			ClientID: a.ClientID, Scopes: a.Scopes, ClientAuth: a.ClientAuth, Params: a.Params,
			Password: a.Password, Token: a.Token, Value: a.Value, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken,
		}
	}
	return in
}

func tlsChange(f bellhop.Field[*ClientTLSInput]) bellhop.Field[*bellhop.ClientTLSChange] {
	c := bellhop.Field[*bellhop.ClientTLSChange]{Set: f.Set}
	if t := f.Value; t != nil {
		c.Value = &bellhop.ClientTLSChange{ClientTLS: bellhop.ClientTLS{Certificate: t.Certificate, CA: t.CA}, Key: t.Key}
	}
	return c
}

func tlsInput(f bellhop.Field[*bellhop.ClientTLSChange]) bellhop.Field[*ClientTLSInput] {
	in := bellhop.Field[*ClientTLSInput]{Set: f.Set}
	if t := f.Value; t != nil {
		in.Value = &ClientTLSInput{Certificate: t.Certificate, CA: t.CA, Key: t.Key}
	}
	return in
}
