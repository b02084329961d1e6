package evaluate

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
)

// step is one try: an arm at a task.
type step struct {
	arm           arm
	task, rollout int
	// again says that the result is there and is only compared.
	again bool
}

// steps lists the tries of a kind in their order: one rollout of all tasks after
// the other, task by task, and of each task the arms in an order that is drawn
// anew. What changes while they run, as the machine's load, falls on all arms
// alike. kept says of how many rollouts of a task an arm has the result; where it
// has the first one, again says whether that is tried once more.
func steps(seed string, arms []arm, tasks, rollouts int, kept func(a arm, task int) int, again func(a arm, task int) bool) []step {
	var list []step
	for rollout := range rollouts {
		for task := range tasks {
			for _, at := range drawn(seed, task, rollout).Perm(len(arms)) {
				a := arms[at]
				if missing := rollout >= kept(a, task); missing || rollout == 0 && again(a, task) {
					list = append(list, step{a, task, rollout, !missing})
				}
			}
		}
	}
	return list
}

// drawn is a source of numbers that a seed and a try alone decide.
func drawn(seed string, task, rollout int) *rand.Rand {
	sum := sha256.Sum256([]byte(seed + "\x00" + strconv.Itoa(task) + "\x00" + strconv.Itoa(rollout)))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}
