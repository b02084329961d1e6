package local

import "regexp"

// volatile are the parts of an observation that differ between two executions
// of the same command on the same tree and say nothing about it. Whatever else
// differs is a difference. docs/local.md lists them for people.
var volatile = []struct {
	what    string
	pattern *regexp.Regexp
}{
	// The tree and the language's own library lie elsewhere on another machine.
	{"library", regexp.MustCompile(`(?:/[\w.@+-]+)*/(?:lib(?:64)?/python3(?:\.\d+)?(?:/(?:site|dist)-packages)?|(?:go[\d.]*|toolchain@[\w.-]+)/src)/`)},
	{"tree", regexp.MustCompile(`(?:/[\w.@+-]+)+/repository\b`)},
	{"temporary path", regexp.MustCompile(`(?:/[\w.@+-]+)*/(?:tmp|temp)(?:/[\w.@+-]+)*`)},
	{"date", regexp.MustCompile(`\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?`)},
	{"date", regexp.MustCompile(`\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d (?:\d\d:\d\d(?::\d\d)?(?: \d{4})?|\d{4})\b`)},
	{"time", regexp.MustCompile(`\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b`)},
	// Go's test cache gives a passed package without one.
	{"duration", regexp.MustCompile(`\(cached\)|\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|sec|secs|seconds)\b`)},
	{"address", regexp.MustCompile(`\b0x[0-9a-fA-F]{6,16}\b`)},
	// As pytest shortens the text of an object in its middle.
	{"address", regexp.MustCompile(`\.\.\.(?:0?x)?[0-9a-fA-F]{8,16}>`)},
	{"process", regexp.MustCompile(`(?i)\b(?:pid|process)[ =:#]*\d+\b`)},
}

// Stable is an observation with a word in place of each volatile part.
func Stable(observation string) string {
	for _, part := range volatile {
		observation = part.pattern.ReplaceAllString(observation, "<"+part.what+">")
	}
	return observation
}
