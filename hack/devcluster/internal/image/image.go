package image

import (
	"context"
	"fmt"
	"runtime"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Options describe an image.
type Options struct {
	// Rootfs is a tar archive, or a gzipped one, of a root file system; none for
	// an image of only the added files.
	Rootfs string
	Adds   []Add
	// KeepTimes leaves the added files their times instead of one for all: Python
	// takes bytecode for stale when the time of its source is another.
	KeepTimes  bool
	Env        []string // K=V
	Entrypoint []string
	User       string // UID:GID
	Workdir    string
}

// Build makes the image. Nothing is written yet.
func Build(o Options) (v1.Image, error) {
	var layers []v1.Layer
	if o.Rootfs != "" {
		layer, err := tarball.LayerFromFile(o.Rootfs)
		if err != nil {
			return nil, fmt.Errorf("root file system: %w", err)
		}
		layers = append(layers, layer)
	}
	if len(o.Adds) > 0 {
		layer, err := addedLayer(o.Adds, o.KeepTimes)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	config := v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, Created: v1.Time{Time: fileTime},
		Config: v1.Config{
			Env: append([]string{defaultPath}, o.Env...), Entrypoint: o.Entrypoint,
			User: o.User, WorkingDir: o.Workdir,
		},
		RootFS: v1.RootFS{Type: "layers"},
	}
	image, err := mutate.ConfigFile(empty.Image, &config)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	if image, err = mutate.AppendLayers(image, layers...); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	return image, nil
}

// Save writes the image as an archive that `load-image`, and docker load, read.
func Save(image v1.Image, tag, file string) error {
	reference, err := name.NewTag(tag)
	if err != nil {
		return fmt.Errorf("image tag: %w", err)
	}
	if err := tarball.WriteToFile(file, reference, image); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// Push writes the image to a registry, with the credentials of `docker login`.
func Push(ctx context.Context, image v1.Image, reference string) error {
	tag, err := name.NewTag(reference)
	if err != nil {
		return fmt.Errorf("image tag: %w", err)
	}
	if err := remote.Write(tag, image, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return fmt.Errorf("push %s: %w", reference, err)
	}
	return nil
}

// Pushed returns the digest of the image that a registry has under a reference.
// Whatever keeps the registry from showing one counts as none: a push tells what
// is wrong.
func Pushed(ctx context.Context, reference string) (v1.Hash, bool, error) {
	tag, err := name.NewTag(reference)
	if err != nil {
		return v1.Hash{}, false, fmt.Errorf("image tag: %w", err)
	}
	found, err := remote.Head(tag, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return v1.Hash{}, false, ctx.Err()
	}
	return found.Digest, true, nil
}
