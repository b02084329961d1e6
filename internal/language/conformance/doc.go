// Package conformance is what every language adapter must pass, with real
// processes in a real sandbox server.
//
// An adapter's test gives a Fixture: one library that has every construct of the
// language worth a test, and small trees whose tests end in each possible way.
package conformance
