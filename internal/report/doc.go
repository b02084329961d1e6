// Package report is the report of an evaluation: the schema of report.json, and
// report.html, which shows the same to people. It is pure: it reads no clock and
// no file, and equal reports give equal bytes.
//
// A report holds only what was measured. What was not is absent from the JSON,
// and the page says so; no number of the page is computed while it is rendered.
//
// Shares have Wilson's score interval at 95 % (E. B. Wilson 1927; recommended
// over the normal one by Brown, Cai and DasGupta, Statistical Science 16, 2001).
// It is for display: the gate has its own bound, on differences.
//
// The text in a report comes from a repository and from models, so it is hostile:
// it is bounded when a report is made, and again when it is shown, where
// characters that are invisible or turn the reading direction appear as their
// code points.
package report
