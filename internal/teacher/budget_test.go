package teacher

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestNewBudget(t *testing.T) {
	cost := func(limit, prompt, completion v1alpha1.Decimal) *v1alpha1.TeacherCost {
		return &v1alpha1.TeacherCost{Limit: limit, PromptPrice: prompt, CompletionPrice: completion}
	}
	tests := map[string]struct {
		spec v1alpha1.TeacherBudget
		use  Tokens
		// allowed says whether the use is within the budget.
		allowed bool
		text    string
		problem string
	}{
		"tokens":               {spec: v1alpha1.TeacherBudget{Tokens: 1000}, use: Tokens{600, 400}, allowed: true, text: "1000 of 1000 tokens"},
		"a token too many":     {spec: v1alpha1.TeacherBudget{Tokens: 1000}, use: Tokens{600, 401}, text: "1001 of 1000 tokens"},
		"money to the end":     {spec: v1alpha1.TeacherBudget{Cost: cost("12.5", "1.25", "10")}, use: Tokens{2_000_000, 1_000_000}, allowed: true, text: "3000000 tokens, cost 12.50 of 12.50"},
		"a millionth over":     {spec: v1alpha1.TeacherBudget{Cost: cost("12.5", "1.25", "10")}, use: Tokens{2_000_001, 1_000_000}, text: "3000001 tokens, cost 12.50 of 12.50"},
		"money is the tighter": {spec: v1alpha1.TeacherBudget{Tokens: 1_000_000, Cost: cost("1e-2", "1", "1")}, use: Tokens{10_001, 0}, text: "10001 of 1000000 tokens, cost 0.01 of 0.01"},
		"prices below a cent":  {spec: v1alpha1.TeacherBudget{Cost: cost("0.3", "0.1", "0.2")}, use: Tokens{1_000_000, 1_000_000}, allowed: true, text: "2000000 tokens, cost 0.30 of 0.30"},
		"no decimal":           {spec: v1alpha1.TeacherBudget{Cost: cost("1", "a lot", "1")}, problem: `teacher.budget.cost.promptPrice "a lot" is no decimal`},
		"negative":             {spec: v1alpha1.TeacherBudget{Cost: cost("-1", "1", "1")}, problem: `teacher.budget.cost.limit "-1" is no decimal`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := NewBudget(tc.spec)
			if tc.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tc.problem) {
					t.Fatalf("error %v; want %q", err, tc.problem)
				}
				return
			}
			if err != nil || b.allows(tc.use) != tc.allowed || b.describe(tc.use) != tc.text {
				t.Fatalf("error %v, allowed %t, %q", err, b.allows(tc.use), b.describe(tc.use))
			}
		})
	}
}

// Whatever requests come and go in whatever order, used and reserved together
// stay within the budget, nothing that was used is lost, and a request is turned
// away for good only when what is used leaves no room.
func TestAccountKeepsTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Budget{tokens: rapid.Int64Range(1, 10_000).Draw(t, "budget")}
		var account Account
		var used Tokens
		var under []Tokens
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch {
			case len(under) == 0 || rapid.Bool().Draw(t, "ask"):
				most := Tokens{rapid.Int64Range(1, 2000).Draw(t, "prompt"), rapid.Int64Range(1, 500).Draw(t, "completion")}
				switch account.reserve(b, most) {
				case granted:
					under = append(under, most)
				case later:
					if len(under) == 0 {
						t.Fatal("a request waits for nobody")
					}
				case exhausted:
					if b.allows(used.plus(most)) {
						t.Fatalf("%+v does not fit beside %+v in %d", most, used, b.tokens)
					}
				}
			default:
				i := rapid.IntRange(0, len(under)-1).Draw(t, "which")
				most := under[i]
				spent := Tokens{rapid.Int64Range(0, most.Prompt).Draw(t, "used prompt"), rapid.Int64Range(0, most.Completion).Draw(t, "used completion")}
				account.settle(most, spent)
				used = used.plus(spent)
				under = append(under[:i], under[i+1:]...)
			}
			if account.Used != used || !b.allows(account.Used.plus(account.Reserved)) {
				t.Fatalf("account %+v, used %+v of %d", account, used, b.tokens)
			}
		}
		inFlight := Tokens{}
		for _, most := range under {
			inFlight = inFlight.plus(most)
		}
		account.recover()
		if account.Used != used.plus(inFlight) || account.Reserved != (Tokens{}) {
			t.Fatalf("after a crash %+v; want %+v and %+v", account, used, inFlight)
		}
	})
}

// The account's file holds what was granted before the request is made and what
// was used once it has ended.
func TestCounterGoesOn(t *testing.T) {
	folder := t.TempDir()
	open := func() *Counter {
		t.Helper()
		c, err := OpenCounter(folder, Budget{tokens: 1000})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := open()
	if err := first.Reserve(t.Context(), Tokens{200, 100}); err != nil {
		t.Fatal(err)
	}
	if err := first.Settle(Tokens{200, 100}, Tokens{150, 50}); err != nil {
		t.Fatal(err)
	}
	if err := first.Reserve(t.Context(), Tokens{300, 100}); err != nil {
		t.Fatal(err)
	}
	if got, want := open().Account(), (Account{Used: Tokens{450, 150}}); got != want {
		t.Fatalf("account %+v; want %+v", got, want)
	}
	if err := open().Reserve(t.Context(), Tokens{300, 101}); !errors.Is(err, ErrBudget) {
		t.Fatalf("error %v", err)
	}
}

// What cannot be written down is not granted, and costs nothing.
func TestCounterWithoutADisk(t *testing.T) {
	folder := t.TempDir()
	c, err := OpenCounter(folder, Budget{tokens: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := c.Reserve(t.Context(), Tokens{10, 10}); err == nil || errors.Is(err, ErrBudget) {
		t.Fatalf("error %v", err)
	}
	if c.Account() != (Account{}) {
		t.Fatalf("account %+v", c.Account())
	}
}

func TestReserveWaitsForTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := OpenCounter(t.TempDir(), Budget{tokens: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Reserve(t.Context(), Tokens{600, 0}); err != nil {
			t.Fatal(err)
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Reserve(ctx, Tokens{600, 0}) }()
		synctest.Wait()
		cancel(gone)
		if err := <-ended; !errors.Is(err, gone) {
			t.Fatalf("error %v", err)
		}
	})
}

func TestForeignAccounts(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "no JSON": "{", "negative": `{"used":{"prompt":-1}}`, "absurd": `{"used":{"prompt":9223372036854775807}}`,
		"too long": `{"used":{}}` + strings.Repeat(" ", maxAccountFile),
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, accountFile), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenCounter(folder, Budget{}); err == nil || !strings.Contains(err.Error(), "to count from zero") {
				t.Fatalf("error %v", err)
			}
		})
	}
}

func FuzzParseAccount(f *testing.F) {
	f.Add([]byte(`{"used":{"prompt":1,"completion":2},"reserved":{"prompt":3,"completion":4}}`))
	f.Add([]byte(`{"used":{"prompt":-1}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		account, err := parseAccount(content)
		if err != nil {
			return
		}
		account.recover()
		if account.Used.Prompt < 0 || account.Used.Completion < 0 || account.Used.Prompt > 2*maxCounted {
			t.Fatalf("account %+v", account)
		}
	})
}
