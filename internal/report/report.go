package report

import "github.com/repoexpert/operator/api/v1alpha1"

// Version is that of the schema. It is raised when a field changes its meaning or
// goes; a new optional field leaves it. Version 1 had no tasks, no effort and no
// intervals.
const Version = 2

// Report is report.json.
type Report struct {
	// Version of the schema.
	Version int `json:"version"`
	// Run is what was evaluated.
	Run Run `json:"run"`
	// Decision is absent in the evaluation's own file: the manager decides from
	// the record after the file is sealed. Join fills it in.
	Decision *Decision `json:"decision,omitempty"`
	// Kinds of task, in the order of the record.
	Kinds []Kind `json:"kinds"`
	// Holdout is what no training sample may show.
	Holdout Holdout `json:"holdout"`
	// Seen is what the trained models were trained on, as far as it is recorded.
	Seen []Seen `json:"seen,omitempty"`
	// Reused are models whose results are, or were to be, those of an earlier
	// evaluation of the same tasks.
	Reused []Reused `json:"reused,omitempty"`
	// Training of the candidate; absent where the model's manifest does not say.
	Training *Training `json:"training,omitempty"`
	// Record is what the gate decides from, character by character.
	Record v1alpha1.EvaluationRecord `json:"record"`
}

// Run says what was evaluated and where. A later run whose inputs are equal
// reuses the evaluation, and with it the report of the first.
type Run struct {
	Namespace string `json:"namespace,omitempty"`
	Expert    string `json:"expert,omitempty"`
	// Name of the ExpertRun that made the evaluation.
	Name string `json:"name,omitempty"`
	// Repository is the clone URL, which holds no credentials.
	Repository string `json:"repository"`
	// Commit that the candidate learned, 40 hexadecimal digits.
	Commit string `json:"commit"`
	// ServedCommit is that of the served model; absent when none is served.
	ServedCommit string `json:"servedCommit,omitempty"`
	// BaseModel is its public name; BaseRevision the class's word for its version.
	BaseModel    string `json:"baseModel"`
	BaseRevision string `json:"baseRevision,omitempty"`
	// Engine and Device answered.
	Engine v1alpha1.Engine `json:"engine"`
	Device v1alpha1.Device `json:"device,omitempty"`
}

// Kind is one kind of task.
type Kind struct {
	Name v1alpha1.KindName `json:"name"`
	// Variant tells a kind apart that is asked in another way beside the one that the
	// gate compares: it is in no record. Empty for that one.
	Variant string `json:"variant,omitempty"`
	// Measures says what the score means.
	Measures string `json:"measures"`
	// Protocol is Frontier or Prequential where the tasks are of commits that come after
	// all that the models were trained on: generalisation. Absent for others.
	Protocol v1alpha1.Holdout `json:"protocol,omitempty"`
	Sampling Sampling         `json:"sampling"`
	// Arms are the models and controls, in the order of the record.
	Arms []Arm `json:"arms"`
	// Guess is the score of a random choice among the answers of a question's
	// group, Majority that of always giving its commonest answer: percent, macro
	// averages over groups. Absent where tasks have no closed set of answers.
	Guess    *float64 `json:"guess,omitempty"`
	Majority *float64 `json:"majority,omitempty"`
	// Groups are sub-kinds, such as kinds of facts.
	Groups []Group `json:"groups,omitempty"`
	// Comparisons of the candidate with the other models.
	Comparisons []Comparison `json:"comparisons,omitempty"`
	// Compositions are questions that join two trained facts and were trained in no
	// form. They are no part of the score.
	Compositions []Arm `json:"compositions,omitempty"`
	// Tasks that were asked, at most MaxTasks; TasksLeftOut counts the others, which
	// stand in records.jsonl.
	Tasks        []Task `json:"tasks,omitempty"`
	TasksLeftOut int    `json:"tasksLeftOut,omitempty"`
	// Refused counts candidates of the plan that are no task of this kind, by reason.
	Refused map[string]int `json:"refused,omitempty"`
}

// Sampling is how answers were drawn.
type Sampling struct {
	// Name is that of the API: Greedy or Paper. Version tells the settings behind a
	// name apart.
	Name    v1alpha1.Sampling `json:"name"`
	Version int               `json:"version"`
	// MaxTokens bounds one turn of the model, in tokens.
	MaxTokens int `json:"maxTokens"`
	// Agent is the agent's protocol with its limits; absent for closed questions.
	Agent string `json:"agent,omitempty"`
	// MaxTurns bounds an episode; absent for closed questions.
	MaxTurns int `json:"maxTurns,omitempty"`
}

// Arm is what one model, or control, made of a kind.
type Arm struct {
	Name v1alpha1.ArmName `json:"name"`
	Score
	// Effort is absent for controls, which ask no model.
	Effort *Effort `json:"effort,omitempty"`
}

// Score counts tries that solved a task. Percent is their share of all tries, Tasks
// times Rollouts; Low and High are the ends of its 95 % interval in percent. The
// tries of one task are alike, so that the interval is that of as many tries as
// there are tasks.
type Score struct {
	Solved int `json:"solved"`
	Tasks  int `json:"tasks"`
	// Rollouts is the number of tries at each task; absent where it is 1.
	Rollouts int     `json:"rollouts,omitempty"`
	Percent  float64 `json:"percent"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	// Macro is the average of the shares of groups, or of clusters, in percent, which is
	// what the gate compares; absent where there are none, and the share is the score.
	Macro *float64 `json:"macro,omitempty"`
}

// Effort is what the answers of one arm to one kind took, over all tasks.
type Effort struct {
	// Seconds of waiting for the model and for the commands that it ordered, summed
	// over tasks; grading is not in it.
	Seconds float64 `json:"seconds"`
	// PromptTokens counts every turn's whole context, as engines bill it.
	PromptTokens     int64 `json:"promptTokens"`
	CompletionTokens int64 `json:"completionTokens"`
	// SecondsPerSolved and TokensPerSolved (prompt and completion) are absent where
	// nothing was solved.
	SecondsPerSolved *float64 `json:"secondsPerSolved,omitempty"`
	TokensPerSolved  *float64 `json:"tokensPerSolved,omitempty"`
	// Episodes is absent for closed questions.
	Episodes *Episodes `json:"episodes,omitempty"`
}

// Episodes counts what an agent did, over all tries of an arm.
type Episodes struct {
	// Episodes is their number.
	Episodes int `json:"episodes,omitempty"`
	// MeanTurns of an episode.
	MeanTurns float64 `json:"meanTurns,omitempty"`
	// RightFileEarly are the episodes in which a command of the first EarlyTurns turns
	// names, by its path, a file that the known answer changes; absent where a known
	// answer changes none.
	RightFileEarly *int `json:"rightFileEarly,omitempty"`
	// Turns of the assistant. An episode that reached a limit counts with the turns
	// that it had.
	Turns int `json:"turns"`
	// FormatErrors are turns without exactly one action.
	FormatErrors int `json:"formatErrors"`
	// EmptySubmissions are episodes that handed in nothing.
	EmptySubmissions int `json:"emptySubmissions"`
	// Endings counts episodes by how they ended.
	Endings map[string]int `json:"endings"`
}

// EarlyTurns is within how many turns a right file counts as found early.
const EarlyTurns = 3

// Group is one sub-kind.
type Group struct {
	Name string `json:"name"`
	// Guess and Majority as in Kind, of this group alone.
	Guess    *float64 `json:"guess,omitempty"`
	Majority *float64 `json:"majority,omitempty"`
	Arms     []Arm    `json:"arms"`
}

// Comparison pairs the candidate with another model, task by task.
type Comparison struct {
	With v1alpha1.ArmName `json:"with"`
	// Gained are tasks that the candidate solved in more of its tries, Lost those that
	// the other model did.
	Gained int `json:"gained"`
	Lost   int `json:"lost"`
	// McNemar is the exact one-sided p value of the gains.
	McNemar float64 `json:"mcnemar"`
}

// Task is one task of a kind.
type Task struct {
	ID    string `json:"id"`
	Group string `json:"group,omitempty"`
	// Text is what was asked, Gold the known answer; both may be cut.
	Text string `json:"text"`
	Gold string `json:"gold,omitempty"`
	// Results by arm.
	Results []Result `json:"results"`
}

// Result is what one arm made of one task.
type Result struct {
	Arm    v1alpha1.ArmName `json:"arm"`
	Solved bool             `json:"solved"`
	// SolvedRollouts of Rollouts tries solved the task; absent where there was one.
	// The rest is of the first.
	SolvedRollouts int `json:"solvedRollouts,omitempty"`
	Rollouts       int `json:"rollouts,omitempty"`
	// Answer of a closed question; may be cut.
	Answer string `json:"answer,omitempty"`
	// Tokens of all the model's answers; absent for controls.
	Tokens int64 `json:"tokens,omitempty"`
	// Turns, Ending and Reason are those of an episode and its grade.
	Turns  int    `json:"turns,omitempty"`
	Ending string `json:"ending,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Excerpt has the last turns of an episode, in the first MaxExcerpts tasks;
	// records.jsonl has more.
	Excerpt []Turn `json:"excerpt,omitempty"`
}

// Turn is one message of an episode; it may be cut.
type Turn struct {
	Role string `json:"role"`
	Text string `json:"text"`
}

// Holdout says what was kept from training.
type Holdout struct {
	// Protocol is that of the API. Tasks splits the functions at one commit, which
	// says nothing of later commits.
	Protocol v1alpha1.Holdout `json:"protocol"`
	// Trained is the commit that the candidate was trained on, where the newest ones
	// were kept from training: Commits of them that change code and tests.
	Trained string `json:"trained,omitempty"`
	Commits int32  `json:"commits,omitempty"`
	// Prequential is absent with other protocols.
	Prequential *Prequential `json:"prequential,omitempty"`
	// Percent of the clusters of functions that are held out.
	Percent int32 `json:"percent"`
	// Refused counts candidates of all kinds that are no task, by reason.
	Refused map[string]int `json:"refused,omitempty"`
	// NotCompared counts facts that were not asked because the served model was not
	// taught them, or was taught another answer.
	NotCompared int `json:"notCompared,omitempty"`
}

// Prequential says where the tasks come from that base and served model worked on
// apart.
type Prequential struct {
	// After is the newest commit that the served model was trained on; absent where
	// that is not known.
	After string `json:"after,omitempty"`
	// Candidates are the later commits that were looked at because they may be tasks.
	Candidates int `json:"candidates"`
	// NotAsked says why there are no tasks; absent where there are some.
	NotAsked string `json:"notAsked,omitempty"`
}

// Seen is what one model was trained on. What its base model has seen before is
// not recorded anywhere.
type Seen struct {
	Arm v1alpha1.ArmName `json:"arm"`
	// Facts that were taught; Tasks are the functions and components in trained
	// trajectories, Clusters what belongs to them.
	Facts    int `json:"facts"`
	Tasks    int `json:"tasks"`
	Clusters int `json:"clusters"`
	// Newest is the newest commit of its samples; absent where the branch does not
	// tell which one that is.
	Newest string `json:"newest,omitempty"`
}

// Reused says what became of kept results.
type Reused struct {
	Arm v1alpha1.ArmName `json:"arm"`
	// AskedAgain is how many tasks were asked once more to compare.
	AskedAgain int `json:"askedAgain"`
	// Drifted says that the answers were others than before, or solved more or fewer
	// tasks than chance explains (Fisher's exact test, p below .01): the results are
	// all new.
	Drifted bool `json:"drifted,omitempty"`
}

// Training is how the candidate was made.
type Training struct {
	Method v1alpha1.TrainingMethod `json:"method"`
	// Steps of the optimizer, Samples of the data set, Tokens over all passes.
	Steps   int64 `json:"steps"`
	Samples int64 `json:"samples"`
	Tokens  int64 `json:"tokens"`
	// Seconds of the stage Train, on its own machine. A sealed model holds no times,
	// so they are absent until Join brings them.
	Seconds *int64 `json:"seconds,omitempty"`
	// BreakEven of the kinds for which it is known.
	BreakEven []BreakEven `json:"breakEven,omitempty"`
}

// BreakEven is where training has paid for itself in seconds.
type BreakEven struct {
	Kind v1alpha1.KindName `json:"kind"`
	// Solved tasks after which the seconds that the candidate saves against the base
	// model, per solved task, equal those of its training.
	Solved float64 `json:"solved"`
}

// Decision is the verdict of the gate.
type Decision struct {
	// Run is the ExpertRun whose verdict this is.
	Run      string            `json:"run"`
	Decision v1alpha1.Decision `json:"decision"`
	Reason   string            `json:"reason"`
	// Time of the decision, RFC 3339 in UTC.
	Time       string `json:"time"`
	GateDigest string `json:"gateDigest"`
}
