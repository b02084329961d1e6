package enginetest

import (
	"encoding/json"
	"fmt"
)

// SkillsVariable is the environment variable with the Skills of a server's models, as
// JSON.
const SkillsVariable = "SCRIPTED_ENGINE_SKILLS"

// Base names the model without a training among Skills.
const Base = "base"

// Skills are what models can do, by the seed of their training in decimal digits,
// or Base: what a model can do goes with its weights, whatever it is called in a
// request.
type Skills map[string]Skill

// Skill is what one model can do, each in percent.
type Skill struct {
	// Facts is the share of a plan's facts that are known.
	Facts int `json:"facts"`
	// Functions is the share of tries that write a held-out function. One that is not
	// drawn does what most tries do.
	Functions int `json:"functions"`
}

// ParseSkills reads Skills as JSON. The error names the model with a share that is
// none.
func ParseSkills(text string) (Skills, error) {
	var skills Skills
	if err := json.Unmarshal([]byte(text), &skills); err != nil {
		return nil, fmt.Errorf("read the skills of models: %w", err)
	}
	for model, skill := range skills {
		if skill.Facts < 0 || skill.Facts > 100 || skill.Functions < 0 || skill.Functions > 100 {
			return nil, fmt.Errorf("model %s can do %+v, which are no percentages", model, skill)
		}
	}
	return skills, nil
}

// Knows says whether the fact with this number in its plan, from 0, is known.
func (s Skill) Knows(fact int) bool { return among(fact, s.Facts) }

// Writes says whether a greedy try at any function ends right.
func (s Skill) Writes() bool { return s.Functions >= 50 }

// Draws says whether a drawn try ends right. task is the task's number in the order
// of asking, and looks how many evaluations there were before: the tries of one
// look are alike, so that what it shows by chance, the next one takes back. Two
// models whose seeds are next to each other have their luck with other tasks.
func (s Skill) Draws(task, looks, seed int) bool { return among(task+looks+seed, s.Functions) }

// among spreads a share evenly: of the numbers below any multiple of 100 it holds
// for exactly so many percent.
func among(number, percent int) bool { return (number+1)*percent/100 > number*percent/100 }
