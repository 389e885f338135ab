package recipe

import (
	"encoding/json"
	"math/big"
	"strings"
)

// maxNumber bounds a number's text, so that none takes long to compute with.
const maxNumber = 40

// rational reads a decimal number without an exponent.
func (c *call) rational(v any) (*big.Rat, error) {
	text := strings.TrimSpace(textOf(v))
	digits := strings.TrimLeft(text, "-")
	ok := len(text) <= maxNumber && len(text)-len(digits) <= 1 && digits != "" &&
		strings.Trim(digits, "0123456789.") == "" && strings.Count(digits, ".") <= 1 && digits[0] != '.' && digits[len(digits)-1] != '.'
	if ok {
		if r, ok := new(big.Rat).SetString(text); ok {
			return r, nil
		}
	}
	return nil, problem(c.of, "%s is %s, which is no plain decimal number: publish one such as 12.50, or take the filter away", c.of, shown(v))
}

// decimal is the value as a JSON number with that many decimals, -1 for as many as it
// needs.
func (c *call) decimal(places int, r *big.Rat) (any, error) {
	if r == nil {
		var err error
		if r, err = c.rational(c.in); err != nil {
			return nil, err
		}
	}
	if places < 0 {
		places, _ = r.FloatPrec()
	}
	return json.Number(r.FloatString(places)), nil
}

func absolute(c *call) (any, error) {
	r, err := c.rational(c.in)
	if err != nil {
		return nil, err
	}
	return c.decimal(-1, r.Abs(r))
}

func sum(c *call) (any, error) {
	total := new(big.Rat)
	for _, v := range listOf(c.in) {
		if c.scope.steps += 10; c.scope.steps > maxSteps { // exact numbers are slow
			return nil, errTooLong
		}
		r, err := c.rational(v)
		if err != nil {
			return nil, err
		}
		total.Add(total, r)
	}
	return c.decimal(-1, total)
}

// money is an amount with the decimals of its currency, as text: 12.5 is "12.50". In
// minor units, 1250 is that, too.
func (c *call) money(minor bool) (any, error) {
	r, err := c.rational(c.in)
	if err != nil {
		return nil, err
	}
	places := places(c.arg(0, ""))
	if minor {
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
		r.Quo(r, new(big.Rat).SetInt(scale))
	}
	return json.Number(r.FloatString(places)), nil
}

// places is how many decimals a currency has (ISO 4217); two, unless it is known to be
// otherwise.
func places(currency string) int {
	switch strings.ToUpper(currency) {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	}
	return 2
}
