// Package image builds container images from files, without a daemon and without
// a registry.
//
// An image is a root file system (optional; shared by any number of images) and
// one layer of added files. The layer of a root file system is made from its
// archive as it lies, so every image made from the same archive has the same
// layer, which containerd stores once. The layer of files has fixed times
// (unless they are kept) and owners and sorted names: the same files give the same
// digest on each machine.
package image
