package teacher

import (
	"fmt"
	"math/big"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Tokens are tokens of prompts and of answers.
type Tokens struct {
	Prompt     int64 `json:"prompt"`
	Completion int64 `json:"completion"`
}

func (t Tokens) plus(other Tokens) Tokens {
	return Tokens{Prompt: t.Prompt + other.Prompt, Completion: t.Completion + other.Completion}
}

func (t Tokens) minus(other Tokens) Tokens {
	return Tokens{Prompt: max(0, t.Prompt-other.Prompt), Completion: max(0, t.Completion-other.Completion)}
}

// Budget is what a run may use. The zero value allows everything.
type Budget struct {
	// tokens is the most in all; 0 for no bound.
	tokens int64
	// limit is the most that is spent, nil for no bound; the prices are those of
	// a million tokens.
	limit, promptPrice, completionPrice *big.Rat
}

// NewBudget reads the budget of a class. The error names the field whose
// decimal cannot be read.
func NewBudget(spec v1alpha1.TeacherBudget) (Budget, error) {
	b := Budget{tokens: spec.Tokens}
	if spec.Cost == nil {
		return b, nil
	}
	for _, field := range []struct {
		name  string
		value v1alpha1.Decimal
		into  **big.Rat
	}{
		{"limit", spec.Cost.Limit, &b.limit},
		{"promptPrice", spec.Cost.PromptPrice, &b.promptPrice},
		{"completionPrice", spec.Cost.CompletionPrice, &b.completionPrice},
	} {
		value, ok := new(big.Rat).SetString(string(field.value))
		if !ok || value.Sign() < 0 {
			return Budget{}, fmt.Errorf("teacher.budget.cost.%s %q is no decimal from 0", field.name, field.value)
		}
		*field.into = value
	}
	return b, nil
}

// cost is what tokens cost, nil where the budget has no prices. It is exact.
func (b Budget) cost(t Tokens) *big.Rat {
	if b.limit == nil {
		return nil
	}
	prompt := new(big.Rat).Mul(new(big.Rat).SetInt64(t.Prompt), b.promptPrice)
	completion := new(big.Rat).Mul(new(big.Rat).SetInt64(t.Completion), b.completionPrice)
	sum := prompt.Add(prompt, completion)
	return sum.Quo(sum, new(big.Rat).SetInt64(1_000_000))
}

// allows says whether tokens are within the budget.
func (b Budget) allows(t Tokens) bool {
	if b.tokens > 0 && t.Prompt+t.Completion > b.tokens {
		return false
	}
	cost := b.cost(t)
	return cost == nil || cost.Cmp(b.limit) <= 0
}

// describe says in words how much of the budget tokens are.
func (b Budget) describe(t Tokens) string {
	text := fmt.Sprintf("%d tokens", t.Prompt+t.Completion)
	if b.tokens > 0 {
		text = fmt.Sprintf("%d of %d tokens", t.Prompt+t.Completion, b.tokens)
	}
	if cost := b.cost(t); cost != nil {
		text += fmt.Sprintf(", cost %s of %s", cost.FloatString(2), b.limit.FloatString(2))
	}
	return text
}

// Account is what a run has used of its budget. It is pure: whoever keeps it
// writes it down.
type Account struct {
	// Used is settled.
	Used Tokens `json:"used"`
	// Reserved is the most that the requests under way can use.
	Reserved Tokens `json:"reserved"`
}

// grant is the answer to a request for tokens.
type grant int

const (
	// granted: the tokens are reserved.
	granted grant = iota
	// later: they may fit once a request under way has settled.
	later
	// exhausted: they will never fit.
	exhausted
)

// reserve asks for the most that a request can use.
func (a *Account) reserve(b Budget, most Tokens) grant {
	switch {
	case b.allows(a.Used.plus(a.Reserved).plus(most)):
		a.Reserved = a.Reserved.plus(most)
		return granted
	case b.allows(a.Used.plus(most)):
		return later
	default:
		return exhausted
	}
}

// settle ends a request that had reserved most and used what it used.
func (a *Account) settle(most, used Tokens) {
	a.Reserved = a.Reserved.minus(most)
	a.Used = a.Used.plus(used)
}

// recover counts in full what was under way when its keeper ended.
func (a *Account) recover() {
	a.Used, a.Reserved = a.Used.plus(a.Reserved), Tokens{}
}
