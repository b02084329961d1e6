package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/repoexpert/operator/internal/task"
)

// salt keeps the split apart from other uses of the same hash. Changing it
// splits new clusters another way; recorded ones keep their side.
const salt = "repoexpert/split/1"

// Member is one function of a cluster.
type Member struct {
	// ID is path and qualified name.
	ID string
	// Body identifies the text of its body; empty for a body too short to be
	// told apart from others.
	Body string
}

// Cluster is a set of functions on one side. ID is the smallest of its members'
// ids.
type Cluster struct {
	ID      string
	Members []Member
}

// Entry is one line of the ledger: the side of one function.
type Entry struct {
	Member string    `json:"member"`
	Body   string    `json:"body,omitempty"`
	Side   task.Side `json:"side"`
	// Cluster and Commit say when and in what company it was decided.
	Cluster string `json:"cluster"`
	Commit  string `json:"commit"`
}

// Split is the state that a ledger's lines give.
type Split struct {
	sides map[string]task.Side
	// bodies maps a body to the side of the functions that ever had it, history
	// a function to all bodies that it ever had.
	bodies  map[string]task.Side
	history map[string][]string
	// recorded are the lines, without the circumstances.
	recorded map[Entry]bool
}

// NewSplit folds entries, in any order.
func NewSplit(entries []Entry) *Split {
	s := &Split{sides: map[string]task.Side{}, bodies: map[string]task.Side{}, history: map[string][]string{}, recorded: map[Entry]bool{}}
	for _, entry := range entries {
		s.sides[entry.Member] = stricter(s.sides[entry.Member], entry.Side)
		s.recorded[bare(entry)] = true
	}
	for _, entry := range entries {
		if entry.Body != "" {
			s.bodies[entry.Body] = stricter(s.bodies[entry.Body], s.sides[entry.Member])
			s.history[entry.Member] = append(s.history[entry.Member], entry.Body)
		}
	}
	return s
}

func bare(entry Entry) Entry {
	return Entry{Member: entry.Member, Body: entry.Body, Side: entry.Side}
}

// stricter is the side that keeps more from training.
func stricter(a, b task.Side) task.Side {
	switch {
	case a == task.SideEvaluation || b == task.SideEvaluation:
		return task.SideEvaluation
	case a == task.SideTrain || b == task.SideTrain:
		return task.SideTrain
	default:
		return ""
	}
}

// Side returns the recorded side of a function, "" for an unknown one.
func (s *Split) Side(member string) task.Side { return s.sides[member] }

// Len is the number of recorded functions.
func (s *Split) Len() int { return len(s.sides) }

// Decide returns the side of each cluster by its id, and the entries that must
// be recorded before anything is made from them. It does not change s. The same
// clusters decided again after recording give the same sides and no entries.
func (s *Split) Decide(clusters []Cluster, holdoutPercent int32, commit string) (map[string]task.Side, []Entry) {
	sides := s.decideAll(clusters, holdoutPercent)
	var entries []Entry
	for _, cluster := range clusters {
		for _, member := range cluster.Members {
			entry := Entry{Member: member.ID, Body: member.Body, Side: sides[cluster.ID]}
			if s.recorded[entry] {
				continue
			}
			entry.Cluster, entry.Commit = cluster.ID, commit
			entries = append(entries, entry)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Member, b.Member) })
	return sides, entries
}

// decideAll decides until nothing changes: a cluster that becomes held out may
// hold, or have held, a body that another cluster has too.
func (s *Split) decideAll(clusters []Cluster, holdoutPercent int32) map[string]task.Side {
	sides := make(map[string]task.Side, len(clusters))
	held := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for _, cluster := range clusters {
			if sides[cluster.ID] == task.SideEvaluation {
				continue
			}
			sides[cluster.ID] = s.decide(cluster, held, holdoutPercent)
			if sides[cluster.ID] == task.SideEvaluation {
				changed = true
				s.hold(held, cluster)
			}
		}
	}
	return sides
}

func (s *Split) hold(held map[string]bool, cluster Cluster) {
	for _, member := range cluster.Members {
		held[member.Body] = member.Body != ""
		for _, body := range s.history[member.ID] {
			held[body] = true
		}
	}
}

func (s *Split) decide(cluster Cluster, held map[string]bool, holdoutPercent int32) task.Side {
	var recorded task.Side
	for _, member := range cluster.Members {
		recorded = stricter(recorded, stricter(s.sides[member.ID], s.bodies[member.Body]))
		if held[member.Body] {
			recorded = task.SideEvaluation
		}
	}
	switch {
	case recorded != "":
		return recorded
	case percentile(cluster.ID) < holdoutPercent:
		return task.SideEvaluation
	default:
		return task.SideTrain
	}
}

// percentile maps a cluster's id to 0..99, uniformly.
func percentile(id string) int32 {
	sum := sha256.Sum256([]byte(salt + "\x00" + id))
	return int32(binary.BigEndian.Uint64(sum[:8]) % 100)
}
