// Package sandbox runs untrusted commands in another container of the pod.
//
// The worker container holds volumes and seals results; it never executes
// repository code. Sidecars execute repository code; they hold nothing but an
// emptyDir and what is streamed to them over a unix socket. Everything that
// comes back over the socket was possibly written by repository code: the
// client bounds and validates it.
//
// What keeps commands in bounds, from the outside in:
//
//   - The pod gives the sidecar a user without privileges, a read-only image, no
//     network, its own scratch folders and process ids, and limits: of memory
//     (above it the kernel kills the whole container), of scratch space (above it
//     the kubelet evicts the pod), and the node's of processes.
//   - The server ends a command before the pod's limits of memory and scratch space
//     end the sidecar. It cannot be traced, spoken to or killed by its commands,
//     and puts its socket back. A tree that is put holds what was sent and nothing
//     else; what lies beside it, or in scratch folders, goes.
//   - A keeper per command limits its processes (8,192 of the user), files (8 GiB
//     each) and core dumps (none), kills it in time, and leaves none of its
//     descendants alive.
//   - The client takes nothing that comes back for granted.
//
// What is not kept apart: commands of one box have one user, so those that run
// side by side can meddle with each other's trees; System V shared memory is the
// pod's and outlives its makers; the environment that Setup made can be written
// by every command of the box, except that its caches and sealed folders are never
// believed after (Options.Caches); and a test process can forge its own report, as
// far as it finds out what must be in it.
package sandbox
