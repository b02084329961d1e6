package local

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/general"
)

//go:embed manifests
var manifestFiles embed.FS

// Class is what varies between the demo's ExpertClasses.
type Class struct {
	Name        string
	PythonImage string
	PythonPath  string
	ToolsMount  string
	// ToolsClaim has the tools, "" when PythonImage has them.
	ToolsClaim                     string
	BaseModelsClaim, BaseModelPath string
	// PreparedVolume says that experts' claims bind to volumes made for them, and
	// not to new ones of the cluster's default storage class.
	PreparedVolume bool
	// Engine is Transformers or VLLM, Memory the limit of its pods.
	Engine, Memory string
	// Answers is Computed, or Shuffled for the control experiment.
	Answers      string
	Seed         int
	Facts        int
	MinimumTasks int
	Epochs       int
	// Kinds of tasks that are asked, besides the questions on Facts.
	Kinds []v1alpha1.EvaluationKind
	// HoldoutCommits are kept from training and give tasks, with the protocol Frontier;
	// 0 holds functions out.
	HoldoutCommits int
	// OpenBookQuestions and SearchQuestions are how many questions are asked with the
	// repository at hand, and with what a search of it finds.
	OpenBookQuestions, SearchQuestions int
	// Trajectories to train on, besides the questions on Facts.
	Trajectories []Trajectories
	// MaxLength of a sample, in tokens.
	MaxLength int
	// GradientCheckpointing is Enabled or Disabled.
	GradientCheckpointing string
	Shards                int
}

// Trajectories is how many samples of a unit are made.
type Trajectories struct {
	Unit    v1alpha1.UnitName
	Samples int
}

// DemoClass is the class of the demo: LoRA on SmolLM2-135M on two CPU cores.
func (c *Cluster) DemoClass(images Images, tools Toolchain) Class {
	return c.site.volumes(unplacedClass(images, tools))
}

func unplacedClass(images Images, tools Toolchain) Class {
	return Class{
		Name: "demo", PythonImage: images.Python, PythonPath: tools.PythonPath, ToolsMount: ToolsMount,
		BaseModelsClaim: baseModelsClaim, BaseModelPath: BaseModelName,
		Engine: "Transformers", Memory: "8Gi", Answers: "Computed",
		Seed: 1, Facts: 56, MinimumTasks: 50, Epochs: 1, MaxLength: 640, GradientCheckpointing: "Disabled", Shards: 2,
		Trajectories: []Trajectories{{v1alpha1.UnitContextualImplementation, 4}, {v1alpha1.UnitSoftwareDesign, 4}},
		Kinds:        []v1alpha1.EvaluationKind{{Name: v1alpha1.KindContextualImplementation, Tasks: 2, MinimumTasks: 1}},
	}
}

// DemoTraining is how the demo's class trains, for those who train without a
// cluster. What it leaves out is the API's default.
func DemoTraining() (v1alpha1.Training, error) {
	manifest, err := unplacedClass(Images{}, Toolchain{}).Manifest()
	if err != nil {
		return v1alpha1.Training{}, err
	}
	var class v1alpha1.ExpertClass
	err = yaml.Unmarshal([]byte(manifest), &class)
	return class.Spec.Training, err
}

// AllUnits is the class with samples of every unit. Repairs and written tests
// take more tokens than the other units: without checkpoints the activations of
// the longest ones do not fit into the trainer's memory.
func (c Class) AllUnits() Class {
	c.MaxLength, c.GradientCheckpointing, c.Trajectories = 1536, "Enabled", nil
	for _, unit := range v1alpha1.Units {
		if unit != v1alpha1.UnitRepositoryRecall {
			c.Trajectories = append(c.Trajectories, Trajectories{unit, 12})
		}
	}
	return c
}

// AllKinds is the class that asks tasks of every kind that the demo's repository has:
// its history is a few releases, none of which adds a feature to held-out functions
// alone. They are few, since one turn of an agent takes seconds on a CPU and this base
// model solves none.
func (c Class) AllKinds() Class {
	c.Kinds, c.OpenBookQuestions, c.SearchQuestions = nil, 6, 6
	for _, kind := range []v1alpha1.KindName{v1alpha1.KindContextualImplementation, v1alpha1.KindIssueResolution, v1alpha1.KindTestGeneration} {
		c.Kinds = append(c.Kinds, v1alpha1.EvaluationKind{Name: kind, Tasks: 2, MinimumTasks: 1})
	}
	c.Kinds = append(c.Kinds, v1alpha1.EvaluationKind{Name: v1alpha1.KindGeneralQuestions, Tasks: int32(general.Count()), MinimumTasks: 1})
	return c
}

// Manifest renders the class.
func (c Class) Manifest() (string, error) { return render("manifests/class.yaml", c) }

// Expert is what varies between the demo's RepoExperts.
type Expert struct {
	Name, Namespace, URL, ClassName, EnvironmentImage string
	Framework                                         v1alpha1.TestFramework
}

// Manifest renders the expert.
func (e Expert) Manifest() (string, error) { return render("manifests/expert.yaml", e) }

// gitServer serves bare repositories from a pod.
type gitServer struct {
	Namespace, Image string
	// Claim has the repositories, "" when the image has them.
	Claim string
}

const (
	gitServerName = "git"
	// repositoriesPath is where the git server's pod has the repositories.
	repositoriesPath = "/repositories"
)

// Manifest renders the Deployment and the Service http://git.<namespace>.svc.
func (g gitServer) Manifest() (string, error) {
	return render("manifests/git.yaml", struct {
		gitServer
		Name, Path string
	}{g, gitServerName, repositoriesPath})
}

// modelCopy copies a folder of an image to a new claim.
type modelCopy struct {
	Namespace, Claim, Image, Folder string
}

// Name of the Job: another image is another Job.
func (m modelCopy) Name() string {
	_, tag, _ := strings.Cut(path.Base(m.Image), ":")
	return m.Claim + "-" + tag
}

// Manifest renders the claim and the Job.
func (m modelCopy) Manifest() (string, error) { return render("manifests/modelcopy.yaml", m) }

func render(file string, data any) (string, error) {
	t, err := template.ParseFS(manifestFiles, file)
	if err != nil {
		return "", fmt.Errorf("manifest %s: %w", file, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return "", fmt.Errorf("manifest %s: %w", file, err)
	}
	return out.String(), nil
}
