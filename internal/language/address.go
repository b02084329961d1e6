package language

import "regexp"

// address is the address of an object: as Python shows one, as any program shows
// one of 64 bits, and as pytest shortens a text in its middle.
var address = regexp.MustCompile(`\bat 0x[0-9a-fA-F]+|\b0x[0-9a-fA-F]{9,16}\b|\.\.\.(?:0?x)?[0-9a-fA-F]{8,16}>`)

var shownAddress = map[byte]string{'a': "at 0x...", '0': "0x...", '.': "...>"}

// WithoutAddresses is a text without the addresses of objects, which differ in every
// run and say nothing. Numbers up to eight hexadecimal digits stay.
func WithoutAddresses(text string) string {
	return address.ReplaceAllStringFunc(text, func(found string) string { return shownAddress[found[0]] })
}
