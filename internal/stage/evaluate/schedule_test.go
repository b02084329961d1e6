package evaluate

import (
	"fmt"
	"testing"
)

func TestSteps(t *testing.T) {
	arms := []arm{{name: "base"}, {name: "candidate"}, {name: "served"}}
	none := func(arm, int) int { return 0 }
	list := steps("a", arms, 40, 2, none)
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
	if fmt.Sprint(list) != fmt.Sprint(steps("a", arms, 40, 2, none)) {
		t.Error("the same seed gives another order")
	}
	if fmt.Sprint(list) == fmt.Sprint(steps("b", arms, 40, 2, none)) {
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
	for _, s := range steps("a", arms, 3, 3, kept) {
		if s.rollout < kept(s.arm, s.task) {
			t.Errorf("%+v is asked again", s)
		}
	}
	if got := len(steps("a", arms, 3, 3, kept)); got != 2+1+2+6 {
		t.Errorf("got %d steps", got)
	}
}
