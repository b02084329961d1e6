package proctree

import "testing"

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("1 (a) b) S 2 3 4 5"))
	f.Add([]byte(") S 1"))
	f.Fuzz(func(_ *testing.T, raw []byte) { parseStat(1, raw) })
}

func TestParseStat(t *testing.T) {
	got, ok := parseStat(7, []byte("7 (evil) S 1 1 1) R 42 43 44 0 -1"))
	if want := (Process{PID: 7, Parent: 42, Session: 44}); !ok || got != want {
		t.Errorf("got %+v %v, want %+v", got, ok, want)
	}
}
