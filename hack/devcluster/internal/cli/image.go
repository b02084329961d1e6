package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/hack/devcluster/internal/components"
	"github.com/repoexpert/operator/hack/devcluster/internal/image"
	"github.com/repoexpert/operator/hack/devcluster/internal/rootfs"
)

func newRootfs() *cobra.Command {
	var packages, out, mirror string
	cmd := &cobra.Command{
		Use:   "rootfs --packages a,b,c [--out FILE.tar[.gz]]",
		Short: "Make a Debian root file system for images",
		Long: `rootfs makes a minimal Debian (` + rootfs.Suite + `) with the packages given and keeps the
gzipped archive in the user's cache; the same packages are made only once. It prints
the path of the archive: of the file named by --out, or else of the one in the cache.

Packages come from the Debian release itself. Images meant for more than development
want the security updates too.`,
		Example: "  devcluster rootfs --packages python3,git,ca-certificates --out base.tar.gz",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := rootfs.ParsePackages(packages)
			if err != nil {
				return err
			}
			cache, err := components.CacheDir()
			if err != nil {
				return err
			}
			archive, err := rootfs.Make(cmd.Context(), rootfs.Options{
				Packages: list, Mirror: mirror, Cache: cache, Progress: cmd.ErrOrStderr(),
			})
			if err != nil {
				return err
			}
			if out != "" {
				if err := rootfs.Export(archive, out); err != nil {
					return err
				}
				archive = out
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), archive)
			return err
		},
	}
	cmd.Flags().StringVar(&packages, "packages", "", "Debian packages, separated by commas, besides the minimal system")
	cmd.Flags().StringVar(&out, "out", "", "copy the archive here; not compressed if the name does not end in .gz")
	cmd.Flags().StringVar(&mirror, "mirror", rootfs.Mirror, "Debian mirror")
	return cmd
}

func newImage() *cobra.Command {
	var o image.Options
	var adds []string
	var to destination
	var entrypoint string
	cmd := &cobra.Command{
		Use:   "image (--tag NAME:TAG --out FILE.tar | --push REGISTRY/REPO:TAG) [--rootfs FILE] [--add SRC:DST]...",
		Short: "Build a container image from files, without a daemon",
		Long: `image builds an image from a root file system (optional) and added files or whole
folders, whose modes are kept and whose owner is root. All have the same time, or with
--keep-times their own. It prints the image's digest.

The image is written to an archive for "devcluster load-image", pushed to a registry
with the credentials of "docker login", or both. The same input gives the same digest,
and images with the same --rootfs share that layer.`,
		Example: `  devcluster image --tag localhost/tool:1 --out tool.tar --add bin/tool:/tool --entrypoint /tool --user 10001:10001
  devcluster image --rootfs base.tar.gz --add src:/app --entrypoint python3,/app/main.py --push registry.example/tool:1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := to.validate(); err != nil {
				return err
			}
			for _, s := range adds {
				add, err := image.ParseAdd(s)
				if err != nil {
					return fmt.Errorf("--add %w", err)
				}
				o.Adds = append(o.Adds, add)
			}
			if entrypoint != "" {
				o.Entrypoint = strings.Split(entrypoint, ",")
			}
			digest, err := buildImage(cmd.Context(), o, to)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), digest)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&to.tag, "tag", "", "name and tag within the archive; not \"latest\", which pods would try to pull")
	flags.StringVar(&to.out, "out", "", "archive to write")
	flags.StringVar(&to.push, "push", "", "registry, name and tag to push to")
	flags.BoolVar(&to.unlessPushed, "unless-pushed", false, "do nothing when the registry has the tag of --push; for tags that stand for one content")
	flags.StringVar(&o.Rootfs, "rootfs", "", "archive of a root file system, as made by \"devcluster rootfs\"")
	flags.StringArrayVar(&adds, "add", nil, "file or folder and its absolute path in the image, SRC:DST; can be repeated")
	flags.BoolVar(&o.KeepTimes, "keep-times", false, "leave the added files their own times, which Python's bytecode refers to; the digest then depends on them")
	flags.StringArrayVar(&o.Env, "env", nil, "environment variable K=V; can be repeated")
	flags.StringVar(&entrypoint, "entrypoint", "", "program and arguments, separated by commas")
	flags.StringVar(&o.User, "user", "", "user and group, as numbers (UID:GID): a pod that must not run as root is refused with a name")
	flags.StringVar(&o.Workdir, "workdir", "", "working folder")
	return cmd
}

// destination is where an image goes.
type destination struct {
	tag, out, push string
	unlessPushed   bool
}

func (d destination) validate() error {
	if (d.tag == "") != (d.out == "") || (d.out == "" && d.push == "") {
		return errors.New("want --tag with --out, or --push")
	}
	if d.unlessPushed && (d.push == "" || d.out != "") {
		return errors.New("--unless-pushed goes with --push alone, without --out")
	}
	return nil
}

// buildImage writes an image to its destination and returns its digest.
func buildImage(ctx context.Context, o image.Options, to destination) (v1.Hash, error) {
	if to.unlessPushed {
		if digest, found, err := image.Pushed(ctx, to.push); err != nil || found {
			return digest, err
		}
	}
	built, err := image.Build(o)
	if err != nil {
		return v1.Hash{}, err
	}
	if to.out != "" {
		if err := image.Save(built, to.tag, to.out); err != nil {
			return v1.Hash{}, err
		}
	}
	if to.push != "" {
		if err := image.Push(ctx, built, to.push); err != nil {
			return v1.Hash{}, err
		}
	}
	digest, err := built.Digest()
	if err != nil {
		return v1.Hash{}, fmt.Errorf("image: %w", err)
	}
	return digest, nil
}
