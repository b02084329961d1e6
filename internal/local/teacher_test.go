package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReadTeacher(t *testing.T) {
	const fine = "url: http://127.0.0.1:8000/v1\nmodel: big\nbudget: {tokens: 5000}\n"
	for name, test := range map[string]struct{ content, problem string }{
		"fine":             {fine, ""},
		"a class's own":    {fine + "secretRef: {name: teacher-key}\nrequestTimeout: 5m\n", ""},
		"an unknown field": {fine + "apiKey: sk-canary-4711\n", "want the fields of an ExpertClass's teacher"},
		"no YAML":          {"{", "want the fields"},
		"a timeout":        {fine + "requestTimeout: 2h\n", "teacher.requestTimeout 2h0m0s is not between"},
		"too long":         {strings.Repeat("# comment\n", maxTeacherFile/10+1), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "teacher.yaml")
			put(t, file, test.content)
			got, err := readTeacher(file)
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) || !strings.HasPrefix(err.Error(), "--teacher") {
					t.Fatalf("got %v, want %q", err, test.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Sampling == nil || got.MaxTokensPerTurn != 4096 || got.RequestTimeout.Duration < time.Minute {
				t.Errorf("%+v has not the class's defaults", got)
			}
		})
	}
	if got, err := readTeacher(""); got != nil || err != nil {
		t.Errorf("no file gives %v, %v", got, err)
	}
	if _, err := readTeacher("/nowhere"); err == nil || !strings.Contains(err.Error(), "--teacher") {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestTeacherKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	put(t, file, "from-file\n")
	for name, test := range map[string]struct {
		file, variable, want, problem string
		given                         bool
	}{
		"none":                {},
		"a variable":          {variable: "from-variable", want: "from-variable", given: true},
		"a file":              {file: file, want: "from-file", given: true},
		"the file goes first": {file: file, variable: "from-variable", want: "from-file", given: true},
		"no file":             {file: "/nowhere", problem: "the file /nowhere of --teacher-key-file is not there", given: true},
		"a broken variable":   {variable: "a b", problem: "the variable REPOEXPERT_TEACHER_KEY holds no key", given: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(TeacherKeyVariable, test.variable)
			key, given := teacherKey(test.file)
			got, err := key()
			if got != test.want || given != test.given || (err == nil) != (test.problem == "") || (err != nil && !strings.Contains(err.Error(), test.problem)) {
				t.Errorf("got %q, given %t, %v", got, given, err)
			}
		})
	}
}

// The key is for the proxy alone: commands in the sandbox do not get it.
func TestCommandsGetNoTeacherKey(t *testing.T) {
	t.Setenv(TeacherKeyVariable, "sk-canary-4711")
	if got := strings.Join(environ(nil, os.TempDir()), "\n"); strings.Contains(got, "sk-canary-4711") {
		t.Errorf("commands inherit %s", got)
	}
}
