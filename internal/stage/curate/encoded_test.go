package curate

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/detect/codec"
)

func TestMayBeEncoded(t *testing.T) {
	secret := "a text of the shop #1"
	cases := map[string]struct {
		text string
		want bool
	}{
		"nothing":               {"", false},
		"code":                  {"def test_of_a_long_name(self, path='src/bookshop/stock_and_prices'):\n    return 42  # " + strings.Repeat("-", 60), false},
		"base64":                {"x = '" + base64.StdEncoding.EncodeToString([]byte(secret)) + "'", true},
		"base64 with padding":   {base64.StdEncoding.EncodeToString([]byte(secret + "22")), true},
		"base64 for URLs":       {base64.RawURLEncoding.EncodeToString([]byte(secret + "??>>")), true},
		"a hexadecimal number":  {hex.EncodeToString([]byte(secret)), true},
		"a commit":              {"commit 4f1d2c3b4a5968778695a4b3c2d1e0f9a8b7c6d5", true},
		"an escape of a URL":    {url.QueryEscape("a=b"), true},
		"an escape of a string": {"'\\u0041'", true},
		"a code point":          {"U+0041", true},
		"a percentage":          {"50% of '%d'", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := mayBeEncoded(c.text); got != c.want {
				t.Errorf("%q: got %t", c.text, got)
			}
		})
	}
}

// Whatever gitleaks decodes, may be encoded.
func FuzzMayBeEncoded(f *testing.F) {
	for _, text := range []string{"", "YSB0ZXh0IG9mIHRoZSBzaG9wICMx=", "%41%42", `\\u0041`, "U+0041", "x/61207465787420206f66207468652073686f7020", "a_b-c+d/e0f1g2h3=="} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, segments := codec.NewDecoder().Decode(text, nil); len(segments) > 0 && !mayBeEncoded(text) {
			t.Errorf("%q is decoded and should not be", text)
		}
	})
}
