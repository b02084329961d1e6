// Package rootfs makes a Debian root file system for container images and keeps
// it, as a gzipped archive, in the user's cache.
//
// debootstrap unpacks and configures the packages in a folder; what a container
// never reads (package lists, manuals, translations) is then left out of the
// archive. Entries are sorted and times after the start are cut back to a fixed
// one, so that two runs with the same packages differ in little; images are the
// same byte for byte because they share one cached archive.
package rootfs
