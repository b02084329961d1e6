// Package artifact is the input-addressed store on an expert's volume.
package artifact

// Store is the root of an artifact volume.
type Store struct{}
