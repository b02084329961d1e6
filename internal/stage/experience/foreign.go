package experience

// ForeignNames lists the names in a piece of Python code that are neither built in
// nor bound by the code itself, sorted: what one must have seen to write it.
func ForeignNames(code string) []string { return foreign(code) }
