// Package builder makes objects for tests: valid by default, changed by the
// test in one readable line each.
package builder
