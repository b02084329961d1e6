package v1alpha1

// Condition types. Ready, Reconciling and Stalled follow kstatus: Reconciling
// and Stalled are present only while true, and Ready is derived from the rest.
const (
	// ConditionReady on a RepoExpert: a promoted model answers behind the
	// endpoint. On an ExpertRun: the run ended with a verdict. On an ExpertClass:
	// experts can use it.
	ConditionReady = "Ready"

	// ConditionReconciling: work towards the wanted state is under way; the
	// message says which and what it waits for.
	ConditionReconciling = "Reconciling"

	// ConditionStalled: nothing will happen until a person acts; the message
	// names the field or object, its value and the remedy.
	ConditionStalled = "Stalled"

	// ConditionSourceReady on a RepoExpert: the repository answered and the
	// reference resolves to a commit.
	ConditionSourceReady = "SourceReady"

	// ConditionServing on a RepoExpert: the endpoint has ready replicas.
	ConditionServing = "Serving"

	// ConditionUpToDate on a RepoExpert: the served commit is the latest one.
	ConditionUpToDate = "UpToDate"

	// ConditionNetworkIsolated on a RepoExpert: False says that the class allows
	// repository code to run where the network is not cut off.
	ConditionNetworkIsolated = "NetworkIsolated"

	// ConditionGatePowered on an ExpertRun, and on its RepoExpert: False says that
	// the hold-out is so small that an equally good model would pass the gate in
	// less than half of the cases; the message says what would help.
	ConditionGatePowered = "GatePowered"
)

// Reasons of conditions on RepoExpert and ExpertClass.
const (
	// ReasonReady: all is as wanted.
	ReasonReady = "Ready"
	// ReasonSuspended: spec.suspend stops new runs; serving goes on.
	ReasonSuspended = "Suspended"
	// ReasonClassNotFound: no ExpertClass has the name, or no class is the default.
	ReasonClassNotFound = "ClassNotFound"
	// ReasonMultipleDefaultClasses: two or more classes carry the default annotation.
	ReasonMultipleDefaultClasses = "MultipleDefaultClasses"
	// ReasonInvalidClass: the class contradicts itself or breaks a rule that the
	// schema cannot state.
	ReasonInvalidClass = "InvalidClass"
	// ReasonOverrideNotAllowed: the expert overrides what its class does not open.
	ReasonOverrideNotAllowed = "OverrideNotAllowed"
	// ReasonRepositoryUnreachable: the git host did not answer.
	ReasonRepositoryUnreachable = "RepositoryUnreachable"
	// ReasonAuthenticationFailed: the git host refused the credentials, or wants some.
	ReasonAuthenticationFailed = "AuthenticationFailed"
	// ReasonSecretNotUsable: the Secret is missing, lacks the label or the host
	// annotation, or has no usable keys.
	ReasonSecretNotUsable = "SecretNotUsable"
	// ReasonRefNotFound: the branch, tag or commit does not exist.
	ReasonRefNotFound = "RefNotFound"
	// ReasonRepositoryEmpty: the repository has no commit.
	ReasonRepositoryEmpty = "RepositoryEmpty"
	// ReasonSourceResolved: the reference resolves to a commit.
	ReasonSourceResolved = "SourceResolved"
	// ReasonRunActive: a run is under way.
	ReasonRunActive = "RunActive"
	// ReasonRunFailed: the newest run ended without a verdict.
	ReasonRunFailed = "RunFailed"
	// ReasonRejected: the newest run's model did not pass the gate.
	ReasonRejected = "Rejected"
	// ReasonAwaitingPromotion: a model passed the gate and waits for a person
	// (promotion: Manual, or a pin to another run).
	ReasonAwaitingPromotion = "AwaitingPromotion"
	// ReasonRolling: the Deployment is moving to the promoted model.
	ReasonRolling = "Rolling"
	// ReasonRollFailed: the roll missed its deadline and was returned to the last good run.
	ReasonRollFailed = "RollFailed"
	// ReasonNotServing: nothing has been promoted yet.
	ReasonNotServing = "NotServing"
	// ReasonPinnedRunNotFound: spec.serving.pinnedRunName names no servable run.
	ReasonPinnedRunNotFound = "PinnedRunNotFound"
	// ReasonBehind: the served commit is older than the latest one.
	ReasonBehind = "Behind"
	// ReasonNameConflict: an object with a name that we need belongs to someone else.
	ReasonNameConflict = "NameConflict"
	// ReasonIsolationNotEnforced: the class says networkIsolation: NotEnforced.
	ReasonIsolationNotEnforced = "NotEnforced"
	// ReasonIsolationEnforced: repository code runs only where the network is cut off.
	ReasonIsolationEnforced = "Enforced"
)

// Reasons of conditions on ExpertRun. A failed stage gives its failure class
// as the reason (see FailureClass).
const (
	// ReasonStageRunning: a stage is under way.
	ReasonStageRunning = "StageRunning"
	// ReasonWaiting: the next stage cannot start yet; the message says why.
	ReasonWaiting = "Waiting"
	// ReasonUnderpowered: the hold-out is too small for the gate.
	ReasonUnderpowered = "Underpowered"
	// ReasonPowered: the hold-out is large enough for the gate.
	ReasonPowered = "Powered"
	// ReasonPromotable: the gate accepts the model.
	ReasonPromotable = "Promotable"
	// ReasonCancelled: a newer commit, a suspension or a deletion ended the run.
	ReasonCancelled = "Cancelled"
)
