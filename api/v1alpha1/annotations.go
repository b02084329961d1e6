package v1alpha1

// Annotations and labels that people or the operator set. All other metadata
// keys are left alone.
const (
	// RequestedRunAnnotation on a RepoExpert asks for one more run, or for the
	// retry of a failed one. Any new value asks once; the value is the token that
	// enters the run's key.
	RequestedRunAnnotation = "repoexpert.dev/requested-run"

	// DefaultClassAnnotation with value "true" marks the ExpertClass that a
	// RepoExpert without className uses. At most one class may carry it.
	DefaultClassAnnotation = "repoexpert.dev/is-default-class"

	// SecretUseLabel on a Secret says what the operator may use it for: "git" or
	// "teacher".
	SecretUseLabel = "repoexpert.dev/use"

	// SecretUseGit is the value of SecretUseLabel for git credentials.
	SecretUseGit = "git"

	// SecretUseTeacher is the value of SecretUseLabel for a teacher's key.
	SecretUseTeacher = "teacher"

	// SecretHostAnnotation on a Secret names the only host its content may be
	// sent to. It must equal the host of the repository's or the teacher's URL.
	SecretHostAnnotation = "repoexpert.dev/host"

	// ExpertLabel on every owned object names its RepoExpert.
	ExpertLabel = "repoexpert.dev/expert"

	// RunLabel on every object of a run names its ExpertRun.
	RunLabel = "repoexpert.dev/run"

	// StageLabel on Jobs and pods names the stage.
	StageLabel = "repoexpert.dev/stage"

	// AttemptLabel on Jobs and pods is the attempt's number, from 1.
	AttemptLabel = "repoexpert.dev/attempt"

	// ServedRunAnnotation, ServedModelAnnotation and ServedVerdictAnnotation on
	// the serving Deployment are the second copy of what is served: the run's
	// name, the model's manifest digest and the verdict's digest. With status
	// lost, the operator adopts what they say.
	ServedRunAnnotation     = "repoexpert.dev/served-run"
	ServedModelAnnotation   = "repoexpert.dev/served-model"
	ServedVerdictAnnotation = "repoexpert.dev/served-verdict"
	ServedCommitAnnotation  = "repoexpert.dev/served-commit"
)
