package layout

import "path/filepath"

// Paths are the files of one cluster, all under one folder of its own that
// `down` removes whole. The node sees them under the same paths as the host.
type Paths struct{ Dir string }

// Record is what `down` and `status` need to find the cluster again.
func (p Paths) Record() string { return filepath.Join(p.Dir, "cluster.json") }

// Kubeconfig is the administrator's, with the certificates inside.
func (p Paths) Kubeconfig() string { return filepath.Join(p.Dir, "kubeconfig") }

// PKI holds certificates and keys.
func (p Paths) PKI() string { return filepath.Join(p.Dir, "pki") }

// Config is a file that a component is configured by.
func (p Paths) Config(name string) string { return filepath.Join(p.Dir, "config", name) }

// Log is what a component wrote to its standard output and error.
func (p Paths) Log(name string) string { return filepath.Join(p.Dir, "log", name+".log") }

// Data is the folder that a component writes to.
func (p Paths) Data(name string) string { return filepath.Join(p.Dir, "data", name) }

// Processes is the table of running components that process 1 keeps.
func (p Paths) Processes() string { return filepath.Join(p.Dir, "processes.json") }
