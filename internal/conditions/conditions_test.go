package conditions_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
)

var start = metav1.NewTime(time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC))

func writer(list *[]metav1.Condition, generation int64) conditions.Writer {
	return conditions.Writer{Conditions: list, Generation: generation, Now: start}
}

// kstatusOf asks the library that kubectl plug-ins, Flux and Argo CD use.
func kstatusOf(t *testing.T, generation, observed int64, list []metav1.Condition) status.Status {
	t.Helper()
	run := &v1alpha1.ExpertRun{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ExpertRun"},
		ObjectMeta: metav1.ObjectMeta{Name: "click-00000000", Generation: generation},
		Status:     v1alpha1.ExpertRunStatus{ObservedGeneration: observed, Conditions: list},
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(run)
	if err != nil {
		t.Fatal(err)
	}
	result, err := status.Compute(&unstructured.Unstructured{Object: content})
	if err != nil {
		t.Fatal(err)
	}
	return result.Status
}

func TestSummarizeSpeaksKstatus(t *testing.T) {
	work := &conditions.Line{Reason: v1alpha1.ReasonStageRunning, Message: "Train runs"}
	stuck := &conditions.Line{Reason: "Data", Message: "too few samples"}
	tests := map[string]struct {
		summary  conditions.Summary
		observed int64
		want     status.Status
		ready    metav1.ConditionStatus
		present  []string
	}{
		"done": {
			summary:  conditions.Summary{Done: conditions.Line{Reason: v1alpha1.ReasonReady}},
			observed: 2, want: status.CurrentStatus, ready: metav1.ConditionTrue, present: []string{"Ready"},
		},
		"done, but an older generation": {
			summary:  conditions.Summary{Done: conditions.Line{Reason: v1alpha1.ReasonReady}},
			observed: 1, want: status.InProgressStatus, ready: metav1.ConditionTrue, present: []string{"Ready"},
		},
		"under way": {
			summary:  conditions.Summary{Reconciling: work},
			observed: 2, want: status.InProgressStatus, ready: metav1.ConditionFalse, present: []string{"Reconciling", "Ready"},
		},
		"under way while the last good one works": {
			summary:  conditions.Summary{Done: conditions.Line{Reason: v1alpha1.ReasonReady}, Reconciling: work, Available: true},
			observed: 2, want: status.InProgressStatus, ready: metav1.ConditionTrue, present: []string{"Reconciling", "Ready"},
		},
		"stalled outranks work": {
			summary:  conditions.Summary{Reconciling: work, Stalled: stuck},
			observed: 2, want: status.FailedStatus, ready: metav1.ConditionFalse, present: []string{"Stalled", "Ready"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var list []metav1.Condition
			w := writer(&list, 2)
			// What an earlier state left must not shine through.
			w.Summarize(conditions.Summary{Stalled: stuck})
			w.Summarize(conditions.Summary{Reconciling: work})
			w.Summarize(test.summary)
			if got := kstatusOf(t, 2, test.observed, list); got != test.want {
				t.Errorf("kstatus = %s, want %s", got, test.want)
			}
			byType := map[string]metav1.Condition{}
			for _, c := range list {
				byType[c.Type] = c
				if c.ObservedGeneration != 2 {
					t.Errorf("condition %s observed generation %d, want 2", c.Type, c.ObservedGeneration)
				}
			}
			if got := byType["Ready"].Status; got != test.ready {
				t.Errorf("Ready = %s, want %s", got, test.ready)
			}
			if len(byType) != len(test.present) {
				t.Errorf("conditions %v, want %v", byType, test.present)
			}
			for _, want := range test.present {
				if _, ok := byType[want]; !ok {
					t.Errorf("condition %s is missing", want)
				}
			}
		})
	}
}

func TestSettingTheSameAgainChangesNothing(t *testing.T) {
	var list []metav1.Condition
	summary := conditions.Summary{Reconciling: &conditions.Line{Reason: v1alpha1.ReasonWaiting, Message: "waits"}}
	w := writer(&list, 1)
	w.Summarize(summary)
	before := append([]metav1.Condition(nil), list...)
	w.Now = metav1.NewTime(start.Add(time.Hour))
	w.Summarize(summary)
	if diff := cmp.Diff(before, list); diff != "" {
		t.Errorf("the same summary an hour later changed conditions (-before +after):\n%s", diff)
	}
}

func TestIs(t *testing.T) {
	var list []metav1.Condition
	writer(&list, 3).Set("Ready", metav1.ConditionTrue, conditions.Line{Reason: "Ready"})
	tests := map[string]struct {
		conditionType string
		generation    int64
		want          bool
	}{
		"this generation":  {"Ready", 3, true},
		"newer generation": {"Ready", 4, false},
		"not there":        {"Stalled", 3, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := conditions.Is(list, test.conditionType, test.generation); got != test.want {
				t.Errorf("Is = %v, want %v", got, test.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"plain":             {"git host said no", "git host said no"},
		"lines and tabs":    {"one\r\n\ttwo\n", "one two"},
		"escape sequences":  {"\x1b[31mred\x1b[0m", "[31mred [0m"},
		"turned text":       {"abc\u202Edef", "abc def"},
		"broken UTF-8":      {"a\xffb", "a?b"},
		"longer than bound": {strings.Repeat("x", 2000), strings.Repeat("x", 1021) + "..."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, conditions.Text(test.in)); diff != "" {
				t.Errorf("Text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBoundedHoldsForAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		limit := rapid.IntRange(4, 200).Draw(t, "limit")
		got := conditions.Bounded(in, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\t\x1b") {
			t.Fatalf("Bounded(%q, %d) = %q", in, limit, got)
		}
		if again := conditions.Bounded(got, limit); again != got {
			t.Fatalf("not idempotent: %q then %q", got, again)
		}
	})
}
