package language

import "testing"

func TestWithoutAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"<Shelf object at 0x7f3a1c2b4d50> is not 1":                "<Shelf object at 0x...> is not 1",
		"<slot wrapper at 0x9a1b20>":                               "<slot wrapper at 0x...>",
		"assert (42, <object ...7fb8b3e5eab0>) == (42, <object …)": "assert (42, <object ...>) == (42, <object …)",
		"<attr._make.Con...x7fb8b3e5eab0>":                         "<attr._make.Con...>",
		"got &{0xc000012345}, want nil":                            "got &{0x...}, want nil",
		"two: 0xc000012345 0xc000012346":                           "two: 0x... 0x...",
		"want 0xdeadbeef, got 0x1f":                                "want 0xdeadbeef, got 0x1f",
		"a digest of 0x0123456789abcdef0123":                       "a digest of 0x0123456789abcdef0123",
		"cut in the middle: <Shelf object at 0x7f3":                "cut in the middle: <Shelf object at 0x...",
		"and so on...": "and so on...",
		"":             "",
	} {
		if got := WithoutAddresses(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
		if got := WithoutAddresses(want); got != want {
			t.Errorf("%q became %q when cleaned twice", want, got)
		}
	}
}
