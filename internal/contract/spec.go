package contract

import (
	"github.com/repoexpert/operator/api/v1alpha1"
)

// Version of the contract. A worker reads its own version and the one before.
const Version = 1

// Environment variables, container names and mount points that both sides use.
const (
	// StageSpecVariable carries the StageSpec.
	StageSpecVariable = "REPOEXPERT_STAGE_SPEC"

	// ContainerWorker is the only container whose result and log count.
	ContainerWorker = "worker"
	// ContainerAgent runs the agent's commands and the repository's own code.
	ContainerAgent = "agent"
	// ContainerGrader runs grading tests in a fresh tree, never the agent's commands.
	ContainerGrader = "grader"
	// ContainerEngine runs the model server.
	ContainerEngine = "engine"
	// ContainerGuard stands before the model server of a serving pod.
	ContainerGuard = "guard"
	// ContainerTeacher stands before a run's teacher, in a pod of its own.
	ContainerTeacher = "teacher"

	// TeacherVariable carries the teacher of the recipe, as JSON, to its proxy.
	TeacherVariable = "REPOEXPERT_TEACHER"

	// ArtifactsPath is the artifact volume in worker, trainer and engine containers.
	ArtifactsPath = "/artifacts"
	// BaseModelPath is the platform's base model volume, in Fetch only.
	BaseModelPath = "/sources/base-model"
	// GitSecretPath is the git Secret, in Fetch only.
	GitSecretPath = "/secrets/git"
	// TeacherSecretPath is the teacher's Secret, in its proxy only.
	TeacherSecretPath = "/secrets/teacher"
	// TeacherSecretKey is the key of the Secret and the file's name.
	TeacherSecretKey = "apiKey"
	// TeacherAccountPath is the folder of a run's account of its teacher: of the
	// artifact volume the proxy sees this folder alone.
	TeacherAccountPath = "/repoexpert/teacher"
	// BinaryPath is the folder that an init container copies the worker binary to.
	BinaryPath = "/repoexpert/bin"
	// SocketsPath is the folder of the unix sockets: one emptyDir a sidecar,
	// mounted at SocketsPath/<container> in the worker and at SidecarSocketPath
	// in that sidecar alone.
	SocketsPath = "/repoexpert/sockets"
	// SidecarSocketPath is where a sidecar finds its own emptyDir.
	SidecarSocketPath = "/repoexpert/socket"
	// SocketName is the socket's file name.
	SocketName = "exec.sock"
	// WorkspacePath is the emptyDir in a sandbox sidecar that trees are unpacked in.
	WorkspacePath = "/workspace"
	// EnvironmentPath is the emptyDir in a sandbox sidecar that Setup fills and
	// later stages unpack its sealed result in.
	EnvironmentPath = "/environment"
	// GoCacheFolder and GoModulesFolder, below EnvironmentPath, are the compiled
	// dependencies of a Go module, which are the go command's build cache, and the
	// sources of its dependencies.
	GoCacheFolder   = "go/build"
	GoModulesFolder = "go/pkg/mod"

	// EnginePort is where a model server listens, on loopback.
	EnginePort = 8001
	// GuardPort is where the guard answers: the Service's target.
	GuardPort = 8080
	// TeacherPort is where a teacher's proxy answers.
	TeacherPort = 8090

	// UserID and GroupID run every container that touches artifacts, so that
	// files which a library writes 0600 stay readable for the next stage.
	UserID  int64 = 10001
	GroupID int64 = 10001
)

// StageSpec is what a stage is told.
type StageSpec struct {
	// Version of the contract that the manager speaks.
	Version int `json:"version"`
	// Stage to run.
	Stage v1alpha1.StageName `json:"stage"`
	// Namespace, Expert and Run name the objects; for messages only.
	Namespace string `json:"namespace"`
	Expert    string `json:"expert"`
	Run       string `json:"run"`
	// Attempt is repeated in the result.
	Attempt int32 `json:"attempt"`
	// Commit to learn, 40 hexadecimal digits.
	Commit string `json:"commit"`
	// Recipe is the run's recipe, without the shapes of pods.
	Recipe v1alpha1.Recipe `json:"recipe"`
	// Keys of all outputs.
	Keys Keys `json:"keys"`
	// Inputs are the manifest digests that each input folder must have, by path
	// below the artifact volume's root.
	Inputs map[string]string `json:"inputs,omitempty"`
	// DeadlineSeconds is the stage's own time limit, earlier than the pod's.
	DeadlineSeconds int64 `json:"deadlineSeconds"`
	// Shards is the number of pods of Experience; each knows its own index from
	// JOB_COMPLETION_INDEX.
	Shards int32 `json:"shards,omitempty"`
	// Served is the model to compare with; nil when nothing is served.
	Served *ServedModel `json:"served,omitempty"`
	// Anchor is the model that no promotion may fall behind; nil where there is none
	// or it is the served model or the candidate. In Evaluate alone.
	Anchor *ServedModel `json:"anchor,omitempty"`
	// Look is the number of the look at results, from 1, and Rollouts how many
	// rollouts of each task the output must hold by then, those of earlier looks
	// included. ParseSpec reads absent ones as 1; both are 0 in stages other than
	// Evaluate.
	Look     int32 `json:"look,omitempty"`
	Rollouts int32 `json:"rollouts,omitempty"`
	// PreviousLook is the sealed output of the look before, below the volume's root,
	// and one of Inputs; its rollouts are kept and added to. Empty at look 1.
	PreviousLook string `json:"previousLook,omitempty"`
	// TeacherURL is the base URL of the run's teacher proxy, by address: a sandbox
	// resolves no names. Set in Experience where the recipe has a teacher.
	TeacherURL string `json:"teacherURL,omitempty"`
}

// ServedModel is a model to compare with: served now, or the anchor. Its folder,
// models/<ModelKey>, holds the list of what its training excluded.
type ServedModel struct {
	Commit      string `json:"commit"`
	ModelKey    string `json:"modelKey"`
	ModelDigest string `json:"modelDigest"`
}

// Keys are the input-addressed names of the stages' outputs: 64 hexadecimal
// digits each, "" for a stage that the recipe skips.
type Keys struct {
	Snapshot    string `json:"snapshot"`
	BaseModel   string `json:"baseModel"`
	Environment string `json:"environment,omitempty"`
	Plan        string `json:"plan"`
	Experience  string `json:"experience"`
	Dataset     string `json:"dataset"`
	Model       string `json:"model"`
	Evaluation  string `json:"evaluation"`
}

// Folders below the artifact volume's root. A stage's output is
// <folder>/<key>, with manifest.json written last.
const (
	SnapshotsFolder    = "snapshots"
	BaseModelsFolder   = "models/base"
	EnvironmentsFolder = "environments"
	PlansFolder        = "plans"
	ExperienceFolder   = "experience"
	DatasetsFolder     = "datasets"
	ModelsFolder       = "models"
	EvaluationsFolder  = "evaluations"
	// ResultsFolder holds what models made of an evaluation's tasks, by tasks and
	// model, for later evaluations of the same tasks. It may be removed at any time.
	ResultsFolder = "results"
	// LedgerFolder holds the append-only split of clusters into training and
	// evaluation; it has no key.
	LedgerFolder = "ledger"
	// TeachersFolder holds one folder a run with its account of the teacher; it
	// has no key.
	TeachersFolder = "teachers"
)

// Output returns the folder of a stage's output below the volume's root, ""
// for a stage that the recipe skips. Fetch has two outputs; this is the
// snapshot, and BaseModelFolder is the other.
func (k Keys) Output(stage v1alpha1.StageName) string {
	folders := map[v1alpha1.StageName][2]string{
		v1alpha1.StageFetch:      {SnapshotsFolder, k.Snapshot},
		v1alpha1.StageSetup:      {EnvironmentsFolder, k.Environment},
		v1alpha1.StagePlan:       {PlansFolder, k.Plan},
		v1alpha1.StageExperience: {ExperienceFolder, k.Experience},
		v1alpha1.StageCurate:     {DatasetsFolder, k.Dataset},
		v1alpha1.StageTrain:      {ModelsFolder, k.Model},
		v1alpha1.StageEvaluate:   {EvaluationsFolder, k.Evaluation},
	}
	f := folders[stage]
	if f[1] == "" {
		return ""
	}
	return f[0] + "/" + f[1]
}

// BaseModelFolder returns the folder of the base model's verified copy.
func (k Keys) BaseModelFolder() string { return BaseModelsFolder + "/" + k.BaseModel }
