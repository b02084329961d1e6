// Package language is what the stages know of a programming language: an
// Adapter inspects a source tree, takes a function's body out, lists the faults
// that functions can get, and runs tests.
//
// Adapters run their helpers inside a sandbox box, beside or after repository
// code, so everything that they read back is parsed with bounds and checked. A
// helper lies in "<tree>.tools", what it writes in "<tree>.report", never in the
// tree: the repository's own tools must not see or collect it.
//
// A new language is one folder with an Adapter and one line in package adapters;
// package conformance holds what every adapter must pass.
package language
