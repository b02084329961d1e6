package apply

import (
	"testing"

	"pgregory.net/rapid"
)

type object = map[string]any

func TestHolds(t *testing.T) {
	tests := map[string]struct {
		live, desired any
		want          bool
	}{
		"equal":                       {object{"a": "b"}, object{"a": "b"}, true},
		"others' key":                 {object{"a": "b", "c": "d"}, object{"a": "b"}, true},
		"missing key":                 {object{}, object{"a": "b"}, false},
		"other value":                 {object{"a": "c"}, object{"a": "b"}, false},
		"number":                      {object{"a": int64(1)}, object{"a": int64(1)}, true},
		"empty map that was dropped":  {object{}, object{"a": object{}}, true},
		"empty list that was dropped": {nil, []any{}, true},
		"empty string is a value":     {object{}, object{"a": ""}, false},
		"false is a value":            {object{}, object{"a": false}, false},
		"defaulted item":              {[]any{object{"name": "a", "protocol": "TCP"}}, []any{object{"name": "a"}}, true},
		"others' item before":         {[]any{"x", "a"}, []any{"a"}, true},
		"others' item between":        {[]any{"a", "x", "b"}, []any{"a", "b"}, true},
		"missing item":                {[]any{"a"}, []any{"a", "b"}, false},
		"one item for two":            {[]any{"a"}, []any{"a", "a"}, false},
		"another order":               {[]any{"b", "a"}, []any{"a", "b"}, false},
		"another kind":                {"a", object{"a": "b"}, false},
		"list for a map":              {[]any{}, object{}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := holds(tc.live, tc.desired); got != tc.want {
				t.Fatalf("holds = %t", got)
			}
		})
	}
}

func value(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(rapid.Just[any]("a"), rapid.Just[any]("b"), rapid.Just[any](int64(1)), rapid.Just[any](true))
	if depth == 0 {
		return leaf
	}
	inner := value(depth - 1)
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(inner, 0, 3), func(v []any) any { return v }),
		rapid.Map(rapid.MapOfN(rapid.StringMatching("[a-c]"), inner, 0, 3), func(v map[string]any) any { return v }))
}

// TestHoldsItself: whatever is desired, an object that is exactly that holds
// it, or idle objects would be written for ever.
func TestHoldsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := value(3).Draw(t, "value")
		if !holds(v, v) {
			t.Fatalf("%v does not hold itself", v)
		}
	})
}
