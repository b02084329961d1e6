package report

import (
	"encoding/json"
	"fmt"
)

// Bounds of a report that is read.
const (
	maxSize   = 32 << 20
	maxKinds  = 16
	maxArms   = 8
	maxGroups = 26
	maxLists  = 10000
)

// Encode returns report.json.
func Encode(r Report) ([]byte, error) {
	content, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	return append(content, '\n'), nil
}

// Parse reads a report.json. It refuses another version of the schema, and what
// is larger than any report.
func Parse(content []byte) (Report, error) {
	var version struct {
		Version int `json:"version"`
	}
	if len(content) > maxSize {
		return Report{}, fmt.Errorf("a report of %d bytes, at most %d are read", len(content), maxSize)
	}
	if err := json.Unmarshal(content, &version); err != nil {
		return Report{}, fmt.Errorf("read the report: %w", err)
	}
	if version.Version != Version {
		return Report{}, fmt.Errorf("a report of version %d, this program reads version %d", version.Version, Version)
	}
	var r Report
	if err := json.Unmarshal(content, &r); err != nil {
		return Report{}, fmt.Errorf("read the report: %w", err)
	}
	return r, r.check()
}

// check bounds the lists.
func (r Report) check() error {
	if len(r.Kinds) > maxKinds {
		return fmt.Errorf("a report with %d kinds, at most %d are shown", len(r.Kinds), maxKinds)
	}
	if len(r.Reused) > maxArms {
		return fmt.Errorf("a report with %d reused arms, at most %d are shown", len(r.Reused), maxArms)
	}
	for _, k := range r.Kinds {
		lists := [][]Arm{k.Arms, k.Compositions}
		for _, g := range k.Groups {
			lists = append(lists, g.Arms)
		}
		for _, arms := range lists {
			if len(arms) > maxArms {
				return fmt.Errorf("a report with %d arms, at most %d are shown", len(arms), maxArms)
			}
		}
		if len(k.Groups) > maxGroups || max(len(k.Tasks), len(k.Comparisons)) > maxLists {
			return fmt.Errorf("a report with too many groups, tasks or comparisons of kind %.80q", k.Name)
		}
	}
	return nil
}
