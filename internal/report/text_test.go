package report

import (
	"strings"
	"testing"
)

func TestShown(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"plain":              {"größe = 5\n\treturn <b>", "größe = 5\n\treturn <b>"},
		"right to left":      {"a\u202egnp.exe", `a\u202egnp.exe`},
		"isolates and marks": {"\u2066\u2069\u200f\u061c", `\u2066\u2069\u200f\u061c`},
		"invisible":          {"a\u200b\u00ad\ufeff\U000e0041b", `a\u200b\u00ad\ufeff\ue0041b`},
		"lines":              {"a\r\u2028\u2029", `a\u000d\u2028\u2029`},
		"terminal":           {"\x1b[31m\x00", `\u001b[31m\u0000`},
		"private use":        {"\ue000", `\ue000`},
		"not UTF-8":          {"a\xffb", "a\ufffdb"},
		"few marks":          {"e\u0301\u0302", "e\u0301\u0302"},
		"many marks":         {"e" + strings.Repeat("\u0301", 7), "e" + strings.Repeat("\u0301", 6) + `\u0301`},
		"long":               {strings.Repeat("x", 41), strings.Repeat("x", 37) + "…"},
		"long, wide":         {strings.Repeat("é", 21), strings.Repeat("é", 18) + "…"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := shown(test.text, 40); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
