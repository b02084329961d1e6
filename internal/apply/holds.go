package apply

import "k8s.io/apimachinery/pkg/api/equality"

// holds says whether a live value has everything that the desired one states.
// A map may have more keys, a list more items. An empty map or list that the
// API server dropped is no difference.
func holds(live, desired any) bool {
	switch want := desired.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		if !ok {
			return live == nil && len(want) == 0
		}
		for name, value := range want {
			if !holds(have[name], value) {
				return false
			}
		}
		return true
	case []any:
		have, ok := live.([]any)
		if !ok {
			return live == nil && len(want) == 0
		}
		return holdsAll(have, want)
	default:
		return equality.Semantic.DeepEqual(live, desired)
	}
}

// holdsAll finds each desired item among the live ones, in order: others may
// have put theirs in between.
func holdsAll(live, desired []any) bool {
	next := 0
	for _, item := range desired {
		for next < len(live) && !holds(live[next], item) {
			next++
		}
		if next == len(live) {
			return false
		}
		next++
	}
	return true
}
