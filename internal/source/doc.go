// Package source observes where branches and tags point, without a clone and
// without a reconciler ever waiting for a network.
//
// A Poller runs one `git ls-remote` (protocol v2) per (URL, reference,
// credential) and interval, however many experts follow it. Reconcilers only
// read the last observation; when one changes, the Poller sends an event for
// every expert that follows it. An observation is a commit or an *Error, which
// says in a fixed sentence what a person can do.
//
// Intervals are jittered by up to a tenth, so that experts created together do
// not ask together for ever. After errors of the git host the interval doubles
// up to ten minutes. At most a fixed number of git processes run at a time.
//
// Git is hostile ground: the URL comes from a tenant and the answer from
// whoever owns the host. Hence a bare environment, a scheme allow-list, no
// redirects at all, no prompts, no user or system configuration, a time limit
// for the whole process group and a bound on what is read. Credentials are
// given to git by a credential helper that is scoped to the URL's host and
// reads a file of ours; they are never in arguments, in the URL or in a message.
//
// With protocol v2 the server sends only the references below refs/heads/ or
// refs/tags/; git has no way to ask for a single one.
package source
