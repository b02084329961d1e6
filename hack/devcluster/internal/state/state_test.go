package state

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	tests := map[string]struct {
		stat    string
		want    uint64
		missing bool
		fails   bool
	}{
		"plain":                      {stat: "42 (sh) S" + rest, want: 4711},
		"spaces and brackets inside": {stat: "42 (a) b (c) S" + rest, want: 4711},
		"zombie":                     {stat: "42 (sh) Z" + rest, missing: true, fails: true},
		"too short":                  {stat: "42 (sh) S 1 2", fails: true},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			got, err := parseStat(tt.stat)
			if got != tt.want || (err != nil) != tt.fails || errors.Is(err, fs.ErrNotExist) != tt.missing {
				t.Errorf("parseStat = %d, %v", got, err)
			}
		})
	}
}

func TestAlive(t *testing.T) {
	ticks, err := StartTicks(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		record Record
		want   bool
	}{
		"this process":             {Record{PID: os.Getpid(), StartTicks: ticks}, true},
		"the number is used again": {Record{PID: os.Getpid(), StartTicks: ticks + 1}, false},
		"no such process":          {Record{PID: 1 << 30}, false},
		"never started":            {Record{}, false},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			got, err := tt.record.Alive()
			if err != nil || got != tt.want {
				t.Errorf("Alive = %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestStore(t *testing.T) {
	s := Store{Root: filepath.Join(t.TempDir(), "devcluster")}
	if _, err := s.Load("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Load of nothing: %v", err)
	}
	want := Record{Name: "a", Index: 3, PID: 7}
	if err := s.Save(want); err != nil {
		t.Fatal(err)
	}
	// A folder whose `up` ended before it wrote a record.
	if err := os.MkdirAll(s.Paths("b").Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	list, err := s.List()
	if err != nil || len(list) != 1 || list[0] != want {
		t.Fatalf("List = %+v, %v", list, err)
	}
	for _, name := range []string{"a", "b", "never there"} {
		if err := s.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(s.Root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty store is still there: %v", err)
	}
}

func TestLockExcludes(t *testing.T) {
	dir := t.TempDir()
	unlock, err := LockFolder(t.Context(), dir, func() { t.Error("waited for nothing") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	waited := false
	if _, err := LockFolder(ctx, dir, func() { waited = true }); !errors.Is(err, context.DeadlineExceeded) || !waited {
		t.Errorf("second lock: %v, waited %v", err, waited)
	}
	unlock()
	if unlock, err = LockFolder(t.Context(), dir, func() {}); err != nil {
		t.Fatal(err)
	}
	unlock()
}
