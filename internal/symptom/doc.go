// Package symptom finds where a fault shows, and says so in the text of a task.
//
// A fault is the difference between a broken and a fixed tree. It shows in a
// function that a failing test names; of these the one with the longest way to
// what is faulty is taken, by the calls and names that one meets when reading: the
// further, the less the text gives away. The words of a commit come first, where
// there are any; no text names a failing test or what only the repair names.
package symptom
