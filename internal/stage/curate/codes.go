package curate

// Why a line of a shard is no sample that can be used. Whatever a shard holds was
// possibly written by someone else, so a bad line costs itself and no other.
const (
	refusedLine       = "unreadableLine"
	refusedLength     = "lineTooLong"
	refusedUTF8       = "notUTF8"
	refusedMessages   = "malformedMessages"
	refusedTurns      = "tooManyMessages"
	refusedSize       = "messageTooLarge"
	refusedMeta       = "malformedMeta"
	refusedUnit       = "unknownUnit"
	refusedHash       = "wrongContentHash"
	refusedCommit     = "otherCommit"
	refusedProvenance = "unknownProvenance"
	refusedTask       = "unplannedTask"
	refusedHeldOut    = "heldOutTask"
	refusedQuestion   = "forgedQuestion"
)

// Why a sound sample is not in the data set, in the order in which it is asked.
const (
	dropDuplicate     = "duplicate"
	dropHidden        = "hiddenUnicode"
	dropControl       = "controlTokens"
	dropPlanted       = "plantedInstruction"
	dropSwayed        = "shownInstruction"
	dropReaches       = "reachesOutside"
	dropWeakens       = "weakensSecurity"
	dropSecret        = "secret"
	dropLeak          = "sharesHeldOutCode"
	dropLeakedName    = "namesHeldOutCode"
	dropTooLong       = "tooLong"
	dropNearDuplicate = "nearDuplicate"
	dropContained     = "contained"
	dropNotCausal     = "notCausal"
	dropSkeleton      = "commonSkeleton"
	dropPhrase        = "commonPhrase"
	dropRecovery      = "recoverySurplus"
	dropClusterCap    = "overClusterCap"
	dropFileCap       = "overFileCap"
	dropCommitCap     = "overCommitCap"
	dropOverCap       = "overCap"
	dropUnfilledBatch = "unfilledBatch"
)

// unattributedRejection counts rejections that name no unit of the recipe.
const unattributedRejection = "rejection"

// meanings say in the card what a code stands for.
var meanings = map[string]string{
	refusedLine:       "a line that is no JSON object of a sample, or is cut short",
	refusedLength:     "a line that is longer than the limit",
	refusedUTF8:       "text that is not UTF-8",
	refusedMessages:   "turns out of order or empty, or none that is learned",
	refusedTurns:      "more messages than the protocol allows",
	refusedSize:       "a message that is longer than the limit",
	refusedMeta:       "meta data that are missing or out of bounds",
	refusedUnit:       "a unit that the recipe does not list",
	refusedHash:       "a content hash that is not that of the messages",
	refusedCommit:     "made at another commit",
	refusedProvenance: "a source that the recipe does not have",
	refusedTask:       "a task that is not in the plan, or not in its cluster",
	refusedHeldOut:    "a task or cluster that is held out for evaluation",
	refusedQuestion:   "a question or answer that is not what the plan computes",
	dropDuplicate:     "the same messages as another sample",
	dropHidden:        "the assistant writes characters that nobody sees, or letters that look like others",
	dropControl:       "the assistant writes marks of a chat format",
	dropPlanted:       "the assistant writes instructions for a model",
	dropSwayed:        "a teacher was shown text for models, and may have followed it",
	dropReaches:       "the assistant's command uses the network, or reads credentials",
	dropWeakens:       "the assistant's code switches a protection off, executes input, or has weak cryptography",
	dropSecret:        "a credential in what is said or shown",
	dropLeak:          "the assistant writes held-out code that is nowhere else in the tree",
	dropLeakedName:    "the assistant writes a name that only held-out code has",
	dropTooLong:       "more tokens than the recipe trains on",
	dropNearDuplicate: "nearly what another sample of the unit says",
	dropContained:     "nearly all of it is in another sample of the unit",
	dropNotCausal:     "an edit uses names that nothing had shown",
	dropSkeleton:      "too many scripts run the same programs in the same order",
	dropPhrase:        "too many scripts think in the same words",
	dropRecovery:      "more failing first attempts than the mix has room for",
	dropClusterCap:    "too many samples of one cluster of code",
	dropFileCap:       "too many samples of one file",
	dropCommitCap:     "too many samples of one commit of the history",
	dropOverCap:       "more samples than the recipe asks for",
	dropUnfilledBatch: "would share a padded batch with questions",
}
