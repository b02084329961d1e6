// Package node is the inside of a cluster: one process tree in mount, PID,
// network and host name namespaces of its own, with process 1 as its root.
//
// ConfigFiles and Processes say, from the cluster's identity alone, what is
// written and what is run. Run is process 1:
//
//  1. it waits until `up` has made the network link (a crash of `up` before that
//     ends it: the pipe it waits on closes);
//  2. it makes mounts, sysctls and addresses that only the node sees;
//  3. it starts etcd, the API server and containerd, and when these answer, the
//     rest, and starts again whatever ends.
//
// Nothing here cleans up. The kernel kills every process of a PID namespace with
// its process 1, and namespaces, mounts, links and routes go with the last of
// them; control groups and files are removed by `down`.
package node
