package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
)

// DemoNamespace is where the demo's expert lives, and the only namespace of an
// expert that the site of a kubeconfig context removes.
const DemoNamespace = "demo"

// copyLimit is how long copying the base model may take, pulling included.
const copyLimit = 15 * time.Minute

// kubeContext is a cluster that somebody else made. Its nodes have images from a
// registry, and see nothing of this machine.
type kubeContext struct {
	workbench
	registry string
}

// CurrentContext is the site of the current kubeconfig context. Images go to the
// registry, with the credentials of `docker login`. Only Check and Up need its
// name: Find takes it from the operator's image, and Down needs none.
func CurrentContext(root Root, registry string, progress io.Writer) Site {
	return &kubeContext{workbench: workbench{root, progress}, registry: registry}
}

// Check looks at the registry's name, and whether the cluster can run the demo and
// has nothing that Down would remove and that is not the demo's.
func (s *kubeContext) Check(ctx context.Context) error {
	if err := checkRegistry(s.registry); err != nil {
		return err
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if err := c.refuseForeign(ctx); err != nil {
		return err
	}
	return c.requireDefaultStorageClass(ctx)
}

// Up connects to the cluster, which is up already.
func (s *kubeContext) Up(ctx context.Context) (*Cluster, error) { return s.connect(ctx) }

// Find connects to the cluster, which must have the demo's operator.
func (s *kubeContext) Find(ctx context.Context) (*Cluster, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	image, err := c.deploymentImage(ctx, OperatorNamespace, OperatorDeployment)
	if err != nil {
		return nil, err
	}
	s.registry = path.Dir(image)
	return c, nil
}

// connect names the cluster by its own identity: contexts can be renamed, and
// each cluster needs its own copy of the repository.
func (s *kubeContext) connect(ctx context.Context) (*Cluster, error) {
	c, err := connect(s, s.workbench, clientcmd.NewDefaultClientConfigLoadingRules())
	if err != nil {
		return nil, err
	}
	var system corev1.Namespace
	if err := c.Client.Get(ctx, types.NamespacedName{Name: metav1.NamespaceSystem}, &system); err != nil {
		return nil, fmt.Errorf("cluster of the current kubeconfig context: %w", err)
	}
	c.Name = fmt.Sprintf("current-%.8s", system.UID)
	return c, nil
}

var registryPattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?(/[a-z0-9._-]+)*$`)

func checkRegistry(registry string) error {
	switch {
	case registry == "":
		return errors.New("REGISTRY is empty: with CLUSTER=current images go through a registry that the nodes pull from; set REGISTRY=registry.example/path (--registry)")
	case !registryPattern.MatchString(registry):
		return fmt.Errorf("REGISTRY %q (--registry): want a host and a path without a scheme and without a slash at the end, such as registry.example/path", registry)
	}
	return nil
}

// requireDefaultStorageClass is for an early word: without one the claims would
// wait forever.
func (c *Cluster) requireDefaultStorageClass(ctx context.Context) error {
	var classes storagev1.StorageClassList
	if err := c.Client.List(ctx, &classes); err != nil {
		return fmt.Errorf("list storage classes: %w", err)
	}
	for _, class := range classes.Items {
		if class.Annotations[defaultClassAnnotation] == "true" {
			return nil
		}
	}
	return fmt.Errorf("none of the cluster's %d StorageClasses is the default, from which the demo's claims get their volumes: annotate one with %s=true", len(classes.Items), defaultClassAnnotation)
}

const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class"

// Down removes the demo's namespace, and the operator with its kinds. It refuses,
// before it removes anything, when one of them is not the demo's or still serves
// somebody else.
func (s *kubeContext) Down(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if err := c.refuseForeign(ctx); err != nil {
		return err
	}
	if err := c.refuseOtherExperts(ctx); err != nil {
		return err
	}
	// The namespace goes first, while the operator is still there.
	if err := c.remove(ctx, object("v1", "Namespace", DemoNamespace)); err != nil {
		return err
	}
	operator, err := c.operatorObjects(ctx)
	if err != nil {
		return err
	}
	if err := c.remove(ctx, operator...); err != nil {
		return err
	}
	return removeFolders(c.Name)
}

func (s *kubeContext) deliver(ctx context.Context, specs ...imageSpec) ([]string, error) {
	rootfs, err := s.rootfs(ctx)
	if err != nil {
		return nil, err
	}
	refs := make([]string, len(specs))
	for i, spec := range specs {
		tag, err := contentTag(rootfs, spec)
		if err != nil {
			return nil, err
		}
		refs[i] = s.registry + "/" + spec.name + ":" + tag
		fmt.Fprintf(s.progress, "pushing %s\n", refs[i])
		if _, err := s.devcluster(ctx, append(spec.arguments(rootfs), "--push", refs[i], "--unless-pushed")...); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// pythonImage holds the tools, at the paths that they have on a volume elsewhere.
func (s *kubeContext) pythonImage(tools Toolchain) imageSpec {
	spec := pythonImage()
	for _, layer := range strings.Split(tools.PythonPath, ":") {
		spec.add = append(spec.add, path.Join(tools.Tools, strings.TrimPrefix(layer, ToolsMount))+":"+layer)
	}
	// With other times the bytecode beside the sources would be stale, and each
	// start compile it again.
	spec.keepTimes = true
	return spec
}

// volumes leaves tools to the image, and the artifacts to the cluster's default
// storage class.
func (s *kubeContext) volumes(class Class) Class { return class }

// provide has a Job copy the base model from an image to a claim.
func (s *kubeContext) provide(ctx context.Context, c *Cluster, namespace string, tools Toolchain) error {
	const folder = "/base-models"
	refs, err := s.deliver(ctx, imageSpec{
		name: "base-models", user: workerUser,
		add: []string{path.Join(tools.Models, BaseModelName) + ":" + path.Join(folder, BaseModelName)},
	})
	if err != nil {
		return err
	}
	copying := modelCopy{Namespace: namespace, Claim: baseModelsClaim, Image: refs[0], Folder: folder}
	manifest, err := copying.Manifest()
	if err != nil {
		return err
	}
	if err := c.ApplyManifests(ctx, manifest); err != nil {
		return err
	}
	return c.awaitJob(ctx, namespace, copying.Name(), copyLimit)
}

// provideArtifacts leaves the volume to the cluster's default storage class.
func (s *kubeContext) provideArtifacts(context.Context, *Cluster, string, string) error { return nil }

// gitServer serves a copy of the repositories in an image of their own.
func (s *kubeContext) gitServer(ctx context.Context, _ *Cluster, t Tenancy, _ string) (gitServer, error) {
	spec := podtoolImage(s.root)
	spec.name = "git"
	spec.add = append(spec.add, t.Repositories+":"+repositoriesPath)
	refs, err := s.deliver(ctx, spec)
	if err != nil {
		return gitServer{}, err
	}
	return gitServer{Namespace: t.Namespace, Image: refs[0]}, nil
}
