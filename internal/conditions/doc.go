// Package conditions writes the conditions of our objects, so that every kind
// speaks kstatus the same way.
//
// Reconciling and Stalled are abnormal-true: present only while true. Ready is
// always present and never chosen by hand: it follows from the other two and
// from whether the object does its job meanwhile. A Stalled object is never
// Reconciling as well, because "wait" and "act" are contrary advice.
//
// Text is made one line, valid UTF-8 and bounded here, because parts of it
// come out of repositories, logs and git hosts.
package conditions
