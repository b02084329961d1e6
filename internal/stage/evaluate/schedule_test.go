package evaluate

import (
	"fmt"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestSteps(t *testing.T) {
	arms := []arm{{name: "base"}, {name: "candidate"}, {name: "served"}}
	none := func(arm, int) int { return 0 }
	never := func(arm, int) bool { return false }
	list := steps("a", arms, 40, 2, none, never)
	if len(list) != 3*40*2 {
		t.Fatalf("got %d steps", len(list))
	}
	orders, seen := map[string]int{}, map[string]bool{}
	for n := 0; n < len(list); n += len(arms) {
		order := ""
		for _, s := range list[n : n+len(arms)] {
			if s.task != n/len(arms)%40 || s.rollout != n/len(arms)/40 {
				t.Fatalf("step %d is %+v: the arms do not take turns", n, s)
			}
			order += string(s.arm.name) + " "
			seen[fmt.Sprint(s.arm.name, s.task, s.rollout)] = true
		}
		orders[order]++
	}
	if len(seen) != len(list) {
		t.Errorf("%d tries are made in %d steps", len(seen), len(list))
	}
	// Six orders, each expected 80/6 times.
	for order, n := range orders {
		if len(orders) != 6 || n < 3 || n > 30 {
			t.Errorf("the order %s comes %d times of 80", order, n)
		}
	}
	if fmt.Sprint(list) != fmt.Sprint(steps("a", arms, 40, 2, none, never)) {
		t.Error("the same seed gives another order")
	}
	if fmt.Sprint(list) == fmt.Sprint(steps("b", arms, 40, 2, none, never)) {
		t.Error("another seed gives the same order")
	}
}

func TestStepsLeaveOutWhatIsKept(t *testing.T) {
	arms := []arm{{name: "base"}, {name: "candidate"}}
	kept := func(a arm, task int) int {
		if a.name == "base" && task == 1 {
			return 2
		}
		return 1
	}
	never := func(arm, int) bool { return false }
	for _, s := range steps("a", arms, 3, 3, kept, never) {
		if s.rollout < kept(s.arm, s.task) || s.again {
			t.Errorf("%+v is asked again", s)
		}
	}
	if got := len(steps("a", arms, 3, 3, kept, never)); got != 2+1+2+6 {
		t.Errorf("got %d steps", got)
	}
}

func TestStepsOfTheSentinel(t *testing.T) {
	kept := func(a arm, _ int) int { return map[v1alpha1.ArmName]int{"base": 2}[a.name] }
	again := func(a arm, task int) bool { return a.name == "base" && task == 1 }
	var got []string
	for _, s := range steps("a", []arm{{name: "base"}}, 3, 2, kept, again) {
		got = append(got, fmt.Sprint(s.task, s.rollout, s.again))
	}
	if fmt.Sprint(got) != "[1 0 true]" {
		t.Errorf("got %v", got)
	}
}
