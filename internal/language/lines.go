package language

import "slices"

// Lines splits source after every line end (LF, CR LF or CR), as parsers count
// lines; the line ends stay with their lines, so that joining gives the source.
func Lines(source []byte) [][]byte {
	var lines [][]byte
	start := 0
	for i, b := range source {
		carriage := b == '\r' && (i+1 == len(source) || source[i+1] != '\n')
		if b == '\n' || carriage {
			lines = append(lines, source[start:i+1])
			start = i + 1
		}
	}
	if start < len(source) {
		lines = append(lines, source[start:])
	}
	return lines
}

// Text returns lines start to end of source, 1-based and inclusive, as far as
// they exist.
func Text(source []byte, start, end int) string {
	lines := Lines(source)
	var text []byte
	for n := max(start, 1); n <= min(end, len(lines)); n++ {
		text = append(text, lines[n-1]...)
	}
	return string(text)
}

// Without returns source without the lines of definitions.
func Without(source []byte, definitions []Definition) []byte {
	kept := make([]byte, 0, len(source))
	for n, line := range Lines(source) {
		inside := func(d Definition) bool { return n+1 >= d.StartLine && n+1 <= d.EndLine }
		if !slices.ContainsFunc(definitions, inside) {
			kept = append(kept, line...)
		}
	}
	return kept
}
