package gate

// Arms of an evaluation.
const (
	ArmBase      = "base"
	ArmCandidate = "candidate"
	ArmServed    = "served"
	ArmAnchor    = "anchor"
	ArmGold      = "gold"
	ArmNoop      = "noop"
)

// Evidence is all that one decision is made from.
type Evidence struct {
	// Fingerprint of tasks, protocol, engine and sampling. Results with another
	// one do not compare.
	Fingerprint string
	// Candidate is the digest of the model under evaluation. Served and Anchor are
	// those of the model that is served now and of the anchor, "" where there is none.
	Candidate, Served, Anchor string
	// Look is the number of the look at results, from 1.
	Look int
	// Retry counts the earlier attempts with the same commit and recipe.
	Retry int
	// PlannedGate is the digest of the settings that the run was planned with; ""
	// where no plan is kept.
	PlannedGate string
	// Kinds of tasks.
	Kinds []Kind
	// Past are the promotions since a person last chose what is served, oldest first.
	Past []Step
}

// Kind is one kind of tasks with the results of all arms.
type Kind struct {
	Name string
	// Executable kinds are graded by running code: the arms gold and noop must
	// prove that the grading works.
	Executable bool
	// Greedy kinds give the same answer at each try: one rollout is all there is,
	// whatever the look.
	Greedy bool
	Tasks  []Task
	// Arms by name.
	Arms map[string]Arm
}

// Task is one held-out task.
type Task struct {
	// Cluster is the unit of the hold-out that the task belongs to. Tasks of one
	// cluster are averaged: they stand or fall together.
	Cluster string
	// Group is the sub-kind; scores are macro averages over groups.
	Group string
	// Fresh says that the task, or the fact it asks for, changed since the commit
	// of the served model.
	Fresh bool
}

// Arm is the result of one model.
type Arm struct {
	// Digest of the model and Fingerprint of the evaluation that gave the results,
	// which may be a kept one.
	Digest, Fingerprint string
	// HeldOut lists the clusters that the model's training excluded. A trained arm
	// must have excluded every task's cluster; of base, gold and noop nothing is
	// asked.
	HeldOut []string
	// Results by task, in the order of the kind's tasks.
	Results []Count
	// Usage over all rollouts; zero where nothing was counted.
	Usage Usage
}

// Count is how many rollouts of a task there were and how many solved it.
type Count struct {
	Solved, Rollouts int
}

func (c Count) rate() float64 { return float64(c.Solved) / float64(c.Rollouts) }

// Usage is what the rollouts of an arm took.
type Usage struct {
	Episodes, Turns int
	// FormatErrors are turns without exactly one readable action.
	FormatErrors int
	// Tokens that the model read and wrote, of all episodes.
	Tokens int
}

// Step is one past promotion: the loss of the promoted model to the one served
// before, as a fraction, with its standard error. Result has both.
type Step struct {
	Loss, StdErr float64
}
