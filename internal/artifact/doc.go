// Package artifact is the input-addressed store on an expert's volume.
//
// An output is written into a temporary folder beside its place. Sealing hashes
// every file, syncs them, writes manifest.json last and renames the folder: a
// folder with a manifest is whole, whenever a crash comes. A manifest names the
// digests of the inputs that it was made from, so that an output made from
// something else is never taken for today's.
package artifact
